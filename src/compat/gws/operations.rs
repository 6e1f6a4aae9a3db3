//! The operations on one interaction, and `Create`: each a translation into a command.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::answer::{Code, Failure, done};
use super::media::OPEN_MEDIA;
use super::parameters::Parameters;
use super::place::Place;
use super::sign_in::{ANYBODY, User};
use crate::domain::command::{Command, Outcome};
use crate::domain::interaction::{NewInteraction, Status};
use crate::domain::requirement::Requirement;
use crate::domain::user_data::{self, Document, Edit, Given};
use crate::domain::{Fault, Refusal};
use crate::store::StoreError;
use crate::web::App;

/// Operations that the documents know and that belong to the routing platform: Annals keeps what happened and makes nothing happen.
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

/// How often all keys of a call are read and deleted before the server gives up, where others change them all the while.
const MOST_TRIES: usize = 32;

/// `POST …/{collection}/{id}`.
///
/// # Errors
/// With the published codes; then nothing was changed and nobody is told.
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
    let voice = place.medium.collection == "calls";
    let cursor = match name.as_str() {
        "AttachUserData" => {
            let attach = wanted_user_data(&asked)?;
            let edit = Edit {
                attach,
                ..Edit::default()
            };
            change(&app, &user, &place, edit).await?
        }
        "UpdateUserData" => {
            let update = wanted_user_data(&asked)?;
            let edit = Edit {
                update,
                ..Edit::default()
            };
            change(&app, &user, &place, edit).await?
        }
        // null is no list, and on a call not the leave to delete all
        "DeleteUserData" if voice && !asked.has("keys") => wipe(&app, &user, &place).await?,
        "DeleteUserData" => match asked.names("keys", usize::MAX)? {
            delete if !delete.is_empty() => {
                let edit = Edit {
                    delete,
                    ..Edit::default()
                };
                change(&app, &user, &place, edit).await?
            }
            _ => return Err(Failure::missing("keys")),
        },
        "DeleteUserDataPair" if voice => {
            let edit = Edit {
                delete: vec![wanted_text(&asked, "key")?],
                ..Edit::default()
            };
            change(&app, &user, &place, edit).await?
        }
        "SetDisposition" => {
            let disposition = wanted_text(&asked, "disposition")?;
            let key = asked.text("dispositionKey")?.filter(|key| !key.is_empty());
            let key = key.unwrap_or_else(|| app.config.gws.disposition_key.clone());
            let edit = Edit {
                update: Document::from_iter([(key, disposition.into())]).into(),
                ..Edit::default()
            };
            change(&app, &user, &place, edit).await?
        }
        "Complete" => complete(&app, &user, &place).await?,
        "AddContent" if place.medium.collection == OPEN_MEDIA => {
            add_content(&app, &user, &place, &asked).await?
        }
        other => return Err(unknown(other)),
    };
    answered(&app, place.medium.tells_reference, cursor).await
}

fn wanted_user_data(asked: &Parameters) -> Result<Given, Failure> {
    let given = asked.user_data("userData")?;
    given.ok_or_else(|| Failure::missing("userData"))
}

/// A text that has to be there, be it empty.
fn wanted_text(asked: &Parameters, name: &str) -> Result<String, Failure> {
    asked.text(name)?.ok_or_else(|| Failure::missing(name))
}

/// `POST …/{collection}`.
///
/// # Errors
/// With the published codes; then nothing was made and nobody is told.
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
    let cursor = record(&app, &user, new).await?;
    answered(&app, created.tells_reference, cursor).await
}

/// An operation that is not carried out.
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

/// The answer to what was done, with the journal entry that tells of it, or the newest one where nothing changed.
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

/// Changes UserData; returns the journal entry, where there is one.
async fn change(app: &App, user: &User, place: &Place, edit: Edit) -> Result<Option<i64>, Failure> {
    place.found(app, user).await?;
    Ok(submit_edit(app, user, place, edit, None).await?)
}

async fn submit_edit(
    app: &App,
    user: &User,
    place: &Place,
    edit: Edit,
    if_match: Option<i64>,
) -> Result<Option<i64>, StoreError> {
    let command = Command::EditUserData {
        id: place.id.clone(),
        edit: Box::new(edit),
        if_match,
        require: Requirement::default(),
    };
    match app.writer.submit(user.submission(command)).await {
        Ok(outcome) => Ok(cursor(&outcome)),
        Err(StoreError::Refused(Refusal::Invalid(faults))) => {
            Err(Refusal::Invalid(faults.into_iter().map(in_their_words).collect()).into())
        }
        Err(error) => Err(error),
    }
}

/// A fault under the names that the caller used.
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

/// The journal entry that an outcome tells of.
fn cursor(outcome: &Outcome) -> Option<i64> {
    match outcome {
        Outcome::Recorded { cursor, .. }
        | Outcome::Edited { cursor, .. }
        | Outcome::Changed { cursor, .. } => *cursor,
        _ => None,
    }
}

/// Deletes all keys: those of one revision, so that a key that comes meanwhile is deleted too or was attached after.
async fn wipe(app: &App, user: &User, place: &Place) -> Result<Option<i64>, Failure> {
    let mut tries = 0;
    loop {
        let (found, of) = place.found(app, user).await?;
        let document = user_data::read(&found.user_data)
            .map_err(|_| StoreError::inconsistent("interaction_json", "user_data"))?;
        let edit = Edit {
            delete: document.into_iter().map(|(key, _)| key).collect(),
            ..Edit::default()
        };
        tries += 1;
        match submit_edit(app, user, place, edit, Some(of.revision)).await {
            Err(StoreError::Refused(Refusal::Stale(_))) if tries < MOST_TRIES => {}
            other => return Ok(other?),
        }
    }
}

/// Stops an interaction that is not over yet.
async fn complete(app: &App, user: &User, place: &Place) -> Result<Option<i64>, Failure> {
    let over = || Failure::not_now("the interaction is completed already");
    let (_, of) = place.found(app, user).await?;
    if of.status == Status::Stopped {
        return Err(over());
    }
    let command = Command::Stop {
        id: place.id.clone(),
        reason: None,
        end: None,
        if_match: None,
        require: Requirement::default(),
    };
    let outcome = app.writer.submit(user.submission(command)).await?;
    // somebody else was faster: nothing changed
    cursor(&outcome).map(Some).ok_or_else(over)
}

/// Records an open media interaction that is not there yet.
async fn add_content(
    app: &App,
    user: &User,
    place: &Place,
    asked: &Parameters,
) -> Result<Option<i64>, Failure> {
    if app
        .reads
        .interaction(user.tenant, &place.id)
        .await?
        .is_some()
    {
        place.found(app, user).await?;
        return Ok(None);
    }
    let new = NewInteraction {
        id: Some(place.id.clone()),
        kind: Some("Inbound".to_owned()),
        thread_id: asked.text("threadId")?,
        ..made(user, place, asked)?
    };
    record(app, user, new).await
}

/// An interaction of the user's that is being worked on.
fn made(user: &User, place: &Place, asked: &Parameters) -> Result<NewInteraction, Failure> {
    Ok(NewInteraction {
        media_type: place.new_type().to_owned(),
        status: Some(Status::InProcess),
        owner_id: Some(user.name.to_string()).filter(|name| name != ANYBODY),
        parent_id: asked.text("parentId")?,
        copy_user_data: asked.text("copyUserData")?,
        user_data: asked.user_data("userData")?.unwrap_or_default(),
        ..NewInteraction::default()
    })
}

async fn record(app: &App, user: &User, new: NewInteraction) -> Result<Option<i64>, Failure> {
    let command = Command::Record(Box::new(new));
    let outcome = app.writer.submit(user.submission(command)).await?;
    Ok(cursor(&outcome))
}
