//! Schema-Guided Dialogue: conversations of a user with a service, with what the user wanted.
//!
//! Each dialogue becomes a chat, `sgd-<dialogue_id>`, with its transcript. `UserData` has the
//! services, the intents, the final values of the slots, and the calls made to the services. The
//! dataset names no customer (a `recipient_name` is another person), so each dialogue has its own
//! contact, `sgd-contact-<dialogue_id>`. The contact has the attribute `SgdDialogue`, and a name
//! and number if slots hold them. The dataset has no times, but its users speak as if it were the
//! 1st of March 2019. Dialogue `a_b` therefore starts `a` days and `b` times four minutes after
//! 08:00 UTC of that day, and a turn takes twenty seconds. The annotations of single turns and the
//! results of the services are left out.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::abcd::TURN;
use super::array;
use super::event::{Found, Gone, Item, Place, Take};
use super::report::WarningKind;
use crate::domain::Moment;
use crate::domain::contact::{GivenAttributes, OneOrMany};
use crate::domain::interaction::{NewInteraction, Participant};
use crate::domain::transcript::{Line, Party, Transcript};

/// 2019-03-01T08:00:00Z in microseconds.
const TODAY: i64 = 1_551_427_200_000_000;
const MINUTE: i64 = 60_000_000;

#[derive(Deserialize)]
struct Dialogue {
    #[serde(rename = "dialogue_id")]
    name: String,
    #[serde(default)]
    services: Vec<String>,
    turns: Vec<Turn>,
}

#[derive(Deserialize)]
struct Turn {
    speaker: String,
    utterance: String,
    #[serde(default)]
    frames: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    service: String,
    state: Option<State>,
    service_call: Option<Value>,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    active_intent: String,
    #[serde(default)]
    slot_values: Map<String, Value>,
}

/// Emits the chats and the contacts.
pub fn read(from: impl std::io::Read, take: &mut Take<'_>) -> Result<Result<(), Gone>, String> {
    let mut told = false;
    array::read::<Dialogue>(from, &mut |number, dialogue| {
        if !told {
            told = true;
            let left =
                "the annotations of single turns and the results of the services are not history"
                    .to_owned();
            take(Found::Warning(WarningKind::LeftOut, Place::File, left))?;
        }
        match dialogue {
            Ok(dialogue) => chat(&dialogue, take),
            Err(reason) => take(Found::Refused(
                Place::Element("dialogue", number.to_string()),
                reason,
            )),
        }
    })
}

fn chat(dialogue: &Dialogue, take: &mut Take<'_>) -> Result<(), Gone> {
    let name = &dialogue.name;
    let place = Place::Element("dialogue", name.clone());
    let contact = format!("sgd-contact-{name}");
    let (intents, slots, calls) = wanted(&dialogue.turns);
    take(Found::Item(
        place.clone(),
        Item::Contact {
            id: contact.clone(),
            attributes: attributes(name, &slots),
        },
    ))?;
    let chat = transcript(name, &contact, &dialogue.turns);
    let Value::Object(user_data) = json!({
        "dialogue_id": name, "services": dialogue.services, "intents": intents, "slots": slots, "serviceCalls": calls,
    }) else {
        return Ok(());
    };
    let one = |id: &str, name: &str, kind: &str| Participant {
        participant_id: id.to_owned(),
        nickname: Some(name.to_owned()),
        kind: Some(kind.to_owned()),
    };
    let new = NewInteraction {
        subject: Some(dialogue.services.join(", ")),
        participants: Some(vec![
            one(&contact, "user", "Customer"),
            one("sgd-system", "system", "Agent"),
        ]),
        user_data: user_data.into(),
        ..super::dialogue("sgd", name, &contact, &chat)
    };
    take(Found::Item(place, Item::Interaction(Box::new(new))))
}

/// The intents in order, the final slots of each service, and the calls made.
fn wanted(turns: &[Turn]) -> (Vec<&str>, Map<String, Value>, Vec<Value>) {
    let mut intents = Vec::new();
    let mut slots = Map::new();
    let mut calls = Vec::new();
    for frame in turns.iter().flat_map(|turn| &turn.frames) {
        if let Some(State {
            active_intent,
            slot_values,
        }) = &frame.state
        {
            if !["", "NONE"].contains(&active_intent.as_str())
                && !intents.contains(&active_intent.as_str())
            {
                intents.push(active_intent.as_str());
            }
            let values: Map<String, Value> = slot_values
                .iter()
                .map(
                    |(slot, values)| match values.as_array().map(Vec::as_slice) {
                        Some([only]) => (slot.clone(), only.clone()),
                        _ => (slot.clone(), values.clone()),
                    },
                )
                .collect();
            slots.insert(frame.service.clone(), Value::Object(values));
        }
        if let Some(call) = &frame.service_call {
            calls.push(json!({"service": frame.service, "call": call}));
        }
    }
    (intents, slots, calls)
}

fn attributes(name: &str, slots: &Map<String, Value>) -> GivenAttributes {
    let mut attributes = GivenAttributes::new();
    attributes.insert("SgdDialogue".to_owned(), OneOrMany::One(name.to_owned()));
    let values = slots.values().filter_map(Value::as_object).flatten();
    for (slot, value) in values {
        let attribute = match slot.as_str() {
            "contact_name" | "customer_name" | "guest_name" | "passenger_name" | "patient_name" => {
                "FullName"
            }
            "contact_phone" | "contact_number" | "customer_phone" => "PhoneNumber",
            "contact_email" | "email_address" => "EmailAddress",
            _ => continue,
        };
        if let Some(value) = value
            .as_str()
            .or_else(|| value.as_array()?.first()?.as_str())
        {
            attributes.insert(attribute.to_owned(), OneOrMany::One(value.to_owned()));
        }
    }
    attributes
}

fn begin(name: &str) -> Moment {
    let number = |text: &str| text.parse::<u16>().map_or(0, i64::from);
    let (day, place) = name.split_once('_').unwrap_or(("0", name));
    let minutes = number(day) * 24 * 60 + number(place) * 4;
    Moment::new(chrono::DateTime::UNIX_EPOCH).plus_micros(TODAY + minutes * MINUTE)
}

fn transcript(name: &str, contact: &str, turns: &[Turn]) -> Transcript {
    let party = |user_id: &str, nickname: &str, kind| Party {
        user_id: user_id.to_owned(),
        nickname: nickname.to_owned(),
        kind,
    };
    let mut second = -TURN;
    let lines = turns
        .iter()
        .map(|turn| {
            second += TURN;
            Line {
                second,
                party: usize::from(turn.speaker != "USER"),
                text: turn.utterance.clone(),
                notice: false,
            }
        })
        .collect();
    Transcript {
        session: format!("sgd-{name}"),
        start: begin(name),
        parties: vec![
            party(contact, "user", "CLIENT"),
            party("sgd-system", "system", "AGENT"),
        ],
        lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialogue_becomes_a_chat_with_the_slots_as_they_stood_at_the_end() {
        let source = r#"[{"dialogue_id": "12_00003", "services": ["Cars_1"], "turns": [
            {"speaker": "USER", "utterance": "A car.", "frames": [{"service": "Cars_1", "state": {"active_intent": "Rent", "slot_values": {"city": ["Rome"]}}}]},
            {"speaker": "SYSTEM", "utterance": "When?", "frames": [{"service": "Cars_1", "service_call": {"method": "Rent", "parameters": {}}}]},
            {"speaker": "USER", "utterance": "3 pm", "frames": [{"service": "Cars_1", "state": {"active_intent": "NONE", "slot_values": {"city": ["Rome"], "time": ["3 pm", "15:00"]}}}]}]}]"#;
        let mut found = Vec::new();
        read(source.as_bytes(), &mut |one| {
            found.push(one);
            Ok(())
        })
        .unwrap()
        .unwrap();
        let [
            _,
            Found::Item(_, Item::Contact { id, .. }),
            Found::Item(_, Item::Interaction(chat)),
        ] = &found[..]
        else {
            panic!("{found:?}");
        };
        assert_eq!(
            (id.as_str(), chat.id.as_deref()),
            ("sgd-contact-12_00003", Some("sgd-12_00003"))
        );
        assert_eq!(chat.start_date.unwrap().to_string(), "2019-03-13T08:12:00Z");
        assert_eq!(
            chat.text.as_deref(),
            Some("user: A car.\nsystem: When?\nuser: 3 pm")
        );
        assert_eq!(
            Value::Object(chat.user_data.document.clone()),
            json!({"dialogue_id": "12_00003", "services": ["Cars_1"], "intents": ["Rent"], "slots": {"Cars_1": {"city": "Rome", "time": ["3 pm", "15:00"]}},
                   "serviceCalls": [{"service": "Cars_1", "call": {"method": "Rent", "parameters": {}}}]})
        );
    }
}
