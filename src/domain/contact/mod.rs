//! Contacts: the customers, their attributes, and how one is recognised.
//!
//! [`ContactRules`] decide which attributes identify a contact, and in which form a value is compared (`address`, `phone`,
//! `placeholder`); `recognise` walks down the ranks.

mod address;
mod phone;
mod placeholder;
mod recognise;
mod rules;
#[cfg(test)]
mod tests;

pub use placeholder::PLACEHOLDERS;
pub use recognise::{Candidate, recognise, unknown_values};
pub use rules::{ContactRules, Folded, RANKS, Rank, Settings};

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::limits::{Limits, check_new_id, check_text};
use super::{Fault, Moment, Refusal};

/// Attribute names with their values; the first value of each is the primary one.
pub type Attributes = BTreeMap<String, Vec<String>>;

/// Values that one attribute may have.
pub const MOST_VALUES: usize = 100;
/// Attributes that one contact may have.
pub const MOST_ATTRIBUTES: usize = 200;
/// Characters of a value.
pub const LONGEST_VALUE: usize = 256;

/// A stored contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Its identifier.
    pub id: String,
    /// The tenant it belongs to.
    pub tenant_id: i64,
    /// The contact it was merged into.
    pub merged_into: Option<String>,
    /// When it was made.
    pub created_date: Moment,
    /// When it last changed.
    pub modified_date: Moment,
    /// Counts its changes, from 1.
    pub revision: i64,
    /// What is known about the customer.
    pub attributes: Attributes,
}

/// A value or a list of values, as a caller may write them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// A single value.
    One(String),
    /// Several, the primary one first.
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E>(self, value: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany::Many)
    }
}

/// Attributes as a caller gives them.
pub type GivenAttributes = BTreeMap<String, OneOrMany>;

/// Reads attributes where null is the same as absent, for each of them and for all together.
///
/// # Errors
/// When they are no names with texts.
pub fn maybe_given<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<GivenAttributes>, D::Error> {
    let given = Option::<BTreeMap<String, Option<OneOrMany>>>::deserialize(deserializer)?;
    Ok(given.map(|given| {
        given
            .into_iter()
            .filter_map(|(name, values)| Some((name, values?)))
            .collect()
    }))
}

/// As [`maybe_given`], where none is the same as an empty list.
///
/// # Errors
/// When they are no names with texts.
pub fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GivenAttributes, D::Error> {
    maybe_given(deserializer).map(Option::unwrap_or_default)
}

impl OneOrMany {
    /// The values.
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// Roughly the bytes of memory that attributes take.
pub fn weight<'v>(given: impl IntoIterator<Item = (&'v String, &'v OneOrMany)>) -> usize {
    given
        .into_iter()
        .map(|(name, values)| {
            let texts = values
                .values()
                .iter()
                .map(|value| size_of::<String>() + value.len());
            64 + name.len() + texts.sum::<usize>()
        })
        .sum()
}

/// What follows `/v1/contacts/` in paths that mean no contact.
const NO_IDS: [&str; 2] = ["identify", "search"];

/// Checks the identifier that a caller brings for a new contact.
///
/// # Errors
/// [`Refusal::Invalid`] with every fault.
pub fn check_own_id(id: &str, limits: &Limits) -> Result<(), Refusal> {
    let mut faults = Vec::new();
    check_new_id("/id", id, &NO_IDS, limits, &mut faults);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Invalid(faults))
    }
}

/// Checks attributes and brings them into one shape; empty lists and repeated values fall away. Empty texts are kept:
/// what they say is nothing, but it was said.
///
/// # Errors
/// [`Refusal::Invalid`] naming each attribute that is wrong.
pub fn receive(
    pointer: &str,
    given: &GivenAttributes,
    limits: &Limits,
) -> Result<Attributes, Refusal> {
    let mut faults = Vec::new();
    if given.len() > MOST_ATTRIBUTES {
        faults.push(Fault::at(
            pointer,
            format!("has more than {MOST_ATTRIBUTES} attributes"),
        ));
    }
    let mut attributes = Attributes::new();
    for (name, values) in given.iter().take(MOST_ATTRIBUTES) {
        let at = format!("{pointer}/{}", super::user_data::escape_pointer(name));
        if name.is_empty() {
            faults.push(Fault::at(&at, "is an empty name"));
        }
        check_text(&at, name, limits.id, &mut faults);
        let values = values.values();
        if values.len() > MOST_VALUES {
            faults.push(Fault::at(
                &at,
                format!("has more than {MOST_VALUES} values"),
            ));
            continue;
        }
        let mut kept: Vec<String> = Vec::with_capacity(values.len());
        for value in values {
            check_text(&at, value, LONGEST_VALUE, &mut faults);
            if !kept.contains(value) {
                kept.push(value.clone());
            }
        }
        if !kept.is_empty() {
            attributes.insert(name.clone(), kept);
        }
    }
    if faults.is_empty() {
        Ok(attributes)
    } else {
        Err(Refusal::Invalid(faults))
    }
}
