//! Writes the results of a group: a few statements for each kind, however many rows there are.

mod interactions;

use std::collections::{BTreeMap, HashMap};

use futures_util::future::join;

use super::ledger::{
    Extent, GivenAnswer, Held, HeldContact, HeldSession, Kept, Key, Ledger, Standing,
};
use super::web_event;
use crate::domain::Moment;
use crate::domain::command::{Outcome, Repeatable};
use crate::domain::contact::ContactRules;
use crate::store::dialect::{Arg, Conn, Dialect, Sql};
use crate::store::tables::Batch;
use crate::store::tables::client::{self, AnswerRow, SessionRow, SpellingRow};
use crate::store::tables::contact::{self, AttributeRow, ContactRow};
use crate::store::tables::interaction::{LINK, Link};
use crate::store::tables::journal::{self, Entry, Journal};
use crate::store::tables::reply::{REPLIES, ReplyRow};
use crate::store::{StoreError, bulk, recording};
use interactions::{Contents, Rows};

pub use interactions::{INDEXED_CHARACTERS, index, place, rewrite};

/// Writes the ledger, but for the last statements, which run together with the commit. Returns them,
/// and the last cursor.
pub async fn flush<D: Dialect>(
    ledger: Ledger<'_>,
    conn: &mut Conn<D>,
) -> Result<(Vec<(Sql, Vec<Arg>)>, i64), StoreError> {
    let Ledger {
        head,
        keys,
        interactions,
        contacts,
        mut journal,
        links,
        former,
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
        if held.dirty.recording
            && let Some(recorded) = &held.recorded
        {
            journal[recorded.entry].delta = recorded.delta();
        }
    }
    let changed = held.iter().filter(|(_, held)| held.entry().is_none());
    let whole = changed.filter(|(_, held)| held.dirty.recording);
    let whole: Vec<i64> = whole.map(|(_, held)| held.seq).collect();
    recording::write_whole::<D>(conn, &whole).await?;
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
    let [new_json, changed_json] = written?;
    write_links::<D>(conn, links).await?;
    let mut left = contact::FORMER.batch(former.len());
    for one in &former {
        left.push(one);
    }
    left.write::<D>(conn).await?;
    let written = contacts
        .into_values()
        .filter(|held| held.state != Standing::Loaded);
    write_contacts::<D>(conn, &rules.contacts, written).await?;
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
    let json = [new_json, changed_json].map(Batch::parts);
    let all = json.into_iter().chain([entries.parts()]).collect();
    let mut last = bulk::last::<D>(conn, all).await?;
    if cursor > head {
        last.push(move_head::<D>(cursor));
    }
    Ok((last, cursor))
}

/// Writes links, and removes those of children that lost their parent or whose new parent gives no
/// link.
async fn write_links<D: Dialect>(
    conn: &mut Conn<D>,
    links: HashMap<Key, Option<Link>>,
) -> Result<(), StoreError> {
    let mut new = LINK.batch(links.len());
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
    if entries.is_empty() {
        return Ok(());
    }
    entry_rows(head, &entries).write::<D>(conn).await?;
    let (sql, args) = move_head::<D>(head + i64::try_from(entries.len()).unwrap_or(0));
    D::execute(conn, sql, args).await?;
    Ok(())
}

/// The rows of entries.
fn entry_rows(head: i64, entries: &[Entry]) -> Batch<Journal> {
    let mut rows = journal::NEW.batch(entries.len());
    for (entry, cursor) in entries.iter().zip(head + 1..) {
        rows.push(&(cursor, entry));
    }
    rows
}

/// Advances the head of the journal.
fn move_head<D: Dialect>(cursor: i64) -> (Sql, Vec<Arg>) {
    let mut sql = "UPDATE journal_head SET last_cursor = ".to_owned();
    D::place(&mut sql, 1);
    sql.push_str(" WHERE id = 1");
    (sql.into(), vec![cursor.into()])
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
    outcome: &Outcome,
) -> Result<(), StoreError> {
    let (interaction_id, contact_id) = outcome.about();
    let mut row = REPLIES.batch(1);
    row.push(&ReplyRow {
        tenant,
        path: &repeatable.path,
        key: &repeatable.key,
        fingerprint: &repeatable.fingerprint,
        reply: &(repeatable.render)(outcome),
        interaction_id,
        contact_id,
        at,
    });
    row.write::<D>(conn).await
}
