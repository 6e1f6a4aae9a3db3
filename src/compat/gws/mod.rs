//! Web Services v2, as agent desktops and integrations speak it (Genesys Web Services, `docs.genesys.com/Documentation/GWS`).
//!
//! What the documents leave open, and what we chose there, is one table in `docs/compat/gws.md`.

pub mod answer;
mod collections;
mod earlier;
mod features;
mod history;
mod me;
pub mod media;
pub mod notifications;
pub mod notify;
mod operations;
mod parameters;
mod place;
mod question;
pub mod resource;
pub mod sign_in;

use std::any::Any;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;

use crate::web::{App, encoding};
use answer::{Code, Failure};
use media::{MEDIA, OPEN_MEDIA};

/// The routes of this surface.
pub fn router(app: App) -> Router {
    let notify = notify::Notify::new(Arc::clone(&app.reads));
    let hub = notifications::hub(&app, Arc::new(notify));
    let routes = Router::new()
        .merge(interactions())
        .merge(me::routes())
        .merge(features::routes())
        .merge(notifications::routes(hub))
        .merge(history::routes())
        .route("/api/v2", any(nothing_here))
        .route("/api/v2/{*rest}", any(nothing_here))
        .method_not_allowed_fallback(wrong_method);
    sign_in::guard(routes, &app)
        .layer(middleware::from_fn_with_state(app.clone(), decode))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

/// The collections, each under its own paths.
fn interactions() -> Router<App> {
    let mut router = Router::new().route("/api/v2/interactions/{id}", get(collections::past));
    for medium in &MEDIA {
        for name in std::iter::once(medium.collection).chain(medium.twin) {
            let of_type = if name == OPEN_MEDIA {
                "/{media_type}"
            } else {
                ""
            };
            let all = format!("/api/v2/me/{name}{of_type}");
            let all_of_it = get(collections::list).post(operations::create);
            router = router.route(&all, all_of_it.layer(Extension(medium)));
            for under in ["/me", ""] {
                let one = format!("/api/v2{under}/{name}{of_type}/{{id}}");
                let one_of_it = get(collections::one).post(operations::operate);
                router = router.route(&one, one_of_it.layer(Extension(medium)));
            }
            if !of_type.is_empty() {
                let of_any = get(collections::list).layer(Extension(medium));
                router = router.route(&format!("/api/v2/me/{name}"), of_any);
            }
        }
    }
    router
}

/// Decodes the body of a request; 415 for an encoding that is not known.
async fn decode(State(app): State<App>, request: Request, next: Next) -> Response {
    let detail = match encoding::decoded(request, app.config.limits.body) {
        Ok(request) => return next.run(request).await,
        Err(detail) => detail,
    };
    let failure = Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Invalid, detail);
    ([(header::ACCEPT_ENCODING, encoding::TAKEN)], failure).into_response()
}

async fn nothing_here() -> Failure {
    Failure::nothing_here()
}

async fn wrong_method() -> Failure {
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        Code::Forbidden,
        "this path does not take that method",
    )
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    Failure::internal("a handler panicked; the panic is in the log above".to_owned())
        .into_response()
}
