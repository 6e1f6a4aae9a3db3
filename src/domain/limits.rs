//! Limits on input. The configuration sets them; both databases allow far more.

use serde::{Deserialize, Serialize};

use super::Fault;

/// How large things may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request's body (a batch as a whole has no limit).
    pub body: usize,
    /// Bytes of one line of a batch or an import.
    pub line: usize,
    /// Bytes of one interaction's UserData as JSON.
    pub user_data: usize,
    /// Levels of nesting in UserData; the document itself is level one.
    pub depth: usize,
    /// Top-level keys in UserData.
    pub keys: usize,
    /// Characters of a UserData key.
    pub key: usize,
    /// Characters of an identifier that a caller brings.
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

/// Checks a text: no NUL, at most `most` characters.
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

/// Checks an identifier for something new: one that the paths use otherwise could never be read again.
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

/// Checks an identifier that a caller brings: not empty, no control characters, short enough.
pub fn check_id(pointer: &str, id: &str, limits: &Limits, faults: &mut Vec<Fault>) {
    if id.is_empty() {
        faults.push(Fault::at(pointer, "is empty"));
    } else if id.chars().any(char::is_control) {
        faults.push(Fault::at(pointer, "holds a control character"));
    }
    check_text(pointer, id, limits.id, faults);
}
