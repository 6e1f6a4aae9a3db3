//! Restores the rows of an archive, a chunk in a transaction with the place it has come to.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::flush;
use crate::domain::Refusal;
use crate::domain::archive::{Cell, Kind, Restore, Restored, Row, Type};
use crate::domain::command::Stored;
use crate::domain::contact::ContactRules;
use crate::domain::interaction::Interaction;
use crate::domain::user_data::KeyPath;
use crate::store::archive::{arg, restored, table};
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::{StoreError, rows};

/// Rows of one statement.
const CHUNK: usize = 200;

/// Restores the next rows.
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
    let mut kinds: BTreeMap<Kind, Vec<Row>> = BTreeMap::new();
    for row in &restore.rows {
        kinds.entry(row.kind).or_default().push(row.clone());
    }
    for (kind, mut of_kind) in kinds {
        for row in &mut of_kind {
            shift(row, state.offset);
        }
        if restore.merge {
            of_kind = admitted::<D>(conn, kind, of_kind, state.offset, &mut state.left_out).await?;
        }
        match kind {
            Kind::Interaction => interactions::<D>(conn, of_kind).await?,
            kind => insert::<D>(conn, rules, kind, &of_kind).await?,
        }
        if kind == Kind::IndexedKey {
            let sql = "UPDATE journal_head SET key_version = key_version + 1 WHERE id = 1";
            D::execute(conn, sql.into(), Vec::new()).await?;
        }
    }
    state.lines = restore.upto;
    state.finished = restore.last;
    let sql = "UPDATE archive_restore SET lines = $1, finished = $2 WHERE id = 1";
    let args = vec![state.lines.into(), i64::from(state.finished).into()];
    D::execute(conn, sql.into(), args).await?;
    if state.finished {
        D::execute(conn, "DELETE FROM archive_left_out".into(), Vec::new()).await?;
    }
    Ok(state)
}

/// Where this archive's restoring stands; the first chunk finds an empty store, or one that it may be merged into.
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
    if !restore.merge && !is_empty::<D>(conn).await? {
        return Err(Refusal::Conflict(
            "the store is not empty; --merge adds what does not collide".to_owned(),
        )
        .into());
    }
    let offset = crate::store::journal::head::<D>(conn).await?;
    let sql = "INSERT INTO archive_restore (id, archive, lines, cursor_offset, finished) VALUES (1, $1, 0, $2, 0) \
               ON CONFLICT (id) DO UPDATE SET archive = excluded.archive, lines = 0, cursor_offset = excluded.cursor_offset, finished = 0";
    let args = vec![restore.archive.as_str().into(), offset.into()];
    D::execute(conn, sql.into(), args).await?;
    // the cursors of the archive are taken, so that nothing written meanwhile gets one of them
    let sql = "UPDATE journal_head SET last_cursor = $1 WHERE id = 1";
    D::execute(conn, sql.into(), vec![(offset + restore.head).into()]).await?;
    Ok(Restored {
        offset,
        ..Restored::default()
    })
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

/// Moves the cursors of a row behind those of the store.
fn shift(row: &mut Row, offset: i64) {
    let name = match row.kind {
        Kind::Interaction | Kind::WebAction => "seq",
        Kind::Change | Kind::Webhook => "cursor",
        _ => return,
    };
    let moved = row.int(name) + offset;
    row.set(name, Cell::Int(moved));
}

/// What a row is about, in the words of `archive_left_out`.
fn subject(row: &Row) -> Option<(Kind, i64, String)> {
    Some(match row.kind {
        Kind::Interaction => {
            let core = core(row).ok()?;
            (Kind::Interaction, core.tenant_id, core.id)
        }
        Kind::Contact => (
            Kind::Contact,
            row.int("tenant_id"),
            row.text("id").to_owned(),
        ),
        Kind::ContactAttribute => (
            Kind::Contact,
            row.int("tenant_id"),
            row.text("contact_id").to_owned(),
        ),
        Kind::Link => (
            Kind::Interaction,
            row.int("tenant_id"),
            row.text("child_id").to_owned(),
        ),
        Kind::WebAction => (
            Kind::WebAction,
            row.int("tenant_id"),
            row.text("action_id").to_owned(),
        ),
        _ => return None,
    })
}

/// The rows that stand in nobody's way. Of those left out, and of what is about them, the journal is left out too.
async fn admitted<D: Dialect>(
    conn: &mut Conn<D>,
    kind: Kind,
    rows: Vec<Row>,
    offset: i64,
    left_out: &mut Vec<(Kind, String)>,
) -> Result<Vec<Row>, StoreError> {
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        let taken = match kind {
            Kind::Interaction | Kind::Contact | Kind::WebAction => {
                taken::<D>(conn, &row, offset, left_out).await?
            }
            Kind::ContactAttribute | Kind::Link => is_left_out::<D>(conn, subject(&row)).await?,
            Kind::Change => {
                let tenant = row.int("tenant_id");
                let about = [
                    (Kind::Interaction, "interaction_id"),
                    (Kind::WebAction, "action_id"),
                    (Kind::Contact, "contact_id"),
                ];
                let first = about.iter().find(|(_, name)| !row.text(name).is_empty());
                let subject = first.map(|(kind, name)| (*kind, tenant, row.text(name).to_owned()));
                is_left_out::<D>(conn, subject).await?
            }
            _ => false,
        };
        if !taken {
            kept.push(row);
        }
    }
    Ok(kept)
}

/// Whether something else stands in the place of a row; then it is noted.
async fn taken<D: Dialect>(
    conn: &mut Conn<D>,
    row: &Row,
    offset: i64,
    left_out: &mut Vec<(Kind, String)>,
) -> Result<bool, StoreError> {
    let Some((kind, tenant, id)) = subject(row) else {
        return Ok(false);
    };
    let (column, made_before) = match kind {
        Kind::Contact => ("id", ""),
        Kind::WebAction => ("action_id", " AND seq <= $3"),
        _ => ("id", " AND seq <= $3"),
    };
    let sql = format!(
        "SELECT fingerprint FROM {} WHERE tenant_id = $1 AND {column} = $2{made_before}",
        table(kind)
    );
    let mut args: Vec<Arg> = vec![tenant.into(), id.as_str().into()];
    if !made_before.is_empty() {
        args.push(offset.into());
    }
    let found = D::fetch(conn, sql.into(), args).await?;
    if found.is_empty() {
        return Ok(false);
    }
    let prints = found
        .iter()
        .map(|row| Ok(Columns::<D>::of(row).bytes()?))
        .collect::<Result<Vec<Vec<u8>>, StoreError>>()?;
    let same = matches!(row.cell("fingerprint"), Cell::Bytes(print) if prints.contains(print) && !print.is_empty());
    let sql = "INSERT INTO archive_left_out (kind, tenant_id, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let args = vec![kind.name().into(), tenant.into(), id.as_str().into()];
    D::execute(conn, sql.into(), args).await?;
    if !same {
        left_out.push((kind, id));
    }
    Ok(true)
}

async fn is_left_out<D: Dialect>(
    conn: &mut Conn<D>,
    subject: Option<(Kind, i64, String)>,
) -> Result<bool, StoreError> {
    let Some((kind, tenant, id)) = subject else {
        return Ok(false);
    };
    let sql = "SELECT 1 FROM archive_left_out WHERE kind = $1 AND tenant_id = $2 AND id = $3";
    let args = vec![kind.name().into(), tenant.into(), id.into()];
    Ok(!D::fetch(conn, sql.into(), args).await?.is_empty())
}

fn core(row: &Row) -> Result<Interaction, StoreError> {
    let wrong = |what: String| Refusal::invalid("/interaction/core", what);
    Ok(serde_json::from_str(row.text("core"))
        .map_err(|error| wrong(format!("is no interaction: {error}")))?)
}

async fn interactions<D: Dialect>(conn: &mut Conn<D>, all: Vec<Row>) -> Result<(), StoreError> {
    let keys = D::fetch(conn, "SELECT key FROM indexed_key".into(), Vec::new()).await?;
    let keys = keys
        .iter()
        .map(|row| Ok(KeyPath::parse(&Columns::<D>::of(row).text()?)))
        .collect::<Result<Vec<KeyPath>, StoreError>>()?;
    let mut placed = Vec::with_capacity(all.len());
    for row in all {
        let maybe = |name: &str| match row.cell(name) {
            Cell::Text(text) => Some(text.as_str()),
            _ => None,
        };
        let texts = ["text", "structured_text", "comment", "participants"].map(maybe);
        let stored = Stored {
            interaction: core(&row)?,
            texts: Some(rows::texts_of(texts)?),
            user_data: row.text("user_data").to_owned(),
        };
        let fingerprint = match row.cell("fingerprint") {
            Cell::Bytes(bytes) => bytes.clone(),
            _ => Vec::new(),
        };
        placed.push((row.int("seq"), fingerprint, stored));
    }
    flush::place::<D>(conn, &keys, &placed).await
}

/// Columns that the archive does not have, because they follow from others.
fn derived(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::ContactAttribute => Some("folded"),
        Kind::IndexedKey => Some("ready"),
        _ => None,
    }
}

async fn insert<D: Dialect>(
    conn: &mut Conn<D>,
    rules: &ContactRules,
    kind: Kind,
    all: &[Row],
) -> Result<(), StoreError> {
    let mut columns: Vec<&str> = kind.columns().iter().map(|column| column.name).collect();
    columns.extend(derived(kind));
    for rows in all.chunks(CHUNK) {
        let mut sql = format!(
            "INSERT INTO {} ({}) VALUES",
            table(kind),
            columns.join(", ")
        );
        let mut args: Vec<Arg> = Vec::with_capacity(rows.len() * columns.len());
        for (place, row) in rows.iter().enumerate() {
            sql.push_str(if place == 0 { " (" } else { ", (" });
            for n in 0..columns.len() {
                sql.push_str(if n == 0 { "" } else { ", " });
                D::place(&mut sql, place * columns.len() + n + 1);
            }
            sql.push(')');
            for (cell, column) in row.cells.iter().zip(kind.columns()) {
                args.push(match (cell, column.kind) {
                    (Cell::Null, Type::Int) => Arg::Int(None),
                    (Cell::Null, Type::Time) => Arg::Time(None),
                    (cell, _) => arg(cell),
                });
            }
            match kind {
                Kind::ContactAttribute => {
                    let folded = rules.fold(row.text("name"), row.text("value"));
                    args.push(folded.unwrap_or_default().into());
                }
                Kind::IndexedKey => args.push(1.into()),
                _ => {}
            }
        }
        // a key, a webhook or a token that is there already stays as it is
        let operational = [Kind::IndexedKey, Kind::Webhook, Kind::Token, Kind::Reply];
        if operational.contains(&kind) {
            write!(sql, " ON CONFLICT DO NOTHING").expect("a String takes all that is written");
        }
        D::execute(conn, sql.into(), args).await?;
    }
    Ok(())
}
