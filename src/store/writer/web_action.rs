//! Removes personal data from web actions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::ledger::Ask;
use crate::domain::change::Kind;
use crate::domain::redaction::Redaction;
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::tables::journal::{DELTAS, Entry};
use crate::store::tables::web_action::{EVENTS, REDACTED};
use crate::store::{StoreError, bulk, content};

/// Actions per statement.
const PORTION: usize = 500;

/// The fields of an event that stay, for counting.
const KEPT: [&str; 6] = [
    "actionId",
    "actionState",
    "actionMediaType",
    "actionMapId",
    "actionMapVersion",
    "eventDate",
];

/// The fields that tie an action to a visit or an interaction.
const TIES: [&str; 3] = ["sessionId", "interactionId", "conversationId"];

/// How web actions refer to a person's interactions.
#[derive(Default)]
pub(super) struct Traces {
    /// Their identifiers, here and in other systems.
    pub references: BTreeSet<String>,
    /// The visits that web engagements name.
    pub visits: BTreeSet<String>,
}

/// The web actions that led to interactions.
pub(super) async fn led<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    traces: Traces,
) -> Result<BTreeSet<String>, StoreError> {
    let mut actions: BTreeSet<String> = BTreeSet::new();
    for (column, values) in [
        ("conversation_id", traces.references.clone()),
        ("reference", traces.references),
        ("session_id", traces.visits),
    ] {
        let sql = format!(
            "SELECT DISTINCT action_id FROM web_action WHERE tenant_id = $1 AND {column} IN {}",
            D::any_of(2)
        );
        for portion in Vec::from_iter(values).chunks(PORTION) {
            let args = vec![tenant.into(), Arg::Texts(portion.to_vec())];
            for row in &D::fetch(conn, sql.clone().into(), args).await? {
                actions.insert(Columns::<D>::of(row).text()?);
            }
        }
    }
    Ok(actions)
}

/// Erases web actions with their whole lifecycles; only what is counted stays. Adds an entry for
/// each action.
pub(super) async fn erase<D: Dialect>(
    conn: &mut Conn<D>,
    ask: &Ask<'_>,
    told: &mut Vec<Entry>,
    actions: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let actions: Vec<String> = actions.iter().cloned().collect();
    for portion in actions.chunks(PORTION) {
        let media = erase_lives::<D>(conn, ask.tenant, portion).await?;
        told.extend(media.iter().map(|(action, media_type)| {
            let delta = json!({ "actionId": action }).to_string();
            ask.entry(Kind::WebActionErased, ask.at, delta)
                .of_web_action(action, media_type.as_deref())
        }));
    }
    Ok(())
}

/// Removes values from web actions that stay: from their enrichment, and the visitor if one of the
/// values names them. Adds an entry with each event that held one, as it is now.
pub(super) async fn redact<D: Dialect>(
    conn: &mut Conn<D>,
    ask: &Ask<'_>,
    told: &mut Vec<Entry>,
    actions: &[String],
    redaction: &Redaction,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT seq, event, action_id, media_type FROM web_action WHERE tenant_id = $1 AND action_id IN {} ORDER BY seq",
        D::any_of(2)
    );
    let entries = format!(
        "SELECT cursor, delta FROM journal WHERE tenant_id = $1 AND action_id IS NOT NULL AND action_id IN {}",
        D::any_of(2)
    );
    let (mut events, mut deltas) = (Vec::new(), Vec::new());
    for portion in actions.chunks(PORTION) {
        let args = vec![ask.tenant.into(), Arg::Texts(portion.to_vec())];
        for row in &D::fetch(conn, sql.clone().into(), args.clone()).await? {
            let mut row = Columns::<D>::of(row);
            let (seq, event) = (row.int()?, row.text()?);
            let (action, media_type) = (row.text()?, row.maybe_text()?);
            if let Some(event) = redacted(&event, redaction)? {
                let text = |key: &str| match event.get(key) {
                    Some(Value::String(text)) => Some(text.clone()),
                    Some(Value::Number(number)) => Some(number.to_string()),
                    _ => None,
                };
                events.extend([
                    seq.into(),
                    event.to_string().into(),
                    text("customerId").into(),
                    text("errorCode").into(),
                ]);
                let entry = ask.entry(Kind::WebActionRecorded, ask.at, event.to_string());
                told.push(entry.of_web_action(&action, media_type.as_deref()));
            }
        }
        // an event has one more entry for each time it was enriched
        for row in &D::fetch(conn, entries.clone().into(), args).await? {
            let mut row = Columns::<D>::of(row);
            let (cursor, delta) = (row.int()?, row.text()?);
            if let Some(delta) = redacted(&delta, redaction)? {
                deltas.extend([cursor.into(), delta.to_string().into()]);
            }
        }
    }
    bulk::run::<D>(conn, &REDACTED, events).await?;
    bulk::run::<D>(conn, &DELTAS, deltas).await?;
    Ok(())
}

/// An event without the values; `None` if it contains none of them.
fn redacted(event: &str, redaction: &Redaction) -> Result<Option<Value>, StoreError> {
    let mut event: Value =
        serde_json::from_str(event).map_err(|_| StoreError::inconsistent("web_action", "event"))?;
    let mut held = false;
    for (key, value) in event.as_object_mut().into_iter().flatten() {
        if !KEPT.contains(&key.as_str()) && !TIES.contains(&key.as_str()) {
            held |= redaction.value(value);
        }
    }
    Ok(held.then_some(event))
}

/// Erases the events of web actions; returns the media type of each action.
async fn erase_lives<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    actions: &[String],
) -> Result<BTreeMap<String, Option<String>>, StoreError> {
    let any = D::any_of(2);
    let actions = vec![tenant.into(), Arg::Texts(actions.to_vec())];
    let sql = format!(
        "SELECT seq, event, action_id, media_type FROM web_action WHERE tenant_id = $1 AND action_id IN {any}"
    );
    let (mut events, mut media) = (Vec::new(), BTreeMap::new());
    for row in &D::fetch(conn, sql.into(), actions.clone()).await? {
        let mut row = Columns::<D>::of(row);
        let (seq, event) = (row.int()?, row.text()?);
        let mut event: Value = serde_json::from_str(&event)
            .map_err(|_| StoreError::inconsistent("web_action", "event"))?;
        if let Some(event) = event.as_object_mut() {
            event.retain(|key, _| KEPT.contains(&key.as_str()));
        }
        events.extend([seq.into(), event.to_string().into()]);
        let of = media.entry(row.text()?).or_insert(None);
        *of = of.take().or(row.maybe_text()?);
    }
    bulk::run::<D>(conn, &EVENTS, events).await?;
    let sql = format!(
        "UPDATE journal SET delta = '{}' WHERE tenant_id = $1 AND action_id IS NOT NULL AND action_id IN {any}",
        content::ERASED
    );
    D::execute(conn, sql.into(), actions.clone()).await?;
    let sql = format!(
        "UPDATE web_action SET customer_id = NULL, session_id = NULL, reference = NULL, conversation_id = NULL, error_code = NULL, \
         fingerprint = $3 WHERE tenant_id = $1 AND action_id IN {any}"
    );
    let mut args = actions;
    args.push(Arg::Bytes(Vec::new()));
    D::execute(conn, sql.into(), args).await?;
    Ok(media)
}
