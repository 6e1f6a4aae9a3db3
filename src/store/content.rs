//! Journal deltas: the content of an entry as JSON text.
//!
//! A delta holds what changed. Of `text` and `structuredText`, which may be long and are stored
//! with the interaction, it records only that they were set. UserData is included in full, so that
//! its state at any moment can be computed from the journal alone.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::core;
use crate::domain::change::Kind;
use crate::domain::command::Stored;
use crate::domain::contact::Attributes;
use crate::domain::interaction::{Interaction, InteractionPatch};
use crate::domain::redaction::Redaction;
use crate::domain::user_data::{self, Document, Edit};

/// Replaces the delta of an entry whose subject was erased or deleted.
pub const ERASED: &str = r#"{"erased":true}"#;

/// The content of a new interaction: its attributes that are not null, its UserData, and how that
/// was propagated.
pub fn recorded(stored: &Stored, provenance: Option<&Provenance<'_>>) -> String {
    let texts = stored.texts.as_ref();
    let length = |text: &Option<String>| text.as_ref().map(|text| text.chars().count());
    let told = texts.map_or_else(TextsTold::default, |texts| TextsTold {
        comment: texts.comment.clone(),
        participants: texts
            .participants
            .as_ref()
            .map(|all| serde_json::to_string(all).unwrap_or_default()),
        text_length: length(&texts.text),
        structured_text_length: length(&texts.structured_text),
    });
    recorded_of(&stored.interaction, &stored.user_data, &told, provenance)
}

/// What the entry of a new interaction tells of its long texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextsTold {
    /// The comment.
    pub comment: Option<String>,
    /// The participants as JSON text.
    pub participants: Option<String>,
    /// The number of characters of the text.
    pub text_length: Option<usize>,
    /// The number of characters of the structured text.
    pub structured_text_length: Option<usize>,
}

/// As [`recorded`], from the parts.
pub fn recorded_of(
    interaction: &Interaction,
    user_data: &str,
    texts: &TextsTold,
    provenance: Option<&Provenance<'_>>,
) -> String {
    let mut delta = Delta(core::told(interaction).into_bytes());
    delta.0.reserve(user_data.len() + 512);
    delta.put_some("comment", texts.comment.as_ref());
    if let Some(participants) = &texts.participants {
        delta.put_json("participants", participants);
    }
    delta.put_some("textLength", texts.text_length.as_ref());
    delta.put_some(
        "structuredTextLength",
        texts.structured_text_length.as_ref(),
    );
    if let Some(provenance) = provenance {
        delta.put_some("copyUserData", provenance.copy_user_data.as_ref());
        delta.put("copiedKeys", &provenance.copied_keys);
        delta.put("linkedBy", &provenance.linked_by);
    }
    delta.put_json("userData", user_data);
    delta.finish()
}

/// What a child copied from its parent, and how the two were linked.
pub struct Provenance<'a> {
    /// The policy as the request said it, or the server's.
    pub copy_user_data: Option<&'a str>,
    /// The keys copied.
    pub copied_keys: &'a [String],
    /// How the link came about.
    pub linked_by: &'a str,
}

/// The change when an interaction gets a parent, or follows into another thread.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// The new parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The new thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// The parent's contact, for an interaction without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// The policy that UserData was copied by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_user_data: Option<String>,
    /// The keys copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied_keys: Option<Vec<String>>,
    /// How the link came about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked_by: Option<String>,
    /// The keys copied, with their values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach: Option<Document>,
}

/// The delta of an interaction that got a parent, with the rest of the patch that set it.
pub fn moved(rest: &InteractionPatch, moved: &Moved) -> String {
    let mut delta = patch_delta(rest);
    if let Ok(Value::Object(moved)) = serde_json::to_value(moved) {
        delta.extend(moved);
    }
    Value::Object(delta).to_string()
}

/// A JSON object being written.
struct Delta(Vec<u8>);

impl Delta {
    /// A key that needs no escapes.
    fn key(&mut self, key: &'static str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        self.0.push(b'"');
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn put(&mut self, key: &'static str, value: &impl Serialize) {
        self.key(key);
        serde_json::to_writer(&mut self.0, value).expect("memory takes all that is written");
    }

    fn put_some(&mut self, key: &'static str, value: Option<&impl Serialize>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    fn put_json(&mut self, key: &'static str, json: &str) {
        self.key(key);
        self.0.extend_from_slice(json.as_bytes());
    }

    fn finish(mut self) -> String {
        self.0.push(b'}');
        String::from_utf8(self.0).expect("JSON is UTF-8")
    }
}

/// The kind and the delta of a change of UserData; no kind if nothing was requested.
///
/// `previous` holds the values that were replaced or removed.
pub fn edited(edit: &Edit, previous: Document) -> (Option<Kind>, String) {
    let parts = [
        (!edit.attach.document.is_empty(), Kind::UserDataAttached),
        (!edit.update.document.is_empty(), Kind::UserDataUpdated),
        (!edit.delete.is_empty(), Kind::UserDataDeleted),
    ];
    let mut asked = parts
        .iter()
        .filter(|(asked, _)| *asked)
        .map(|(_, kind)| *kind);
    let kind = match (asked.next(), asked.next()) {
        (only, None) => only,
        _ => Some(Kind::UserDataEdited),
    };
    let mut delta = serde_json::Map::new();
    if parts[0].0 {
        delta.insert("attach".into(), Value::Object(edit.attach.document.clone()));
    }
    if parts[1].0 {
        delta.insert("update".into(), Value::Object(edit.update.document.clone()));
    }
    if parts[2].0 {
        delta.insert("delete".into(), json!(edit.delete));
    }
    if !previous.is_empty() {
        delta.insert("previous".into(), Value::Object(previous));
    }
    (kind, Value::Object(delta).to_string())
}

/// Applies the delta of an entry to UserData, for its state at a moment. An erased delta leaves
/// nothing.
pub fn replay(delta: &str, document: &mut Document) -> Result<(), serde_json::Error> {
    let mut delta = user_data::read(delta)?;
    if delta.get("erased") == Some(&Value::Bool(true)) {
        document.clear();
    }
    if let Some(Value::Object(all)) = delta.shift_remove("userData") {
        *document = all;
    }
    for part in ["attach", "update"] {
        if let Some(Value::Object(keys)) = delta.shift_remove(part) {
            document.extend(keys);
        }
    }
    for key in delta
        .get("delete")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        document.shift_remove(key.as_str().unwrap_or_default());
    }
    Ok(())
}

/// Members of a delta that hold UserData.
pub const DOCUMENTS: [&str; 4] = ["userData", "attach", "update", "previous"];
/// Members of a delta that hold other content.
const CONTENTS: [&str; 5] = [
    "subject",
    "comment",
    "participants",
    "stoppedReason",
    "externalId",
];

/// Removes keys and values from the delta of an entry; returns whether it held any.
pub fn redact(delta: &mut Document, keys: &BTreeSet<String>, redaction: &Redaction) -> bool {
    let mut held = false;
    for part in DOCUMENTS {
        if let Some(part) = delta.get_mut(part) {
            if let Value::Object(part) = part {
                let before = part.len();
                part.retain(|key, _| !keys.contains(key));
                held |= part.len() != before;
            }
            held |= redaction.value(part);
        }
    }
    for part in CONTENTS {
        held |= delta
            .get_mut(part)
            .is_some_and(|part| redaction.value(part));
    }
    held
}

/// The delta of a patch: the patch itself, with only the names of the long texts.
pub fn changed(patch: &InteractionPatch) -> String {
    Value::Object(patch_delta(patch)).to_string()
}

fn patch_delta(patch: &InteractionPatch) -> Document {
    let Ok(Value::Object(mut delta)) = serde_json::to_value(patch) else {
        return Document::new();
    };
    for long in ["text", "structuredText"] {
        if let Some(value) = delta.shift_remove(long) {
            let length = value.as_str().map(|text| text.chars().count());
            delta.insert(format!("{long}Length"), json!(length));
        }
    }
    delta
}

/// The delta of a new contact.
pub fn attributes(attributes: &Attributes) -> String {
    json!({ "attributes": attributes }).to_string()
}
