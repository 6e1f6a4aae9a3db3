//! The operations on one interaction, and `Create`. Each is translated into a command.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::answer::{Code, Failure, done};
use super::media::Shape;
use super::parameters::Parameters;
use super::place::Place;
use super::sign_in::User;
use crate::domain::command::{Command, KnownBy, Outcome};
use crate::domain::interaction::{NewInteraction, Status};
use crate::domain::requirement::{OPEN, Unmet};
use crate::domain::user_data::{Document, Edit, Given};
use crate::domain::{Fault, Refusal, Requirement};
use crate::store::StoreError;
use crate::web::App;

/// Documented operations that belong to the routing platform. Annals records interactions and does
/// not control them.
const OF_ROUTING: &[&str] = &[
    "Accept",
    "AddComment",
    "Answer",
    "Cancel",
    "CompleteConference",
    "CompleteTransfer",
    "Consult",
    "DeleteFile",
    "Dial",
    "GetContent",
    "Hangup",
    "Hold",
    "InitiateConference",
    "InitiateTransfer",
    "Invite",
    "Leave",
    "LeaveAndComplete",
    "PlaceInQueue",
    "Reject",
    "RemoveParticipantFromConference",
    "Reply",
    "ReplyAll",
    "Retrieve",
    "Save",
    "Send",
    "SendCustomNotice",
    "SendCustomNoticeToAgents",
    "SendDtmf",
    "SendMessage",
    "SendNicknameUpdatedNotice",
    "SendStartTypingNotification",
    "SendStopTypingNotification",
    "SendUrl",
    "SetInFocus",
    "SingleStepConference",
    "SingleStepTransfer",
    "StartCallRecording",
    "StopCallRecording",
    "Transfer",
];

/// `POST …/{collection}/{id}`.
///
/// # Errors
/// With the published codes. Nothing is changed then, and no client is notified.
pub async fn operate(
    State(app): State<App>,
    user: User,
    place: Place,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    place.want_operable(&app)?;
    let asked = Parameters::of(&app, &headers, body).await?;
    let name = asked.need("operationName")?;
    let id = place.id.clone();
    let requires = place.requirement(&user);
    let command = match name.as_str() {
        "Complete" => Command::Stop {
            id,
            reason: None,
            end: None,
            requires: Requirement {
                statuses: OPEN,
                ..requires
            },
        },
        "AddContent" if place.medium.shape == Shape::OpenMedia => Command::Ensure {
            new: Box::new(NewInteraction {
                id: Some(id),
                kind: Some("Inbound".to_owned()),
                thread_id: asked.text("threadId")?,
                ..made(&user, &place, &asked)?
            }),
            known_by: KnownBy::Id,
            requires,
        },
        other => Command::EditUserData {
            id,
            edit: Box::new(edit(&app, &place, other, &asked)?),
            requires,
        },
    };
    let cursor = submit(&app, &user, command).await?;
    answered(&app, place.medium.tells_reference, cursor).await
}

/// The UserData edit of an operation.
fn edit(app: &App, place: &Place, operation: &str, asked: &Parameters) -> Result<Edit, Failure> {
    let voice = place.medium.shape == Shape::Call;
    let mut edit = Edit::default();
    match operation {
        "AttachUserData" => edit.attach = wanted_user_data(asked)?,
        "UpdateUserData" => edit.update = wanted_user_data(asked)?,
        // only an absent `keys` deletes all, since null may be a mistake
        "DeleteUserData" if voice && !asked.has("keys") => edit.delete_all = true,
        "DeleteUserData" => {
            edit.delete = asked.names("keys", usize::MAX)?;
            if edit.delete.is_empty() {
                return Err(Failure::missing("keys"));
            }
        }
        "DeleteUserDataPair" if voice => edit.delete.push(wanted_text(asked, "key")?),
        "SetDisposition" => {
            let disposition = wanted_text(asked, "disposition")?;
            let key = asked.text("dispositionKey")?.filter(|key| !key.is_empty());
            let key = key.unwrap_or_else(|| app.config.gws.disposition_key.clone());
            edit.update = Document::from_iter([(key, disposition.into())]).into();
        }
        other => return Err(unknown(other)),
    }
    Ok(edit)
}

fn wanted_user_data(asked: &Parameters) -> Result<Given, Failure> {
    let given = asked.user_data("userData")?;
    given.ok_or_else(|| Failure::missing("userData"))
}

/// A required string, which may be empty.
fn wanted_text(asked: &Parameters, name: &str) -> Result<String, Failure> {
    asked.text(name)?.ok_or_else(|| Failure::missing(name))
}

/// `POST …/{collection}`.
///
/// # Errors
/// With the published codes. Nothing is created then, and no client is notified.
pub async fn create(
    State(app): State<App>,
    user: User,
    place: Place,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    place.want_operable(&app)?;
    let asked = Parameters::of(&app, &headers, body).await?;
    let name = asked.need("operationName")?;
    let Some(created) = place.medium.created.filter(|_| name == "Create") else {
        return Err(unknown(&name));
    };
    let queue = wanted_text(&asked, "queueUri")?;
    let queue = queue.trim_end_matches('/').rsplit('/').next();
    let queue = percent_decode_str(queue.unwrap_or_default()).decode_utf8_lossy();
    let new = NewInteraction {
        kind: Some(created.kind.to_owned()),
        queue: Some(queue.into_owned()).filter(|queue| !queue.is_empty()),
        ..made(&user, &place, &asked)?
    };
    let cursor = submit(&app, &user, Command::Record(Box::new(new))).await?;
    answered(&app, created.tells_reference, cursor).await
}

/// An operation that is unknown or not supported.
fn unknown(name: &str) -> Failure {
    if OF_ROUTING.contains(&name) {
        let message = format!(
            "{name} is for the routing platform; Annals keeps the history of interactions and does not route them"
        );
        Failure::new(StatusCode::FORBIDDEN, Code::Forbidden, message)
    } else {
        let shown: String = name.chars().take(64).collect();
        Failure::not_now(format!("the operation {shown:?} is not valid here"))
    }
}

/// The answer to a successful operation. Its `referenceId` is the journal entry of the change, or
/// the newest entry if nothing changed.
async fn answered(
    app: &App,
    tells_reference: bool,
    cursor: Option<i64>,
) -> Result<Response, Failure> {
    if !tells_reference {
        return Ok(done(&[]));
    }
    let reference = match cursor {
        Some(cursor) => cursor,
        None => app.reads.head().await?,
    };
    Ok(done(&[("referenceId", &reference.to_string())]))
}

/// Runs a command. Returns the cursor of its journal entry, if it has one.
async fn submit(app: &App, user: &User, command: Command) -> Result<Option<i64>, Failure> {
    match app.writer.submit(user.submission(command)).await {
        Ok(outcome) => Ok(cursor(&outcome)),
        Err(StoreError::Refused(Refusal::Invalid(faults))) => {
            Err(Refusal::Invalid(faults.into_iter().map(in_their_words).collect()).into())
        }
        Err(StoreError::Refused(Refusal::Unmet(_, Unmet::Status))) => {
            Err(Failure::not_now("the interaction is completed already"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Translates the names in a fault to those that the caller used.
fn in_their_words(fault: Fault) -> Fault {
    let set = fault
        .pointer
        .strip_prefix("/attach")
        .or_else(|| fault.pointer.strip_prefix("/update"));
    let pointer = match (set, fault.pointer.strip_prefix("/delete")) {
        (Some(rest), _) => format!("/userData{rest}"),
        (None, Some(rest)) => format!("/keys{rest}"),
        (None, None) if fault.pointer.is_empty() => "/userData".to_owned(),
        (None, None) => fault.pointer,
    };
    Fault { pointer, ..fault }
}

/// The cursor of an outcome's journal entry.
fn cursor(outcome: &Outcome) -> Option<i64> {
    match outcome {
        Outcome::Recorded { cursor, .. }
        | Outcome::Edited { cursor, .. }
        | Outcome::Changed { cursor, .. } => *cursor,
        _ => None,
    }
}

/// A new interaction of the user, in process.
fn made(user: &User, place: &Place, asked: &Parameters) -> Result<NewInteraction, Failure> {
    Ok(NewInteraction {
        media_type: place.new_type().to_owned(),
        status: Some(Status::InProcess),
        owner_id: user.owner(),
        parent_id: asked.text("parentId")?,
        copy_user_data: asked.text("copyUserData")?,
        user_data: asked.user_data("userData")?.unwrap_or_default(),
        ..NewInteraction::default()
    })
}
