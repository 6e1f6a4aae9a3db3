//! Writes about webhooks.

use super::{Delivery, DeliveryState, Secret, Subscription, WebhookPatch};
use crate::domain::{Moment, Refusal};

/// The longest time for which an old secret may sign besides a new one, in seconds: seven days.
pub const LONGEST_OVERLAP: i64 = 7 * 24 * 3600;

/// Progress of a webhook to be written.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The webhook.
    pub webhook_id: String,
    /// Every journal entry up to here is acknowledged: it was delivered, or its delivery is stored.
    pub cursor: i64,
    /// Deliveries that are new or were attempted, in their current state.
    pub deliveries: Vec<Delivery>,
    /// Subjects whose next stored delivery may now be due.
    pub subjects: Vec<String>,
    /// Whether all waiting deliveries are due now because the receiver has recovered.
    pub hasten: bool,
    /// Why to disable the webhook; applies only if its URL has not changed meanwhile.
    pub disable: Option<Disable>,
}

/// Why a webhook is disabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disable {
    /// The URL whose receiver asked for no more deliveries.
    pub url: String,
    /// The reason in words.
    pub reason: &'static str,
}

/// Which deliveries to send again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// This one.
    One(i64),
    /// All in a state.
    All(DeliveryState),
}

/// A write about webhooks.
#[derive(Clone, Debug)]
pub enum WebhookCommand {
    /// Creates a webhook for changes from now on.
    Create {
        /// Its identifier.
        id: String,
        /// What its owner sets.
        subscription: Subscription,
        /// The secret.
        secret: Secret,
    },
    /// Changes a webhook.
    Change {
        /// The webhook.
        id: String,
        /// The patch.
        patch: WebhookPatch,
    },
    /// Gives a webhook a new secret.
    Rotate {
        /// The webhook.
        id: String,
        /// The new secret.
        secret: Secret,
        /// Seconds for which the old secret still signs.
        overlap: i64,
    },
    /// Deletes a webhook with its deliveries.
    Delete(String),
    /// Sends deliveries again, now.
    Replay {
        /// The webhook.
        id: String,
        /// The deliveries.
        again: Again,
    },
    /// Takes or renews the lease of the sending server; refused while another server holds it.
    Hold {
        /// The server.
        holder: String,
        /// The holder that was seen to have stopped renewing its lease, and its term at that time.
        stale: Option<(String, i64)>,
    },
    /// Gives the lease back.
    Release(String),
    /// Writes the progress of webhooks.
    Save {
        /// The server, which must hold the lease.
        holder: String,
        /// The progress of each webhook.
        progress: Vec<Progress>,
    },
    /// Deletes some of the deliveries delivered before a moment, and of those whose webhook was
    /// deleted.
    Forget(Moment),
}

impl WebhookCommand {
    /// Checks everything that needs no access to the store.
    ///
    /// # Errors
    /// The refusal that the caller gets.
    pub fn check(&self, allow_private: bool) -> Result<(), Refusal> {
        match self {
            Self::Create { subscription, .. } => subscription.check(allow_private)?,
            Self::Rotate { overlap, .. } if !(0..=LONGEST_OVERLAP).contains(overlap) => {
                let detail = format!("is no whole number from 0 to {LONGEST_OVERLAP}");
                return Err(Refusal::invalid("/overlapSeconds", detail));
            }
            _ => {}
        }
        let (Self::Change { id: named, .. }
        | Self::Rotate { id: named, .. }
        | Self::Replay { id: named, .. }
        | Self::Delete(named)) = self
        else {
            return Ok(());
        };
        if named.contains('\0') {
            return Err(Refusal::invalid("path", "holds a NUL character"));
        }
        Ok(())
    }

    /// Roughly the bytes of memory that it takes.
    pub fn weight(&self) -> usize {
        match self {
            Self::Save { progress, .. } => {
                progress.iter().map(|one| 256 * one.deliveries.len()).sum()
            }
            Self::Create { subscription, .. } => subscription.url.len() + 1024,
            _ => 1024,
        }
    }
}
