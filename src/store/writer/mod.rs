//! The writer: every write waits in its queue, and is answered once its commit is durable.
//!
//! Commands that arrive during a commit share the next one (group commit). A group is one
//! transaction. It first locks the head of the journal. So only one of several servers on the same
//! Postgres writes at a time, and the order of cursors is the order in which entries become
//! visible. Then the writer loads what the commands refer to with few statements, applies the
//! commands in memory one by one (`ledger`), and writes the results with few statements. A refused
//! command leaves the ledger as it was.

mod alone;
mod erase;
mod flush;
mod fold;
pub use flush::INDEXED_CHARACTERS;
mod ledger;
mod load;
mod restore;
mod web_action;
mod web_event;
mod webhook;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Pool;
use sqlx::pool::PoolConnection;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::StoreError;
use super::archive::restored;
use super::checkpoint::Renewal;
use super::dialect::{Columns, Conn, Dialect, Failed, ROLLBACK};
use super::journal;
use super::meters::Meters;
use crate::domain::Clock;
use crate::domain::command::{Outcome, Preparation, Rules, Submission};
use crate::domain::id::Ids;
use ledger::Ledger;

/// Largest number of commands of a group.
const MOST_COMMANDS: usize = 1000;
/// Rough limit on the bytes of a group.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// How long the writer waits for commands that it expects.
const LINGER: Duration = Duration::from_millis(1);

/// Limits of the writer's queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Commands.
    pub commands: usize,
    /// Rough number of bytes.
    pub bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            commands: 4096,
            bytes: 48 * 1024 * 1024,
        }
    }
}

struct Queued {
    submission: Submission,
    ready: Preparation,
    reply: oneshot::Sender<Result<Outcome, StoreError>>,
    _room: [Option<OwnedSemaphorePermit>; 4],
}

/// Room in the queue: permits for commands, and for KiB.
#[derive(Clone)]
struct Room {
    places: Arc<Semaphore>,
    kibibytes: Arc<Semaphore>,
    most_kibibytes: usize,
}

impl Room {
    fn new(limits: QueueLimits, share: usize) -> Self {
        let most_kibibytes = (limits.bytes / 1024 / share).max(1);
        Self {
            places: Arc::new(Semaphore::new((limits.commands / share).max(1))),
            kibibytes: Arc::new(Semaphore::new(most_kibibytes)),
            most_kibibytes,
        }
    }

    fn size(&self, ready: &Preparation) -> u32 {
        // a command larger than the whole queue takes all of it
        u32::try_from((ready.weight / 1024).clamp(1, self.most_kibibytes)).unwrap_or(u32::MAX)
    }

    fn try_take(&self, ready: &Preparation) -> Option<[Option<OwnedSemaphorePermit>; 2]> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let room = Arc::clone(&self.kibibytes)
            .try_acquire_many_owned(self.size(ready))
            .ok()?;
        Some([Some(place), Some(room)])
    }

    async fn take(&self, ready: &Preparation) -> Option<[Option<OwnedSemaphorePermit>; 2]> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let room = Arc::clone(&self.kibibytes)
            .acquire_many_owned(self.size(ready))
            .await
            .ok()?;
        Some([Some(place), Some(room)])
    }
}

/// The sending end of the queue. Cheap to clone; the writer ends when the last clone is dropped.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::UnboundedSender<Queued>,
    room: Room,
    /// The share of the queue that streams may use, so that they leave room for single commands.
    streams: Room,
    rules: Arc<Rules>,
    meters: Arc<Meters>,
}

/// A pending answer.
pub struct Answer(oneshot::Receiver<Result<Outcome, StoreError>>);

impl Answer {
    /// Waits for the commit.
    ///
    /// # Errors
    /// The refusal, or the failure. Nothing was written, except perhaps after
    /// [`StoreError::Unknown`].
    pub async fn wait(self) -> Result<Outcome, StoreError> {
        self.0.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Writer {
    /// Starts the writer over a pool with one connection.
    pub fn start<D: Dialect>(
        pool: Pool<D::Db>,
        rules: Arc<Rules>,
        limits: QueueLimits,
        clock: Arc<dyn Clock>,
        ids: Ids,
        meters: Arc<Meters>,
        signals: Signals,
    ) -> (Self, JoinHandle<()>) {
        let (queue, receiver) = mpsc::unbounded_channel();
        let task = Task::<D> {
            pool,
            rules: Arc::clone(&rules),
            clock,
            ids,
            meters: Arc::clone(&meters),
            keys: Keys::default(),
            signals,
        };
        let handle = tokio::spawn(task.run(receiver));
        let writer = Self {
            queue,
            room: Room::new(limits, 1),
            streams: Room::new(limits, 2),
            rules,
            meters,
        };
        (writer, handle)
    }

    /// Whether the writer accepts commands.
    pub fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// The rules for preparing commands.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Submits a command and waits until it is durable.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if the queue is full; the refusal; or the failure.
    pub async fn submit(&self, submission: Submission) -> Result<Outcome, StoreError> {
        self.enqueue(submission)?.wait().await
    }

    /// Submits a command without waiting for its commit.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if the queue is full; the refusal if the command itself is invalid.
    pub fn enqueue(&self, mut submission: Submission) -> Result<Answer, StoreError> {
        let ready = submission.command.prepare(submission.tenant, &self.rules)?;
        let [place, room] = self.room.try_take(&ready).ok_or_else(|| self.busy())?;
        self.send(submission, ready, [place, room, None, None])
    }

    /// As [`Writer::enqueue`], but waits for room: for streams, which slow down instead of failing.
    ///
    /// # Errors
    /// The refusal if the command itself is invalid.
    pub async fn enqueue_waiting(&self, mut submission: Submission) -> Result<Answer, StoreError> {
        let ready = submission.command.prepare(submission.tenant, &self.rules)?;
        let [own_place, own_room] = self.streams.take(&ready).await.ok_or(StoreError::Closed)?;
        let [place, room] = self.room.take(&ready).await.ok_or(StoreError::Closed)?;
        self.send(submission, ready, [place, room, own_place, own_room])
    }

    fn send(
        &self,
        submission: Submission,
        ready: Preparation,
        room: [Option<OwnedSemaphorePermit>; 4],
    ) -> Result<Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .send(Queued {
                submission,
                ready,
                reply,
                _room: room,
            })
            .map_err(|_| StoreError::Closed)?;
        self.meters.queued.inc();
        Ok(Answer(answer))
    }

    fn busy(&self) -> StoreError {
        self.meters.turned_away.inc();
        StoreError::Busy
    }
}

/// The indexed keys as declared in the database, and whether an archive is restored in part. Both
/// are read again when the version in the database changes.
#[derive(Default)]
pub(super) struct Keys {
    version: Option<i64>,
    restoring: bool,
    paths: Vec<crate::domain::user_data::KeyPath>,
}

/// Notifications of what the writer did.
#[derive(Clone, Default)]
pub struct Signals {
    /// Something was erased, of which no page of the log may keep a copy.
    pub shred: Arc<Notify>,
    /// The cursor of the newest entry that this writer committed.
    pub committed: Arc<watch::Sender<i64>>,
    /// The write-ahead log is to begin again.
    pub renewal: Arc<Renewal>,
}

/// Gathers the commands of the next group.
///
/// Callers that were just answered often send their next command at once. If the writer took what
/// is queued as soon as it is free, half of such callers would wait while the other half is
/// committed. So it expects as many commands as callers were there a moment ago, and waits for them
/// a little ([`LINGER`]).
struct Gathering {
    queue: mpsc::UnboundedReceiver<Queued>,
    /// A command that must be alone, received while a group was gathered.
    carried: Option<Queued>,
    /// Commands of the last group.
    last: usize,
    /// Commands that are expected in the next group.
    expected: usize,
}

impl Gathering {
    fn of(queue: mpsc::UnboundedReceiver<Queued>) -> Self {
        Self {
            queue,
            carried: None,
            last: 0,
            expected: 0,
        }
    }

    /// The last group was committed.
    fn committed(&mut self) {
        // the last eighth would hold up all others
        self.expected = ((self.last + self.queue.len()) * 7 / 8).min(MOST_COMMANDS);
    }

    /// The next group; `None` once the queue is closed.
    async fn next(&mut self) -> Option<Vec<Queued>> {
        let first = match self.carried.take() {
            Some(first) => first,
            None => self.queue.recv().await?,
        };
        let mut bytes = first.ready.weight;
        let mut group = vec![first];
        if !group[0].submission.command.alone() {
            let there = self.queue.len() + 1;
            if there < self.expected {
                let all = self.fill(&mut group, &mut bytes, self.expected);
                // what came until then is in the group
                let _ = tokio::time::timeout(LINGER, all).await;
            }
            while self.has_room(&group, bytes) {
                let Ok(next) = self.queue.try_recv() else {
                    break;
                };
                self.add(&mut group, &mut bytes, next);
            }
        }
        self.last = group.len();
        Some(group)
    }

    /// Waits until the group has this many commands, or is full.
    async fn fill(&mut self, group: &mut Vec<Queued>, bytes: &mut usize, commands: usize) {
        while group.len() < commands && self.has_room(group, *bytes) {
            let Some(next) = self.queue.recv().await else {
                break;
            };
            self.add(group, bytes, next);
        }
    }

    /// Whether another command may join the group.
    fn has_room(&self, group: &[Queued], bytes: usize) -> bool {
        group.len() < MOST_COMMANDS && bytes < MOST_BYTES && self.carried.is_none()
    }

    fn add(&mut self, group: &mut Vec<Queued>, bytes: &mut usize, next: Queued) {
        if next.submission.command.alone() {
            self.carried = Some(next);
        } else {
            *bytes += next.ready.weight;
            group.push(next);
        }
    }
}

struct Task<D: Dialect> {
    pool: Pool<D::Db>,
    rules: Arc<Rules>,
    clock: Arc<dyn Clock>,
    ids: Ids,
    meters: Arc<Meters>,
    keys: Keys,
    signals: Signals,
}

impl<D: Dialect> Task<D> {
    async fn run(mut self, queue: mpsc::UnboundedReceiver<Queued>) {
        let mut gathering = Gathering::of(queue);
        while let Some(group) = gathering.next().await {
            self.commit(group).await;
            gathering.committed();
            if self.signals.renewal.wanted() {
                self.renew_log().await;
            }
        }
    }

    /// Commits a group and answers its callers.
    async fn commit(&mut self, group: Vec<Queued>) {
        let begun = Instant::now();
        let size = group.len();
        match self.attempt(&group).await {
            Ok(outcomes) => {
                self.meters.committed(size, begun.elapsed());
                for (queued, outcome) in group.into_iter().zip(outcomes) {
                    self.answer(queued, outcome);
                }
            }
            Err(broken) if size > 1 && broken.by_a_statement => {
                // one command caused the failure: run each alone, so that the others succeed
                for queued in group {
                    let outcome = match self.attempt(std::slice::from_ref(&queued)).await {
                        Ok(mut outcomes) => outcomes.pop().unwrap_or(Err(StoreError::Closed)),
                        Err(broken) => Err(broken.error),
                    };
                    self.answer(queued, outcome);
                }
            }
            Err(broken) => {
                for queued in group {
                    self.answer(queued, Err(broken.error.clone()));
                }
            }
        }
    }

    /// Lets the write-ahead log begin again.
    async fn renew_log(&mut self) {
        let done = async { D::renew_log(&mut *self.pool.acquire().await?).await };
        if let Err(error) = done.await {
            tracing::warn!(%error, "the log could not begin again");
        }
        self.signals.renewal.done();
    }

    fn answer(&self, queued: Queued, outcome: Result<Outcome, StoreError>) {
        self.meters.queued.dec();
        // a command is carried out even if its caller has disconnected
        let _ = queued.reply.send(outcome);
    }

    /// Runs one transaction: returns all outcomes, or an error with nothing written.
    async fn attempt(
        &mut self,
        group: &[Queued],
    ) -> Result<Vec<Result<Outcome, StoreError>>, Broken> {
        let mut open = Open::<D> {
            conn: self.pool.acquire().await?,
            ended: false,
        };
        let outcomes = self.transact(&mut open.conn, group).await;
        open.ended = outcomes.is_ok();
        outcomes
    }

    async fn transact(
        &mut self,
        conn: &mut Conn<D>,
        group: &[Queued],
    ) -> Result<Vec<Result<Outcome, StoreError>>, Broken> {
        let head = self.begin(conn).await?;
        if self.keys.restoring && !group[0].submission.command.restores() {
            D::command(conn, ROLLBACK).await?;
            return Ok(group.iter().map(|_| Err(StoreError::Unfinished)).collect());
        }
        let (outcomes, (last, newest)) = if group[0].submission.command.alone() {
            let outcome = self.alone(conn, head, &group[0]).await;
            let keeps_nothing = match &outcome {
                Ok(_) => group[0].submission.command.is_rehearsed(),
                Err(error) => matches!(error, StoreError::Refused(_)),
            };
            if keeps_nothing {
                D::command(conn, ROLLBACK).await?;
                return Ok(vec![outcome]);
            }
            let outcome = outcome?;
            (
                vec![Ok(outcome)],
                (Vec::new(), journal::head::<D>(conn).await?),
            )
        } else {
            let mut ledger = Ledger::new(
                head,
                &*self.clock,
                &mut self.ids,
                &self.rules,
                &self.keys.paths,
            );
            load::load::<D>(&mut ledger, conn, group).await?;
            let outcomes: Vec<_> = group
                .iter()
                .map(|queued| ledger.apply(&queued.submission, &queued.ready))
                .collect();
            (outcomes, flush::flush::<D>(ledger, conn).await?)
        };
        D::commit(conn, last).await.map_err(|failed| match failed {
            Failed::Statement(error) => error.into(),
            // a commit is never retried
            Failed::Commit(error) => Broken {
                error: if D::may_have_committed(&error) {
                    StoreError::Unknown(Arc::new(error))
                } else {
                    error.into()
                },
                by_a_statement: false,
            },
        })?;
        self.signals.committed.send_replace(newest);
        if group[0].submission.command.shreds() {
            self.signals.shred.notify_one();
        }
        Ok(outcomes)
    }

    /// Begins a transaction that holds the head of the journal, and with it the right to write until
    /// it ends; returns the last cursor.
    async fn begin(&mut self, conn: &mut Conn<D>) -> Result<i64, StoreError> {
        let row = D::begin(conn).await?;
        let mut row = Columns::<D>::of(&row);
        let (last, version) = (row.int()?, row.int()?);
        if self.keys.version != Some(version) {
            let rows = D::fetch(
                conn,
                "SELECT key FROM indexed_key ORDER BY key".into(),
                Vec::new(),
            )
            .await?;
            self.keys.paths = rows
                .iter()
                .map(|row| {
                    Ok(crate::domain::user_data::KeyPath::parse(
                        &Columns::<D>::of(row).text()?,
                    ))
                })
                .collect::<sqlx::Result<_>>()?;
            let restored = restored::<D>(conn).await?;
            self.keys.restoring = restored.is_some_and(|(_, state)| !state.finished);
            self.keys.version = Some(version);
        }
        Ok(last)
    }
}

/// The writer's connection while a transaction is open on it. If the transaction did not end in
/// order, the connection is closed: SQLite rolls back by itself when the disk is full, and the state
/// of a lost Postgres connection is unknown, so neither can be trusted.
struct Open<D: Dialect> {
    conn: PoolConnection<D::Db>,
    ended: bool,
}

impl<D: Dialect> Drop for Open<D> {
    fn drop(&mut self) {
        if !self.ended {
            self.conn.close_on_drop();
        }
    }
}

/// A group that was not committed.
struct Broken {
    error: StoreError,
    /// A statement failed before the commit: one command may be the cause.
    by_a_statement: bool,
}

impl<E: Into<StoreError>> From<E> for Broken {
    fn from(error: E) -> Self {
        let error = error.into();
        let by_a_statement = error.is_of_one_command();
        Self {
            error,
            by_a_statement,
        }
    }
}

/// How long a caller should wait after its command was refused because the queue is full.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);
