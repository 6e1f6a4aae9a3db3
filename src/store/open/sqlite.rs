//! Opens a SQLite file: its lock, the writer's connection and those of readers, and the tasks that
//! look after the log.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::schema::{prepare, want_durable};
use super::{Settings, Store, Upkeep, WRITERS_STATEMENTS, short_readers};
use crate::store::dialect::{Dialect, OnSqlite};
use crate::store::held::Begin;
use crate::store::meters::Meters;
use crate::store::writer::Signals;
use crate::store::{StoreError, checkpoint, scrub};

impl Store {
    pub(super) async fn open_sqlite(
        settings: Settings,
        options: SqliteConnectOptions,
    ) -> Result<Self, StoreError> {
        if let Some(folder) = options
            .get_filename()
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).map_err(|error| {
                StoreError::Settings(format!(
                    "the folder {} cannot be made: {error}",
                    folder.display()
                ))
            })?;
        }
        let lock = if settings.exclusive {
            Some(take(options.get_filename())?)
        } else {
            None
        };
        let mut first = options.connect().await?;
        prepare::<OnSqlite>(&mut first, settings.schema).await?;
        first.close().await?;
        let base = options.clone().pragma("wal_autocheckpoint", "0");
        let writing = base
            .clone()
            .pragma("cache_size", format!("-{}", settings.memory / 1024))
            .pragma(
                "journal_size_limit",
                checkpoint::most(settings.log).to_string(),
            )
            .pragma("secure_delete", "ON")
            .statement_cache_capacity(WRITERS_STATEMENTS);
        let reading = base
            .clone()
            .read_only(true)
            .create_if_missing(false)
            .row_buffer_size(1024)
            .pragma("cache_size", "-4096");
        let write_pool = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(writing)
            .await?;
        let readers = |count| {
            SqlitePoolOptions::new()
                .max_connections(count)
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
                .acquire_timeout(Duration::from_secs(5))
        };
        let read_pool = readers(settings.readers)
            .connect_with(reading.clone())
            .await?;
        // reading a mapped page needs no system call and no copy
        let mapped = reading.pragma("mmap_size", settings.mapped.to_string());
        let short_pool = readers(short_readers()).connect_with(mapped).await?;
        want_durable::<OnSqlite>(&write_pool).await?;
        // a process beside the server checkpoints too: it may write while no server runs
        let signals = Signals::default();
        let renew = Arc::new(Notify::new());
        let meters = Arc::new(Meters::default());
        let stop = CancellationToken::new();
        let checkpoints = checkpoint::run(
            base.clone(),
            Arc::clone(&renew),
            Arc::clone(&signals.renewal),
            Arc::clone(&meters),
            settings.log,
            stop.clone(),
        );
        let scrubs = scrub::run(base.clone(), Arc::clone(&signals.shred), renew);
        let task = tokio::spawn({
            let stop = stop.clone();
            async move {
                join(checkpoints, stop.run_until_cancelled(scrubs)).await;
            }
        });
        let upkeep = Upkeep { task, stop };
        Ok(Self::start::<OnSqlite>(
            settings,
            [write_pool, read_pool, short_pool],
            Begin {
                read: OnSqlite::BEGIN_READ.into(),
                search: OnSqlite::BEGIN_READ.into(),
            },
            Some(upkeep),
            lock,
            signals,
            meters,
        ))
    }
}

/// Locks the file for this process, until it ends.
fn take(database: &Path) -> Result<File, StoreError> {
    let path = PathBuf::from(format!("{}.lock", database.display()));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| {
            StoreError::Settings(format!("{} cannot be opened: {error}", path.display()))
        })?;
    file.try_lock().map_err(|_| {
        StoreError::Settings(format!(
            "another annals serves {}; one file belongs to one server",
            database.display()
        ))
    })?;
    Ok(file)
}
