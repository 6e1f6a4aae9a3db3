//! Contacts: the customers, their attributes, and how one is recognised.

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
const NO_IDS: [&str; 1] = ["identify"];

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

/// Checks and unfolds attributes; empty lists and repeated values fall away.
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

/// The ranks by which a contact is recognised, after UCS 8.x ("Contact Identification"): rank by rank, until one is left.
pub const RANKS: [&[&str]; 4] = [
    &["EmailAddress"],
    &["PhoneNumber"],
    &["FirstName", "LastName"],
    &["Title"],
];

/// The form in which a value is compared: no blanks at its ends, lower case; of a phone number the digits and a leading plus.
pub fn folded(name: &str, value: &str) -> String {
    if name == "PhoneNumber" {
        let digits: String = value
            .trim()
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '+')
            .collect();
        if !digits.is_empty() {
            return digits;
        }
    }
    value.trim().to_lowercase()
}

/// From this rank on a value is not one person's own: it opens the list only with contacts of no other address or number than those given.
const SHARED: usize = 2;
/// From this rank on a value says nothing of who is meant, and only narrows.
const NARROWING: usize = 3;

/// Whether a contact shares a value of an attribute; `None` where one of the two has none.
fn shares(given: &Attributes, contact: &Contact, name: &str) -> Option<bool> {
    let (wanted, values) = (given.get(name)?, contact.attributes.get(name)?);
    Some(wanted.iter().any(|wanted| {
        values
            .iter()
            .any(|value| folded(name, value) == folded(name, wanted))
    }))
}

/// Narrows the contacts that share a value with the given attributes down to those meant.
///
/// `known` are candidates, oldest first. Walks down the [`RANKS`]: the first rank that finds someone opens the list, each further
/// rank narrows it until one is left; a value that the request or the contact lacks matches anything. Names open it only with contacts that have no
/// other e-mail address or phone number than those given: two people of one name are two. A title never opens it.
pub fn recognise<'c>(given: &Attributes, known: &[&'c Contact]) -> Vec<&'c Contact> {
    let mut left: Option<Vec<&'c Contact>> = None;
    for (place, rank) in RANKS.iter().enumerate() {
        let opening = left.is_none();
        if !rank.iter().any(|name| given.contains_key(*name)) || (opening && place >= NARROWING) {
            continue;
        }
        let above = if place >= SHARED {
            &RANKS[..SHARED]
        } else {
            &[]
        };
        let found: Vec<&'c Contact> = left
            .as_deref()
            .unwrap_or(known)
            .iter()
            .copied()
            .filter(|contact| {
                let mut shared = rank.iter().map(|name| shares(given, contact, name));
                let mut higher = above.iter().copied().flatten();
                shared.clone().all(|shared| shared != Some(false))
                    && (!opening
                        || (shared.any(|shared| shared == Some(true))
                            && higher.all(|name| shares(given, contact, name) != Some(false))))
            })
            .collect();
        if opening && found.is_empty() {
            continue;
        }
        if found.len() == 1 {
            return found;
        }
        left = Some(found);
    }
    left.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(id: &str, attributes: &[(&str, &str)]) -> Contact {
        let at = Moment::from_micros(0).unwrap();
        let attributes = attributes
            .iter()
            .map(|(n, v)| ((*n).to_owned(), vec![(*v).to_owned()]))
            .collect();
        Contact {
            id: id.into(),
            tenant_id: 1,
            merged_into: None,
            created_date: at,
            modified_date: at,
            revision: 1,
            attributes,
        }
    }

    fn found(given: &[(&str, &str)], known: &[&Contact]) -> Vec<String> {
        let given = given
            .iter()
            .map(|(n, v)| ((*n).to_owned(), vec![(*v).to_owned()]))
            .collect();
        recognise(&given, known)
            .iter()
            .map(|c| c.id.clone())
            .collect()
    }

    #[test]
    fn two_people_with_one_address_are_told_apart_by_the_next_rank() {
        let john = contact(
            "john",
            &[("EmailAddress", "doe@example.test"), ("FirstName", "John")],
        );
        let jane = contact(
            "jane",
            &[("EmailAddress", "Doe@example.test"), ("FirstName", "Jane")],
        );
        let known = [&john, &jane];
        assert_eq!(
            found(&[("EmailAddress", "doe@EXAMPLE.test")], &known),
            ["john", "jane"]
        );
        assert_eq!(
            found(
                &[("EmailAddress", "doe@example.test"), ("FirstName", "jane")],
                &known
            ),
            ["jane"]
        );
        assert_eq!(
            found(
                &[("EmailAddress", "doe@example.test"), ("FirstName", "Ann")],
                &known
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_rank_that_finds_nobody_leaves_the_word_to_the_next() {
        let ann = contact("ann", &[("PhoneNumber", "+39 06 1234")]);
        assert_eq!(
            found(
                &[
                    ("EmailAddress", "new@example.test"),
                    ("PhoneNumber", "+39061234")
                ],
                &[&ann]
            ),
            ["ann"]
        );
        assert_eq!(found(&[("Nickname", "ann")], &[&ann]), Vec::<String>::new());
    }

    #[test]
    fn a_name_alone_makes_nobody_of_two_people_one() {
        let names = [("FirstName", "Ann"), ("LastName", "Rossi"), ("Title", "Dr")];
        let with = |more: &[(&'static str, &'static str)]| [&names[..], more].concat();
        let known = contact("known", &with(&[("EmailAddress", "ann@example.test")]));
        let of = |given: &[(&'static str, &'static str)]| found(&with(given), &[&known]).len();
        assert_eq!(of(&[]), 1);
        assert_eq!(of(&[("PhoneNumber", "1")]), 1, "the contact has no number");
        assert_eq!(of(&[("EmailAddress", "other@example.test")]), 0);
        assert_eq!(found(&[("Title", "Dr")], &[&known]), Vec::<String>::new());
    }
}
