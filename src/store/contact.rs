//! Reads contacts, their merged identities, and their attributes.

use std::collections::HashMap;

use super::StoreError;
use super::dialect::{Arg, Columns, Conn, Dialect, RowOf};
pub use super::tables::contact::{CONTACT, contact};
use super::tables::qualified;
use crate::domain::contact::{Attributes, Contact};

/// A `SELECT` of the contacts `c`, as [`contact`] reads them, without a condition.
pub fn select() -> String {
    format!("SELECT {} FROM contact c WHERE ", qualified("c", CONTACT))
}

/// The attributes of several contacts, by contact.
pub async fn attributes<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    ids: Vec<String>,
) -> Result<HashMap<String, Attributes>, StoreError> {
    let sql = format!(
        "SELECT contact_id, name, value FROM contact_attribute WHERE tenant_id = $1 AND {} \
         ORDER BY contact_id, name, position",
        D::is_any("contact_id", 2)
    );
    let mut found: HashMap<String, Attributes> = HashMap::new();
    for row in D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await? {
        let mut row = Columns::<D>::of(&row);
        let (id, name, value) = (row.text()?, row.text()?, row.text()?);
        found
            .entry(id)
            .or_default()
            .entry(name)
            .or_default()
            .push(value);
    }
    Ok(found)
}

/// One contact with its attributes.
pub async fn one<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Option<Contact>, StoreError> {
    let sql = format!("{}c.tenant_id = $1 AND c.id = $2", select());
    let rows = D::fetch(conn, sql.into(), vec![tenant.into(), id.into()]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let mut found = contact::<D>(&mut Columns::<D>::of(row))?;
    found.attributes = attributes::<D>(conn, tenant, vec![id.to_owned()])
        .await?
        .remove(id)
        .unwrap_or_default();
    Ok(Some(found))
}

/// Those of these contacts that exist, with their attributes.
pub async fn several<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    ids: Vec<String>,
) -> Result<Vec<Contact>, StoreError> {
    let sql = format!("{}c.tenant_id = $1 AND {}", select(), D::is_any("c.id", 2));
    let rows = D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await?;
    with_attributes::<D>(conn, tenant, &rows).await
}

async fn with_attributes<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    rows: &[RowOf<D>],
) -> Result<Vec<Contact>, StoreError> {
    let mut found = rows
        .iter()
        .map(|row| contact::<D>(&mut Columns::<D>::of(row)))
        .collect::<Result<Vec<_>, _>>()?;
    let ids = found.iter().map(|contact| contact.id.clone()).collect();
    let mut known = attributes::<D>(conn, tenant, ids).await?;
    for contact in &mut found {
        contact.attributes = known.remove(&contact.id).unwrap_or_default();
    }
    Ok(found)
}

/// A page of contacts with their attributes, by identifier.
pub async fn page<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    after: &str,
    limit: i64,
) -> Result<Vec<Contact>, StoreError> {
    let sql = format!(
        "{}c.tenant_id = $1 AND c.id > $2 ORDER BY c.id LIMIT +$3",
        select()
    );
    let rows = D::fetch(
        conn,
        sql.into(),
        vec![tenant.into(), after.into(), limit.into()],
    )
    .await?;
    with_attributes::<D>(conn, tenant, &rows).await
}

/// A contact and all contacts merged into it, directly or indirectly; itself first. Empty if there
/// is no such contact.
pub async fn family<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Vec<String>, StoreError> {
    let sql = "WITH RECURSIVE family (id, tenant_id, depth) AS ( \
                   SELECT id, tenant_id, 0 FROM contact WHERE tenant_id = $1 AND id = $2 \
                   UNION \
                   SELECT c.id, c.tenant_id, f.depth + 1 FROM family f CROSS JOIN contact c \
                   WHERE c.merged_into = f.id AND c.tenant_id = f.tenant_id AND f.depth < 1000 \
               ) SELECT id FROM family ORDER BY depth, id";
    let rows = D::fetch(conn, sql.into(), vec![tenant.into(), id.into()]).await?;
    rows.iter()
        .map(|row| Ok(Columns::<D>::of(row).text()?))
        .collect()
}

/// A person with all identities: the contact at the end of all merges, and all contacts merged into
/// it.
pub async fn person<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Vec<String>, StoreError> {
    let sql = "WITH RECURSIVE up (id, tenant_id, merged_into, depth) AS ( \
                   SELECT id, tenant_id, merged_into, 0 FROM contact WHERE tenant_id = $1 AND id = $2 \
                   UNION ALL \
                   SELECT c.id, c.tenant_id, c.merged_into, up.depth + 1 FROM up CROSS JOIN contact c \
                   WHERE c.id = up.merged_into AND c.tenant_id = up.tenant_id AND up.depth < 1000 \
               ) SELECT id FROM up ORDER BY depth DESC LIMIT 1";
    let rows = D::fetch(conn, sql.into(), vec![tenant.into(), id.into()]).await?;
    match rows.first() {
        Some(row) => family::<D>(conn, tenant, &Columns::<D>::of(row).text()?).await,
        None => Ok(Vec::new()),
    }
}
