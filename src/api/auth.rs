//! The caller of a request, as the handlers receive it: [`Caller`].

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::ingest;
use super::problem::Failure;
use crate::domain::Refusal;
use crate::web::App;
pub use crate::web::access::{Caller, Scope};

/// Paths that are readable without a token.
const OPEN: [&str; 9] = [
    "/",
    "/favicon.ico",
    "/favicon.svg",
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/sdk/web-actions.js",
    "/sdk/web-actions.mjs",
];

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Refusal::Unauthenticated("no caller is known".to_owned()).into())
    }
}

/// Identifies the caller before anything else is done.
pub async fn middleware(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let open = OPEN.contains(&path)
        || path.starts_with("/docs/")
        || (path == "/metrics" && app.config.server.open_metrics);
    if open {
        return next.run(request).await;
    }
    if ingest::is_meant(&request) {
        return match ingest::admit(&app, request).await {
            Ok(request) => next.run(request).await,
            Err(response) => response,
        };
    }
    let (method, headers) = (request.method().clone(), request.headers());
    match app.access.caller(&method, headers).await {
        Ok(caller) if caller.only_publishes() => {
            let detail = "a token of the scope \"publish\" sends web actions and does nothing else";
            Failure::from(Refusal::Forbidden(detail.to_owned())).into_response()
        }
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => Failure::from(error).into_response(),
    }
}
