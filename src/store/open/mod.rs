//! Opens a store: the database by the scheme of its URL, the schema, the connections.
//!
//! `target` reads the URL. `sqlite` and `postgres` make the connections, and `schema` checks what
//! they lead to. `refresh` brings derived data up to date before the store takes commands.

mod postgres;
mod refresh;
mod schema;
mod sqlite;
mod target;

use std::fs::File;
#[cfg(test)]
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use sqlx::{Database, Executor, Pool};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::StoreError;
use super::attribute_index::AttributeIndexes;
use super::dialect::{OnPooled, OnPostgres};
use super::held::Begin;
use super::meters::Meters;
use super::migrate::Migrate;
use super::reads::{Readers, Reads};
use super::writer::{QueueLimits, Signals, Writer};
use crate::domain::Clock;
use crate::domain::command::Rules;
use crate::domain::id::Ids;
use target::{Target, target};

pub use schema::{migrate_database, pending_migrations};

/// How to treat pending migrations on opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Bring it up to date.
    Migrate,
    /// Refuse to open while a migration is pending.
    Require,
}

/// How to open a store.
#[derive(Clone)]
pub struct Settings {
    /// `sqlite://path` or `postgres://…`.
    pub url: String,
    /// How to treat pending migrations.
    pub schema: Schema,
    /// Lock the SQLite file for this process, as a server does.
    pub exclusive: bool,
    /// The rules for commands.
    pub rules: Rules,
    /// The limits of the writer's queue.
    pub queue: QueueLimits,
    /// The number of connections for reads.
    pub readers: u32,
    /// Bytes of a SQLite file that short reads memory-map.
    pub mapped: u64,
    /// Bytes of memory for the pages that SQLite's writer uses.
    pub memory: u64,
    /// Bytes of SQLite's write-ahead log from which on it begins again under steady load.
    pub log: u64,
    /// Whether a Postgres connection keeps its prepared statements and settings. Behind a pooler in
    /// transaction mode it does not.
    pub prepared: bool,
    /// How long a search may take.
    pub time_limit: Duration,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// What looks after a SQLite file: its log, and the remains of what was erased.
struct Upkeep {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

/// An open store.
pub struct Store {
    /// Every write.
    pub writer: Writer,
    /// Every read.
    pub reads: Arc<dyn Reads>,
    /// The writer's counters.
    pub meters: Arc<Meters>,
    /// The newest cursor that this store's writer committed.
    pub committed: Arc<watch::Sender<i64>>,
    /// Builds and removes the indexes of attributes.
    pub indexes: AttributeIndexes,
    /// The database's name.
    pub database: &'static str,
    write_task: JoinHandle<()>,
    upkeep: Option<Upkeep>,
    close: Box<dyn FnOnce() -> futures_util::future::BoxFuture<'static, ()> + Send>,
    lock: Option<File>,
}

/// Prepared statements that the writer keeps: one for each table and small number of rows.
const WRITERS_STATEMENTS: usize = 1024;

/// Connections for grouped reads, in addition to those for searches: as many as can work in
/// parallel.
fn short_readers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    u32::try_from(cores.clamp(2, 4)).unwrap_or(2)
}

impl Store {
    /// Opens a store.
    ///
    /// # Errors
    /// If the URL is invalid, the database cannot be reached, its schema does not match, or another
    /// server has locked the file.
    pub async fn open(settings: Settings) -> Result<Self, StoreError> {
        let store = match target(&settings.url)? {
            Target::Sqlite(options) => Self::open_sqlite(settings, options).await?,
            Target::Postgres(options) if settings.prepared => {
                Self::open_postgres::<OnPostgres>(settings, options).await?
            }
            Target::Postgres(options) => Self::open_postgres::<OnPooled>(settings, options).await?,
        };
        store.fold_contacts().await?;
        store.index_words().await?;
        Ok(store)
    }

    fn start<D: Migrate>(
        settings: Settings,
        [write_pool, read_pool, short_pool]: [Pool<D::Db>; 3],
        begin: Begin,
        upkeep: Option<Upkeep>,
        lock: Option<File>,
        signals: Signals,
        meters: Arc<Meters>,
    ) -> Self
    where
        for<'c> &'c mut <D::Db as Database>::Connection: Executor<'c, Database = D::Db>,
    {
        let committed = Arc::clone(&signals.committed);
        let ids = Ids::new(Box::new(rand_chacha::ChaCha12Rng::from_os_rng()));
        let contacts = settings.rules.contacts.clone();
        let (writer, write_task) = Writer::start::<D>(
            write_pool.clone(),
            Arc::new(settings.rules),
            settings.queue,
            settings.clock,
            ids,
            Arc::clone(&meters),
            signals,
        );
        let reads = Arc::new(Readers::<D>::start(
            read_pool.clone(),
            &short_pool,
            begin,
            settings.time_limit,
            contacts,
        ));
        let close = Box::new(move || -> futures_util::future::BoxFuture<'static, ()> {
            Box::pin(async move {
                read_pool.close().await;
                short_pool.close().await;
                write_pool.close().await;
            })
        });
        Self {
            writer,
            reads,
            meters,
            committed,
            indexes: AttributeIndexes::by_writer(),
            database: D::NAME,
            write_task,
            upkeep,
            close,
            lock,
        }
    }

    /// Completes queued commands, and closes. Waits until every clone of the writer is dropped.
    pub async fn close(self) {
        drop(self.writer);
        let _ = self.write_task.await;
        if let Some(upkeep) = self.upkeep {
            // the last connection to close copies the rest of the log and removes it: so it must not
            // be one whose thread ends with the process
            upkeep.stop.cancel();
            let _ = upkeep.task.await;
        }
        (self.close)().await;
        if let Some(lock) = self.lock {
            // closing the file is not enough: a child process that is being started may still have
            // a copy
            let _ = lock.unlock();
        }
    }
}

#[cfg(test)]
impl Store {
    /// A store for one test, in a folder.
    pub async fn of_test(folder: &Path) -> Self {
        Self::open(Settings {
            url: format!("sqlite://{}", folder.join("annals.db").display()),
            schema: Schema::Migrate,
            exclusive: true,
            rules: Rules::default(),
            queue: QueueLimits::default(),
            readers: 2,
            mapped: 0,
            memory: 32 << 20,
            log: 64 << 20,
            prepared: true,
            time_limit: Duration::from_secs(10),
            clock: Arc::new(crate::domain::moment::SystemClock),
        })
        .await
        .expect("a new store opens")
    }
}
