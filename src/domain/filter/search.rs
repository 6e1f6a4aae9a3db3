//! A search: a filter, an order and a page.

use super::field::{Attribute, Field, Searched};
use super::{Filter, Operand, Test};
use crate::domain::Refusal;
use crate::domain::contact::ContactRules;

/// A sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The attribute to sort by; missing values come last.
    pub by: &'static Attribute,
    /// Largest first.
    pub descending: bool,
}

/// The start of a page: the sort keys' values of the last item before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Position(pub Vec<Option<Operand>>);

/// A query for interactions.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The tenant searched.
    pub tenant: i64,
    /// Only interactions of this contact and its merged identities. The search is refused if the
    /// contact does not exist.
    pub contact: Option<String>,
    /// The condition.
    pub filter: Filter,
    /// At least one key. The last one is always `id`.
    pub sort: Vec<SortKey>,
    /// The largest number of items of the page.
    pub limit: usize,
    /// Where to continue.
    pub after: Option<Position>,
    /// Whether to count all matches of the filter.
    pub count: bool,
    /// Whether the long texts are requested.
    pub long_texts: bool,
}

impl Filter {
    /// A condition that an attribute equals one of these texts. The attribute must exist.
    pub fn any_of(attribute: &str, values: Vec<String>) -> Self {
        let field = Field::parse(attribute).expect("the callers name attributes that exist");
        Self::Leaf(
            field,
            Test::In(values.into_iter().map(Operand::Text).collect()),
        )
    }
}

impl Filter {
    /// Whether it uses an attribute of the contact.
    pub fn asks_for_contact(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::asks_for_contact),
            Self::Not(inner) => inner.asks_for_contact(),
            Self::Leaf(field, _) => matches!(field, Field::Contact(_)),
            Self::Words(_) => false,
        }
    }

    fn folded(&self, rules: &ContactRules) -> Self {
        let all = |parts: &[Self]| parts.iter().map(|part| part.folded(rules)).collect();
        match self {
            Self::And(parts) => Self::And(all(parts)),
            Self::Or(parts) => Self::Or(all(parts)),
            Self::Not(inner) => Self::Not(Box::new(inner.folded(rules))),
            Self::Leaf(Field::Contact(name), Test::In(values)) if rules.folds(name) => {
                let folded = values.iter().filter_map(|value| match value {
                    Operand::Text(text) => rules.fold(name, text),
                    _ => None,
                });
                Self::Leaf(Field::Contact(name.clone()), Test::Folded(folded.collect()))
            }
            other => other.clone(),
        }
    }
}

impl Search {
    /// The first matches of a filter, oldest first, without long texts.
    pub fn oldest_first(tenant: i64, filter: Filter, limit: usize) -> Self {
        Self {
            tenant,
            contact: None,
            filter,
            sort: parse_sort("", ["startDate"]).expect("startDate can be sorted by"),
            limit,
            after: None,
            count: false,
            long_texts: false,
        }
    }

    /// The same, with values of identifying contact attributes compared as in identification.
    #[must_use]
    pub fn folded(&self, rules: &ContactRules) -> Self {
        Self {
            filter: self.filter.folded(rules),
            ..self.clone()
        }
    }

    /// The same, limited to interactions of any of these contacts.
    #[must_use]
    pub fn of_any(&self, contacts: Vec<String>) -> Self {
        let filter = Filter::And(vec![
            Filter::any_of("contactId", contacts),
            self.filter.clone(),
        ]);
        Self {
            contact: None,
            filter,
            ..self.clone()
        }
    }
}

/// Reads the order of a list of interactions, such as `-startDate`, `id`. Adds `id` at the end if
/// it is missing.
///
/// # Errors
/// [`Refusal::Invalid`] naming a key that is not sortable.
pub fn parse_sort<'a>(
    pointer: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<SortKey>, Refusal> {
    parse_sort_in(Searched::Interactions, pointer, keys)
}

/// The same for the searched items.
///
/// # Errors
/// As [`parse_sort`].
pub fn parse_sort_in<'a>(
    searched: Searched,
    pointer: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<SortKey>, Refusal> {
    let mut sort: Vec<SortKey> = Vec::new();
    for key in keys.into_iter().filter(|key| !key.is_empty()) {
        let (name, descending) = key
            .strip_prefix('-')
            .map_or((key, false), |name| (name, true));
        let by = searched
            .attribute(name)
            .filter(|attribute| attribute.sortable)
            .ok_or_else(|| {
                let known: Vec<&str> = searched
                    .attributes()
                    .iter()
                    .filter(|a| a.sortable)
                    .map(|a| a.name)
                    .collect();
                Refusal::invalid(
                    pointer,
                    format!(
                        "names {name:?}, which cannot be sorted by; sortable are {}",
                        known.join(", ")
                    ),
                )
            })?;
        if sort.iter().all(|earlier| earlier.by.name != by.name) {
            sort.push(SortKey { by, descending });
        }
    }
    if sort.is_empty() {
        let by = searched.attribute(searched.default_order());
        let by = by.expect("a default order is an attribute");
        sort.push(SortKey {
            by,
            descending: true,
        });
    }
    if sort.iter().all(|key| key.by.name != "id") {
        let by = searched.attribute("id").expect("id is an attribute");
        let descending = sort.last().is_some_and(|key| key.descending);
        sort.push(SortKey { by, descending });
    }
    let id = sort.iter().position(|key| key.by.name == "id").unwrap_or(0);
    sort.truncate(id + 1);
    Ok(sort)
}
