//! The states of each medium, with the operations that each allows (`capabilities`).

use super::{Medium, Shape};
use crate::domain::interaction::Status;

/// A state, and the operations that the published samples offer in it.
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
/// Operations on a completed interaction.
const AFTERWARDS: &[&str] = &[
    "AttachUserData",
    "UpdateUserData",
    "DeleteUserData",
    "SetDisposition",
];
/// Completed.
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
/// An inbound e-mail.
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
/// An outbound e-mail that is being written; documented in `EmailCreate`.
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
/// An inbound call that is ringing.
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
/// An outbound call that is being made; documented in the voice `AttachUserData`.
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
/// A call on hold.
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
/// An established call; documented in `CallResource`.
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
/// A completed call.
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
    /// The operations that this server can run on an existing interaction of this status.
    ///
    /// `AddContent` is not among them, since it has no effect on an existing interaction.
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
