//! `/v1/contacts`: creating, identifying, changing, merging, exporting and erasing contacts.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Scope};
use super::body::{Posted, if_match};
use super::find::Of;
use super::params::{NoParams, Params};
use super::problem::{Failure, Problem};
use super::schema::ContactBody;
use super::submit::submit;
use super::{find, person, render};
use crate::domain::Refusal;
use crate::domain::command::Command;
use crate::domain::contact::{self, GivenAttributes, OneOrMany};
use crate::domain::interaction;
use crate::web::App;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(identify))
        .routes(routes!(get, patch, delete))
        .routes(routes!(merge))
        .routes(routes!(unmerge))
        .routes(routes!(history))
        .routes(routes!(erase))
        .routes(routes!(export))
}

/// A contact to create.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct NewContact {
    /// The caller's own identifier.
    id: Option<String>,
    /// Names with a value or a list of values; the first is the primary one.
    #[serde(deserialize_with = "contact::given")]
    #[schema(value_type = Option<HashMap<String, crate::domain::schema::AttributeValue>>, example = json!({"EmailAddress": ["ann@example.test"], "LastName": "Rossi"}))]
    attributes: GivenAttributes,
}

/// Creates a contact.
#[utoipa::path(post, operation_id = "createContact", path = "/v1/contacts", tag = "contacts", request_body = NewContact,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = ContactBody), (status = 200, description = "It existed already", body = ContactBody), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    posted: Posted<NewContact>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let repeatable = posted.repeatable();
    let NewContact { id, attributes } = posted.value;
    submit(
        &app,
        &caller,
        Command::CreateContact { id, attributes },
        repeatable,
    )
    .await
}

/// The attributes by which to identify a contact.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Identify {
    /// The known attributes.
    #[serde(default, deserialize_with = "contact::given")]
    #[schema(value_type = Option<HashMap<String, crate::domain::schema::AttributeValue>>)]
    attributes: GivenAttributes,
    /// Whether to create a contact when none matches; true when absent.
    #[serde(default)]
    create: Option<bool>,
    /// The media type, which selects the ranks if the settings have ranks for it.
    #[serde(default)]
    media_type: Option<String>,
}

/// Identifies a contact by its attributes, or creates it.
///
/// By default the ranks follow UCS 8.x: `EmailAddress`, `PhoneNumber`, `FirstName` with `LastName`;
/// `Title` only narrows the result. If several contacts match, `contactId` is the oldest and
/// `candidates` lists all. Values that a known contact lacks are added to it (`[contacts] learn`);
/// `unkeptAttributes` names those that were not. With `create: false` nothing is written, and the
/// scope `read` is enough.
#[utoipa::path(post, operation_id = "identifyContact", path = "/v1/contacts/identify", tag = "contacts", request_body = Identify,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = super::schema::Identified), (status = 422, body = Problem)))]
async fn identify(
    State(app): State<App>,
    caller: Caller,
    posted: Posted<Identify>,
) -> Result<Response, Failure> {
    let repeatable = posted.repeatable();
    let Identify {
        attributes,
        create,
        media_type,
    } = posted.value;
    let create = create.unwrap_or(true);
    caller.may(if create { Scope::Write } else { Scope::Read })?;
    let command = Command::IdentifyContact {
        attributes,
        media_type: media_type.map(|name| interaction::media_type(&name)),
        create,
    };
    submit(&app, &caller, command, repeatable).await
}

/// One contact.
#[utoipa::path(get, operation_id = "getContact", path = "/v1/contacts/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = ContactBody), (status = 404, body = Problem)))]
async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    _: NoParams,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let contact = app
        .reads
        .contact(caller.tenant, &id)
        .await?
        .ok_or_else(|| Refusal::no_contact(&id))?;
    let mut response = render::json(render::text(&contact));
    render::etag(&mut response, contact.revision);
    Ok(response)
}

/// New attribute values of a contact.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ContactPatch {
    /// Attribute names with new values. Null or an empty list clears an attribute; absent
    /// attributes are unchanged.
    #[serde(deserialize_with = "contact::changed")]
    #[schema(value_type = HashMap<String, crate::domain::schema::AttributeValue>)]
    attributes: BTreeMap<String, Option<OneOrMany>>,
}

/// Sets and clears attributes of a contact.
#[utoipa::path(patch, operation_id = "changeContact", path = "/v1/contacts/{id}", tag = "contacts", request_body = ContactPatch,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = ContactBody), (status = 404, body = Problem), (status = 412, body = Problem)))]
async fn patch(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted<ContactPatch>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let command = Command::ChangeContact {
        id,
        attributes: posted.value.attributes,
        if_match: if_match(&headers)?,
    };
    submit(&app, &caller, command, None).await
}

/// Deletes a contact that has no interactions.
#[utoipa::path(delete, operation_id = "deleteContact", path = "/v1/contacts/{id}", tag = "contacts",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, description = "It has interactions", body = Problem)))]
async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    _: NoParams,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let if_match = if_match(&headers)?;
    let command = Command::DeleteContact { id, if_match };
    app.writer.submit(caller.submission(command, None)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The target of a merge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Merge {
    /// The contact that remains.
    into: String,
}

/// Merges a contact into another. Both histories are then found under the contact that remains.
#[utoipa::path(post, operation_id = "mergeContact", path = "/v1/contacts/{id}/merge", tag = "contacts", request_body = Merge, params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ContactBody), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn merge(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    posted: Posted<Merge>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let repeatable = posted.repeatable();
    let command = Command::MergeContact {
        id,
        into: posted.value.into,
    };
    submit(&app, &caller, command, repeatable).await
}

/// A body without members.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Undoes a merge.
#[utoipa::path(post, operation_id = "unmergeContact", path = "/v1/contacts/{id}/unmerge", tag = "contacts", request_body = Nothing, params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ContactBody), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn unmerge(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    caller.may(Scope::Write)?;
    let repeatable = posted.repeatable();
    submit(&app, &caller, Command::UnmergeContact(id), repeatable).await
}

/// The interactions of a contact and of those merged into it, newest first.
///
/// Takes the parameters of `GET /v1/interactions`.
#[utoipa::path(get, operation_id = "getContactHistory", path = "/v1/contacts/{id}/history", tag = "contacts", params(("id" = String, Path), find::ListParams, super::filter_params::FilterParams),
    responses((status = 200, body = super::schema::InteractionList), (status = 404, body = Problem)))]
async fn history(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    find::list_by(&app, &caller, params, Of::Contact(id)).await
}

/// Erases a person: the contact, its merged identities, and the content of their interactions.
///
/// An erasure cannot be undone.
///
/// It includes anonymous interactions in the families of the person's interactions. An anonymous
/// interaction that belongs to another person as well is listed in `shared`, and loses only the
/// keys that it exchanged with this person's interactions. Media types, times, status and family of
/// each interaction remain, for statistics. The journal records the erasure and no longer holds
/// what was erased.
#[utoipa::path(post, operation_id = "eraseContact", path = "/v1/contacts/{id}/erase", tag = "contacts", request_body = Nothing, params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = super::schema::Erased), (status = 403, description = "The token lacks the scope admin", body = Problem), (status = 404, body = Problem)))]
async fn erase(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Failure> {
    caller.may(Scope::Admin)?;
    let repeatable = posted.repeatable();
    submit(&app, &caller, Command::EraseContact(id), repeatable).await
}

/// Everything stored about one person, as a stream.
///
/// It holds the contact with all merged identities; their interactions in full, with the anonymous
/// ones of their families and the links that lead to them; the events of the web actions that led
/// to those; and the journal of all of them. `shared` lists interactions that belong to another
/// person as well.
#[utoipa::path(get, operation_id = "exportContact", path = "/v1/contacts/{id}/export", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = super::schema::PersonExport), (status = 404, body = Problem)))]
async fn export(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    _: NoParams,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let person = app.reads.person(caller.tenant, &id).await?;
    let person = person.ok_or_else(|| Refusal::no_contact(&id))?;
    Ok(person::export(app, caller.tenant, person))
}
