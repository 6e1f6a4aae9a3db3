//! Reads webhooks and their deliveries.

use std::collections::HashMap;

use super::StoreError;
use super::dialect::{Arg, Columns, Conn, Dialect};
use super::tables::qualified;
use super::tables::webhook::{DELIVERY, WEBHOOK, delivery, webhook};
use crate::domain::Moment;
use crate::domain::webhook::{Delivery, DeliveryState, Webhook};

/// The lease of the server that sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The server; empty if there is none.
    pub holder: String,
    /// Incremented while it is alive.
    pub term: i64,
    /// Incremented whenever a webhook changes.
    pub version: i64,
}

/// A query for deliveries of a webhook.
#[derive(Clone, Debug, Default)]
pub struct DeliveriesQuery {
    /// The webhook.
    pub webhook_id: String,
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only about this subject.
    pub subject: Option<String>,
    /// Only before this cursor.
    pub before: Option<i64>,
    /// The largest number of deliveries.
    pub limit: i64,
}

/// The waiting deliveries of a webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// How many wait, if requested.
    pub waiting: Option<i64>,
    /// When the next one is due.
    pub next: Option<Moment>,
}

/// The condition that a delivery waits, in queries by subject. It is written so that the index of
/// all waiting deliveries does not apply: a Postgres without statistics of a new table would scan
/// that whole index for a few subjects.
pub const WAITING_OF_SUBJECTS: &str = "state + 0 = 0";

fn select() -> String {
    format!("SELECT {} FROM webhook", WEBHOOK.join(", "))
}

/// All webhooks of a tenant, or of all tenants, oldest first.
pub async fn all<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: Option<i64>,
) -> Result<Vec<Webhook>, StoreError> {
    let (sql, args) = match tenant {
        Some(tenant) => (
            format!(
                "{} WHERE tenant_id = $1 AND deleted = 0 ORDER BY created_date, id",
                select()
            ),
            vec![tenant.into()],
        ),
        None => (
            format!("{} WHERE deleted = 0 ORDER BY created_date, id", select()),
            Vec::new(),
        ),
    };
    let rows = D::fetch(conn, sql.into(), args).await?;
    rows.iter()
        .map(|row| webhook::<D>(&mut Columns::<D>::of(row)))
        .collect()
}

/// One webhook of a tenant.
pub async fn one<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Option<Webhook>, StoreError> {
    let sql = format!(
        "{} WHERE tenant_id = $1 AND id = $2 AND deleted = 0",
        select()
    );
    let rows = D::fetch(conn, sql.into(), vec![tenant.into(), id.into()]).await?;
    rows.first()
        .map(|row| webhook::<D>(&mut Columns::<D>::of(row)))
        .transpose()
}

/// How many deliveries of a tenant's webhooks are waiting and how many are dead, by webhook.
pub async fn counts<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
) -> Result<HashMap<String, (i64, i64)>, StoreError> {
    let sql = "SELECT w.id, (SELECT COUNT(*) FROM webhook_delivery d WHERE d.webhook_id = w.id AND d.state = 0), \
               (SELECT COUNT(*) FROM webhook_delivery d WHERE d.webhook_id = w.id AND d.state = 2) FROM webhook w WHERE w.tenant_id = $1";
    let rows = D::fetch(conn, sql.into(), vec![tenant.into()]).await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::<D>::of(row);
            Ok((row.text()?, (row.int()?, row.int()?)))
        })
        .collect()
}

/// The lease of the server that sends.
pub async fn sender<D: Dialect>(conn: &mut Conn<D>) -> Result<Sender, StoreError> {
    let sql = "SELECT holder, term, version FROM webhook_sender WHERE id = 1";
    let rows = D::fetch(conn, sql.into(), Vec::new()).await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::inconsistent("webhook_sender", "id"))?;
    let mut row = Columns::<D>::of(row);
    Ok(Sender {
        holder: row.text()?,
        term: row.int()?,
        version: row.int()?,
    })
}

/// Deliveries, newest first.
pub async fn deliveries<D: Dialect>(
    conn: &mut Conn<D>,
    query: &DeliveriesQuery,
) -> Result<Vec<Delivery>, StoreError> {
    // the inner query reads only an index: of open deliveries or of subjects
    let mut inner = "SELECT d.cursor FROM webhook_delivery d WHERE d.webhook_id = $1".to_owned();
    let mut cursor = "d.cursor".to_owned();
    let mut args: Vec<Arg> = vec![query.webhook_id.as_str().into()];
    if let Some(state) = query.state {
        // written as a literal, so that the partial indexes apply
        inner += &format!(" AND d.state = {}", state.code());
    }
    if let Some(subject) = &query.subject {
        args.push(subject.as_str().into());
        inner += &format!(" AND d.subject = ${}", args.len());
        cursor = D::unindexed(&cursor);
    }
    if let Some(before) = query.before {
        args.push(before.into());
        inner += &format!(" AND {cursor} < ${}", args.len());
    }
    args.push(query.limit.into());
    let limit = args.len();
    let sql = format!(
        "SELECT {} FROM ({inner} ORDER BY {cursor} DESC LIMIT +${limit}) AS page \
         CROSS JOIN webhook_delivery w WHERE w.webhook_id = $1 AND w.cursor = page.cursor ORDER BY {} DESC",
        qualified("w", DELIVERY),
        D::unindexed("w.cursor")
    );
    let rows = D::fetch(conn, sql.into(), args).await?;
    rows.iter()
        .map(|row| delivery::<D>(&mut Columns::<D>::of(row)))
        .collect()
}

/// Deliveries whose next attempt is due, the longest waiting first.
pub async fn due<D: Dialect>(
    conn: &mut Conn<D>,
    webhook_id: &str,
    now: Moment,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let sql = format!(
        "SELECT {} FROM webhook_delivery w WHERE w.webhook_id = $1 AND w.next_date <= $2 \
         ORDER BY w.next_date, w.cursor LIMIT +$3",
        qualified("w", DELIVERY)
    );
    let args = vec![webhook_id.into(), now.into(), limit.into()];
    let rows = D::fetch(conn, sql.into(), args).await?;
    rows.iter()
        .map(|row| delivery::<D>(&mut Columns::<D>::of(row)))
        .collect()
}

/// The waiting deliveries of a webhook. Counting them costs more than finding the next one.
pub async fn outlook<D: Dialect>(
    conn: &mut Conn<D>,
    webhook_id: &str,
    counts: bool,
) -> Result<Outlook, StoreError> {
    let next = "SELECT MIN(next_date) FROM webhook_delivery WHERE webhook_id = $1 AND next_date IS NOT NULL";
    let waiting = "SELECT COUNT(*) FROM webhook_delivery WHERE webhook_id = $1 AND state = 0";
    let waiting = if counts { waiting } else { "NULL" };
    let sql = format!("SELECT ({next}), ({waiting})");
    let rows = D::fetch(conn, sql.into(), vec![webhook_id.into()]).await?;
    let Some(row) = rows.first() else {
        return Ok(Outlook::default());
    };
    let mut row = Columns::<D>::of(row);
    let next = row.maybe_time()?;
    let waiting = if counts { row.maybe_int()? } else { None };
    Ok(Outlook { waiting, next })
}

/// Of these subjects, those with waiting deliveries.
pub async fn blocked<D: Dialect>(
    conn: &mut Conn<D>,
    webhook_id: &str,
    subjects: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    // one lookup each: a Postgres without statistics of a new table would sort all rows for a few
    let sql = format!(
        "SELECT k.value FROM {} WHERE (SELECT d.cursor FROM webhook_delivery d WHERE d.webhook_id = $1 AND d.subject = k.value \
         AND d.{WAITING_OF_SUBJECTS} LIMIT 1) IS NOT NULL",
        D::listed(2)
    );
    let rows = D::fetch(
        conn,
        sql.into(),
        vec![webhook_id.into(), Arg::Texts(subjects)],
    )
    .await?;
    rows.iter()
        .map(|row| Ok(Columns::<D>::of(row).text()?))
        .collect()
}

/// The cursors after a given one for which deliveries are already stored.
pub async fn known<D: Dialect>(
    conn: &mut Conn<D>,
    webhook_id: &str,
    after: i64,
) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT cursor FROM webhook_delivery WHERE webhook_id = $1 AND cursor > $2";
    let rows = D::fetch(conn, sql.into(), vec![webhook_id.into(), after.into()]).await?;
    rows.iter()
        .map(|row| Ok(Columns::<D>::of(row).int()?))
        .collect()
}
