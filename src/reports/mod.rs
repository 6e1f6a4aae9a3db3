//! Questions about history, answered from columns.
//!
//! * [`columns`] – history in columns, kept up with the journal.
//! * [`table`] – the columns as tables. [`sql`] – statements over them.
//! * [`answer`] – what comes out.
//!
//! [`Reports`] is what the surfaces see. Queries run on threads of their own, with a low priority,
//! so that they are not in the way of commits.

pub mod answer;
pub mod columns;
pub mod sql;
pub mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures_util::StreamExt;
use prometheus_client::metrics::gauge::Gauge;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::store::{Reads, StoreError};
use answer::Answer;
use columns::{ColumnsError, Keeper, Snapshot};

/// The largest number of rows of an answer that is no stream.
pub const MOST_ROWS: usize = 100_000;
/// How long a question waits for the columns to catch up.
const PATIENCE: Duration = Duration::from_secs(2);
/// The stack of a thread that plans and runs queries.
const STACK: usize = 16 * 1024 * 1024;
/// How much less important than others the threads of queries are.
const NICE: i32 = 10;

/// What questions may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of memory of all queries together.
    pub memory: usize,
    /// Bytes on disk for what does not fit into memory.
    pub spill: u64,
    /// The time of one query.
    pub time: Duration,
    /// Threads.
    pub threads: usize,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The question is wrong: a sentence without its subject.
    #[error("the statement {0}")]
    Refused(String),
    /// The answer has too many rows.
    #[error("the answer has more than {MOST_ROWS} rows")]
    TooLarge,
    /// The time limit was reached.
    #[error("the question took longer than {} seconds", .0.as_secs())]
    TooLong(Duration),
    /// The memory or the disk that questions may use was not enough.
    #[error("the question needs more memory than reports may use: {0}")]
    Exhausted(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The columns failed.
    #[error(transparent)]
    Columns(ColumnsError),
    /// The engine failed.
    #[error("the question could not be answered: {0}")]
    Engine(String),
}

impl From<ColumnsError> for ReportError {
    fn from(error: ColumnsError) -> Self {
        match error {
            ColumnsError::Store(error) => Self::Store(error),
            other => Self::Columns(other),
        }
    }
}

/// Tells what a question did wrong from what failed.
impl From<DataFusionError> for ReportError {
    fn from(error: DataFusionError) -> Self {
        let root = error.find_root();
        let text = root.strip_backtrace();
        match root {
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::ArrowError(..)
            | DataFusionError::Execution(_)
            | DataFusionError::Diagnostic(..) => Self::Refused(format!("is wrong: {text}")),
            DataFusionError::ResourcesExhausted(_) => Self::Exhausted(text),
            _ => Self::Engine(text),
        }
    }
}

/// Runs queries.
pub struct Engine {
    runtime: Option<Runtime>,
    environment: Arc<RuntimeEnv>,
    limits: Limits,
}

impl Drop for Engine {
    fn drop(&mut self) {
        // a query that goes on must not hold up the end of the process
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Engine {
    /// An engine that spills into a folder.
    ///
    /// # Errors
    /// If its threads cannot be started, or the folder cannot be used.
    pub fn start(folder: PathBuf, limits: Limits) -> Result<Self, ColumnsError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(limits.threads)
            .thread_name("reports")
            .thread_stack_size(STACK)
            .on_thread_start(|| {
                let _ = rustix::process::nice(NICE);
            })
            .enable_time()
            .build()?;
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory)))
            .with_temp_file_path(folder)
            .with_max_temp_directory_size(limits.spill)
            .build_arc()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            runtime: Some(runtime),
            environment,
            limits,
        })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it runs until it is dropped")
    }

    /// A context without tables.
    fn context(&self) -> SessionContext {
        let mut config = SessionConfig::new()
            .with_target_partitions(self.limits.threads)
            .with_information_schema(false);
        let options = config.options_mut();
        options.sql_parser.dialect = datafusion::config::Dialect::PostgreSQL;
        options.execution.enable_recursive_ctes = false;
        options.execution.time_zone = Some("UTC".to_owned());
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&self.environment))
            .with_default_features()
            .build();
        SessionContext::new_with_state(state)
    }

    /// Runs work on the engine's threads, at most as long as a query may.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ReportError>> + Send + 'static,
    ) -> Result<T, ReportError> {
        let limit = self.limits.time;
        let task = AbortOnDropHandle::new(self.runtime().spawn(work));
        match timeout(limit, task).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => Err(ReportError::Engine(error.to_string())),
            Err(_) => Err(ReportError::TooLong(limit)),
        }
    }
}

/// The reports of a store.
pub struct Reports {
    keeper: Keeper,
    engine: Arc<Engine>,
}

/// The columns that a question is answered from.
pub struct Basis {
    /// The columns.
    pub snapshot: Arc<Snapshot>,
    /// Whether they hold everything that was committed before the question.
    pub complete: bool,
}

impl Reports {
    /// Opens the columns in a folder.
    ///
    /// # Errors
    /// If the folder cannot be used, or the store fails.
    pub async fn open(
        reads: Arc<dyn Reads>,
        folder: &Path,
        limits: Limits,
    ) -> Result<Self, ColumnsError> {
        let spill = folder.join("spill");
        std::fs::create_dir_all(&spill)?;
        let engine = Engine::start(spill, limits)?;
        let keeper = Keeper::open(reads, folder, engine.runtime().handle().clone()).await?;
        Ok(Self {
            keeper,
            engine: Arc::new(engine),
        })
    }

    /// Keeps the columns up with the journal until it is stopped.
    pub async fn run(&self, stop: CancellationToken) {
        self.keeper.run(stop).await;
    }

    /// How many entries of the journal the columns do not have yet.
    pub fn behind(&self) -> &Gauge {
        &self.keeper.behind
    }

    /// The columns with everything that was committed before the call, or, if they do not catch up in
    /// two seconds, as they are.
    ///
    /// # Errors
    /// If the store fails or the disk is full.
    pub async fn basis(&self) -> Result<Basis, ReportError> {
        match timeout(PATIENCE, self.keeper.caught_up()).await {
            Ok(snapshot) => Ok(Basis {
                snapshot: snapshot?,
                complete: true,
            }),
            Err(_) => Ok(Basis {
                snapshot: self.keeper.snapshot(),
                complete: false,
            }),
        }
    }

    /// Answers a statement over the history of a tenant.
    ///
    /// # Errors
    /// As [`ReportError`] says.
    pub async fn sql(
        &self,
        tenant: i64,
        sql: String,
        parameters: Vec<ScalarValue>,
    ) -> Result<Answer, ReportError> {
        let Basis { snapshot, complete } = self.basis().await?;
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let frame = sql::plan(&engine, &snapshot, tenant, &sql, parameters).await?;
            let schema = Arc::clone(frame.schema().inner());
            let mut stream = frame.execute_stream().await?;
            let (mut batches, mut rows) = (Vec::new(), 0);
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                rows += batch.num_rows();
                if rows > MOST_ROWS {
                    return Err(ReportError::TooLarge);
                }
                batches.push(batch);
            }
            Ok(Answer {
                as_of: snapshot.cursor,
                complete,
                schema,
                batches,
            })
        };
        self.engine.run(work).await
    }
}
