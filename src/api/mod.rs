//! The native HTTP API, `/v1`, and the paths beside it.
//!
//! There is one file for each resource: types, handlers, OpenAPI. A handler translates a request
//! into a command or a query, and the outcome into an answer. The rules are in `domain` and in the
//! store's ledger.

pub mod auth;
mod batch;
mod body;
mod bounds;
mod changes;
mod contact_list;
mod contacts;
mod filter_params;
mod filter_schema;
mod find;
mod forms;
mod ingest;
mod interactions;
mod linked;
mod openapi;
mod operation;
mod params;
mod person;
pub mod problem;
mod render;
mod reports;
mod schema;
mod sdk;
mod site;
mod spill;
mod sql;
mod submit;
mod user_data_body;
mod web_actions;
mod webhook_body;
mod webhooks;

use axum::Router;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::{Info, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use crate::domain::change::{Change, Kind};
use crate::domain::command::Rules;
use crate::web::{App, Cause};
use problem::Problem;

fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(OpenApi::new(
        Info::builder()
            .title("Annals")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some("Contact history: every interaction with its UserData, its family and its whole change history."))
            .build(),
        utoipa::openapi::Paths::new(),
    ))
    .merge(interactions::routes())
    .merge(batch::routes())
    .merge(find::routes())
    .merge(contacts::routes())
    .merge(contact_list::routes())
    .merge(changes::routes())
    .merge(web_actions::routes())
    .merge(webhooks::routes())
    .merge(reports::routes())
    .merge(sql::routes())
    .merge(operation::routes())
}

/// The OpenAPI document of a server with the default settings.
pub fn document() -> OpenApi {
    openapi::finished(described().split_for_parts().1, &Rules::default())
}

/// The `data` of a webhook delivery for a change, as JSON text: the event if the change is a web
/// action, else the change.
pub fn delivered(change: &Change) -> String {
    if Kind::of_name(&change.kind) == Some(Kind::WebActionRecorded) {
        change.delta.clone()
    } else {
        render::change(change)
    }
}

/// The routes of the native API.
pub fn router(app: App) -> Router {
    let (router, document) = described().split_for_parts();
    let document = openapi::finished(document, app.writer.rules());
    router
        .merge(sdk::routes())
        .merge(site::routes())
        .merge(utoipa_swagger_ui::SwaggerUi::new("/docs").url("/openapi.json", document))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(params::middleware))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            auth::middleware,
        ))
        .layer(middleware::from_fn_with_state(app.clone(), body::decode))
        .layer(middleware::from_fn_with_state(
            ingest::cors(&app),
            ingest::middleware,
        ))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

async fn unknown() -> Problem {
    Problem {
        kind: "not-found",
        title: "Not found",
        status: 404,
        detail: "there is nothing under this path; /docs lists all paths".to_owned(),
        errors: Vec::new(),
    }
}

async fn wrong_method() -> Problem {
    Problem {
        kind: "method-not-allowed",
        title: "Method not allowed",
        status: 405,
        detail: "this path does not support that method; /docs lists all paths".to_owned(),
        errors: Vec::new(),
    }
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    let mut response = Problem::internal().into_response();
    response.extensions_mut().insert(Cause(
        "a handler panicked; the panic is in the log above".to_owned(),
    ));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_as_an_internal_error_that_tells_no_cause() {
        let response = panicked(Box::new("a secret"));
        assert_eq!(response.status(), 500);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert!(response.headers().get("retry-after").is_none());
        let body = axum::body::to_bytes(response.into_body(), 10_000).await;
        let problem: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
        assert_eq!(problem["type"], "internal");
        assert_eq!(problem["status"], 500);
        assert!(!problem.to_string().contains("secret"));
    }
}
