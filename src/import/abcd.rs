//! The Action-Based Conversations Dataset: customer-service chats, each with the customer's
//! details, the order, and the agent's actions.
//!
//! Each conversation becomes a chat, `abcd-<convo_id>`, and a contact, `abcd-contact-<convo_id>`.
//! The chat has the transcript, and the scenario in `UserData`. An agent's action is a notice in
//! the transcript. The dataset has no times, so they are made up. A chat starts on the day after
//! `order.purchase_date`; without one, on a day of 2020 that is derived from the number. The
//! minute, within office hours, is derived from the number too. A turn takes twenty seconds. The
//! delexicalised turns are left out: they are training targets for a model and contain nothing new.

use chrono::{DateTime, Days, NaiveDate, TimeDelta};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::array;
use super::event::{Found, Gone, Item, Place, Take};
use super::report::WarningKind;
use crate::domain::Moment;
use crate::domain::contact::{GivenAttributes, OneOrMany};
use crate::domain::interaction::{NewInteraction, Participant};
use crate::domain::transcript::{Line, Party, Transcript};

/// The duration of a turn in seconds.
pub const TURN: i64 = 20;

#[derive(Deserialize)]
struct Convo {
    #[serde(rename = "convo_id")]
    number: i64,
    #[serde(default)]
    scenario: Map<String, Value>,
    original: Vec<(String, String)>,
}

/// Emits the chats and the contacts.
pub fn read(from: impl std::io::Read, take: &mut Take<'_>) -> Result<Result<(), Gone>, String> {
    let mut told = false;
    array::read::<Convo>(from, &mut |number, convo| {
        if !told {
            told = true;
            let left = "the delexicalised turns, targets and candidates are not history".to_owned();
            take(Found::Warning(WarningKind::LeftOut, Place::File, left))?;
        }
        match convo {
            Ok(convo) => chat(convo, take),
            Err(reason) => take(Found::Refused(
                Place::Element("chat", number.to_string()),
                reason,
            )),
        }
    })
}

fn chat(convo: Convo, take: &mut Take<'_>) -> Result<(), Gone> {
    let number = convo.number;
    let personal = convo
        .scenario
        .get("personal")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let place = Place::Element("chat", number.to_string());
    let contact = format!("abcd-contact-{number}");
    take(Found::Item(
        place.clone(),
        Item::Contact {
            id: contact.clone(),
            attributes: attributes(&personal),
        },
    ))?;
    let name = personal
        .get("customer_name")
        .and_then(Value::as_str)
        .unwrap_or("customer");
    let chat = transcript(number, begin(number, &convo.scenario), name, convo.original);
    let mut user_data = Map::new();
    user_data.insert("convo_id".to_owned(), number.into());
    user_data.extend(convo.scenario);
    let text = |key: &str| {
        user_data
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let new = NewInteraction {
        subject: text("subflow")
            .or_else(|| text("flow"))
            .map(|flow| flow.replace('_', " ")),
        category_id: text("flow"),
        participants: Some(participants(&contact, name)),
        user_data: user_data.into(),
        ..super::dialogue("abcd", number, &contact, &chat)
    };
    take(Found::Item(place, Item::Interaction(Box::new(new))))
}

fn attributes(personal: &Map<String, Value>) -> GivenAttributes {
    let mut attributes = GivenAttributes::new();
    let mut set = |name: &str, value: &str| {
        attributes.insert(name.to_owned(), OneOrMany::One(value.to_owned()));
    };
    for (key, value) in personal {
        let shown = value.to_string();
        let value = value.as_str().unwrap_or(&shown);
        match key.as_str() {
            "customer_name" => {
                let (first, last) = value.split_once(' ').unwrap_or(("", value));
                if !first.is_empty() {
                    set("FirstName", first);
                }
                set("LastName", last);
            }
            "email" => set("EmailAddress", value),
            "phone" => set("PhoneNumber", value),
            "member_level" => set("CustomerSegment", value),
            "username" => set("UserName", value),
            other => set(other, value),
        }
    }
    attributes
}

fn begin(number: i64, scenario: &Map<String, Value>) -> Moment {
    let purchased = scenario
        .get("order")
        .and_then(|order| order.get("purchase_date")?.as_str())
        .and_then(|date| NaiveDate::parse_from_str(date, "%Y-%m-%d").ok());
    let day = purchased
        .and_then(|day| day.checked_add_days(Days::new(1)))
        .or_else(|| NaiveDate::from_yo_opt(2020, u32::try_from(number.rem_euclid(366) + 1).ok()?))
        .unwrap_or_default();
    let at = day.and_time(chrono::NaiveTime::MIN)
        + TimeDelta::minutes(9 * 60 + number.rem_euclid(8 * 60));
    Moment::new(DateTime::from_naive_utc_and_offset(at, chrono::Utc))
}

fn transcript(number: i64, start: Moment, name: &str, turns: Vec<(String, String)>) -> Transcript {
    let party = |user_id: String, nickname: &str, kind| Party {
        user_id,
        nickname: nickname.to_owned(),
        kind,
    };
    let mut second = -TURN;
    let lines = turns
        .into_iter()
        .map(|(speaker, text)| {
            second += TURN;
            let (party, notice) = match speaker.as_str() {
                "customer" => (1, false),
                "action" => (2, true),
                _ => (0, false),
            };
            Line {
                second,
                party,
                text,
                notice,
            }
        })
        .collect();
    Transcript {
        session: format!("abcd-{number}"),
        start,
        parties: vec![
            party("abcd-agent".to_owned(), "agent", "AGENT"),
            party(format!("abcd-contact-{number}"), name, "CLIENT"),
            party("abcd-system".to_owned(), "action", "EXTERNAL"),
        ],
        lines,
    }
}

fn participants(contact: &str, name: &str) -> Vec<Participant> {
    let one = |id: &str, name: &str, kind: &str| Participant {
        participant_id: id.to_owned(),
        nickname: Some(name.to_owned()),
        kind: Some(kind.to_owned()),
    };
    vec![
        one(contact, name, "Customer"),
        one("abcd-agent", "agent", "Agent"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_keeps_its_customer_its_order_and_what_was_done() {
        let source = r#"[{"convo_id": 7, "scenario": {"personal": {"customer_name": "ann bell", "email": "ann@mail.example"},
            "order": {"purchase_date": "2019-11-06", "products": "[{'a': 1}]"}, "product": {"names": ["jeans"], "amounts": [94]}, "flow": "product_defect", "subflow": "return_size"},
            "original": [["agent", "Hi!"], ["customer", "too small"], ["action", "Account has been pulled up."]], "delexed": [{"speaker": "agent"}]}, {"convo_id": 8}]"#;
        let mut found = Vec::new();
        read(source.as_bytes(), &mut |one| {
            found.push(one);
            Ok(())
        })
        .unwrap()
        .unwrap();
        let [
            Found::Warning(WarningKind::LeftOut, ..),
            Found::Item(_, Item::Contact { id, attributes }),
            Found::Item(_, Item::Interaction(chat)),
            Found::Refused(..),
        ] = &found[..]
        else {
            panic!("{found:?}");
        };
        assert_eq!(attributes["FirstName"], OneOrMany::One("ann".to_owned()));
        assert_eq!(chat.contact_id.as_ref(), Some(id));
        assert_eq!(
            chat.text.as_deref(),
            Some("agent: Hi!\nann bell: too small\naction: Account has been pulled up.")
        );
        assert!(
            chat.structured_text
                .as_ref()
                .unwrap()
                .contains("<noticeText")
        );
        assert_eq!(chat.start_date.unwrap().to_string(), "2019-11-07T09:07:00Z");
        assert_eq!(chat.user_data.document["product"]["amounts"][0], 94);
        assert_eq!(chat.external_id.as_deref(), Some("abcd:7"));
    }
}
