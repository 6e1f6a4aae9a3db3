//! What the APIs share: the parts of a running server, access control, and request bodies within
//! their limits.

pub mod accept;
pub mod access;
pub mod body;
pub mod encoding;
pub mod rate;
pub mod requests;

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::response::Response;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::domain::Clock;
use crate::feed::Feed;
use crate::reports::Reports;
use crate::store::{Reads, Writer};
use crate::telemetry::Metrics;
use access::Access;
use rate::Rate;

/// The state that every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    /// The writer of all commands.
    pub writer: Writer,
    /// Every read.
    pub reads: Arc<dyn Reads>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The newest cursor of the journal.
    pub feed: Feed,
    /// The reports, if there are any.
    pub reports: Option<Arc<Reports>>,
    /// The database's name.
    pub database: &'static str,
    /// The settings.
    pub config: Config,
    /// Access control.
    pub access: Access,
    /// The rate limit of events from the pages of each client.
    pub rate: Rate,
    /// Metrics.
    pub metrics: Metrics,
    /// Signals that the server is shutting down.
    pub stopping: CancellationToken,
    /// Tasks that outlive their handlers.
    pub tasks: TaskTracker,
}

impl App {
    /// Assembles the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Marks a response as a stream: proxies pass it on as it arrives, and it is not cached.
pub fn mark_stream(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Says that the form of an answer depends on `Accept`, so that a cache keeps each form apart.
pub fn mark_negotiated(response: &mut Response) {
    let accept = HeaderValue::from_static("accept");
    response.headers_mut().append(header::VARY, accept);
}

/// The cause of an internal error. It travels with the response to the log, and is never sent.
#[derive(Clone)]
pub struct Cause(pub String);
