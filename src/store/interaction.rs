//! Reads single interactions and their families.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::dialect::{Arg, Columns, Conn, Dialect};
use super::grouped::Kind;
use super::rows::{self, Found};
use super::{StoreError, core, packed};
use crate::domain::Moment;
use crate::domain::command::Stored;

/// The largest number of members of a family in an answer.
pub const LARGEST_FAMILY: i64 = 10_000;

/// The whole family of an interaction.
#[derive(Clone, Debug)]
pub struct Family {
    /// The oldest ancestor.
    pub root: String,
    /// Every member, parents before children; without UserData and long texts.
    pub nodes: Vec<Found>,
    /// Every link from parent to child.
    pub links: Vec<FamilyLink>,
}

/// A link from parent to child.
#[derive(Clone, Debug)]
pub struct FamilyLink {
    /// Parent.
    pub parent: String,
    /// Child.
    pub child: String,
    /// The copy policy of UserData; `None` for a child that was not created as an engagement.
    pub copy_user_data: Option<String>,
    /// The copied keys as a JSON list.
    pub copied_keys: String,
    /// The origin of the link; `None` for a child that is no engagement.
    pub linked_by: Option<String>,
    /// When the link was created.
    pub created_date: Moment,
}

/// Whole interactions: with UserData and long texts.
pub struct Whole;

impl<D: Dialect> Kind<D> for Whole {
    type Ask = (i64, String);
    type Answer = Option<Arc<Found>>;
    // a group of long interactions may exceed the largest text: then each is read alone
    const LARGEST: usize = 32;

    fn read<'a>(
        conn: &'a mut Conn<D>,
        asked: &'a [(i64, String)],
    ) -> BoxFuture<'a, Result<Vec<Option<Arc<Found>>>, StoreError>> {
        Box::pin(async move {
            let mut known = HashMap::with_capacity(asked.len());
            let columns = [&["i.id"], &rows::JSON_COLUMNS[..], &rows::TEXT_COLUMNS].concat();
            for (tenant, ids) in by_tenant(asked) {
                let sql = format!(
                    "SELECT {} FROM (SELECT {} AS item FROM interaction i{}{} WHERE i.tenant_id = $1 AND {}) AS found",
                    D::JOINED_ITEMS,
                    packed::row(&columns),
                    rows::JOIN_JSON,
                    rows::JOIN_TEXTS,
                    D::is_any("i.id", 2)
                );
                let args = vec![tenant.into(), Arg::Texts(ids)];
                let rows = D::fetch(conn, sql.into(), args).await?;
                let joined = Columns::<D>::of(&rows[0]).maybe_text()?.unwrap_or_default();
                for row in packed::unpack::<7>(&joined) {
                    let [id, json @ .., a, b, c, d] = row?;
                    let mut found = Found::unpacked(json)?;
                    found.texts = Some(rows::texts_of([a, b, c, d])?);
                    known.insert((tenant, id.unwrap_or_default().to_owned()), Arc::new(found));
                }
            }
            Ok(asked.iter().map(|one| known.get(one).cloned()).collect())
        })
    }
}

/// Identifiers by tenant.
fn by_tenant(asked: &[(i64, String)]) -> BTreeMap<i64, Vec<String>> {
    let mut tenants = BTreeMap::<i64, Vec<String>>::new();
    for (tenant, id) in asked {
        tenants.entry(*tenant).or_default().push(id.clone());
    }
    tenants
}

/// Interactions in the order of recording, so parents come before their children.
pub async fn recorded<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, Stored)>, StoreError> {
    let sql = format!(
        "{}i.seq > $1 AND {} = $2 ORDER BY i.seq LIMIT +$3",
        rows::select_placed(""),
        D::unindexed("i.tenant_id")
    );
    let found = D::fetch(
        conn,
        sql.into(),
        vec![after.into(), tenant.into(), limit.into()],
    )
    .await?;
    found.iter().map(rows::placed::<D>).collect()
}

/// The family of an interaction; `None` if there is no such interaction.
pub async fn family<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Option<Family>, StoreError> {
    // the tenant comes from the previous row: with a constant, a Postgres without statistics
    // expects few interactions of it
    let sql = "WITH RECURSIVE up (id, tenant_id, parent_id, depth) AS ( \
                   SELECT id, tenant_id, parent_id, 0 FROM interaction WHERE tenant_id = $1 AND id = $2 \
                   UNION ALL \
                   SELECT i.id, i.tenant_id, i.parent_id, up.depth + 1 FROM up CROSS JOIN interaction i \
                   WHERE i.id = up.parent_id AND i.tenant_id = up.tenant_id AND up.depth < 10000 \
               ) SELECT id FROM up ORDER BY depth DESC LIMIT 1";
    let rows_up = D::fetch(conn, sql.into(), vec![tenant.into(), id.into()]).await?;
    let Some(row) = rows_up.first() else {
        return Ok(None);
    };
    let root = Columns::<D>::of(row).text()?;
    let sql = format!(
        "WITH RECURSIVE below (id, tenant_id, depth) AS ( \
             SELECT id, tenant_id, 0 FROM interaction WHERE tenant_id = $1 AND id = $2 \
             UNION \
             SELECT i.id, i.tenant_id, b.depth + 1 FROM below b CROSS JOIN interaction i \
             WHERE i.parent_id = b.id AND i.tenant_id = b.tenant_id \
         ) SELECT j.core, l.copy_user_data, l.copied_keys, l.linked_by, l.created_date \
         FROM below b CROSS JOIN interaction i{} \
         LEFT JOIN link l ON l.child_id = i.id AND l.tenant_id = i.tenant_id \
         WHERE i.id = b.id AND i.tenant_id = b.tenant_id ORDER BY b.depth, i.start_date, i.id LIMIT +$3",
        rows::JOIN_JSON
    );
    let args = vec![tenant.into(), root.as_str().into(), LARGEST_FAMILY.into()];
    let mut family = Family {
        root,
        nodes: Vec::new(),
        links: Vec::new(),
    };
    for row in D::fetch(conn, sql.into(), args).await? {
        let mut row = Columns::<D>::of(&row);
        let found = Found {
            core: core::unpack(&row.text()?)?,
            user_data: "{}".to_owned(),
            texts: None,
        };
        let interaction = found.interaction()?;
        let (copy_user_data, copied_keys) = (row.maybe_text()?, row.maybe_text()?);
        let (linked_by, linked) = (row.maybe_text()?, row.maybe_time()?);
        if let Some(parent) = &interaction.parent_id {
            family.links.push(FamilyLink {
                parent: parent.clone(),
                child: interaction.id.clone(),
                copy_user_data,
                copied_keys: copied_keys.unwrap_or_else(|| "[]".to_owned()),
                linked_by,
                created_date: linked.unwrap_or(interaction.created_date),
            });
        }
        family.nodes.push(found);
    }
    Ok(Some(family))
}
