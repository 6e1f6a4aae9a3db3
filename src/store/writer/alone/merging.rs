//! Merges contacts, and undoes merges.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::Refusal;
use crate::domain::change::Kind;
use crate::domain::command::Outcome;
use crate::domain::contact::Contact;
use crate::store::dialect::{Conn, Dialect};
use crate::store::tables::contact::{ContactRow, MERGED};
use crate::store::tables::journal::Entry;
use crate::store::writer::ledger::Ask;
use crate::store::{StoreError, contact};

/// Merges a contact into another, and adds the entry, unless they are merged already.
pub(super) async fn merge<D: Dialect>(
    conn: &mut Conn<D>,
    ask: &Ask<'_>,
    entries: &mut Vec<Entry>,
    id: &str,
    into: &str,
) -> Result<Outcome, StoreError> {
    let one = known::<D>(conn, ask, id).await?;
    let family = contact::family::<D>(conn, ask.tenant, id).await?;
    let target = contact::one::<D>(conn, ask.tenant, into).await?;
    let at = ask.at.following(one.modified_date);
    match one.merged(at, into, target.as_ref(), &family)? {
        Some(merged) => {
            let told = (Kind::ContactMerged, json!({ "into": into }));
            moved::<D>(conn, ask, entries, merged, told).await
        }
        None => Ok(Outcome::Contact(Arc::new(one))),
    }
}

/// Undoes a merge, and adds the entry.
pub(super) async fn unmerge<D: Dialect>(
    conn: &mut Conn<D>,
    ask: &Ask<'_>,
    entries: &mut Vec<Entry>,
    id: &str,
) -> Result<Outcome, StoreError> {
    let one = known::<D>(conn, ask, id).await?;
    let at = ask.at.following(one.modified_date);
    let (alone, from) = one.unmerged(at)?;
    let told = (Kind::ContactUnmerged, json!({ "from": from }));
    moved::<D>(conn, ask, entries, alone, told).await
}

async fn known<D: Dialect>(
    conn: &mut Conn<D>,
    ask: &Ask<'_>,
    id: &str,
) -> Result<Contact, StoreError> {
    let found = contact::one::<D>(conn, ask.tenant, id).await?;
    Ok(found.ok_or_else(|| Refusal::no_contact(id))?)
}

/// Writes a contact that was merged, or whose merge was undone, with the entry of that.
async fn moved<D: Dialect>(
    conn: &mut Conn<D>,
    ask: &Ask<'_>,
    entries: &mut Vec<Entry>,
    of: Contact,
    (kind, delta): (Kind, Value),
) -> Result<Outcome, StoreError> {
    let mut row = MERGED.batch(1);
    row.push(&ContactRow {
        of: &of,
        fingerprint: &[],
    });
    row.write::<D>(conn).await?;
    let entry = ask.entry(kind, of.modified_date, delta.to_string());
    entries.push(entry.of_contact(&of.id));
    Ok(Outcome::Contact(Arc::new(of)))
}
