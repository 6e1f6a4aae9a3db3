//! Deletes interactions with their descendants, and contacts without interactions.

use crate::domain::Refusal;
use crate::domain::client::TAKEN_AWAY;
use crate::domain::requirement::want_revision;
use crate::store::dialect::{Columns, Conn, Dialect};
use crate::store::writer::erase::{Member, forget_contacts, members};
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
pub(super) async fn with_descendants<D: Dialect>(
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

/// Refuses if a row of `interaction` or `contact` has another revision than the one wanted.
pub(super) async fn row_at_revision<D: Dialect>(
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

pub(super) async fn delete_contact<D: Dialect>(
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
