//! Transient keys, and the extraction rules that read them before they are dropped.

use serde_json::Value;

use super::check::{check_inside, length};
use super::{Document, KeyPath, read};
use crate::domain::limits::Limits;

/// Which keys are never stored, and which fields are extracted from them first.
#[derive(Clone, Debug)]
pub struct Transience {
    /// Top-level keys; includes `jsonEvent` by default.
    pub keys: Vec<String>,
    /// New keys, each with the path to its value.
    pub extract: Vec<(String, KeyPath)>,
}

impl Default for Transience {
    fn default() -> Self {
        Self {
            keys: vec!["jsonEvent".to_owned()],
            extract: Vec::new(),
        }
    }
}

impl Transience {
    /// Removes the transient keys after extracting the configured fields. Returns the dropped keys.
    ///
    /// An extracted key never replaces a key that the caller named here or elsewhere in the
    /// request. Extracted keys are discarded if they would cause the request to be refused.
    pub fn apply(
        &self,
        document: &mut Document,
        limits: &Limits,
        named: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        if !self.keys.iter().any(|key| document.contains_key(key)) {
            return Vec::new();
        }
        let lifted: Vec<(String, Value)> = self
            .extract
            .iter()
            .filter(|(name, path)| {
                !document.contains_key(name)
                    && !named(name)
                    && path.0.first().is_some_and(|key| self.keys.contains(key))
            })
            .filter_map(|(name, path)| Some((name.clone(), lift(document, path)?)))
            .collect();
        let dropped: Vec<String> = self
            .keys
            .iter()
            .filter(|key| document.shift_remove(key.as_str()).is_some())
            .cloned()
            .collect();
        if !lifted.is_empty() {
            let mut room = limits.user_data.saturating_sub(length(document));
            for (name, value) in lifted {
                let alone = Document::from_iter([(name, value)]);
                let (size, mut faults) = (length(&alone), Vec::new());
                check_inside("", &alone, limits, &mut faults);
                if faults.is_empty() && size <= room && document.len() < limits.keys {
                    room -= size;
                    document.extend(alone);
                }
            }
        }
        dropped
    }
}

/// Follows a path. If a transient value is a text that holds JSON, the path goes into that JSON.
fn lift(document: &Document, path: &KeyPath) -> Option<Value> {
    if let Some(value) = path.find(document) {
        return Some(value.clone());
    }
    let (first, rest) = path.0.split_first()?;
    let inner = read(document.get(first)?.as_str()?).ok()?;
    KeyPath(rest.to_vec()).find(&inner).cloned()
}
