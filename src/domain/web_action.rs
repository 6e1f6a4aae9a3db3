//! Web actions: offers and chats that a site shows, each with a life of states (`all.docs.genesys.com/ATC/Current/SDK`: "Use Events methods with web actions",
//! "Web chat lifecycle", "Content offer lifecycle").
//!
//! An event is one state of one action. Events come in any order; what follows what is found out when a life is read ([`life`]).

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::limits::{Limits, check_id, check_text};
use super::user_data;
use super::{Fault, Moment, Refusal};

/// A state in the life of an action; all fourteen that are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// An action map qualified.
    Qualified,
    /// It did, at a time at which nothing is offered.
    QualifiedOutsideSchedule,
    /// It did, but as many offers were made as may.
    FrequencyCapReached,
    /// The offer is shown.
    Offered,
    /// It would have been, at another time.
    OfferedOutsideSchedule,
    /// The visitor took it.
    Accepted,
    /// A chat began.
    Started,
    /// An agent takes part.
    Engaged,
    /// The visitor declined.
    Rejected,
    /// The visitor went on without an answer.
    Ignored,
    /// The invitation was withdrawn.
    TimedOut,
    /// The chat ended before an agent took part.
    Abandoned,
    /// The chat ended.
    Completed,
    /// The widget failed.
    Errored,
}

impl State {
    /// Every state with its name on the wire, in the order in which a life passes through them.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Qualified, "qualified"),
        (Self::QualifiedOutsideSchedule, "qualifiedOutsideSchedule"),
        (Self::FrequencyCapReached, "frequencyCapReached"),
        (Self::Offered, "offered"),
        (Self::OfferedOutsideSchedule, "offeredOutsideSchedule"),
        (Self::Accepted, "accepted"),
        (Self::Started, "started"),
        (Self::Engaged, "engaged"),
        (Self::Rejected, "rejected"),
        (Self::Ignored, "ignored"),
        (Self::TimedOut, "timedout"),
        (Self::Abandoned, "abandoned"),
        (Self::Completed, "completed"),
        (Self::Errored, "errored"),
    ];

    /// The name on the wire and in the store.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("", |(_, name)| name)
    }

    /// The state of a name; the pages print `timed out` for what the API calls `timedout`.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = if name == "timed out" {
            "timedout"
        } else {
            name
        };
        Self::ALL
            .iter()
            .find(|(_, other)| *other == name)
            .map(|(state, _)| *state)
    }

    /// Whether nothing can follow in the life of an action of this media type.
    pub fn is_terminal(self, media_type: Option<&str>) -> bool {
        match self {
            Self::Accepted => media_type == Some(CONTENT_OFFER),
            Self::Rejected
            | Self::Ignored
            | Self::TimedOut
            | Self::Abandoned
            | Self::Completed
            | Self::FrequencyCapReached
            | Self::OfferedOutsideSchedule => true,
            Self::Qualified
            | Self::QualifiedOutsideSchedule
            | Self::Offered
            | Self::Started
            | Self::Engaged
            | Self::Errored => false,
        }
    }

    /// Whether this state can be the first, where `before` is `None`, or follow another in the life of an action of this media type.
    pub fn may_follow(self, before: Option<Self>, media_type: Option<&str>) -> bool {
        use State as S;
        // the widget may fail at any time before the end
        if self == S::Errored {
            return before.is_none_or(|before| !before.is_terminal(media_type));
        }
        let offer_only = media_type == Some(CONTENT_OFFER);
        let next: &[State] = match before {
            None => &[
                S::Qualified,
                S::QualifiedOutsideSchedule,
                S::FrequencyCapReached,
                S::Offered,
                S::OfferedOutsideSchedule,
            ],
            Some(S::Qualified) => &[
                S::FrequencyCapReached,
                S::Offered,
                S::OfferedOutsideSchedule,
            ],
            Some(S::QualifiedOutsideSchedule) => &[S::OfferedOutsideSchedule],
            Some(S::Offered) if offer_only => &[S::Accepted, S::Rejected, S::Ignored],
            Some(S::Offered) => &[S::Accepted, S::Rejected, S::Ignored, S::TimedOut],
            // the form before the chat can be cancelled
            Some(S::Accepted) if !offer_only => &[S::Started, S::Rejected, S::Abandoned],
            Some(S::Started) => &[S::Engaged, S::Abandoned, S::Completed],
            Some(S::Engaged) => &[S::Completed, S::Abandoned],
            Some(_) => &[],
        };
        next.contains(&self)
    }
}

/// The media type of an offer of content.
pub const CONTENT_OFFER: &str = "contentoffer";

/// The media types, lower case; the other API writes some of them with capitals.
pub const MEDIA_TYPES: [&str; 6] = [
    "webchat",
    CONTENT_OFFER,
    "webmessagingoffer",
    "integrationaction",
    "architectflow",
    "openaction",
];

/// Bytes of an event as JSON.
pub const LARGEST: usize = 64 * 1024;

/// One event: a state of an action, with all that came with it.
#[derive(Clone, Debug, PartialEq)]
pub struct WebAction {
    /// Which action.
    pub action_id: String,
    /// Its state.
    pub state: State,
    /// Lower case.
    pub media_type: Option<String>,
    /// The action map.
    pub map_id: Option<String>,
    /// Its version.
    pub map_version: Option<i64>,
    /// The visitor.
    pub customer_id: Option<String>,
    /// The visit.
    pub session_id: Option<String>,
    /// The interaction or conversation that it led to, where the page knew.
    pub reference: Option<String>,
    /// When it happened; the time of receipt where nobody said.
    pub event_date: Option<Moment>,
    /// Everything as it came, flat.
    pub event: Map<String, Value>,
}

/// Keys that name what an action led to, in this order.
const REFERENCES: [&str; 2] = ["interactionId", "conversationId"];

impl WebAction {
    /// Reads an event.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every bad place.
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
        read.code("errorCode");
        read.long("errorMessage");
        let references = REFERENCES.map(|key| read.text(key, limits));
        let event_date = read.moment("eventDate");
        if action_id.is_none() && !faults.iter().any(|fault| fault.pointer == "/actionId") {
            faults.push(Fault::at("/actionId", "is missing"));
        }
        let known = state.as_deref().and_then(State::of_name);
        match (&state, known) {
            (Some(_), None) => faults.push(Fault::at(
                "/actionState",
                format!("is none of {}", State::ALL.map(|(_, name)| name).join(", ")),
            )),
            (None, _) if !faults.iter().any(|fault| fault.pointer == "/actionState") => {
                faults.push(Fault::at("/actionState", "is missing"));
            }
            _ => {}
        }
        let media_type = media_type.map(|given| given.to_lowercase());
        if let Some(given) = &media_type
            && !MEDIA_TYPES.contains(&given.as_str())
        {
            faults.push(Fault::at(
                "/actionMediaType",
                format!("is none of {}", MEDIA_TYPES.join(", ")),
            ));
        }
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
            reference: references.into_iter().flatten().next(),
            event_date,
            event,
        })
    }
}

/// Reads typed members of an event.
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

    fn long(&mut self, key: &str) {
        match self.event.get(key) {
            None => {}
            Some(Value::String(text)) => {
                check_text(&format!("/{key}"), text, LARGEST, self.faults);
            }
            Some(_) => self.fault(key, "is no text"),
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

    /// A whole number here, a text in the other API.
    fn code(&mut self, key: &str) {
        match self.event.get(key) {
            None | Some(Value::String(_)) => {}
            Some(Value::Number(number)) if number.is_i64() => {}
            Some(_) => self.fault(key, "is neither a whole number nor a text"),
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

/// One state in the life of an action, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its place among all events.
    pub seq: i64,
    /// Which action.
    pub action_id: String,
    /// The state.
    pub state: State,
    /// The media type.
    pub media_type: Option<String>,
    /// The visit.
    pub session_id: Option<String>,
    /// What the action led to, where the page knew.
    pub reference: Option<String>,
    /// When it happened.
    pub event_date: Moment,
    /// Whether the same state came again with other content.
    pub contradicted: bool,
    /// The event as it goes out, JSON text.
    pub event: String,
}

/// What is odd about a state in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flag {
    /// The state.
    pub action_state: &'static str,
    /// `unexpected`: it cannot follow the state before it. `contradicted`: it came again with other content.
    pub flag: &'static str,
    /// The state before, for an unexpected one that is not the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<&'static str>,
}

/// Puts the states of one action into the order of its life, and says what is odd about them and whether it is over.
///
/// Events of the same moment stand as a life passes through them. `errored` interrupts nothing: what could follow the state before it can follow it.
pub fn life(mut states: Vec<Recorded>) -> (Vec<Recorded>, Vec<Flag>, bool) {
    states.sort_by_key(|one| (one.event_date, one.state, one.seq));
    let media_type = states.iter().find_map(|one| one.media_type.clone());
    let media_type = media_type.as_deref();
    let mut flags = Vec::new();
    let mut before: Option<State> = None;
    let mut over = false;
    for one in &states {
        let name = one.state.name();
        if !one.state.may_follow(before, media_type) {
            flags.push(Flag {
                action_state: name,
                flag: "unexpected",
                after: before.map(State::name),
            });
        }
        if one.contradicted {
            flags.push(Flag {
                action_state: name,
                flag: "contradicted",
                after: None,
            });
        }
        over |= one.state.is_terminal(media_type);
        if one.state != State::Errored {
            before = Some(one.state);
        }
    }
    (states, flags, over)
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

    fn recorded(media_type: &str, states: &[(State, i64)]) -> Vec<Recorded> {
        states
            .iter()
            .enumerate()
            .map(|(index, (state, micros))| Recorded {
                seq: i64::try_from(index).unwrap(),
                action_id: "a".to_owned(),
                state: *state,
                media_type: Some(media_type.to_owned()),
                session_id: None,
                reference: None,
                event_date: Moment::from_micros(*micros).unwrap(),
                contradicted: false,
                event: "{}".to_owned(),
            })
            .collect()
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
    fn a_life_is_put_in_order_and_what_cannot_follow_is_flagged() {
        use State as S;
        let (states, flags, over) = life(recorded(
            "webchat",
            &[
                (S::Started, 3),
                (S::Offered, 1),
                (S::Completed, 9),
                (S::Accepted, 2),
                (S::Engaged, 4),
            ],
        ));
        let order: Vec<State> = states.iter().map(|one| one.state).collect();
        assert_eq!(
            order,
            [
                S::Offered,
                S::Accepted,
                S::Started,
                S::Engaged,
                S::Completed
            ]
        );
        assert!(flags.is_empty() && over, "{flags:?}");
        let (_, flags, over) = life(recorded(
            "contentoffer",
            &[
                (S::Offered, 1),
                (S::Errored, 2),
                (S::Accepted, 3),
                (S::Engaged, 4),
            ],
        ));
        assert_eq!(
            flags,
            [Flag {
                action_state: "engaged",
                flag: "unexpected",
                after: Some("accepted")
            }]
        );
        assert!(over);
        let (_, flags, over) = life(recorded("webchat", &[(S::Accepted, 1)]));
        assert_eq!(
            flags,
            [Flag {
                action_state: "accepted",
                flag: "unexpected",
                after: None
            }]
        );
        assert!(!over);
    }

    #[test]
    fn events_of_one_moment_stand_as_a_life_passes_through_them() {
        use State as S;
        let (states, flags, _) = life(recorded(
            "webchat",
            &[
                (S::Engaged, 1),
                (S::Started, 1),
                (S::Accepted, 1),
                (S::Offered, 1),
                (S::Qualified, 1),
            ],
        ));
        assert_eq!(states.first().map(|one| one.state), Some(S::Qualified));
        assert!(flags.is_empty(), "{flags:?}");
    }
}
