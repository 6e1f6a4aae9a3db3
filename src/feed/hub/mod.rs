//! Clients that listen: their sessions, and the delivery of messages to them.
//!
//! Each server has one reader of the journal ([`Hub::run`], `tail.rs`). It makes the messages of each
//! change once and hands them to the sessions that they are owed to. The work grows with the number
//! of deliveries, not with sessions times changes.
//!
//! A session is not live while it is behind: another server held it before, or its client is slower
//! than the changes and its queue is full. It then reads the journal by itself when its client
//! connects (`connect.rs`). So nothing is lost, and the memory of each session is bounded.
//!
//! A session is a row of the store, with the highest cursor that its client has acknowledged. It
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

/// How long a connect waits after a message, so that those that follow closely share its reply.
const GATHER: Duration = Duration::from_millis(20);
/// How often the store is told that the client of an idle session was seen.
const SEEN_EVERY: Duration = Duration::from_secs(10);
/// How long to wait before a failed database is asked again.
const PATIENCE: Duration = Duration::from_secs(1);

/// How sessions are kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a connect is held.
    pub timeout: Duration,
    /// How long a client may be away.
    pub max_interval: Duration,
    /// Messages that wait in memory for one client.
    pub queue: usize,
    /// Entries of the journal that a session may be behind; one that is further behind is ended.
    pub behind: i64,
}

/// What a hub works with.
pub struct Parts {
    /// The one door in.
    pub writer: Writer,
    /// Every read.
    pub reads: Arc<dyn Reads>,
    /// The newest cursor of the journal.
    pub feed: Feed,
    /// Makes the messages.
    pub translate: Arc<dyn Translate>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The tenant whose changes are told.
    pub tenant: i64,
    /// The user who is owed everything, where nobody has to sign in.
    pub anybody: &'static str,
    /// The channels there are.
    pub channels: &'static [&'static str],
    /// Bounds.
    pub limits: Limits,
    /// Whether other servers may work on the same database.
    pub shared: bool,
    /// Says when the server is going down.
    pub stopping: CancellationToken,
}

/// Why a client does not get what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// There is no such session, or it is another user's.
    #[error("the session is not known")]
    Unknown,
    /// The session is so far behind that it was ended.
    #[error("the session was too far behind")]
    Overflow,
    /// As many sessions as there may be now.
    #[error("as many clients listen as may")]
    Full,
    /// As many subscriptions as a client may have.
    #[error("as many subscriptions as a client may have")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where clients listen. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// This server, among those on one database.
    holder: String,
    held: Mutex<Held>,
    /// Says when the journal's position is known.
    ready: watch::Sender<bool>,
}

/// The sessions held here.
#[derive(Default)]
struct Held {
    /// How far the journal was looked at.
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
    /// A hub that knows no session yet.
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

    /// How sessions are kept.
    pub fn limits(&self) -> Limits {
        self.parts().limits
    }

    /// Whether the server is going down.
    pub fn is_stopping(&self) -> bool {
        self.parts().stopping.is_cancelled()
    }

    /// Whether any channel that there is can be meant by a pattern.
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

/// 160 random bits, in letters and digits.
fn random_id() -> String {
    let mut bytes = [0; 20];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests;
