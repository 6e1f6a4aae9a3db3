//! Loads the kept replies to repeatable requests, and when something was last deleted or erased.

use std::collections::BTreeSet;

use crate::domain::change::Kind;
use crate::domain::command::REPLY_KEPT;
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

pub(super) async fn replies<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    wanted: &BTreeSet<(&str, &str)>,
) -> Result<(), StoreError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let since = ledger.now().plus_micros(-REPLY_KEPT);
    let sql = format!(
        "SELECT path, key, {} FROM kept_reply \
         WHERE tenant_id = $1 AND path IN {} AND key IN {} AND created_date > $4",
        REPLY.join(", "),
        D::any_of(2),
        D::any_of(3)
    );
    let (paths, keys): (BTreeSet<&str>, BTreeSet<&str>) = wanted.iter().copied().unzip();
    let texts = |set: BTreeSet<&str>| Arg::Texts(set.into_iter().map(str::to_owned).collect());
    for row in D::fetch(
        conn,
        sql.into(),
        vec![tenant.into(), texts(paths), texts(keys), since.into()],
    )
    .await?
    {
        let mut row = Columns::<D>::of(&row);
        let place = (tenant, row.text()?, row.text()?);
        let (fingerprint, reply) = reply::<D>(&mut row)?;
        let kept = Kept {
            fingerprint,
            reply,
            interaction_id: None,
            contact_id: None,
            new_at: None,
        };
        ledger.replies.insert(place, kept);
    }
    Ok(())
}
