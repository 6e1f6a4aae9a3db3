//! Propagation: which UserData keys a child copies from its web engagement.
//!
//! Modelled on the option `wes.connector.interaction.copyUserData` of Genesys Web Engagement
//! (Developer's Guide, "Propagate UserData").

use serde_json::Value;

use super::Refusal;
use super::user_data::{Document, KeyPath};

/// What a new child copies from its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyPolicy {
    /// Every key.
    All,
    /// No key: the word `no`, an empty text, or no policy.
    No,
    /// These keys, if the parent has them. Names may contain blanks; surrounding blanks are
    /// trimmed.
    Keys(Vec<String>),
}

impl CopyPolicy {
    /// Reads `all`, `no`, a list separated by `;`, or an empty text.
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "all" => Self::All,
            "no" | "" => Self::No,
            list => Self::Keys(
                list.split(';')
                    .map(str::trim)
                    .filter(|key| !key.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
        }
    }

    /// Whether the policy copies this key.
    pub fn takes(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::No => false,
            Self::Keys(keys) => keys.iter().any(|wanted| wanted == key),
        }
    }
}

/// The refusal of a policy for an interaction that is no child of an engagement.
pub fn nothing_to_copy() -> Refusal {
    Refusal::invalid(
        "/copyUserData",
        "is only for a chat or webcallback whose parent is a webengagement",
    )
}

/// Copies to an existing child: new keys follow its own. Returns the copied keys with their values.
pub fn propagate_late(policy: &CopyPolicy, parent: &Document, child: &mut Document) -> Document {
    let mut copied = Document::new();
    for (key, value) in parent {
        if policy.takes(key) && !child.contains_key(key) {
            copied.insert(key.clone(), value.clone());
        }
    }
    child.extend(copied.clone());
    copied
}

/// The values that link a conversation to its web engagement: for each of the keys in the document,
/// its index and its value. Only texts that are not blank count.
pub fn visits(keys: &[KeyPath], document: &Document) -> Vec<(usize, String)> {
    keys.iter()
        .enumerate()
        .filter_map(|(place, key)| match key.find(document)? {
            Value::String(value) if !value.trim().is_empty() => Some((place, value.clone())),
            _ => None,
        })
        .collect()
}

/// The child's document and the copied keys. The child's own keys win and do not count as copied.
pub fn propagate(policy: &CopyPolicy, parent: &Document, own: Document) -> (Document, Vec<String>) {
    let mut child = Document::new();
    let mut copied = Vec::new();
    for (key, value) in parent {
        if policy.takes(key) && !own.contains_key(key) {
            child.insert(key.clone(), value.clone());
            copied.push(key.clone());
        }
    }
    child.extend(own);
    (child, copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn copied(policy: &str) -> Vec<String> {
        let Value::Object(parent) =
            json!({"ORS Data": "o", "rule": "r", "strategy": "s", "some data": "d"})
        else {
            unreachable!()
        };
        propagate(&CopyPolicy::parse(policy), &parent, Document::new()).1
    }

    #[test]
    fn the_published_table_holds() {
        assert_eq!(copied("all"), ["ORS Data", "rule", "strategy", "some data"]);
        assert_eq!(copied("no"), Vec::<String>::new());
        assert_eq!(copied(""), Vec::<String>::new());
        assert_eq!(copied("rule;strategy"), ["rule", "strategy"]);
        assert_eq!(copied("my_key1; ORS Data"), ["ORS Data"]);
        assert_eq!(copied("ALL"), Vec::<String>::new());
    }
}
