//! Writes the progress of all webhooks, in few commits.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::submit;
use crate::domain::Refusal;
use crate::domain::webhook::{Progress, WebhookCommand};
use crate::store::{StoreError, Writer};

/// Pause between two commits, so that the progress of many webhooks shares one.
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait before a retry after a database failure.
const PATIENCE: Duration = Duration::from_secs(1);
/// The largest number of queued progress records.
const QUEUE: usize = 1024;

type Queued = (Progress, oneshot::Sender<()>);

/// A handle to the writing task. Cheap to clone; the task ends when the last handle is dropped.
#[derive(Clone)]
pub struct Saver(mpsc::Sender<Queued>);

impl Saver {
    /// Starts the task, which writes under this server name.
    pub fn start(writer: Writer, holder: String) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE);
        tokio::spawn(run(queued, writer, holder));
        Self(queue)
    }

    /// Queues progress. The receiver resolves once it is durable, or to an error if this server no
    /// longer holds the lease.
    pub async fn save(&self, progress: Progress) -> oneshot::Receiver<()> {
        let (reply, answer) = oneshot::channel();
        // if the task has ended, the receiver gets an error
        let _ = self.0.send((progress, reply)).await;
        answer
    }
}

async fn run(mut queued: mpsc::Receiver<Queued>, writer: Writer, holder: String) {
    while let Some(first) = queued.recv().await {
        let (mut progress, mut replies) = (vec![first.0], vec![first.1]);
        while let Ok((more, reply)) = queued.try_recv() {
            progress.push(more);
            replies.push(reply);
        }
        let command = WebhookCommand::Save {
            holder: holder.clone(),
            progress,
        };
        if saved(&writer, &command).await {
            for reply in replies {
                let _ = reply.send(());
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Writes, and retries while that can succeed.
async fn saved(writer: &Writer, command: &WebhookCommand) -> bool {
    loop {
        match submit(writer, command.clone()).await {
            Ok(_) => return true,
            Err(StoreError::Refused(refusal @ Refusal::Conflict(_))) => {
                tracing::warn!(%refusal, "the progress of webhooks was not written");
                return false;
            }
            Err(StoreError::Closed) => return false,
            Err(error) => {
                // writing it twice is harmless
                tracing::warn!(%error, "the progress of webhooks could not be written yet");
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }
}
