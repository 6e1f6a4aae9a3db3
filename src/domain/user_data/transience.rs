//! Transient keys, and the extraction rules that read them before they are dropped.

use serde_json::Value;

use super::check::{check_inside, length};
use super::{Document, KeyPath, read};
use crate::domain::limits::Limits;

/// Which keys are never stored, and what is lifted out of them first.
#[derive(Clone, Debug)]
pub struct Transience {
    /// Top-level keys; `jsonEvent` among them unless the operator says otherwise.
    pub keys: Vec<String>,
    /// New key, and the way to its value.
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
    /// Takes the transient keys out and lifts the chosen fields; returns the dropped keys.
    ///
    /// A key that the caller named itself, here or elsewhere in the request, is never replaced by an extracted one; and what was lifted falls away
    /// where the request would be refused for it.
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

/// Follows a path; a transient value that is a text holding JSON is read as that JSON.
fn lift(document: &Document, path: &KeyPath) -> Option<Value> {
    if let Some(value) = path.find(document) {
        return Some(value.clone());
    }
    let (first, rest) = path.0.split_first()?;
    let inner = read(document.get(first)?.as_str()?).ok()?;
    KeyPath(rest.to_vec()).find(&inner).cloned()
}
