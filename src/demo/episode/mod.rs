//! Episodes: what happens from the moment a customer gets in touch until the matter is closed.

mod email;
mod letter;
mod live;
mod web;
mod work;

use super::desk::Desk;
use super::dice::Dice;
use super::people::Person;
use super::staff::{self, Agent};
use super::words::{self, About, PRODUCTS, Phrases, TOPICS, Topic};
use crate::domain::Moment;
use crate::domain::interaction::{NewInteraction, Participant};
use crate::domain::transcript::{Line, Party, Transcript};
use crate::domain::user_data::Document;
use serde_json::Value;

/// Schedules one episode; `open` is whether the contact centre is open.
pub fn happen(desk: &mut Desk, who: &Person, at: Moment, open: bool) {
    let weights = if open {
        [34, 9, 26, 17, 6, 6, 2]
    } else {
        [62, 0, 0, 26, 2, 10, 0]
    };
    match desk.dice.weighted(weights.into_iter()) {
        0 => web::happens(desk, who, at, open),
        1 => live::chat(desk, who, at),
        2 => live::call(desk, who, at),
        3 => email::inbound(desk, who, at),
        4 => email::outbound(desk, who, at),
        5 => live::message(desk, who, at, open),
        _ => work::item(desk, who, at),
    }
}

/// The subject of an episode, and the agent who handles it.
struct Case {
    topic: usize,
    order: String,
    product: &'static str,
    agent: &'static Agent,
    phrases: &'static Phrases,
    name: &'static str,
}

impl Case {
    fn new(dice: &mut Dice, who: &Person) -> Self {
        Self {
            topic: dice.weighted([28, 20, 14, 12, 10, 16].into_iter()),
            order: format!("OR-{}", dice.between(1_000_000, 9_999_999)),
            product: dice.pick(&PRODUCTS),
            agent: staff::who_speaks(who.country.language, dice),
            phrases: who.country.language.phrases(),
            name: who.first,
        }
    }

    fn service(&self) -> &'static str {
        TOPICS[self.topic]
    }

    fn topic(&self) -> &'static Topic {
        &self.phrases.topics[self.topic]
    }

    fn about(&self) -> About<'_> {
        About {
            name: self.name,
            agent: self.agent.first,
            order: &self.order,
            product: self.product,
        }
    }

    fn say(&self, dice: &mut Dice, phrases: &[&'static str]) -> String {
        words::say(dice, phrases, &self.about())
    }
}

/// The attributes that nearly every interaction of a customer has.
fn of(who: &Person, media_type: &str, start: Moment) -> NewInteraction {
    NewInteraction {
        media_type: media_type.to_owned(),
        contact_id: Some(who.id.clone()),
        language: Some(who.country.language.name().to_owned()),
        start_date: Some(start),
        ..NewInteraction::default()
    }
}

fn participants(who: &Person, agent: &Agent) -> Vec<Participant> {
    let one = |id: &str, name: &str, kind: &str| Participant {
        participant_id: id.to_owned(),
        nickname: Some(name.to_owned()),
        kind: Some(kind.to_owned()),
    };
    vec![
        one(&who.id, who.first, "Customer"),
        one(agent.user, agent.first, "Agent"),
    ]
}

/// A conversation in writing, from greeting to goodbye.
fn conversation(dice: &mut Dice, case: &Case, who: &Person, start: Moment) -> Transcript {
    let (phrases, topic) = (case.phrases, case.topic());
    let mut said: Vec<(usize, &[&'static str])> = vec![
        (0, topic.question),
        (1, phrases.hello),
        (1, phrases.ask),
        (0, phrases.detail),
        (1, phrases.wait),
        (1, topic.answer),
    ];
    if dice.percent(35) {
        said.push((0, topic.question));
        said.push((1, topic.answer));
    }
    said.push((0, phrases.thanks));
    said.push((1, phrases.bye));
    let mut second = 0;
    let lines = said
        .into_iter()
        .map(|(party, list)| {
            let text = case.say(dice, list);
            let line = Line {
                second,
                party,
                text,
                notice: false,
            };
            second += dice.mostly_short(6, 150);
            line
        })
        .collect();
    let party = |user_id: &str, nickname: &str, kind| Party {
        user_id: user_id.to_owned(),
        nickname: nickname.to_owned(),
        kind,
    };
    Transcript {
        session: format!("chat-{}", &dice.uuid()[..8]),
        start,
        parties: vec![
            party(&who.id, who.first, "CLIENT"),
            party(case.agent.user, case.agent.first, "AGENT"),
        ],
        lines,
    }
}

fn put(document: &mut Document, key: &str, value: impl Into<Value>) {
    document.insert(key.to_owned(), value.into());
}

/// The keys of an agent's disposition.
fn disposition(dice: &mut Dice) -> Document {
    let (code, label) = staff::disposition(dice);
    let mut keys = Document::new();
    put(&mut keys, "DispositionCode", code);
    put(&mut keys, "DispositionLabel", label);
    keys
}
