//! Webhooks: readers of the journal that deliver its entries to other systems.
//!
//! Of several servers on one database, one sends ([`run`]). It holds a lease, a row of the store,
//! and renews it by incrementing a number. Each webhook has its own `worker`, so that a receiver
//! that hangs does not delay the others. A worker has a `backlog` of deliveries by subject, a
//! `schedule` of retries, the `health` of its receiver, and a record of its `progress`. All writes
//! go through one `saver`, in few commits.

mod backlog;
pub mod client;
mod health;
mod progress;
mod saver;
mod schedule;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Feed;
use crate::domain::Clock;
use crate::domain::Refusal;
use crate::domain::change::Change;
use crate::domain::command::{Command, Outcome, Submission};
use crate::domain::webhook::{Webhook, WebhookCommand};
use crate::store::{Reads, Sender, StoreError, Writer};
use client::Client;
use saver::Saver;
use worker::Worker;

/// How often the webhooks and the lease are checked.
const CHECK_EVERY: Duration = Duration::from_millis(250);
/// How often the sending server renews its lease.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// A server that could not renew its lease for this long stops sending.
const GIVE_UP_AFTER: Duration = Duration::from_secs(8);
/// A lease that was not renewed for this long may be taken by another server.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// How often old deliveries are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// The parts of the server that webhooks need.
#[derive(Clone)]
pub struct Parts {
    /// Every write.
    pub writer: Writer,
    /// Every read.
    pub reads: Arc<dyn Reads>,
    /// The newest cursor of the journal, and counters.
    pub feed: Feed,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Renders the `data` of a delivery as JSON text.
    pub render: fn(&Change) -> String,
    /// Whether deliveries may go to private networks and over unencrypted connections.
    pub allow_private: bool,
    /// Days for which completed deliveries are kept.
    pub keep_days: u32,
    /// Whether other servers may use the same database.
    pub shared: bool,
    /// Cancelled when the server stops.
    pub stopping: CancellationToken,
}

async fn submit(writer: &Writer, command: WebhookCommand) -> Result<Outcome, StoreError> {
    let submission = Submission {
        tenant: 1,
        actor: "webhooks".into(),
        at: None,
        repeatable: None,
        command: Command::Webhook(Box::new(command)),
    };
    let answer = writer.enqueue_waiting(submission).await?;
    answer.wait().await
}

/// Sends deliveries until the server stops.
pub async fn run(parts: Parts) {
    let mut supervisor = Supervisor {
        me: new_name(),
        workers: HashMap::new(),
        webhooks: Vec::new(),
        version: None,
        term: watch::Sender::new(None),
        seen: (Sender::default(), Instant::now()),
        tools: None,
        last_forget: None,
        parts,
    };
    loop {
        if let Err(error) = supervisor.check().await {
            tracing::warn!(%error, "webhooks could not be checked");
        }
        tokio::select! {
            () = tokio::time::sleep(CHECK_EVERY) => {}
            () = supervisor.parts.stopping.cancelled() => break,
        }
    }
    supervisor.close().await;
}

fn new_name() -> String {
    hex::encode(rand::random::<[u8; 8]>())
}

/// When this server last renewed its lease; `None` while it holds none.
type Term = Option<tokio::time::Instant>;

/// A webhook with a worker.
struct Running {
    webhook: Webhook,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Whether the worker runs with the current settings of the webhook.
    fn is_current(&self, webhook: &Webhook) -> bool {
        !self.task.is_finished()
            && self.webhook.subscription == webhook.subscription
            && self.webhook.secrets == webhook.secrets
    }
}

/// The workers of this server, and its lease.
struct Supervisor {
    parts: Parts,
    /// The name in the lease. A server that loses its lease takes another name, so that late writes
    /// under the old name are refused.
    me: String,
    workers: HashMap<String, Running>,
    /// All webhooks as last read.
    webhooks: Vec<Webhook>,
    /// The version of `webhooks`.
    version: Option<i64>,
    /// When this server last renewed its lease. Workers check it before each request.
    term: watch::Sender<Term>,
    /// The lease of another server as last seen, and the time since which it was not renewed.
    seen: (Sender, Instant),
    tools: Option<(Saver, Arc<Client>)>,
    /// When the deletion of old deliveries last completed.
    last_forget: Option<Instant>,
}

impl Supervisor {
    fn term(&self) -> Term {
        *self.term.borrow()
    }

    /// One round: renews the lease, starts and stops workers.
    async fn check(&mut self) -> Result<(), StoreError> {
        let sender = self.parts.reads.webhook_sender().await;
        if self.parts.shared
            && self
                .term()
                .is_some_and(|term| term.elapsed() > GIVE_UP_AFTER)
        {
            tracing::warn!(
                "this server could not renew its lease, and sends to no webhook until it can"
            );
            self.abort().await;
        }
        let sender = sender?;
        if self.version != Some(sender.version) {
            self.webhooks = self.parts.reads.webhooks(None).await?;
            self.version = Some(sender.version);
            self.last_forget = None;
        }
        // if there was never a webhook, there is nothing to delete
        if sender.version > 0
            && let Err(error) = self.forget().await
        {
            tracing::warn!(%error, "old deliveries could not be deleted yet");
        }
        let any = self.webhooks.iter().any(|one| one.subscription.enabled);
        if !any && self.workers.is_empty() {
            return self.release().await;
        }
        if !self.hold(sender).await? {
            return Ok(());
        }
        self.rearrange().await
    }

    /// Whether this server holds the lease. Takes it if it is free.
    async fn hold(&mut self, sender: Sender) -> Result<bool, StoreError> {
        let mut stale = None;
        if sender.holder == self.me {
            if self
                .term()
                .is_some_and(|term| !self.parts.shared || term.elapsed() < RENEW_EVERY)
            {
                return Ok(true);
            }
        } else {
            if self.term().is_some() {
                tracing::warn!("another server sends to webhooks now");
                self.abort().await;
            }
            if (&sender.holder, sender.term) != (&self.seen.0.holder, self.seen.0.term) {
                self.seen = (sender.clone(), Instant::now());
            }
            // a SQLite file has one server, so any other holder no longer runs
            let is_free = sender.holder.is_empty() || !self.parts.shared;
            if !is_free && self.seen.1.elapsed() < STALE_AFTER {
                return Ok(false);
            }
            stale = Some((sender.holder, sender.term));
        }
        let asked = tokio::time::Instant::now();
        let hold = WebhookCommand::Hold {
            holder: self.me.clone(),
            stale,
        };
        match tokio::time::timeout(GIVE_UP_AFTER, submit(&self.parts.writer, hold)).await {
            Ok(Ok(_)) => {
                self.term.send_replace(Some(asked));
                Ok(true)
            }
            Ok(Err(StoreError::Refused(Refusal::Conflict(_)))) | Err(_) => Ok(false),
            Ok(Err(error)) => Err(error),
        }
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        if self.term().is_some() {
            submit(&self.parts.writer, WebhookCommand::Release(self.me.clone())).await?;
            self.term.send_replace(None);
        }
        Ok(())
    }

    /// Drops everything in flight. Unrecorded deliveries are sent again under the same identifiers.
    async fn abort(&mut self) {
        self.term.send_replace(None);
        // pending writes must not count, even if this server gets the lease again
        self.me = new_name();
        self.tools = None;
        let all: Vec<Running> = self.workers.drain().map(|(_, one)| one).collect();
        for one in &all {
            one.task.abort();
        }
        join_all(all.into_iter().map(|one| one.task)).await;
    }

    /// Stops workers, and waits until their progress is written.
    async fn end(&mut self, ids: Vec<String>) {
        let all: Vec<Running> = ids
            .iter()
            .filter_map(|id| self.workers.remove(id))
            .collect();
        for one in &all {
            one.stop.cancel();
        }
        for ended in join_all(all.into_iter().map(|one| one.task)).await {
            if let Err(error) = ended {
                tracing::error!(%error, "a webhook's worker failed, and starts again");
            }
        }
    }

    /// Stops the workers of webhooks that changed, and starts missing ones.
    async fn rearrange(&mut self) -> Result<(), StoreError> {
        let wanted = |id: &str| {
            self.webhooks
                .iter()
                .find(|one| one.id == id && one.subscription.enabled)
        };
        let over: Vec<String> = self
            .workers
            .iter()
            .filter(|(id, running)| !wanted(id).is_some_and(|one| running.is_current(one)))
            .map(|(id, _)| id.clone())
            .collect();
        if !over.is_empty() {
            self.end(over).await;
        }
        if self.missing().is_empty() {
            return Ok(());
        }
        // their cursors may have moved since they were read
        self.webhooks = self.parts.reads.webhooks(None).await?;
        let (saver, client) = self.tools();
        let new = self.missing();
        for webhook in new {
            let stop = CancellationToken::new();
            let worker = Worker::new(
                self.parts.clone(),
                saver.clone(),
                Arc::clone(&client),
                webhook.clone(),
                self.term.subscribe(),
                stop.clone(),
            );
            let running = Running {
                task: tokio::spawn(worker.run()),
                webhook,
                stop,
            };
            self.workers.insert(running.webhook.id.clone(), running);
        }
        Ok(())
    }

    /// Enabled webhooks without a worker.
    fn missing(&self) -> Vec<Webhook> {
        self.webhooks
            .iter()
            .filter(|one| one.subscription.enabled && !self.workers.contains_key(&one.id))
            .cloned()
            .collect()
    }

    fn tools(&mut self) -> (Saver, Arc<Client>) {
        let parts = &self.parts;
        let (saver, client) = self.tools.get_or_insert_with(|| {
            let client = Client::new(parts.allow_private)
                .expect("TLS comes up with the provider that it was built with");
            let saver = Saver::start(parts.writer.clone(), self.me.clone());
            (saver, Arc::new(client))
        });
        (saver.clone(), Arc::clone(client))
    }

    /// Deletes old deliveries, and those of deleted webhooks, in chunks.
    async fn forget(&mut self) -> Result<(), StoreError> {
        if self
            .last_forget
            .is_some_and(|at| at.elapsed() < FORGET_EVERY)
        {
            return Ok(());
        }
        let days = i64::from(self.parts.keep_days);
        let before = self
            .parts
            .clock
            .now()
            .plus_micros(-days * 24 * 3600 * 1_000_000);
        let forgot = submit(&self.parts.writer, WebhookCommand::Forget(before)).await?;
        if matches!(forgot, Outcome::Deliveries(0)) {
            self.last_forget = Some(Instant::now());
        }
        Ok(())
    }

    /// Stops all workers, and releases the lease.
    async fn close(mut self) {
        let all = self.workers.keys().cloned().collect();
        self.end(all).await;
        if let Err(error) = self.release().await {
            tracing::warn!(%error, "the lease could not be released; another server takes it when it is stale");
        }
    }
}
