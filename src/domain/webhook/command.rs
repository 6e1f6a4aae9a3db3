//! Writes about webhooks.

use super::{Delivery, DeliveryState, Secret, Subscription, WebhookPatch};
use crate::domain::{Moment, Refusal};

/// How long an old secret may sign beside a new one, in seconds: seven days.
pub const LONGEST_OVERLAP: i64 = 7 * 24 * 3600;

/// The progress of a webhook that is to be written.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The webhook.
    pub webhook_id: String,
    /// Every entry of the journal up to here is acknowledged: it was delivered, or its delivery is stored.
    pub cursor: i64,
    /// Deliveries that are new or were attempted, as they are now.
    pub deliveries: Vec<Delivery>,
    /// Subjects of which another stored delivery may be the next now.
    pub subjects: Vec<String>,
    /// Whether all waiting deliveries are due now: the receiver is up again.
    pub hasten: bool,
    /// Why the webhook is disabled from now on, if it still has the URL that said so.
    pub disable: Option<Disable>,
}

/// Why a webhook is disabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disable {
    /// The URL whose receiver wants nothing more.
    pub url: String,
    /// In words.
    pub reason: &'static str,
}

/// Which deliveries are to go out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// This one.
    One(i64),
    /// All of a state.
    All(DeliveryState),
}

/// A write about webhooks.
#[derive(Clone, Debug)]
pub enum WebhookCommand {
    /// Makes one for changes from now on.
    Create {
        /// Its identifier.
        id: String,
        /// What its owner sets.
        subscription: Subscription,
        /// The secret.
        secret: Secret,
    },
    /// Changes one.
    Change {
        /// Which.
        id: String,
        /// How.
        patch: WebhookPatch,
    },
    /// Gives one a new secret.
    Rotate {
        /// Which.
        id: String,
        /// The new secret.
        secret: Secret,
        /// Seconds for which the old one still signs.
        overlap: i64,
    },
    /// Deletes one with its deliveries.
    Delete(String),
    /// Sends deliveries again, now.
    Replay {
        /// Of which webhook.
        id: String,
        /// Which.
        again: Again,
    },
    /// Takes or renews the lease of the server that sends; refused while another one holds it.
    Hold {
        /// The server.
        holder: String,
        /// The holder that was seen not to renew its lease any more, and its term then.
        stale: Option<(String, i64)>,
    },
    /// Gives the lease back.
    Release(String),
    /// Writes the progress of webhooks.
    Save {
        /// The server, which must hold the lease.
        holder: String,
        /// Of each webhook.
        progress: Vec<Progress>,
    },
    /// Deletes some of the deliveries that were delivered before a moment, or whose webhook was deleted.
    Forget(Moment),
}

impl WebhookCommand {
    /// Checks what can be checked without the store.
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
