//! The messages of a chat in the form of Web Services (`ChatResources`).

use serde_json::{Value, json};

use crate::compat::gws::resource::moment;
use crate::domain::Moment;
use crate::domain::interaction::{LongTexts, Participant};
use crate::domain::transcript::Party;
use crate::domain::transcript::read::{Act, Event, Recording};

/// The maximum length in characters of a name before a line of plain text.
const LONGEST_NAME: usize = 64;

/// The messages of a chat, from its transcript, or from its plain text if it has no readable
/// transcript.
pub fn messages(texts: &LongTexts, start: Moment) -> Vec<Value> {
    let recorded = texts.structured_text.as_deref().and_then(Recording::read);
    if let Some(recording) = recorded {
        let start = recording.start.unwrap_or(start);
        let events = recording.events.iter().enumerate();
        return events
            .map(|(index, event)| of_event(index, event, &recording.parties, start))
            .collect();
    }
    let known = texts.participants.as_deref().unwrap_or_default();
    let lines = lines(texts.text.as_deref().unwrap_or_default(), known);
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| of_line(index, line, known, start))
        .collect()
}

fn message(index: usize, kind: &str, shown_to_all: bool, from: &Value, at: Moment) -> Value {
    json!({
        "index": index + 1,
        "type": kind,
        "visibility": if shown_to_all { "All" } else { "Agents" },
        "from": from,
        "timestamp": moment(at),
        // milliseconds, despite its name
        "timestampSeconds": at.micros().div_euclid(1000),
    })
}

fn of_event(index: usize, event: &Event, parties: &[Party], start: Moment) -> Value {
    let kind = match event.act {
        Act::Joined => "ParticipantJoined",
        Act::Left => "ParticipantLeft",
        Act::Said => "Text",
        Act::Noticed => "Notice",
    };
    let party = event.party.and_then(|place| parties.get(place));
    let from = party.map_or(Value::Null, |party| {
        let kind = match party.kind {
            "CLIENT" => "Customer",
            "AGENT" => "Agent",
            "SUPERVISOR" => "Supervisor",
            _ => "External",
        };
        json!({"participantId": party.user_id, "nickname": party.nickname, "type": kind})
    });
    let at = start.plus_micros(event.second.saturating_mul(1_000_000));
    let mut message = message(index, kind, event.shown_to_all, &from, at);
    match event.act {
        Act::Said => message["text"] = event.text.as_str().into(),
        Act::Noticed => message["noticeText"] = event.text.as_str().into(),
        Act::Joined | Act::Left => {}
    }
    message
}

/// A line of plain text, with its speaker if one can be determined.
#[derive(Debug, PartialEq, Eq)]
struct Line<'t> {
    name: Option<&'t str>,
    words: String,
}

/// Splits lines of the form `name: words`. If the participants are known, a line that does not
/// start with one of their names continues the line before.
fn lines<'t>(text: &'t str, known: &[Participant]) -> Vec<Line<'t>> {
    let mut lines: Vec<Line<'t>> = Vec::new();
    for line in text.lines() {
        let begun = line
            .split_once(": ")
            .or_else(|| Some((line.strip_suffix(':')?, "")))
            .filter(|(name, _)| {
                if known.is_empty() {
                    !name.is_empty() && name.chars().count() <= LONGEST_NAME
                } else {
                    named(known, name).is_some()
                }
            });
        match (begun, lines.last_mut()) {
            (Some((name, words)), _) => lines.push(Line {
                name: Some(name),
                words: words.to_owned(),
            }),
            (None, Some(last)) => {
                last.words.push('\n');
                last.words += line;
            }
            (None, None) if line.is_empty() => {}
            (None, None) => lines.push(Line {
                name: None,
                words: line.to_owned(),
            }),
        }
    }
    lines
}

fn named<'k>(known: &'k [Participant], name: &str) -> Option<&'k Participant> {
    known
        .iter()
        .find(|one| one.nickname.as_deref() == Some(name))
        .or_else(|| known.iter().find(|one| one.participant_id == name))
}

fn of_line(index: usize, line: &Line<'_>, known: &[Participant], start: Moment) -> Value {
    let from = line.name.map_or(Value::Null, |name| {
        let one = named(known, name);
        let id = one.map_or(name, |one| one.participant_id.as_str());
        let kind = one
            .and_then(|one| one.kind.as_deref())
            .unwrap_or("External");
        json!({"participantId": id, "nickname": name, "type": kind})
    });
    // the time of a line is not stored; it is known only to be at or after the start
    let mut message = message(index, "Text", true, &from, start);
    message["text"] = line.words.as_str().into();
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<'t>(text: &'t str, known: &[Participant]) -> Vec<(Option<&'t str>, String)> {
        lines(text, known)
            .into_iter()
            .map(|line| (line.name, line.words))
            .collect()
    }

    #[test]
    fn plain_text_is_taken_apart_by_the_names_that_are_known() {
        let one = |nickname: &str| Participant {
            participant_id: format!("id of {nickname}"),
            nickname: Some(nickname.into()),
            kind: None,
        };
        let text = "Ann: hello\nnote: not a name\n\nBob:\nAnn: bye: bye";
        let known = said(text, &[one("Ann"), one("Bob")]);
        assert_eq!(
            known,
            [
                (Some("Ann"), "hello\nnote: not a name\n".to_owned()),
                (Some("Bob"), String::new()),
                (Some("Ann"), "bye: bye".to_owned()),
            ]
        );
        let unknown = said("a call\nfrom: Ann", &[]);
        assert_eq!(
            unknown,
            [(None, "a call".into()), (Some("from"), "Ann".into())]
        );
        assert_eq!(said("", &[]), []);
    }
}
