//! Writes the progress of all webhooks, in few commits.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::submit;
use crate::domain::Refusal;
use crate::domain::webhook::{Progress, WebhookCommand};
use crate::store::{StoreError, Writer};

/// Between two commits, so that the progress of many webhooks goes into one.
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait before a database that failed is asked again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Progress of so many webhooks may be queued.
const QUEUE: usize = 1024;

type Queued = (Progress, oneshot::Sender<()>);

/// A handle of the task that writes. Cheap to clone; the task ends with the last one.
#[derive(Clone)]
pub struct Saver(mpsc::Sender<Queued>);

impl Saver {
    /// Starts the task, which writes under this name of the server.
    pub fn start(writer: Writer, holder: String) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE);
        tokio::spawn(run(queued, writer, holder));
        Self(queue)
    }

    /// Queues progress. The answer comes when it is durable, and is an error when this server does not
    /// hold the lease any more.
    pub async fn save(&self, progress: Progress) -> oneshot::Receiver<()> {
        let (reply, answer) = oneshot::channel();
        // when the task has ended, the answer is an error
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

/// Writes, and tries again while that can succeed.
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
                // writing it twice does no harm
                tracing::warn!(%error, "the progress of webhooks could not be written yet");
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }
}
