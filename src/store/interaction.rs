//! Reads single interactions and their families.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::dialect::{Arg, Columns, Conn, Dialect};
use super::grouped::Kind;
use super::lineage::{self, Way};
use super::rows::{self, Found};
use super::{StoreError, core, packed};
use crate::domain::Moment;
use crate::domain::command::Stored;

/// The largest number of members of a family in an answer.
pub const LARGEST_FAMILY: usize = 10_000;

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

/// The family of an interaction; `None` if there is no such interaction. The statements must see the
/// same state of the store.
pub async fn family<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Option<Family>, StoreError> {
    let from = [id.to_owned()];
    let up = lineage::walk::<D>(conn, tenant, Way::Up, from, LARGEST_FAMILY, |_| true).await?;
    let Some(root) = up.into_iter().next_back() else {
        return Ok(None);
    };
    let root = root.of.id;
    let (from, most) = ([root.clone()], LARGEST_FAMILY - 1);
    let below = lineage::walk::<D>(conn, tenant, Way::Down, from, most, |_| true).await?;
    let below = below.into_iter().map(|kin| kin.of.id);
    let ids: Vec<String> = std::iter::once(root.clone()).chain(below).collect();
    let select = format!(
        "SELECT i.id, j.core, l.copy_user_data, l.copied_keys, l.linked_by, l.created_date \
         FROM interaction i{} LEFT JOIN link l ON l.child_id = i.id AND l.tenant_id = i.tenant_id \
         WHERE ",
        rows::JOIN_JSON
    );
    let mut members = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(lineage::CHUNK) {
        let mut sql = select.clone();
        let args = lineage::one_of::<D>(&mut sql, tenant, "i.id", chunk);
        for row in &D::fetch(conn, sql.into(), args).await? {
            let mut row = Columns::<D>::of(row);
            members.insert(row.text()?, member::<D>(&mut row)?);
        }
    }
    let mut family = Family {
        root,
        nodes: Vec::with_capacity(ids.len()),
        links: Vec::new(),
    };
    for (found, link) in ids.iter().filter_map(|id| members.remove(id)) {
        family.nodes.push(found);
        family.links.extend(link);
    }
    Ok(Some(family))
}

/// A member of a family, and the link from its parent.
fn member<D: Dialect>(row: &mut Columns<'_, D>) -> Result<(Found, Option<FamilyLink>), StoreError> {
    let found = Found {
        core: core::unpack(&row.text()?)?,
        user_data: "{}".to_owned(),
        texts: None,
    };
    let interaction = found.interaction()?;
    let (copy_user_data, copied_keys) = (row.maybe_text()?, row.maybe_text()?);
    let (linked_by, linked) = (row.maybe_text()?, row.maybe_time()?);
    let link = interaction.parent_id.map(|parent| FamilyLink {
        parent,
        child: interaction.id,
        copy_user_data,
        copied_keys: copied_keys.unwrap_or_else(|| "[]".to_owned()),
        linked_by,
        created_date: linked.unwrap_or(interaction.created_date),
    });
    Ok((found, link))
}
