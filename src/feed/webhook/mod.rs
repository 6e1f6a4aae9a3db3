//! Webhooks: readers of the journal that send what they read to other systems.
//!
//! Of several servers on one database one sends ([`run`]): it holds a row of the store, and shows that
//! it is alive by a number that it increments. Each webhook has a [`worker`] of its own there, so that a
//! receiver that hangs does not hold up the others. A worker has a [`backlog`] of deliveries by subject,
//! a [`schedule`] of retries, the [`health`] of its receiver, and a record of its [`progress`]. What is
//! to be written goes through one [`saver`], in few commits.

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

/// How often it is looked whether a webhook changed, and who sends.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a server that sends says that it is alive.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// A server that could not say so for so long sends no more, ...
const GIVE_UP_AFTER: Duration = Duration::from_secs(8);
/// ... and so long after its last word another takes its place.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// How often it is looked for what was delivered long ago.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// What webhooks work with.
#[derive(Clone)]
pub struct Parts {
    /// The one door in.
    pub writer: Writer,
    /// Every read.
    pub reads: Arc<dyn Reads>,
    /// The newest cursor of the journal, and counters.
    pub feed: Feed,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Writes the `data` of a delivery: JSON text.
    pub render: fn(&Change) -> String,
    /// Whether deliveries may lead into private networks, and go out unencrypted.
    pub allow_private: bool,
    /// Days for which it is known what was delivered.
    pub keep_days: u32,
    /// Whether other servers may work on the same database.
    pub shared: bool,
    /// Says when the server is going down.
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

/// Sends to webhooks until the server stops.
pub async fn run(parts: Parts) {
    let mut office = Office {
        me: new_name(),
        workers: HashMap::new(),
        webhooks: Vec::new(),
        version: None,
        term: watch::Sender::new(None),
        seen: (Sender::default(), Instant::now()),
        saver: None,
        forgot: None,
        parts,
    };
    loop {
        if let Err(error) = office.look().await {
            tracing::warn!(%error, "webhooks could not be looked after");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = office.parts.stopping.cancelled() => break,
        }
    }
    office.close().await;
}

fn new_name() -> String {
    hex::encode(rand::random::<[u8; 8]>())
}

/// When a server last said that it sends; `None` while it does not.
type Term = Option<tokio::time::Instant>;

/// A webhook that is sent to.
struct Running {
    webhook: Webhook,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Whether the worker still does what the webhook asks for.
    fn does(&self, webhook: &Webhook) -> bool {
        !self.task.is_finished()
            && self.webhook.subscription == webhook.subscription
            && self.webhook.secrets == webhook.secrets
    }
}

/// The workers of this server, and its right to have some.
struct Office {
    parts: Parts,
    /// This server, among those on one database, while it holds its place.
    me: String,
    workers: HashMap<String, Running>,
    /// All webhooks as last read, and their version.
    webhooks: Vec<Webhook>,
    version: Option<i64>,
    /// When this server last said that it sends, while it does; its workers look at that before each request.
    term: watch::Sender<Term>,
    /// Who was seen to send, and since when that has not moved.
    seen: (Sender, Instant),
    saver: Option<(Saver, Arc<Client>)>,
    forgot: Option<Instant>,
}

impl Office {
    fn term(&self) -> Term {
        *self.term.borrow()
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let sender = self.parts.reads.webhook_sender().await;
        if self.parts.shared
            && self
                .term()
                .is_some_and(|term| term.elapsed() > GIVE_UP_AFTER)
        {
            tracing::warn!(
                "this server could not say that it is alive, and sends to no webhook until it can"
            );
            self.abort().await;
        }
        let sender = sender?;
        if self.version != Some(sender.version) {
            self.webhooks = self.parts.reads.webhooks(None).await?;
            self.version = Some(sender.version);
            self.forgot = None;
        }
        // where there never was a webhook there is nothing to look after
        if sender.version > 0
            && let Err(error) = self.forget().await
        {
            tracing::warn!(%error, "old deliveries could not be forgotten yet");
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

    /// Whether this server is the one that sends; where none does it takes the place.
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
            // beside a file of SQLite there is no other server: one that holds it is gone
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

    /// Drops all that is under way; what was not saved goes out again, under its identifier.
    async fn abort(&mut self) {
        self.term.send_replace(None);
        // what is still on its way to be written comes too late, also after this server has its place again
        self.me = new_name();
        self.saver = None;
        let all: Vec<Running> = self.workers.drain().map(|(_, one)| one).collect();
        for one in &all {
            one.task.abort();
        }
        join_all(all.into_iter().map(|one| one.task)).await;
    }

    /// Ends workers, and waits until what they did is saved.
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
                tracing::error!(%error, "a webhook's worker failed, and begins anew");
            }
        }
    }

    /// Ends the workers of webhooks that changed, and begins those that are wanted.
    async fn rearrange(&mut self) -> Result<(), StoreError> {
        let wanted = |id: &str| {
            self.webhooks
                .iter()
                .find(|one| one.id == id && one.subscription.enabled)
        };
        let over: Vec<String> = self
            .workers
            .iter()
            .filter(|(id, running)| !wanted(id).is_some_and(|one| running.does(one)))
            .map(|(id, _)| id.clone())
            .collect();
        if !over.is_empty() {
            self.end(over).await;
        }
        if self.missing().is_empty() {
            return Ok(());
        }
        // where each stands in the journal may have moved since they were read
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

    /// Webhooks that are to be sent to, and are not.
    fn missing(&self) -> Vec<Webhook> {
        self.webhooks
            .iter()
            .filter(|one| one.subscription.enabled && !self.workers.contains_key(&one.id))
            .cloned()
            .collect()
    }

    fn tools(&mut self) -> (Saver, Arc<Client>) {
        let parts = &self.parts;
        let (saver, client) = self.saver.get_or_insert_with(|| {
            let client = Client::new(parts.allow_private)
                .expect("TLS comes up with the provider that it was built with");
            let saver = Saver::start(parts.writer.clone(), self.me.clone());
            (saver, Arc::new(client))
        });
        (saver.clone(), Arc::clone(client))
    }

    /// Forgets what was delivered long ago, and what belonged to webhooks that were deleted, portion by portion.
    async fn forget(&mut self) -> Result<(), StoreError> {
        if self.forgot.is_some_and(|at| at.elapsed() < FORGET_EVERY) {
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
            self.forgot = Some(Instant::now());
        }
        Ok(())
    }

    /// Ends all that is under way as well as time allows, and makes room for another server.
    async fn close(mut self) {
        let all = self.workers.keys().cloned().collect();
        self.end(all).await;
        if let Err(error) = self.release().await {
            tracing::warn!(%error, "another server sends to webhooks only after a while");
        }
    }
}
