//! Paths into nested UserData.

use std::fmt;

use serde_json::Value;

use super::Document;

/// A path into nested documents and lists, separated by dots. A backslash escapes a dot inside a
/// key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPath(pub Vec<String>);

impl KeyPath {
    /// Reads `IWAttachedDataInformation.DispositionCode\.Key`.
    pub fn parse(text: &str) -> Self {
        let mut steps = vec![String::new()];
        let mut escaped = false;
        for c in text.chars() {
            let step = steps.last_mut().expect("there is always one step");
            match c {
                _ if escaped => {
                    step.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '.' => steps.push(String::new()),
                _ => step.push(c),
            }
        }
        Self(steps)
    }

    /// The value at the end of the path. A step into a list is an index.
    pub fn find<'v>(&self, document: &'v Document) -> Option<&'v Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter()
            .try_fold(document.get(first)?, |value, step| match value {
                Value::Object(inner) => inner.get(step),
                Value::Array(elements) if Self::is_index(step) => {
                    elements.get(step.parse::<usize>().ok()?)
                }
                _ => None,
            })
    }

    /// Whether a step may be the index of a list element: a whole number in its shortest form.
    pub fn is_index(step: &str) -> bool {
        step == "0"
            || (!step.starts_with('0')
                && !step.is_empty()
                && step.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}", step.replace('\\', "\\\\").replace('.', "\\."))?;
        }
        Ok(())
    }
}
