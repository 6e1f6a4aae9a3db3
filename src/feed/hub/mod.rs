//! Notified clients: their sessions, and the delivery of messages to them.
//!
//! Each server has one reader of the journal ([`Hub::run`], `tail.rs`). It makes the messages of
//! each change once and delivers them to the sessions that are due them. The work grows with the
//! number of deliveries, not with sessions times changes.
//!
//! A session is not live while it lags behind: because another server held it before, or because
//! its client is slower than the changes and its queue is full. It then reads the journal on its
//! own when its client connects (`connect.rs`). So nothing is lost, and the memory of each session
//! is bounded.
//!
//! A session is a row of the store with the highest cursor that its client has acknowledged. It
//! survives a restart, and any server can take it over (`lifecycle.rs`, `keep.rs`).

mod channel;
mod connect;
mod delivery;
mod keep;
mod lifecycle;
mod session;
mod tail;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngCore;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use channel::Pattern;
pub use connect::{Connect, Ended};
pub use delivery::Delivery;
pub use session::{Batch, Over, Session};

use super::{Feed, Translate};
use crate::domain::Clock;
use crate::domain::command::{Command, Outcome, Submission};
use crate::store::{Reads, StoreError, Writer};

/// How long a connect waits after a message, so that messages that follow closely share its reply.
const GATHER: Duration = Duration::from_millis(20);
/// How often the store is told that the client of an idle session is still present.
const SEEN_EVERY: Duration = Duration::from_secs(10);
/// How long to wait before a retry after a database failure.
const PATIENCE: Duration = Duration::from_secs(1);

/// Limits of sessions.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a connect is held.
    pub timeout: Duration,
    /// How long a client may be absent.
    pub max_interval: Duration,
    /// Messages in memory for one client.
    pub queue: usize,
    /// Journal entries that a session may lag behind; a session further behind is ended.
    pub behind: i64,
}

/// The parts of the server that a hub needs.
pub struct Parts {
    /// Every write.
    pub writer: Writer,
    /// Every read.
    pub reads: Arc<dyn Reads>,
    /// The newest cursor of the journal.
    pub feed: Feed,
    /// Makes the messages.
    pub translate: Arc<dyn Translate>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The tenant whose changes are delivered.
    pub tenant: i64,
    /// The user who receives everything if no sign-in is required.
    pub anybody: &'static str,
    /// All channels.
    pub channels: &'static [&'static str],
    /// Limits.
    pub limits: Limits,
    /// Whether other servers may use the same database.
    pub shared: bool,
    /// Cancelled when the server stops.
    pub stopping: CancellationToken,
}

/// Why a client's request is denied.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The session does not exist, or belongs to another user.
    #[error("the session is not known")]
    Unknown,
    /// The session lagged too far behind and was ended.
    #[error("the session was too far behind")]
    Overflow,
    /// The limit on sessions is reached.
    #[error("the limit on sessions is reached")]
    Full,
    /// The limit on subscriptions is reached.
    #[error("the limit on subscriptions of a session is reached")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The sessions of notified clients. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// The name of this server among those on one database.
    holder: String,
    held: Mutex<Held>,
    /// Whether the journal's position is known.
    ready: watch::Sender<bool>,
}

/// The sessions on this server.
#[derive(Default)]
struct Held {
    /// The cursor up to which the journal was read.
    tail: i64,
    sessions: HashMap<String, Arc<Session>>,
    by_user: HashMap<Arc<str>, Vec<Arc<Session>>>,
}

impl Held {
    fn add(&mut self, session: &Arc<Session>) {
        self.sessions
            .insert(session.id.clone(), Arc::clone(session));
        self.by_user
            .entry(Arc::clone(&session.user))
            .or_default()
            .push(Arc::clone(session));
    }

    fn remove(&mut self, id: &str) -> Option<Arc<Session>> {
        let session = self.sessions.remove(id)?;
        if let Some(all) = self.by_user.get_mut(&session.user) {
            all.retain(|other| other.id != id);
            if all.is_empty() {
                self.by_user.remove(&session.user);
            }
        }
        Some(session)
    }
}

impl Hub {
    /// A hub without sessions.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            parts,
            holder: random_id(),
            held: Mutex::default(),
            ready: watch::Sender::new(false),
        }))
    }

    fn parts(&self) -> &Parts {
        &self.0.parts
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limits of sessions.
    pub fn limits(&self) -> Limits {
        self.parts().limits
    }

    /// Whether the server is stopping.
    pub fn is_stopping(&self) -> bool {
        self.parts().stopping.is_cancelled()
    }

    /// Whether a pattern matches any existing channel.
    pub fn has_channel(&self, pattern: &Pattern) -> bool {
        self.parts()
            .channels
            .iter()
            .any(|channel| pattern.matches(channel))
    }

    async fn submit(&self, command: Command) -> Result<Outcome, StoreError> {
        let submission = Submission {
            tenant: self.parts().tenant,
            actor: "notifications".into(),
            at: None,
            repeatable: None,
            command,
        };
        self.parts().writer.submit(submission).await
    }
}

/// 160 random bits as letters and digits.
fn random_id() -> String {
    let mut bytes = [0; 20];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests;
