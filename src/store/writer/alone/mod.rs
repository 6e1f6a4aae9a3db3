//! Commands in a transaction of their own.
//!
//! Here each command finds what carries it out: `deletion` deletes interactions and contacts,
//! `merging` merges contacts, `keys` declares indexed keys and fills their index, and `upkeep` has
//! tokens, replies and clients. Erasure is in [`erase`], restoring in [`super::restore`], webhooks
//! are in [`webhook`].

mod deletion;
mod keys;
mod merging;
mod upkeep;

use super::erase::{self, Member, after_all, clear};
use super::{Queued, Task, flush, restore, webhook, words};
use crate::domain::change::Kind;
use crate::domain::command::{Command, Outcome, REPLY_KEPT};
use crate::domain::{Moment, Refusal};
use crate::store::dialect::{Columns, Conn, Dialect};
use crate::store::tables::journal::Entry;
use crate::store::tables::reply::{REPLY, reply};
use crate::store::{StoreError, content};
use deletion::{delete_contact, row_at_revision, unsay_answers, with_descendants};
use merging::{contact_outcome, merge, unmerge};

pub(super) use keys::keys_moved;

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
            Command::Restore(chunk) => {
                Outcome::Restored(restore::chunk::<D>(conn, &self.rules.contacts, chunk).await?)
            }
            Command::Rehearse(chunks) => {
                restore::rehearse::<D>(conn, &self.rules.contacts, &**chunks).await?;
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
            Command::CreateToken(token) => upkeep::create_token::<D>(conn, token, at).await?,
            Command::RevokeToken(id) => upkeep::revoke_token::<D>(conn, id).await?,
            Command::ForgetReplies(before) => upkeep::forget_replies::<D>(conn, *before).await?,
            Command::KeepCursors(all) => upkeep::keep_cursors::<D>(conn, all, at).await?,
            Command::ForgetClients(before) => upkeep::forget_clients::<D>(conn, *before).await?,
            Command::DeclareKey(key) => keys::declare::<D>(conn, key).await?,
            Command::FillKey { key, after } => keys::fill::<D>(conn, key, after).await?,
            Command::DropKey(key) => keys::drop_key::<D>(conn, key).await?,
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
