//! Chat transcripts, read from the XML that UCS keeps.

use roxmltree::{Document, Node, ParsingOptions};

use super::{Line, Party, Transcript};
use crate::domain::Moment;

/// Bytes of the XML that is read at all.
const LARGEST: usize = 4 << 20;
/// Elements and texts in it.
const MOST_NODES: u32 = 200_000;

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Came in.
    Joined,
    /// Went.
    Left,
    /// Said something.
    Said,
    /// Did something that a notice tells of.
    Noticed,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Seconds since the start.
    pub second: i64,
    /// By whom: a place among the parties; `None` for one who never came in.
    pub party: Option<usize>,
    /// What.
    pub act: Act,
    /// In which words; empty for those who come and go.
    pub text: String,
    /// Whether the customer saw it.
    pub shown_to_all: bool,
}

/// A chat as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Identifier of the session; empty where there is none.
    pub session: String,
    /// When it began, where that can be read.
    pub start: Option<Moment>,
    /// Who took part, in the order in which they came.
    pub parties: Vec<Party>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

impl Recording {
    /// Reads a transcript; `None` for any other text, and for one that is larger than anybody chats. A document type, and so an entity of its own,
    /// makes it another text.
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

    /// What was said and done, without the coming and going. `None` where the start is not known, or somebody spoke who never came in.
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

/// The text of the inner elements of this name.
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
        assert_eq!(
            coming[8..],
            [
                (Act::Left, Some(1)),
                (Act::Joined, Some(2)),
                (Act::Left, Some(2))
            ]
        );
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
