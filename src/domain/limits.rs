//! Limits of input. The configuration sets them. Both databases allow far more.

use serde::{Deserialize, Serialize};

use super::Fault;

/// The limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request body. A batch as a whole has no limit.
    pub body: usize,
    /// Bytes of one line of a batch or an import.
    pub line: usize,
    /// Bytes of one interaction's UserData as JSON.
    pub user_data: usize,
    /// Levels of nesting in UserData; the document itself is level 1.
    pub depth: usize,
    /// Top-level keys in UserData.
    pub keys: usize,
    /// Characters of a UserData key.
    pub key: usize,
    /// Characters of a caller's own identifier.
    pub id: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 16 * 1024 * 1024,
            line: 1024 * 1024,
            user_data: 256 * 1024,
            depth: 64,
            keys: 1000,
            key: 256,
            id: 64,
        }
    }
}

/// Checks a text: no NUL, and at most `most` characters.
pub fn check_text(pointer: &str, text: &str, most: usize, faults: &mut Vec<Fault>) {
    if text.contains('\0') {
        faults.push(Fault::at(pointer, "holds a NUL character"));
    }
    if text.len() > most && text.chars().count() > most {
        faults.push(Fault::at(
            pointer,
            format!("is longer than {most} characters"),
        ));
    }
}

/// Checks an identifier for a new item. Identifiers that are path segments of the API are refused,
/// since such an item could never be read.
pub fn check_new_id(
    pointer: &str,
    id: &str,
    taken: &[&str],
    limits: &Limits,
    faults: &mut Vec<Fault>,
) {
    check_id(pointer, id, limits, faults);
    if taken.contains(&id) || [".", ".."].contains(&id) {
        faults.push(Fault::at(
            pointer,
            "has another meaning in a path, so nothing of that name could be read",
        ));
    }
}

/// Checks a caller's own identifier: not empty, no control characters, not too long.
pub fn check_id(pointer: &str, id: &str, limits: &Limits, faults: &mut Vec<Fault>) {
    if id.is_empty() {
        faults.push(Fault::at(pointer, "is empty"));
    } else if id.chars().any(char::is_control) {
        faults.push(Fault::at(pointer, "holds a control character"));
    }
    check_text(pointer, id, limits.id, faults);
}
