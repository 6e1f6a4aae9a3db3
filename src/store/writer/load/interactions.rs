//! Loads interactions: those that commands name, their relatives, and the web engagements of a
//! visit.

use std::collections::{BTreeMap, BTreeSet};

use super::Needs;
use crate::domain::interaction::WEB_ENGAGEMENT;
use crate::store::StoreError;
use crate::store::dialect::{Arg, Columns, Conn, Dialect, RowOf};
use crate::store::lineage::{self, Way};
use crate::store::rows;
use crate::store::writer::flush::INDEXED_CHARACTERS;
use crate::store::writer::ledger::{Held, LARGEST_MOVE, Ledger};

/// The largest number of web engagements examined for one visit.
const MOST_OF_A_VISIT: usize = 100;

/// The identifiers of the ancestors and descendants of interactions: for each, as many as may move
/// at once, and one more.
async fn relatives<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    needs: &Needs<'_>,
) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for (of, way) in [(&needs.parents, Way::Up), (&needs.moved, Way::Down)] {
        let of: Vec<String> = of.iter().map(|id| (*id).to_owned()).collect();
        let most = (LARGEST_MOVE + 2).saturating_mul(of.len());
        let all = lineage::walk::<D>(conn, tenant, way, of.clone(), most, |_| true).await?;
        if all.len() < most || of.len() == 1 {
            found.extend(all.into_iter().map(|kin| kin.of.id));
            continue;
        }
        // one with many relatives takes nothing from the others
        for one in of {
            let most = LARGEST_MOVE + 2;
            let all = lineage::walk::<D>(conn, tenant, way, [one], most, |_| true).await?;
            found.extend(all.into_iter().map(|kin| kin.of.id));
        }
    }
    Ok(found)
}

/// Rows for each of several values, up to a limit per value. The last two arguments of the
/// statement are the values and the limit.
///
/// If the limit may have cut rows off, each value is queried separately, so that one with many rows
/// takes nothing from the others.
async fn up_to<D: Dialect>(
    conn: &mut Conn<D>,
    sql: &str,
    before: Vec<Arg>,
    values: Vec<String>,
    most: usize,
) -> Result<Vec<RowOf<D>>, StoreError> {
    let args = |values: Vec<String>| {
        let limit = i64::try_from(most.saturating_mul(values.len())).unwrap_or(i64::MAX);
        let mut args = before.clone();
        args.extend([Arg::Texts(values), limit.into()]);
        args
    };
    let rows = D::fetch(conn, sql.to_owned().into(), args(values.clone())).await?;
    if rows.len() < most.saturating_mul(values.len()) || values.len() == 1 {
        return Ok(rows);
    }
    let mut rows = Vec::new();
    for value in values {
        rows.extend(D::fetch(conn, sql.to_owned().into(), args(vec![value])).await?);
    }
    Ok(rows)
}

/// Web engagements with one of these values, newest first; indexed in the ledger by value.
async fn engagements<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    needs: &Needs<'_>,
) -> Result<Vec<String>, StoreError> {
    let mut by_key: BTreeMap<usize, BTreeMap<String, BTreeSet<&str>>> = BTreeMap::new();
    for (place, value) in &needs.visits {
        let cut = value.chars().take(INDEXED_CHARACTERS).collect();
        let values = by_key.entry(*place).or_default();
        values.entry(cut).or_default().insert(value);
    }
    let mut found = Vec::new();
    for (place, values) in by_key {
        let sql = format!(
            "SELECT x.text_value, x.interaction_id FROM user_data_index x \
             JOIN interaction i ON i.id = x.interaction_id AND i.tenant_id = x.tenant_id \
             WHERE x.tenant_id = $1 AND x.key = $2 AND x.text_value IN {} AND i.media_type = '{WEB_ENGAGEMENT}' \
             ORDER BY x.start_date DESC LIMIT +$4",
            D::any_of(3)
        );
        let key = ledger.rules.link_by[place].to_string();
        let before = vec![tenant.into(), key.into()];
        let cut = values.keys().cloned().collect();
        for row in up_to::<D>(conn, &sql, before, cut, MOST_OF_A_VISIT).await? {
            let mut row = Columns::<D>::of(&row);
            let (cut, id) = (row.text()?, row.text()?);
            for value in values.get(&cut).into_iter().flatten() {
                let key = (tenant, place, (*value).to_owned());
                ledger.visits.entry(key).or_default().push(id.clone());
            }
            found.push(id);
        }
    }
    Ok(found)
}

pub(super) async fn interactions<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    needs: &Needs<'_>,
) -> Result<(), StoreError> {
    let mut wanted: BTreeSet<String> = needs
        .interactions
        .iter()
        .map(|id| (*id).to_owned())
        .collect();
    wanted.extend(relatives::<D>(conn, tenant, needs).await?);
    wanted.extend(engagements::<D>(ledger, conn, tenant, needs).await?);
    if wanted.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "{}i.tenant_id = $1 AND i.id IN {}",
        rows::select_placed(", i.fingerprint"),
        D::any_of(2)
    );
    let ids = wanted.into_iter().collect();
    for row in D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await? {
        hold::<D>(ledger, tenant, &row)?;
    }
    Ok(())
}

/// The oldest interaction for each external identifier and media type.
pub(super) async fn by_external_id<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    wanted: &BTreeSet<(&str, &str)>,
) -> Result<(), StoreError> {
    for (external_id, media_type) in wanted {
        let sql = format!(
            "{}i.tenant_id = $1 AND i.external_id = $2 AND i.media_type = $3 \
             ORDER BY i.start_date, i.id LIMIT 1",
            rows::select_placed(", i.fingerprint")
        );
        let args = vec![tenant.into(), (*external_id).into(), (*media_type).into()];
        for row in D::fetch(conn, sql.into(), args).await? {
            hold::<D>(ledger, tenant, &row)?;
        }
    }
    Ok(())
}

/// Puts a stored interaction into the ledger.
fn hold<D: Dialect>(
    ledger: &mut Ledger<'_>,
    tenant: i64,
    row: &RowOf<D>,
) -> Result<(), StoreError> {
    let (seq, stored) = rows::placed::<D>(row)?;
    let fingerprint = D::bytes(row, rows::AFTER_PLACED)?.unwrap_or_default();
    ledger.interactions.insert(
        (tenant, stored.interaction.id.clone()),
        Held::loaded(stored, fingerprint, seq),
    );
    Ok(())
}
