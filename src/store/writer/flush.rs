//! Writes the results of a group: a few statements for each kind, however many rows there are.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::future::join;

use super::ledger::{
    Extent, GivenAnswer, Held, HeldContact, HeldSession, Kept, Key, Ledger, Standing, Words,
};
use super::web_event;
use crate::domain::Moment;
use crate::domain::command::{Repeatable, Reply, Stored};
use crate::domain::contact::ContactRules;
use crate::domain::interaction::{LongTexts, index_words};
use crate::domain::user_data::{self, KeyPath};
use crate::store::dialect::{Arg, Conn, Dialect};
use crate::store::tables::Batch;
use crate::store::tables::client::{self, AnswerRow, SessionRow, SpellingRow};
use crate::store::tables::contact::{self, AttributeRow, ContactRow};
use crate::store::tables::interaction::{
    self, INDEX, IndexRow, InteractionRow, Interactions, Json, JsonRow, Link, Texts, TextsRow,
    UserDataIndex,
};
use crate::store::tables::journal::{self, Entry, Journal};
use crate::store::tables::reply::{REPLIES, ReplyRow};
use crate::store::{StoreError, bulk};

/// The number of characters of a text value that its index row holds.
pub const INDEXED_CHARACTERS: usize = 200;

/// Writes the ledger.
pub async fn flush<D: Dialect>(ledger: Ledger<'_>, conn: &mut Conn<D>) -> Result<(), StoreError> {
    let Ledger {
        head,
        keys,
        interactions,
        contacts,
        journal,
        links,
        replies,
        web_events,
        sessions,
        choices,
        answers,
        rules,
        ..
    } = ledger;
    let last = head + i64::try_from(journal.len()).unwrap_or(0);
    let mut held: Vec<(Key, Held)> = interactions
        .into_iter()
        .filter(|(_, held)| held.dirty.row > Extent::Nothing)
        .collect();
    // in the order of recording, so that pages fill one after the other
    held.sort_unstable_by(|(a, x), (b, y)| (x.entry(), a).cmp(&(y.entry(), b)));
    for (_, held) in &mut held {
        if let Some(entry) = held.entry() {
            held.seq = head + 1 + i64::try_from(entry).unwrap_or(0);
        }
    }
    // while the database works on some rows, the next ones are prepared: the connection has its own
    // thread
    let rows = Rows::of(&held);
    let (written, contents) = join(rows.write::<D>(conn), async {
        Contents::of::<D>(keys, &held)
    })
    .await;
    written?;
    let (written, entries) = join(contents.write::<D>(conn), async move {
        drop(held);
        entry_rows(head, &journal)
    })
    .await;
    written?;
    write_links::<D>(conn, links).await?;
    let written = contacts
        .into_values()
        .filter(|held| held.state != Standing::Loaded);
    write_contacts::<D>(conn, &rules.contacts, written).await?;
    write_entries::<D>(conn, entries).await?;
    write_replies::<D>(conn, &replies).await?;
    web_event::write::<D>(conn, web_events).await?;
    let mut chosen = client::CHOICES.batch(0);
    for ((tenant, user, ..), (choice, made)) in &choices {
        if *made {
            chosen.push(&SpellingRow {
                tenant: *tenant,
                user,
                choice,
            });
        }
    }
    chosen.write::<D>(conn).await?;
    let cursor = write_clients::<D>(conn, last, sessions.into_values(), answers).await?;
    if cursor > last {
        move_head::<D>(conn, cursor).await?;
    }
    Ok(())
}

/// Writes links, and removes those of children that lost their parent or whose new parent gives no
/// link.
async fn write_links<D: Dialect>(
    conn: &mut Conn<D>,
    links: HashMap<Key, Option<Link>>,
) -> Result<(), StoreError> {
    let mut new = interaction::LINK.batch(links.len());
    let mut gone: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for ((tenant, child), link) in links {
        match link {
            Some(link) => new.push(&link),
            None => gone.entry(tenant).or_default().push(child),
        }
    }
    new.write::<D>(conn).await?;
    for (tenant, children) in gone {
        let sql = format!(
            "DELETE FROM link WHERE tenant_id = $1 AND child_id IN {}",
            D::any_of(2)
        );
        D::execute(conn, sql.into(), vec![tenant.into(), Arg::Texts(children)]).await?;
    }
    Ok(())
}

/// Writes sessions and answers. Changes that servers must learn of take numbers from the journal's
/// counter; returns the last.
async fn write_clients<D: Dialect>(
    conn: &mut Conn<D>,
    last: i64,
    sessions: impl Iterator<Item = HeldSession>,
    answers: Vec<GivenAnswer>,
) -> Result<i64, StoreError> {
    let mut cursor = last + 1;
    let mut new = client::NEW_SESSIONS.batch(0);
    let mut changed = client::CHANGED_SESSIONS.batch(0);
    for held in sessions {
        let Some(seen) = held.changed_at else {
            continue;
        };
        let batch = if held.new { &mut new } else { &mut changed };
        batch.push(&SessionRow {
            of: &held.session,
            changed: cursor,
            seen,
        });
    }
    if new.is_empty() && changed.is_empty() {
        cursor = last;
    }
    new.write::<D>(conn).await?;
    changed.write::<D>(conn).await?;
    let mut rows = client::ANSWERS.batch(answers.len());
    for GivenAnswer { tenant, at, answer } in &answers {
        cursor += 1;
        rows.push(&AnswerRow {
            cursor,
            tenant: *tenant,
            answer,
            at: *at,
        });
    }
    rows.write::<D>(conn).await?;
    Ok(cursor)
}

/// Appends entries to the journal after `head`, and advances the head.
pub async fn enter<D: Dialect>(
    conn: &mut Conn<D>,
    head: i64,
    entries: Vec<Entry>,
) -> Result<(), StoreError> {
    write_entries::<D>(conn, entry_rows(head, &entries)).await
}

/// The rows of entries, and the last cursor.
fn entry_rows(head: i64, entries: &[Entry]) -> (Batch<Journal>, i64) {
    let mut cursor = head;
    let mut rows = journal::NEW.batch(entries.len());
    for entry in entries {
        cursor += 1;
        rows.push(&(cursor, entry));
    }
    (rows, cursor)
}

async fn write_entries<D: Dialect>(
    conn: &mut Conn<D>,
    (rows, cursor): (Batch<Journal>, i64),
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    rows.write::<D>(conn).await?;
    move_head::<D>(conn, cursor).await
}

async fn move_head<D: Dialect>(conn: &mut Conn<D>, cursor: i64) -> Result<(), StoreError> {
    D::execute(
        conn,
        "UPDATE journal_head SET last_cursor = $1 WHERE id = 1".into(),
        vec![cursor.into()],
    )
    .await?;
    Ok(())
}

/// The rows of `interaction`.
struct Rows {
    new: Batch<Interactions>,
    changed: Batch<Interactions>,
    revised: Batch<Interactions>,
}

impl Rows {
    fn of(held: &[(Key, Held)]) -> Self {
        let made = held.iter().filter(|(_, held)| held.entry().is_some());
        let mut rows = Self {
            new: interaction::NEW.batch(made.count()),
            changed: interaction::CHANGED.batch(0),
            revised: interaction::REVISED.batch(0),
        };
        for (_, held) in held {
            let batch = match held.dirty.row {
                Extent::New(_) => &mut rows.new,
                Extent::Core => &mut rows.changed,
                Extent::Revision => &mut rows.revised,
                Extent::Nothing => continue,
            };
            batch.push(&InteractionRow {
                seq: held.seq,
                fingerprint: &held.fingerprint,
                of: &held.stored.interaction,
            });
        }
        rows
    }

    async fn write<D: Dialect>(self, conn: &mut Conn<D>) -> Result<(), StoreError> {
        self.new.write::<D>(conn).await?;
        self.changed.write::<D>(conn).await?;
        self.revised.write::<D>(conn).await
    }
}

/// Rewrites stored interactions, each with its place.
pub async fn rewrite<D: Dialect>(
    conn: &mut Conn<D>,
    all: &[(i64, Stored)],
) -> Result<(), StoreError> {
    let mut rows = interaction::CHANGED.batch(all.len());
    let mut json = interaction::CHANGED_JSON.batch(all.len());
    for (seq, stored) in all {
        rows.push(&InteractionRow::there(&stored.interaction));
        json.push(&json_row(*seq, stored));
    }
    rows.write::<D>(conn).await?;
    json.write::<D>(conn).await
}

fn json_row(seq: i64, stored: &Stored) -> JsonRow<'_> {
    JsonRow {
        seq,
        of: &stored.interaction,
        user_data: &stored.user_data,
    }
}

/// Restores interactions at an archive's places, each with its place and its stored fingerprint.
pub async fn place<D: Dialect>(
    conn: &mut Conn<D>,
    keys: &[KeyPath],
    all: &[(i64, Vec<u8>, Stored)],
) -> Result<(), StoreError> {
    let none = LongTexts::default();
    let mut new = interaction::NEW.batch(all.len());
    let mut json = interaction::NEW_JSON.batch(all.len());
    let (mut texts, mut index) = (D::long_texts().batch(0), INDEX.batch(0));
    let mut words = Vec::new();
    for (seq, fingerprint, stored) in all {
        let of = &stored.interaction;
        let seq = *seq;
        new.push(&InteractionRow {
            seq,
            fingerprint,
            of,
        });
        json.push(&json_row(seq, stored));
        let long = stored.texts.as_ref().unwrap_or(&none);
        if !long.is_empty() {
            let texts_row = TextsRow {
                seq,
                of,
                texts: long,
            };
            texts.push(&texts_row);
        }
        let found = index_words(of, long);
        if !found.is_empty() {
            let id = of.id.as_str();
            words.extend([id.into(), of.tenant_id.into(), D::words(&found).into()]);
        }
        self::index(&mut index, keys, stored);
    }
    new.write::<D>(conn).await?;
    json.write::<D>(conn).await?;
    texts.write::<D>(conn).await?;
    bulk::run::<D>(conn, &D::ADD_WORDS, words).await?;
    index.write::<D>(conn).await
}

/// The rows of the tables with the content of interactions.
struct Contents {
    new_json: Batch<Json>,
    changed_json: Batch<Json>,
    texts: Batch<Texts>,
    old_words: Vec<Arg>,
    new_words: Vec<Arg>,
    index: Batch<UserDataIndex>,
    /// Interactions whose rows in the index of declared keys are rewritten.
    indexed_before: Vec<Key>,
}

impl Contents {
    fn of<D: Dialect>(keys: &[KeyPath], held: &[(Key, Held)]) -> Self {
        let mut new_json = interaction::NEW_JSON.batch(held.len());
        let mut changed_json = interaction::CHANGED_JSON.batch(0);
        let (mut texts, mut index) = (D::long_texts().batch(0), INDEX.batch(0));
        let mut old_words = Vec::new();
        let mut new_words = Vec::new();
        let mut indexed_before: Vec<Key> = Vec::new();
        for (key, held) in held {
            let (tenant, id) = (key.0, key.1.as_str());
            let new = held.entry().is_some();
            let json = if new {
                &mut new_json
            } else {
                &mut changed_json
            };
            json.push(&json_row(held.seq, &held.stored));
            if held.dirty.index && !keys.is_empty() {
                if !new {
                    indexed_before.push(key.clone());
                }
                self::index(&mut index, keys, &held.stored);
            }
            if held.dirty.texts {
                let none = LongTexts::default();
                texts.push(&TextsRow {
                    seq: held.seq,
                    of: &held.stored.interaction,
                    texts: held.stored.texts.as_ref().unwrap_or(&none),
                });
            }
            if let Some(Words { indexed, current }) = &held.dirty.words
                && indexed != current
            {
                if !indexed.is_empty() {
                    old_words.extend([id.into(), tenant.into(), D::words(indexed).into()]);
                }
                if !current.is_empty() {
                    new_words.extend([id.into(), tenant.into(), D::words(current).into()]);
                }
            }
        }
        Self {
            new_json,
            changed_json,
            texts,
            old_words,
            new_words,
            index,
            indexed_before,
        }
    }

    async fn write<D: Dialect>(self, conn: &mut Conn<D>) -> Result<(), StoreError> {
        self.new_json.write::<D>(conn).await?;
        self.changed_json.write::<D>(conn).await?;
        self.texts.write::<D>(conn).await?;
        bulk::run::<D>(conn, &D::REMOVE_WORDS, self.old_words).await?;
        bulk::run::<D>(conn, &D::ADD_WORDS, self.new_words).await?;
        for portion in self.indexed_before.chunk_by(|a, b| a.0 == b.0) {
            let sql = format!(
                "DELETE FROM user_data_index WHERE tenant_id = $1 AND interaction_id IN {}",
                D::any_of(2)
            );
            let ids = portion.iter().map(|key| key.1.clone()).collect();
            D::execute(conn, sql.into(), vec![portion[0].0.into(), Arg::Texts(ids)]).await?;
        }
        self.index.write::<D>(conn).await
    }
}

/// Adds the index rows of an interaction under the given keys: one for a value, and for a list one
/// for each distinct element, so that a walk over the index meets an interaction once.
pub fn index(rows: &mut Batch<UserDataIndex>, keys: &[KeyPath], stored: &Stored) {
    let Ok(document) = user_data::read(&stored.user_data) else {
        return;
    };
    for key in keys {
        let Some(value) = key.find(&document) else {
            continue;
        };
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        let name = key.to_string();
        let mut seen = HashSet::new();
        for (text, number) in values.iter().filter_map(indexed) {
            if !seen.insert((text.clone(), number.map(f64::to_bits))) {
                continue;
            }
            rows.push(&IndexRow {
                of: &stored.interaction,
                key: &name,
                place: seen.len() - 1,
                text: text.as_deref(),
                number,
            });
        }
    }
}

/// The text or the number of an index row.
fn indexed(value: &serde_json::Value) -> Option<(Option<String>, Option<f64>)> {
    use serde_json::Value;
    match value {
        Value::String(text) => Some((Some(text.chars().take(INDEXED_CHARACTERS).collect()), None)),
        // 0.0 and -0.0 are the same number
        Value::Number(number) => Some((None, number.as_f64().map(|number| number + 0.0))),
        Value::Bool(value) => Some((Some(value.to_string()), None)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

async fn write_contacts<D: Dialect>(
    conn: &mut Conn<D>,
    rules: &ContactRules,
    held: impl Iterator<Item = HeldContact>,
) -> Result<(), StoreError> {
    let mut contacts = contact::CONTACTS.batch(0);
    let mut attributes = contact::ATTRIBUTES.batch(0);
    let mut changed: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for held in held {
        let of = &*held.contact;
        if held.state == Standing::Changed {
            changed.entry(of.tenant_id).or_default().push(of.id.clone());
        }
        for (name, values) in &of.attributes {
            for (position, value) in values.iter().enumerate() {
                attributes.push(&AttributeRow {
                    of,
                    name,
                    position,
                    value,
                    folded: rules.fold(name, value).unwrap_or_default(),
                });
            }
        }
        contacts.push(&ContactRow {
            of,
            fingerprint: &held.fingerprint,
        });
    }
    for (tenant, ids) in changed {
        let sql = format!(
            "DELETE FROM contact_attribute WHERE tenant_id = $1 AND contact_id IN {}",
            D::any_of(2)
        );
        D::execute(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await?;
    }
    contacts.write::<D>(conn).await?;
    attributes.write::<D>(conn).await
}

async fn write_replies<D: Dialect>(
    conn: &mut Conn<D>,
    replies: &HashMap<(i64, String, String), Kept>,
) -> Result<(), StoreError> {
    let mut rows = REPLIES.batch(0);
    for ((tenant, path, key), kept) in replies {
        if let Some(at) = kept.new_at {
            rows.push(&ReplyRow {
                tenant: *tenant,
                path,
                key,
                fingerprint: &kept.fingerprint,
                reply: &kept.reply,
                interaction_id: kept.interaction_id.as_deref(),
                contact_id: kept.contact_id.as_deref(),
                at,
            });
        }
    }
    rows.write::<D>(conn).await
}

/// Stores the reply to a repeatable request.
pub async fn keep_reply<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    at: Moment,
    repeatable: &Repeatable,
    reply: &Reply,
    contact_id: Option<&str>,
) -> Result<(), StoreError> {
    let mut row = REPLIES.batch(1);
    row.push(&ReplyRow {
        tenant,
        path: &repeatable.path,
        key: &repeatable.key,
        fingerprint: &repeatable.fingerprint,
        reply,
        interaction_id: None,
        contact_id,
        at,
    });
    row.write::<D>(conn).await
}
