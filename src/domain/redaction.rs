//! Removes known values from texts that are kept for somebody else.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;

/// Replaces a value.
pub const ERASED: &str = "[erased]";

/// Shorter values, in bytes, stay: they occur in too many texts and identify nobody.
const SHORTEST: usize = 4;

/// Values to remove from texts, without case.
#[derive(Clone, Debug, Default)]
pub struct Redaction(BTreeSet<String>);

impl Redaction {
    /// Adds the texts and numbers in a value, at any depth. Skips booleans and short values.
    pub fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add_text(text.trim()),
            Value::Number(number) => self.add_text(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(members) => members.values().for_each(|member| self.add(member)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        // the marker of an erased value is no value
        if text.len() >= SHORTEST && !text.contains(ERASED) {
            self.0.insert(without_case(text));
        }
    }

    /// The text without the values, in whatever case they occur; `None` if it contains none of them.
    pub fn text(&self, text: &str) -> Option<String> {
        let ranges = self.found_in(text);
        if ranges.is_empty() {
            return None;
        }
        let mut left = String::with_capacity(text.len());
        let mut end = 0;
        for range in ranges {
            left += &text[end..range.start];
            left += ERASED;
            end = range.end;
        }
        left += &text[end..];
        Some(left)
    }

    /// Where the values are in a text, in order. Ranges that overlap are joined.
    fn found_in(&self, text: &str) -> Vec<Range<usize>> {
        let folded = Folded::of(text);
        let mut found: Vec<Range<usize>> = self
            .0
            .iter()
            .flat_map(|value| folded.text.match_indices(value.as_str()))
            .map(|(start, value)| folded.origin(start..start + value.len()))
            .collect();
        found.sort_unstable_by_key(|range| range.start);
        found.dedup_by(|next, joined| {
            let overlap = next.start < joined.end;
            if overlap {
                joined.end = joined.end.max(next.end);
            }
            overlap
        });
        found
    }

    /// Removes the values from a JSON value. Returns whether it contained any.
    pub fn value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => match self.text(text) {
                Some(left) => {
                    *text = left;
                    true
                }
                None => false,
            },
            Value::Number(number) => {
                let held = self.0.contains(&without_case(&number.to_string()));
                if held {
                    *value = ERASED.into();
                }
                held
            }
            Value::Array(items) => items
                .iter_mut()
                .fold(false, |held, item| self.value(item) | held),
            Value::Object(members) => members
                .values_mut()
                .fold(false, |held, member| self.value(member) | held),
            Value::Null | Value::Bool(_) => false,
        }
    }

    /// As [`Redaction::text`], for a text that may be absent. Returns whether it contained any
    /// value.
    pub fn maybe(&self, text: &mut Option<String>) -> bool {
        let left = text.as_deref().and_then(|text| self.text(text));
        let held = left.is_some();
        if held {
            *text = left;
        }
        held
    }
}

/// A character without case: `ß` and `SS`, `σ` and `ς` are the same.
fn fold(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

fn without_case(text: &str) -> String {
    text.chars().flat_map(fold).collect()
}

/// A text without case, and where its parts come from.
struct Folded {
    text: String,
    /// Where each character of the original begins: in `text`, and in the original. The last entry
    /// is the end of both. Empty if all places are the same.
    places: Vec<(usize, usize)>,
}

impl Folded {
    fn of(original: &str) -> Self {
        if original.is_ascii() {
            let (text, places) = (original.to_ascii_lowercase(), Vec::new());
            return Self { text, places };
        }
        let mut text = String::with_capacity(original.len());
        let mut places = Vec::with_capacity(original.len() + 1);
        for (at, c) in original.char_indices() {
            places.push((text.len(), at));
            text.extend(fold(c));
        }
        places.push((text.len(), original.len()));
        Self { text, places }
    }

    /// The whole characters of the original that a range of `text` comes from.
    fn origin(&self, range: Range<usize>) -> Range<usize> {
        if self.places.is_empty() {
            return range;
        }
        let after = self.places.partition_point(|(at, _)| *at <= range.start);
        let end = self.places.partition_point(|(at, _)| *at < range.end);
        self.places[after - 1].1..self.places[end].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_leave_texts_lists_and_objects_and_short_ones_stay() {
        let mut redaction = Redaction::default();
        redaction.add(&json!({"mail": "ann@example.test", "name": "ann@example", "tel": 39_061_234, "vip": true, "rule": "hot"}));
        let mut value = json!({"note": "write to ann@example.test, hot", "tel": [39_061_234, 39_061], "deep": {"x": "of ann@example, 39061234"}, "vip": true});
        assert!(redaction.value(&mut value));
        assert_eq!(
            value,
            json!({"note": "write to [erased], hot", "tel": ["[erased]", 39_061], "deep": {"x": "of [erased], [erased]"}, "vip": true})
        );
        assert!(!redaction.value(&mut value), "{value}");
        assert_eq!(redaction.text("hot and true"), None);
        let mut name = Some("田中".to_owned());
        redaction.add(&json!("田中"));
        assert!(redaction.maybe(&mut name) && name.as_deref() == Some(ERASED));
    }

    #[test]
    fn values_are_found_in_every_case_and_whole_characters_go() {
        let mut redaction = Redaction::default();
        redaction.add(&json!([
            "CaSe.Ann@X.test",
            "Große Straße",
            "ΟΔΥΣΣΕΥΣ",
            "abcdef",
            "defghi"
        ]));
        for (text, left) in [
            ("to CASE.ANN@x.TEST now", "to [erased] now"),
            (
                "zur GROSSE STRASSE 5, große straße",
                "zur [erased] 5, [erased]",
            ),
            ("ö Οδυσσευς, Οδυσσευσ", "ö [erased], [erased]"),
            ("ABCDEFGHI abcdefabcdef", "[erased] [erased][erased]"),
        ] {
            assert_eq!(redaction.text(text).as_deref(), Some(left), "{text}");
        }
        // the fold of the last letter holds more than the value
        redaction.add(&json!("Spas"));
        assert_eq!(redaction.text("é Spaß").as_deref(), Some("é [erased]"));
    }
}
