//! Renders stored values as JSON. UserData is sent as the text in which it is stored.

use std::fmt::Write;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use super::webhook_body::WebhookBody;
use crate::domain::Refusal;
use crate::domain::change::Change;
use crate::domain::command::{Outcome, Reply, Stored};
use crate::domain::filter::{Field, attribute_named};
use crate::domain::interaction::LongTexts;
use crate::domain::user_data::{self, Document, KeyPath};
use crate::store::{FamilyLink, Found};

/// JSON text of anything serialisable.
pub fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// Adds a member to an object that is still open at its end.
fn member(out: &mut String, name: &str, json: &str) {
    write!(out, ",\"{name}\":{json}").expect("a String takes all that is written");
}

/// Adds an interaction, without the closing brace.
fn open(out: &mut String, core: &str, texts: Option<&LongTexts>, user_data: &str) {
    out.push_str(core.strip_suffix('}').unwrap_or(core));
    if let Some(texts) = texts {
        let texts = text(texts);
        out.push(',');
        out.push_str(&texts[1..texts.len() - 1]);
    }
    member(out, "userData", user_data);
}

/// Adds an interaction with everything that was loaded of it.
pub fn add(out: &mut String, found: &Found) {
    open(out, &found.core, found.texts.as_ref(), &found.user_data);
    out.push('}');
}

/// An interaction with everything that was loaded of it.
pub fn interaction(found: &Found) -> String {
    interaction_with(found, &[])
}

/// An interaction as it was written.
fn written(stored: &Stored) -> String {
    let mut out = String::with_capacity(stored.user_data.len() + 1024);
    let core = text(&stored.interaction);
    open(&mut out, &core, stored.texts.as_ref(), &stored.user_data);
    out
}

/// An interaction with further members, given as JSON text.
pub fn interaction_with(found: &Found, members: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(found.core.len() + found.user_data.len() + 1024);
    open(
        &mut out,
        &found.core,
        found.texts.as_ref(),
        &found.user_data,
    );
    for (name, json) in members {
        member(&mut out, name, json);
    }
    out.push('}');
    out
}

/// Adds a member to the JSON object that a text ends with.
pub fn add_member(out: &mut String, name: &str, json: &str) {
    out.pop();
    if out.ends_with('{') {
        out.push_str(&format!("\"{name}\":{json}"));
    } else {
        member(out, name, json);
    }
    out.push('}');
}

fn notes(out: &mut String, dropped: &[String], repeated: &[String]) {
    if !dropped.is_empty() {
        member(out, "droppedKeys", &text(&dropped));
    }
    if !repeated.is_empty() {
        member(out, "repeatedKeys", &text(&repeated));
    }
}

/// The answer to a command, as it is sent, and as it is stored for a repeated request.
#[expect(clippy::too_many_lines, reason = "an arm an outcome")]
pub fn reply(outcome: &Outcome) -> Reply {
    match outcome {
        Outcome::Recorded {
            stored,
            created,
            dropped,
            repeated,
            copied,
            unkept,
            ..
        } => {
            let mut body = written(stored);
            if let Some(copied) = copied {
                member(&mut body, "copiedKeys", &text(copied));
            }
            notes(&mut body, dropped, repeated);
            if !unkept.is_empty() {
                member(&mut body, "unkeptAttributes", &text(unkept));
            }
            body.push('}');
            Reply {
                status: if *created { 201 } else { 200 },
                body,
            }
        }
        Outcome::Edited {
            stored,
            dropped,
            repeated,
            ..
        } => {
            let mut body = format!(
                "{{\"userData\":{},\"revision\":{},\"modifiedDate\":\"{}\"",
                stored.user_data, stored.interaction.revision, stored.interaction.modified_date
            );
            notes(&mut body, dropped, repeated);
            body.push('}');
            Reply { status: 200, body }
        }
        Outcome::Changed { stored, copied, .. } => {
            let mut body = written(stored);
            if let Some(copied) = copied {
                member(&mut body, "copiedKeys", &text(copied));
            }
            body.push('}');
            Reply { status: 200, body }
        }
        Outcome::Contact(contact) => Reply {
            status: 200,
            body: text(contact),
        },
        Outcome::ContactMade(contact) => Reply {
            status: 201,
            body: text(contact),
        },
        Outcome::Identified {
            contact_id,
            created,
            candidates,
            unkept,
        } => {
            let mut body = serde_json::json!({"contactId": contact_id, "created": created, "candidates": candidates});
            if !unkept.is_empty() {
                body["unkeptAttributes"] = unkept.as_slice().into();
            }
            Reply {
                status: 200,
                body: body.to_string(),
            }
        }
        Outcome::Erased {
            contacts,
            interactions,
            shared,
        } => {
            let body = serde_json::json!({"contacts": contacts, "interactions": interactions, "shared": shared});
            Reply {
                status: 200,
                body: body.to_string(),
            }
        }
        Outcome::Deleted(_)
        | Outcome::Filled { .. }
        | Outcome::Restored(_)
        | Outcome::Session(_)
        | Outcome::Done => Reply {
            status: 204,
            body: String::new(),
        },
        Outcome::WebAction {
            action_id,
            created,
            enriched,
            contradicts,
            ..
        } => {
            let mut body = serde_json::json!({"actionId": action_id});
            web_action_flags(&mut body, *enriched, *contradicts);
            Reply {
                status: if *created { 201 } else { 200 },
                body: body.to_string(),
            }
        }
        Outcome::Webhook {
            webhook,
            created,
            secret,
        } => Reply {
            status: if *created { 201 } else { 200 },
            body: text(&WebhookBody::new(webhook, secret.as_ref(), None)),
        },
        Outcome::Deliveries(many) => Reply {
            status: 202,
            body: serde_json::json!({"deliveries": many}).to_string(),
        },
        Outcome::Replayed(reply) => reply.clone(),
    }
}

/// Adds the outcome of a further copy of an event.
pub fn web_action_flags(answer: &mut Value, enriched: bool, contradicts: bool) {
    for (name, holds) in [("enriched", enriched), ("contradicts", contradicts)] {
        if holds {
            answer[name] = true.into();
        }
    }
}

/// Sends an answer, with the revision as its `ETag`.
pub fn send(outcome: &Outcome) -> Response {
    let revision = match outcome {
        Outcome::Recorded { stored, .. }
        | Outcome::Edited { stored, .. }
        | Outcome::Changed { stored, .. } => Some(stored.interaction.revision),
        Outcome::Contact(contact) | Outcome::ContactMade(contact) => Some(contact.revision),
        _ => None,
    };
    let answer = match outcome {
        Outcome::Replayed(reply) => reply.clone(),
        _ => reply(outcome),
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    let mut response = json(answer.body);
    *response.status_mut() = status;
    if let Some(revision) = revision {
        etag(&mut response, revision);
    }
    response
}

/// A JSON answer.
pub fn json(body: String) -> Response {
    (
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )],
        body,
    )
        .into_response()
}

/// Sets the `ETag` to the revision.
pub fn etag(response: &mut Response, revision: i64) {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
}

/// A list and its `next`; `bytes` estimates the size of the items.
pub fn list<T>(
    items: impl Iterator<Item = T>,
    add: impl Fn(&mut String, T),
    bytes: usize,
    next: Option<&str>,
    count: Option<i64>,
) -> String {
    let mut out = String::with_capacity(bytes + 256);
    out.push_str("{\"items\":[");
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        add(&mut out, item);
    }
    out.push(']');
    member(&mut out, "next", &text(&next));
    if let Some(count) = count {
        member(&mut out, "count", &count.to_string());
    }
    out.push('}');
    out
}

/// A journal entry.
pub fn change(change: &Change) -> String {
    format!(
        "{{\"cursor\":\"{}\",\"at\":\"{}\",\"kind\":{},\"interactionId\":{},\"contactId\":{},\"actor\":{},\"delta\":{}}}",
        change.cursor,
        change.at,
        text(&change.kind),
        text(&change.interaction_id),
        text(&change.contact_id),
        text(&change.actor),
        change.delta
    )
}

/// A link from parent to child.
pub fn link(link: &FamilyLink) -> String {
    format!(
        "{{\"parentId\":{},\"childId\":{},\"copyUserData\":{},\"copiedKeys\":{},\"linkedBy\":{},\"createdDate\":\"{}\"}}",
        text(&link.parent),
        text(&link.child),
        text(&link.copy_user_data),
        link.copied_keys,
        text(&link.linked_by),
        link.created_date
    )
}

/// The fields of each item that a caller requests.
pub struct Projection {
    fields: Vec<(String, Option<KeyPath>)>,
}

impl Projection {
    /// Parses field names.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming the unknown field.
    pub fn parse(pointer: &str, names: &[String]) -> Result<Self, Refusal> {
        let fields = names
            .iter()
            .map(|name| match (name.as_str(), Field::parse(name)) {
                (_, Ok(Field::UserData(path))) => Ok((String::new(), Some(path))),
                ("userData" | "participants", _) | (_, Ok(Field::Core(_))) => {
                    Ok((name.clone(), None))
                }
                _ => Err(Refusal::invalid(
                    pointer,
                    format!("names {name:?}, which is no field that can be shown"),
                )),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { fields })
    }

    /// Whether they include long texts.
    pub fn long_texts(&self) -> bool {
        self.fields.iter().any(|(name, _)| {
            name == "participants" || attribute_named(name).is_some_and(|a| a.long)
        })
    }

    /// The chosen fields of an interaction, in the shape of the full one.
    pub fn of(&self, found: &Found) -> String {
        let whole = user_data::read(&interaction(found)).unwrap_or_default();
        let user_data: Document = whole
            .get("userData")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut out = Map::new();
        for (name, path) in &self.fields {
            match path {
                None => {
                    if let Some(value) = whole.get(name) {
                        out.insert(name.clone(), value.clone());
                    }
                }
                Some(path) => {
                    if let Some(value) = path.find(&user_data) {
                        put(&mut out, path, value.clone());
                    }
                }
            }
        }
        Value::Object(out).to_string()
    }
}

fn put(out: &mut Map<String, Value>, path: &KeyPath, value: Value) {
    let mut here = out
        .entry("userData")
        .or_insert_with(|| Value::Object(Map::new()));
    for step in &path.0 {
        let Value::Object(object) = here else { return };
        here = object
            .entry(step.clone())
            .or_insert_with(|| Value::Object(Map::new()));
    }
    *here = value;
}
