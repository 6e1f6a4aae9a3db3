//! Notifications: the Bayeux server at `/api/v2/notifications`, on its sub-paths, and with a
//! trailing slash.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use super::answer::{Code, Failure, base};
use super::sign_in::{ANYBODY, User};
use crate::feed::Translate;
use crate::feed::bayeux::{self, Answer, Asker};
use crate::feed::hub::{Hub, Limits, Parts};
use crate::web::App;
use crate::web::body::{read, want_json};

/// All channels, in both spellings if there are two (reference:
/// `HTCC/latest/API/AsynchronousEvents` and the pages of each medium).
pub const CHANNELS: [&str; 17] = [
    "/v2/me",
    "/v2/me/calls",
    "/v2/me/channels",
    "/v2/me/chats",
    "/v2/me/devices",
    "/v2/me/email",
    "/v2/me/emails",
    "/v2/me/facebooksession",
    "/v2/me/im-sessions",
    "/v2/me/openmedia",
    "/v2/me/smsessions",
    "/v2/me/smssessions",
    "/v2/me/workitems",
    "/v2/ucs/interactions",
    "/v2/users",
    "/me/interactions",
    "/notifications/services",
];

/// The maximum size of a request in bytes.
const LARGEST: usize = 1024 * 1024;

/// The hub for the clients of this API. It runs until the server stops.
pub fn hub(app: &App, translate: Arc<dyn Translate>) -> Hub {
    let settings = &app.config.gws;
    let hub = Hub::new(Parts {
        writer: app.writer.clone(),
        reads: Arc::clone(&app.reads),
        feed: app.feed.clone(),
        translate,
        clock: Arc::clone(&app.clock),
        tenant: settings.tenant,
        anybody: ANYBODY,
        channels: &CHANNELS,
        limits: Limits {
            timeout: Duration::from_secs(settings.timeout_seconds),
            max_interval: Duration::from_secs(settings.max_interval_seconds),
            queue: settings.queue,
            behind: settings.behind,
        },
        shared: app.database == "postgres",
        stopping: app.stopping.clone(),
    });
    app.tasks.spawn(hub.clone().run());
    app.tasks.spawn(hub.clone().keep());
    hub
}

/// The routes. `GET`, which requests a WebSocket, is refused, so that clients fall back to long
/// polling.
pub fn routes(hub: Hub) -> Router<App> {
    let listen = any(move |app, user, headers, method, body| {
        notifications(hub.clone(), app, user, headers, method, body)
    });
    Router::new()
        .route("/api/v2/notifications", listen.clone())
        .route("/api/v2/notifications/", listen.clone())
        .route("/api/v2/notifications/{*rest}", listen)
}

async fn notifications(
    hub: Hub,
    State(app): State<App>,
    user: User,
    headers: HeaderMap,
    method: Method,
    body: Body,
) -> Response {
    if method != Method::POST {
        let why = "only long polling is served: POST Bayeux messages as JSON";
        return Failure::invalid(why).into_response();
    }
    let body = match want_json(&headers) {
        Ok(()) => read(body, LARGEST.min(app.config.limits.body)).await,
        Err(refusal) => Err(refusal),
    };
    let body = match body {
        Ok(body) => body,
        Err(refusal) => return Failure::from(refusal).into_response(),
    };
    let asker = Asker {
        user: &user.name,
        sign_in: user.sign_in.next(),
        base: &base(&headers, &app.config),
    };
    match bayeux::answer(&hub, asker, &body).await {
        Answer::Messages(text) => (
            [
                (header::CONTENT_TYPE, "application/json;charset=UTF-8"),
                (header::CACHE_CONTROL, "no-store"),
            ],
            text,
        )
            .into_response(),
        Answer::Malformed(why) => Failure::invalid(why).into_response(),
        Answer::Superseded => Failure::new(
            StatusCode::REQUEST_TIMEOUT,
            Code::NotNow,
            "a newer /meta/connect of the same client took the place of this one",
        )
        .into_response(),
    }
}
