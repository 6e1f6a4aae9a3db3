//! Logs and figures. A log line never holds a customer's text, a token or a transient key: requests are told by their route, not by their path.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use rand::RngCore;
use tracing::Instrument;
use tracing_subscriber::EnvFilter;

use crate::config::Log;
use crate::store::meters::Meters;
use crate::web::{App, Cause};

/// Starts logging to standard error.
///
/// # Errors
/// When the filter is not understood.
pub fn start(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| format!("[log] level: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // a second start, as in tests, keeps the first
    let _ = if log.format == "json" {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    route: String,
    method: &'static str,
    status: u16,
}

/// The figures of a server.
pub struct Metrics {
    /// All figures under their names.
    pub registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Histogram,
}

impl Metrics {
    /// Registers the figures of requests, of the writer and of the feed.
    pub fn new(meters: &Meters, feed: &crate::feed::meters::Meters) -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let seconds = Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        registry.register(
            "annals_http_requests",
            "Requests answered",
            requests.clone(),
        );
        registry.register(
            "annals_http_request_seconds",
            "Time to the head of the answer",
            seconds.clone(),
        );
        meters.register(&mut registry);
        feed.register(&mut registry);
        Self {
            registry,
            requests,
            seconds,
        }
    }

    fn answered(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let method = match *method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::PUT => "PUT",
            Method::HEAD => "HEAD",
            Method::OPTIONS => "OPTIONS",
            _ => "other",
        };
        self.requests
            .get_or_create(&Labels {
                route: route.to_owned(),
                method,
                status,
            })
            .inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

/// The header that carries a request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's request id where it is a sensible one, else a new one.
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

/// Gives each request its id, counts it, and tells of it: failures of ours as errors, what went well at debug.
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
