//! Writes what became of deliveries, that of all webhooks together.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::submit;
use crate::domain::Refusal;
use crate::domain::webhook::{Progress, WebhookCommand};
use crate::store::{StoreError, Writer};

/// Between two commits, so that those of many webhooks become one.
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait before a database that failed is asked again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Webhooks whose progress may wait.
const QUEUE: usize = 1024;

type Queued = (Progress, oneshot::Sender<()>);

/// The near end. Cheap to clone; the far end ends when the last one is gone.
#[derive(Clone)]
pub struct Saver(mpsc::Sender<Queued>);

impl Saver {
    /// Starts the far end, which writes in the name of this server.
    pub fn start(writer: Writer, holder: String) -> Self {
        let (near, far) = mpsc::channel(QUEUE);
        tokio::spawn(run(far, writer, holder));
        Self(near)
    }

    /// Hands progress over; the answer comes when it is durable, and is an error when this server no longer sends.
    pub async fn save(&self, progress: Progress) -> oneshot::Receiver<()> {
        let (reply, answer) = oneshot::channel();
        // where the far end is gone the answer is lost with it
        let _ = self.0.send((progress, reply)).await;
        answer
    }
}

async fn run(mut far: mpsc::Receiver<Queued>, writer: Writer, holder: String) {
    while let Some(first) = far.recv().await {
        let (mut progress, mut replies) = (vec![first.0], vec![first.1]);
        while let Ok((more, reply)) = far.try_recv() {
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

/// Writes, and does not give up while that may still come about.
async fn saved(writer: &Writer, command: &WebhookCommand) -> bool {
    loop {
        match submit(writer, command.clone()).await {
            Ok(_) => return true,
            Err(StoreError::Refused(refusal @ Refusal::Conflict(_))) => {
                tracing::warn!(%refusal, "what became of deliveries was not written");
                return false;
            }
            Err(StoreError::Closed) => return false,
            Err(error) => {
                // written twice it is the same
                tracing::warn!(%error, "what became of deliveries could not be written yet");
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }
}
