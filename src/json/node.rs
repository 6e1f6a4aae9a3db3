//! JSON as a tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor,
};
use serde_json::Number;
use sha2::{Digest, Sha256};

use super::reader::Wrong;
use crate::domain::Refusal;

/// The maximum number of values in one text, so that a small text cannot become a large tree.
pub(super) const MOST_VALUES: usize = 1_000_000;

/// A JSON value. Strings without escapes are borrowed. An object keeps its members in order,
/// including repeated ones.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'t> {
    /// null
    Null,
    /// true or false
    Boolean(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(Cow<'t, str>),
    /// A list.
    List(Vec<Node<'t>>),
    /// An object.
    Object(Vec<(Cow<'t, str>, Node<'t>)>),
}

/// Why a text cannot become a tree.
pub(super) enum Unreadable {
    /// It has too many values.
    TooMany,
    /// It is not JSON.
    Json(serde_json::Error),
}

impl<'t> Node<'t> {
    pub(super) fn parse(text: &'t [u8]) -> Result<Self, Unreadable> {
        let left = Cell::new(MOST_VALUES);
        let mut source = serde_json::Deserializer::from_slice(text);
        let parsed = Seed(&left).deserialize(&mut source);
        match parsed.and_then(|node| source.end().map(|()| node)) {
            Ok(node) => Ok(node),
            // any JSON fits, so the cause is the count
            Err(error) if error.is_data() => Err(Unreadable::TooMany),
            Err(error) => Err(Unreadable::Json(error)),
        }
    }

    /// Reads a value from the tree.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] where it does not fit.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Refusal> {
        Ok(T::deserialize(self)?)
    }

    /// Whether it is an object with a member of this name that is not null.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Object(members) => members
                .iter()
                .any(|(other, value)| other == name && *value != Self::Null),
            _ => false,
        }
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// An error that says the value is not of the expected type.
    pub(super) fn mismatch(&self, wanted: &str) -> Wrong {
        let is = match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        };
        Wrong::mismatch(is, wanted)
    }

    /// Adds the content to a hash: members in order of name, strings with their lengths.
    pub(super) fn hash(&self, hash: &mut Sha256) {
        match self {
            Self::Null => hash.update(b"n"),
            Self::Boolean(value) => hash.update(if *value { b"t" } else { b"f" }),
            Self::Number(number) => hash.update(format!("#{number};")),
            Self::Text(text) => hash_text(hash, text),
            Self::List(list) => {
                hash.update(format!("[{}:", list.len()));
                for node in list {
                    node.hash(hash);
                }
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
                hash.update(format!("{{{}:", sorted.len()));
                for (name, node) in sorted {
                    hash_text(hash, name);
                    node.hash(hash);
                }
            }
        }
    }
}

fn hash_text(hash: &mut Sha256, text: &str) {
    hash.update(format!("\"{}:", text.len()));
    hash.update(text);
}

/// Builds a node, and counts down the values that are still allowed.
struct Seed<'c>(&'c Cell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        let Some(left) = self.0.get().checked_sub(1) else {
            return Err(D::Error::custom("too many values"));
        };
        self.0.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Number::from_f64(value).map_or(Node::Null, Node::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node<'de>, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element_seed(Seed(self.0))? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = object.next_key_seed(Name)? {
            members.push((name, object.next_value_seed(Seed(self.0))?));
        }
        Ok(Node::Object(members))
    }
}

/// Reads the name of a member, borrowed if it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
