//! Checkpoints of SQLite's write-ahead log, outside the commit path.
//!
//! The writer never copies much of the log. This task copies it into the database file in small
//! steps, as fast as it is written, without blocking anyone. The log is to be written again from its
//! beginning: a log that keeps its size needs no new blocks, so that a commit syncs data alone. It
//! begins again only when all of it is copied, and no reader uses it.
//!
//! * While nothing is written, the task copies what is left of a log of [`ENOUGH`], and the next
//!   commit begins it again.
//! * Under steady load this never happens by itself. So once the log has the size to be kept, the task
//!   copies until a step leaves more than half of what the one before left, because most of that is
//!   what the writers added meanwhile. Then it asks the writer to finish between two groups
//!   ([`Renewal`]). The writer waits for the disk meanwhile: a few milliseconds, or some dozens if
//!   the disk is busy.
//! * While a reader uses the log, it grows, and is cut to [`most`] afterwards.
//!
//! The log is truncated only if it may hold a copy of something erased. While that holds writers up
//! it waits for readers no longer than [`PATIENCE`], and then tries again later.

use std::fs::Metadata;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::meters::Meters;

/// Bytes of a frame's page.
const PAGE: i64 = 4096;
/// Frames of the log that are copied in one step: 4 MiB.
const STEP: i64 = 1024;
/// Frames from which on an idle log is copied whole: 16 MiB.
const ENOUGH: i64 = 4 * 1024;
/// So few frames need no further step before the writer is asked.
const LITTLE: i64 = 256;
/// How often the log is looked at.
const EVERY: Duration = Duration::from_millis(50);
/// The pause before a reader is asked for again that used the log.
const AGAIN: Duration = Duration::from_millis(500);
/// How long writers may be held up for readers when something was erased.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long the writer waits for readers between two groups.
pub const WRITERS_PATIENCE: Duration = Duration::from_millis(3);

/// Frames at which the log begins again for the first time under load: 128 MiB. Each further time it
/// may be a quarter longer: a file that grows makes commits slower, and so it grows little by little.
const FIRST: i64 = 32 * 1024;

/// A log that is longer than this many bytes is cut to them when it begins again, if it should do so
/// at `kept` bytes.
pub fn most(kept: u64) -> u64 {
    kept / 4 * 5
}

/// Asks the writer to copy the little that is left of the log, so that it can begin again.
#[derive(Default)]
pub struct Renewal {
    wanted: AtomicBool,
    done: Notify,
}

impl Renewal {
    /// Whether the writer is asked; asked once, it must answer by [`Renewal::done`].
    pub fn wanted(&self) -> bool {
        // a load costs nothing after each group, a swap would
        self.wanted.load(Ordering::Relaxed) && self.wanted.swap(false, Ordering::AcqRel)
    }

    /// The writer has tried.
    pub fn done(&self) {
        self.done.notify_one();
    }

    /// Asks, and waits until the writer has tried. A writer with nothing to do does not.
    async fn ask(&self) {
        self.wanted.store(true, Ordering::Release);
        if timeout(AGAIN, self.done.notified()).await.is_err() {
            self.wanted.store(false, Ordering::Release);
        }
    }
}

/// Runs until it is stopped. `shred` is notified when the log must be truncated: something was
/// erased. Under steady load the log begins again at `kept` bytes.
pub async fn run(
    options: SqliteConnectOptions,
    shred: Arc<Notify>,
    renewal: Arc<Renewal>,
    meters: Arc<Meters>,
    kept: u64,
    stop: CancellationToken,
) {
    let file = PathBuf::from(format!("{}-wal", options.get_filename().display()));
    let most_frames = i64::try_from(kept).unwrap_or(i64::MAX) / PAGE;
    let mut log = Log {
        options: options.busy_timeout(PATIENCE),
        conn: None,
        kept: FIRST.min(most_frames),
        most: most_frames,
    };
    let (mut shredding, mut not_before) = (false, Instant::now());
    // when the log was last written, as the task saw it before
    let mut before = None;
    let mut settled = false;
    loop {
        tokio::select! {
            () = sleep(EVERY) => {}
            () = shred.notified() => shredding = true,
            () = stop.cancelled() => break,
        }
        let meta = tokio::fs::metadata(&file).await.ok();
        let size = meta.as_ref().map_or(0, Metadata::len);
        meters
            .log_bytes
            .set(i64::try_from(size).unwrap_or(i64::MAX));
        let written = meta.and_then(|meta| meta.modified().ok());
        let idle = written.is_some() && written == before;
        before = written;
        if !shredding && idle && settled {
            continue;
        }
        let done = if shredding {
            log.checkpoint("TRUNCATE").await.map(|state| {
                shredding = state.busy;
            })
        } else {
            let done = log.step(&renewal, &meters, &mut not_before, idle).await;
            done.map(|done| settled = done)
        };
        if let Err(error) = done {
            tracing::warn!(%error, "a checkpoint failed and will be tried again");
            log.conn = None;
            sleep(Duration::from_secs(1)).await;
        }
    }
    if let Some(conn) = log.conn
        && let Err(error) = conn.close().await
    {
        tracing::warn!(%error, "the connection for checkpoints could not be closed");
    }
}

/// What SQLite says of the log.
struct State {
    /// Somebody was in the way.
    busy: bool,
    /// Frames that are in use.
    frames: i64,
    /// Frames that are not copied yet.
    left: i64,
}

struct Log {
    options: SqliteConnectOptions,
    conn: Option<SqliteConnection>,
    /// Frames from which on it begins again under load, now and at most.
    kept: i64,
    most: i64,
}

impl Log {
    /// Copies a step's worth if it has gathered, and has the log begin again if it is long. `idle`
    /// tells that it was not written since the last step. Returns whether nothing is left to do until
    /// it is written again.
    async fn step(
        &mut self,
        renewal: &Renewal,
        meters: &Meters,
        not_before: &mut Instant,
        idle: bool,
    ) -> Result<bool, sqlx::Error> {
        let mut state = self.checkpoint("NOOP").await?;
        meters.log_left_bytes.set(state.left.saturating_mul(PAGE));
        let whole = idle && state.frames >= ENOUGH && state.left > 0;
        if whole || state.left >= STEP {
            state = self.checkpoint("PASSIVE").await?;
        }
        if idle || state.frames < self.kept {
            return Ok(idle && (state.left == 0 || state.frames < ENOUGH));
        }
        if Instant::now() < *not_before {
            return Ok(false);
        }
        while state.left > LITTLE {
            let before = state.left;
            state = self.checkpoint("PASSIVE").await?;
            if state.left > before / 2 {
                break;
            }
        }
        // even if nothing is left now: a busy writer has added more before it looks
        renewal.ask().await;
        self.kept = self.most.min(self.kept / 4 * 5);
        // a log that could not begin again waits for a reader
        *not_before = Instant::now() + AGAIN;
        Ok(state.left == 0)
    }

    async fn checkpoint(&mut self, mode: &str) -> Result<State, sqlx::Error> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert(self.options.connect().await?),
        };
        checkpoint(conn, mode).await
    }
}

async fn checkpoint(conn: &mut SqliteConnection, mode: &str) -> Result<State, sqlx::Error> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(conn).await?;
    let (frames, copied) = (row.try_get::<i64, _>(1)?, row.try_get::<i64, _>(2)?);
    Ok(State {
        busy: row.try_get::<i64, _>(0)? != 0,
        frames,
        left: frames.saturating_sub(copied),
    })
}

/// On the writer's connection, between two groups: copies what is left, so that the next group
/// writes the log from its beginning.
pub async fn finish(conn: &mut SqliteConnection, usual: Duration) -> Result<(), sqlx::Error> {
    let patience =
        |time: Duration| AssertSqlSafe(format!("PRAGMA busy_timeout = {}", time.as_millis()));
    sqlx::query(patience(WRITERS_PATIENCE))
        .execute(&mut *conn)
        .await?;
    let begun = Instant::now();
    let state = checkpoint(conn, "RESTART").await;
    sqlx::query(patience(usual)).execute(&mut *conn).await?;
    let state = state?;
    tracing::debug!(
        took = ?begun.elapsed(),
        busy = state.busy,
        frames = state.frames,
        left = state.left,
        "the log is to begin again"
    );
    Ok(())
}
