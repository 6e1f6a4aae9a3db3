//! Reads UserData from JSON: a key given twice is an error that carries the pointer to it.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use super::{Document, Given, escape_pointer, from_pairs};

/// Marks an error message that carries a JSON pointer, relative to the UserData, in front of the sentence.
pub const POINTER_MARK: char = '\u{1}';

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let trail = RefCell::new(Vec::new());
        let value = Strict(&trail).deserialize(deserializer).map_err(|error| {
            if trail.borrow().is_empty() {
                return error;
            }
            let pointer: String = trail
                .borrow()
                .iter()
                .rev()
                .map(|step| format!("/{}", escape_pointer(step)))
                .collect();
            de::Error::custom(format!(
                "{POINTER_MARK}{pointer}{POINTER_MARK}is given twice"
            ))
        })?;
        match value {
            Value::Object(document) => Ok(document.into()),
            Value::Array(pairs) => from_pairs(pairs).map_err(de::Error::custom),
            Value::Null => Ok(Self::default()),
            _ => Err(de::Error::custom(
                "is neither an object nor a list of {key, type, value}",
            )),
        }
    }
}

/// Reads a document that was written before.
///
/// Never by way of `serde_json::Value`: an object whose first key is `$serde_json::private::RawValue` would be taken for something else than an
/// object with that key.
///
/// # Errors
/// When the text is no JSON object.
pub fn read(text: &str) -> Result<Document, serde_json::Error> {
    let trail = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict(&trail).deserialize(&mut deserializer)?;
    deserializer.end()?;
    match value {
        Value::Object(document) => Ok(document),
        _ => Err(de::Error::custom("is no object")),
    }
}

/// Reads any JSON value and refuses an object that names a key twice; leaves behind the trail to it.
struct Strict<'t>(&'t RefCell<Vec<String>>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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
        loop {
            match list.next_element_seed(Strict(self.0)) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Value::Array(values)),
                Err(error) => {
                    if !self.0.borrow().is_empty() {
                        self.0.borrow_mut().push(values.len().to_string());
                    }
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut document = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            if document.contains_key(&key) {
                self.0.borrow_mut().push(key);
                return Err(de::Error::custom("a key is given twice"));
            }
            match object.next_value_seed(Strict(self.0)) {
                Ok(value) => {
                    document.insert(key, value);
                }
                Err(error) => {
                    if !self.0.borrow().is_empty() {
                        self.0.borrow_mut().push(key);
                    }
                    return Err(error);
                }
            }
        }
        Ok(Value::Object(document))
    }
}
