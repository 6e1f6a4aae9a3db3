//! Deletes interactions with their descendants, and contacts without interactions.

use std::collections::HashMap;

use crate::domain::Refusal;
use crate::domain::change::Kind;
use crate::domain::client::TAKEN_AWAY;
use crate::domain::command::Outcome;
use crate::domain::requirement::want_revision;
use crate::store::dialect::{Columns, Conn, Dialect};
use crate::store::lineage::{self, Way};
use crate::store::tables::journal::Entry;
use crate::store::writer::erase::{Member, after_all, clear, forget_contacts, members_of};
use crate::store::writer::ledger::Ask;
use crate::store::{StoreError, contact};

/// Removes the content of answers that wait for their clients, since any of them may be about an
/// erased person. The clients are told to ask again.
pub(super) async fn unsay_answers<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
) -> Result<(), StoreError> {
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
    let from = [id.to_owned()];
    let mut all = members_of::<D>(conn, tenant, &from).await?;
    if all.is_empty() {
        return Ok(all);
    }
    let mut below = lineage::walk::<D>(conn, tenant, Way::Down, from, usize::MAX, |_| true).await?;
    below.sort_by(|a, b| (a.depth, &a.of.id).cmp(&(b.depth, &b.of.id)));
    let ids: Vec<String> = below.into_iter().map(|kin| kin.of.id).collect();
    let found = members_of::<D>(conn, tenant, &ids).await?;
    let mut found: HashMap<String, Member> = found
        .into_iter()
        .map(|member| (member.id.clone(), member))
        .collect();
    all.extend(ids.iter().filter_map(|id| found.remove(id)));
    Ok(all)
}

/// Refuses if an interaction has another revision than the one wanted.
async fn at_revision<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
    wanted: Option<i64>,
) -> Result<(), StoreError> {
    if wanted.is_none() {
        return Ok(());
    }
    let sql = "SELECT revision FROM interaction WHERE id = $1 AND tenant_id = $2";
    let rows = D::fetch(conn, sql.into(), vec![id.into(), tenant.into()]).await?;
    if let Some(row) = rows.first() {
        want_revision("interaction", Columns::<D>::of(row).int()?, wanted)?;
    }
    Ok(())
}

/// Deletes an interaction, with all its descendants if `cascade`, and adds an entry for each.
pub(super) async fn delete_interaction<D: Dialect>(
    conn: &mut Conn<D>,
    ask: &Ask<'_>,
    entries: &mut Vec<Entry>,
    id: &str,
    (cascade, if_match): (bool, Option<i64>),
) -> Result<Outcome, StoreError> {
    let gone = with_descendants::<D>(conn, ask.tenant, id).await?;
    if gone.is_empty() {
        return Err(Refusal::no_interaction(id).into());
    }
    at_revision::<D>(conn, ask.tenant, id, if_match).await?;
    if gone.len() > 1 && !cascade {
        return Err(Refusal::Conflict(format!(
            "the interaction has {} descendants; cascade=true deletes them too",
            gone.len() - 1
        ))
        .into());
    }
    clear::<D>(conn, ask.tenant, &gone, true).await?;
    let at = after_all(ask.at, &gone);
    let entry = || ask.entry(Kind::InteractionDeleted, at, "{}".to_owned());
    entries.extend(gone.iter().map(|member| member.told(entry())));
    Ok(Outcome::Deleted(
        gone.into_iter().map(|member| member.id).collect(),
    ))
}

/// Deletes a contact without interactions, and adds the entry.
pub(super) async fn delete_contact<D: Dialect>(
    conn: &mut Conn<D>,
    ask: &Ask<'_>,
    entries: &mut Vec<Entry>,
    id: &str,
    if_match: Option<i64>,
) -> Result<Outcome, StoreError> {
    let Some(one) = contact::one::<D>(conn, ask.tenant, id).await? else {
        return Err(Refusal::no_contact(id).into());
    };
    want_revision("contact", one.revision, if_match)?;
    let family = contact::family::<D>(conn, ask.tenant, id).await?;
    if family.len() > 1 {
        return Err(Refusal::Conflict(
            "other contacts were merged into it; unmerge them first".to_owned(),
        )
        .into());
    }
    let sql = "SELECT id FROM interaction WHERE tenant_id = $1 AND contact_id = $2 LIMIT 1";
    if !D::fetch(conn, sql.into(), vec![ask.tenant.into(), id.into()])
        .await?
        .is_empty()
    {
        return Err(Refusal::Conflict(
            "the contact has interactions; erase it, or assign them to another contact first"
                .to_owned(),
        )
        .into());
    }
    forget_contacts::<D>(conn, ask.tenant, &family).await?;
    let at = ask.at.following(one.modified_date);
    entries.push(
        ask.entry(Kind::ContactErased, at, "{}".to_owned())
            .of_contact(id),
    );
    Ok(Outcome::Done)
}
