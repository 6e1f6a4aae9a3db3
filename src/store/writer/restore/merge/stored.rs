//! How the items of an archive compare with those in the store.

use std::collections::{BTreeSet, HashMap};

use super::Subject;
use super::notes::grouped;
use crate::domain::archive::{Cell, Kind, Row, Standing};
use crate::domain::change;
use crate::store::archive::table;
use crate::store::core::unpack;
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::writer::restore::rows::core;
use crate::store::{StoreError, rows};

/// The largest number of entries of the journal that are looked up at once.
const ENTRIES: usize = 100;

/// The cursors of deliveries whose entries of the journal were restored.
pub(super) async fn entered<D: Dialect>(
    conn: &mut Conn<D>,
    deliveries: &[Row],
) -> Result<BTreeSet<i64>, StoreError> {
    let cursors: Vec<i64> = deliveries.iter().map(|row| row.int("cursor")).collect();
    let mut found = BTreeSet::new();
    for portion in cursors.chunks(ENTRIES) {
        let places: Vec<String> = (1..=portion.len()).map(|n| format!("${n}")).collect();
        let sql = format!(
            "SELECT cursor FROM journal WHERE cursor IN ({})",
            places.join(", ")
        );
        let args = portion.iter().map(|cursor| Arg::from(*cursor)).collect();
        for row in &D::fetch(conn, sql.into(), args).await? {
            found.insert(Columns::<D>::of(row).int()?);
        }
    }
    Ok(found)
}

/// Those of the contacts that were erased here: the journal says so, and they are not in the store.
/// A restore of them would undo the erasure.
pub(super) async fn erased<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    ids: Vec<String>,
) -> Result<BTreeSet<String>, StoreError> {
    let sql = format!(
        "SELECT DISTINCT j.contact_id FROM journal j WHERE j.tenant_id = $1 AND j.contact_id IN {} AND j.interaction_id = '' AND j.kind = $3 \
         AND NOT EXISTS (SELECT 1 FROM contact c WHERE c.id = j.contact_id AND c.tenant_id = j.tenant_id)",
        D::any_of(2)
    );
    let kind = change::Kind::ContactErased.name();
    let args = vec![tenant.into(), Arg::Texts(ids), kind.into()];
    let rows = D::fetch(conn, sql.into(), args).await?;
    rows.iter()
        .map(|row| Ok(Columns::<D>::of(row).text()?))
        .collect()
}

/// How rows of a kind compare with the stored items of the same identifiers.
pub(super) async fn compared<D: Dialect>(
    conn: &mut Conn<D>,
    kind: Kind,
    tenant: i64,
    all: &[(Subject, &Row)],
) -> Result<Vec<(Subject, Standing)>, StoreError> {
    let ids: BTreeSet<&String> = all.iter().map(|(subject, _)| &subject.2).collect();
    let ids = Arg::Texts(ids.into_iter().cloned().collect());
    let any = D::any_of(2);
    let sql = match kind {
        Kind::Interaction => format!(
            "SELECT i.id, i.fingerprint, j.core, j.user_data FROM interaction i{} WHERE i.tenant_id = $1 AND i.id IN {any}",
            rows::JOIN_JSON
        ),
        Kind::Contact => format!(
            "SELECT id, fingerprint, merged_into, revision FROM contact WHERE tenant_id = $1 AND id IN {any}"
        ),
        _ => format!(
            "SELECT action_id, fingerprint, state, event FROM web_action WHERE tenant_id = $1 AND action_id IN {any}"
        ),
    };
    let mut here: HashMap<String, Vec<Here>> = HashMap::new();
    for row in &D::fetch(conn, sql.into(), vec![tenant.into(), ids]).await? {
        let mut row = Columns::<D>::of(row);
        let (id, fingerprint, first) = (row.text()?, row.bytes()?, row.text()?);
        let second = if kind == Kind::Contact {
            row.int()?.to_string()
        } else {
            row.text()?
        };
        let one = Here {
            fingerprint,
            first,
            second,
        };
        here.entry(id).or_default().push(one);
    }
    let mut found = Vec::new();
    for (subject, row) in all {
        if let Some(here) = here.get(&subject.2) {
            found.push((subject.clone(), standing(row, here)?));
        }
    }
    Ok(found)
}

/// A stored item: the fingerprint, and the two columns that tell whether it is as in the archive.
struct Here {
    fingerprint: Vec<u8>,
    first: String,
    second: String,
}

fn standing(row: &Row, here: &[Here]) -> Result<Standing, StoreError> {
    let print = match row.cell("fingerprint") {
        Cell::Bytes(print) => print.as_slice(),
        _ => &[],
    };
    let mut standing = Standing::Another;
    for one in here {
        let equal = match row.kind {
            Kind::Interaction => {
                let stored = serde_json::from_str(&unpack(&one.first)?)
                    .map_err(|_| StoreError::inconsistent("interaction_json", "core"))?;
                core(row)? == stored && row.text("user_data") == one.second
            }
            Kind::Contact => {
                row.text("merged_into") == one.first
                    && row.int("revision").to_string() == one.second
            }
            _ => row.text("state") == one.first && row.text("event") == one.second,
        };
        let same = match (print == one.fingerprint, equal) {
            (true, true) => Standing::Same,
            (true, false) if !print.is_empty() => Standing::Changed,
            _ => Standing::Another,
        };
        standing = standing.min(same);
    }
    Ok(standing)
}

/// Those of the subjects that are in the store.
pub(super) async fn existing<D: Dialect>(
    conn: &mut Conn<D>,
    all: &BTreeSet<Subject>,
) -> Result<BTreeSet<Subject>, StoreError> {
    let mut found = BTreeSet::new();
    for ((kind, tenant), ids) in grouped(all.clone()) {
        let id = if kind == Kind::WebAction {
            "action_id"
        } else {
            "id"
        };
        let sql = format!(
            "SELECT DISTINCT {id} FROM {} WHERE tenant_id = $1 AND {id} IN {}",
            table(kind),
            D::any_of(2)
        );
        for row in &D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await? {
            found.insert((kind, tenant, Columns::<D>::of(row).text()?));
        }
    }
    Ok(found)
}

/// Those of the subjects that are deleted both here and in the archive, and that the journal here
/// reports: a second merge must not report them again.
pub(super) async fn told_before<D: Dialect>(
    conn: &mut Conn<D>,
    all: BTreeSet<Subject>,
    offset: i64,
) -> Result<BTreeSet<Subject>, StoreError> {
    let live = existing::<D>(conn, &all).await?;
    let gone = all.difference(&live).cloned().collect();
    let mut told = BTreeSet::new();
    for ((kind, tenant), ids) in grouped(gone) {
        let (column, alone) = match kind {
            Kind::Interaction => ("interaction_id", " AND interaction_id <> ''"),
            Kind::WebAction => ("action_id", ""),
            _ => (
                "contact_id",
                " AND interaction_id = '' AND action_id IS NULL",
            ),
        };
        let sql = format!(
            "SELECT DISTINCT {column} FROM journal WHERE tenant_id = $1 AND {column} IN {} AND cursor <= $3{alone}",
            D::any_of(2)
        );
        let args = vec![tenant.into(), Arg::Texts(ids), offset.into()];
        for row in &D::fetch(conn, sql.into(), args).await? {
            told.insert((kind, tenant, Columns::<D>::of(row).text()?));
        }
    }
    Ok(told)
}
