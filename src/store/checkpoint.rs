//! Checkpoints of SQLite's write-ahead log, outside the commit path.
//!
//! The writer never checkpoints. This task copies the log into the database file whenever the log
//! has grown, without blocking anyone. The log can be reset only in a short moment without readers.
//! The task asks for this moment only if the log is large, or if it may hold a copy of something
//! erased. While it blocks writers, it waits for readers no longer than [`PATIENCE`]. If that
//! fails, it tries again later.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row, SqliteConnection};
use tokio::sync::Notify;

/// From this size on, the log is copied.
const COPY_FROM: u64 = 16 * 1024 * 1024;
/// From this size on, the log is reset.
const RENEW_FROM: u64 = 64 * 1024 * 1024;
/// How often the size is checked.
const EVERY: Duration = Duration::from_millis(100);
/// How long writers may be blocked while waiting for readers.
const PATIENCE: Duration = Duration::from_millis(50);

/// Runs until it is aborted. `renew` is notified after an erasure, when the log must be reset.
pub async fn run(options: SqliteConnectOptions, renew: Arc<Notify>) {
    let log = PathBuf::from(format!("{}-wal", options.get_filename().display()));
    let options = options.busy_timeout(PATIENCE);
    let mut conn: Option<SqliteConnection> = None;
    let mut shredding = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = renew.notified() => shredding = true,
        }
        let size = tokio::fs::metadata(&log).await.map_or(0, |meta| meta.len());
        if size < COPY_FROM && !shredding {
            continue;
        }
        match checkpoint(&mut conn, &options, shredding || size >= RENEW_FROM).await {
            Ok(renewed) => {
                shredding &= !renewed;
                if shredding {
                    // a reader still uses the old snapshot: try again soon
                    tokio::time::sleep(EVERY).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed and will be tried again");
                conn = None;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Copies the log, and resets it if asked to. Returns whether that succeeded.
async fn checkpoint(
    conn: &mut Option<SqliteConnection>,
    options: &SqliteConnectOptions,
    renew: bool,
) -> Result<bool, sqlx::Error> {
    if conn.is_none() {
        *conn = Some(options.connect().await?);
    }
    let Some(conn) = conn else { return Ok(false) };
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
        .execute(&mut *conn)
        .await?;
    if !renew {
        return Ok(false);
    }
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(&mut *conn)
        .await?;
    Ok(row.try_get::<i64, _>(0)? == 0)
}
