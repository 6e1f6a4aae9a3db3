//! The media of Web Services: the paths, the names of messages and the states of each.
//!
//! [`MEDIA`] has all of it in one table. `docs/compat/gws.md` says what the documents leave open.

mod states;
mod table;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::interaction::{Interaction, Status, media_type};
use crate::feed::Twin;
pub use states::State;
pub use table::MEDIA;

/// A spelling of the names of a collection. Of a medium without a twin both are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// That of most published pages.
    #[default]
    Usual,
    /// The other one.
    Twin,
    /// Marks in place of the names: each receiver of a message puts its own in.
    Marked,
}

/// One medium of Web Services.
#[derive(Debug, PartialEq, Eq)]
pub struct Medium {
    /// The name in paths and topics, and of the array in lists.
    pub collection: &'static str,
    /// Set where the published documents have two spellings.
    pub twin: Option<&'static Twin>,
    /// The name of one resource, in answers and messages.
    pub key: &'static str,
    /// What its messages are called.
    pub message_type: &'static str,
    /// What a change of UserData is called in its messages.
    pub updated: &'static str,
    /// Our media types that belong to it; none named means all that no other medium names.
    pub media_types: &'static [&'static str],
    /// What stands between `/api/v2` and the path in a `uri`.
    pub uri_under: &'static str,
    /// The feature that its operations need.
    pub operations_need: &'static str,
    /// The feature that reading it needs.
    pub reading_needs: &'static str,
    /// Whether the answer to an operation carries a `referenceId`.
    pub tells_reference: bool,
    /// Whether `Create` makes one.
    pub created: Option<Created>,
    /// The words for [`Status`], in its order.
    pub inbound: [&'static State; 4],
    /// The same for outbound ones.
    pub outbound: [&'static State; 4],
    /// The fields beside the common ones.
    pub shape: Shape,
}

/// What `Create` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// `type`.
    pub kind: &'static str,
    /// Whether the answer carries a `referenceId`.
    pub tells_reference: bool,
}

/// Which fields a resource has beside the common ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Chats and SMS sessions.
    Session,
    /// Open media.
    OpenMedia,
    /// Work items.
    Workitem,
    /// E-mail.
    Email,
    /// Calls.
    Call,
}

/// The collection whose paths name the media type.
pub const OPEN_MEDIA: &str = "openmedia";

/// What a path keeps as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// One step of a path.
pub fn step(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, KEPT)
}

/// The medium of one of our media types.
pub fn of_type(media_type: &str) -> &'static Medium {
    let named = MEDIA
        .iter()
        .find(|medium| medium.media_types.contains(&media_type));
    named.unwrap_or(&MEDIA[MEDIA.len() - 1])
}

/// The media types that a medium other than open media names.
pub fn named_types() -> Vec<String> {
    let all = MEDIA.iter().flat_map(|medium| medium.media_types);
    all.map(|name| (*name).to_owned()).collect()
}

/// A media type as the published `uri` of open media has it.
fn plural(media_type: &str) -> String {
    if media_type.ends_with('s') {
        media_type.to_owned()
    } else {
        format!("{media_type}s")
    }
}

/// The media types that a step of a path may mean: as configured, and as [`Medium::path`] has it.
pub fn types_meant(step: &str) -> Vec<String> {
    let exact = media_type(step);
    let singular = exact.strip_suffix('s').map(media_type);
    let meant = std::iter::once(exact).chain(singular);
    meant
        .filter(|name| !name.is_empty() && of_type(name).collection == OPEN_MEDIA)
        .collect()
}

/// The marks that stand for the names of a collection and its resources.
const MARKS: (&str, &str) = ("\u{1}", "\u{2}");

impl Medium {
    /// The names of the collection and of one resource of it.
    pub fn names(&self, spelling: Spelling) -> (&'static str, &'static str) {
        match (self.twin, spelling) {
            (Some(twin), Spelling::Twin) => (twin.collection[1], twin.key[1]),
            (Some(_), Spelling::Marked) => MARKS,
            _ => (self.collection, self.key),
        }
    }

    /// The path of an interaction, after `/api/v2`.
    pub fn path(&self, of: &Interaction, spelling: Spelling) -> String {
        let id = step(&of.id);
        if self.collection == OPEN_MEDIA {
            let kind = plural(&of.media_type);
            format!("/{OPEN_MEDIA}/{}/{id}", step(&kind))
        } else {
            format!("/{}/{id}", self.names(spelling).0)
        }
    }

    /// The topic of its messages.
    pub fn channel(&self) -> String {
        format!("/v2/me/{}", self.collection)
    }

    /// Whether its messages tell of participants that come and go.
    pub fn tells_participants(&self) -> bool {
        self.shape == Shape::Session
    }

    /// Where an interaction stands.
    pub fn state(&self, of: &Interaction) -> &'static State {
        let outbound = of
            .kind
            .as_deref()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("outbound"));
        let states = if outbound {
            self.outbound
        } else {
            self.inbound
        };
        match of.status {
            Status::New => states[0],
            Status::Pending => states[1],
            Status::InProcess => states[2],
            Status::Stopped => states[3],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{COLLECTION, KEY};

    #[test]
    fn every_media_type_has_its_medium() {
        for (media_type, collection) in [
            ("chat", "chats"),
            ("sms", "smssessions"),
            ("smssession", "smssessions"),
            ("smsession", "smssessions"),
            ("email", "emails"),
            ("workitem", "workitems"),
            ("voice", "calls"),
            ("webcallback", "openmedia"),
            ("webengagement", "openmedia"),
            ("promotion", "openmedia"),
        ] {
            assert_eq!(of_type(media_type).collection, collection, "{media_type}");
        }
    }

    #[test]
    fn a_step_of_a_path_means_the_media_type_and_its_plural() {
        assert_eq!(types_meant("Promotion"), ["promotion"]);
        assert_eq!(types_meant("promotions"), ["promotions", "promotion"]);
        assert_eq!(types_meant("callbacks"), ["callbacks", "webcallback"]);
        assert!(types_meant("chat").is_empty());
        // no medium of that name: it is open media of its own
        assert_eq!(types_meant("chats"), ["chats"]);
    }

    #[test]
    fn a_message_has_marks_where_a_medium_has_two_spellings() {
        let marks = (COLLECTION.to_string(), KEY.to_string());
        assert_eq!(MARKS, (marks.0.as_str(), marks.1.as_str()));
        let sms = of_type("sms");
        assert_eq!(sms.names(Spelling::Usual), ("smssessions", "smssession"));
        assert_eq!(sms.names(Spelling::Twin), ("smsessions", "smsession"));
        assert_eq!(sms.names(Spelling::Marked), MARKS);
        let chat = of_type("chat");
        for spelling in [Spelling::Usual, Spelling::Twin, Spelling::Marked] {
            assert_eq!(chat.names(spelling), ("chats", "chat"));
        }
    }
}
