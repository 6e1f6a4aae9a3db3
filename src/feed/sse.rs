//! The journal as server-sent events: a page after the other, and then what comes, until the client goes or the server stops.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Feed;
use crate::domain::change::Change;
use crate::store::{ChangesQuery, Reads};

/// A comment line so often keeps the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Entries read at once; a client that reads slowly holds no more of them.
const PAGE: usize = 200;
/// How long to wait before a database that failed is asked again.
const PATIENCE: Duration = Duration::from_secs(1);

struct Following {
    reads: Arc<dyn Reads>,
    tenant: i64,
    query: ChangesQuery,
    waiting: VecDeque<Change>,
    head: watch::Receiver<i64>,
    stopping: CancellationToken,
    render: fn(&Change) -> String,
}

impl Following {
    /// The next change; `None` when the server stops.
    async fn next(&mut self) -> Option<Change> {
        loop {
            if self.stopping.is_cancelled() {
                return None;
            }
            if let Some(change) = self.waiting.pop_front() {
                return Some(change);
            }
            match self.reads.changes(self.tenant, &self.query).await {
                Ok(page) => {
                    self.query.after = page.next;
                    self.waiting.extend(page.items);
                    if !self.waiting.is_empty() {
                        continue;
                    }
                }
                Err(error) => {
                    // the stream waits for the database, as its reader would
                    tracing::warn!(%error, "a stream of changes could not read on");
                    tokio::select! {
                        () = tokio::time::sleep(PATIENCE) => continue,
                        () = self.stopping.cancelled() => return None,
                    }
                }
            }
            tokio::select! {
                changed = self.head.wait_for(|head| *head > self.query.after) => {
                    changed.ok()?;
                }
                () = self.stopping.cancelled() => return None,
            }
        }
    }
}

/// A live stream of a tenant's changes after `query.after`; `id` of each event is its cursor, its data what `render` makes of it.
pub fn stream(
    feed: &Feed,
    reads: Arc<dyn Reads>,
    stopping: CancellationToken,
    tenant: i64,
    query: ChangesQuery,
    render: fn(&Change) -> String,
) -> Response {
    let following = Following {
        reads,
        tenant,
        query: ChangesQuery {
            limit: PAGE,
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
