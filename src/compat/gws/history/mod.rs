//! Contact history (`docs.genesys.com`: GWS "`ContactHistory`", "`UCSOperations`"). A `POST` is
//! answered at once with a `referenceId`. The result follows as a message to the user's sessions,
//! on whichever server they are.
//!
//! By design, history shows every interaction of the tenant, regardless of its owner.

mod call;
mod content;
mod identify;
mod list;
mod messages;
mod period;
pub mod row;

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::{Failure, base, done, text};
use super::media::{Spelling, of_type};
use super::parameters::Parameters;
use super::place::is_on;
use super::resource::View;
use super::sign_in::User;
use super::spelling;
use crate::domain::client::Answer;
use crate::domain::command::{Command, Outcome};
use crate::store::StoreError;
use crate::web::App;
use call::Call;
use content::Content;
use identify::Identify;
use list::{List, Of};

/// The channel of all results.
const CHANNEL: &str = "/v2/ucs/interactions";
/// The maximum number of requests in progress on this server.
const MOST: usize = 64;
/// Lists that are read concurrently. Others wait, which leaves connections for other searches.
const READING: usize = 4;
/// The maximum size of a result in bytes, since it is held in memory by servers and a browser.
const MOST_BYTES: usize = 8 << 20;
/// The feature for operations on calls and the identification of contacts.
const VOICE: &str = "api-ucs-voice";

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v2/ucs/interactions", post(of_all))
        .route("/api/v2/ucs/interactions/{id}", post(of_one))
        .route("/api/v2/ucs/contacts/{id}/interactions", post(of_contact))
        .route("/api/v2/contacts/ucs", post(contacts))
        .layer(Extension(Places {
            all: Arc::new(Semaphore::new(MOST)),
            lists: Arc::new(Semaphore::new(READING)),
        }))
}

/// Permits for requests in progress.
#[derive(Clone)]
struct Places {
    all: Arc<Semaphore>,
    lists: Arc<Semaphore>,
}

/// `POST /api/v2/ucs/interactions`
async fn of_all(asked: Asked) -> Result<Response, Failure> {
    match asked.operation()?.as_str() {
        "RetrieveInteractionHistory" => {
            let owner = asked.parameters.word("userId")?;
            asked.list(Of::Owner(owner))
        }
        "RetrieveAgentHistory" => {
            let owner = asked.parameters.word("userId")?;
            let owner = owner.or_else(|| asked.asker.user.owner());
            asked.list(Of::Owner(owner))
        }
        "FindPhoneCall" => {
            asked.want_voice()?;
            let find = call::Find::read(&asked.parameters, &asked.asker.user)?;
            Ok(asked.answer(call::CREATED, |asker| find.run(asker)))
        }
        other => Err(unknown(other)),
    }
}

/// `POST /api/v2/ucs/interactions/{id}`
async fn of_one(asked: Asked) -> Result<Response, Failure> {
    let operation = asked.operation()?;
    let id = asked.id.clone();
    if operation == "GetInteractionContent" {
        let content = Content::read(&asked.parameters, id)?;
        return Ok(asked.answer(content::TOLD, |asker| content.run(asker)));
    }
    let Some(call) = Call::read(&operation, &asked.parameters, id)? else {
        return Err(unknown(&operation));
    };
    asked.want_voice()?;
    Ok(asked.answer(call::DONE, |asker| call.run(asker)))
}

/// `POST /api/v2/ucs/contacts/{id}/interactions`
async fn of_contact(asked: Asked) -> Result<Response, Failure> {
    match asked.operation()?.as_str() {
        "RetrieveContactHistory" => {
            let contact = asked.id.clone();
            asked.list(Of::Contact(contact))
        }
        other => Err(unknown(other)),
    }
}

/// `POST /api/v2/contacts/ucs`
async fn contacts(asked: Asked) -> Result<Response, Failure> {
    asked.want_voice()?;
    match asked.operation()?.as_str() {
        "IdentifyUCSContact" => {
            let identify = Identify::read(&asked.parameters)?;
            Ok(asked.answer(identify::TOLD, |asker| identify.run(asker)))
        }
        other => Err(unknown(other)),
    }
}

/// An unknown operation.
fn unknown(name: &str) -> Failure {
    let shown: String = name.chars().take(64).collect();
    Failure::not_now(format!("the operation {shown:?} is not valid here"))
}

/// The identifier in the path. A NUL character is refused, since no database could search for it.
async fn named(parts: &mut Parts, app: &App) -> Result<String, Failure> {
    let params = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|_| Failure::nothing_here())?;
    let id = params.iter().next().map_or("", |(_, id)| id);
    if id.contains('\0') {
        return Err(Failure::nothing_here());
    }
    Ok(id.to_owned())
}

/// The message format of a result.
#[derive(Clone, Copy)]
struct Told {
    /// `messageType`, where it has one.
    message_type: Option<&'static str>,
    /// Members beside `errorMessage` after a failure, as JSON text that ends with a comma.
    failed: &'static str,
}

/// The client of a request, and how results are rendered for it.
struct Asker {
    app: App,
    user: User,
    /// The address of this server, as the client knows it.
    base: String,
    /// The spelling of SMS sessions that the client chose.
    spelling: Spelling,
}

impl Asker {
    /// How interactions are rendered for the client.
    fn view(&self) -> View<'_> {
        View {
            base: &self.base,
            settings: &self.app.config.gws,
            spelling: self.spelling,
        }
    }

    /// Submits a command of the user.
    async fn submit(&self, command: Command) -> Result<Outcome, StoreError> {
        let submission = self.user.submission(command);
        self.app.writer.submit(submission).await
    }
}

/// A request after authentication and parsing.
struct Asked {
    places: Places,
    asker: Asker,
    /// The identifier in the path; empty if it has none.
    id: String,
    parameters: Parameters,
}

impl FromRequest<App> for Asked {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let user = User::from_request_parts(&mut parts, app).await;
        let user = user.map_err(IntoResponse::into_response)?;
        let asked = Self::of(app, user, &mut parts, body).await;
        asked.map_err(IntoResponse::into_response)
    }
}

impl Asked {
    async fn of(app: &App, user: User, parts: &mut Parts, body: Body) -> Result<Self, Failure> {
        let id = named(parts, app).await?;
        let history = |on: &String| on.starts_with("api-multimedia") || on == VOICE;
        if !app.config.gws.features.iter().any(history) {
            return Err(Failure::nothing_here());
        }
        let places = parts.extensions.get::<Places>().cloned();
        Ok(Self {
            places: places.ok_or_else(Failure::nothing_here)?,
            id,
            parameters: Parameters::of(app, &parts.headers, body).await?,
            asker: Asker {
                base: base(&parts.headers, &app.config),
                spelling: spelling::chosen_by(app, &user, of_type("sms")).await?,
                app: app.clone(),
                user,
            },
        })
    }

    fn operation(&self) -> Result<String, Failure> {
        self.parameters.need("operationName")
    }

    fn want_voice(&self) -> Result<(), Failure> {
        if is_on(&self.asker.app, VOICE) {
            Ok(())
        } else {
            let message = format!("the operation is not valid: the feature {VOICE} is off");
            Err(Failure::not_now(message))
        }
    }

    fn list(self, of: Of) -> Result<Response, Failure> {
        let list = List::read(&self.parameters, of, self.asker.app.clock.now())?;
        let lists = Arc::clone(&self.places.lists);
        Ok(self.answer(list::TOLD, |asker| async move {
            // the semaphore is never closed
            let _turn = lists.acquire_owned().await;
            list.run(asker).await
        }))
    }

    /// Answers at once, and runs the work afterwards. The work returns the members of its message
    /// as JSON text.
    fn answer<W>(self, told: Told, work: impl FnOnce(Asker) -> W) -> Response
    where
        W: Future<Output = Result<String, StoreError>> + Send + 'static,
    {
        let Ok(place) = Arc::clone(&self.places.all).try_acquire_owned() else {
            let message = format!("{MOST} requests are in progress on this server; try again");
            return Failure::later(&message, None).into_response();
        };
        let reference = i64::from(rand::random_range(1..=i32::MAX));
        let (app, user) = (self.asker.app.clone(), self.asker.user.clone());
        let work = work(self.asker);
        let telling = tell(app.clone(), user, told, reference, work, place);
        app.tasks.spawn(telling);
        done(&[("referenceId", &reference.to_string())])
    }
}

/// Runs the work and sends the result to the user.
async fn tell(
    app: App,
    user: User,
    told: Told,
    reference: i64,
    work: impl Future<Output = Result<String, StoreError>> + Send,
    _place: OwnedSemaphorePermit,
) {
    let found = match app.reads.head().await {
        Ok(as_of) => work.await.map(|found| (found, as_of)),
        Err(error) => Err(error),
    };
    let found = found.map_err(|error| in_words(error, reference));
    // a failure message contains no history
    let as_of = found.as_ref().map_or(i64::MAX, |(_, as_of)| *as_of);
    let found = found.map(|(found, _)| found);
    let too_large = |found: &String| {
        (found.len() > MOST_BYTES).then(|| {
            format!("the answer is larger than {MOST_BYTES} bytes; ask for a shorter period, less of maxSize, or fewer customAttributes")
        })
    };
    let members = match found.and_then(|found| too_large(&found).map_or(Ok(found), Err)) {
        Ok(found) => found,
        Err(message) => format!("{}\"errorMessage\":{}", told.failed, text(&message)),
    };
    let message_type = told
        .message_type
        .map(|name| format!("\"messageType\":\"{name}\","))
        .unwrap_or_default();
    let answer = Answer {
        user: user.name.to_string(),
        channel: CHANNEL.to_owned(),
        reference_id: reference,
        as_of,
        data: format!("{{\"referenceId\":{reference},{message_type}{members}}}"),
    };
    let submission = user.submission(Command::Answer(Box::new(answer)));
    let handed = async {
        // wait while the queue is full, since the request has been accepted
        let answer = app.writer.enqueue_waiting(submission).await?;
        answer.wait().await
    };
    if let Err(error) = handed.await {
        tracing::warn!(%error, reference, "an answer could not be delivered");
    }
}

/// Why it failed, in the words that the user sees. The cause of an internal error goes to the log.
fn in_words(error: StoreError, reference: i64) -> String {
    if let StoreError::Refused(refusal) = error {
        return refusal.to_string();
    }
    tracing::error!(%error, reference, "a history request failed");
    match error {
        StoreError::Busy
        | StoreError::Full
        | StoreError::Away(_)
        | StoreError::Closed
        | StoreError::Unfinished => {
            "the store does not answer; nothing was written, try again".to_owned()
        }
        StoreError::Unknown(_) => {
            "the connection to the database was lost during the commit; check before you send again"
                .to_owned()
        }
        _ => format!("internal error; the log has the details under the referenceId {reference}"),
    }
}
