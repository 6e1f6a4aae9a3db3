//! The lifecycle of a server: it opens the store, serves until it is told to stop, answers the
//! requests in flight, and closes the store.

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api;
use crate::compat::gws;
use crate::config::Config;
use crate::domain::command::{Command, Outcome, REPLY_KEPT, Submission};
use crate::domain::filter::IndexedAttribute;
use crate::domain::user_data::KeyPath;
use crate::domain::{Clock, Moment};
use crate::feed::{self, Feed};
use crate::reports::{self, Reports};
use crate::store::writer::QueueLimits;
use crate::store::{AttributeIndexes, Schema, Settings, Store, StoreError, Writer};
use crate::telemetry::Metrics;
use crate::web::access::{Access, Door};
use crate::web::rate::Rate;
use crate::web::{App, Parts, requests};

/// How often expired replies to repeatable requests are deleted.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// The store's settings from the configuration.
pub fn settings(
    config: &Config,
    schema: Schema,
    exclusive: bool,
    clock: Arc<dyn Clock>,
) -> Settings {
    Settings {
        url: config.database.url.clone(),
        schema,
        exclusive,
        rules: config.rules(),
        queue: QueueLimits {
            commands: config.queue.commands,
            bytes: config.queue.bytes,
        },
        readers: config.database.readers,
        mapped: u64::from(config.database.mapped_mib) << 20,
        memory: u64::from(config.database.memory) << 20,
        log: u64::from(config.database.log) << 20,
        prepared: config.database.prepared,
        time_limit: config.time_limit(),
        clock,
    }
}

/// Serves an open store on a bound listener until `stop` is ready, then answers the requests in
/// flight and closes the store.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    store: Store,
    config: Config,
    clock: Arc<dyn Clock>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let stopping = CancellationToken::new();
    let tasks = TaskTracker::new();
    let door = if config.server.insecure {
        Door::Insecure
    } else if listener.local_addr()?.ip().is_loopback() {
        Door::Local
    } else {
        Door::TokenRequired
    };
    let patience = Duration::from_secs(config.server.stop_seconds);
    // declared before the first request, so that no interaction is recorded without its index rows
    for key in config.indexed_keys() {
        if let Err(error) = declare(&store.writer, &KeyPath::parse(&key)).await {
            tracing::error!(%error, key, "a key could not be declared as indexed");
        }
    }
    keep_indexes(&tasks, &store, &config, &stopping);
    tasks.spawn(tidy(
        store.writer.clone(),
        Arc::clone(&clock),
        stopping.clone(),
    ));
    let feed = Feed::default();
    tasks.spawn(feed::follow(
        feed.clone(),
        Arc::clone(&store.reads),
        Arc::clone(&store.committed),
        stopping.clone(),
    ));
    tasks.spawn(feed::webhook::run(feed::webhook::Parts {
        writer: store.writer.clone(),
        reads: Arc::clone(&store.reads),
        feed: feed.clone(),
        clock: Arc::clone(&clock),
        render: api::delivered,
        allow_private: config.webhooks.allow_private,
        keep_days: config.webhooks.keep_days,
        shared: store.database == "postgres",
        stopping: stopping.clone(),
    }));
    let reports = open_reports(Arc::clone(&store.reads), &config).await;
    if let Some(reports) = &reports {
        let (reports, stopping) = (Arc::clone(reports), stopping.clone());
        tasks.spawn(async move { reports.run(stopping).await });
    }
    let app = App::new(Parts {
        clock,
        metrics: Metrics::new(
            &store.meters,
            &feed.meters,
            reports.as_deref().map(Reports::behind),
        ),
        reports,
        feed,
        writer: store.writer.clone(),
        reads: Arc::clone(&store.reads),
        database: store.database,
        access: Access::new(Arc::clone(&store.reads), door),
        rate: Rate::new(config.web_actions.rate, config.web_actions.burst),
        config,
        stopping: stopping.clone(),
        tasks: tasks.clone(),
    });
    let router = router(app);
    let (signal, asked) = (stopping.clone(), Arc::new(OnceLock::new()));
    let noted = Arc::clone(&asked);
    tokio::spawn(async move {
        stop.await;
        let _ = noted.set(Instant::now());
        signal.cancel();
    });
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    // otherwise the whole router would be copied for each connection
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let graceful =
        axum::serve(listener, service).with_graceful_shutdown(stopping.clone().cancelled_owned());
    let reserve = patience / 10;
    let cut = async {
        stopping.cancelled().await;
        tokio::time::sleep(patience.saturating_sub(reserve)).await;
    };
    tokio::select! {
        served = graceful => served?,
        () = cut => tracing::warn!("some requests were cut off: they exceeded the time limit for stopping"),
    }
    stopping.cancel();
    tasks.close();
    let closed = async {
        tasks.wait().await;
        store.close().await;
    };
    let spent = asked.get().map_or(Duration::ZERO, Instant::elapsed);
    let left = patience.saturating_sub(spent).max(reserve);
    if tokio::time::timeout(left, closed).await.is_err() {
        tracing::warn!("the store did not close in time; what was acknowledged is safe");
    }
    Ok(())
}

/// The router of all surfaces.
pub fn router(app: App) -> Router {
    api::router(app.clone())
        .merge(gws::router(app.clone()))
        .layer(axum::middleware::from_fn_with_state(
            app,
            requests::middleware,
        ))
}

/// Opens the reports. Without them everything else goes on.
async fn open_reports(
    reads: Arc<dyn crate::store::Reads>,
    config: &Config,
) -> Option<Arc<Reports>> {
    let folder = config.reports_folder()?;
    let limits = reports::Limits {
        memory: (config.reports.memory as usize) << 20,
        spill: u64::from(config.reports.spill) << 20,
        time: Duration::from_secs(config.reports.seconds),
        threads: config.reports.threads,
    };
    match Reports::open(reads, &folder, limits).await {
        Ok(reports) => Some(Arc::new(reports)),
        Err(error) => {
            tracing::error!(%error, folder = %folder.display(), "there are no reports");
            None
        }
    }
}

/// Fills the indexes of declared keys and attributes in the background.
fn keep_indexes(tasks: &TaskTracker, store: &Store, config: &Config, stopping: &CancellationToken) {
    tasks.spawn(keep_index(
        store.writer.clone(),
        config.indexed_keys(),
        stopping.clone(),
        Arc::clone(&store.reads),
    ));
    tasks.spawn(keep_attribute_indexes(
        store.indexes.clone(),
        store.writer.clone(),
        config.indexed_attributes(),
        stopping.clone(),
        Arc::clone(&store.reads),
    ));
}

/// Declares the configured keys, and fills the index of every declared key that is not ready.
async fn keep_index(
    writer: Writer,
    mut keys: Vec<String>,
    stopping: CancellationToken,
    reads: Arc<dyn crate::store::Reads>,
) {
    let work = async {
        let known = reads.indexed_keys().await?;
        let ready = |key: &KeyPath| known.iter().any(|(other, ready)| other == key && *ready);
        keys.extend(known.iter().map(|(key, _)| key.to_string()));
        let keys: BTreeSet<String> = keys.into_iter().collect();
        for key in keys.iter().map(|key| KeyPath::parse(key)) {
            if !ready(&key) {
                let done = fill_index(&writer, &key, |_| {}).await?;
                tracing::info!(key = %key, interactions = done, "a key is indexed");
            }
        }
        Ok::<(), StoreError>(())
    };
    tokio::select! {
        done = work => if let Err(error) = done {
            tracing::error!(%error, "the index of declared keys could not be filled");
        },
        () = stopping.cancelled() => {}
    }
}

/// Builds the index of every attribute that is declared or configured.
async fn keep_attribute_indexes(
    indexes: AttributeIndexes,
    writer: Writer,
    configured: Vec<IndexedAttribute>,
    stopping: CancellationToken,
    reads: Arc<dyn crate::store::Reads>,
) {
    let work = async {
        for attribute in configured {
            indexes.declare(&writer, attribute).await?;
        }
        let declared = reads.indexed_attributes().await?;
        for attribute in indexes.settle(&writer, &declared).await? {
            tracing::info!(attribute = attribute.name(), "an attribute is indexed");
        }
        Ok::<(), StoreError>(())
    };
    tokio::select! {
        done = work => if let Err(error) = done {
            tracing::error!(%error, "the indexes of declared attributes could not be built");
        },
        () = stopping.cancelled() => {}
    }
}

fn of_index(command: Command) -> Submission {
    Submission {
        tenant: 1,
        actor: "index".into(),
        at: None,
        repeatable: None,
        command,
    }
}

/// Declares a key: interactions recorded from now on get its index rows.
async fn declare(writer: &Writer, key: &KeyPath) -> Result<(), StoreError> {
    let command = Command::DeclareKey(key.clone());
    let answer = writer.enqueue_waiting(of_index(command)).await?;
    answer.wait().await.map(drop)
}

/// Declares a key and indexes all interactions under it, a portion at a time; returns how many were
/// examined.
///
/// # Errors
/// If the store fails.
pub async fn fill_index(
    writer: &Writer,
    key: &KeyPath,
    mut progress: impl FnMut(usize),
) -> Result<usize, StoreError> {
    declare(writer, key).await?;
    let (mut after, mut total) = (String::new(), 0);
    loop {
        let command = Command::FillKey {
            key: key.clone(),
            after,
        };
        let Outcome::Filled { last, done } = writer
            .enqueue_waiting(of_index(command))
            .await?
            .wait()
            .await?
        else {
            return Err(StoreError::Closed);
        };
        total += done;
        progress(total);
        match last {
            Some(last) => after = last,
            None => return Ok(total),
        }
    }
}

/// Deletes expired replies.
async fn tidy(writer: Writer, clock: Arc<dyn Clock>, stopping: CancellationToken) {
    loop {
        let before: Moment = clock.now().plus_micros(-REPLY_KEPT);
        let submission = Submission {
            tenant: 1,
            actor: "tidy".into(),
            at: None,
            repeatable: None,
            command: Command::ForgetReplies(before),
        };
        if let Err(error) = writer.submit(submission).await {
            tracing::warn!(%error, "expired replies could not be deleted");
        }
        tokio::select! {
            () = tokio::time::sleep(TIDY_EVERY) => {}
            () = stopping.cancelled() => return,
        }
    }
}
