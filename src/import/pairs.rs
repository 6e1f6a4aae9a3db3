//! Pair lists, `{key, type, value}`, as older clients wrote them. Every key is kept, whatever its
//! value is.

use serde_json::Value;

use super::report::WarningKind;
use super::yaml::Node;
use crate::domain::user_data::Document;

/// An oddity and its place in the pair list.
pub type Oddity = (WarningKind, String);

/// Converts a pair list into a document.
///
/// A value declared as `str` is the text as it is written. Other values have the type that YAML
/// gives them. If a key is repeated, its last value is kept.
///
/// # Errors
/// When an element is not a pair, so that its value would have no key.
pub fn document(pairs: &[Node], odd: &mut Vec<Oddity>) -> Result<Document, String> {
    nested(pairs, "", odd)
}

fn nested(pairs: &[Node], above: &str, odd: &mut Vec<Oddity>) -> Result<Document, String> {
    let mut document = Document::new();
    for (place, pair) in pairs.iter().enumerate() {
        let Some(key) = pair.get("key").and_then(Node::text) else {
            return Err(format!(
                "element {place} of the pair list {above:?} has no key"
            ));
        };
        let path = if above.is_empty() {
            key.to_owned()
        } else {
            format!("{above} / {key}")
        };
        if let Node::Map(members) = pair {
            for (name, _) in members
                .iter()
                .filter(|(name, _)| !["key", "type", "value"].contains(&name.as_str()))
            {
                odd.push((
                    WarningKind::LeftOut,
                    format!("{path:?} has a member {name:?} beside key, type and value"),
                ));
            }
        }
        let kind = pair.get("type").and_then(Node::text);
        let value = value(kind, pair.get("value"), &path, odd)?;
        if document.insert(key.to_owned(), value).is_some() {
            odd.push((
                WarningKind::RepeatedKey,
                format!("{path:?} is repeated; the last value was kept"),
            ));
        }
    }
    Ok(document)
}

fn value(
    kind: Option<&str>,
    node: Option<&Node>,
    path: &str,
    odd: &mut Vec<Oddity>,
) -> Result<Value, String> {
    let mut mismatch =
        |what: String| odd.push((WarningKind::TypeMismatch, format!("{path:?} {what}")));
    let Some(node) = node else {
        return Ok(Value::Null);
    };
    match (kind, node) {
        (
            _,
            Node::Scalar {
                value: Value::Null,
                commented,
                ..
            },
        ) => {
            if *commented {
                mismatch("has a comment where its value would be; it was read as null".to_owned());
            }
            Ok(Value::Null)
        }
        (Some("kvlist"), Node::List(pairs)) => nested(pairs, path, odd).map(Value::Object),
        (Some("str"), Node::Scalar { value, written, .. }) => {
            if !value.is_string() {
                mismatch(format!(
                    "is declared str and written as {}; it was read as the string {written:?}",
                    name(value)
                ));
            }
            Ok(Value::String(written.clone()))
        }
        (Some(kind), node) => {
            let json = node.json();
            let fits = match kind {
                "int" => json.is_i64() || json.is_u64(),
                _ => false,
            };
            if !fits {
                mismatch(format!(
                    "is declared {kind} and written as {}; it was kept as it is",
                    name(&json)
                ));
            }
            Ok(json)
        }
        (None, node) => Ok(node.json()),
    }
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_odd_pair_is_taken_in_and_told() {
        let source = "
- {key: Version, type: str, value: 1.0}
- {key: with blank, type: int, value: 7}
- {key: dotted.key, type: interger, value: 8}
- {key: Nothing, type: str, value: }
- key: Colour
  type: str
  value: #FFBA00
- {key: Flag, type: str, value: false}
- {key: Odd, type: int, value: seven}
- {key: Bare, value: [1, 2]}
- {key: Missing, type: str}
- key: Inner
  type: kvlist
  value:
    - {key: A, type: str, value: x}
    - {key: A, type: str, value: y}
- {key: Empty, type: kvlist, value: []}
- {key: Version, type: str, value: 007}
";
        let mut odd = Vec::new();
        let document = document(Node::read(source).unwrap().list(), &mut odd).unwrap();
        assert_eq!(
            Value::Object(document),
            json!({"Version": "007", "with blank": 7, "dotted.key": 8, "Nothing": null, "Colour": null, "Flag": "false", "Odd": "seven",
                   "Bare": [1, 2], "Missing": null, "Inner": {"A": "y"}, "Empty": {}})
        );
        let of = |kind| {
            odd.iter()
                .filter(|(k, _)| *k == kind)
                .map(|(_, text)| text.as_str())
                .collect::<Vec<_>>()
        };
        let repeated = of(WarningKind::RepeatedKey);
        assert_eq!(repeated.len(), 2, "{repeated:?}");
        assert!(repeated[0].starts_with("\"Inner / A\"") && repeated[1].starts_with("\"Version\""));
        let mismatched = of(WarningKind::TypeMismatch);
        for key in ["Version", "dotted.key", "Colour", "Flag", "Odd"] {
            assert!(
                mismatched.iter().any(|text| text.contains(key)),
                "{key}: {mismatched:?}"
            );
        }
    }

    #[test]
    fn a_value_without_a_key_is_an_error() {
        let pairs = Node::read("[{type: str, value: x}]").unwrap();
        assert!(document(pairs.list(), &mut Vec::new()).is_err());
    }
}
