//! Paths that a browser requests by itself: the root and the icon.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::web::App;

/// The target of the redirect from the root.
const HOME: &str = "/docs/";

/// The routes. They serve pages rather than API operations, so they are not in the OpenAPI
/// document.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(async || Redirect::to(HOME)))
        .route(
            "/favicon.ico",
            get(async || icon("image/x-icon", include_bytes!("icon.ico"))),
        )
        .route(
            "/favicon.svg",
            get(async || icon("image/svg+xml", include_bytes!("icon.svg"))),
        )
}

fn icon(kind: &'static str, bytes: &'static [u8]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ];
    (headers, bytes).into_response()
}
