//! `/v1/web-actions`: events of offers and chats.

use axum::extract::{Path, State as Extracted};
use axum::response::{IntoResponse, Response};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Scope};
use super::body::{Posted, PostedText, Repeat};
use super::params::{NoParams, Params, digits};
use super::problem::{Failure, Problem};
use super::render;
use super::schema::{WebActionLife, WebActionList};
use super::submit::submit;
use crate::domain::Refusal;
use crate::domain::command::{Command, Outcome};
use crate::domain::user_data::{self, Object};
use crate::domain::web_action::{self, Recorded, State, WebAction};
use crate::json;
use crate::store::writer::Answer;
use crate::store::{MAP_VERSION, StoreError, WebActionsQuery};
use crate::web::App;

/// The maximum number of events in one request.
pub const MOST: usize = 1000;
/// The default and the maximum number of events in a page.
const LIMITS: (usize, usize) = (100, 1000);

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(record, list))
        .routes(routes!(life))
}

fn command(event: Object, app: &App) -> Result<Command, Refusal> {
    let Object(event) = event;
    let action = WebAction::read(event, &app.config.limits)?;
    Ok(Command::RecordWebAction(Box::new(action)))
}

/// Records one event, or each event of an array separately.
///
/// A further copy of an event (the same state of the same action) is merged into the stored one.
/// Fields that it adds are stored (`enriched`). If a field has a different value, the first value
/// is kept (`contradicts`). Pages send a token of the scope `publish`, in the header or in a body
/// `{"key": "…", "events": [ … ]}`, which may be plain text. With an `Idempotency-Key` an array is
/// repeatable as a single event is.
#[utoipa::path(post, operation_id = "recordWebActions", path = "/v1/web-actions", tag = "web actions", request_body = super::schema::WebActionRequest,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, description = "Recorded", body = super::schema::WebActionRecorded), (status = 200, description = "Merged into the stored event; or, for an array, an answer for each item", body = super::schema::WebActionAnswer),
        (status = 403, body = Problem, description = "A page of a web site that the settings do not allow"), (status = 422, body = Problem),
        (status = 429, body = Problem, description = "A page exceeds its rate limit; `Retry-After` says when to try again")))]
async fn record(
    Extracted(app): Extracted<App>,
    caller: Caller,
    posted: PostedText,
) -> Result<Response, Failure> {
    caller.may(Scope::Publish)?;
    if !posted.text().starts_with(b"[") {
        let posted: Posted<Object> = posted.read()?;
        let repeatable = posted.repeatable();
        let command = command(posted.value, &app)?;
        return submit(&app, &caller, command, repeatable).await;
    }
    let events = json::elements(posted.text())?;
    let repeat = match posted.repeat() {
        None => None,
        Some(repeat) => {
            let (_, fingerprint) = json::read_with_fingerprint::<IgnoredAny>(posted.text())?;
            Some((repeat, fingerprint))
        }
    };
    Ok(render::json(each(&app, &caller, &events, repeat).await?))
}

/// Records several events separately, and returns the results as JSON text. `repeat` has the
/// fingerprint of the whole array.
async fn each(
    app: &App,
    caller: &Caller,
    events: &[&RawValue],
    repeat: Option<(&Repeat, Vec<u8>)>,
) -> Result<String, StoreError> {
    if events.len() > MOST {
        return Err(Refusal::invalid("", format!("holds more than {MOST} events")).into());
    }
    // events without a date share the time of receipt, so that their states keep the order of the
    // lifecycle
    let at = app.clock.now();
    let mut answers: Vec<Pending> = Vec::with_capacity(events.len());
    let mut valid = 0;
    for event in events {
        let read = json::read(event.get().as_bytes());
        let command = match read.and_then(|event| command(event, app)) {
            Ok(command) => command,
            Err(refusal) => {
                answers.push(Pending::Known(Err(refusal.into())));
                continue;
            }
        };
        let first = valid == 0 && repeat.is_some();
        // the first event takes the key itself, so that the key stands for one request only
        let repeatable = repeat.as_ref().map(|(repeat, fingerprint)| match valid {
            0 => repeat.whole(fingerprint.clone()),
            number => repeat.part(number, fingerprint.clone()),
        });
        valid += 1;
        let mut submission = caller.submission(command, repeatable);
        submission.at = Some(at);
        // wait while the queue is full, so that the remaining events are not lost
        let answer = app.writer.enqueue_waiting(submission).await;
        answers.push(match answer {
            // the first event tells whether the key was sent with another body
            Ok(answer) if first => match answer.wait().await {
                Err(error @ StoreError::Refused(Refusal::Conflict(_))) => return Err(error),
                outcome => Pending::Known(outcome),
            },
            Ok(answer) => Pending::Waits(answer),
            Err(error) => Pending::Known(Err(error)),
        });
    }
    let mut out = "{\"items\":[".to_owned();
    for (index, answer) in answers.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let outcome = match answer {
            Pending::Known(outcome) => outcome,
            Pending::Waits(answer) => answer.wait().await,
        };
        out += &item(index, outcome);
    }
    Ok(out + "]}")
}

/// The outcome of an event, or the answer that will bring it.
enum Pending {
    Known(Result<Outcome, StoreError>),
    Waits(Answer),
}

fn item(index: usize, outcome: Result<Outcome, StoreError>) -> String {
    let told = match outcome {
        Ok(Outcome::WebAction {
            action_id,
            created,
            enriched,
            contradicts,
            ..
        }) => {
            let status = if created { 201 } else { 200 };
            let mut told =
                serde_json::json!({"index": index, "status": status, "actionId": action_id});
            render::web_action_flags(&mut told, enriched, contradicts);
            told
        }
        Ok(Outcome::Replayed(reply)) => {
            let mut told = serde_json::json!({"index": index, "status": reply.status});
            for (name, value) in user_data::read(&reply.body).unwrap_or_default() {
                told[name] = value;
            }
            told
        }
        Ok(_) => serde_json::json!({"index": index, "status": 200}),
        Err(error) => {
            let (problem, cause) = Problem::of_store(error);
            if let Some(cause) = cause {
                tracing::error!(cause = cause.0, "an event of a list failed");
            }
            serde_json::json!({"index": index, "status": problem.status, "problem": problem})
        }
    };
    told.to_string()
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the parameters for OpenAPI; Params reads them"
)]
struct ListParams {
    /// The action; repeated: any of them. The same applies to the other filters.
    action_id: Option<String>,
    /// A state.
    action_state: Option<String>,
    /// `webchat`, `contentoffer`, …
    action_media_type: Option<String>,
    /// The action map.
    action_map_id: Option<String>,
    /// Its version.
    action_map_version: Option<i64>,
    /// The visitor.
    customer_id: Option<String>,
    /// The visit.
    session_id: Option<String>,
    /// The conversation it led to.
    conversation_id: Option<String>,
    /// An error code, sent as a number or as a string.
    error_code: Option<String>,
    /// Events at or after this: a time, or a day, which starts in `timeZone`.
    #[param(rename = "eventDate.from")]
    from: Option<String>,
    /// Events before this: a time, or a day.
    #[param(rename = "eventDate.to")]
    to: Option<String>,
    /// The time zone of days, such as `Europe/Rome`.
    #[param(default = "UTC")]
    time_zone: Option<String>,
    /// 1 to 1000.
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the previous page.
    cursor: Option<String>,
}

/// Filters with the columns they apply to.
const FILTERS: [(&str, &str); 9] = [
    ("actionId", "action_id"),
    ("actionState", "state"),
    ("actionMediaType", "media_type"),
    ("actionMapId", "map_id"),
    ("actionMapVersion", MAP_VERSION),
    ("customerId", "customer_id"),
    ("sessionId", "session_id"),
    ("conversationId", "conversation_id"),
    ("errorCode", "error_code"),
];

/// The value of a filter in the form in which it is stored.
fn value(name: &str, given: String) -> Result<String, Refusal> {
    match name {
        "actionState" => match State::of_name(&given) {
            Some(state) => Ok(state.name().to_owned()),
            None => Err(Refusal::invalid(
                "?actionState",
                format!("{given:?} is none of the published states"),
            )),
        },
        "actionMediaType" => Ok(given.to_lowercase()),
        "actionMapVersion" => match given.parse::<i64>() {
            Ok(version) if version >= 0 => Ok(version.to_string()),
            _ => Err(Refusal::invalid(
                "?actionMapVersion",
                format!("{given:?} is no whole number"),
            )),
        },
        _ => Ok(given),
    }
}

/// Events in the order in which they were recorded.
#[utoipa::path(get, operation_id = "listWebActions", path = "/v1/web-actions", tag = "web actions", params(ListParams),
    responses((status = 200, body = WebActionList), (status = 422, body = Problem)))]
async fn list(
    Extracted(app): Extracted<App>,
    caller: Caller,
    mut params: Params,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let zone = params.time_zone()?;
    let mut query = WebActionsQuery {
        limit: params.number("limit", LIMITS.0, LIMITS.1)?,
        from: params.moment_or_day("eventDate.from", zone)?,
        to: params.moment_or_day("eventDate.to", zone)?,
        ..WebActionsQuery::default()
    };
    if let Some(cursor) = params.take("cursor") {
        query.after = digits(&cursor)
            .ok_or_else(|| Refusal::invalid("?cursor", "is no cursor of such a list"))?;
    }
    for (name, column) in FILTERS {
        let given = params.take_all(name);
        if !given.is_empty() {
            let values: Result<Vec<String>, Refusal> =
                given.into_iter().map(|given| value(name, given)).collect();
            query.any_of.push((column, values?));
        }
    }
    params.finish()?;
    let wanted = query.limit;
    query.limit += 1;
    let mut found = app.reads.web_actions(caller.tenant, &query).await?;
    let more = found.len() > wanted;
    found.truncate(wanted);
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| last.seq.to_string());
    Ok(render::json(render::list(
        found.iter(),
        |out, one: &Recorded| out.push_str(&one.event),
        found.iter().map(|one| one.event.len() + 1).sum(),
        next.as_deref(),
        None,
    )))
}

/// The lifecycle of one action: its events in order, its irregularities, and whether it is over.
#[utoipa::path(get, operation_id = "getWebAction", path = "/v1/web-actions/{actionId}", tag = "web actions", params(("actionId" = String, Path)),
    responses((status = 200, body = WebActionLife), (status = 404, body = Problem)))]
async fn life(
    Extracted(app): Extracted<App>,
    caller: Caller,
    Path(id): Path<String>,
    _: NoParams,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let query = WebActionsQuery {
        limit: State::ALL.len(),
        any_of: vec![("action_id", vec![id.clone()])],
        ..WebActionsQuery::default()
    };
    let found = app.reads.web_actions(caller.tenant, &query).await?;
    if found.is_empty() {
        return Err(Refusal::NotFound("web action", id).into());
    }
    let (states, flags, over) = web_action::life(found);
    let events: Vec<&str> = states.iter().map(|one| one.event.as_str()).collect();
    let body = format!(
        "{{\"items\":[{}],\"flags\":{},\"terminal\":{over}}}",
        events.join(","),
        render::text(&flags)
    );
    Ok(render::json(body).into_response())
}
