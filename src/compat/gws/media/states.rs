//! The states of each medium, and what may be done in them (`capabilities`).

use super::{Medium, Shape};
use crate::domain::interaction::Status;

/// Where an interaction stands, and what the published samples offer there.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// `state`.
    pub name: &'static str,
    /// `capabilities`, as the published samples list them.
    pub capabilities: &'static [&'static str],
}

/// Offered to an agent, not yet accepted. The documents list `Accept` and `Reject`; UserData of a
/// stored interaction can always be changed.
pub const INVITED: State = State {
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
pub const COMPLETED: State = State {
    name: "Completed",
    capabilities: AFTERWARDS,
};
/// A chat or an SMS session; documented in `ChatAttachUserData` and `SMSAttachUserData`.
pub const CHATTING: State = State {
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
pub const PROCESSING: State = State {
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
pub const PROCESSING_EMAIL: State = State {
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
pub const COMPOSING: State = State {
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
pub const RINGING: State = State {
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
pub const DIALING: State = State {
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
pub const HELD: State = State {
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
pub const ESTABLISHED: State = State {
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
pub const RELEASED: State = State {
    name: "Released",
    capabilities: &[
        "AttachUserData",
        "UpdateUserData",
        "DeleteUserDataPair",
        "DeleteUserData",
        "SetDisposition",
    ],
};

impl Medium {
    /// The operations that this server carries out on an interaction that exists, by its status.
    ///
    /// `AddContent` is none of them: it does nothing to an interaction that exists.
    pub fn possible(&self, status: Status) -> Vec<&'static str> {
        let mut all = vec!["AttachUserData", "UpdateUserData", "DeleteUserData"];
        if self.shape == Shape::Call {
            all.push("DeleteUserDataPair");
        }
        all.push("SetDisposition");
        if status != Status::Stopped {
            all.push("Complete");
        }
        all
    }
}
