//! YAML with each scalar in two forms: as YAML interprets it, and as it is written.
//!
//! Both are needed: YAML reads `+441234567` as a number, though it is a telephone number, and an
//! unquoted `#FFBA00` as a comment.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;
use serde_saphyr::options::NonFiniteFloatPolicy;

/// A node of a YAML document.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A string, a number, a boolean or null.
    Scalar {
        /// As YAML interprets it.
        value: Value,
        /// As it is written. For a quoted string, the content between the quotes after escapes.
        written: String,
        /// Whether a comment stands in place of the value.
        commented: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in order.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Parses a document.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn read(source: &str) -> Result<Self, String> {
        let options = serde_saphyr::options! {
            strict_booleans: true,
            budget: None,
            with_snippet: false,
            non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        };
        let raw: Spanned<Raw> =
            serde_saphyr::from_str_with_options(source, options).map_err(|e| e.to_string())?;
        Ok(raw.value.node(source, raw.defined))
    }

    /// A member of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Map(members) => members.iter().find(|(k, _)| k == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// A scalar as it is written; `None` for null, lists and mappings.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar { value, written, .. } if !value.is_null() => Some(written),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn list(&self) -> &[Node] {
        match self {
            Self::List(nodes) => nodes,
            _ => &[],
        }
    }

    /// As JSON. A number that JSON would not reproduce as it is written is kept as a string.
    pub fn json(&self) -> Value {
        match self {
            Self::Scalar {
                value: Value::Number(number),
                written,
                ..
            } if number.to_string() != *written => Value::String(written.clone()),
            Self::Scalar { value, .. } => value.clone(),
            Self::List(nodes) => nodes.iter().map(Node::json).collect(),
            Self::Map(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, node)| (key.clone(), node.json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

/// A node whose scalars are not yet matched with the source.
enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(String, Spanned<Raw>)>),
}

impl Raw {
    fn node(self, source: &str, at: serde_saphyr::Location) -> Node {
        match self {
            Self::Scalar(Value::String(text)) => Node::Scalar {
                written: text.clone(),
                value: Value::String(text),
                commented: false,
            },
            Self::Scalar(value) => {
                let span = at.span();
                let start = span
                    .byte_offset()
                    .and_then(|start| usize::try_from(start).ok());
                let long = span.byte_len().and_then(|long| usize::try_from(long).ok());
                let after = start
                    .and_then(|start| source.get(start..))
                    .unwrap_or_default();
                let written = long
                    .and_then(|long| after.get(..long))
                    .unwrap_or_default()
                    .trim();
                let line = after.lines().next().unwrap_or_default();
                Node::Scalar {
                    commented: value.is_null()
                        && line.trim_start_matches([' ', ':']).starts_with('#'),
                    written: written.to_owned(),
                    value,
                }
            }
            Self::List(nodes) => Node::List(
                nodes
                    .into_iter()
                    .map(|one| one.value.node(source, one.defined))
                    .collect(),
            ),
            Self::Map(members) => Node::Map(
                members
                    .into_iter()
                    .map(|(key, one)| (key, one.value.node(source, one.defined)))
                    .collect(),
            ),
        }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML node")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(
            Number::from_f64(value).map_or(Value::Null, Value::Number),
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::String(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Raw::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Raw::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_are_known_as_value_and_as_written() {
        let source = "a: +441234567\nb: 1.0\nc: '+1'\nd: # none\ne:\nf: #FFBA00\ng: é 1\nh: false\ni: [1, x]\nj: 2020-03-08T17:08:26.863Z\nk: 1.50\nl: .inf\n";
        let node = Node::read(source).unwrap();
        let written = |key: &str| match node.get(key).unwrap() {
            Node::Scalar {
                written, commented, ..
            } => (written.as_str(), *commented),
            other => panic!("{other:?}"),
        };
        assert_eq!(written("a"), ("+441234567", false));
        assert_eq!(written("b"), ("1.0", false));
        assert_eq!(written("c"), ("+1", false));
        assert!(written("d").1 && written("f").1 && !written("e").1);
        assert_eq!(
            node.json(),
            json!({"a": "+441234567", "b": 1.0, "c": "+1", "d": null, "e": null, "f": null, "g": "é 1", "h": false,
                   "i": [1, "x"], "j": "2020-03-08T17:08:26.863Z", "k": "1.50", "l": ".inf"})
        );
    }
}
