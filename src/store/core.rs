//! The core attributes of an interaction as they are stored for answers.
//!
//! An answer sends an [`Interaction`] as a JSON object whose names never change. So the names are
//! not stored: what is stored are the values as JSON text, each followed by [`END`], in the order
//! of the names. A null is stored as nothing, and a moment that equals the one before it as
//! [`SAME`]. A list that an index answers puts the names back, and parses nothing.

use std::sync::LazyLock;

use super::StoreError;
use crate::domain::Moment;
use crate::domain::interaction::{Interaction, NewInteraction};

/// Ends a value. JSON text holds no control characters.
const END: char = '\u{1f}';
/// Stands for the same moment as the one before it.
const SAME: &str = "=";

/// What precedes each value in the JSON text: `{"id":`, then `,"tenantId":` and so on.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let value = serde_json::to_value(any()).expect("an interaction is a JSON object");
    let names = value.as_object().expect("an interaction is a JSON object");
    let opening = ['{'].into_iter().chain(std::iter::repeat(','));
    opening
        .zip(names.keys())
        .map(|(before, name)| format!("{before}\"{name}\":"))
        .collect()
});

/// An interaction with any values.
fn any() -> Interaction {
    let at = Moment::from_micros(0).expect("1970 is in range");
    let new = NewInteraction::default();
    new.recorded(1, at, String::new(), String::new(), None).0
}

/// Whether a value is a moment, by what precedes it.
fn is_moment(name: &str) -> bool {
    name.ends_with("Date\":")
}

/// The values in the JSON text of an interaction, each with what precedes it.
fn values(json: &str) -> impl Iterator<Item = (&'static str, &str)> {
    let mut rest = json.strip_suffix('}').unwrap_or(json);
    NAMES.iter().map(move |name| {
        rest = rest.strip_prefix(name.as_str()).unwrap_or(rest);
        let (value, after) = rest.split_at(value_length(rest));
        rest = after;
        (name.as_str(), value)
    })
}

/// The bytes of the JSON value at the beginning of a text. It is neither a list nor an object.
fn value_length(json: &str) -> usize {
    let bytes = json.as_bytes();
    if bytes.first() != Some(&b'"') {
        return json.find(',').unwrap_or(json.len());
    }
    let mut n = 1;
    while let Some(byte) = bytes.get(n) {
        match byte {
            b'"' => return n + 1,
            b'\\' => n += 2,
            _ => n += 1,
        }
    }
    json.len()
}

/// The stored form of an interaction.
pub fn pack(interaction: &Interaction) -> String {
    let json = serde_json::to_string(interaction).unwrap_or_default();
    let mut packed = String::with_capacity(json.len());
    let mut moment = "";
    for (name, value) in values(&json) {
        if is_moment(name) && value == moment {
            packed.push_str(SAME);
        } else if value != "null" {
            packed.push_str(value);
            if is_moment(name) {
                moment = value;
            }
        }
        packed.push(END);
    }
    packed
}

/// The JSON text of an interaction without the attributes that are null, and without the brace at its
/// end.
pub fn told(interaction: &Interaction) -> String {
    let json = serde_json::to_string(interaction).unwrap_or_default();
    let mut told = String::with_capacity(json.len());
    for (name, value) in values(&json).filter(|(_, value)| *value != "null") {
        told.push_str(name);
        told.push_str(value);
    }
    told
}

/// The JSON text of a stored interaction.
///
/// # Errors
/// [`StoreError::Inconsistent`] if it has another number of values.
pub fn unpack(packed: &str) -> Result<String, StoreError> {
    let wrong = || StoreError::inconsistent("interaction_json", "core");
    let mut json = String::with_capacity(packed.len() + 400);
    let mut moment = "";
    let mut rest = packed;
    for name in NAMES.iter() {
        let (value, after) = rest.split_once(END).ok_or_else(wrong)?;
        rest = after;
        json.push_str(name);
        match value {
            "" => json.push_str("null"),
            SAME => json.push_str(moment),
            value => {
                json.push_str(value);
                if is_moment(name) {
                    moment = value;
                }
            }
        }
    }
    json.push('}');
    rest.is_empty().then_some(json).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::{any, pack, unpack};
    use crate::domain::Moment;
    use crate::domain::interaction::Interaction;

    #[test]
    fn an_interaction_comes_back_as_it_was() {
        let at = |micros| Moment::from_micros(micros).unwrap();
        let tricky = "a\u{1f}b,\"status\":7\\\",\"subject\":null}";
        let changed = Interaction {
            id: tricky.to_owned(),
            subject: Some(String::new()),
            queue: Some("=".to_owned()),
            language: Some(tricky.to_owned()),
            end_date: Some(at(5)),
            created_date: at(5),
            modified_date: at(7_000_000),
            revision: 12,
            ..any()
        };
        let ended = Interaction {
            end_date: Some(at(5)),
            modified_date: at(5),
            ..any()
        };
        for one in [any(), changed, ended] {
            let json = serde_json::to_string(&one).unwrap();
            let packed = pack(&one);
            assert_eq!(unpack(&packed).unwrap(), json);
            assert!(packed.len() < json.len() / 2 + 200, "{packed:?}");
        }
    }

    #[test]
    fn another_number_of_values_is_refused() {
        let packed = pack(&any());
        for wrong in [
            String::new(),
            packed[..packed.len() - 1].to_owned(),
            format!("{packed}1"),
            format!("{packed}\u{1f}"),
        ] {
            assert!(unpack(&wrong).is_err(), "{wrong:?}");
        }
    }
}
