//! Commands about webhooks.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::command::{Outcome, Rules};
use crate::domain::webhook::{
    Again, DeliveryState, Disable, MOST, Progress, Secret, Subscription, Webhook, WebhookCommand,
    no_webhook, rotated,
};
use crate::domain::{Moment, Refusal};
use crate::store::bulk::{self, Many, Type};
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::tables::webhook::{CHANGED, DATES, DELIVERIES, NEW};
use crate::store::{StoreError, webhook};

const GONE: Many = Many::new(
    "DELETE FROM webhook_delivery WHERE (webhook_id, cursor) IN (VALUES",
    &[Type::Text, Type::Int],
    2,
    ")",
);

/// The largest number of deliveries that a statement deletes.
pub const PORTION: i64 = 5000;
/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// Carries out a command.
pub(super) async fn carry_out<D: Dialect>(
    conn: &mut Conn<D>,
    (tenant, at, head): (i64, Moment, i64),
    rules: &Rules,
    command: &WebhookCommand,
) -> Result<Outcome, StoreError> {
    match command {
        WebhookCommand::Create {
            id,
            subscription,
            secret,
        } => create::<D>(conn, (tenant, at, head), id, subscription, secret).await,
        WebhookCommand::Change { id, patch } => {
            let mut found = find::<D>(conn, tenant, id).await?;
            let was_enabled = found.subscription.enabled;
            found.subscription = patch.applied(&found.subscription);
            // a URL that was once allowed does not prevent other changes; it is checked again
            // before each delivery
            let trusted = rules.private_webhooks || patch.url.is_none();
            found.subscription.check(trusted)?;
            if found.subscription.enabled {
                found.disabled_reason = None;
            }
            if found.subscription.enabled && !was_enabled {
                // the time without attempts does not count
                let sql = "UPDATE webhook_delivery SET queued_date = $2 WHERE webhook_id = $1 AND state = 0";
                D::execute(conn, sql.into(), vec![id.as_str().into(), at.into()]).await?;
            }
            change::<D>(conn, at, found, None).await
        }
        WebhookCommand::Rotate {
            id,
            secret,
            overlap,
        } => {
            let mut found = find::<D>(conn, tenant, id).await?;
            let until = at.plus_micros(overlap * SECOND);
            found.secrets = rotated(&found.secrets, secret.clone(), at, until);
            change::<D>(conn, at, found, Some(secret)).await
        }
        WebhookCommand::Delete(id) => {
            find::<D>(conn, tenant, id).await?;
            let sql = "UPDATE webhook SET deleted = 1, enabled = 0, url = '', secrets = '[]', description = NULL WHERE id = $1";
            D::execute(conn, sql.into(), vec![id.as_str().into()]).await?;
            changed::<D>(conn).await?;
            Ok(Outcome::Done)
        }
        WebhookCommand::Replay { id, again } => {
            find::<D>(conn, tenant, id).await?;
            replay::<D>(conn, at, id, again).await
        }
        WebhookCommand::Hold { holder, stale } => hold::<D>(conn, holder, stale.as_ref()).await,
        WebhookCommand::Release(holder) => {
            let sql = "UPDATE webhook_sender SET holder = '', term = term + 1 WHERE holder = $1";
            D::execute(conn, sql.into(), vec![holder.as_str().into()]).await?;
            Ok(Outcome::Done)
        }
        WebhookCommand::Save { holder, progress } => {
            if webhook::sender::<D>(conn).await?.holder != *holder {
                return Err(another_sends());
            }
            for one in progress {
                save::<D>(conn, at, one).await?;
            }
            Ok(Outcome::Done)
        }
        WebhookCommand::Forget(before) => forget::<D>(conn, *before).await,
    }
}

/// Deletes one portion. A delivery after a webhook's cursor is kept until the cursor passes it, so
/// that it is not sent again.
async fn forget<D: Dialect>(conn: &mut Conn<D>, before: Moment) -> Result<Outcome, StoreError> {
    let sql = "SELECT d.webhook_id, d.cursor FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook_id \
               WHERE d.state = 1 AND d.attempt_date < $1 AND d.cursor <= w.cursor LIMIT +$2";
    let old = D::fetch(conn, sql.into(), vec![before.into(), PORTION.into()]).await?;
    let sql = "SELECT d.webhook_id, d.cursor FROM webhook w JOIN webhook_delivery d ON d.webhook_id = w.id WHERE w.deleted = 1 LIMIT +$1";
    let orphans = D::fetch(conn, sql.into(), vec![PORTION.into()]).await?;
    let mut by_webhook: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for row in old.iter().chain(&orphans) {
        let mut row = Columns::<D>::of(row);
        by_webhook.entry(row.text()?).or_default().push(row.int()?);
    }
    let rows: Vec<Arg> = by_webhook
        .into_iter()
        .flat_map(|(id, cursors)| {
            cursors
                .into_iter()
                .flat_map(move |cursor| [id.as_str().into(), cursor.into()])
        })
        .collect();
    let many = bulk::run::<D>(conn, &GONE, rows).await?;
    if orphans.is_empty() {
        let sql = "DELETE FROM webhook WHERE deleted = 1";
        D::execute(conn, sql.into(), Vec::new()).await?;
    }
    Ok(Outcome::Deliveries(many))
}

fn another_sends() -> StoreError {
    Refusal::Conflict("another server sends to webhooks".to_owned()).into()
}

async fn find<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Webhook, StoreError> {
    let found = webhook::one::<D>(conn, tenant, id).await?;
    Ok(found.ok_or_else(|| no_webhook(id))?)
}

/// Tells the sending server that a webhook changed.
async fn changed<D: Dialect>(conn: &mut Conn<D>) -> Result<(), StoreError> {
    let sql = "UPDATE webhook_sender SET version = version + 1 WHERE id = 1";
    D::execute(conn, sql.into(), Vec::new()).await?;
    Ok(())
}

async fn create<D: Dialect>(
    conn: &mut Conn<D>,
    (tenant, at, head): (i64, Moment, i64),
    id: &str,
    subscription: &Subscription,
    secret: &Secret,
) -> Result<Outcome, StoreError> {
    if webhook::all::<D>(conn, Some(tenant)).await?.len() >= MOST {
        let detail = format!("there are {MOST} webhooks already, which is the limit");
        return Err(Refusal::Conflict(detail).into());
    }
    let webhook = Webhook {
        id: id.to_owned(),
        tenant_id: tenant,
        subscription: subscription.clone(),
        disabled_reason: None,
        secrets: vec![secret.clone()],
        cursor: head,
        created_date: at,
        modified_date: at,
    };
    let mut row = NEW.batch(1);
    row.push(&&webhook);
    row.write::<D>(conn).await?;
    changed::<D>(conn).await?;
    Ok(Outcome::Webhook {
        webhook: Box::new(webhook),
        created: true,
        secret: Some(secret.clone()),
    })
}

async fn change<D: Dialect>(
    conn: &mut Conn<D>,
    at: Moment,
    mut webhook: Webhook,
    secret: Option<&Secret>,
) -> Result<Outcome, StoreError> {
    webhook.modified_date = at.following(webhook.modified_date);
    let mut row = CHANGED.batch(1);
    row.push(&&webhook);
    row.write::<D>(conn).await?;
    changed::<D>(conn).await?;
    Ok(Outcome::Webhook {
        webhook: Box::new(webhook),
        created: false,
        secret: secret.cloned(),
    })
}

async fn hold<D: Dialect>(
    conn: &mut Conn<D>,
    holder: &str,
    stale: Option<&(String, i64)>,
) -> Result<Outcome, StoreError> {
    let now = webhook::sender::<D>(conn).await?;
    let is_free = now.holder.is_empty()
        || now.holder == holder
        || stale.is_some_and(|(other, term)| *other == now.holder && *term == now.term);
    if !is_free {
        return Err(another_sends());
    }
    let sql = "UPDATE webhook_sender SET holder = $1, term = term + 1 WHERE id = 1";
    D::execute(conn, sql.into(), vec![holder.into()]).await?;
    Ok(Outcome::Done)
}

async fn save<D: Dialect>(
    conn: &mut Conn<D>,
    at: Moment,
    progress: &Progress,
) -> Result<(), StoreError> {
    let id = progress.webhook_id.as_str();
    let sql = "UPDATE webhook SET cursor = $2 WHERE id = $1 AND deleted = 0";
    let there = D::execute(conn, sql.into(), vec![id.into(), progress.cursor.into()]).await?;
    if there == 0 {
        // it was deleted meanwhile, with its deliveries
        return Ok(());
    }
    let mut rows = DELIVERIES.batch(progress.deliveries.len());
    for delivery in &progress.deliveries {
        rows.push(&(id, delivery));
    }
    rows.write::<D>(conn).await?;
    if progress.hasten {
        hasten::<D>(conn, at, id).await?;
    }
    if !progress.subjects.is_empty() {
        put_in_order::<D>(conn, at, id, Some(progress.subjects.clone())).await?;
    }
    if let Some(Disable { url, reason }) = &progress.disable {
        let sql = "UPDATE webhook SET enabled = 0, disabled_reason = $2, modified_date = $3 WHERE id = $1 AND url = $4";
        let args = vec![id.into(), (*reason).into(), at.into(), url.as_str().into()];
        D::execute(conn, sql.into(), args).await?;
        changed::<D>(conn).await?;
    }
    Ok(())
}

/// Makes all deliveries with a next attempt due now, without changing their age. Returns how many
/// there are.
async fn hasten<D: Dialect>(conn: &mut Conn<D>, at: Moment, id: &str) -> Result<u64, StoreError> {
    let sql = "UPDATE webhook_delivery SET next_date = $2 WHERE webhook_id = $1 AND next_date > $2";
    Ok(D::execute(conn, sql.into(), vec![id.into(), at.into()]).await?)
}

/// Lets only the oldest waiting delivery about each subject be attempted: the others lose their
/// date, and the oldest becomes due now if it has none.
async fn put_in_order<D: Dialect>(
    conn: &mut Conn<D>,
    at: Moment,
    id: &str,
    subjects: Option<Vec<String>>,
) -> Result<(), StoreError> {
    let mut args: Vec<Arg> = vec![id.into()];
    let of_subjects = subjects.map_or(String::new(), |all| {
        args.push(Arg::Texts(all));
        format!(" AND subject IN {}", D::any_of(2))
    });
    let waiting = if of_subjects.is_empty() {
        "state = 0"
    } else {
        webhook::WAITING_OF_SUBJECTS
    };
    // one delivery about a subject has a date, and at most one more, which was in flight when
    // another was put before it
    let dated = "(CASE WHEN next_date IS NOT NULL THEN cursor END)";
    let sql = format!(
        "SELECT MIN(cursor), MIN{dated}, MAX{dated} FROM webhook_delivery WHERE webhook_id = $1 AND {waiting}{of_subjects} GROUP BY subject"
    );
    let mut rows = Vec::new();
    for row in &D::fetch(conn, sql.into(), args).await? {
        let mut row = Columns::<D>::of(row);
        let (oldest, dated) = (row.int()?, [row.maybe_int()?, row.maybe_int()?]);
        if !dated.contains(&Some(oldest)) {
            rows.extend([id.into(), oldest.into(), at.into()]);
        }
        let gone: BTreeSet<i64> = dated
            .into_iter()
            .flatten()
            .filter(|one| *one != oldest)
            .collect();
        for cursor in gone {
            rows.extend([id.into(), cursor.into(), Arg::Time(None)]);
        }
    }
    bulk::run::<D>(conn, &DATES, rows).await?;
    Ok(())
}

async fn replay<D: Dialect>(
    conn: &mut Conn<D>,
    at: Moment,
    id: &str,
    again: &Again,
) -> Result<Outcome, StoreError> {
    const ANEW: &str = "UPDATE webhook_delivery SET state = 0, attempts = 0, queued_date = $2, next_date = NULL, status = NULL, error = NULL \
                        WHERE webhook_id = $1";
    let (id, mut args): (&str, Vec<Arg>) = (id, vec![id.into(), at.into()]);
    let many = match again {
        Again::One(cursor) => {
            args.push((*cursor).into());
            let many = D::execute(conn, format!("{ANEW} AND cursor = $3").into(), args).await?;
            if many == 0 {
                return Err(Refusal::NotFound("delivery", cursor.to_string()).into());
            }
            many
        }
        Again::All(DeliveryState::Waiting) => {
            return Ok(Outcome::Deliveries(hasten::<D>(conn, at, id).await?));
        }
        Again::All(state) => {
            let sql = format!(
                "{ANEW} AND cursor IN (SELECT d.cursor FROM webhook_delivery d WHERE d.webhook_id = $1 AND d.state = {})",
                state.code()
            );
            D::execute(conn, sql.into(), args).await?
        }
    };
    let subjects = match again {
        Again::One(cursor) => {
            let sql = "SELECT subject FROM webhook_delivery WHERE webhook_id = $1 AND cursor = $2";
            let rows = D::fetch(conn, sql.into(), vec![id.into(), (*cursor).into()]).await?;
            let subjects: sqlx::Result<Vec<String>> = rows
                .iter()
                .map(|row| Columns::<D>::of(row).text())
                .collect();
            Some(subjects?)
        }
        Again::All(_) => None,
    };
    put_in_order::<D>(conn, at, id, subjects).await?;
    Ok(Outcome::Deliveries(many))
}
