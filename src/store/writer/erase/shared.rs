//! Cleans the interactions that a person shares with somebody else.
//!
//! The keys that a shared interaction exchanged with this person's interactions are removed from
//! its UserData and its journal. If their values occur elsewhere in it, or in the web actions that
//! led to it, they are overwritten. Everything else stays for the other person.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Member, each_word, forget_before, forget_fingerprints, ids, members_of, whole};
use crate::domain::Moment;
use crate::domain::change::Kind;
use crate::domain::command::Stored;
use crate::domain::interaction::{InteractionPatch, index_words, redact_user_data};
use crate::domain::person::Shared;
use crate::domain::redaction::Redaction;
use crate::domain::user_data::{self, Document, KeyPath};
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::tables::interaction::{INDEX, TextsRow};
use crate::store::tables::journal::{DELTAS, Entry};
use crate::store::writer::ledger::Ask;
use crate::store::writer::{flush, web_action};
use crate::store::{StoreError, bulk, content};

/// The shared interactions as they appear in the journal.
pub(super) async fn members<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    shared: &[Shared],
) -> Result<Vec<Member>, StoreError> {
    let wanted: Vec<String> = shared
        .iter()
        .map(|one| one.interaction_id.clone())
        .collect();
    members_of::<D>(conn, tenant, &wanted).await
}

/// Cleans shared interactions, and the web actions that led to them, except those already in
/// `erased`. Adds an entry for each change.
pub(super) async fn clean<D: Dialect>(
    conn: &mut Conn<D>,
    ask: &Ask<'_>,
    told: &mut Vec<Entry>,
    (to_clean, shared): (Vec<Member>, &[Shared]),
    (session_keys, declared): (&[String], &[KeyPath]),
    erased: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let tenant = ask.tenant;
    let none = BTreeSet::new();
    let keys_of = |member: &Member| {
        let found = shared.iter().find(|one| one.interaction_id == member.id);
        found.map_or(&none, |one| &one.keys)
    };
    let all = to_clean.iter().map(|member| member.id.clone()).collect();
    forget_before::<D>(conn, tenant, all).await?;
    let mut redaction = Redaction::default();
    let mut traces = web_action::Traces::default();
    // collect all values first: one interaction may contain what another one exchanged
    for member in &to_clean {
        for (_, stored) in whole::<D>(conn, tenant, one(member)).await? {
            traces.add(&stored, session_keys);
            let keys = keys_of(member);
            collect(&mut redaction, keys, &document(&stored)?);
            for (_, delta) in entries::<D>(conn, tenant, &member.id).await? {
                for part in content::DOCUMENTS {
                    if let Some(Value::Object(held)) = delta.get(part) {
                        collect(&mut redaction, keys, held);
                    }
                }
            }
        }
    }
    for member in to_clean {
        let keys = keys_of(&member);
        let what = (keys, &redaction);
        let overwritten = clean_entries::<D>(conn, tenant, &member.id, what).await?;
        for placed in whole::<D>(conn, tenant, one(&member)).await? {
            let news = clean_one::<D>(conn, ask.at, placed, what, overwritten, declared).await?;
            let news = news.into_iter();
            told.extend(news.map(|(kind, delta)| member.told(ask.entry(kind, ask.at, delta))));
        }
    }
    let led = web_action::led::<D>(conn, tenant, traces).await?;
    let left: Vec<String> = led.difference(erased).cloned().collect();
    web_action::redact::<D>(conn, ask, told, &left, &redaction).await
}

fn one(member: &Member) -> Arg {
    ids(std::slice::from_ref(member))
}

fn collect(redaction: &mut Redaction, keys: &BTreeSet<String>, held: &Document) {
    keys.iter()
        .filter_map(|key| held.get(key))
        .for_each(|value| redaction.add(value));
}

fn document(stored: &Stored) -> Result<Document, StoreError> {
    user_data::read(&stored.user_data)
        .map_err(|_| StoreError::inconsistent("interaction_json", "user_data"))
}

/// The journal entries of an interaction: their cursors and deltas.
async fn entries<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Vec<(i64, Document)>, StoreError> {
    let sql = "SELECT cursor, delta FROM journal WHERE interaction_id = $1 AND interaction_id <> '' AND tenant_id = $2 ORDER BY cursor";
    let rows = D::fetch(conn, sql.into(), vec![id.into(), tenant.into()]).await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::<D>::of(row);
            let (cursor, delta) = (row.int()?, row.text()?);
            let delta = user_data::read(&delta)
                .map_err(|_| StoreError::inconsistent("journal", "delta"))?;
            Ok((cursor, delta))
        })
        .collect()
}

/// Removes keys and values from the entries of an interaction, and deletes the replies stored for
/// it. Returns whether any entry held some.
async fn clean_entries<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
    (keys, redaction): (&BTreeSet<String>, &Redaction),
) -> Result<bool, StoreError> {
    let mut deltas = Vec::new();
    for (cursor, mut delta) in entries::<D>(conn, tenant, id).await? {
        if content::redact(&mut delta, keys, redaction) {
            deltas.extend([cursor.into(), Value::Object(delta).to_string().into()]);
        }
    }
    let overwritten = !deltas.is_empty();
    bulk::run::<D>(conn, &DELTAS, deltas).await?;
    let sql = "DELETE FROM kept_reply WHERE tenant_id = $1 AND interaction_id = $2";
    D::execute(conn, sql.into(), vec![tenant.into(), id.into()]).await?;
    Ok(overwritten)
}

/// Removes keys and values from an interaction. Returns what changed, as kinds and deltas. If only
/// earlier entries were `overwritten`, that is a change without content.
async fn clean_one<D: Dialect>(
    conn: &mut Conn<D>,
    at: Moment,
    (seq, mut stored): (i64, Stored),
    (keys, redaction): (&BTreeSet<String>, &Redaction),
    overwritten: bool,
    declared: &[KeyPath],
) -> Result<Vec<(Kind, String)>, StoreError> {
    let mut texts = stored.texts.take().unwrap_or_default();
    let before = index_words(&stored.interaction, &texts);
    let mut left = document(&stored)?;
    let edit = redact_user_data(&mut left, keys, redaction);
    stored.user_data = serde_json::to_string(&left).unwrap_or_default();
    let patch = stored.interaction.redact(&mut texts, redaction);
    let mut news = Vec::new();
    if let (Some(kind), delta) = content::edited(&edit, Document::new()) {
        news.push((kind, delta));
    }
    if patch != InteractionPatch::default() {
        news.push((Kind::InteractionChanged, content::changed(&patch)));
    }
    if news.is_empty() && overwritten {
        news.push((Kind::InteractionChanged, "{}".to_owned()));
    }
    let interaction = &mut stored.interaction;
    let (id, tenant) = (interaction.id.clone(), interaction.tenant_id);
    if news.is_empty() {
        return Ok(news);
    }
    interaction.modified_date = at;
    // each entry about an interaction is one revision of it
    interaction.revision += i64::try_from(news.len()).unwrap_or(1);
    let after = index_words(interaction, &texts);
    if before != after {
        let words = |words: &str| vec![id.as_str().into(), tenant.into(), D::words(words).into()];
        if !before.is_empty() {
            bulk::run::<D>(conn, &D::REMOVE_WORDS, words(&before)).await?;
        }
        bulk::run::<D>(conn, &D::ADD_WORDS, words(&after)).await?;
        D::forget_words(conn, &each_word(&before).collect()).await?;
    }
    if patch.touches_texts() {
        let mut rows = D::long_texts().batch(1);
        rows.push(&TextsRow {
            seq,
            of: &stored.interaction,
            texts: &texts,
        });
        rows.write::<D>(conn).await?;
    }
    let sql = "DELETE FROM user_data_index WHERE tenant_id = $1 AND interaction_id = $2";
    D::execute(conn, sql.into(), vec![tenant.into(), id.as_str().into()]).await?;
    let mut index = INDEX.batch(0);
    flush::index(&mut index, declared, &stored);
    index.write::<D>(conn).await?;
    flush::rewrite::<D>(conn, &[(seq, stored)]).await?;
    forget_fingerprints::<D>(conn, tenant, Arg::Texts(vec![id])).await?;
    Ok(news)
}
