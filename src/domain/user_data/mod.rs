//! UserData: the key-value list attached to an interaction.
//!
//! A value is a string, an integer, a number, a boolean, null, a list, or a nested document.
//! UserData arrives as a JSON object or as the pair list of older clients (`[{"key", "type",
//! "value"}]`). It keeps its types and its order.

mod check;
mod edit;
mod pairs;
mod path;
mod read;
#[cfg(test)]
mod tests;
mod transience;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

pub use check::{Size, check, check_growth};
pub use edit::Edit;
pub use path::KeyPath;
pub use read::{Object, read, strict};
pub use transience::Transience;

/// A UserData document: keys in the order in which they were first attached.
pub type Document = Map<String, Value>;

/// UserData as the caller gave it, before transient keys are removed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// The keys and their values.
    pub document: Document,
    /// Keys that a pair list named more than once; the last value won.
    pub repeated: Vec<String>,
}

impl From<Document> for Given {
    fn from(document: Document) -> Self {
        Self {
            document,
            repeated: Vec::new(),
        }
    }
}

impl Serialize for Given {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document.serialize(serializer)
    }
}

/// Escapes one step of a JSON pointer (RFC 6901).
pub fn escape_pointer(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}
