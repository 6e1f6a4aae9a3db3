//! The worker of one webhook: reads the journal, sends the deliveries, and records the results.
//!
//! A delivery that succeeds at its first attempt is written once, afterwards. A delivery that fails
//! is written with the date of its next attempt. Later deliveries about the same subject are
//! written behind it, without a date until it is their turn. The acknowledged cursor is written
//! along with them. So a server that is killed repeats only what it had not written, under the same
//! identifiers.

mod dispatch;
mod intake;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::backlog::{Backlog, Outgoing};
use super::client::{Attempt, Client};
use super::health::ReceiverHealth;
use super::progress::ProgressRecord;
use super::saver::Saver;
use super::schedule::{CHECK_EVERY, RetrySchedule};
use super::{GIVE_UP_AFTER, Parts, Term};
use crate::domain::Moment;
use crate::domain::webhook::Webhook;
use crate::store::{ChangesQuery, StoreError};

/// Journal entries per read.
const PAGE: usize = 64;
/// Pause between two reads of the journal, so that a burst of commits is read at once.
const READ_EVERY: Duration = Duration::from_millis(5);
/// Entries examined by one statement, whether they match or not.
const SPAN: i64 = 20_000;
/// The largest number of entries read but not acknowledged.
const MOST_OPEN: usize = 1000;
/// The largest number of waiting deliveries. While there are more, the journal is not read.
const MOST_WAITING: i64 = 100_000;
/// Due deliveries per read: more than can be in flight, so that those do not hide the others.
const DUE: i64 = 256;
/// This many newly acknowledged entries justify a separate write.
const FAR: i64 = 5000;
/// How long a stopping worker waits for answers.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How long to wait before a retry after a database failure.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why an attempt always returns a result.
const ATTEMPT: &str = "an attempt neither panics nor is aborted";

/// What a worker waits for.
enum News {
    /// An attempt ended.
    Attempted(Box<Outgoing>, Attempt),
    /// A write ended; whether it is durable.
    Written(bool),
    /// A delivery may be due, or the journal may have more.
    Time,
    /// The server is stopping.
    Over,
}

/// The worker of one webhook.
pub struct Worker {
    parts: Parts,
    saver: Saver,
    client: Arc<Client>,
    webhook: Webhook,
    term: watch::Receiver<Term>,
    stop: CancellationToken,
    head: watch::Receiver<i64>,
    query: ChangesQuery,
    backlog: Backlog,
    schedule: RetrySchedule,
    health: ReceiverHealth,
    progress: ProgressRecord,
    in_flight: JoinSet<(Outgoing, Attempt)>,
    /// The pending write.
    writing: Option<oneshot::Receiver<()>>,
    /// When the journal was last read to its end.
    last_read: Option<Instant>,
    /// Whether the receiver answered 410: it wants no more deliveries.
    is_gone: bool,
}

impl Worker {
    /// A worker that continues at the webhook's cursor.
    pub fn new(
        parts: Parts,
        saver: Saver,
        client: Arc<Client>,
        webhook: Webhook,
        term: watch::Receiver<Term>,
        stop: CancellationToken,
    ) -> Self {
        let query = ChangesQuery {
            after: webhook.cursor,
            limit: PAGE,
            kinds: webhook.subscription.all_kinds(),
            media_type: webhook.subscription.media_type.clone(),
            span: Some(SPAN),
            ..ChangesQuery::default()
        };
        Self {
            head: parts.feed.listen(),
            backlog: Backlog::default(),
            schedule: RetrySchedule::new(parts.feed.meters.waiting.clone()),
            health: ReceiverHealth::new(Instant::now()),
            progress: ProgressRecord::new(&webhook.id, webhook.cursor),
            in_flight: JoinSet::new(),
            writing: None,
            last_read: None,
            is_gone: false,
            parts,
            saver,
            client,
            webhook,
            term,
            stop,
            query,
        }
    }

    /// Sends until it is told to stop, the receiver is gone, or this server loses the lease.
    pub async fn run(mut self) {
        loop {
            match self.begin().await {
                Ok(()) => break,
                Err(error) => {
                    if self.failed(&error).await {
                        return;
                    }
                }
            }
        }
        while !self.stop.is_cancelled() {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    if self.failed(&error).await {
                        break;
                    }
                }
            }
        }
        self.end().await;
    }

    /// Waits a moment after a database failure; true if the worker should stop.
    async fn failed(&self, error: &StoreError) -> bool {
        tracing::warn!(%error, webhook = %self.webhook.id, "the worker of a webhook could not continue; it tries again");
        tokio::select! {
            () = tokio::time::sleep(PATIENCE) => false,
            () = self.stop.cancelled() => true,
        }
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        let (reads, id) = (&self.parts.reads, &self.webhook.id);
        let acknowledged = self.progress.acknowledged();
        let stored = reads.known_deliveries(id, acknowledged).await?;
        self.progress.set_stored(stored);
        self.check().await
    }

    /// One round; false if nothing more is to be sent.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let has_more = self.has_room() && self.read().await?;
        if !self.is_gone {
            self.take_due().await?;
            self.send().await?;
        }
        self.write(FAR).await;
        if self.is_gone && self.in_flight.is_empty() && self.writing.is_none() {
            // when the webhook is enabled again, it gets a new worker
            return Ok(false);
        }
        // if there is more to read, only check what has arrived
        let pause = if has_more {
            Duration::ZERO
        } else {
            self.pause()
        };
        match self.news(pause).await {
            News::Attempted(outgoing, attempt) => self.finished(*outgoing, &attempt),
            News::Written(true) => {
                self.writing = None;
                self.written().await?;
            }
            News::Written(false) | News::Over => return Ok(false),
            News::Time => {}
        }
        while let Some(joined) = self.in_flight.try_join_next() {
            let (outgoing, attempt) = joined.expect(ATTEMPT);
            self.finished(outgoing, &attempt);
        }
        if self.schedule.must_check(Instant::now()) {
            self.check().await?;
        }
        Ok(true)
    }

    /// Waits for something to do.
    async fn news(&mut self, pause: Duration) -> News {
        let (has_room, after) = (self.has_room(), self.query.after);
        let (listens, pause) = match self.until_read() {
            Some(rest) => (false, pause.min(rest)),
            None => (has_room, pause),
        };
        tokio::select! {
            biased;
            durable = durable(&mut self.writing) => News::Written(durable),
            Some(joined) = self.in_flight.join_next() => {
                let (outgoing, attempt) = joined.expect(ATTEMPT);
                News::Attempted(Box::new(outgoing), attempt)
            }
            newer = self.head.wait_for(|head| *head > after), if listens => match newer {
                Ok(_) => News::Time,
                Err(_) => News::Over,
            },
            () = tokio::time::sleep(pause) => News::Time,
            () = self.stop.cancelled() => News::Time,
        }
    }

    /// How long until the journal may be read again; `None` if it may be read now.
    fn until_read(&self) -> Option<Duration> {
        let rest = READ_EVERY.saturating_sub(self.last_read?.elapsed());
        (!rest.is_zero()).then_some(rest)
    }

    fn now(&self) -> Moment {
        self.parts.clock.now()
    }

    /// Whether more of the journal may be read.
    fn has_room(&self) -> bool {
        self.progress.open() < MOST_OPEN && self.schedule.waiting() < MOST_WAITING && !self.is_gone
    }

    /// Whether one more retry may be ready or in flight.
    fn may_retry(&self) -> bool {
        self.health.may_retry(self.backlog.retrying())
    }

    /// How long until the next timed action.
    fn pause(&self) -> Duration {
        if self.health.is_down() {
            let left = self.health.until_probe(Instant::now());
            // the answer to a probe in flight wakes the worker
            return if self.in_flight.is_empty() && !left.is_zero() {
                left
            } else {
                CHECK_EVERY
            };
        }
        let next = self.schedule.until_due(self.now());
        next.filter(|_| self.may_retry() && !self.is_gone)
            .map_or(CHECK_EVERY, |next| next.min(CHECK_EVERY))
    }

    /// Passes unwritten progress to the saver, unless a write is pending or there is too little to
    /// write.
    async fn write(&mut self, least: i64) {
        if self.writing.is_some() {
            return;
        }
        if let Some(progress) = self.progress.take(least) {
            self.schedule.write_begun(&progress);
            self.writing = Some(self.saver.save(progress).await);
        }
    }

    /// Handles that the pending write is durable.
    async fn written(&mut self) -> Result<(), StoreError> {
        self.backlog.written(self.progress.writes());
        let now = self.now();
        if self.schedule.must_check_after_write(Instant::now(), now) {
            self.check().await?;
        }
        Ok(())
    }

    /// Waits a moment for the last answers, and until everything is written.
    async fn end(&mut self) {
        let answers = async {
            while let Some(joined) = self.in_flight.join_next().await {
                let (outgoing, attempt) = joined.expect(ATTEMPT);
                self.finished(outgoing, &attempt);
            }
        };
        let _ = tokio::time::timeout(LAST_ANSWERS, answers).await;
        loop {
            if let Some(writing) = self.writing.take()
                && writing.await.is_err()
            {
                return;
            }
            // an entry whose attempt was dropped is read again
            self.write(1).await;
            if self.writing.is_none() {
                return;
            }
        }
    }
}

/// Whether a write became durable; pends forever if no write is pending.
async fn durable(writing: &mut Option<oneshot::Receiver<()>>) -> bool {
    match writing {
        Some(answer) => answer.await.is_ok(),
        None => std::future::pending().await,
    }
}
