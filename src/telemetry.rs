//! Logs and metrics.

use std::io::IsTerminal;
use std::time::Duration;

use axum::http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

use crate::config::Log;
use crate::store::meters::Meters;

/// Starts logging to standard error.
///
/// # Errors
/// If the filter is invalid.
pub fn start(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| format!("[log] level: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // if logging was started before, as in tests, this has no effect
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

/// The metrics of a server.
pub struct Metrics {
    /// All metrics under their names.
    pub registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Histogram,
}

impl Metrics {
    /// Registers the metrics of requests, of the writer, of the feed, and of the columns: how many
    /// entries of the journal they are behind.
    pub fn new(
        meters: &Meters,
        feed: &crate::feed::meters::Meters,
        behind: Option<&Gauge>,
    ) -> Self {
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
        if let Some(behind) = behind {
            registry.register(
                "annals_columns_behind",
                "Entries of the journal that the columns do not have yet",
                behind.clone(),
            );
        }
        Self {
            registry,
            requests,
            seconds,
        }
    }

    /// Counts an answered request.
    pub fn answered(&self, route: &str, method: &Method, status: u16, took: Duration) {
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
