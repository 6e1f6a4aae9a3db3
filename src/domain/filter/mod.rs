//! Queries for interactions: filters, order, pages. They are immutable values that the store
//! translates once.

mod days;
mod declared;
mod field;
mod parse;
mod search;

pub use declared::IndexedAttribute;
pub use field::{ATTRIBUTES, Attribute, AttributeType, Field, Searched, attribute_named};
pub use parse::{
    DEEPEST, LONGEST_WORDS, MOST_PARTS, Size, loose_operands, parse_filter, parse_filter_in,
    parse_test, parse_words,
};
pub use search::{Position, Search, SortKey, parse_sort, parse_sort_in};

use super::Moment;
use super::words::WordQuery;

/// Steps into UserData; SQLite joins no more than 64 tables.
pub const MOST_STEPS: usize = 63;

/// A value to compare with, of the type that the field requires.
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
    /// Null in UserData.
    Null,
}

/// An ordering comparison.
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
    /// Equals one of these. A list in UserData matches if one of its elements does.
    In(Vec<Operand>),
    /// Compares with this value in the given order. A value of another type does not match.
    Compare(Order, Operand),
    /// Contains this text, character by character. A list in UserData contains an equal element.
    Contains(Operand),
    /// Begins with this text.
    Prefix(String),
    /// Equals one of these in folded form, as contacts are identified; for attributes of the
    /// contact.
    Folded(Vec<String>),
    /// Exists; a core attribute exists if it is not null.
    Exists(bool),
}

/// A condition. A missing field equals nothing: `Not` and `ne` match it.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All conditions hold; true if there are none.
    And(Vec<Filter>),
    /// At least one condition holds; false if there are none.
    Or(Vec<Filter>),
    /// The condition does not hold.
    Not(Box<Filter>),
    /// A test of a field.
    Leaf(Field, Test),
    /// The words are found.
    Words(WordQuery),
}
