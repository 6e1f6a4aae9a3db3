//! Checkpoints of SQLite's write-ahead log, off the commit path.
//!
//! The writer never checkpoints. This task copies the log into the database file whenever it has grown, without stopping anybody; only when the
//! log has become large all the same does it ask the writer for the short moment that lets the log begin anew.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

/// The log is copied from this size on.
const COPY_FROM: u64 = 16 * 1024 * 1024;
/// The log is begun anew from this size on.
const RENEW_FROM: u64 = 64 * 1024 * 1024;
/// How often its size is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// Runs until it is aborted.
pub async fn run(options: SqliteConnectOptions) {
    let log = PathBuf::from(format!("{}-wal", options.get_filename().display()));
    let mut conn: Option<SqliteConnection> = None;
    loop {
        tokio::time::sleep(EVERY).await;
        let size = tokio::fs::metadata(&log).await.map_or(0, |meta| meta.len());
        if size < COPY_FROM {
            continue;
        }
        if let Err(error) = checkpoint(&mut conn, &options, size).await {
            tracing::warn!(%error, "a checkpoint failed and will be tried again");
            conn = None;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn checkpoint(
    conn: &mut Option<SqliteConnection>,
    options: &SqliteConnectOptions,
    size: u64,
) -> Result<(), sqlx::Error> {
    if conn.is_none() {
        *conn = Some(options.connect().await?);
    }
    let Some(conn) = conn else { return Ok(()) };
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
        .execute(&mut *conn)
        .await?;
    if size >= RENEW_FROM {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}
