//! Readers that follow the journal live.
//!
//! [`follow`] publishes the newest cursor to its listeners. It is notified of every commit of this
//! server, and polls for commits of other processes on the same database.

pub mod bayeux;
pub mod hub;
pub mod meters;
mod sse;
pub mod webhook;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use sse::{Leave, stream};

use crate::domain::change::Change;
use crate::store::{Reads, StoreError};

/// How often to poll for commits of other processes while there are listeners.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Streams that read at the same time; others wait, so that searches find free connections.
const READING: usize = 2;

/// Publishes the newest cursor.
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
    /// Subscribes to newer cursors.
    pub fn listen(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }
}

/// In the data of a [`Message`], stands for the address of this server as its receiver knows it.
/// JSON text never contains this character.
pub const BASE: char = '\0';

/// In the data of a [`Message`] with a [`Twin`], stands for the name of the collection.
pub const COLLECTION: char = '\u{1}';
/// In the data of a [`Message`] with a [`Twin`], stands for the name of the resource.
pub const KEY: char = '\u{2}';

/// A collection with two spellings. Each name has the usual spelling first, then the other one.
#[derive(Debug, PartialEq, Eq)]
pub struct Twin {
    /// The collection.
    pub collection: [&'static str; 2],
    /// One resource of it.
    pub key: [&'static str; 2],
    /// The channel of its messages.
    pub channel: [&'static str; 2],
}

/// A message for subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The journal entry that it reports, or the number of the answer.
    pub cursor: i64,
    /// The user that it is for; everybody if absent.
    pub user: Option<String>,
    /// Whether it is an answer, which is for that user alone.
    pub is_answer: bool,
    /// The channel, in its usual spelling.
    pub channel: String,
    /// Set if each session gets the message in the spelling that its client chose.
    pub twin: Option<&'static Twin>,
    /// The data as JSON text, with [`BASE`] in place of the server's address.
    pub data: String,
}

/// Translates changes into messages for one kind of client.
pub trait Translate: Send + Sync {
    /// The messages for these changes, in order. A change may have none.
    fn messages<'a>(
        &'a self,
        tenant: i64,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>>;
}

/// Publishes newer cursors until the server stops: those of `committed`, which this server's writer
/// tells, and those that a look at the journal finds.
pub async fn follow(
    feed: Feed,
    reads: Arc<dyn Reads>,
    committed: Arc<watch::Sender<i64>>,
    stopping: CancellationToken,
) {
    let mut committed = committed.subscribe();
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let head = tokio::select! {
            told = committed.changed() => match told {
                Ok(()) => *committed.borrow_and_update(),
                Err(_) => return,
            },
            _ = look.tick() => {
                if feed.head.receiver_count() == 0 {
                    continue;
                }
                match reads.head().await {
                    Ok(head) => head,
                    Err(error) => {
                        tracing::warn!(%error, "the head of the journal could not be read");
                        continue;
                    }
                }
            }
            () = stopping.cancelled() => return,
        };
        feed.head.send_if_modified(|known| {
            let newer = head > *known;
            *known = head.max(*known);
            newer
        });
    }
}
