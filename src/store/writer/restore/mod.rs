//! Restores the rows of an archive, a chunk per transaction, together with the progress.
//!
//! Here is the progress, from the beginning of a restore to its end. `rows` writes the rows, and
//! `merge` decides which of them a store takes that already holds data.

mod merge;
mod rows;

use std::collections::BTreeMap;

use super::alone::keys_moved;
use crate::domain::Refusal;
use crate::domain::archive::{Cell, Chunks, Kind, Restore, Restored, Row};
use crate::domain::contact::ContactRules;
use crate::store::StoreError;
use crate::store::archive::{restored, table};
use crate::store::dialect::{Conn, Dialect};
use rows::{insert, interactions};

/// Restores chunk after chunk. The caller rolls the transaction back.
pub async fn rehearse<D: Dialect>(
    conn: &mut Conn<D>,
    rules: &ContactRules,
    chunks: &dyn Chunks,
) -> Result<(), StoreError> {
    let mut last = None;
    while let Some(next) = chunks.next(last).await {
        last = Some(chunk::<D>(conn, rules, &next).await?);
    }
    Ok(())
}

/// Restores the next rows, or only compares them if requested.
pub async fn chunk<D: Dialect>(
    conn: &mut Conn<D>,
    rules: &ContactRules,
    restore: &Restore,
) -> Result<Restored, StoreError> {
    let mut state = begin::<D>(conn, restore).await?;
    if state.lines != restore.after {
        return Err(Refusal::Conflict(format!(
            "line {} of the archive comes next, not line {}",
            state.lines + 1,
            restore.after + 1
        ))
        .into());
    }
    if restore.survey {
        if state.merging {
            state.noted = merge::survey::<D>(conn, &restore.rows).await?;
        }
        return Ok(state);
    }
    let mut kinds: BTreeMap<Kind, Vec<Row>> = BTreeMap::new();
    for row in &restore.rows {
        kinds.entry(row.kind).or_default().push(row.clone());
    }
    for (kind, mut of_kind) in kinds {
        for row in &mut of_kind {
            shift(row, state.offset);
        }
        if state.merging {
            of_kind = merge::admitted::<D>(conn, kind, of_kind, state.offset).await?;
        }
        state.rows += match kind {
            Kind::Interaction => interactions::<D>(conn, of_kind).await?,
            kind => insert::<D>(conn, rules, kind, &of_kind, state.merging).await?,
        };
        if kind == Kind::IndexedKey {
            keys_moved::<D>(conn).await?;
        }
    }
    state.lines = restore.upto;
    state.finished = restore.last;
    let sql = "UPDATE archive_restore SET lines = $1, finished = $2 WHERE id = 1";
    let args = vec![state.lines.into(), i64::from(state.finished).into()];
    D::execute(conn, sql.into(), args).await?;
    if state.finished {
        find_former::<D>(conn, state.offset).await?;
        // writers take commands again
        keys_moved::<D>(conn).await?;
        state.left_out = merge::end::<D>(conn).await?;
        state.unmoved = state.merging && give_back::<D>(conn, state.offset).await?;
    }
    Ok(state)
}

/// The progress of this archive's restore. A restore begins in an empty store, or in one that the
/// archive may be merged into.
async fn begin<D: Dialect>(conn: &mut Conn<D>, restore: &Restore) -> Result<Restored, StoreError> {
    match restored::<D>(conn).await? {
        Some((archive, state)) if !state.finished => {
            if archive == restore.archive {
                return Ok(state);
            }
            return Err(Refusal::Conflict(
                "another archive is being restored; import that one to its end first".to_owned(),
            )
            .into());
        }
        _ => {}
    }
    let empty = is_empty::<D>(conn).await?;
    if !restore.merge && !empty {
        return Err(Refusal::Conflict(
            "the store is not empty; --merge adds what does not collide".to_owned(),
        )
        .into());
    }
    let offset = crate::store::journal::head::<D>(conn).await?;
    let sql = "INSERT INTO archive_restore (id, archive, lines, cursor_offset, merging, finished) VALUES (1, $1, 0, $2, $3, 0) \
               ON CONFLICT (id) DO UPDATE SET archive = excluded.archive, lines = 0, cursor_offset = excluded.cursor_offset, \
               merging = excluded.merging, finished = 0";
    let args = vec![
        restore.archive.as_str().into(),
        offset.into(),
        i64::from(!empty).into(),
    ];
    D::execute(conn, sql.into(), args).await?;
    // other servers on the same Postgres write nothing until the restore is finished
    keys_moved::<D>(conn).await?;
    // reserve the cursors of the archive, so that concurrent writes get none of them
    let sql = "UPDATE journal_head SET last_cursor = $1 WHERE id = 1";
    let head = offset + restore.head;
    D::execute(conn, sql.into(), vec![head.into()]).await?;
    // a webhook without a backlog skips what is restored; a single cursor cannot express more
    let sql = "UPDATE webhook SET cursor = $1 WHERE cursor >= COALESCE((SELECT MAX(cursor) FROM journal), 0)";
    D::execute(conn, sql.into(), vec![head.into()]).await?;
    Ok(Restored {
        offset,
        merging: !empty,
        ..Restored::default()
    })
}

/// Finds the contacts that restored interactions no longer belong to: their entries say so.
async fn find_former<D: Dialect>(conn: &mut Conn<D>, offset: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO former_contact (interaction_id, tenant_id, contact_id) \
               SELECT DISTINCT j.interaction_id, j.tenant_id, j.contact_id FROM journal j \
               CROSS JOIN interaction i WHERE j.cursor > $1 AND j.contact_id IS NOT NULL \
               AND i.id = j.interaction_id AND i.tenant_id = j.tenant_id \
               AND (i.contact_id IS NULL OR i.contact_id <> j.contact_id) \
               ON CONFLICT (interaction_id, tenant_id, contact_id) DO NOTHING";
    D::execute(conn, sql.into(), vec![offset.into()]).await?;
    Ok(())
}

/// Gives the reserved cursors back if nothing of the archive has one of them. Returns whether it did.
async fn give_back<D: Dialect>(conn: &mut Conn<D>, offset: i64) -> Result<bool, StoreError> {
    for kind in [Kind::Change, Kind::Interaction, Kind::WebAction] {
        let sql = format!(
            "SELECT 1 FROM {} WHERE {} > $1 LIMIT 1",
            table(kind),
            kind.key()[0]
        );
        let found = D::fetch(conn, sql.into(), vec![offset.into()]).await?;
        if !found.is_empty() {
            return Ok(false);
        }
    }
    for sql in [
        "UPDATE webhook SET cursor = $1 WHERE cursor > $1",
        "UPDATE journal_head SET last_cursor = $1 WHERE id = 1",
    ] {
        D::execute(conn, sql.into(), vec![offset.into()]).await?;
    }
    Ok(true)
}

async fn is_empty<D: Dialect>(conn: &mut Conn<D>) -> Result<bool, StoreError> {
    for kind in [
        Kind::Change,
        Kind::Interaction,
        Kind::Contact,
        Kind::WebAction,
        Kind::Webhook,
    ] {
        let sql = format!("SELECT 1 FROM {} LIMIT 1", table(kind));
        if !D::fetch(conn, sql.into(), Vec::new()).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Moves the cursors of a row after those of the store.
fn shift(row: &mut Row, offset: i64) {
    let name = match row.kind {
        Kind::Interaction | Kind::WebAction => "seq",
        Kind::Change | Kind::Webhook | Kind::Delivery => "cursor",
        _ => return,
    };
    let moved = row.int(name) + offset;
    row.set(name, Cell::Int(moved));
}
