//! Web actions: offers and chats that a site shows, each with a lifecycle of states
//! (`all.docs.genesys.com/ATC/Current/SDK`: "Use Events methods with web actions", "Web chat
//! lifecycle", "Content offer lifecycle").
//!
//! An event reports one state of one action. Events arrive in any order; [`life`] orders them when
//! they are read. Several copies of an event may arrive, since a page may enrich an event and send
//! it on; [`merge`] combines them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::limits::{Limits, check_id, check_text};
use super::user_data;
use super::{Fault, Moment, Refusal};

pub use life::{Flag, Recorded, life};
pub use merge::{Merged, merge};
pub use state::State;

mod life;
mod merge;
mod state;

/// The media type of an offer of content.
pub const CONTENT_OFFER: &str = "contentoffer";

/// The media types in lower case. The vendor's other API capitalises some.
pub const MEDIA_TYPES: [&str; 6] = [
    "webchat",
    CONTENT_OFFER,
    "webmessagingoffer",
    "integrationaction",
    "architectflow",
    "openaction",
];

/// Largest event, in bytes of JSON.
pub const LARGEST: usize = 64 * 1024;

/// An event: a state of an action, and the fields that came with it.
#[derive(Clone, Debug, PartialEq)]
pub struct WebAction {
    /// The action.
    pub action_id: String,
    /// Its state.
    pub state: State,
    /// The media type in lower case.
    pub media_type: Option<String>,
    /// The action map.
    pub map_id: Option<String>,
    /// Its version.
    pub map_version: Option<i64>,
    /// The visitor.
    pub customer_id: Option<String>,
    /// The visit.
    pub session_id: Option<String>,
    /// The interaction that it led to, or the conversation if it names no interaction.
    pub reference: Option<String>,
    /// The conversation that it led to.
    pub conversation_id: Option<String>,
    /// The error code as a text.
    pub error_code: Option<String>,
    /// When it happened; `None` if the event does not say, and the time of receipt is used.
    pub event_date: Option<Moment>,
    /// All fields as received, flat.
    pub event: Map<String, Value>,
}

/// The field with the time of an event.
pub const EVENT_DATE: &str = "eventDate";

impl WebAction {
    /// Reads an event.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault.
    pub fn read(mut event: Map<String, Value>, limits: &Limits) -> Result<Self, Refusal> {
        let mut faults = Vec::new();
        event.retain(|_, value| !value.is_null());
        user_data::check("", &event, limits, &mut faults);
        let mut read = Reader {
            event: &event,
            faults: &mut faults,
        };
        let action_id = read.text("actionId", limits);
        let state = read.text("actionState", limits);
        let media_type = read.text("actionMediaType", limits);
        let map_id = read.text("actionMapId", limits);
        let map_version = read.whole("actionMapVersion");
        let customer_id = read.text("customerId", limits);
        let _ = read.text("customerIdType", limits);
        let session_id = read.text("sessionId", limits);
        let error_code = read.code("errorCode");
        read.message("errorMessage");
        let interaction_id = read.text("interactionId", limits);
        let conversation_id = read.text("conversationId", limits);
        let event_date = read.moment(EVENT_DATE);
        for (pointer, value) in [("/actionId", &action_id), ("/actionState", &state)] {
            if value.is_none() && !is_faulty(&faults, pointer) {
                faults.push(Fault::at(pointer, "is missing"));
            }
        }
        let known = state.as_deref().and_then(State::of_name);
        if let (Some(given), None) = (&state, known) {
            let names = State::ALL.map(|(_, name)| name);
            want_one_of("/actionState", given, &names, &mut faults);
        }
        let media_type = media_type.map(|given| {
            let lower = given.to_lowercase();
            if !MEDIA_TYPES.contains(&lower.as_str()) {
                want_one_of("/actionMediaType", &given, &MEDIA_TYPES, &mut faults);
            }
            lower
        });
        let size = serde_json::to_string(&event).map_or(usize::MAX, |text| text.len());
        if size > LARGEST {
            faults.push(Fault::at("", format!("is larger than {LARGEST} bytes")));
        }
        let (Some(action_id), Some(state), true) = (action_id, known, faults.is_empty()) else {
            return Err(Refusal::Invalid(faults));
        };
        event.insert("actionState".to_owned(), state.name().into());
        if let Some(at) = event_date {
            let given = event.get("eventDate").and_then(Value::as_str);
            if !given.is_some_and(Moment::is_rfc3339) {
                event.insert("eventDate".to_owned(), at.to_string().into());
            }
        }
        if let Some(media_type) = &media_type {
            event.insert("actionMediaType".to_owned(), media_type.as_str().into());
        }
        Ok(Self {
            action_id,
            state,
            media_type,
            map_id,
            map_version,
            customer_id,
            session_id,
            reference: interaction_id.or_else(|| conversation_id.clone()),
            conversation_id,
            error_code,
            event_date,
            event,
        })
    }
}

fn is_faulty(faults: &[Fault], pointer: &str) -> bool {
    faults.iter().any(|fault| fault.pointer == pointer)
}

/// Adds a fault for a value that is not in a list. A value with another fault, such as being too
/// long to repeat, is not named.
fn want_one_of(pointer: &str, given: &str, known: &[&str], faults: &mut Vec<Fault>) {
    if !is_faulty(faults, pointer) {
        let detail = format!("is {given:?}, which is none of {}", known.join(", "));
        faults.push(Fault::at(pointer, detail));
    }
}

/// Reads typed fields of an event.
struct Reader<'e> {
    event: &'e Map<String, Value>,
    faults: &'e mut Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, key: &str, what: &str) {
        self.faults.push(Fault::at(format!("/{key}"), what));
    }

    fn text(&mut self, key: &str, limits: &Limits) -> Option<String> {
        let Value::String(text) = self.event.get(key)? else {
            self.fault(key, "is no text");
            return None;
        };
        check_id(&format!("/{key}"), text, limits, self.faults);
        Some(text.clone())
    }

    /// Reads a field that is a text in one API and a number in the other.
    fn message(&mut self, key: &str) {
        match self.event.get(key) {
            None | Some(Value::Number(_)) => {}
            Some(Value::String(text)) => {
                check_text(&format!("/{key}"), text, LARGEST, self.faults);
            }
            Some(_) => self.fault(key, "is neither a text nor a number"),
        }
    }

    fn whole(&mut self, key: &str) -> Option<i64> {
        let value = self.event.get(key)?;
        let number = value.as_i64().filter(|number| *number >= 0);
        if number.is_none() {
            self.fault(key, "is no whole number");
        }
        number
    }

    /// Reads a field that is a number in one API and a text in the other; returns a text.
    fn code(&mut self, key: &str) -> Option<String> {
        match self.event.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.fault(key, "is neither a text nor a number");
                None
            }
        }
    }

    fn moment(&mut self, key: &str) -> Option<Moment> {
        let read = match self.event.get(key)? {
            Value::String(text) => Moment::parse(text),
            Value::Number(number) => match number.as_i64() {
                Some(millis) => Moment::from_millis(millis),
                None => Err("is no whole number of milliseconds".to_owned()),
            },
            _ => Err("is no time, such as \"2026-03-01T09:30:00Z\"".to_owned()),
        };
        if let Err(what) = &read {
            self.fault(key, what);
        }
        read.ok()
    }
}

/// The visits that the UserData of a web engagement names under any of these keys.
pub fn named_visits(user_data: &str, keys: &[String]) -> BTreeSet<String> {
    let document = user_data::read(user_data).unwrap_or_default();
    let named = keys.iter().filter_map(|key| document.get(key)?.as_str());
    named.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(event: Value) -> Result<WebAction, Refusal> {
        let Value::Object(event) = event else {
            panic!()
        };
        WebAction::read(event, &Limits::default())
    }

    fn faults(event: Value) -> Vec<(String, String)> {
        match read(event) {
            Err(Refusal::Invalid(faults)) => {
                let pairs = faults
                    .into_iter()
                    .map(|fault| (fault.pointer, fault.detail));
                pairs.collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn types_are_as_published_and_what_is_wrong_is_named() {
        let event = read(json!({"actionId": "1", "actionState": "timed out", "actionMediaType": "contentOffer", "errorCode": "7", "actionMapVersion": 3,
            "conversationId": "c", "depth": 1.5}))
        .unwrap();
        assert_eq!(
            (event.state, event.media_type.as_deref()),
            (State::TimedOut, Some(CONTENT_OFFER))
        );
        assert_eq!(
            (event.map_version, event.reference.as_deref()),
            (Some(3), Some("c"))
        );
        assert_eq!(event.error_code.as_deref(), Some("7"));
        assert_eq!(event.event["depth"], json!(1.5));
        assert_eq!(event.event["actionState"], "timedout");
        let Err(Refusal::Invalid(faults)) = read(
            json!({"actionState": "gone", "actionMapVersion": "3", "errorCode": [], "eventDate": "now"}),
        ) else {
            panic!()
        };
        let places: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(
            places,
            [
                "/actionMapVersion",
                "/errorCode",
                "/eventDate",
                "/actionId",
                "/actionState"
            ]
        );
    }

    #[test]
    fn an_unknown_state_or_media_type_is_named() {
        let wrong =
            faults(json!({"actionId": "1", "actionState": "gone", "actionMediaType": "Fax"}));
        assert_eq!(wrong[0].0, "/actionState");
        assert!(
            wrong[0]
                .1
                .starts_with("is \"gone\", which is none of qualified,")
        );
        assert!(
            wrong[1]
                .1
                .starts_with("is \"Fax\", which is none of webchat,")
        );
        let long = faults(json!({"actionId": "1", "actionState": "x".repeat(2000)}));
        assert_eq!(long.len(), 1);
        assert!(long[0].1.len() < 100, "{long:?}");
    }

    #[test]
    fn an_error_message_is_a_text_or_a_number_and_stays_as_it_came() {
        for message in [json!("no agent"), json!(42), json!(4.5)] {
            let event =
                read(json!({"actionId": "1", "actionState": "errored", "errorMessage": message}));
            assert_eq!(event.unwrap().event["errorMessage"], message);
        }
        let wrong = faults(json!({"actionId": "1", "actionState": "errored", "errorMessage": [1]}));
        assert_eq!(wrong[0].1, "is neither a text nor a number");
    }
}
