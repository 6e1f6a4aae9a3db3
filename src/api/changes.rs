//! `/v1/changes`: the journal, page by page or as a live stream.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Scope};
use super::params::{Params, cursor};
use super::problem::{Failure, Problem};
use super::render;
use super::schema::ChangeList;
use crate::domain::Refusal;
use crate::domain::change::Kind;
use crate::feed;
use crate::store::{ChangesQuery, StoreError};
use crate::web::accept::preferred;
use crate::web::{App, mark_negotiated, mark_stream};

/// The default and the maximum number of entries in a page.
pub const LIMITS: (usize, usize) = (100, 1000);

/// The media types in which the journal is served.
const FORMS: [&str; 2] = ["application/json", "text/event-stream"];
/// The index of the live stream among them.
const STREAM: usize = 1;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(changes))
        .routes(routes!(of_interaction))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "describes the parameters for OpenAPI; Params reads them"
)]
struct ChangesParams {
    /// `next` of the previous page; absent, the page starts at the oldest entry.
    after: Option<String>,
    /// 1 to 1000.
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// A kind or its first part: `userData`, `interaction.recorded`.
    kind: Option<String>,
    /// Only entries of this media type.
    #[param(rename = "mediaType")]
    media_type: Option<String>,
    /// Only entries of this contact.
    #[param(rename = "contactId")]
    contact_id: Option<String>,
    /// Only entries of this interaction.
    #[param(rename = "interactionId")]
    interaction_id: Option<String>,
}

fn query(params: &mut Params) -> Result<ChangesQuery, Refusal> {
    let after = match params.take("after") {
        None => 0,
        Some(text) => cursor("?after", &text)?,
    };
    let limit = params.number("limit", LIMITS.0, LIMITS.1)?;
    let mut kinds: Vec<String> = Vec::new();
    for kind in params.take_all("kind") {
        for part in kind.split(',') {
            let meant = Kind::matching(part);
            if meant.is_empty() {
                return Err(Refusal::invalid(
                    "?kind",
                    format!("names {part:?}, which is no kind of change"),
                ));
            }
            kinds.extend(meant.into_iter().map(str::to_owned));
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    Ok(ChangesQuery {
        after,
        limit,
        kinds,
        ..ChangesQuery::default()
    })
}

async fn page(app: &App, caller: &Caller, query: &ChangesQuery) -> Result<Response, Failure> {
    let page = app.reads.changes(caller.tenant, query).await?;
    not_beyond("?after", query.after, page.head)?;
    Ok(render::json(render::list(
        page.items.iter(),
        |out, change| out.push_str(&render::change(change)),
        page.items
            .iter()
            .map(|change| change.delta.len() + 256)
            .sum(),
        Some(&page.next.to_string()),
        None,
    )))
}

/// Changes after a cursor, in the order in which they became visible.
///
/// A reader that continues at `next` misses nothing and sees nothing twice.
///
/// With `Accept: text/event-stream` the changes come as a live stream. The `id` of an event is its
/// cursor. `Last-Event-ID` resumes after that cursor and takes precedence over `after`. Without
/// either, the stream starts with the next change.
#[utoipa::path(get, operation_id = "listChanges", path = "/v1/changes", tag = "changes", params(ChangesParams, ("Last-Event-ID" = Option<String>, Header, description = "For a stream: the cursor of the last event seen")),
    responses((status = 200, body = ChangeList), (status = 422, body = Problem)))]
async fn changes(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let from = params.has("after");
    let mut query = query(&mut params)?;
    query.media_type = params
        .take("mediaType")
        .map(|given| crate::domain::interaction::media_type(&given));
    query.contact_id = params.take("contactId");
    query.interaction_id = params.take("interactionId");
    params.finish()?;
    // a page does not use it, but an invalid one is a mistake of the caller
    let seen = headers
        .get("last-event-id")
        .map(|seen| cursor("Last-Event-ID", seen.to_str().unwrap_or_default()))
        .transpose()?;
    if preferred(&headers, &FORMS) != STREAM {
        let mut response = page(&app, &caller, &query).await?;
        mark_negotiated(&mut response);
        return Ok(response);
    }
    let head = app.reads.head().await?;
    let place = if let Some(seen) = seen {
        query.after = seen;
        "Last-Event-ID"
    } else {
        if !from {
            query.after = head;
        }
        "?after"
    };
    not_beyond(place, query.after, head)?;
    let (asked, tenant) = (app.clone(), caller.tenant);
    let leave: feed::Leave = Box::new(move || {
        let (app, headers) = (asked.clone(), headers.clone());
        Box::pin(async move {
            match app.access.caller(&Method::GET, &headers).await {
                Ok(caller) => caller.tenant == tenant && caller.may(Scope::Read).is_ok(),
                // an unreachable database revokes no token
                Err(error) => !matches!(error, StoreError::Refused(_)),
            }
        })
    });
    let mut response = feed::stream(
        &app.feed,
        Arc::clone(&app.reads),
        app.stopping.clone(),
        caller.tenant,
        query,
        render::change,
        leave,
    );
    mark_stream(&mut response);
    mark_negotiated(&mut response);
    Ok(response)
}

/// Refuses a cursor beyond the head of the journal, which this journal has not issued. Such a
/// cursor outlived a restore of the database, and its reader would wait for entries that it has
/// already seen in another form.
fn not_beyond(place: &str, after: i64, head: i64) -> Result<(), Refusal> {
    if after <= head {
        return Ok(());
    }
    Err(Refusal::invalid(
        place,
        format!("is beyond the newest entry of this journal, {head}"),
    ))
}

/// The journal of one interaction, oldest first.
#[utoipa::path(get, operation_id = "listInteractionChanges", path = "/v1/interactions/{id}/changes", tag = "changes",
    params(("id" = String, Path), ("after" = Option<String>, Query), ("limit" = Option<usize>, Query), ("kind" = Option<String>, Query)),
    responses((status = 200, body = ChangeList), (status = 404, body = Problem)))]
async fn of_interaction(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let mut query = query(&mut params)?;
    params.finish()?;
    query.interaction_id = Some(id.clone());
    if app.reads.interaction(caller.tenant, &id).await?.is_none() {
        // the journal of a deleted interaction still exists
        let any = ChangesQuery {
            limit: 1,
            after: 0,
            kinds: Vec::new(),
            ..query.clone()
        };
        if app
            .reads
            .changes(caller.tenant, &any)
            .await?
            .items
            .is_empty()
        {
            return Err(Refusal::no_interaction(&id).into());
        }
    }
    page(&app, &caller, &query).await
}
