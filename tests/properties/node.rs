//! JSON as written: with the order of keys, whole numbers distinct from others, and no key with a
//! special meaning.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value. Two are equal only if type, order and every bit of a number are.
#[derive(Clone, PartialEq, Eq)]
pub enum Node {
    Null,
    Bool(bool),
    Int(i64),
    /// Above the largest `i64`.
    Uint(u64),
    /// The bits of a double.
    Float(u64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(false))
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<f64> for Node {
    fn from(number: f64) -> Self {
        Self::Float(number.to_bits())
    }
}

impl Node {
    /// Reads JSON text.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Writes JSON text. `escaped` writes characters beyond ASCII as escapes, and numbers with an
    /// exponent.
    pub fn written(&self, escaped: bool) -> String {
        let mut out = String::new();
        self.write(escaped, &mut out);
        out
    }

    fn write(&self, escaped: bool, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => put(out, format_args!("{value}")),
            Self::Int(value) => put(out, format_args!("{value}")),
            Self::Uint(value) => put(out, format_args!("{value}")),
            Self::Float(bits) if escaped => put(out, format_args!("{:e}", f64::from_bits(*bits))),
            Self::Float(bits) => put(out, format_args!("{:?}", f64::from_bits(*bits))),
            Self::Text(text) => write_text(text, escaped, out),
            Self::List(all) => {
                for (index, value) in all.iter().enumerate() {
                    out.push(if index == 0 { '[' } else { ',' });
                    value.write(escaped, out);
                }
                out.push_str(if all.is_empty() { "[]" } else { "]" });
            }
            Self::Object(all) => {
                for (index, (key, value)) in all.iter().enumerate() {
                    out.push(if index == 0 { '{' } else { ',' });
                    write_text(key, escaped, out);
                    out.push(':');
                    value.write(escaped, out);
                }
                out.push_str(if all.is_empty() { "{}" } else { "}" });
            }
        }
    }

    /// The members of an object.
    pub fn members(&self) -> &[(String, Node)] {
        match self {
            Self::Object(all) => all,
            other => panic!("{other:?} is no object"),
        }
    }

    /// The elements of a list.
    pub fn elements(&self) -> &[Node] {
        match self {
            Self::List(all) => all,
            other => panic!("{other:?} is no list"),
        }
    }

    /// The member of an object with a key, if it exists.
    pub fn find(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Object(all) => all
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// A member that must exist.
    pub fn at(&self, key: &str) -> &Node {
        self.find(key)
            .unwrap_or_else(|| panic!("no {key:?} in {self:?}"))
    }

    /// Its text.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("{other:?} is no text"),
        }
    }

    /// Its whole number.
    pub fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            other => panic!("{other:?} is no whole number"),
        }
    }

    /// Sets a key of an object: in its place if it exists, otherwise at the end.
    pub fn set(&mut self, key: &str, value: Node) {
        let Self::Object(all) = self else {
            panic!("no object")
        };
        match all.iter_mut().find(|(name, _)| name == key) {
            Some((_, place)) => *place = value,
            None => all.push((key.to_owned(), value)),
        }
    }

    /// Removes a key from an object.
    pub fn remove(&mut self, key: &str) {
        let Self::Object(all) = self else {
            panic!("no object")
        };
        all.retain(|(name, _)| name != key);
    }
}

fn put(out: &mut String, what: fmt::Arguments<'_>) {
    fmt::Write::write_fmt(out, what).expect("a String takes all that is written");
}

fn write_text(text: &str, escaped: bool, out: &mut String) {
    if !escaped {
        out.push_str(&serde_json::to_string(text).expect("a text can be written"));
        return;
    }
    out.push('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            Ok(b'/') => out.push_str("\\/"),
            _ => put(out, format_args!("\\u{unit:04X}")),
        }
    }
    out.push('"');
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Int(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(i64::try_from(value).map_or(Node::Uint(value), Node::Int))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
                Ok(value.into())
            }

            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(value.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
                let mut all = Vec::new();
                while let Some(value) = list.next_element()? {
                    all.push(value);
                }
                Ok(Node::List(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
                let mut all = Vec::new();
                while let Some(member) = object.next_entry()? {
                    all.push(member);
                }
                Ok(Node::Object(all))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// Texts known to cause trouble: scripts, directions, joined signs, control characters, and texts
/// that look like syntax or like another type.
const AWKWARD: [&str; 26] = [
    "",
    " ",
    ".",
    "a.b",
    "\\",
    "\\.",
    "\"",
    "'; DROP TABLE interaction; --",
    "~/",
    "%_*?",
    "$.a[0]",
    "退款没有收到",
    "مرحبا بالعالم",
    "שלום",
    "\u{202e}abc\u{202c}",
    "👩\u{200d}👩\u{200d}👧🏳\u{fe0f}\u{200d}🌈",
    "e\u{301}\u{1100}\u{1161}",
    "\u{feff}\u{fffe}\u{ffff}\u{10ffff}",
    "\u{1}\u{8}\t\n\r\u{1f}\u{7f}\u{85}\u{2028}",
    "null",
    "true",
    "-1.5e3",
    "{\"a\":1}",
    "</script>",
    "$serde_json::private::RawValue",
    "$serde_json::private::Number",
];

/// Any text without the NUL character.
pub fn text() -> impl Strategy<Value = String> {
    let character = any::<char>().prop_filter("NUL is refused", |c| *c != '\0');
    prop_oneof![
        2 => "[a-zA-Z0-9 _-]{1,12}",
        2 => select(&AWKWARD[..]).prop_map(str::to_owned),
        1 => vec(select(&AWKWARD[..]), 2..4).prop_map(|parts| parts.concat()),
        2 => vec(character, 0..16).prop_map(String::from_iter),
    ]
}

/// Any JSON number that is stored exactly.
pub fn any_number() -> impl Strategy<Value = Node> {
    prop_oneof![
        select(vec![0, 1, -1, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1]).prop_map(Node::Int),
        any::<i64>().prop_map(Node::Int),
        select(vec![u64::MAX, 1 << 63]).prop_map(Node::Uint),
        (1_u64 << 63..).prop_map(Node::Uint),
        select(vec![
            0.0,
            -0.0,
            1.0,
            0.1,
            1e21,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            -2.5e-310
        ])
        .prop_map(Node::from),
        any::<f64>()
            .prop_filter("JSON has no such number", |n| n.is_finite())
            .prop_map(Node::from),
        (-1_000_000_i32..1_000_000, 0_i32..6)
            .prop_map(|(n, scale)| Node::from(f64::from(n) / 10_f64.powi(scale))),
    ]
}

/// Any value other than a list or an object.
pub fn scalar() -> impl Strategy<Value = Node> {
    prop_oneof![
        1 => Just(Node::Null),
        1 => any::<bool>().prop_map(Node::Bool),
        3 => any_number(),
        4 => text().prop_map(Node::Text),
    ]
}

fn without_repeats(mut members: Vec<(String, Node)>) -> Node {
    let mut seen = std::collections::HashSet::new();
    members.retain(|(key, _)| seen.insert(key.clone()));
    Node::Object(members)
}

/// Any value.
pub fn value() -> impl Strategy<Value = Node> {
    scalar().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Node::List),
            vec((text(), inner), 0..5).prop_map(without_repeats),
        ]
    })
}

/// Any `UserData`, without the transient key.
pub fn document() -> impl Strategy<Value = Node> {
    vec((text(), value()), 0..8).prop_map(|mut members| {
        members.retain(|(key, _)| key != "jsonEvent");
        without_repeats(members)
    })
}
