//! Request ids, request metrics and one log line per request. A log line names the route instead of
//! the path, so that it holds no customer data.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use rand::RngCore;
use tracing::Instrument;

use super::{App, Cause};

/// The header that carries a request's id, in requests and in answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's request id if it is well-formed, else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID).filter(|value| {
        value.len() <= 64
            && value
                .as_bytes()
                .iter()
                .all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c))
    });
    given.cloned().unwrap_or_else(|| {
        let id = format!("{:016x}", rand::rng().next_u64());
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
    })
}

/// Assigns each request its id, counts it and logs it: server errors as errors, successes at debug
/// level.
pub async fn middleware(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let id = request_id(&request);
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), %method, route);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let took = begun.elapsed();
    app.metrics.answered(&route, &method, status, took);
    let millis = took.as_secs_f64() * 1000.0;
    span.in_scope(|| match response.extensions().get::<Cause>() {
        Some(cause) => tracing::error!(status, millis, cause = cause.0, "failed"),
        None if status == 503 => tracing::warn!(status, millis, "turned away"),
        None if status >= 400 => tracing::info!(status, millis, "refused"),
        None => tracing::debug!(status, millis, "answered"),
    });
    response.headers_mut().insert(REQUEST_ID, id);
    response
}
