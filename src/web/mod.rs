//! What the surfaces share: the parts of a running server, access control, and bodies within their
//! limits.

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
use crate::store::{Reads, Writer};
use crate::telemetry::Metrics;
use access::Access;
use rate::Rate;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    /// The one door in.
    pub writer: Writer,
    /// Every read.
    pub reads: Arc<dyn Reads>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The newest cursor of the journal.
    pub feed: Feed,
    /// The database's name.
    pub database: &'static str,
    /// The settings.
    pub config: Config,
    /// Who may ask.
    pub access: Access,
    /// How many events the pages of each client may send.
    pub rate: Rate,
    /// Figures.
    pub metrics: Metrics,
    /// Says when the server is going down.
    pub stopping: CancellationToken,
    /// Work that outlives its handler.
    pub tasks: TaskTracker,
}

impl App {
    /// Puts the parts together.
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

/// Marks an answer as a stream: proxies pass it on as it comes, and nobody keeps it.
pub fn mark_stream(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// The cause of a failure of ours, which goes with an answer to the log alone.
#[derive(Clone)]
pub struct Cause(pub String);
