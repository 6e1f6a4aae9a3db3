//! Commands in a transaction of their own: deletion, merging, indexed keys, tokens. Erasure is in
//! [`erase`], webhooks are in [`webhook`].

use super::erase::{self, Member, after_all, clear, forget_contacts, members};
use super::{Queued, Task, flush, webhook, words};
use crate::domain::change::Kind;
use crate::domain::client::{CHOICE_KEPT, TAKEN_AWAY};
use crate::domain::command::{Command, Outcome, REPLY_KEPT};
use crate::domain::requirement::want_revision;
use crate::domain::user_data::KeyPath;
use crate::domain::{Moment, Refusal};
use crate::store::contact;
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::tables::client::CURSORS;
use crate::store::tables::interaction::INDEX;
use crate::store::tables::journal::Entry;
use crate::store::tables::reply::{REPLY, reply};
use crate::store::tables::token;
use crate::store::{StoreError, bulk, content, rows};

/// Interactions that one statement works on.
const PORTION: usize = 500;

impl<D: Dialect> Task<D> {
    #[expect(clippy::too_many_lines, reason = "an arm a command")]
    pub(super) async fn alone(
        &mut self,
        conn: &mut Conn<D>,
        head: i64,
        queued: &Queued,
    ) -> Result<Outcome, StoreError> {
        let submission = &queued.submission;
        let tenant = submission.tenant;
        let at = submission.at.unwrap_or_else(|| self.clock.now());
        if let Some(repeatable) = &submission.repeatable
            && let Some(outcome) = replayed::<D>(conn, tenant, at, repeatable).await?
        {
            return Ok(outcome);
        }
        let mut entries = Vec::new();
        let mut enter = |kind, at, of: Option<&Member>, contact_id: Option<&str>, delta: String| {
            entries.push(Entry {
                tenant,
                at,
                kind,
                interaction_id: of.map(|member| member.id.clone()),
                contact_id: contact_id.map(str::to_owned),
                media_type: of.map(|member| member.media_type.clone()),
                owner_id: of.and_then(|member| member.owner_id.clone()),
                action_id: None,
                actor: std::sync::Arc::clone(&submission.actor),
                delta,
                before: None,
            });
        };
        if submission.command.shreds() {
            unsay_answers::<D>(conn, tenant).await?;
        }
        let outcome = match &submission.command {
            Command::Delete {
                id,
                cascade,
                if_match,
            } => {
                let ids = with_descendants::<D>(conn, tenant, id).await?;
                if ids.is_empty() {
                    return Err(Refusal::no_interaction(id).into());
                }
                row_at_revision::<D>(conn, "interaction", tenant, id, *if_match).await?;
                if ids.len() > 1 && !cascade {
                    return Err(Refusal::Conflict(format!(
                        "the interaction has {} descendants; cascade=true deletes them too",
                        ids.len() - 1
                    ))
                    .into());
                }
                clear::<D>(conn, tenant, &ids, true).await?;
                let at = after_all(at, &ids);
                for gone in &ids {
                    enter(
                        Kind::InteractionDeleted,
                        at,
                        Some(gone),
                        None,
                        "{}".to_owned(),
                    );
                }
                Outcome::Deleted(ids.into_iter().map(|member| member.id).collect())
            }
            Command::Restore(chunk) => Outcome::Restored(
                super::restore::chunk::<D>(conn, &self.rules.contacts, chunk).await?,
            ),
            Command::Rehearse(chunks) => {
                super::restore::rehearse::<D>(conn, &self.rules.contacts, &**chunks).await?;
                Outcome::Done
            }
            Command::IndexWords => words::reindex::<D>(conn).await?,
            Command::FoldContacts { after } => {
                super::fold::contacts::<D>(conn, &self.rules.contacts, after).await?
            }
            Command::DeleteContact { id, if_match } => {
                row_at_revision::<D>(conn, "contact", tenant, id, *if_match).await?;
                delete_contact::<D>(conn, tenant, id).await?;
                enter(Kind::ContactErased, at, None, Some(id), "{}".to_owned());
                Outcome::Done
            }
            Command::MergeContact { id, into } => {
                let merged = merge::<D>(conn, tenant, at, id, into).await?;
                if merged {
                    enter(
                        Kind::ContactMerged,
                        at,
                        None,
                        Some(id),
                        serde_json::json!({ "into": into }).to_string(),
                    );
                }
                contact_outcome::<D>(conn, tenant, id).await?
            }
            Command::UnmergeContact(id) => {
                let from = unmerge::<D>(conn, tenant, at, id).await?;
                enter(
                    Kind::ContactUnmerged,
                    at,
                    None,
                    Some(id),
                    serde_json::json!({ "from": from }).to_string(),
                );
                contact_outcome::<D>(conn, tenant, id).await?
            }
            Command::EraseContact(id) => {
                let settings = (self.rules.session_keys.as_slice(), &*self.keys.paths);
                let erased = erase::person::<D>(conn, tenant, at, id, settings).await?;
                for cleared in &erased.interactions {
                    enter(
                        Kind::InteractionChanged,
                        erased.at,
                        Some(cleared),
                        None,
                        content::ERASED.to_owned(),
                    );
                }
                for (cleaned, kind, delta) in erased.news {
                    enter(kind, erased.at, Some(&cleaned), None, delta);
                }
                for gone in &erased.contacts {
                    let delta = "{}".to_owned();
                    enter(Kind::ContactErased, erased.at, None, Some(gone), delta);
                }
                Outcome::Erased {
                    contacts: erased.contacts,
                    interactions: erased.interactions.len(),
                    shared: erased.shared,
                }
            }
            Command::CreateToken(token) => {
                let mut row = token::NEW.batch(1);
                row.push(&(token, at));
                row.write::<D>(conn).await?;
                Outcome::Done
            }
            Command::RevokeToken(id) => {
                let gone = D::execute(
                    conn,
                    "DELETE FROM api_token WHERE id = $1".into(),
                    vec![id.as_str().into()],
                );
                if gone.await? == 0 {
                    return Err(Refusal::NotFound("token", id.clone()).into());
                }
                Outcome::Done
            }
            Command::DeclareKey(key) => {
                let sql = "INSERT INTO indexed_key (key, ready) VALUES ($1, 0) ON CONFLICT (key) DO NOTHING";
                D::execute(conn, sql.into(), vec![key.to_string().into()]).await?;
                keys_moved::<D>(conn).await?;
                Outcome::Done
            }
            Command::FillKey { key, after } => fill::<D>(conn, key, after).await?,
            Command::DropKey(key) => {
                let name = key.to_string();
                let known = D::execute(
                    conn,
                    "DELETE FROM indexed_key WHERE key = $1".into(),
                    vec![name.as_str().into()],
                )
                .await?;
                if known == 0 {
                    return Err(Refusal::NotFound("indexed key", name).into());
                }
                D::execute(
                    conn,
                    "DELETE FROM user_data_index WHERE key = $1".into(),
                    vec![name.into()],
                )
                .await?;
                keys_moved::<D>(conn).await?;
                Outcome::Done
            }
            Command::ForgetReplies(before) => {
                let sql = "DELETE FROM kept_reply WHERE created_date < $1";
                D::execute(conn, sql.into(), vec![(*before).into()]).await?;
                Outcome::Done
            }
            Command::KeepCursors(all) => {
                let rows = all
                    .iter()
                    .flat_map(|(id, cursor)| [id.as_str().into(), (*cursor).into(), at.into()])
                    .collect();
                bulk::run::<D>(conn, &CURSORS, rows).await?;
                Outcome::Done
            }
            Command::ForgetClients(before) => {
                for sql in [
                    "DELETE FROM client_session WHERE seen_date < $1",
                    "DELETE FROM client_answer WHERE created_date < $1",
                ] {
                    D::execute(conn, sql.into(), vec![(*before).into()]).await?;
                }
                let sql = "DELETE FROM client_spelling WHERE chosen_date < $1";
                let before = before.plus_micros(-CHOICE_KEPT);
                D::execute(conn, sql.into(), vec![before.into()]).await?;
                Outcome::Done
            }
            Command::Webhook(command) => {
                webhook::carry_out::<D>(conn, (tenant, at, head), &self.rules, command).await?
            }
            _ => unreachable!("commands that share a transaction do not come here"),
        };
        flush::enter::<D>(conn, head, entries).await?;
        if let Some(repeatable) = &submission.repeatable {
            let reply = (repeatable.render)(&outcome);
            let contact_id = match &outcome {
                Outcome::Contact(contact) => Some(contact.id.as_str()),
                _ => None,
            };
            flush::keep_reply::<D>(conn, tenant, at, repeatable, &reply, contact_id).await?;
        }
        Ok(outcome)
    }
}

async fn replayed<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    at: Moment,
    repeatable: &crate::domain::command::Repeatable,
) -> Result<Option<Outcome>, StoreError> {
    let sql = format!(
        "SELECT {} FROM kept_reply WHERE tenant_id = $1 AND path = $2 AND key = $3 AND created_date > $4",
        REPLY.join(", ")
    );
    let args = vec![
        tenant.into(),
        repeatable.path.as_str().into(),
        repeatable.key.as_str().into(),
        at.plus_micros(-REPLY_KEPT).into(),
    ];
    let rows = D::fetch(conn, sql.into(), args).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let (fingerprint, reply) = reply::<D>(&mut Columns::<D>::of(row))?;
    if fingerprint != repeatable.fingerprint {
        return Err(Refusal::Conflict(format!(
            "the Idempotency-Key {:?} was sent before with another body",
            repeatable.key
        ))
        .into());
    }
    Ok(Some(Outcome::Replayed(reply)))
}

/// Removes the content of answers that wait for their clients, since any of them may be about an
/// erased person. The clients are told to ask again.
async fn unsay_answers<D: Dialect>(conn: &mut Conn<D>, tenant: i64) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE client_answer SET data = '{{\"referenceId\":' || reference_id || ',\"errorMessage\":\"{TAKEN_AWAY}\"}}' \
         WHERE tenant_id = $1"
    );
    D::execute(conn, sql.into(), vec![tenant.into()]).await?;
    Ok(())
}

/// An interaction and all its descendants; itself first. Empty if there is none.
async fn with_descendants<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Vec<Member>, StoreError> {
    let sql = "WITH RECURSIVE below (id, tenant_id, depth) AS ( \
                   SELECT id, tenant_id, 0 FROM interaction WHERE tenant_id = $1 AND id = $2 \
                   UNION \
                   SELECT i.id, i.tenant_id, b.depth + 1 FROM below b CROSS JOIN interaction i \
                   WHERE i.parent_id = b.id AND i.tenant_id = b.tenant_id \
               ) SELECT i.id, i.media_type, i.owner_id, i.modified_date \
               FROM below b CROSS JOIN interaction i WHERE i.id = b.id AND i.tenant_id = b.tenant_id ORDER BY b.depth, i.id";
    members::<D>(conn, sql.to_owned(), vec![tenant.into(), id.into()]).await
}

async fn contact_outcome<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Outcome, StoreError> {
    let found = contact::one::<D>(conn, tenant, id).await?;
    Ok(Outcome::Contact(std::sync::Arc::new(
        found.ok_or_else(|| Refusal::no_contact(id))?,
    )))
}

/// Refuses if a row of `interaction` or `contact` has another revision than the one wanted.
async fn row_at_revision<D: Dialect>(
    conn: &mut Conn<D>,
    table: &'static str,
    tenant: i64,
    id: &str,
    wanted: Option<i64>,
) -> Result<(), StoreError> {
    if wanted.is_none() {
        return Ok(());
    }
    let sql = format!("SELECT revision FROM {table} WHERE id = $1 AND tenant_id = $2");
    let rows = D::fetch(conn, sql.into(), vec![id.into(), tenant.into()]).await?;
    if let Some(row) = rows.first() {
        want_revision(table, Columns::<D>::of(row).int()?, wanted)?;
    }
    Ok(())
}

async fn delete_contact<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<(), StoreError> {
    let family = contact::family::<D>(conn, tenant, id).await?;
    if family.is_empty() {
        return Err(Refusal::no_contact(id).into());
    }
    if family.len() > 1 {
        return Err(Refusal::Conflict(
            "other contacts were merged into it; unmerge them first".to_owned(),
        )
        .into());
    }
    let sql = "SELECT id FROM interaction WHERE tenant_id = $1 AND contact_id = $2 LIMIT 1";
    if !D::fetch(conn, sql.into(), vec![tenant.into(), id.into()])
        .await?
        .is_empty()
    {
        return Err(Refusal::Conflict(
            "the contact has interactions; erase it, or assign them to another contact first"
                .to_owned(),
        )
        .into());
    }
    forget_contacts::<D>(conn, tenant, &family).await
}

/// Merges two contacts; false if they were merged already.
async fn merge<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    at: Moment,
    id: &str,
    into: &str,
) -> Result<bool, StoreError> {
    let family = contact::family::<D>(conn, tenant, id).await?;
    if family.is_empty() {
        return Err(Refusal::no_contact(id).into());
    }
    if family.iter().any(|member| member == into) {
        return Err(Refusal::invalid(
            "/into",
            "names the contact itself, or one that was merged into it",
        )
        .into());
    }
    let Some(target) = contact::one::<D>(conn, tenant, into).await? else {
        return Err(
            Refusal::invalid("/into", format!("names {into:?}, which is no contact")).into(),
        );
    };
    let Some(one) = contact::one::<D>(conn, tenant, id).await? else {
        return Err(Refusal::no_contact(id).into());
    };
    match &one.merged_into {
        Some(already) if already == into => return Ok(false),
        Some(other) => {
            return Err(Refusal::Conflict(format!(
                "the contact is merged into {other:?}; unmerge it first"
            ))
            .into());
        }
        None => {}
    }
    if let Some(other) = &target.merged_into {
        return Err(Refusal::Conflict(format!(
            "{into:?} is itself merged into {other:?}; merge into that one"
        ))
        .into());
    }
    set_merged::<D>(
        conn,
        at.max(one.modified_date.just_after()),
        &one,
        Some(into),
    )
    .await?;
    Ok(true)
}

async fn unmerge<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    at: Moment,
    id: &str,
) -> Result<String, StoreError> {
    let Some(one) = contact::one::<D>(conn, tenant, id).await? else {
        return Err(Refusal::no_contact(id).into());
    };
    let Some(from) = one.merged_into.clone() else {
        return Err(Refusal::Conflict("the contact is not merged into another".to_owned()).into());
    };
    set_merged::<D>(conn, at.max(one.modified_date.just_after()), &one, None).await?;
    Ok(from)
}

async fn set_merged<D: Dialect>(
    conn: &mut Conn<D>,
    at: Moment,
    one: &crate::domain::contact::Contact,
    into: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "UPDATE contact SET merged_into = $3, modified_date = $4, revision = revision + 1 \
               WHERE tenant_id = $1 AND id = $2";
    let args = vec![
        one.tenant_id.into(),
        one.id.as_str().into(),
        Arg::Text(into.map(str::to_owned)),
        at.into(),
    ];
    D::execute(conn, sql.into(), args).await?;
    Ok(())
}

pub(super) async fn keys_moved<D: Dialect>(conn: &mut Conn<D>) -> Result<(), StoreError> {
    let sql = "UPDATE journal_head SET key_version = key_version + 1 WHERE id = 1";
    D::execute(conn, sql.into(), Vec::new()).await?;
    Ok(())
}

/// Indexes the next interactions under a declared key. After the last one, the key is ready for
/// searches.
async fn fill<D: Dialect>(
    conn: &mut Conn<D>,
    key: &KeyPath,
    after: &str,
) -> Result<Outcome, StoreError> {
    let name = key.to_string();
    let sql = "SELECT ready FROM indexed_key WHERE key = $1";
    if D::fetch(conn, sql.into(), vec![name.as_str().into()])
        .await?
        .is_empty()
    {
        return Err(Refusal::NotFound("indexed key", name).into());
    }
    let sql = format!(
        "SELECT {} FROM interaction i{} WHERE i.id > $1 ORDER BY i.id, i.tenant_id LIMIT +$2",
        rows::columns(false),
        rows::JOIN_JSON
    );
    let limit = i64::try_from(PORTION * 4).unwrap_or(i64::MAX);
    let found = D::fetch(conn, sql.into(), vec![after.into(), limit.into()]).await?;
    let full = found.len() == PORTION * 4;
    let mut stored = Vec::with_capacity(found.len());
    for row in &found {
        stored.push(rows::stored::<D>(row, false)?);
    }
    if full && let Some(last) = stored.last().map(|one| one.interaction.id.clone()) {
        // tenants may share an identifier: a page ends between identifiers, not within one
        if stored
            .first()
            .is_some_and(|first| first.interaction.id != last)
        {
            stored.retain(|one| one.interaction.id != last);
        }
    }
    let mut index = INDEX.batch(stored.len());
    for one in &stored {
        flush::index(&mut index, std::slice::from_ref(key), one);
    }
    index.write::<D>(conn).await?;
    if !full {
        D::execute(
            conn,
            "UPDATE indexed_key SET ready = 1 WHERE key = $1".into(),
            vec![name.into()],
        )
        .await?;
    }
    let last = if full {
        stored.last().map(|one| one.interaction.id.clone())
    } else {
        None
    };
    Ok(Outcome::Filled {
        last,
        done: stored.len(),
    })
}
