//! The columns of the core attributes, and which other tables a filter reads.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::needles::{Needles, needles};
use crate::domain::filter::{ATTRIBUTES, Attribute, Field, Filter, IndexedAttribute, Search, Test};
use crate::store::tables::Column;
use crate::store::tables::interaction::{Interactions, Texts};

/// Calls `visit` for each leaf of a filter.
fn each_leaf<'f>(filter: &'f Filter, visit: &mut impl FnMut(&'f Field, &'f Test)) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            for part in parts {
                each_leaf(part, visit);
            }
        }
        Filter::Not(inner) => each_leaf(inner, visit),
        Filter::Leaf(field, test) => visit(field, test),
        Filter::Words(_) => {}
    }
}

/// Whether a search reads UserData, and so needs the list of indexed keys.
pub fn reads_user_data(filter: &Filter) -> bool {
    let mut reads = false;
    each_leaf(filter, &mut |field, _| {
        reads |= matches!(field, Field::UserData(_));
    });
    reads
}

/// Whether a search may use the index of a declared attribute, and so needs the list of them.
pub fn may_use_declared(search: &Search) -> bool {
    let declarable = |attribute: &Attribute| IndexedAttribute::of_name(attribute.name).is_some();
    let mut may = search.sort.iter().any(|key| declarable(key.by));
    each_leaf(&search.filter, &mut |field, _| {
        may |= matches!(field, Field::Core(attribute) if declarable(attribute));
    });
    may
}

/// The needles of each test of UserData in a filter. If a document lacks some of each test's, it
/// passes none of them.
pub(super) fn all_needles(filter: &Filter) -> BTreeSet<Needles> {
    let mut all = BTreeSet::new();
    each_leaf(filter, &mut |field, test| {
        if let Field::UserData(path) = field {
            all.insert(needles(path, test));
        }
    });
    all
}

/// Whether a filter reads the long texts.
pub(super) fn reads_texts(filter: &Filter) -> bool {
    let mut reads = false;
    each_leaf(filter, &mut |field, _| {
        reads |= matches!(field, Field::Core(attribute) if attribute.long);
    });
    reads
}

/// The qualified columns of the attributes of interactions, by name. The column of an attribute has
/// its name with underscores in place of capitals, but `type`, which is a word of SQL.
static COLUMNS: LazyLock<HashMap<&'static str, String>> = LazyLock::new(|| {
    let column = |attribute: &Attribute| {
        let name = match attribute.name {
            "type" => "kind".to_owned(),
            name => snake(name),
        };
        let qualified = if attribute.long {
            format!("t.{}", Column::<Texts>::of_name(&name).name)
        } else {
            format!("i.{}", Column::<Interactions>::of_name(&name).name)
        };
        (attribute.name, qualified)
    };
    ATTRIBUTES.iter().map(column).collect()
});

/// A name in camel case with underscores in place of capitals.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The column of an attribute.
pub(super) fn column(attribute: &Attribute) -> &'static str {
    COLUMNS.get(attribute.name).map_or("i.id", String::as_str)
}
