//! Journal deltas: what an entry says, as JSON text.
//!
//! A delta holds what changed, but for `text` and `structuredText`, which may be long and stand with the interaction: of those it says only that they
//! were set. UserData stands in it whole, so that the state of UserData at any moment follows from the journal alone.

use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::change::Kind;
use crate::domain::command::Stored;
use crate::domain::contact::Attributes;
use crate::domain::interaction::{InteractionPatch, Participant};
use crate::domain::user_data::{self, Document, Edit};

/// What overwrites the delta of an entry whose subject was erased or deleted.
pub const ERASED: &str = r#"{"erased":true}"#;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extra<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participants: Option<&'a [Participant]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_text_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    copy_user_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    copied_keys: Option<&'a [String]>,
}

/// The content of a new interaction: its attributes that are not null, its UserData, and how it was propagated.
pub fn recorded(stored: &Stored, propagation: Option<(Option<&str>, &Vec<String>)>) -> String {
    let texts = stored.texts.as_ref();
    let extra = Extra {
        comment: texts.and_then(|texts| texts.comment.as_deref()),
        participants: texts.and_then(|texts| texts.participants.as_deref()),
        text_length: texts
            .and_then(|texts| texts.text.as_ref())
            .map(|text| text.chars().count()),
        structured_text_length: texts
            .and_then(|texts| texts.structured_text.as_ref())
            .map(|text| text.chars().count()),
        copy_user_data: propagation.and_then(|(policy, _)| policy),
        copied_keys: propagation.map(|(_, keys)| keys.as_slice()),
    };
    let mut delta = without_nulls(&stored.interaction);
    let more = serde_json::to_string(&extra).unwrap_or_default();
    delta.pop();
    if more.len() > 2 {
        delta.push(',');
        delta.push_str(&more[1..more.len() - 1]);
    }
    delta.push_str(",\"userData\":");
    delta.push_str(&stored.user_data);
    delta.push('}');
    delta
}

fn without_nulls(content: &impl Serialize) -> String {
    let Ok(Value::Object(mut object)) = serde_json::to_value(content) else {
        return "{}".to_owned();
    };
    object.retain(|_, value| !value.is_null());
    Value::Object(object).to_string()
}

/// The kind and the delta of a change of UserData; no kind where nothing was asked for.
///
/// `previous` are the values that were replaced or removed.
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

/// Applies the delta of an entry to UserData, for the state as of a moment. An erased one leaves nothing.
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

/// The delta of a patch: the patch itself, with the long texts only named.
pub fn changed(patch: &InteractionPatch) -> String {
    let Ok(Value::Object(mut delta)) = serde_json::to_value(patch) else {
        return "{}".to_owned();
    };
    for long in ["text", "structuredText"] {
        if let Some(value) = delta.shift_remove(long) {
            let length = value.as_str().map(|text| text.chars().count());
            delta.insert(format!("{long}Length"), json!(length));
        }
    }
    Value::Object(delta).to_string()
}

/// The delta of a new contact.
pub fn attributes(attributes: &Attributes) -> String {
    json!({ "attributes": attributes }).to_string()
}
