//! Commands in a transaction of their own.
//!
//! Here each command finds what carries it out: `deletion` deletes interactions and contacts,
//! `merging` merges contacts, `keys` declares indexed keys and fills their index, `attributes` declares
//! indexed attributes, and `upkeep` has tokens, replies and clients. Erasure is in [`erase`], restoring in [`super::restore`], webhooks
//! are in [`webhook`].

mod attributes;
mod deletion;
mod keys;
mod merging;
mod upkeep;

use super::ledger::Ask;
use super::{Queued, Task, erase, flush, fold, load, restore, webhook, words};
use crate::domain::Moment;
use crate::domain::command::{Command, Outcome, Repeatable, Reply};
use crate::store::StoreError;
use crate::store::dialect::{Conn, Dialect};
use deletion::{delete_contact, delete_interaction, unsay_answers};
use merging::{merge, unmerge};

pub(super) use keys::keys_moved;

impl<D: Dialect> Task<D> {
    /// Carries out a command, and writes the entries that it adds to the journal.
    pub(super) async fn alone(
        &mut self,
        conn: &mut Conn<D>,
        head: i64,
        queued: &Queued,
    ) -> Result<Outcome, StoreError> {
        let submission = &queued.submission;
        let now = self.clock.now();
        let ask = Ask {
            tenant: submission.tenant,
            at: submission.at.unwrap_or(now),
            actor: &submission.actor,
            ready: &queued.ready,
        };
        let tenant = ask.tenant;
        if let Some(repeatable) = &submission.repeatable
            && let Some(reply) = replayed::<D>(conn, tenant, now, repeatable).await?
        {
            return Ok(Outcome::Replayed(reply));
        }
        let contacts = &self.rules.contacts;
        let mut entries = Vec::new();
        if submission.command.shreds() {
            unsay_answers::<D>(conn, tenant).await?;
        }
        let outcome = match &submission.command {
            Command::Delete {
                id,
                cascade,
                if_match,
            } => {
                let how = (*cascade, *if_match);
                delete_interaction::<D>(conn, &ask, &mut entries, id, how).await?
            }
            Command::DeleteContact { id, if_match } => {
                delete_contact::<D>(conn, &ask, &mut entries, id, *if_match).await?
            }
            Command::MergeContact { id, into } => {
                merge::<D>(conn, &ask, &mut entries, id, into).await?
            }
            Command::UnmergeContact(id) => unmerge::<D>(conn, &ask, &mut entries, id).await?,
            Command::EraseContact(id) => {
                let settings = (self.rules.session_keys.as_slice(), &*self.keys.paths);
                erase::person::<D>(conn, &ask, &mut entries, id, settings).await?
            }
            Command::Restore(chunk) => {
                Outcome::Restored(restore::chunk::<D>(conn, contacts, chunk).await?)
            }
            Command::Rehearse(chunks) => {
                restore::rehearse::<D>(conn, contacts, &**chunks).await?;
                Outcome::Done
            }
            Command::IndexWords => words::reindex::<D>(conn).await?,
            Command::FoldContacts { after } => fold::contacts::<D>(conn, contacts, after).await?,
            Command::CreateToken(token) => upkeep::create_token::<D>(conn, token, ask.at).await?,
            Command::RevokeToken(id) => upkeep::revoke_token::<D>(conn, id).await?,
            Command::ForgetReplies(before) => upkeep::forget_replies::<D>(conn, *before).await?,
            Command::KeepCursors(all) => upkeep::keep_cursors::<D>(conn, all, ask.at).await?,
            Command::ForgetClients(before) => upkeep::forget_clients::<D>(conn, *before).await?,
            Command::DeclareKey(key) => keys::declare::<D>(conn, key).await?,
            Command::FillKey { key, after } => keys::fill::<D>(conn, key, after).await?,
            Command::DropKey(key) => keys::drop_key::<D>(conn, key).await?,
            Command::IndexAttribute(step, attribute) => {
                attributes::step::<D>(conn, *step, *attribute).await?
            }
            Command::Webhook(command) => {
                let of = (tenant, ask.at, head);
                webhook::carry_out::<D>(conn, of, &self.rules, command).await?
            }
            _ => unreachable!("commands that share a transaction do not come here"),
        };
        flush::enter::<D>(conn, head, entries).await?;
        if let Some(repeatable) = &submission.repeatable {
            let at = ask.at.max(now);
            flush::keep_reply::<D>(conn, tenant, at, repeatable, &outcome).await?;
        }
        Ok(outcome)
    }
}

/// The kept reply to a repeated request.
async fn replayed<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    now: Moment,
    repeatable: &Repeatable,
) -> Result<Option<Reply>, StoreError> {
    let (path, key) = (repeatable.path.clone(), repeatable.key.clone());
    let kept = load::kept::<D>(conn, tenant, now, vec![path], vec![key]).await?;
    let first = kept.first();
    let replay = first.map(|(_, _, fingerprint, reply)| repeatable.replay(fingerprint, reply));
    Ok(replay.transpose()?)
}
