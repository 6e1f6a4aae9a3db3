//! Loads the kept replies to repeatable requests, and when something was last deleted or erased.

use std::collections::BTreeSet;

use crate::domain::Moment;
use crate::domain::change::Kind;
use crate::domain::command::{REPLY_KEPT, Reply};
use crate::store::StoreError;
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::tables::reply::{REPLY, reply};
use crate::store::writer::ledger::{Kept, Ledger};

/// The last deletion or erasure after a cursor.
pub(super) async fn erased_after<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    cursor: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = format!(
        "SELECT MAX(cursor) FROM journal WHERE tenant_id = $1 AND cursor > $2 AND kind IN {}",
        D::any_of(3)
    );
    let kinds = Kind::TAKE_AWAY.map(|kind| kind.name().to_owned()).to_vec();
    let args = vec![tenant.into(), cursor.into(), Arg::Texts(kinds)];
    let rows = D::fetch(conn, sql.into(), args).await?;
    Ok(match rows.first() {
        Some(row) => Columns::<D>::of(row).maybe_int()?,
        None => None,
    })
}

/// The replies kept for requests of these paths with these keys: path, key, fingerprint of the
/// request, and reply.
pub(in crate::store::writer) async fn kept<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    now: Moment,
    paths: Vec<String>,
    keys: Vec<String>,
) -> Result<Vec<(String, String, Vec<u8>, Reply)>, StoreError> {
    let sql = format!(
        "SELECT path, key, {} FROM kept_reply \
         WHERE tenant_id = $1 AND path IN {} AND key IN {} AND created_date > $4",
        REPLY.join(", "),
        D::any_of(2),
        D::any_of(3)
    );
    let since = now.plus_micros(-REPLY_KEPT);
    let args = vec![
        tenant.into(),
        Arg::Texts(paths),
        Arg::Texts(keys),
        since.into(),
    ];
    let rows = D::fetch(conn, sql.into(), args).await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::<D>::of(row);
            let (path, key) = (row.text()?, row.text()?);
            let (fingerprint, reply) = reply::<D>(&mut row)?;
            Ok((path, key, fingerprint, reply))
        })
        .collect()
}

pub(super) async fn replies<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    wanted: &BTreeSet<(&str, &str)>,
) -> Result<(), StoreError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let (paths, keys): (BTreeSet<&str>, BTreeSet<&str>) = wanted.iter().copied().unzip();
    let texts = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect();
    let found = kept::<D>(conn, tenant, ledger.now(), texts(paths), texts(keys)).await?;
    for (path, key, fingerprint, reply) in found {
        let kept = Kept {
            fingerprint,
            reply,
            interaction_id: None,
            contact_id: None,
            new_at: None,
        };
        ledger.replies.insert((tenant, path, key), kept);
    }
    Ok(())
}
