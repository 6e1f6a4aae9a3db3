//! Contacts: customers, their attributes, and how a contact is identified.
//!
//! [`ContactRules`] decide which attributes identify a contact, and in which form values are
//! compared (`address`, `phone`, `extension`, `placeholder`, `spelling`). `recognise` applies the
//! ranks in order.

mod address;
mod change;
mod extension;
mod merging;
mod phone;
mod placeholder;
mod placeholders;
mod recognise;
mod rules;
mod spelling;
#[cfg(test)]
mod spelling_tests;
#[cfg(test)]
mod tests;

pub use change::add_values;
pub use placeholders::{ADDRESS_PLACEHOLDERS, PLACEHOLDERS};
pub use recognise::{Candidate, recognise, unknown_values};
pub use rules::{ContactRules, Folded, RANKS, Rank, Settings};

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::limits::{Limits, check_new_id, check_text};
use super::{Fault, Moment, Refusal};

/// Attribute names with their values; the first value of each is the primary one.
pub type Attributes = BTreeMap<String, Vec<String>>;

/// The largest number of values of an attribute.
pub const MOST_VALUES: usize = 100;
/// The largest number of attributes of a contact.
pub const MOST_ATTRIBUTES: usize = 200;
/// The largest number of characters of a value.
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
    /// When it was created.
    pub created_date: Moment,
    /// When it last changed.
    pub modified_date: Moment,
    /// Counts its changes, from 1.
    pub revision: i64,
    /// The known attributes.
    pub attributes: Attributes,
}

/// A value or a list of values, as callers may write them. Null in a list says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// No value: null.
    Nothing,
    /// A single value.
    One(String),
    /// Several values, the primary one first.
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor { most: usize::MAX })
    }
}

/// Reads one value or a list of values; `most` limits the length of the list.
struct OneOrManyVisitor {
    most: usize,
}

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_unit<E>(self) -> Result<OneOrMany, E> {
        Ok(OneOrMany::Nothing)
    }

    fn visit_str<E>(self, value: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany, A::Error> {
        let list = Vec::<Option<String>>::deserialize(SeqAccessDeserializer::new(list))?;
        // nulls count here, so that a schema can state the limit
        if list.len() > self.most {
            let detail = format!("has more than {} values", self.most);
            return Err(de::Error::custom(detail));
        }
        Ok(OneOrMany::Many(list.into_iter().flatten().collect()))
    }
}

/// Attributes as a caller gives them.
pub type GivenAttributes = BTreeMap<String, OneOrMany>;

/// The values of an attribute as a caller gives them.
struct GivenValues(OneOrMany);

impl<'de> Deserialize<'de> for GivenValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = OneOrManyVisitor { most: MOST_VALUES };
        deserializer.deserialize_any(visitor).map(Self)
    }
}

/// Reads attributes. Null is the same as absent. The null of one attribute is kept as
/// [`OneOrMany::Nothing`], so that [`receive`] checks its name.
///
/// # Errors
/// If the input does not map names to texts, or an attribute has too many values.
pub fn maybe_given<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<GivenAttributes>, D::Error> {
    let given = Option::<BTreeMap<String, GivenValues>>::deserialize(deserializer)?;
    let plain = |(name, GivenValues(values))| (name, values);
    Ok(given.map(|given| given.into_iter().map(plain).collect()))
}

/// As [`maybe_given`], with an absent member read as no attributes.
///
/// # Errors
/// As [`maybe_given`].
pub fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GivenAttributes, D::Error> {
    maybe_given(deserializer).map(Option::unwrap_or_default)
}

/// Reads new values of attributes, in which null clears an attribute.
///
/// # Errors
/// As [`maybe_given`].
pub fn changed<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Option<OneOrMany>>, D::Error> {
    let given = BTreeMap::<String, Option<GivenValues>>::deserialize(deserializer)?;
    let plain = |(name, values): (_, Option<GivenValues>)| (name, values.map(|values| values.0));
    Ok(given.into_iter().map(plain).collect())
}

impl OneOrMany {
    /// The values.
    pub fn values(&self) -> &[String] {
        match self {
            Self::Nothing => &[],
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

/// Path segments after `/v1/contacts/` that are no identifiers.
const NO_IDS: [&str; 2] = ["identify", "search"];

/// Checks a caller's own identifier for a new contact.
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

/// Checks and normalises attributes. Nulls, empty lists and repeated values are removed. Empty texts
/// are kept: the caller said them, though they hold nothing.
///
/// # Errors
/// [`Refusal::Invalid`] naming each wrong attribute.
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
