//! Declares and drops indexed keys, and fills their index.

use crate::domain::Refusal;
use crate::domain::command::Outcome;
use crate::domain::user_data::KeyPath;
use crate::store::dialect::{Conn, Dialect};
use crate::store::tables::indexed_key::DECLARED;
use crate::store::tables::interaction::INDEX;
use crate::store::writer::flush;
use crate::store::{StoreError, rows};

/// Interactions that one statement works on.
const PORTION: usize = 500;

/// Tells every writer that the declared keys changed, or that a restore began or ended.
pub(in crate::store::writer) async fn keys_moved<D: Dialect>(
    conn: &mut Conn<D>,
) -> Result<(), StoreError> {
    let sql = "UPDATE journal_head SET key_version = key_version + 1 WHERE id = 1";
    D::execute(conn, sql.into(), Vec::new()).await?;
    Ok(())
}

/// Indexes the next interactions under a declared key. After the last one, the key is ready for
/// searches.
pub(super) async fn fill<D: Dialect>(
    conn: &mut Conn<D>,
    key: &KeyPath,
    after: &str,
) -> Result<Outcome, StoreError> {
    let name = key.to_string();
    let sql = "SELECT ready FROM indexed_key WHERE key = $1";
    if D::fetch(conn, sql.into(), vec![name.as_str().into()])
        .await?
        .is_empty()
    {
        return Err(Refusal::NotFound("indexed key", name).into());
    }
    let sql = format!(
        "SELECT {} FROM interaction i{} WHERE i.id > $1 ORDER BY i.id, i.tenant_id LIMIT +$2",
        rows::columns(false),
        rows::JOIN_JSON
    );
    let limit = i64::try_from(PORTION * 4).unwrap_or(i64::MAX);
    let found = D::fetch(conn, sql.into(), vec![after.into(), limit.into()]).await?;
    let full = found.len() == PORTION * 4;
    let mut stored = Vec::with_capacity(found.len());
    for row in &found {
        stored.push(rows::stored::<D>(row, false)?);
    }
    if full && let Some(last) = stored.last().map(|one| one.interaction.id.clone()) {
        // tenants may share an identifier: a page ends between identifiers, not within one
        if stored
            .first()
            .is_some_and(|first| first.interaction.id != last)
        {
            stored.retain(|one| one.interaction.id != last);
        }
    }
    let mut index = INDEX.batch(stored.len());
    for one in &stored {
        flush::index(&mut index, std::slice::from_ref(key), one);
    }
    index.write::<D>(conn).await?;
    if !full {
        D::execute(
            conn,
            "UPDATE indexed_key SET ready = 1 WHERE key = $1".into(),
            vec![name.into()],
        )
        .await?;
    }
    let last = if full {
        stored.last().map(|one| one.interaction.id.clone())
    } else {
        None
    };
    Ok(Outcome::Filled {
        last,
        done: stored.len(),
    })
}

/// Declares a key. Its index is filled by further commands.
pub(super) async fn declare<D: Dialect>(
    conn: &mut Conn<D>,
    key: &KeyPath,
) -> Result<Outcome, StoreError> {
    let mut row = DECLARED.batch(1);
    row.push(&(key.to_string(), false));
    row.write::<D>(conn).await?;
    keys_moved::<D>(conn).await?;
    Ok(Outcome::Done)
}

/// Drops a key with its index.
pub(super) async fn drop_key<D: Dialect>(
    conn: &mut Conn<D>,
    key: &KeyPath,
) -> Result<Outcome, StoreError> {
    let name = key.to_string();
    let sql = "DELETE FROM indexed_key WHERE key = $1";
    let known = D::execute(conn, sql.into(), vec![name.as_str().into()]).await?;
    if known == 0 {
        return Err(Refusal::NotFound("indexed key", name).into());
    }
    let sql = "DELETE FROM user_data_index WHERE key = $1";
    D::execute(conn, sql.into(), vec![name.into()]).await?;
    keys_moved::<D>(conn).await?;
    Ok(Outcome::Done)
}
