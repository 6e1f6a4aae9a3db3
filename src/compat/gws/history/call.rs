//! Operations on calls (`docs.genesys.com`: GWS "`UCSIVFindPhoneCall`", "`UCSIVSetCallContact`",
//! "`UCSIVSetCallCompleted`", "`UCSIVSetCallNote`").

use percent_encoding::percent_decode_str;

use super::{Asker, Told};
use crate::compat::gws::answer::{Failure, text};
use crate::compat::gws::parameters::Parameters;
use crate::compat::gws::sign_in::User;
use crate::domain::Requirement;
use crate::domain::command::{Command, KnownBy, Outcome};
use crate::domain::interaction::{Coded, InteractionPatch, NewInteraction, Participant, Status};
use crate::domain::user_data::{Edit, Given};
use crate::store::StoreError;

/// The message format of `FindPhoneCall`.
pub const CREATED: Told = Told {
    message_type: Some("createInteractionResponse"),
    failed: "",
};
/// The message format of the other operations.
pub const DONE: Told = Told {
    message_type: Some("UcsOperationResponse"),
    failed: "\"success\":false,",
};

/// The media type of a call.
const CALL: &str = "voice";
/// The values of `type`.
const TYPES: [&str; 5] = ["Unknown", "Internal", "Inbound", "Outbound", "Consult"];
/// The longest duration of a call in seconds: a year.
const LONGEST: i64 = 366 * 24 * 3600;

/// `FindPhoneCall`: the call with a telephony identifier, which is created if it does not exist.
pub struct Find(NewInteraction);

impl Find {
    /// Parses the parameters.
    ///
    /// # Errors
    /// Naming the one that is missing or wrong.
    pub fn read(parameters: &Parameters, user: &User) -> Result<Self, Failure> {
        let call = parameters.need("callId")?;
        let statuses: Vec<(&str, Status)> = Status::ALL
            .iter()
            .map(|(status, _, name)| (*name, *status))
            .collect();
        let status = parameters.one_of("status", &statuses)?;
        let number = parameters.need("phoneNumber")?;
        let kind = parameters.one_of("type", &TYPES.map(|name| (name, name)))?;
        let customer = Participant {
            participant_id: number,
            nickname: None,
            kind: Some("Customer".to_owned()),
        };
        let new = NewInteraction {
            media_type: CALL.to_owned(),
            status: Some(status.ok_or_else(|| Failure::missing("status"))?),
            kind: Some(kind.ok_or_else(|| Failure::missing("type"))?.to_owned()),
            external_id: Some(call),
            contact_id: parameters.word("contactId")?,
            parent_id: parameters.word("parentId")?,
            thread_id: parameters.word("threadId")?,
            subject: parameters.text("subject")?,
            owner_id: user.owner(),
            participants: Some(vec![customer]),
            user_data: parameters.user_data("userData")?.unwrap_or_default(),
            ..NewInteraction::default()
        };
        Ok(Self(new))
    }

    /// Finds the call or records it, in one command. Of two concurrent requests, one records it and
    /// the other finds it.
    ///
    /// # Errors
    /// When something that it names does not exist, or the store fails.
    pub async fn run(self, asker: Asker) -> Result<String, StoreError> {
        let command = Command::Ensure {
            new: Box::new(self.0),
            known_by: KnownBy::ExternalId,
            requires: Requirement::default(),
        };
        match asker.submit(command).await? {
            Outcome::Recorded {
                stored, created, ..
            } => Ok(told(&stored.interaction.id, created)),
            _ => Err(StoreError::inconsistent("interaction", "external_id")),
        }
    }
}

fn told(id: &str, created: bool) -> String {
    // a string, as documented
    format!("\"interactionId\":{},\"isCreated\":\"{created}\"", text(id))
}

/// A change to a call.
enum Change {
    Contact(String),
    Completed {
        seconds: Option<i64>,
        user_data: Box<Given>,
    },
    Note(String),
}

/// An operation on one call.
pub struct Call {
    id: String,
    change: Change,
}

impl Call {
    /// Parses the parameters; `None` if this is not an operation on a call.
    ///
    /// # Errors
    /// Naming the one that is missing or wrong.
    pub fn read(
        operation: &str,
        parameters: &Parameters,
        id: String,
    ) -> Result<Option<Self>, Failure> {
        let change = match operation {
            "SetCallContact" => {
                let path = parameters.need("contactPath")?;
                let step = path.trim_end_matches('/').rsplit('/').next();
                let contact = percent_decode_str(step.unwrap_or_default())
                    .decode_utf8()
                    .ok()
                    .filter(|contact| !contact.is_empty() && !contact.contains('\0'))
                    .ok_or_else(|| Failure::invalid("contactPath ends with no contact"))?;
                Change::Contact(contact.into_owned())
            }
            "SetCallCompleted" => Change::Completed {
                seconds: parameters.number("callDuration", 0..=LONGEST)?,
                user_data: Box::new(parameters.user_data("userData")?.unwrap_or_default()),
            },
            "SetCallNote" => {
                let note = parameters.text("note")?;
                Change::Note(note.ok_or_else(|| Failure::missing("note"))?)
            }
            _ => return Ok(None),
        };
        Ok(Some(Self { id, change }))
    }

    /// Runs the operation as one command.
    ///
    /// # Errors
    /// When the user has no such call, the contact does not exist, or the store fails.
    pub async fn run(self, asker: Asker) -> Result<String, StoreError> {
        let command = self.change.command(self.id, call_of(&asker.user));
        asker.submit(command).await?;
        Ok("\"success\":true".to_owned())
    }
}

impl Change {
    fn command(self, id: String, requires: Requirement) -> Command {
        let patch = match self {
            Self::Contact(contact) => InteractionPatch {
                contact_id: Some(Some(contact)),
                ..InteractionPatch::default()
            },
            Self::Note(note) => InteractionPatch {
                comment: Some(Some(note).filter(|note| !note.is_empty())),
                ..InteractionPatch::default()
            },
            Self::Completed { seconds, user_data } => {
                return Command::Complete {
                    id,
                    edit: Box::new(Edit {
                        update: *user_data,
                        ..Edit::default()
                    }),
                    // the end records the duration, so UserData need not
                    lasted: seconds.map(|seconds| seconds * 1_000_000),
                    requires,
                };
            }
        };
        Command::Change {
            id,
            patch: Box::new(patch),
            requires,
        }
    }
}

/// Requires a call that belongs to the user, or to no one.
fn call_of(user: &User) -> Requirement {
    Requirement {
        owner: user.owner(),
        media_types: vec![CALL.to_owned()],
        ..Requirement::default()
    }
}
