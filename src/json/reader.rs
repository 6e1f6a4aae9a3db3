//! Deserializes values from a tree. A mismatch is an error with its place, in our own words.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::CowStrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::Node;
use crate::domain::Refusal;
use crate::domain::user_data::escape_pointer;

/// The maximum length in characters of a value that an error repeats.
const SHOWN: usize = 64;

/// A mismatch.
#[derive(Debug)]
pub struct Wrong {
    /// The path to the place, the innermost step first.
    steps: Vec<String>,
    /// A sentence without its subject.
    detail: String,
}

impl Wrong {
    fn here(detail: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            detail: detail.into(),
        }
    }

    pub(super) fn mismatch(is: &str, wanted: &str) -> Self {
        Self::here(format!("is {is}, and must be {wanted}"))
    }

    fn under(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }
}

impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Self {
        let steps = wrong.steps.iter().rev();
        let pointer: String = steps
            .map(|step| format!("/{}", escape_pointer(step)))
            .collect();
        Self::invalid(pointer, wrong.detail)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(detail: T) -> Self {
        Self::here(detail.to_string())
    }

    fn invalid_type(is: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let is = match is {
            Unexpected::Unit | Unexpected::Option => "null",
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Str(_) | Unexpected::Char(_) => "a text",
            Unexpected::Seq => "a list",
            Unexpected::Map => "an object",
            _ => "something else",
        };
        // this reader checks the types that serde names; other expectations name their own type
        Self::mismatch(is, &wanted.to_string())
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::here("is a number outside the range that is taken here")
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self::here("has too few elements, or too many")
    }

    fn unknown_variant(given: &str, known: &'static [&'static str]) -> Self {
        let shown: String = given.chars().take(SHOWN).collect();
        Self::here(format!(
            "is {shown:?}, which is none of {}",
            known.join(", ")
        ))
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Self {
        Self::here("is no field here").under(name)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::here("is missing").under(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::here("is given twice").under(name)
    }
}

/// Deserializes a number of one of serde's types.
macro_rules! whole_numbers {
    ($($name:ident)*) => {
        $(
            fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
                match &self {
                    Self::Number(number) if number.is_f64() => {
                        Err(Wrong::here("is not a whole number"))
                    }
                    Self::Number(_) => self.deserialize_any(visitor),
                    _ => Err(self.mismatch("a whole number")),
                }
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Boolean(value) => visitor.visit_bool(value),
            Self::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Self::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Self::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Self::List(nodes) => {
                let mut elements = Elements {
                    nodes: nodes.into_iter(),
                    index: 0,
                };
                let value = visitor.visit_seq(&mut elements)?;
                if elements.nodes.len() > 0 {
                    return Err(Wrong::invalid_length(elements.index, &"fewer"));
                }
                Ok(value)
            }
            Self::Object(members) => visitor.visit_map(Members {
                members: members.into_iter(),
                under_way: None,
            }),
        }
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Self::Boolean(value) => visitor.visit_bool(value),
            _ => Err(self.mismatch("true or false")),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self {
            Self::Number(number) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            _ => Err(self.mismatch("a number")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Self::Text(_) => self.deserialize_any(visitor),
            _ => Err(self.mismatch("a text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Self::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Self::List(_) => self.deserialize_any(visitor),
            _ => Err(self.mismatch("a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self {
            Self::Object(_) => self.deserialize_any(visitor),
            _ => Err(self.mismatch("an object")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self {
            Self::Text(text) => visitor.visit_enum(name_of(text)),
            _ => Err(self.mismatch(&format!("one of {}", variants.join(", ")))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct identifier
    }
}

fn name_of(text: Cow<'_, str>) -> CowStrDeserializer<'_, Wrong> {
    text.into_deserializer()
}

struct Elements<'t> {
    nodes: std::vec::IntoIter<Node<'t>>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some(node) = self.nodes.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(node)
            .map(Some)
            .map_err(|wrong| wrong.under(index.to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len())
    }
}

struct Members<'t> {
    members: std::vec::IntoIter<(Cow<'t, str>, Node<'t>)>,
    under_way: Option<(Cow<'t, str>, Node<'t>)>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        let Some((name, node)) = self.members.next() else {
            return Ok(None);
        };
        self.under_way = Some((name.clone(), node));
        seed.deserialize(name_of(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((name, node)) = self.under_way.take() else {
            return Err(Wrong::here("has a value without a name"));
        };
        seed.deserialize(node).map_err(|wrong| wrong.under(name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.members.len())
    }
}
