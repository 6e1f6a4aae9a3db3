//! Writes the rows of an archive.

use std::fmt::Write;

use crate::domain::Refusal;
use crate::domain::archive::{Cell, Kind, Row, Type};
use crate::domain::command::Stored;
use crate::domain::contact::ContactRules;
use crate::domain::interaction::Interaction;
use crate::domain::user_data::{self, KeyPath};
use crate::store::archive::{arg, table};
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::writer::flush;
use crate::store::{StoreError, rows};

/// Rows per statement.
const CHUNK: usize = 200;

/// The core attributes of an interaction's row.
pub(super) fn core(row: &Row) -> Result<Interaction, StoreError> {
    serde_json::from_str(row.text("core"))
        .map_err(|_| Refusal::invalid("/interaction/core", "is no interaction").into())
}

/// UserData as this server writes it: searches look for keys and values in the text. An archive
/// that something else wrote may have other escapes or blanks.
fn as_written(user_data: &str) -> String {
    match user_data::read(user_data) {
        Ok(document) => serde_json::to_string(&document).unwrap_or_default(),
        Err(_) => user_data.to_owned(),
    }
}

/// Writes interactions with all derived rows; returns how many.
pub(super) async fn interactions<D: Dialect>(
    conn: &mut Conn<D>,
    all: Vec<Row>,
) -> Result<u64, StoreError> {
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
            user_data: as_written(row.text("user_data")),
        };
        let fingerprint = match row.cell("fingerprint") {
            Cell::Bytes(bytes) => bytes.clone(),
            _ => Vec::new(),
        };
        placed.push((row.int("seq"), fingerprint, stored));
    }
    flush::place::<D>(conn, &keys, &placed).await?;
    Ok(placed.len() as u64)
}

/// A column that the archive omits because it is derived from others.
fn derived(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::ContactAttribute => Some("folded"),
        Kind::IndexedKey => Some("ready"),
        _ => None,
    }
}

/// Writes rows of a kind; returns how many did not exist yet.
pub(super) async fn insert<D: Dialect>(
    conn: &mut Conn<D>,
    rules: &ContactRules,
    kind: Kind,
    all: &[Row],
    merging: bool,
) -> Result<u64, StoreError> {
    let mut written = 0;
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
                // existing interactions have no rows under a new key: a server fills its index
                Kind::IndexedKey => args.push(i64::from(!merging).into()),
                _ => {}
            }
        }
        // an existing key, webhook or token stays as it is
        let operational = [Kind::IndexedKey, Kind::Webhook, Kind::Token, Kind::Reply];
        if operational.contains(&kind) {
            write!(sql, " ON CONFLICT DO NOTHING").expect("a String takes all that is written");
        }
        written += D::execute(conn, sql.into(), args).await?;
    }
    Ok(written)
}
