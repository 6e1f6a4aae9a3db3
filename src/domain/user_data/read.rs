//! Reads UserData from JSON. A repeated key is an error.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use super::pairs::add;
use super::{Document, Given};

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list of {key, type, value}")
    }

    fn visit_unit<E>(self) -> Result<Given, E> {
        Ok(Given::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Given, A::Error> {
        document(object).map(Given::from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Given, A::Error> {
        let mut given = Given::default();
        while list.next_element_seed(PairSeed(&mut given))?.is_some() {}
        given.repeated.sort_unstable();
        given.repeated.dedup();
        Ok(given)
    }
}

/// Reads one pair of a list into UserData.
struct PairSeed<'g>(&'g mut Given);

impl<'de> DeserializeSeed<'de> for PairSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let pair = Strict.deserialize(deserializer)?;
        add(self.0, pair).map_err(de::Error::custom)
    }
}

/// A stored JSON object without repeated keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Object(pub Document);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Object, A::Error> {
        document(object).map(Object)
    }
}

/// Reads a stored document.
///
/// Never goes through `serde_json::Value`, which would misread an object whose first key is
/// `$serde_json::private::RawValue`.
///
/// # Errors
/// If the text is no JSON object.
pub fn read(text: &str) -> Result<Document, serde_json::Error> {
    serde_json::from_str(text).map(|Object(document)| document)
}

/// Reads any JSON value without repeated keys; for `deserialize_with`.
///
/// # Errors
/// If a key is repeated.
pub fn strict<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Strict.deserialize(deserializer).map(Some)
}

/// Reads any JSON value and refuses objects with repeated keys.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Strict)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Value, A::Error> {
        document(object).map(Value::Object)
    }
}

fn document<'de, A: MapAccess<'de>>(mut object: A) -> Result<Document, A::Error> {
    let mut document = Map::new();
    while let Some(key) = object.next_key::<String>()? {
        if document.contains_key(&key) {
            // fails as the value of the key, so that the error points at the key
            object.next_value_seed(GivenTwice)?;
        }
        document.insert(key, object.next_value_seed(Strict)?);
    }
    Ok(document)
}

/// Refuses a value.
struct GivenTwice;

impl<'de> DeserializeSeed<'de> for GivenTwice {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(de::Error::custom("is given twice"))
    }
}
