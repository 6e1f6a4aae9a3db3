//! Texts that a document of UserData must have to pass a test.
//!
//! To look for a text in the JSON of a document costs a fraction of reading it as JSON. The stored
//! JSON is written by one serializer, so a key or a value has one text.

use crate::domain::filter::{Operand, Test};
use crate::domain::user_data::KeyPath;

/// The texts of which a document must have all: the key, and the value if it has one text.
pub(super) type Needles = Vec<String>;

/// Whole numbers closer to zero than this have all their digits in JSON, also as a double. Others
/// may be written with an exponent.
const ALL_DIGITS: u64 = 1_000_000_000_000_000;

/// The needles of a test.
pub(super) fn needles(path: &KeyPath, test: &Test) -> Needles {
    let key = path.0.first().map(|key| json(key));
    key.into_iter().chain(value(test)).collect()
}

fn value(test: &Test) -> Option<String> {
    match test {
        Test::In(values) => common(values),
        // a part of a text, or an element that equals it
        Test::Contains(Operand::Text(part)) | Test::Prefix(part) => Some(inner(part)),
        Test::Contains(value) => common(std::slice::from_ref(value)),
        Test::Compare(..) | Test::Exists(_) | Test::Folded(_) => None,
    }
}

/// The text that a document has if it has any of these values: a query string asks for `"7"` and 7
/// alike.
fn common(values: &[Operand]) -> Option<String> {
    if let [Operand::Text(text)] = values {
        return Some(json(text));
    }
    let mut texts = values.iter().map(bare);
    let first = texts.next()??;
    texts
        .all(|text| text.as_ref() == Some(&first))
        .then_some(first)
}

/// The text of a value, without the quotes of a text.
fn bare(value: &Operand) -> Option<String> {
    match value {
        Operand::Text(text) => Some(inner(text)),
        Operand::Integer(number) if number.unsigned_abs() < ALL_DIGITS => Some(number.to_string()),
        Operand::Boolean(value) => Some(value.to_string()),
        Operand::Null => Some("null".to_owned()),
        Operand::Integer(_) | Operand::Number(_) | Operand::Time(_) => None,
    }
}

/// A text as JSON.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text as JSON, without its quotes.
fn inner(text: &str) -> String {
    let json = json(text);
    json[1..json.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(test: &Test) -> Needles {
        needles(&KeyPath::parse("a\"b.c"), test)
    }

    #[test]
    fn a_document_with_the_value_has_the_needles() {
        let text = |text: &str| Operand::Text(text.to_owned());
        let key = "\"a\\\"b\"";
        for (test, needle, document) in [
            (
                Test::In(vec![text("x")]),
                Some("\"x\""),
                json!({"a\"b": {"c": ["x"]}}),
            ),
            (
                Test::In(vec![text("é\n\"\u{1f}")]),
                Some("\"é\\n\\\"\\u001f\""),
                json!({"a\"b": {"c": "é\n\"\u{1f}"}}),
            ),
            (
                Test::In(vec![text("7"), Operand::Integer(7)]),
                Some("7"),
                json!({"a\"b": {"c": 7.0}}),
            ),
            (
                Test::In(vec![Operand::Integer(-999_999_999_999_999)]),
                Some("-999999999999999"),
                json!({"a\"b": {"c": -999_999_999_999_999.0}}),
            ),
            (
                Test::In(vec![Operand::Integer(10_000_000_000_000_000)]),
                None,
                json!({"a\"b": {"c": 1e16}}),
            ),
            (
                Test::In(vec![text("true"), Operand::Boolean(true)]),
                Some("true"),
                json!({"a\"b": {"c": true}}),
            ),
            (
                Test::In(vec![Operand::Null]),
                Some("null"),
                json!({"a\"b": {"c": null}}),
            ),
            (
                Test::In(vec![text("x"), text("y")]),
                None,
                json!({"a\"b": {"c": "y"}}),
            ),
            (
                Test::In(vec![text("7.5"), Operand::Number(7.5)]),
                None,
                json!({"a\"b": {"c": 75e-1}}),
            ),
            (
                Test::Contains(text("b\\c")),
                Some("b\\\\c"),
                json!({"a\"b": {"c": "ab\\cd"}}),
            ),
            (
                Test::Contains(Operand::Integer(5)),
                Some("5"),
                json!({"a\"b": {"c": [5]}}),
            ),
            (
                Test::Prefix("a".to_owned()),
                Some("a"),
                json!({"a\"b": {"c": "ab"}}),
            ),
            (Test::Exists(true), None, json!({"a\"b": {"c": 1}})),
        ] {
            let found = of(&test);
            let wanted: Vec<&str> = [key].into_iter().chain(needle).collect();
            assert_eq!(found, wanted, "{test:?}");
            let stored = document.to_string();
            assert!(
                found.iter().all(|needle| stored.contains(needle)),
                "{test:?} {stored}"
            );
        }
    }
}
