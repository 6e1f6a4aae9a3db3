//! A webhook as the API shows it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Moment;
use crate::domain::webhook::{Secret, Subscription, Webhook};

/// A webhook.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookBody {
    id: String,
    url: String,
    kinds: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    enabled: bool,
    /// Why the server disabled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<String>,
    /// The signing secret. Shown only in the answers that create or replace it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// Deliveries that failed, or wait behind one that failed, and will be retried.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<i64>,
    /// Dead letters: deliveries that were given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead: Option<i64>,
    /// Highest journal cursor up to which every change is delivered or recorded as a delivery.
    cursor: String,
    #[schema(value_type = String, format = DateTime)]
    created_date: Moment,
    #[schema(value_type = String, format = DateTime)]
    modified_date: Moment,
}

impl WebhookBody {
    /// The webhook, with its new secret if it has just received one, and with the numbers of its
    /// waiting and dead deliveries if they were counted.
    pub fn new(webhook: &Webhook, secret: Option<&Secret>, counts: Option<(i64, i64)>) -> Self {
        let Subscription {
            url,
            kinds,
            media_type,
            description,
            enabled,
        } = webhook.subscription.clone();
        Self {
            id: webhook.id.clone(),
            url,
            kinds,
            media_type,
            description,
            enabled,
            disabled_reason: webhook.disabled_reason.clone(),
            secret: secret.map(|secret| secret.text().to_owned()),
            waiting: counts.map(|(waiting, _)| waiting),
            dead: counts.map(|(_, dead)| dead),
            cursor: webhook.cursor.to_string(),
            created_date: webhook.created_date,
            modified_date: webhook.modified_date,
        }
    }
}
