//! Endpoints for operators: health, readiness, metrics.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::render;
use crate::web::App;

/// How long the readiness check waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(metrics))
}

/// Whether the process is alive.
#[utoipa::path(get, operation_id = "getHealth", path = "/healthz", tag = "operating", security(()), responses((status = 200, body = super::schema::Health)))]
async fn health() -> Response {
    render::json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}).to_string())
}

/// Whether the database answers. Migrations were applied before the server started.
#[utoipa::path(get, operation_id = "getReadiness", path = "/readyz", tag = "operating", security(()), responses((status = 200, body = super::schema::Readiness), (status = 503, body = super::schema::Readiness)))]
async fn ready(State(app): State<App>) -> Response {
    let cursor = match tokio::time::timeout(PATIENCE, app.reads.head()).await {
        Ok(Ok(cursor)) if app.writer.is_open() && !app.stopping.is_cancelled() => Some(cursor),
        _ => None,
    };
    let status = if cursor.is_some() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = if cursor.is_some() {
        "ready"
    } else {
        "not ready"
    };
    let mut response = render::json(json!({"status": word, "database": app.database}).to_string());
    *response.status_mut() = status;
    response
}

/// Metrics of requests, queue, groups and commits, for Prometheus.
#[utoipa::path(get, operation_id = "getMetrics", path = "/metrics", tag = "operating", responses((status = 200, content_type = "application/openmetrics-text", body = String)))]
async fn metrics(State(app): State<App>) -> Response {
    let mut text = String::new();
    if prometheus_client::encoding::text::encode(&mut text, &app.metrics.registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let kind =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
