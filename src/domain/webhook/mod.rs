//! Webhooks: subscriptions, their secrets, and their deliveries.

mod command;
mod delivery;
mod secret;
mod subscription;
mod url;

pub use command::{Again, Disable, LONGEST_OVERLAP, Progress, WebhookCommand};
pub use delivery::{
    Delivery, DeliveryState, GIVE_UP, LONG_AGO, message_id, subject, subject_parts, wait,
};
pub use secret::{SECRET_BYTES, Secret, rotated, signatures};
pub use subscription::{LONGEST_DESCRIPTION, Subscription, WebhookPatch, lower};
pub use url::{LONGEST_URL, PRIVATE, check_url};

use super::{Moment, Refusal};

/// The largest number of webhooks of a tenant.
pub const MOST: usize = 100;
/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Identifier.
    pub id: String,
    /// The tenant whose changes it delivers.
    pub tenant_id: i64,
    /// What its owner sets.
    pub subscription: Subscription,
    /// Why the server disabled it; `None` if it did not.
    pub disabled_reason: Option<String>,
    /// The secrets that sign, newest first.
    pub secrets: Vec<Secret>,
    /// Every journal entry up to here is acknowledged: it was delivered, or its delivery is stored.
    pub cursor: i64,
    /// When it was created.
    pub created_date: Moment,
    /// When it last changed.
    pub modified_date: Moment,
}

/// The refusal of a webhook that does not exist.
pub fn no_webhook(id: &str) -> Refusal {
    Refusal::NotFound("webhook", id.to_owned())
}
