//! The media of Web Services: their paths, message names and states.
//!
//! [`MEDIA`] is one table of all of it. `docs/compat/gws.md` lists the choices where the documents
//! leave something open.

mod states;
mod table;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::interaction::{Interaction, Status, media_type};
use crate::feed::Twin;
pub use states::State;
pub use table::MEDIA;

/// A spelling of the names of a collection. For a medium without a twin, the first two are the
/// same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// The spelling of most published pages.
    #[default]
    Usual,
    /// The other one.
    Twin,
    /// Placeholders instead of the names. Each receiver of a message fills in its own spelling.
    Marked,
}

/// One medium of Web Services.
#[derive(Debug, PartialEq, Eq)]
pub struct Medium {
    /// The name in paths and topics, and of the array in lists.
    pub collection: &'static str,
    /// The other spelling, if the published documents have two.
    pub twin: Option<&'static Twin>,
    /// The name of one resource, in answers and messages.
    pub key: &'static str,
    /// The `messageType` of its messages.
    pub message_type: &'static str,
    /// The notification type of a UserData change.
    pub updated: &'static str,
    /// The media types in Annals that belong to it. If empty, all types that no other medium names.
    pub media_types: &'static [&'static str],
    /// What a `uri` has between `/api/v2` and the path.
    pub uri_under: &'static str,
    /// The feature that operations need.
    pub operations_need: &'static str,
    /// The feature that reading needs.
    pub reading_needs: &'static str,
    /// Whether the answer to an operation carries a `referenceId`.
    pub tells_reference: bool,
    /// What `Create` makes; `None` if it is not supported.
    pub created: Option<Created>,
    /// The state for each [`Status`], in order.
    pub inbound: [&'static State; 4],
    /// The same for outbound interactions.
    pub outbound: [&'static State; 4],
    /// The fields besides the common ones.
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

/// The fields of a resource besides the common ones.
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

/// The collection whose paths contain the media type.
pub const OPEN_MEDIA: &str = "openmedia";

/// Characters that a path does not escape.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A path segment, escaped.
pub fn step(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, KEPT)
}

/// The medium of a media type in Annals.
pub fn of_type(media_type: &str) -> &'static Medium {
    let named = MEDIA
        .iter()
        .find(|medium| medium.media_types.contains(&media_type));
    named.unwrap_or(&MEDIA[MEDIA.len() - 1])
}

/// The media types that media other than open media name.
pub fn named_types() -> Vec<String> {
    let all = MEDIA.iter().flat_map(|medium| medium.media_types);
    all.map(|name| (*name).to_owned()).collect()
}

/// A media type in the form of the published `uri` of open media.
fn plural(media_type: &str) -> String {
    if media_type.ends_with('s') {
        media_type.to_owned()
    } else {
        format!("{media_type}s")
    }
}

/// The media types that a path segment may stand for: as configured, and as written by
/// [`Medium::path`].
pub fn types_meant(step: &str) -> Vec<String> {
    let exact = media_type(step);
    let singular = exact.strip_suffix('s').map(media_type);
    let meant = std::iter::once(exact).chain(singular);
    meant
        .filter(|name| !name.is_empty() && of_type(name).collection == OPEN_MEDIA)
        .collect()
}

/// The placeholders for the names of a collection and of its resources.
const MARKS: (&str, &str) = ("\u{1}", "\u{2}");

impl Medium {
    /// The names of the collection and of one of its resources.
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

    /// Whether its messages announce participants who join and leave.
    pub fn tells_participants(&self) -> bool {
        self.shape == Shape::Session
    }

    /// The state of an interaction.
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
        // no medium has that name, so it is a type of open media
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
