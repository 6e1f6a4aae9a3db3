//! The journal as server-sent events: pages of existing entries, then each new entry, until the
//! client disconnects or the server stops.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::Feed;
use crate::domain::change::Change;
use crate::store::{ChangesQuery, Reads, StoreError};

/// How often a comment line keeps the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Entries per read; a slow client holds no more of them in memory.
const PAGE: usize = 32;
/// Entries examined by one statement, whether they match or not.
const SPAN: i64 = 20_000;
/// Pause between two reads, so that a burst of commits is read at once.
const PAUSE: Duration = Duration::from_millis(20);
/// How often, at least, to check whether the client may still listen.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// How long to wait before a retry after a database failure.
const PATIENCE: Duration = Duration::from_secs(1);

/// Checks whether the client may still listen: its token may have been revoked.
pub type Leave = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

struct Following {
    leave: Leave,
    reading: Arc<Semaphore>,
    reads: Arc<dyn Reads>,
    tenant: i64,
    query: ChangesQuery,
    waiting: VecDeque<Change>,
    head: watch::Receiver<i64>,
    stopping: CancellationToken,
    render: fn(&Change) -> String,
}

impl Following {
    /// The next change; `None` if the server stops, or if the client may no longer listen.
    async fn next(&mut self) -> Option<Change> {
        loop {
            if self.stopping.is_cancelled() {
                return None;
            }
            if let Some(change) = self.waiting.pop_front() {
                return Some(change);
            }
            if !(self.leave)().await {
                return None;
            }
            match self.read().await {
                Ok(more) if more => {}
                Ok(_) => {
                    tokio::select! {
                        newer = newer(&mut self.head, self.query.after) => {
                            newer?;
                            tokio::time::sleep(PAUSE).await;
                        }
                        () = tokio::time::sleep(ASK_EVERY) => {}
                        () = self.stopping.cancelled() => return None,
                    }
                }
                Err(error) => {
                    // the stream waits for the database, as a reader of it would
                    tracing::warn!(%error, "a stream of changes could not read the journal");
                    tokio::select! {
                        () = tokio::time::sleep(PATIENCE) => {}
                        () = self.stopping.cancelled() => return None,
                    }
                }
            }
        }
    }

    /// Reads the next page; false at the end of the journal.
    async fn read(&mut self) -> Result<bool, StoreError> {
        let _turn = self.reading.acquire().await;
        let page = self.reads.changes(self.tenant, &self.query).await?;
        self.query.after = page.next;
        self.waiting.extend(page.items);
        Ok(!self.waiting.is_empty() || page.next < page.head)
    }
}

/// Waits for a cursor newer than this one; `None` if none will come.
async fn newer(head: &mut watch::Receiver<i64>, than: i64) -> Option<()> {
    head.wait_for(|head| *head > than).await.map(drop).ok()
}

/// A live stream of a tenant's changes after `query.after`. Each event's `id` is its cursor;
/// `render` makes its data.
pub fn stream(
    feed: &Feed,
    reads: Arc<dyn Reads>,
    stopping: CancellationToken,
    tenant: i64,
    query: ChangesQuery,
    render: fn(&Change) -> String,
    leave: Leave,
) -> Response {
    let following = Following {
        leave,
        reading: Arc::clone(&feed.reading),
        reads,
        tenant,
        query: ChangesQuery {
            limit: PAGE,
            span: Some(SPAN),
            ..query
        },
        waiting: VecDeque::new(),
        head: feed.listen(),
        stopping,
        render,
    };
    let events = futures_util::stream::unfold(following, |mut following| async move {
        let change = following.next().await?;
        let event = Event::default()
            .id(change.cursor.to_string())
            .data((following.render)(&change));
        Some((Ok::<_, Infallible>(event), following))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}
