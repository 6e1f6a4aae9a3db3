//! `/v1/interactions`: recording, reading, changing, deleting.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Scope};
use super::body::{Posted, if_match};
use super::linked::{self, Led};
use super::params::{NoParams, Params};
use super::problem::{Failure, Problem};
use super::render;
use super::submit::submit;
use super::user_data_body::UserDataBody;
use crate::domain::command::Command;
use crate::domain::filter::{Filter, Search};
use crate::domain::interaction::{InteractionPatch, NewInteraction, WEB_ENGAGEMENT};
use crate::domain::limits::check_text;
use crate::domain::user_data::{Edit, Given};
use crate::domain::{Moment, Refusal, Requirement};
use crate::store::{Family, StoreError};
use crate::web::App;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(record))
        .routes(routes!(get, patch, delete))
        .routes(routes!(stop))
        .routes(routes!(edit_user_data, user_data))
        .routes(routes!(engage))
        .routes(routes!(set_parent))
        .routes(routes!(no_engage))
        .routes(routes!(lineage))
}

/// Records an interaction.
///
/// Sending the same `id` with the same content again answers 200 and writes nothing; other content
/// answers 409. An `Idempotency-Key` makes any POST repeatable for 24 hours.
#[utoipa::path(post, operation_id = "recordInteraction", path = "/v1/interactions", tag = "interactions", request_body = NewInteraction,
    params(("Idempotency-Key" = Option<String>, Header, description = "Any text of up to 255 characters")),
    responses((status = 201, body = super::schema::InteractionBody), (status = 200, description = "It existed already", body = super::schema::InteractionBody),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, description = "The queue is full; see Retry-After", body = Problem)))]
async fn record(
    State(app): State<App>,
    caller: Caller,
    posted: Posted<NewInteraction>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let repeatable = posted.repeatable();
    let command = Command::Record(Box::new(posted.value));
    submit(&app, &caller, command, repeatable).await
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "describes the parameter for OpenAPI; Params reads it"
)]
struct Include {
    /// `children`, `parent`, `contact`, joined with commas.
    include: Option<String>,
}

/// The maximum number of children that `include=children` shows.
const MOST_CHILDREN: usize = 500;

/// One interaction in full. The `ETag` is its revision.
#[utoipa::path(get, operation_id = "getInteraction", path = "/v1/interactions/{id}", tag = "interactions", params(("id" = String, Path), Include),
    responses((status = 200, body = super::schema::InteractionBody), (status = 404, body = Problem)))]
async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let include = params.take("include").unwrap_or_default();
    params.finish()?;
    let found = app
        .reads
        .interaction(caller.tenant, &id)
        .await?
        .ok_or_else(|| Refusal::no_interaction(&id))?;
    let core = found.interaction()?;
    let mut members: Vec<(&str, String)> = Vec::new();
    for name in include.split(',').filter(|name| !name.is_empty()) {
        if members.iter().any(|(other, _)| *other == name) {
            continue;
        }
        let json = match name {
            "children" => {
                let children = app.reads.search(&children_of(caller.tenant, &id)).await?;
                let items: Vec<String> = children.items.iter().map(render::interaction).collect();
                format!("[{}]", items.join(","))
            }
            "parent" => match &core.parent_id {
                Some(parent) => app
                    .reads
                    .interaction(caller.tenant, parent)
                    .await?
                    .map_or_else(|| "null".to_owned(), |parent| render::interaction(&parent)),
                None => "null".to_owned(),
            },
            "contact" => match &core.contact_id {
                Some(contact) => render::text(&app.reads.contact(caller.tenant, contact).await?),
                None => "null".to_owned(),
            },
            _ => {
                return Err(
                    Refusal::invalid("?include", "is none of children, parent, contact").into(),
                );
            }
        };
        members.push((name, json));
    }
    let mut response = render::json(render::interaction_with(&found, &members));
    render::etag(&mut response, core.revision);
    Ok(response)
}

fn children_of(tenant: i64, id: &str) -> Search {
    let filter = Filter::any_of("parentId", vec![id.to_owned()]);
    Search::oldest_first(tenant, filter, MOST_CHILDREN)
}

/// Changes core attributes by a JSON merge patch. UserData cannot be changed this way.
#[utoipa::path(patch, operation_id = "changeInteraction", path = "/v1/interactions/{id}", tag = "interactions", request_body = InteractionPatch,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The revision it must have")),
    responses((status = 200, body = super::schema::InteractionBody), (status = 404, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem)))]
async fn patch(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted<InteractionPatch>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let command = Command::Change {
        id,
        patch: Box::new(posted.value),
        requires: Requirement::revision(if_match(&headers)?),
    };
    submit(&app, &caller, command, None).await
}

/// Deletes an interaction.
#[utoipa::path(delete, operation_id = "deleteInteraction", path = "/v1/interactions/{id}", tag = "interactions",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("cascade" = Option<bool>, Query, description = "Its descendants too")),
    responses((status = 204), (status = 404, body = Problem), (status = 409, description = "It has children", body = Problem)))]
async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let cascade = params.flag("cascade")?;
    params.finish()?;
    let command = Command::Delete {
        id,
        cascade,
        if_match: if_match(&headers)?,
    };
    app.writer.submit(caller.submission(command, None)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The end of an interaction.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Stop {
    /// The reason.
    stopped_reason: Option<String>,
    /// The end; now when absent.
    end_date: Option<Moment>,
}

/// Stops an interaction: sets the status `Stopped` and the end.
#[utoipa::path(post, operation_id = "stopInteraction", path = "/v1/interactions/{id}/stop", tag = "interactions", request_body = Stop,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = super::schema::InteractionBody), (status = 404, body = Problem)))]
async fn stop(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted<Stop>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let repeatable = posted.repeatable();
    let Stop {
        stopped_reason: reason,
        end_date: end,
    } = posted.value;
    let command = Command::Stop {
        id,
        reason,
        end,
        requires: Requirement::revision(if_match(&headers)?),
    };
    submit(&app, &caller, command, repeatable).await
}

/// Attaches, updates and deletes keys of UserData in one change, all or nothing.
///
/// If the body is a pair list, its pairs are attached.
#[utoipa::path(post, operation_id = "editUserData", path = "/v1/interactions/{id}/user-data", tag = "user data", request_body = super::schema::UserDataRequest,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = super::schema::EditedUserData), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn edit_user_data(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted<UserDataBody>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let repeatable = posted.repeatable();
    let edit = Box::new(posted.value.edit());
    let command = Command::EditUserData {
        id,
        edit,
        requires: Requirement::revision(if_match(&headers)?),
    };
    submit(&app, &caller, command, repeatable).await
}

/// UserData now, or as it was at a moment (inclusive).
#[utoipa::path(get, operation_id = "getUserData", path = "/v1/interactions/{id}/user-data", tag = "user data",
    params(("id" = String, Path), ("at" = Option<String>, Query, description = "RFC 3339")),
    responses((status = 200, body = super::schema::UserDataAt), (status = 404, body = Problem)))]
async fn user_data(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let at = params.moment("at")?;
    params.finish()?;
    let found = app
        .reads
        .interaction(caller.tenant, &id)
        .await?
        .ok_or_else(|| Refusal::no_interaction(&id))?;
    let now = found.interaction()?;
    let (user_data, at, revision) = match at {
        Some(at) if at < now.modified_date => {
            let (document, revision) = app
                .reads
                .user_data_at(caller.tenant, &id, at)
                .await?
                .ok_or_else(|| {
                    Refusal::invalid(
                        "?at",
                        format!(
                            "is before the interaction was recorded at {}",
                            now.created_date
                        ),
                    )
                })?;
            (render::text(&document), at, revision)
        }
        at => (
            found.user_data.clone(),
            at.unwrap_or(now.modified_date),
            now.revision,
        ),
    };
    Ok(render::json(format!(
        "{{\"userData\":{user_data},\"at\":\"{at}\",\"revision\":{revision}}}"
    )))
}

/// Creates the chat or web callback that a web engagement led to.
///
/// `copyUserData` is `all`, `no`, or keys separated by semicolons. When it is absent, the server's
/// setting applies. The child's own keys take precedence over copied ones.
#[utoipa::path(post, operation_id = "createEngagement", path = "/v1/interactions/{id}/engagements", tag = "engagements", request_body = super::schema::NewEngagement,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = super::schema::InteractionBody), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn engage(
    State(app): State<App>,
    caller: Caller,
    Path(parent): Path<String>,
    posted: Posted<NewInteraction>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let repeatable = posted.repeatable();
    let mut child = posted.value;
    if child.parent_id.is_some() {
        return Err(Refusal::invalid("/parentId", "is given by the path already").into());
    }
    child.parent_id = Some(parent);
    let command = Command::Engage(Box::new(child));
    submit(&app, &caller, command, repeatable).await
}

/// The parent of an interaction.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parent {
    /// Its identifier.
    parent_id: String,
    /// The UserData that a chat or web callback copies from a web engagement, as in a new
    /// interaction.
    #[serde(default)]
    copy_user_data: Option<String>,
}

/// Links an interaction to its parent after it was recorded.
///
/// The interaction and its descendants move into the parent's thread. A `chat` or `webcallback`
/// under a `webengagement` copies UserData, as one that is created under it does; its own keys take
/// precedence. All of this is one change.
#[utoipa::path(post, operation_id = "setParent", path = "/v1/interactions/{id}/parent", tag = "engagements", request_body = Parent,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = super::schema::InteractionBody), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn set_parent(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted<Parent>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let repeatable = posted.repeatable();
    let Parent {
        parent_id: parent,
        copy_user_data: copy,
    } = posted.value;
    let command = Command::SetParent {
        id,
        parent,
        copy,
        requires: Requirement::revision(if_match(&headers)?),
    };
    submit(&app, &caller, command, repeatable).await
}

/// Why a web engagement was declined.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoEngage {
    /// A short code.
    code: String,
    /// The description of the code.
    #[serde(default)]
    description: Option<String>,
}

/// Declines a web engagement.
///
/// Sets `noEngageCode` and `noEngageDescription` in its UserData, in one change.
#[utoipa::path(post, operation_id = "recordNoEngage", path = "/v1/interactions/{id}/no-engage", tag = "engagements", request_body = NoEngage,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = super::schema::EditedUserData), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn no_engage(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted<NoEngage>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let repeatable = posted.repeatable();
    let NoEngage { code, description } = posted.value;
    if code.is_empty() {
        return Err(Refusal::invalid("/code", "is empty").into());
    }
    let mut faults = Vec::new();
    let described = description.as_deref().unwrap_or_default();
    for (pointer, text) in [("/code", code.as_str()), ("/description", described)] {
        check_text(pointer, text, usize::MAX, &mut faults);
    }
    if !faults.is_empty() {
        return Err(Refusal::Invalid(faults).into());
    }
    let mut attach = Given::default();
    attach.document.insert("noEngageCode".into(), code.into());
    if let Some(description) = description {
        attach
            .document
            .insert("noEngageDescription".into(), description.into());
    }
    let edit = Box::new(Edit {
        attach,
        ..Edit::default()
    });
    let command = Command::EditUserData {
        id,
        edit,
        requires: Requirement {
            revision: if_match(&headers)?,
            ..Requirement::media_type(WEB_ENGAGEMENT)
        },
    };
    submit(&app, &caller, command, repeatable).await
}

/// The whole family of an interaction.
///
/// The links between its members, and the UserData that was propagated.
#[utoipa::path(get, operation_id = "getLineage", path = "/v1/interactions/{id}/lineage", tag = "engagements", params(("id" = String, Path)),
    responses((status = 200, body = super::schema::Lineage), (status = 404, body = Problem)))]
async fn lineage(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    _: NoParams,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let family = app
        .reads
        .family(caller.tenant, &id)
        .await?
        .ok_or_else(|| Refusal::no_interaction(&id))?;
    let actions = led_to(&app, caller.tenant, &family).await?;
    let nodes: Vec<&str> = family.nodes.iter().map(|node| node.core.as_str()).collect();
    let links: Vec<String> = family.links.iter().map(render::link).collect();
    Ok(render::json(format!(
        "{{\"root\":{},\"nodes\":[{}],\"links\":[{}],\"webActions\":[{}]}}",
        render::text(&family.root),
        nodes.join(","),
        links.join(","),
        actions.join(",")
    )))
}

/// The web actions that led to the members of a family, as JSON texts.
async fn led_to(app: &App, tenant: i64, family: &Family) -> Result<Vec<String>, StoreError> {
    let mut members = Vec::with_capacity(family.nodes.len());
    for node in &family.nodes {
        members.push(node.interaction()?);
    }
    // a family is loaded without UserData, but web engagements name their visit there
    let engagements = members.iter().map(async |member| {
        if member.media_type != WEB_ENGAGEMENT {
            return Ok(None);
        }
        app.reads.interaction(tenant, &member.id).await
    });
    let found: Result<Vec<_>, StoreError> = join_all(engagements).await.into_iter().collect();
    let found = found?;
    let led: Vec<Led<'_>> = members
        .iter()
        .zip(&found)
        .map(|(interaction, found)| Led {
            interaction,
            user_data: found.as_ref().map_or("{}", |found| &found.user_data),
        })
        .collect();
    let mut by_member = linked::web_actions(app, tenant, &led).await?;
    let in_order = members
        .iter()
        .filter_map(|member| by_member.remove(&member.id));
    Ok(in_order.flatten().collect())
}
