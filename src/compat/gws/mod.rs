//! Web Services v2, the API of agent desktops and integrations (Genesys Web Services,
//! `docs.genesys.com/Documentation/GWS`).
//!
//! Where the documents leave something open, `docs/compat/gws.md` has a table of our choices.

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
mod spelling;

use std::any::Any;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;

use crate::web::{App, encoding};
use answer::{Code, Failure};
use media::{MEDIA, Medium, OPEN_MEDIA, Spelling};
use place::Route;

/// The routes of this API.
pub fn router(app: App) -> Router {
    let notify = notify::Notify::new(Arc::clone(&app.reads), app.config.gws.clone());
    let hub = notifications::hub(&app, Arc::new(notify));
    let routes = Router::new()
        .merge(interactions(&app))
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
fn interactions(app: &App) -> Router<App> {
    let mut router = Router::new().route("/api/v2/interactions/{id}", get(collections::past));
    for medium in &MEDIA {
        router = router.merge(of_collection(app, medium, Spelling::Usual));
        if medium.twin.is_some() {
            router = router.merge(of_collection(app, medium, Spelling::Twin));
        }
    }
    router
}

/// The paths of a collection in one spelling.
fn of_collection(app: &App, medium: &'static Medium, spelling: Spelling) -> Router<App> {
    let (name, _) = medium.names(spelling);
    let of_type = if name == OPEN_MEDIA {
        "/{media_type}"
    } else {
        ""
    };
    let many = get(collections::list).post(operations::create);
    let mut router = Router::new().route(&format!("/api/v2/me/{name}{of_type}"), many);
    for under in ["/me", ""] {
        let path = format!("/api/v2{under}/{name}{of_type}/{{id}}");
        router = router.route(&path, get(collections::one).post(operations::operate));
    }
    if !of_type.is_empty() {
        router = router.route(&format!("/api/v2/me/{name}"), get(collections::list));
    }
    if medium.twin.is_some() {
        router = router.route_layer(from_fn_with_state(app.clone(), spelling::remember));
    }
    router.route_layer(Extension(Route { medium, spelling }))
}

/// Decodes the body of a request. Answers 415 for an unknown encoding.
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
        "this path does not support that method",
    )
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    Failure::internal("a handler panicked; the panic is in the log above".to_owned())
        .into_response()
}
