//! Erasure: removes the content of interactions, contacts and web actions from every table.
//!
//! [`crate::domain::person`] decides which interactions belong to a person. What remains of an
//! erased interaction reveals nothing about the person and is needed for counts: identifiers, media
//! type, type, status, times, queue, category, language, owner, and its place in its family.

mod shared;

use std::collections::BTreeSet;

use super::ledger::Ask;
use super::{flush, web_action};
use crate::domain::change::Kind;
use crate::domain::command::{Outcome, Stored};
use crate::domain::interaction::{WEB_ENGAGEMENT, index_words};
use crate::domain::user_data::{self, KeyPath};
use crate::domain::web_action::named_visits;
use crate::domain::{Moment, Refusal};
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::tables::journal::{DELTAS, Entry};
use crate::store::{StoreError, bulk, content, person, recording, rows};

/// The largest number of interactions, contacts or entries per statement.
const CHUNK: usize = 500;

/// An interaction affected by a command.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) media_type: String,
    pub(super) owner_id: Option<String>,
    modified: Moment,
}

impl Member {
    /// An entry, about this interaction.
    pub(super) fn told(&self, entry: Entry) -> Entry {
        Entry {
            interaction_id: Some(self.id.clone()),
            media_type: Some(self.media_type.clone()),
            owner_id: self.owner_id.clone(),
            ..entry
        }
    }
}

/// The interactions with these identifiers, in the order of recording.
pub(super) async fn members_of<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    wanted: &[String],
) -> Result<Vec<Member>, StoreError> {
    let sql = format!(
        "SELECT id, media_type, owner_id, modified_date FROM interaction \
         WHERE tenant_id = $1 AND id IN {} ORDER BY seq",
        D::any_of(2)
    );
    let mut found = Vec::with_capacity(wanted.len());
    for chunk in wanted.chunks(CHUNK) {
        let args = vec![tenant.into(), Arg::Texts(chunk.to_vec())];
        for row in &D::fetch(conn, sql.clone().into(), args).await? {
            let mut row = Columns::<D>::of(row);
            found.push(Member {
                id: row.text()?,
                media_type: row.text()?,
                owner_id: row.maybe_text()?,
                modified: row.time()?,
            });
        }
    }
    Ok(found)
}

/// A moment after the last change of each, and not before `at`.
pub(super) fn after_all(at: Moment, members: &[Member]) -> Moment {
    let modified = members.iter().map(|member| member.modified);
    modified.fold(at, Moment::following)
}

fn ids(members: &[Member]) -> Arg {
    Arg::Texts(members.iter().map(|member| member.id.clone()).collect())
}

/// Removes the content of interactions from every table that has some. With `rows_too`, the
/// interactions are deleted as well.
pub(super) async fn clear<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    gone: &[Member],
    rows_too: bool,
) -> Result<(), StoreError> {
    let mut words = BTreeSet::new();
    for chunk in gone.chunks(CHUNK) {
        words.extend(remove_words::<D>(conn, tenant, chunk).await?);
        let any = D::any_of(2);
        let mut statements = vec![
            format!("DELETE FROM user_data_index WHERE tenant_id = $1 AND interaction_id IN {any}"),
            of_interactions("interaction_text", &any),
            format!("DELETE FROM kept_reply WHERE tenant_id = $1 AND interaction_id IN {any}"),
            format!("DELETE FROM former_contact WHERE tenant_id = $1 AND interaction_id IN {any}"),
            format!(
                "UPDATE journal SET delta = '{}', before = NULL, contact_id = NULL WHERE tenant_id = $1 AND interaction_id <> '' AND interaction_id IN {any}",
                content::ERASED
            ),
        ];
        if rows_too {
            statements.push(of_interactions("interaction_json", &any));
            statements.push(format!(
                "DELETE FROM link WHERE tenant_id = $1 AND child_id IN {any}"
            ));
            statements.push(format!(
                "DELETE FROM interaction WHERE tenant_id = $1 AND id IN {any}"
            ));
        } else {
            // callers choose the names of keys, so they are removed too; the link from parent to
            // child stays
            statements.push(format!(
                "UPDATE link SET copy_user_data = NULL, copied_keys = '[]' WHERE tenant_id = $1 AND child_id IN {any}"
            ));
        }
        for sql in statements {
            D::execute(conn, sql.into(), vec![tenant.into(), ids(chunk)]).await?;
        }
    }
    D::forget_words(conn, &words).await?;
    Ok(())
}

/// A statement that deletes a table's rows of some interactions, found by the key that the table
/// has on both databases.
fn of_interactions(table: &str, any: &str) -> String {
    format!(
        "DELETE FROM {table} WHERE tenant_id = $1 AND interaction_id IN {any} \
         AND seq IN (SELECT seq FROM interaction WHERE tenant_id = $1 AND id IN {any})"
    )
}

/// Whole interactions, each with its place.
async fn whole<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    wanted: Arg,
) -> Result<Vec<(i64, Stored)>, StoreError> {
    let sql = format!(
        "{}i.tenant_id = $1 AND i.id IN {}",
        rows::select_placed(""),
        D::any_of(2)
    );
    let found = D::fetch(conn, sql.into(), vec![tenant.into(), wanted]).await?;
    found.iter().map(rows::placed::<D>).collect()
}

/// Removes the words of interactions from the index; returns the words.
async fn remove_words<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    of: &[Member],
) -> Result<BTreeSet<String>, StoreError> {
    let mut rows = Vec::new();
    let mut words = BTreeSet::new();
    for (_, stored) in whole::<D>(conn, tenant, ids(of)).await? {
        let found = index_words(&stored.interaction, &stored.texts.unwrap_or_default());
        if !found.is_empty() {
            words.extend(each_word(&found));
            rows.extend([
                stored.interaction.id.into(),
                tenant.into(),
                D::words(&found).into(),
            ]);
        }
    }
    bulk::run::<D>(conn, &D::REMOVE_WORDS, rows).await?;
    Ok(words)
}

/// The words of an index entry.
fn each_word(joined: &str) -> impl Iterator<Item = String> {
    joined.split_ascii_whitespace().map(str::to_owned)
}

/// Deletes contacts, and their data in the journal and in stored replies.
pub(super) async fn forget_contacts<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    gone: &[String],
) -> Result<(), StoreError> {
    for chunk in gone.chunks(CHUNK) {
        untie_former::<D>(conn, tenant, gone, chunk).await?;
        let any = D::any_of(2);
        for sql in [
            format!("DELETE FROM contact_attribute WHERE tenant_id = $1 AND contact_id IN {any}"),
            format!("DELETE FROM contact WHERE tenant_id = $1 AND id IN {any}"),
            format!("DELETE FROM kept_reply WHERE tenant_id = $1 AND contact_id IN {any}"),
            format!(
                "UPDATE journal SET delta = '{}' WHERE tenant_id = $1 AND interaction_id = '' AND contact_id IN {any}",
                content::ERASED
            ),
        ] {
            let args = vec![tenant.into(), Arg::Texts(chunk.to_vec())];
            D::execute(conn, sql.into(), args).await?;
        }
    }
    Ok(())
}

/// Removes the contacts from entries of interactions that once belonged to them and now belong to
/// somebody else. The content of such an interaction belongs to the contact that it is assigned to
/// now.
async fn untie_former<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    gone: &[String],
    chunk: &[String],
) -> Result<(), StoreError> {
    let any = D::any_of(2);
    let args = vec![tenant.into(), Arg::Texts(chunk.to_vec())];
    let sql = format!(
        "SELECT DISTINCT interaction_id FROM former_contact WHERE tenant_id = $1 AND contact_id IN {any}"
    );
    let rows = D::fetch(conn, sql.into(), args.clone()).await?;
    let of = rows.iter().map(|row| Columns::<D>::of(row).text());
    forget_before::<D>(conn, tenant, of.collect::<Result<Vec<_>, _>>()?).await?;
    let sql = format!(
        "SELECT j.cursor, j.delta FROM former_contact f CROSS JOIN journal j \
         WHERE f.tenant_id = $1 AND f.contact_id IN {any} \
         AND j.interaction_id = f.interaction_id AND j.interaction_id <> '' AND j.tenant_id = f.tenant_id AND j.contact_id = f.contact_id"
    );
    let mut deltas = Vec::new();
    for row in &D::fetch(conn, sql.into(), args.clone()).await? {
        let mut row = Columns::<D>::of(row);
        let (cursor, delta) = (row.int()?, row.text()?);
        let mut delta =
            user_data::read(&delta).map_err(|_| StoreError::inconsistent("journal", "delta"))?;
        let named = delta.get("contactId").and_then(serde_json::Value::as_str);
        if named.is_some_and(|named| gone.iter().any(|id| id == named)) {
            delta.insert("contactId".to_owned(), serde_json::Value::Null);
            let delta = serde_json::Value::Object(delta).to_string();
            deltas.extend([cursor.into(), delta.into()]);
        }
    }
    bulk::run::<D>(conn, &DELTAS, deltas).await?;
    for sql in [
        format!(
            "UPDATE journal SET contact_id = NULL WHERE tenant_id = $1 AND contact_id IN {any} AND interaction_id <> '' AND interaction_id IN \
             (SELECT interaction_id FROM former_contact WHERE tenant_id = $1 AND contact_id IN {any})"
        ),
        format!("DELETE FROM former_contact WHERE tenant_id = $1 AND contact_id IN {any}"),
    ] {
        D::execute(conn, sql.into(), args.clone()).await?;
    }
    Ok(())
}

/// Writes the recording entries of interactions whole, and deletes what their later entries replaced:
/// nothing needs to be undone any more.
async fn forget_before<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    of: Vec<String>,
) -> Result<(), StoreError> {
    let any = D::any_of(2);
    for chunk in of.chunks(CHUNK) {
        let args = vec![tenant.into(), Arg::Texts(chunk.to_vec())];
        let sql = format!("SELECT seq FROM interaction WHERE tenant_id = $1 AND id IN {any}");
        let rows = D::fetch(conn, sql.into(), args.clone()).await?;
        let cursors = rows.iter().map(|row| Columns::<D>::of(row).int());
        let cursors = cursors.collect::<Result<Vec<_>, _>>()?;
        recording::write_whole::<D>(conn, &cursors).await?;
        let sql = format!(
            "UPDATE journal SET before = NULL \
             WHERE tenant_id = $1 AND interaction_id <> '' AND interaction_id IN {any} AND before IS NOT NULL"
        );
        D::execute(conn, sql.into(), args).await?;
    }
    Ok(())
}

/// Erases a person: the contacts; the content of their interactions and of the web actions that led
/// to them; and, in shared interactions, what was exchanged with these. Adds an entry for each.
///
/// `settings` are the keys that name a visit, and the declared keys.
pub(super) async fn person<D: Dialect>(
    conn: &mut Conn<D>,
    ask: &Ask<'_>,
    entries: &mut Vec<Entry>,
    id: &str,
    settings: (&[String], &[KeyPath]),
) -> Result<Outcome, StoreError> {
    let tenant = ask.tenant;
    let Some(person) = person::of_contact::<D>(conn, tenant, id).await? else {
        return Err(Refusal::no_contact(id).into());
    };
    let found = members_of::<D>(conn, tenant, &person.interactions).await?;
    let to_clean = shared::members::<D>(conn, tenant, &person.shared).await?;
    let at = after_all(after_all(ask.at, &found), &to_clean);
    let at = after_contacts::<D>(conn, tenant, at, &person.contacts).await?;
    let ask = Ask { at, ..*ask };
    let mut traces = web_action::Traces::default();
    for chunk in found.chunks(CHUNK) {
        clear::<D>(conn, tenant, chunk, false).await?;
        let mut erased = whole::<D>(conn, tenant, ids(chunk)).await?;
        for (_, stored) in &mut erased {
            traces.add(stored, settings.0);
            stored.interaction.erase(at);
            "{}".clone_into(&mut stored.user_data);
        }
        flush::rewrite::<D>(conn, &erased).await?;
        forget_fingerprints::<D>(conn, tenant, ids(chunk)).await?;
    }
    let erased = || ask.entry(Kind::InteractionChanged, at, content::ERASED.to_owned());
    entries.extend(found.iter().map(|member| member.told(erased())));
    let actions = web_action::led::<D>(conn, tenant, traces).await?;
    web_action::erase::<D>(conn, &ask, entries, &actions).await?;
    let exchanged = (to_clean, &*person.shared);
    shared::clean::<D>(conn, &ask, entries, exchanged, settings, &actions).await?;
    forget_contacts::<D>(conn, tenant, &person.contacts).await?;
    let erased = || ask.entry(Kind::ContactErased, at, "{}".to_owned());
    let contacts = person.contacts.iter();
    entries.extend(contacts.map(|contact| erased().of_contact(contact)));
    Ok(Outcome::Erased {
        contacts: person.contacts,
        interactions: found.len(),
        shared: person.shared,
    })
}

/// A moment after the last change of each of these contacts, and not before `at`.
async fn after_contacts<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    at: Moment,
    contacts: &[String],
) -> Result<Moment, StoreError> {
    let sql = format!(
        "SELECT modified_date FROM contact WHERE tenant_id = $1 AND id IN {}",
        D::any_of(2)
    );
    let mut at = at;
    for chunk in contacts.chunks(CHUNK) {
        let args = vec![tenant.into(), Arg::Texts(chunk.to_vec())];
        for row in &D::fetch(conn, sql.clone().into(), args).await? {
            at = at.following(Columns::<D>::of(row).time()?);
        }
    }
    Ok(at)
}

/// Deletes the fingerprints of the first requests for interactions: a fingerprint could confirm a
/// guess.
async fn forget_fingerprints<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    of: Arg,
) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE interaction SET fingerprint = $3 WHERE tenant_id = $1 AND id IN {}",
        D::any_of(2)
    );
    let args = vec![tenant.into(), of, Arg::Bytes(Vec::new())];
    D::execute(conn, sql.into(), args).await?;
    Ok(())
}

impl web_action::Traces {
    /// Adds the identifiers and visits of an interaction.
    fn add(&mut self, stored: &Stored, session_keys: &[String]) {
        let interaction = &stored.interaction;
        self.references.insert(interaction.id.clone());
        self.references.extend(interaction.external_id.clone());
        if interaction.media_type == WEB_ENGAGEMENT {
            self.visits
                .extend(named_visits(&stored.user_data, session_keys));
        }
    }
}
