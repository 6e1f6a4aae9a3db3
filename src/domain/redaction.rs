//! Removes known values from texts that are kept for somebody else.

use std::collections::BTreeSet;

use serde_json::Value;

/// Replaces a value.
pub const ERASED: &str = "[erased]";

/// Shorter values, in bytes, stay: they occur in too many texts and identify nobody.
const SHORTEST: usize = 4;

/// Values to remove from texts.
#[derive(Clone, Debug, Default)]
pub struct Redaction(BTreeSet<(std::cmp::Reverse<usize>, String)>);

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
            // longest first: one may be part of another
            self.0
                .insert((std::cmp::Reverse(text.len()), text.to_owned()));
        }
    }

    /// The text without the values; `None` if it contains none of them.
    pub fn text(&self, text: &str) -> Option<String> {
        let mut left: Option<String> = None;
        for (_, value) in &self.0 {
            let here = left.as_deref().unwrap_or(text);
            if here.contains(value.as_str()) {
                left = Some(here.replace(value.as_str(), ERASED));
            }
        }
        left
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
                let text = number.to_string();
                let held = self
                    .0
                    .contains(&(std::cmp::Reverse(text.len()), text.clone()));
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
}
