//! `webhook` and `webhook_delivery`.

use std::sync::LazyLock;

use super::{Column, Statement, Table, flag, int, kept, reading, text, time};
use crate::domain::webhook::{Delivery, DeliveryState, Subscription, Webhook};
use crate::store::StoreError;
use crate::store::dialect::{Arg, Columns, Dialect};

/// The webhooks.
pub struct Webhooks;

impl Table for Webhooks {
    type Row<'r> = &'r Webhook;
    const NAME: &'static str = "webhook";
    const KEY: &'static [&'static str] = &["id"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("id", |of| of.id.as_str().into()),
        text("url", |of| of.subscription.url.as_str().into()),
        text("kinds", |of| {
            serde_json::json!(of.subscription.kinds).to_string().into()
        }),
        text("media_type", |of| {
            of.subscription.media_type.as_deref().into()
        }),
        text("description", |of| {
            of.subscription.description.as_deref().into()
        }),
        int("enabled", |of| flag(of.subscription.enabled)),
        text("disabled_reason", |of| of.disabled_reason.as_deref().into()),
        text("secrets", |of| {
            serde_json::json!(of.secrets).to_string().into()
        }),
        time("modified_date", |of| of.modified_date.into()),
        kept(int("tenant_id", |of| of.tenant_id.into())),
        // the sender moves it on
        kept(int("cursor", |of| of.cursor.into())),
        kept(time("created_date", |of| of.created_date.into())),
        kept(int("deleted", |_| flag(false))),
    ];
}

/// New webhooks.
pub static NEW: LazyLock<Statement<Webhooks>> = LazyLock::new(Statement::insert);
/// Webhooks with another subscription or other secrets.
pub static CHANGED: LazyLock<Statement<Webhooks>> = LazyLock::new(Statement::update);

fn wrong(column: &'static str) -> impl FnOnce(serde_json::Error) -> StoreError {
    move |_| StoreError::inconsistent("webhook", column)
}

reading! {
    /// Reads a webhook.
    Webhooks, WEBHOOK, webhook -> Webhook:
    id text, tenant_id int, url text, kinds text, media_type maybe_text, description maybe_text,
    enabled int, disabled_reason maybe_text, secrets text, cursor int, created_date time,
    modified_date time;
    Webhook {
        id,
        tenant_id,
        subscription: Subscription {
            url,
            kinds: serde_json::from_str(&kinds).map_err(wrong("kinds"))?,
            media_type,
            description,
            enabled: enabled != 0,
        },
        disabled_reason,
        secrets: serde_json::from_str(&secrets).map_err(wrong("secrets"))?,
        cursor,
        created_date,
        modified_date,
    }
}

/// The deliveries of webhooks.
pub struct Deliveries;

impl Table for Deliveries {
    type Row<'r> = (&'r str, &'r Delivery);
    const NAME: &'static str = "webhook_delivery";
    const KEY: &'static [&'static str] = &["webhook_id", "cursor"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("webhook_id", |(webhook, _)| (*webhook).into()),
        int("cursor", |(_, of)| of.cursor.into()),
        kept(text("kind", |(_, of)| of.kind.as_str().into())),
        kept(text("subject", |(_, of)| of.subject.as_str().into())),
        int("state", |(_, of)| of.state.code().into()),
        int("attempts", |(_, of)| of.attempts.into()),
        kept(time("queued_date", |(_, of)| of.queued_date.into())),
        time("attempt_date", |(_, of)| Arg::Time(of.attempt_date)),
        time("next_date", |(_, of)| Arg::Time(of.next_date)),
        int("status", |(_, of)| Arg::Int(of.status)),
        text("error", |(_, of)| of.error.as_deref().into()),
    ];
}

/// Deliveries that are new or were attempted. A failed attempt does not count if the delivery was
/// requeued meanwhile, or if the attempt was written already.
pub static DELIVERIES: LazyLock<Statement<Deliveries>> = LazyLock::new(|| {
    Statement::upsert()
        .ending(" WHERE excluded.state = 1 OR webhook_delivery.attempts = excluded.attempts - 1")
});
/// The dates of next attempts.
pub static DATES: LazyLock<Statement<Deliveries>> =
    LazyLock::new(|| Statement::update_of(&["next_date"]));

reading! {
    /// Reads a delivery.
    Deliveries, DELIVERY, delivery -> Delivery:
    cursor int, kind text, subject text, state int, attempts int, queued_date time,
    attempt_date maybe_time, next_date maybe_time, status maybe_int, error maybe_text;
    Delivery {
        cursor,
        kind,
        subject,
        state: DeliveryState::of_code(state)
            .ok_or_else(|| StoreError::inconsistent("webhook_delivery", "state"))?,
        attempts,
        queued_date,
        attempt_date,
        next_date,
        status,
        error,
    }
}
