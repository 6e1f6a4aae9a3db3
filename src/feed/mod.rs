//! Readers that follow the journal live.
//!
//! [`follow`] publishes the newest cursor to all that wait for it. It is notified of every commit
//! of this server, and polls for commits of other processes on the same database.

pub mod bayeux;
pub mod hub;
pub mod meters;
mod sse;
pub mod webhook;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub use sse::{Leave, stream};

use crate::domain::change::Change;
use crate::store::{Reads, StoreError};

/// How often others' commits are looked for while somebody listens.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Streams that read at the same time; the others wait, so that searches find connections.
const READING: usize = 2;

/// Where the newest cursor is made known.
#[derive(Clone, Debug)]
pub struct Feed {
    head: Arc<watch::Sender<i64>>,
    reading: Arc<Semaphore>,
    /// Counters.
    pub meters: meters::Meters,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            head: Arc::new(watch::Sender::new(0)),
            reading: Arc::new(Semaphore::new(READING)),
            meters: meters::Meters::default(),
        }
    }
}

impl Feed {
    /// Listens for newer cursors.
    pub fn listen(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }
}

/// Where, in the data of a [`Message`], the address of this server goes in, as its receiver knows it: a character that JSON text never holds.
pub const BASE: char = '\0';

/// Where, in the data of a [`Message`] with a [`Twin`], the name of the collection goes in.
pub const COLLECTION: char = '\u{1}';
/// Where, in the data of a [`Message`] with a [`Twin`], the name of the resource goes in.
pub const KEY: char = '\u{2}';

/// A collection that has two spellings: of each name the usual one, then the other one.
#[derive(Debug, PartialEq, Eq)]
pub struct Twin {
    /// The collection.
    pub collection: [&'static str; 2],
    /// One resource of it.
    pub key: [&'static str; 2],
    /// The channel of its messages.
    pub channel: [&'static str; 2],
}

/// What subscribers are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The journal entry that it tells of, or the number of the answer that it is.
    pub cursor: i64,
    /// Whom: a user, or everybody.
    pub user: Option<String>,
    /// Whether it is an answer, for that user alone.
    pub is_answer: bool,
    /// The channel, in its usual spelling.
    pub channel: String,
    /// Set where each session gets the message in the spelling that its client chose.
    pub twin: Option<&'static Twin>,
    /// The data as JSON text, with [`BASE`] where the server's address goes in.
    pub data: String,
}

/// Makes messages of changes, for one kind of client.
pub trait Translate: Send + Sync {
    /// The messages for these changes, in their order; a change may be none of the clients' business.
    fn messages<'a>(
        &'a self,
        tenant: i64,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>>;
}

/// Makes newer cursors known until the server stops.
pub async fn follow(
    feed: Feed,
    reads: Arc<dyn Reads>,
    committed: Arc<Notify>,
    stopping: CancellationToken,
) {
    loop {
        tokio::select! {
            () = committed.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stopping.cancelled() => return,
        }
        if feed.head.receiver_count() == 0 {
            continue;
        }
        match reads.head().await {
            Ok(head) => {
                feed.head.send_if_modified(|known| {
                    let newer = head > *known;
                    *known = head.max(*known);
                    newer
                });
            }
            Err(error) => tracing::warn!(%error, "the head of the journal could not be read"),
        }
    }
}
