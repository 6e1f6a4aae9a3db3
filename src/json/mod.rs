//! Parses JSON from outside: bodies, batch lines, imported files.
//!
//! Every API parses with [`read`], so that the same input gets the same answer everywhere:
//!
//! * A list is never accepted for an object. (A derived `Deserialize` would read it by position.)
//! * A value of the wrong type is refused with its JSON pointer and in this project's words.
//! * A byte order mark at the beginning is skipped. An unpaired half of a surrogate pair becomes
//!   U+FFFD.
//! * Text that is not JSON is [`Refusal::Malformed`]. JSON that does not fit is
//!   [`Refusal::Invalid`].
//!
//! The text is parsed into a tree of [`Node`]s, and the value is read from the tree.

mod node;
mod reader;
mod repair;

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::domain::Refusal;
pub use node::Node;
use node::Unreadable;
use repair::repaired;
pub use repair::without_mark;

/// The size of a fingerprint in bytes.
const FINGERPRINT: usize = 16;

/// Parses a value.
///
/// # Errors
/// [`Refusal::Malformed`] when the text is not JSON, [`Refusal::Invalid`] when it does not fit.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Refusal> {
    with(text, |node| Ok(T::deserialize(node)?))
}

/// Parses a value, and computes the fingerprint of its JSON. The order of members, spacing and
/// escapes do not affect the fingerprint.
///
/// # Errors
/// As for [`read`].
pub fn read_with_fingerprint<T: DeserializeOwned>(text: &[u8]) -> Result<(T, Vec<u8>), Refusal> {
    with(text, |node| {
        let mut hash = Sha256::new();
        node.hash(&mut hash);
        let fingerprint = hash.finalize()[..FINGERPRINT].to_vec();
        Ok((node.read()?, fingerprint))
    })
}

/// Passes the tree of a text to `then`.
///
/// # Errors
/// As for [`read`], and those of `then`.
pub fn with<R>(
    text: &[u8],
    then: impl FnOnce(Node<'_>) -> Result<R, Refusal>,
) -> Result<R, Refusal> {
    let text = without_mark(text);
    match Node::parse(text) {
        Ok(node) => then(node),
        Err(error) => match repaired(text) {
            Some(repaired) => match Node::parse(&repaired) {
                Ok(node) => then(node),
                Err(error) => Err(refusal(&repaired, &error)),
            },
            None => Err(refusal(text, &error)),
        },
    }
}

/// Splits a list into the texts of its elements, to be parsed one by one.
///
/// # Errors
/// As for [`read`].
pub fn elements(text: &[u8]) -> Result<Vec<&RawValue>, Refusal> {
    split(text, "a list")
}

/// The members of an object, each parsed when it is requested. Members that are never requested may
/// have any form. If a member is repeated, the last one counts.
#[derive(Default)]
pub struct Members(HashMap<String, Box<RawValue>>);

impl Members {
    /// Splits the text of an object.
    ///
    /// # Errors
    /// As for [`read`].
    pub fn split(text: &[u8]) -> Result<Self, Refusal> {
        let members = split(text, "an object").or_else(|refusal| match repaired(text) {
            Some(repaired) => split(&repaired, "an object"),
            None => Err(refusal),
        });
        members.map(Self)
    }

    /// Whether a member exists, even as null.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Parses a member; `None` if it is absent or null.
    ///
    /// # Errors
    /// As for [`read`], with the member's name in the pointer.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(raw) = self.0.get(name).filter(|raw| raw.get() != "null") else {
            return Ok(None);
        };
        read(raw.get().as_bytes()).map_err(|refusal| refusal.under(name))
    }
}

fn split<'t, T: Deserialize<'t>>(text: &'t [u8], wanted: &str) -> Result<T, Refusal> {
    let text = without_mark(text);
    serde_json::from_slice(text).map_err(|error| {
        let data = error.is_data();
        let told = || refusal(text, &Unreadable::Json(error));
        match with(text, |node| Ok(node.mismatch(wanted))) {
            Ok(mismatch) if data => mismatch.into(),
            Ok(_) => told(),
            Err(refusal) => refusal,
        }
    })
}

/// Describes why a text cannot be parsed.
fn refusal(text: &[u8], error: &Unreadable) -> Refusal {
    let error = match error {
        Unreadable::TooMany => {
            let detail = format!("holds more than {} values", node::MOST_VALUES);
            return Refusal::invalid("", detail);
        }
        Unreadable::Json(error) => error,
    };
    if std::str::from_utf8(text).is_err() {
        return Refusal::Malformed("the text is not UTF-8".to_owned());
    }
    // serde_json distinguishes this one from a syntax error only by its message
    if error.to_string().starts_with("recursion limit") {
        return Refusal::invalid("", "is nested deeper than 128 levels");
    }
    Refusal::Malformed(if error.is_eof() {
        "the text is not valid JSON: it ends too early".to_owned()
    } else {
        let before = text.split_inclusive(|byte| *byte == b'\n');
        let lines: usize = before
            .take(error.line().saturating_sub(1))
            .map(<[u8]>::len)
            .sum();
        let place = lines + error.column();
        format!("the text is not valid JSON: it cannot be read past byte {place}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    enum Colour {
        Red,
        Blue,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        number: Option<i64>,
        small: Option<u8>,
        colour: Option<Colour>,
        flag: Option<bool>,
        share: Option<f64>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(default)]
        pairs: Vec<(String, String)>,
    }

    fn wrong(text: &str) -> String {
        read::<Outer>(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place_and_in_our_words() {
        for (text, told) in [
            ("[\"x\"]", "it is a list, and must be an object"),
            ("null", "it is null, and must be an object"),
            ("{}", "/name is missing"),
            ("{\"name\":1}", "/name is a number, and must be a text"),
            ("{\"name\":\"a\",\"name\":\"b\"}", "/name is given twice"),
            ("{\"name\":\"a\",\"a/b\":1}", "/a~1b is no field here"),
            (
                "{\"name\":\"a\",\"list\":{}}",
                "/list is an object, and must be a list",
            ),
            (
                "{\"name\":\"a\",\"list\":[{},[1]]}",
                "/list/1 is a list, and must be an object",
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"number\":\"1\"}]}",
                "/list/0/number is a text, and must be a whole number",
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"number\":1.5}]}",
                "/list/0/number is not a whole number",
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"number\":18446744073709551615}]}",
                "/list/0/number is a number outside the range that is taken here",
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"small\":-1}]}",
                "/list/0/small is a number outside the range that is taken here",
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"small\":256}]}",
                "/list/0/small is a number outside the range that is taken here",
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"flag\":\"true\"}]}",
                "/list/0/flag is a text, and must be true or false",
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"share\":[]}]}",
                "/list/0/share is a list, and must be a number",
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"colour\":1}]}",
                "/list/0/colour is a number, and must be one of Red, Blue",
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"colour\":{\"Red\":null}}]}",
                "/list/0/colour is an object, and must be one of Red, Blue",
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"colour\":\"red\"}]}",
                "/list/0/colour is \"red\", which is none of Red, Blue",
            ),
            (
                "{\"name\":\"a\",\"pairs\":[[\"a\"]]}",
                "/pairs/0 has too few elements, or too many",
            ),
            (
                "{\"name\":\"a\",\"pairs\":[[\"a\",\"b\",\"c\"]]}",
                "/pairs/0 has too few elements, or too many",
            ),
        ] {
            assert_eq!(wrong(text), told, "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_without_the_parsers_words() {
        for (text, told) in [
            ("", "the text is not valid JSON: it ends too early"),
            (
                "{\"name\":",
                "the text is not valid JSON: it ends too early",
            ),
            (
                "{\n\"name\" 1}",
                "the text is not valid JSON: it cannot be read past byte 10",
            ),
            (
                "{\"name\":\"a\"} x",
                "the text is not valid JSON: it cannot be read past byte 14",
            ),
        ] {
            assert_eq!(wrong(text), told, "{text}");
        }
        let told = read::<Outer>(b"{\"name\":\"\xff\"}")
            .unwrap_err()
            .to_string();
        assert_eq!(told, "the text is not UTF-8");
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(wrong(&deep), "it is nested deeper than 128 levels");
        let many = format!("[{}1]", "1,".repeat(node::MOST_VALUES));
        assert_eq!(wrong(&many), "it holds more than 1000000 values");
    }

    #[test]
    fn the_mark_at_the_beginning_and_half_a_pair_do_no_harm() {
        let read = |text: &str| read::<serde_json::Value>(text.as_bytes()).unwrap();
        assert_eq!(read("\u{feff}{\"a\":1}"), json!({"a": 1}));
        assert_eq!(
            read(r#"{"a\udc00":"x \ud83d"}"#),
            json!({"a\u{fffd}": "x \u{fffd}"})
        );
        let parts = Members::split(r#"{"a":"\ud83d","\ude00":[1]}"#.as_bytes()).unwrap();
        assert_eq!(parts.read("a"), Ok(Some("\u{fffd}".to_owned())));
        assert_eq!(parts.read::<Vec<u8>>("\u{fffd}"), Ok(Some(vec![1])));
        assert_eq!(parts.read::<Vec<u8>>("b"), Ok(None));
        let wrong = parts.read::<u8>("a").unwrap_err().to_string();
        assert_eq!(wrong, "/a is a text, and must be a whole number");
    }

    #[test]
    fn parts_are_told_apart_from_what_is_something_else() {
        let told = |error: Refusal| error.to_string();
        let no_members = |text: &[u8]| Members::split(text).map(|_| ());
        assert_eq!(
            told(elements(b"{}").unwrap_err()),
            "it is an object, and must be a list"
        );
        assert_eq!(
            told(no_members(b"[]").unwrap_err()),
            "it is a list, and must be an object"
        );
        assert!(told(no_members(b"{").unwrap_err()).contains("ends too early"));
        assert_eq!(elements(b"[1, {}]").unwrap().len(), 2);
    }

    #[test]
    fn a_fingerprint_knows_content_from_form() {
        let of = |text: &str| {
            read_with_fingerprint::<serde::de::IgnoredAny>(text.as_bytes())
                .unwrap()
                .1
        };
        assert_eq!(
            of("{\"a\":[1,\"é\"],\"b\":{}}"),
            of(" {\"b\" : {}, \"a\":[1,\"\\u00e9\"]}")
        );
        assert_eq!(of("1.50"), of("15e-1"));
        for (one, other) in [
            ("1", "1.0"),
            ("1", "\"1\""),
            ("[1,2]", "[2,1]"),
            ("[[1],2]", "[[1,2]]"),
            ("[\"a\",\"b\"]", "[\"ab\",\"\"]"),
            ("{\"a\":null}", "{}"),
            ("{}", "[]"),
        ] {
            assert_ne!(of(one), of(other), "{one} {other}");
        }
    }
}
