//! The table of all media.

use super::states::{
    CHATTING, COMPLETED, COMPOSING, DIALING, ESTABLISHED, HELD, INVITED, PROCESSING,
    PROCESSING_EMAIL, RELEASED, RINGING, State,
};
use super::{Created, Medium, OPEN_MEDIA, Shape};
use crate::feed::Twin;

/// SMS sessions: some published pages leave out one "s" (`SMSAttachUserData`).
static SMS: Twin = Twin {
    collection: ["smssessions", "smsessions"],
    key: ["smssession", "smsession"],
    channel: ["/v2/me/smssessions", "/v2/me/smsessions"],
};
/// E-mail: the sample of `EmailCreate` has the singular in its `uri`.
static EMAIL: Twin = Twin {
    collection: ["emails", "email"],
    key: ["email", "email"],
    channel: ["/v2/me/emails", "/v2/me/email"],
};

const SESSION: [&State; 4] = [&INVITED, &INVITED, &CHATTING, &COMPLETED];
const WORK: [&State; 4] = [&INVITED, &INVITED, &PROCESSING, &COMPLETED];

/// All media. The last one covers the types that none before it names.
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
        twin: Some(&SMS),
        key: "smssession",
        message_type: "SMSsessionStateChangeMessage",
        updated: "PropertiesUpdated",
        media_types: &["sms", "smssession", "smsession"],
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
        twin: Some(&EMAIL),
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
        // as in the published samples of calls
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
