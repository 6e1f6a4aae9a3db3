//! Chat transcripts, as plain text and as the XML that UCS keeps in the structured text of a chat.
//!
//! The XML has a root `chatTranscript` with elements `newParty`, `message`, `notice` and
//! `partyLeft`. Their times are seconds since the start.

pub mod read;

use std::fmt::Write as _;

use super::Moment;

/// A party of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Identifier in the source system.
    pub user_id: String,
    /// The display name, also shown in front of each line of the plain text.
    pub nickname: String,
    /// `CLIENT`, `AGENT`, `SUPERVISOR` or `EXTERNAL`.
    pub kind: &'static str,
}

/// A message or a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Seconds since the start.
    pub second: i64,
    /// The index of its party.
    pub party: usize,
    /// The text.
    pub text: String,
    /// Whether it is a notice and not a message.
    pub notice: bool,
}

/// A chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Identifier of the session.
    pub session: String,
    /// When it began.
    pub start: Moment,
    /// The parties, the initiator first.
    pub parties: Vec<Party>,
    /// Messages and notices, in order.
    pub lines: Vec<Line>,
}

impl Transcript {
    /// The plain text: one line each, with the name, a colon, and the text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let name = self
                .parties
                .get(line.party)
                .map_or("", |party| party.nickname.as_str());
            let _ = writeln!(text, "{name}: {}", line.text);
        }
        text.pop();
        text
    }

    /// The XML. Each party joins right before its first line; the initiator joins at the start.
    pub fn xml(&self) -> String {
        let mut xml = Xml {
            text: format!(
                "<chatTranscript startAt=\"{}\" sessionId=\"{}\">",
                self.start,
                escaped(&self.session)
            ),
            events: 0,
        };
        let mut joined = vec![false; self.parties.len()];
        let mut last = 0;
        for line in &self.lines {
            last = line.second;
            for place in [0, line.party] {
                if let (Some(party), Some(joined)) =
                    (self.parties.get(place), joined.get_mut(place))
                    && !*joined
                {
                    *joined = true;
                    xml.joins(party, if place == 0 { 0 } else { last });
                }
            }
            let user = self.parties.get(line.party);
            xml.line(user.map_or("", |party| &party.user_id), line);
        }
        for (party, joined) in self.parties.iter().zip(joined) {
            if !joined {
                xml.joins(party, last);
            }
            xml.event("partyLeft", &party.user_id, last);
            xml.text
                .push_str("<reason code=\"1\">left</reason></partyLeft>");
        }
        xml.text.push_str("</chatTranscript>");
        xml.text
    }
}

struct Xml {
    text: String,
    events: u32,
}

impl Xml {
    fn event(&mut self, element: &str, user: &str, second: i64) {
        self.events += 1;
        let _ = write!(
            self.text,
            "<{element} userId=\"{}\" timeShift=\"{second}\" visibility=\"ALL\" eventId=\"{}\">",
            escaped(user),
            self.events
        );
    }

    fn joins(&mut self, party: &Party, second: i64) {
        self.event("newParty", &party.user_id, second);
        let _ = write!(
            self.text,
            "<userInfo userNick=\"{}\" userType=\"{}\"/></newParty>",
            escaped(&party.nickname),
            party.kind
        );
    }

    fn line(&mut self, user: &str, line: &Line) {
        let said = escaped(&line.text);
        let (element, inner) = if line.notice {
            ("notice", "noticeText noticeType=\"USER_CUSTOM\"")
        } else {
            ("message", "msgText msgType=\"text\"")
        };
        self.event(element, user, line.second);
        let close = inner.split(' ').next().unwrap_or_default();
        let _ = write!(self.text, "<{inner}>{said}</{close}></{element}>");
    }
}

/// Escapes a text for XML 1.0, which cannot hold most control characters.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\t' | '\n' | '\r' => safe.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_reads_as_text_and_as_xml() {
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
        let chat = Transcript {
            session: "s1".into(),
            start: Moment::parse("2026-03-01T09:30:00Z").unwrap(),
            parties: vec![party("c", "Ann", "CLIENT"), party("a", "Bob", "AGENT")],
            lines: vec![
                line(0, 0, "a < b & \"c\"\u{1}", false),
                line(7, 1, "looks it up", true),
            ],
        };
        assert_eq!(chat.text(), "Ann: a < b & \"c\"\u{1}\nBob: looks it up");
        assert_eq!(
            chat.xml(),
            "<chatTranscript startAt=\"2026-03-01T09:30:00Z\" sessionId=\"s1\">\
             <newParty userId=\"c\" timeShift=\"0\" visibility=\"ALL\" eventId=\"1\"><userInfo userNick=\"Ann\" userType=\"CLIENT\"/></newParty>\
             <message userId=\"c\" timeShift=\"0\" visibility=\"ALL\" eventId=\"2\"><msgText msgType=\"text\">a &lt; b &amp; &quot;c&quot;</msgText></message>\
             <newParty userId=\"a\" timeShift=\"7\" visibility=\"ALL\" eventId=\"3\"><userInfo userNick=\"Bob\" userType=\"AGENT\"/></newParty>\
             <notice userId=\"a\" timeShift=\"7\" visibility=\"ALL\" eventId=\"4\"><noticeText noticeType=\"USER_CUSTOM\">looks it up</noticeText></notice>\
             <partyLeft userId=\"c\" timeShift=\"7\" visibility=\"ALL\" eventId=\"5\"><reason code=\"1\">left</reason></partyLeft>\
             <partyLeft userId=\"a\" timeShift=\"7\" visibility=\"ALL\" eventId=\"6\"><reason code=\"1\">left</reason></partyLeft>\
             </chatTranscript>"
        );
    }
}
