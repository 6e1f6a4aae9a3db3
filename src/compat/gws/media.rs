//! The media of Web Services: under which path each stands, how its messages are called, and the words it has for where an interaction stands.
//!
//! All of it is the one constant [`MEDIA`]. What the documents leave open is marked in `docs/compat/gws.md`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::interaction::{Interaction, Status, media_type};

/// What answers the user-data operations, `SetDisposition` and `Complete` of one kind of interaction.
#[derive(Debug, PartialEq, Eq)]
pub struct Medium {
    /// The name in paths and topics, and of the array in lists.
    pub collection: &'static str,
    /// Another name in paths.
    pub twin: Option<&'static str>,
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

/// Where an interaction stands, and what may be done with it there.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// `state`.
    pub name: &'static str,
    /// `capabilities`.
    pub capabilities: &'static [&'static str],
}

/// Offered, not yet taken. The documents list `Accept` and `Reject`; UserData of an interaction that Annals keeps can always be changed.
const INVITED: State = State {
    name: "Invited",
    capabilities: &[
        "Accept",
        "Reject",
        "AttachUserData",
        "UpdateUserData",
        "DeleteUserData",
        "SetDisposition",
    ],
};
/// What may be done with an interaction that is over.
const AFTERWARDS: &[&str] = &[
    "AttachUserData",
    "UpdateUserData",
    "DeleteUserData",
    "SetDisposition",
];
/// Over.
const COMPLETED: State = State {
    name: "Completed",
    capabilities: AFTERWARDS,
};
/// A chat or an SMS session; documented in `ChatAttachUserData` and `SMSAttachUserData`.
const CHATTING: State = State {
    name: "Chatting",
    capabilities: &[
        "Transfer",
        "Leave",
        "Invite",
        "Consult",
        "SetInFocus",
        "SetDisposition",
        "AttachUserData",
        "DeleteUserData",
        "UpdateUserData",
        "Complete",
        "SendMessage",
        "SendStartTypingNotification",
        "SendStopTypingNotification",
    ],
};
/// Open media and work items; documented in `OpenMediaAPIAddContent` and `WorkitemCreate`.
const PROCESSING: State = State {
    name: "Processing",
    capabilities: &[
        "Transfer",
        "AttachUserData",
        "UpdateUserData",
        "DeleteUserData",
        "SetInFocus",
        "Complete",
    ],
};
/// An e-mail that came in.
const PROCESSING_EMAIL: State = State {
    name: "Processing",
    capabilities: &[
        "Reply",
        "ReplyAll",
        "AddComment",
        "AttachUserData",
        "UpdateUserData",
        "DeleteUserData",
        "SetDisposition",
        "SetInFocus",
        "Transfer",
        "Complete",
    ],
};
/// An e-mail that is being written; documented in `EmailCreate`.
const COMPOSING: State = State {
    name: "Composing",
    capabilities: &[
        "Cancel",
        "Send",
        "AddComment",
        "AttachUserData",
        "UpdateUserData",
        "DeleteUserData",
        "SetDisposition",
        "SetInFocus",
        "Transfer",
    ],
};
/// A call that rings.
const RINGING: State = State {
    name: "Ringing",
    capabilities: &[
        "Answer",
        "UpdateUserData",
        "AttachUserData",
        "DeleteUserDataPair",
        "DeleteUserData",
    ],
};
/// A call that is being made; documented in the voice `AttachUserData`.
const DIALING: State = State {
    name: "Dialing",
    capabilities: &[
        "UpdateUserData",
        "SendDtmf",
        "AttachUserData",
        "DeleteUserDataPair",
        "DeleteUserData",
        "Hangup",
    ],
};
/// A call that waits.
const HELD: State = State {
    name: "Held",
    capabilities: &[
        "Retrieve",
        "UpdateUserData",
        "AttachUserData",
        "DeleteUserDataPair",
        "DeleteUserData",
        "Hangup",
    ],
};
/// A call; documented in `CallResource`.
const ESTABLISHED: State = State {
    name: "Established",
    capabilities: &[
        "UpdateUserData",
        "SendDtmf",
        "InitiateConference",
        "Hold",
        "SingleStepTransfer",
        "InitiateTransfer",
        "AttachUserData",
        "DeleteUserDataPair",
        "SingleStepConference",
        "DeleteUserData",
        "Hangup",
        "StartCallRecording",
    ],
};
/// A call that is over.
const RELEASED: State = State {
    name: "Released",
    capabilities: &[
        "AttachUserData",
        "UpdateUserData",
        "DeleteUserDataPair",
        "DeleteUserData",
        "SetDisposition",
    ],
};

const SESSION: [&State; 4] = [&INVITED, &INVITED, &CHATTING, &COMPLETED];
const WORK: [&State; 4] = [&INVITED, &INVITED, &PROCESSING, &COMPLETED];

/// Every medium; the last one takes what none before it names.
pub static MEDIA: [Medium; 6] = [
    Medium {
        collection: "chats",
        twin: None,
        key: "chat",
        message_type: "ChatStateChangeMessage",
        updated: "PropertiesUpdated",
        media_types: &["chat"],
        uri_under: "",
        operations_need: "api-multimedia",
        reading_needs: "api-multimedia-chat",
        tells_reference: false,
        created: None,
        inbound: SESSION,
        outbound: SESSION,
        shape: Shape::Session,
    },
    Medium {
        collection: "smssessions",
        twin: Some("smsessions"),
        key: "smssession",
        message_type: "SMSsessionStateChangeMessage",
        updated: "PropertiesUpdated",
        media_types: &["sms", "smssession"],
        uri_under: "",
        operations_need: "api-multimedia",
        reading_needs: "api-multimedia-chat",
        tells_reference: false,
        created: None,
        inbound: SESSION,
        outbound: SESSION,
        shape: Shape::Session,
    },
    Medium {
        collection: "emails",
        // the sample of EmailCreate has it in its `uri`
        twin: Some("email"),
        key: "email",
        message_type: "EmailStateChangeMessage",
        updated: "PropertiesUpdated",
        media_types: &["email"],
        uri_under: "",
        operations_need: "api-multimedia",
        reading_needs: "api-multimedia-email",
        tells_reference: false,
        created: Some(Created {
            kind: "Outbound",
            tells_reference: false,
        }),
        inbound: [&INVITED, &INVITED, &PROCESSING_EMAIL, &COMPLETED],
        outbound: [&COMPOSING, &COMPOSING, &COMPOSING, &COMPLETED],
        shape: Shape::Email,
    },
    Medium {
        collection: "workitems",
        twin: None,
        key: "workitem",
        message_type: "WorkitemStateChangeMessage",
        updated: "PropertiesUpdated",
        media_types: &["workitem"],
        uri_under: "",
        operations_need: "api-multimedia",
        reading_needs: "api-multimedia",
        tells_reference: true,
        created: Some(Created {
            kind: "Inbound",
            tells_reference: true,
        }),
        inbound: WORK,
        outbound: WORK,
        shape: Shape::Workitem,
    },
    Medium {
        collection: "calls",
        twin: None,
        key: "call",
        message_type: "CallStateChangeMessage",
        updated: "AttachedDataChanged",
        media_types: &["voice"],
        // the published samples of calls have it
        uri_under: "/me",
        operations_need: "api-voice",
        reading_needs: "api-voice",
        tells_reference: false,
        created: None,
        inbound: [&RINGING, &HELD, &ESTABLISHED, &RELEASED],
        outbound: [&DIALING, &HELD, &ESTABLISHED, &RELEASED],
        shape: Shape::Call,
    },
    Medium {
        collection: OPEN_MEDIA,
        twin: None,
        key: "openmedia",
        message_type: "OpenmediaStateChangeMessage",
        updated: "PropertiesUpdated",
        media_types: &[],
        uri_under: "",
        operations_need: "api-multimedia",
        reading_needs: "api-multimedia",
        tells_reference: true,
        created: Some(Created {
            kind: "Outbound",
            tells_reference: true,
        }),
        inbound: WORK,
        outbound: WORK,
        shape: Shape::OpenMedia,
    },
];

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

impl Medium {
    /// The path of an interaction, after `/api/v2`.
    pub fn path(&self, of: &Interaction) -> String {
        let id = step(&of.id);
        if self.collection == OPEN_MEDIA {
            let kind = plural(&of.media_type);
            format!("/{OPEN_MEDIA}/{}/{id}", step(&kind))
        } else {
            format!("/{}/{id}", self.collection)
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

    #[test]
    fn every_media_type_has_its_medium() {
        for (media_type, collection) in [
            ("chat", "chats"),
            ("sms", "smssessions"),
            ("smssession", "smssessions"),
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
}
