//! Opens a store: the database by the scheme of its URL, the schema, the connections.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use percent_encoding::percent_decode_str;
use rand::SeedableRng;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Database, Executor, Pool, Postgres};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::dialect::{
    BUSY_TIMEOUT, Columns, Dialect, OnPooled, OnPostgres, OnSqlite, READING, WATCH_CLIENT,
};
use super::held::Begin;
use super::meters::Meters;
use super::migrate::{self, Migrate};
use super::reads::{Readers, Reads};
use super::writer::{QueueLimits, Signals, Writer};
use super::{StoreError, checkpoint, scrub};
use crate::domain::Clock;
use crate::domain::command::{Command, Outcome, Rules, Submission};
use crate::domain::id::Ids;

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

enum Target {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

fn target(url: &str) -> Result<Target, StoreError> {
    let wrong = |error: &dyn std::fmt::Display| {
        StoreError::Settings(format!("the database URL is not understood: {error}"))
    };
    if let Some(rest) = url.strip_prefix("sqlite:") {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = percent_decode_str(path).decode_utf8_lossy();
        let in_memory = form_urlencoded::parse(query.as_bytes())
            .any(|(name, value)| name == "mode" && value == "memory");
        if path.contains(":memory:") || in_memory {
            return Err(StoreError::Settings(
                "a store in memory would lose its data; give a file: sqlite://annals.db".to_owned(),
            ));
        }
        if path.trim_start_matches('/').trim().is_empty() {
            return Err(StoreError::Settings(
                "the database URL names no file: give one, such as sqlite://annals.db".to_owned(),
            ));
        }
        let options = SqliteConnectOptions::from_str(url).map_err(|error| wrong(&error))?;
        return Ok(Target::Sqlite(
            options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(false)
                .busy_timeout(BUSY_TIMEOUT)
                .statement_cache_capacity(256)
                .log_statements(tracing::log::LevelFilter::Trace)
                .log_slow_statements(tracing::log::LevelFilter::Off, Duration::ZERO),
        ));
    }
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let options = PgConnectOptions::from_str(url).map_err(|error| wrong(&error))?;
        return Ok(Target::Postgres(
            options
                .application_name("annals")
                // Postgres writes doubles in full by default, and poolers reject the setting
                .extra_float_digits(None)
                .statement_cache_capacity(256)
                .log_statements(tracing::log::LevelFilter::Trace)
                .log_slow_statements(tracing::log::LevelFilter::Off, Duration::ZERO),
        ));
    }
    Err(StoreError::Settings(
        "the database URL begins with neither sqlite: nor postgres:".to_owned(),
    ))
}

/// Applies pending migrations; returns how many.
///
/// # Errors
/// If the database cannot be reached, is newer than this program, or a migration fails.
pub async fn migrate_database(url: &str) -> Result<usize, StoreError> {
    match target(url)? {
        Target::Sqlite(options) => {
            migrate::migrate::<OnSqlite>(&mut options.connect().await?).await
        }
        Target::Postgres(options) => {
            migrate::migrate::<OnPooled>(&mut options.connect().await?).await
        }
    }
}

/// The names of the pending migrations.
///
/// # Errors
/// If the database cannot be reached, or is newer than this program.
pub async fn pending_migrations(url: &str) -> Result<Vec<String>, StoreError> {
    match target(url)? {
        Target::Sqlite(options) if !options.get_filename().exists() => {
            Ok(OnSqlite::known().iter().map(ToString::to_string).collect())
        }
        Target::Sqlite(options) => {
            migrate::pending::<OnSqlite>(&mut options.connect().await?).await
        }
        Target::Postgres(options) => {
            migrate::pending::<OnPooled>(&mut options.connect().await?).await
        }
    }
}

async fn prepare<D: Migrate>(
    conn: &mut super::dialect::Conn<D>,
    schema: Schema,
) -> Result<(), StoreError> {
    let pending = migrate::pending::<D>(conn).await?;
    match schema {
        _ if pending.is_empty() => Ok(()),
        Schema::Migrate => migrate::migrate::<D>(conn).await.map(drop),
        Schema::Require => Err(StoreError::Schema(format!(
            "the database lacks {}: run `annals migrate` first",
            pending.join(", ")
        ))),
    }
}

/// Checks the commit mode of the writer's own connection: a pooler in between may have dropped the
/// setting.
async fn want_durable<D: Migrate>(writer: &Pool<D::Db>) -> Result<(), StoreError> {
    let (question, wanted) = D::SYNCHRONOUS;
    let mut conn = writer.acquire().await?;
    D::command(&mut conn, D::BEGIN).await?;
    let rows = D::fetch(&mut conn, question.into(), Vec::new()).await?;
    D::command(&mut conn, "ROLLBACK").await?;
    let answer = match rows.first() {
        Some(row) => Columns::<D>::of(row).text()?,
        None => String::new(),
    };
    tracing::debug!(question, answer, "the writer's connection");
    if answer == wanted {
        return Ok(());
    }
    Err(StoreError::Settings(format!(
        "the writer's connection answers {answer:?} to {question}, not {wanted:?}: what it commits would not survive a power cut"
    )))
}

/// The settings of read connections: the time limit of statements, and that they end when their
/// client disconnects.
async fn limits<D: Dialect>(
    conn: &mut super::dialect::Conn<D>,
    time_limit: Duration,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let mut all = vec![("statement_timeout", time_limit.as_millis().to_string())];
    let (name, value) = WATCH_CLIENT;
    let asked = format!("BEGIN; SET LOCAL {name} = '{value}'");
    if D::command(conn, &asked).await.is_ok() {
        all.push((name, value.to_owned()));
    } else {
        tracing::debug!("this Postgres does not detect disconnected clients");
    }
    D::command(conn, "ROLLBACK").await?;
    Ok(all)
}

fn begin(first: &str, settings: &[(&str, String)]) -> Arc<str> {
    let mut sql = first.to_owned();
    for (name, value) in settings {
        sql += &format!("; SET LOCAL {name} = '{value}'");
    }
    sql.into()
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

    /// Indexes all texts again if the word index follows older rules.
    async fn index_words(&self) -> Result<(), StoreError> {
        let total = self
            .in_chunks(
                "words",
                |_| Command::IndexWords,
                |done| {
                    tracing::info!(interactions = done, "the full-text index is being rebuilt");
                },
            )
            .await?;
        if total > 0 {
            tracing::info!(interactions = total, "the full-text index was rebuilt");
        }
        Ok(())
    }

    /// Runs a command repeatedly, passing on the last item done, until nothing is left. Returns the
    /// number of items done.
    async fn in_chunks(
        &self,
        actor: &str,
        command: impl Fn(String) -> Command,
        progress: impl Fn(usize),
    ) -> Result<usize, StoreError> {
        let (mut after, mut total) = (String::new(), 0);
        loop {
            let submission = Submission {
                tenant: 1,
                actor: actor.into(),
                at: None,
                repeatable: None,
                command: command(after),
            };
            let answer = self.writer.enqueue_waiting(submission).await?;
            let Outcome::Filled { last, done } = answer.wait().await? else {
                return Err(StoreError::Closed);
            };
            total += done;
            match last {
                Some(last) => after = last,
                None => return Ok(total),
            }
            progress(total);
        }
    }

    /// Folds the identifying values of contacts again if the rules have changed.
    async fn fold_contacts(&self) -> Result<(), StoreError> {
        let total = self
            .in_chunks("contacts", |after| Command::FoldContacts { after }, |_| {})
            .await?;
        if total > 0 {
            tracing::info!(
                contacts = total,
                "contacts now follow the rules of [contacts]"
            );
        }
        Ok(())
    }

    async fn open_sqlite(
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

    async fn open_postgres<D>(
        settings: Settings,
        options: PgConnectOptions,
    ) -> Result<Self, StoreError>
    where
        D: Migrate<Db = Postgres>,
    {
        let mut first = options.connect().await?;
        prepare::<D>(&mut first, settings.schema).await?;
        let limits = limits::<D>(&mut first, settings.time_limit).await?;
        first.close().await?;
        let planned = READING.map(|(name, value)| (name, value.to_owned()));
        let (mut durable, mut limited) = (options.clone(), options.clone());
        let (mut short, mut in_transaction) = (options, limits.clone());
        if D::KEEPS_SESSION {
            durable = durable
                .options([("synchronous_commit", "on")])
                .statement_cache_capacity(WRITERS_STATEMENTS);
            limited = limited.options(limits);
            short = limited.clone().options(planned.clone());
            in_transaction.clear();
        }
        let begin = Begin {
            read: begin(D::BEGIN_READ, &in_transaction),
            search: begin(D::BEGIN_READ, &[&in_transaction[..], &planned].concat()),
        };
        let write_pool = PgPoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(5))
            .test_before_acquire(D::KEEPS_SESSION)
            .connect_with(durable)
            .await?;
        want_durable::<D>(&write_pool).await?;
        let readers = |count| {
            PgPoolOptions::new()
                .max_connections(count)
                .test_before_acquire(false)
                .acquire_timeout(Duration::from_secs(5))
        };
        let read_pool = readers(settings.readers).connect_with(limited).await?;
        let short_pool = readers(short_readers()).connect_with(short).await?;
        Ok(Self::start::<D>(
            settings,
            [write_pool, read_pool, short_pool],
            begin,
            None,
            None,
            Signals::default(),
            Arc::default(),
        ))
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
