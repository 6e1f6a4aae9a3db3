//! `/v1/webhooks`: subscriptions to changes, and their deliveries.

use axum::extract::{Path, State};
use axum::response::Response;
use rand::RngCore;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Scope};
use super::body::Posted;
use super::params::{NoParams, Params};
use super::problem::{Failure, Problem};
use super::render;
use super::webhook_body::WebhookBody;
use crate::domain::command::{Command, Repeatable};
use crate::domain::webhook::{
    self, Again, Delivery, DeliveryState, SECRET_BYTES, Secret, Subscription, Webhook,
    WebhookCommand, WebhookPatch,
};
use crate::domain::{Moment, Refusal};
use crate::feed::webhook::client;
use crate::store::DeliveriesQuery;
use crate::web::App;

/// The default and the maximum number of deliveries in a page.
const LIMITS: (usize, usize) = (100, 1000);
/// The default number of seconds for which an old secret signs together with the new one: a day.
const OVERLAP: i64 = 24 * 3600;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, patch, delete))
        .routes(routes!(rotate))
        .routes(routes!(deliveries))
        .routes(routes!(replay_all))
        .routes(routes!(replay))
}

/// A webhook to create.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct NewWebhook {
    /// The receiver: https, and no private network unless the server's settings allow it.
    #[schema(required = true, example = "https://example.org/annals")]
    url: String,
    /// Kinds of changes: full names or their first parts.
    #[schema(required = true, example = json!(["webAction", "userData.attached"]))]
    kinds: Vec<String>,
    /// Only changes of this media type.
    #[schema(example = "contentoffer")]
    media_type: Option<String>,
    /// A description for people.
    description: Option<String>,
    /// False to create the webhook disabled and enable it later. In either case deliveries start
    /// with the changes after its creation.
    #[schema(default = true)]
    enabled: Option<bool>,
}

/// All webhooks, oldest first.
#[derive(Serialize, ToSchema)]
struct WebhookList {
    items: Vec<WebhookBody>,
}

fn secret() -> Secret {
    let mut bytes = [0; SECRET_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    Secret::new(&bytes)
}

/// The normalized URL. A host that is known to be private is refused; the host is resolved again
/// for each delivery.
async fn public(app: &App, url: &str) -> Result<String, Refusal> {
    let allow_private = app.config.webhooks.allow_private;
    let url = webhook::check_url(url, allow_private)
        .map_err(|detail| Refusal::invalid("/url", detail))?;
    if !allow_private && client::is_private(&url).await {
        return Err(Refusal::invalid("/url", webhook::PRIVATE));
    }
    Ok(url.into())
}

async fn submit(
    app: &App,
    caller: &Caller,
    command: WebhookCommand,
    repeatable: Option<Repeatable>,
) -> Result<Response, Failure> {
    let command = Command::Webhook(Box::new(command));
    super::submit::submit(app, caller, command, repeatable).await
}

/// Creates a webhook, which receives changes from now on.
///
/// Deliveries follow the Standard Webhooks convention: `webhook-id`, `webhook-timestamp`,
/// `webhook-signature`, and a body `{"type": <kind>, "timestamp": <when>, "data": {…}}`, where
/// `data` is the event of a web action, or the change. Deliveries about the same interaction, web
/// action or contact are sent in order. A response status of 200 to 299 acknowledges a delivery.
/// After any other result the delivery is retried after about 1, 2, 4, 8 s, and so on up to an
/// hour, for three days.
#[utoipa::path(post, operation_id = "createWebhook", path = "/v1/webhooks", tag = "webhooks", request_body = NewWebhook,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = WebhookBody), (status = 403, body = Problem), (status = 409, body = Problem, description = "The maximum number of webhooks is reached"), (status = 422, body = Problem)))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    posted: Posted<NewWebhook>,
) -> Result<Response, Failure> {
    caller.may(Scope::Admin)?;
    let repeatable = posted.repeatable();
    let NewWebhook {
        url,
        kinds,
        media_type,
        description,
        enabled,
    } = posted.value;
    let mut subscription = Subscription {
        url,
        kinds,
        media_type: webhook::lower(media_type.as_deref()),
        description,
        enabled: enabled.unwrap_or(true),
    };
    subscription.check(app.config.webhooks.allow_private)?;
    subscription.url = public(&app, &subscription.url).await?;
    let mut id = [0; 8];
    rand::rng().fill_bytes(&mut id);
    let command = WebhookCommand::Create {
        id: hex::encode(id),
        subscription,
        secret: secret(),
    };
    submit(&app, &caller, command, repeatable).await
}

async fn shown(app: &App, tenant: i64, all: &[Webhook]) -> Result<Vec<WebhookBody>, Failure> {
    let counts = app.reads.delivery_counts(tenant).await?;
    let shapes = all.iter().map(|one| {
        let counted = counts.get(&one.id).copied().unwrap_or_default();
        WebhookBody::new(one, None, Some(counted))
    });
    Ok(shapes.collect())
}

/// All webhooks, oldest first.
#[utoipa::path(get, operation_id = "listWebhooks", path = "/v1/webhooks", tag = "webhooks", responses((status = 200, body = WebhookList)))]
async fn list(State(app): State<App>, caller: Caller, _: NoParams) -> Result<Response, Failure> {
    caller.may(Scope::Admin)?;
    let all = app.reads.webhooks(Some(caller.tenant)).await?;
    let items = shown(&app, caller.tenant, &all).await?;
    Ok(render::json(render::text(&WebhookList { items })))
}

async fn found(app: &App, caller: &Caller, id: &str) -> Result<Webhook, Failure> {
    caller.may(Scope::Admin)?;
    if id.contains('\0') {
        return Err(Refusal::invalid("path", "holds a NUL character").into());
    }
    let found = app.reads.webhook(caller.tenant, id).await?;
    Ok(found.ok_or_else(|| webhook::no_webhook(id))?)
}

/// One webhook.
#[utoipa::path(get, operation_id = "getWebhook", path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = WebhookBody), (status = 404, body = Problem)))]
async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    _: NoParams,
) -> Result<Response, Failure> {
    let one = found(&app, &caller, &id).await?;
    let shown = shown(&app, caller.tenant, std::slice::from_ref(&one)).await?;
    Ok(render::json(render::text(&shown[0])))
}

/// Changes a webhook: absent members are unchanged, null clears.
///
/// Waiting deliveries go to the new URL. A webhook that is enabled again continues where it
/// stopped.
#[utoipa::path(patch, operation_id = "changeWebhook", path = "/v1/webhooks/{id}", tag = "webhooks", request_body = WebhookPatch, params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = WebhookBody), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn patch(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    posted: Posted<WebhookPatch>,
) -> Result<Response, Failure> {
    caller.may(Scope::Admin)?;
    let repeatable = posted.repeatable();
    let mut patch = posted.value;
    if let Some(url) = &mut patch.url {
        *url = public(&app, url).await?;
    }
    submit(
        &app,
        &caller,
        WebhookCommand::Change { id, patch },
        repeatable,
    )
    .await
}

/// Deletes a webhook with its delivery log.
#[utoipa::path(delete, operation_id = "deleteWebhook", path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    _: NoParams,
) -> Result<Response, Failure> {
    caller.may(Scope::Admin)?;
    submit(&app, &caller, WebhookCommand::Delete(id), None).await
}

/// How to replace a secret.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Rotation {
    /// Seconds for which the old secret signs together with the new one, up to 604800; 0 if the old
    /// secret is compromised.
    #[schema(default = 86400)]
    overlap_seconds: Option<i64>,
}

/// Gives a webhook a new secret. During the overlap, deliveries carry a signature by each secret.
#[utoipa::path(post, operation_id = "rotateWebhookSecret", path = "/v1/webhooks/{id}/secret", tag = "webhooks", request_body = Rotation, params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = WebhookBody), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    posted: Posted<Rotation>,
) -> Result<Response, Failure> {
    caller.may(Scope::Admin)?;
    let repeatable = posted.repeatable();
    let command = WebhookCommand::Rotate {
        id,
        secret: secret(),
        overlap: posted.value.overlap_seconds.unwrap_or(OVERLAP),
    };
    submit(&app, &caller, command, repeatable).await
}

/// A delivery: its change and its state.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeliveryBody {
    /// The `webhook-id` that it is sent with.
    id: String,
    /// The journal entry.
    cursor: String,
    /// Its kind.
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    interaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_id: Option<String>,
    /// `waiting`, `delivered` or `dead`.
    state: &'static str,
    attempts: i64,
    /// The HTTP status of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When it was first due.
    #[schema(value_type = String, format = DateTime)]
    queued_date: Moment,
    /// When it was last attempted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    attempt_date: Option<Moment>,
    /// When it is attempted next; absent while it waits behind another delivery about the same
    /// subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    next_date: Option<Moment>,
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
struct DeliveryList {
    /// Newest change first.
    items: Vec<DeliveryBody>,
    /// The value of `before` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

fn delivery_shape(webhook_id: &str, delivery: Delivery) -> DeliveryBody {
    let (what, subject) = webhook::subject_parts(&delivery.subject);
    let named = |kind: &str| (what == kind).then(|| subject.to_owned());
    DeliveryBody {
        id: webhook::message_id(webhook_id, delivery.cursor),
        cursor: delivery.cursor.to_string(),
        interaction_id: named("interactionId"),
        action_id: named("actionId"),
        contact_id: named("contactId"),
        kind: delivery.kind,
        state: delivery.state.name(),
        attempts: delivery.attempts,
        status: delivery.status,
        error: delivery.error,
        queued_date: delivery.queued_date,
        attempt_date: delivery.attempt_date,
        next_date: delivery.next_date,
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "describes the parameters for OpenAPI; Params reads them"
)]
struct DeliveriesParams {
    /// `waiting`, `delivered` or `dead`.
    state: Option<String>,
    /// Only deliveries about this web action.
    #[param(rename = "actionId")]
    action_id: Option<String>,
    /// Only deliveries about this interaction.
    #[param(rename = "interactionId")]
    interaction_id: Option<String>,
    /// Only deliveries about this contact.
    #[param(rename = "contactId")]
    contact_id: Option<String>,
    /// `next` of the previous page.
    before: Option<String>,
    /// 1 to 1000.
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

fn state(place: &str, name: &str) -> Result<DeliveryState, Refusal> {
    DeliveryState::of_name(name)
        .ok_or_else(|| Refusal::invalid(place, "is none of waiting, delivered, dead"))
}

/// The delivery log, newest change first.
///
/// Successful deliveries are kept for some days (`[webhooks] keep_days`); waiting and dead ones
/// remain.
#[utoipa::path(get, operation_id = "listDeliveries", path = "/v1/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = String, Path), DeliveriesParams),
    responses((status = 200, body = DeliveryList), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn deliveries(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Failure> {
    let webhook = found(&app, &caller, &id).await?;
    let limit = params.number("limit", LIMITS.0, LIMITS.1)?;
    let mut query = DeliveriesQuery {
        webhook_id: webhook.id,
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
        ..DeliveriesQuery::default()
    };
    if let Some(name) = params.take("state") {
        query.state = Some(state("?state", &name)?);
    }
    if let Some(text) = params.take("before") {
        query.before = Some(super::params::cursor("?before", &text)?);
    }
    for name in ["interactionId", "actionId", "contactId"] {
        if let Some(id) = params.take(name) {
            if query.subject.is_some() {
                let detail = "is given beside another of interactionId, actionId, contactId";
                return Err(Refusal::invalid(format!("?{name}"), detail).into());
            }
            query.subject = Some(format!("{name}:{id}"));
        }
    }
    params.finish()?;
    let found = app.reads.deliveries(&query).await?;
    let next = found
        .last()
        .filter(|_| found.len() == limit)
        .map(|last| last.cursor.to_string());
    let items = found
        .into_iter()
        .map(|one| delivery_shape(&query.webhook_id, one))
        .collect();
    Ok(render::json(render::text(&DeliveryList { items, next })))
}

/// The deliveries to send again.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Replay {
    /// `dead`: starts all dead deliveries over. `waiting`: attempts all waiting deliveries now, for
    /// example after the receiver was repaired.
    #[schema(default = "dead")]
    state: Option<String>,
}

/// Starts all dead deliveries over, or attempts all waiting deliveries now.
///
/// Each keeps its `webhook-id`.
#[utoipa::path(post, operation_id = "replayDeliveries", path = "/v1/webhooks/{id}/replay", tag = "webhooks", request_body = Replay, params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = super::schema::Replayed, description = "`deliveries` says how many"), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn replay_all(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    posted: Posted<Replay>,
) -> Result<Response, Failure> {
    caller.may(Scope::Admin)?;
    let repeatable = posted.repeatable();
    let state = match posted.value.state.as_deref() {
        None | Some("dead") => DeliveryState::Dead,
        Some("waiting") => DeliveryState::Waiting,
        Some(_) => return Err(Refusal::invalid("/state", "is neither dead nor waiting").into()),
    };
    let again = Again::All(state);
    submit(
        &app,
        &caller,
        WebhookCommand::Replay { id, again },
        repeatable,
    )
    .await
}

/// Sends one delivery again, whatever its state, under the same `webhook-id`.
#[utoipa::path(post, operation_id = "replayDelivery", path = "/v1/webhooks/{id}/deliveries/{cursor}/replay", tag = "webhooks",
    params(("id" = String, Path), ("cursor" = String, Path)),
    responses((status = 202, body = super::schema::Replayed), (status = 404, body = Problem)))]
async fn replay(
    State(app): State<App>,
    caller: Caller,
    Path((id, cursor)): Path<(String, String)>,
    _: NoParams,
) -> Result<Response, Failure> {
    caller.may(Scope::Admin)?;
    let again = Again::One(super::params::cursor("path", &cursor)?);
    submit(&app, &caller, WebhookCommand::Replay { id, again }, None).await
}
