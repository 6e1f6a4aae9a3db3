//! Writes the results of a group: a few statements for each kind, however many rows there are.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::future::join;

use super::ledger::{
    Entry, Extent, GivenAnswer, Held, HeldContact, HeldSession, Key, Ledger, Link, Standing, Words,
};
use super::web_event;
use crate::domain::command::Stored;
use crate::domain::contact::ContactRules;
use crate::domain::interaction::{LongTexts, index_words};
use crate::domain::user_data::{self, KeyPath};
use crate::store::StoreError;
use crate::store::bulk::{self, Many};
use crate::store::dialect::{Arg, Conn, Dialect};
use crate::store::rows;

/// The number of characters of a text value that its index row holds.
pub const INDEXED_CHARACTERS: usize = 200;

const NEW_INTERACTIONS: Many = Many {
    before: "INSERT INTO interaction (seq, fingerprint, created_date, id, tenant_id, media_type, entity_type, kind, subtype, \
             status, contact_id, owner_id, can_be_parent, start_date, end_date, modified_date, revision, subject, queue, category_id, external_id, \
             stopped_reason, language, parent_id, thread_id) VALUES",
    casts: &[],
    columns: 25,
    after: "",
    skips_nulls: false,
};

/// The interactions named by the values. The comparison uses expressions of the values, not their
/// columns: SQLite expects VALUES to be larger than the table of interactions, and would scan that
/// table and look each row up in an index over the values.
const BY_VALUES: &str =
    ") AS v WHERE interaction.id = v.column1 || '' AND interaction.tenant_id = v.column2 + 0";

const CHANGED_INTERACTIONS: Many = Many {
    before: "UPDATE interaction SET media_type = v.column3, entity_type = v.column4, kind = v.column5, subtype = v.column6, status = v.column7, \
             contact_id = v.column8, owner_id = v.column9, can_be_parent = v.column10, start_date = v.column11, end_date = v.column12, \
             modified_date = v.column13, revision = v.column14, subject = v.column15, queue = v.column16, category_id = v.column17, \
             external_id = v.column18, stopped_reason = v.column19, language = v.column20, parent_id = v.column21, thread_id = v.column22 \
             FROM (VALUES",
    casts: &[
        "TEXT", "BIGINT", "TEXT", "BIGINT", "TEXT", "TEXT", "BIGINT", "TEXT", "TEXT", "BIGINT",
        "TIME", "TIME", "TIME", "BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT",
        "TEXT",
    ],
    columns: 22,
    after: BY_VALUES,
    skips_nulls: false,
};

const TOUCHED_INTERACTIONS: Many = Many {
    before: "UPDATE interaction SET modified_date = v.column3, revision = v.column4 FROM (VALUES",
    casts: &["TEXT", "BIGINT", "TIME", "BIGINT"],
    columns: 4,
    after: BY_VALUES,
    skips_nulls: false,
};

const NEW_JSON: Many = Many {
    before: "INSERT INTO interaction_json (seq, interaction_id, tenant_id, core, user_data) VALUES",
    casts: &[],
    columns: 5,
    after: "",
    skips_nulls: false,
};

const CHANGED_JSON: Many = Many {
    before: "UPDATE interaction_json SET core = v.column4, user_data = v.column5 FROM (VALUES",
    casts: &["BIGINT", "TEXT", "BIGINT", "TEXT", "TEXT"],
    columns: 5,
    after: ") AS v WHERE interaction_json.seq = v.column1 + 0 AND interaction_json.interaction_id = v.column2 || '' \
            AND interaction_json.tenant_id = v.column3 + 0",
    skips_nulls: false,
};

/// Rows of the index of declared keys; an existing row is overwritten.
pub const INDEX: Many = Many {
    before: "INSERT INTO user_data_index (interaction_id, tenant_id, key, place, text_value, number_value, start_date) VALUES",
    casts: &[],
    columns: 7,
    after: " ON CONFLICT (interaction_id, tenant_id, key, place) DO UPDATE SET text_value = excluded.text_value, \
            number_value = excluded.number_value, start_date = excluded.start_date",
    skips_nulls: false,
};

const LINKS: Many = Many {
    before: "INSERT INTO link (child_id, tenant_id, parent_id, copy_user_data, copied_keys, linked_by, created_date) VALUES",
    casts: &[],
    columns: 7,
    after: " ON CONFLICT (child_id, tenant_id) DO UPDATE SET parent_id = excluded.parent_id, copy_user_data = excluded.copy_user_data, \
            copied_keys = excluded.copied_keys, linked_by = excluded.linked_by, created_date = excluded.created_date",
    skips_nulls: false,
};

const JOURNAL: Many = Many {
    before: "INSERT INTO journal (cursor, tenant_id, at, kind, interaction_id, contact_id, media_type, owner_id, action_id, actor, delta) VALUES",
    casts: &[],
    columns: 11,
    after: "",
    skips_nulls: false,
};

const NEW_SESSIONS: Many = Many {
    before: "INSERT INTO client_session (id, tenant_id, user_name, subscriptions, cursor, holder, sign_in, changed, seen_date) VALUES",
    casts: &[],
    columns: 9,
    after: "",
    skips_nulls: false,
};

const CHOICES: Many = Many {
    before: "INSERT INTO client_spelling (tenant_id, user_name, sign_in, collection, twin, chosen_date) VALUES",
    casts: &[],
    columns: 6,
    after: " ON CONFLICT (tenant_id, user_name, sign_in, collection) DO UPDATE SET twin = excluded.twin, chosen_date = excluded.chosen_date",
    skips_nulls: false,
};

const CHANGED_SESSIONS: Many = Many {
    before: "UPDATE client_session SET subscriptions = v.column2, holder = v.column3, changed = v.column4, seen_date = v.column5, \
             cursor = CASE WHEN client_session.cursor < v.column6 THEN v.column6 ELSE client_session.cursor END FROM (VALUES",
    casts: &["TEXT", "TEXT", "TEXT", "BIGINT", "TIME", "BIGINT"],
    columns: 6,
    after: ") AS v WHERE client_session.id = v.column1 || ''",
    skips_nulls: false,
};

/// The received cursors of sessions, and when they were seen.
pub const CURSORS: Many = Many {
    before: "UPDATE client_session SET cursor = v.column2, seen_date = v.column3 FROM (VALUES",
    casts: &["TEXT", "BIGINT", "TIME"],
    columns: 3,
    after: ") AS v WHERE client_session.id = v.column1 || '' AND client_session.cursor <= v.column2 + 0",
    skips_nulls: false,
};

const ANSWERS: Many = Many {
    before: "INSERT INTO client_answer (cursor, tenant_id, user_name, channel, reference_id, data, created_date) VALUES",
    casts: &[],
    columns: 7,
    after: "",
    skips_nulls: false,
};

const NEW_CONTACTS: Many = Many {
    before: "INSERT INTO contact (id, tenant_id, merged_into, created_date, modified_date, revision, fingerprint) VALUES",
    casts: &[],
    columns: 7,
    after: " ON CONFLICT (id, tenant_id) DO UPDATE SET modified_date = excluded.modified_date, revision = excluded.revision",
    skips_nulls: false,
};

const ATTRIBUTES: Many = Many {
    before: "INSERT INTO contact_attribute (contact_id, tenant_id, name, position, value, folded) VALUES",
    casts: &[],
    columns: 6,
    after: "",
    skips_nulls: false,
};

const REPLIES: Many = Many {
    before: "INSERT INTO kept_reply (tenant_id, path, key, fingerprint, status, body, interaction_id, contact_id, created_date) VALUES",
    casts: &[],
    columns: 9,
    after: " ON CONFLICT (tenant_id, path, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body, \
            interaction_id = excluded.interaction_id, contact_id = excluded.contact_id, created_date = excluded.created_date",
    skips_nulls: false,
};

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
        entry_rows(head, journal)
    })
    .await;
    written?;
    write_links::<D>(conn, links).await?;
    let written = contacts
        .into_values()
        .filter(|held| held.state != Standing::Loaded);
    write_contacts::<D>(conn, &rules.contacts, written).await?;
    write_entries::<D>(conn, entries).await?;
    let replies = replies
        .into_iter()
        .filter_map(|((tenant, path, key), kept)| {
            Some([
                tenant.into(),
                path.into(),
                key.into(),
                Arg::Bytes(kept.fingerprint),
                i64::from(kept.reply.status).into(),
                kept.reply.body.into(),
                kept.interaction_id.into(),
                kept.contact_id.into(),
                kept.new_at?.into(),
            ])
        })
        .flatten()
        .collect();
    bulk::run::<D>(conn, &REPLIES, replies).await?;
    web_event::write::<D>(conn, web_events).await?;
    let chosen = choices
        .into_iter()
        .filter(|(_, (_, made))| *made)
        .flat_map(|((tenant, user, sign_in, collection), (choice, _))| {
            [
                tenant.into(),
                user.into(),
                sign_in.into(),
                collection.into(),
                i64::from(choice.twin).into(),
                choice.at.into(),
            ]
        })
        .collect();
    bulk::run::<D>(conn, &CHOICES, chosen).await?;
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
    let mut new = Vec::with_capacity(links.len() * LINKS.columns);
    let mut gone: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for ((tenant, child), link) in links {
        let Some(link) = link else {
            gone.entry(tenant).or_default().push(child);
            continue;
        };
        new.extend([
            link.child.into(),
            link.tenant.into(),
            link.parent.into(),
            link.copy.into(),
            serde_json::Value::from(link.copied).to_string().into(),
            link.linked_by.into(),
            link.at.into(),
        ]);
    }
    bulk::run::<D>(conn, &LINKS, new).await?;
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
    let (mut new, mut changed) = (Vec::new(), Vec::new());
    for held in sessions {
        let (session, Some(at)) = (&held.session, held.changed_at) else {
            continue;
        };
        let subscriptions = serde_json::json!(session.subscriptions).to_string();
        if held.new {
            new.extend([
                session.id.as_str().into(),
                session.tenant_id.into(),
                session.user.as_str().into(),
                subscriptions.into(),
                session.cursor.into(),
                session.holder.as_str().into(),
                session.sign_in.as_str().into(),
                cursor.into(),
                at.into(),
            ]);
        } else {
            changed.extend([
                session.id.as_str().into(),
                subscriptions.into(),
                session.holder.as_str().into(),
                cursor.into(),
                at.into(),
                session.cursor.into(),
            ]);
        }
    }
    if new.is_empty() && changed.is_empty() {
        cursor = last;
    }
    bulk::run::<D>(conn, &NEW_SESSIONS, new).await?;
    bulk::run::<D>(conn, &CHANGED_SESSIONS, changed).await?;
    let mut rows = Vec::with_capacity(answers.len() * ANSWERS.columns);
    for GivenAnswer { tenant, at, answer } in answers {
        cursor += 1;
        rows.extend([
            cursor.into(),
            tenant.into(),
            answer.user.into(),
            answer.channel.into(),
            answer.reference_id.into(),
            answer.data.into(),
            at.into(),
        ]);
    }
    bulk::run::<D>(conn, &ANSWERS, rows).await?;
    Ok(cursor)
}

/// Appends entries to the journal after `head`, and advances the head.
pub async fn enter<D: Dialect>(
    conn: &mut Conn<D>,
    head: i64,
    entries: Vec<Entry>,
) -> Result<(), StoreError> {
    write_entries::<D>(conn, entry_rows(head, entries)).await
}

/// The rows of entries, and the last cursor.
fn entry_rows(head: i64, entries: Vec<Entry>) -> (Vec<Arg>, i64) {
    let mut cursor = head;
    let mut rows = Vec::with_capacity(entries.len() * JOURNAL.columns);
    for entry in entries {
        cursor += 1;
        rows.extend([
            cursor.into(),
            entry.tenant.into(),
            entry.at.into(),
            entry.kind.name().into(),
            entry.interaction_id.into(),
            entry.contact_id.into(),
            entry.media_type.into(),
            entry.owner_id.into(),
            entry.action_id.into(),
            Arg::Shared(entry.actor),
            entry.delta.into(),
        ]);
    }
    (rows, cursor)
}

async fn write_entries<D: Dialect>(
    conn: &mut Conn<D>,
    (rows, cursor): (Vec<Arg>, i64),
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    bulk::run::<D>(conn, &JOURNAL, rows).await?;
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
    new: Vec<Arg>,
    changed: Vec<Arg>,
    touched: Vec<Arg>,
}

impl Rows {
    fn of(held: &[(Key, Held)]) -> Self {
        let made = held.iter().filter(|(_, held)| held.entry().is_some());
        let mut new = Vec::with_capacity(made.count() * NEW_INTERACTIONS.columns);
        let mut changed = Vec::new();
        let mut touched = Vec::new();
        for (_, held) in held {
            let interaction = &held.stored.interaction;
            match held.dirty.row {
                Extent::New(_) => {
                    new.extend([
                        held.seq.into(),
                        Arg::Bytes(held.fingerprint.clone()),
                        interaction.created_date.into(),
                    ]);
                    new.extend(rows::interaction_args(interaction));
                }
                Extent::Core => changed.extend(rows::interaction_args(interaction)),
                Extent::Revision => touched.extend([
                    interaction.id.as_str().into(),
                    interaction.tenant_id.into(),
                    interaction.modified_date.into(),
                    interaction.revision.into(),
                ]),
                Extent::Nothing => {}
            }
        }
        Self {
            new,
            changed,
            touched,
        }
    }

    async fn write<D: Dialect>(self, conn: &mut Conn<D>) -> Result<(), StoreError> {
        bulk::run::<D>(conn, &NEW_INTERACTIONS, self.new).await?;
        bulk::run::<D>(conn, &CHANGED_INTERACTIONS, self.changed).await?;
        bulk::run::<D>(conn, &TOUCHED_INTERACTIONS, self.touched).await?;
        Ok(())
    }
}

/// Rewrites stored interactions, each with its place.
pub async fn rewrite<D: Dialect>(
    conn: &mut Conn<D>,
    all: &[(i64, Stored)],
) -> Result<(), StoreError> {
    let columns = all
        .iter()
        .flat_map(|(_, stored)| rows::interaction_args(&stored.interaction))
        .collect();
    bulk::run::<D>(conn, &CHANGED_INTERACTIONS, columns).await?;
    let json = all
        .iter()
        .flat_map(|(seq, stored)| rows::json_args(*seq, &stored.interaction, &stored.user_data))
        .collect();
    bulk::run::<D>(conn, &CHANGED_JSON, json).await?;
    Ok(())
}

/// Restores interactions at an archive's places, each with its place and its stored fingerprint.
pub async fn place<D: Dialect>(
    conn: &mut Conn<D>,
    keys: &[KeyPath],
    all: &[(i64, Vec<u8>, Stored)],
) -> Result<(), StoreError> {
    let none = LongTexts::default();
    let (mut new, mut json, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut words, mut index) = (Vec::new(), Vec::new());
    for (seq, fingerprint, stored) in all {
        let interaction = &stored.interaction;
        new.extend([
            (*seq).into(),
            Arg::Bytes(fingerprint.clone()),
            interaction.created_date.into(),
        ]);
        new.extend(rows::interaction_args(interaction));
        json.extend(rows::json_args(*seq, interaction, &stored.user_data));
        let long = stored.texts.as_ref().unwrap_or(&none);
        if !long.is_empty() {
            texts.extend(rows::text_args(*seq, interaction, long));
        }
        let found = index_words(interaction, long);
        if !found.is_empty() {
            let id = interaction.id.as_str();
            words.extend([
                id.into(),
                interaction.tenant_id.into(),
                D::words(&found).into(),
            ]);
        }
        index.extend(index_rows(keys, stored));
    }
    bulk::run::<D>(conn, &NEW_INTERACTIONS, new).await?;
    bulk::run::<D>(conn, &NEW_JSON, json).await?;
    bulk::run::<D>(conn, &D::TEXTS, texts).await?;
    bulk::run::<D>(conn, &D::ADD_WORDS, words).await?;
    bulk::run::<D>(conn, &INDEX, index).await?;
    Ok(())
}

/// The rows of the tables with the content of interactions.
struct Contents {
    new_json: Vec<Arg>,
    changed_json: Vec<Arg>,
    texts: Vec<Arg>,
    old_words: Vec<Arg>,
    new_words: Vec<Arg>,
    index: Vec<Arg>,
    /// Interactions whose rows in the index of declared keys are rewritten.
    indexed_before: Vec<Key>,
}

impl Contents {
    fn of<D: Dialect>(keys: &[KeyPath], held: &[(Key, Held)]) -> Self {
        let mut new_json = Vec::with_capacity(held.len() * NEW_JSON.columns);
        let mut changed_json = Vec::new();
        let mut texts = Vec::new();
        let mut old_words = Vec::new();
        let mut new_words = Vec::new();
        let mut index = Vec::new();
        let mut indexed_before: Vec<Key> = Vec::new();
        for (key, held) in held {
            let (tenant, id) = (key.0, key.1.as_str());
            let new = held.entry().is_some();
            let json = rows::json_args(held.seq, &held.stored.interaction, &held.stored.user_data);
            if new {
                new_json.extend(json);
            } else {
                changed_json.extend(json);
            }
            if held.dirty.index && !keys.is_empty() {
                if !new {
                    indexed_before.push(key.clone());
                }
                index.extend(index_rows(keys, &held.stored));
            }
            if held.dirty.texts {
                let none = LongTexts::default();
                let all = held.stored.texts.as_ref().unwrap_or(&none);
                texts.extend(rows::text_args(held.seq, &held.stored.interaction, all));
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
        bulk::run::<D>(conn, &NEW_JSON, self.new_json).await?;
        bulk::run::<D>(conn, &CHANGED_JSON, self.changed_json).await?;
        bulk::run::<D>(conn, &D::TEXTS, self.texts).await?;
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
        bulk::run::<D>(conn, &INDEX, self.index).await?;
        Ok(())
    }
}

/// The index rows of an interaction under the given keys, concatenated: one for a value, and for a
/// list one for each distinct element, so that a walk over the index meets an interaction once.
pub fn index_rows(keys: &[KeyPath], stored: &Stored) -> Vec<Arg> {
    let Ok(document) = user_data::read(&stored.user_data) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for key in keys {
        let Some(value) = key.find(&document) else {
            continue;
        };
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        let mut seen = HashSet::new();
        for (text, number) in values.iter().filter_map(indexed) {
            if !seen.insert((text.clone(), number.map(f64::to_bits))) {
                continue;
            }
            rows.extend([
                stored.interaction.id.as_str().into(),
                stored.interaction.tenant_id.into(),
                key.to_string().into(),
                i64::try_from(seen.len() - 1).unwrap_or(i64::MAX).into(),
                Arg::Text(text),
                Arg::Real(number),
                stored.interaction.start_date.into(),
            ]);
        }
    }
    rows
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
    let mut contacts = Vec::new();
    let mut attributes = Vec::new();
    let mut changed: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for held in held {
        let contact = &held.contact;
        if held.state == Standing::Changed {
            changed
                .entry(contact.tenant_id)
                .or_default()
                .push(contact.id.clone());
        }
        for (name, values) in &contact.attributes {
            for (position, value) in values.iter().enumerate() {
                attributes.extend([
                    contact.id.as_str().into(),
                    contact.tenant_id.into(),
                    name.as_str().into(),
                    i64::try_from(position).unwrap_or(i64::MAX).into(),
                    value.as_str().into(),
                    rules.fold(name, value).unwrap_or_default().into(),
                ]);
            }
        }
        contacts.extend([
            contact.id.as_str().into(),
            contact.tenant_id.into(),
            contact.merged_into.as_deref().into(),
            contact.created_date.into(),
            contact.modified_date.into(),
            contact.revision.into(),
            Arg::Bytes(held.fingerprint),
        ]);
    }
    for (tenant, ids) in changed {
        let sql = format!(
            "DELETE FROM contact_attribute WHERE tenant_id = $1 AND contact_id IN {}",
            D::any_of(2)
        );
        D::execute(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await?;
    }
    bulk::run::<D>(conn, &NEW_CONTACTS, contacts).await?;
    bulk::run::<D>(conn, &ATTRIBUTES, attributes).await?;
    Ok(())
}

/// Stores the reply to a repeatable request.
pub async fn keep_reply<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    at: crate::domain::Moment,
    repeatable: &crate::domain::command::Repeatable,
    reply: crate::domain::command::Reply,
    contact_id: Option<String>,
) -> Result<(), StoreError> {
    let row = vec![
        tenant.into(),
        repeatable.path.as_str().into(),
        repeatable.key.as_str().into(),
        Arg::Bytes(repeatable.fingerprint.clone()),
        i64::from(reply.status).into(),
        reply.body.into(),
        Arg::Text(None),
        contact_id.into(),
        at.into(),
    ];
    bulk::run::<D>(conn, &REPLIES, row).await?;
    Ok(())
}
