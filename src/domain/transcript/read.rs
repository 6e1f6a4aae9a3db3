//! Reads chat transcripts from the XML of UCS.

use roxmltree::{Document, Node, ParsingOptions};

use super::{Line, Party, Transcript};
use crate::domain::Moment;

/// Largest XML that is read, in bytes.
const LARGEST: usize = 4 << 20;
/// Largest number of elements and texts in it.
const MOST_NODES: u32 = 200_000;

/// What a party did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Joined the chat.
    Joined,
    /// Left the chat.
    Left,
    /// Sent a message.
    Said,
    /// Did something that a notice reports.
    Noticed,
}

/// An event of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Seconds since the start.
    pub second: i64,
    /// The index of its party; `None` if the party never joined.
    pub party: Option<usize>,
    /// The kind of event.
    pub act: Act,
    /// The text; empty for joining and leaving.
    pub text: String,
    /// Whether the customer saw it.
    pub shown_to_all: bool,
}

/// A chat as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Identifier of the session; empty if absent.
    pub session: String,
    /// When it began, if readable.
    pub start: Option<Moment>,
    /// The parties, in the order in which they joined.
    pub parties: Vec<Party>,
    /// The events, in order.
    pub events: Vec<Event>,
}

impl Recording {
    /// Reads a transcript; `None` for any other text, for XML above the limits, and for XML with a
    /// document type declaration, which could define entities.
    pub fn read(xml: &str) -> Option<Self> {
        if xml.len() > LARGEST {
            return None;
        }
        let options = ParsingOptions {
            allow_dtd: false,
            nodes_limit: MOST_NODES,
            ..ParsingOptions::default()
        };
        let document = Document::parse_with_options(xml, options).ok()?;
        let root = document.root_element();
        if root.tag_name().name() != "chatTranscript" {
            return None;
        }
        let mut recording = Self {
            session: root.attribute("sessionId").unwrap_or_default().to_owned(),
            start: root
                .attribute("startAt")
                .and_then(|at| Moment::parse(at).ok()),
            parties: Vec::new(),
            events: Vec::new(),
        };
        for element in root.children().filter(Node::is_element) {
            recording.add(element);
        }
        Some(recording)
    }

    fn add(&mut self, element: Node<'_, '_>) {
        let user = element.attribute("userId").unwrap_or_default();
        let (act, inner) = match element.tag_name().name() {
            "newParty" => {
                if self.party(user).is_none() {
                    self.parties.push(party(user, element));
                }
                (Act::Joined, None)
            }
            "partyLeft" => (Act::Left, None),
            "message" => (Act::Said, Some("msgText")),
            "notice" => (Act::Noticed, Some("noticeText")),
            _ => return,
        };
        self.events.push(Event {
            second: element
                .attribute("timeShift")
                .and_then(|seconds| seconds.parse().ok())
                .unwrap_or_default(),
            party: self.party(user),
            act,
            text: inner.map_or_else(String::new, |name| words(element, name)),
            shown_to_all: element
                .attribute("visibility")
                .is_none_or(|to| to.eq_ignore_ascii_case("ALL")),
        });
    }

    fn party(&self, user: &str) -> Option<usize> {
        self.parties.iter().position(|party| party.user_id == user)
    }

    /// The messages and notices, without joining and leaving. `None` if the start is unknown, or a
    /// speaker never joined.
    pub fn transcript(self) -> Option<Transcript> {
        let lines = self
            .events
            .into_iter()
            .filter(|event| matches!(event.act, Act::Said | Act::Noticed))
            .map(|event| {
                Some(Line {
                    second: event.second,
                    party: event.party?,
                    text: event.text,
                    notice: event.act == Act::Noticed,
                })
            });
        Some(Transcript {
            session: self.session,
            start: self.start?,
            lines: lines.collect::<Option<_>>()?,
            parties: self.parties,
        })
    }
}

/// The text of the child elements with this name.
fn words(element: Node<'_, '_>, name: &str) -> String {
    element
        .children()
        .filter(|inner| inner.has_tag_name(name))
        .flat_map(|inner| inner.descendants())
        .filter(Node::is_text)
        .filter_map(|text| text.text())
        .collect()
}

fn party(user: &str, element: Node<'_, '_>) -> Party {
    let info = element
        .children()
        .find(|inner| inner.has_tag_name("userInfo"));
    let said = |name| info.and_then(|info| info.attribute(name));
    let kind = said("userType").unwrap_or_default();
    Party {
        user_id: user.to_owned(),
        nickname: said("userNick").unwrap_or(user).to_owned(),
        kind: ["CLIENT", "AGENT", "SUPERVISOR"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(kind))
            .unwrap_or("EXTERNAL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> Transcript {
        let party = |user_id: &str, nickname: &str, kind| Party {
            user_id: user_id.into(),
            nickname: nickname.into(),
            kind,
        };
        let line = |second, party, text: &str, notice| Line {
            second,
            party,
            text: text.into(),
            notice,
        };
        Transcript {
            session: "s & 1".into(),
            start: Moment::parse("2026-03-01T09:30:00.25Z").unwrap(),
            parties: vec![
                party("c", "Ann \"A\" <a>", "CLIENT"),
                party("a", "Bób", "AGENT"),
                party("x", "x", "EXTERNAL"),
            ],
            lines: vec![
                line(0, 0, "a < b && \"c\" &amp; 'd' ]]> 😀", false),
                line(0, 1, "", false),
                line(7, 1, "looks\nit\tup", true),
                line(700, 0, " blanks ", false),
            ],
        }
    }

    #[test]
    fn what_was_written_is_read_again_the_same() {
        let read = Recording::read(&chat().xml()).unwrap();
        let coming: Vec<_> = read
            .events
            .iter()
            .map(|event| (event.act, event.party))
            .collect();
        assert_eq!(coming[..2], [(Act::Joined, Some(0)), (Act::Said, Some(0))]);
        assert_eq!(coming[2], (Act::Joined, Some(1)));
        let going = [
            (Act::Left, Some(0)),
            (Act::Left, Some(1)),
            (Act::Joined, Some(2)),
            (Act::Left, Some(2)),
        ];
        assert_eq!(coming[6..], going);
        assert_eq!(read.transcript(), Some(chat()));
    }

    #[test]
    fn a_transcript_of_another_system_is_read_as_far_as_it_goes() {
        let read = Recording::read(
            "<?xml version=\"1.0\"?>\n<chatTranscript startAt=\"yesterday\">\n\
             <newParty userId=\"1\" timeShift=\"0\"><userInfo userNick=\"N\" userType=\"client\"/></newParty>\
             <newParty userId=\"1\"/><unknown/>\
             <message userId=\"1\" timeShift=\"4\" visibility=\"INT\"><msgText><![CDATA[<b>]]>&#65;</msgText></message>\
             <message userId=\"9\"><msgText/></message></chatTranscript>",
        )
        .unwrap();
        assert_eq!((read.parties.len(), read.parties[0].kind), (1, "CLIENT"));
        let said = &read.events[2];
        assert_eq!(
            (said.text.as_str(), said.second, said.shown_to_all),
            ("<b>A", 4, false)
        );
        assert_eq!(read.events[3].party, None);
        assert_eq!((read.start, read.transcript()), (None, None));
    }

    #[test]
    fn what_is_no_transcript_is_none() {
        let deep = format!("<chatTranscript>{}", "<a>".repeat(100_000));
        let large = format!("<chatTranscript>{}</chatTranscript>", "a".repeat(LARGEST));
        let many = format!(
            "<chatTranscript>{}</chatTranscript>",
            "<a/>".repeat(250_000)
        );
        let entity = "<!DOCTYPE c [<!ENTITY e \"eeee\">]><chatTranscript sessionId=\"&e;\"/>";
        for text in [
            "",
            "Ann: hello",
            "<html/>",
            "<chatTranscript>",
            &deep,
            &large,
            &many,
            entity,
        ] {
            assert_eq!(Recording::read(text), None, "{text:.60}");
        }
        assert!(Recording::read("<chatTranscript/>").is_some());
    }
}
