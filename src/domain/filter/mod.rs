//! Questions about interactions: filters, order, pages. Immutable values; the store translates them once.

mod days;
mod field;
mod parse;
mod search;

pub use field::{ATTRIBUTES, Attribute, AttributeType, Field, Searched, attribute_named};
pub use parse::{
    DEEPEST, MOST_PARTS, Size, loose_operands, parse_filter, parse_filter_in, parse_test,
    parse_words,
};
pub use search::{Position, Search, SortKey, parse_sort, parse_sort_in};

use super::Moment;
use super::words::WordQuery;

/// Steps into UserData; SQLite joins no more than 64 tables.
pub const MOST_STEPS: usize = 63;

/// A value to compare with, typed as the field asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// A time.
    Time(Moment),
    /// UserData's null.
    Null,
}

/// How two values are compared in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
}

/// One test of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Equals one of these; of a list in UserData, one of its elements does.
    In(Vec<Operand>),
    /// Stands so in order to this; a value of another type does not.
    Compare(Order, Operand),
    /// Contains this text, letter by letter; a list in UserData: has this element.
    Contains(Operand),
    /// Begins with this text.
    Prefix(String),
    /// Equals one of these in the form in which contacts are identified; for an attribute of the contact.
    Folded(Vec<String>),
    /// Is there; for a core attribute: is not null.
    Exists(bool),
}

/// A condition. A field that is not there equals nothing: `Not` and `ne` match it.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All hold; none given holds.
    And(Vec<Filter>),
    /// One holds; none given does not.
    Or(Vec<Filter>),
    /// Does not hold.
    Not(Box<Filter>),
    /// A test of a field.
    Leaf(Field, Test),
    /// The words are found.
    Words(WordQuery),
}
