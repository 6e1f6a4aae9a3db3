//! The notes of what a merge leaves out, in `archive_left_out`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Subject;
use crate::domain::archive::{Kind, LeftOut, Standing};
use crate::store::StoreError;
use crate::store::bulk::{self, Many};
use crate::store::dialect::{Arg, Columns, Conn, Dialect};

/// The largest number of left-out items that are listed; further ones are only counted.
const NAMED: i64 = 20;

/// Notes left-out items. One that was noted before gets the more serious standing.
pub(super) const NOTE: Many = Many::new(
    "INSERT INTO archive_left_out (kind, tenant_id, id, standing) VALUES",
    &[],
    4,
    " ON CONFLICT (kind, tenant_id, id) DO UPDATE SET standing = excluded.standing \
            WHERE excluded.standing > archive_left_out.standing",
);

/// Notes left-out items that are not noted yet.
pub(super) const NOTE_NEW: Many = Many::new(
    "INSERT INTO archive_left_out (kind, tenant_id, id, standing) VALUES",
    &[],
    4,
    " ON CONFLICT (kind, tenant_id, id) DO NOTHING",
);

/// Notes left-out items; returns how many notes changed.
pub(super) async fn note<D: Dialect>(
    conn: &mut Conn<D>,
    statement: &Many,
    all: impl IntoIterator<Item = (Subject, Standing)>,
) -> Result<u64, StoreError> {
    let mut args = Vec::new();
    for ((kind, tenant, id), standing) in all {
        args.extend([
            kind.name().into(),
            tenant.into(),
            id.into(),
            standing.code().into(),
        ]);
    }
    bulk::run::<D>(conn, statement, args).await
}

/// Subjects by kind and tenant, for one statement each.
pub(super) fn grouped(all: BTreeSet<Subject>) -> BTreeMap<(Kind, i64), Vec<String>> {
    let mut groups: BTreeMap<(Kind, i64), Vec<String>> = BTreeMap::new();
    for (kind, tenant, id) in all {
        groups.entry((kind, tenant)).or_default().push(id);
    }
    groups
}

/// Those of the subjects that were noted, with their standing.
pub(super) async fn left_out<D: Dialect>(
    conn: &mut Conn<D>,
    all: BTreeSet<Subject>,
) -> Result<HashMap<Subject, Standing>, StoreError> {
    let sql = format!(
        "SELECT id, standing FROM archive_left_out WHERE kind = $3 AND tenant_id = $1 AND id IN {}",
        D::any_of(2)
    );
    let mut found = HashMap::new();
    for ((kind, tenant), ids) in grouped(all) {
        let args = vec![tenant.into(), Arg::Texts(ids), kind.name().into()];
        for row in &D::fetch(conn, sql.clone().into(), args).await? {
            let mut row = Columns::<D>::of(row);
            let subject = (kind, tenant, row.text()?);
            found.insert(subject, Standing::of_code(row.int()?));
        }
    }
    Ok(found)
}

/// Deletes the notes. Returns what was left out although it differs from the stored item.
pub async fn end<D: Dialect>(conn: &mut Conn<D>) -> Result<LeftOut, StoreError> {
    let sql = "SELECT COUNT(*) FROM archive_left_out WHERE standing > 0";
    let counted = D::fetch(conn, sql.into(), Vec::new()).await?;
    let mut left_out = LeftOut::default();
    if let Some(row) = counted.first() {
        left_out.count = u64::try_from(Columns::<D>::of(row).int()?).unwrap_or(0);
    }
    let sql = "SELECT kind, id, standing FROM archive_left_out WHERE standing > 0 \
               ORDER BY kind, tenant_id, id LIMIT +$1";
    for row in &D::fetch(conn, sql.into(), vec![NAMED.into()]).await? {
        let mut row = Columns::<D>::of(row);
        if let Some(kind) = Kind::of_name(&row.text()?) {
            let (id, standing) = (row.text()?, Standing::of_code(row.int()?));
            left_out.first.push((kind, id, standing));
        }
    }
    D::execute(conn, "DELETE FROM archive_left_out".into(), Vec::new()).await?;
    Ok(left_out)
}
