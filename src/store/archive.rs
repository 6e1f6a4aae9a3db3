//! Reads a whole store as the rows of an archive, from one snapshot.

use futures_util::future::BoxFuture;

use super::core;
use super::derived::{self, Stray};
use super::dialect::{Arg, Columns, Conn, Dialect, RowOf};
use super::held::Held;
use super::rows::{JOIN_JSON, JOIN_TEXTS};
use super::{StoreError, recording};
use crate::domain::archive::{Cell, Kind, Restored, Row, Type};
use crate::domain::contact::ContactRules;

/// A consistent view of the store while others keep writing. On SQLite, the write-ahead log cannot
/// be reset until it is dropped.
pub trait Snapshot: Send {
    /// The newest cursor.
    fn head(&mut self) -> BoxFuture<'_, Result<i64, StoreError>>;
    /// The number of rows of a kind.
    fn count(&mut self, kind: Kind) -> BoxFuture<'_, Result<i64, StoreError>>;
    /// The next rows of a kind after one, in order: at most `limit`, and fewer if they are long.
    fn rows<'a>(
        &'a mut self,
        kind: Kind,
        after: Option<&'a Row>,
        limit: i64,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>>;
    /// Which of these rows, the next of their kind after one, have columns for filters and sorts that
    /// hold something else than the row.
    fn strays<'a>(
        &'a mut self,
        rules: &'a ContactRules,
        after: Option<&'a Row>,
        rows: &'a [Row],
    ) -> BoxFuture<'a, Result<Vec<Stray>, StoreError>>;
}

/// A snapshot on its own connection, which is closed at the end because its transaction is open.
pub struct Reader<D: Dialect> {
    conn: Held<D>,
}

impl<D: Dialect> Reader<D> {
    /// Begins to read.
    pub async fn begin(mut conn: Held<D>) -> Result<Self, StoreError> {
        conn.one_state().await?;
        if !D::UNLIMITED.is_empty() {
            D::command(&mut conn, D::UNLIMITED).await?;
        }
        // a deferred transaction takes its snapshot at its first statement
        super::journal::head::<D>(&mut conn).await?;
        Ok(Self { conn })
    }

    fn conn(&mut self) -> &mut Conn<D> {
        &mut self.conn
    }
}

impl<D: Dialect> Snapshot for Reader<D> {
    fn head(&mut self) -> BoxFuture<'_, Result<i64, StoreError>> {
        Box::pin(super::journal::head::<D>(self.conn()))
    }

    fn count(&mut self, kind: Kind) -> BoxFuture<'_, Result<i64, StoreError>> {
        Box::pin(async move {
            let mut sql = format!("SELECT COUNT(*) FROM {}", table(kind));
            if let Some(condition) = condition(kind) {
                sql += &format!(" WHERE {condition}");
            }
            let rows = D::fetch(self.conn(), sql.into(), Vec::new()).await?;
            Ok(match rows.first() {
                Some(row) => Columns::<D>::of(row).int()?,
                None => 0,
            })
        })
    }

    fn rows<'a>(
        &'a mut self,
        kind: Kind,
        after: Option<&'a Row>,
        limit: i64,
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move {
            let limit = fitting::<D>(self.conn(), kind, after, limit).await?;
            let columns: Vec<String> = kind
                .columns()
                .iter()
                .map(|of| column(kind, of.name))
                .collect();
            let (sql, args) = page(kind, &columns.join(", "), after, limit);
            let found = D::fetch(self.conn(), sql.into(), args).await?;
            let rows = found.iter().map(|row| read::<D>(kind, row));
            let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
            if kind == Kind::Change {
                let deltas = rows.iter_mut().filter_map(|row| {
                    let cursor = row.int("cursor");
                    match row.cell_mut("delta") {
                        Some(Cell::Text(delta)) => Some((cursor, delta)),
                        _ => None,
                    }
                });
                recording::fill::<D>(self.conn(), deltas.collect()).await?;
            }
            Ok(rows)
        })
    }

    fn strays<'a>(
        &'a mut self,
        rules: &'a ContactRules,
        after: Option<&'a Row>,
        rows: &'a [Row],
    ) -> BoxFuture<'a, Result<Vec<Stray>, StoreError>> {
        Box::pin(derived::strays::<D>(self.conn(), rules, after, rows))
    }
}

/// The table of a kind.
pub fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::IndexedKey => "indexed_key",
        Kind::IndexedAttribute => "indexed_attribute",
        Kind::Contact => "contact",
        Kind::ContactAttribute => "contact_attribute",
        Kind::Interaction => "interaction",
        Kind::Link => "link",
        Kind::WebAction => "web_action",
        Kind::Change => "journal",
        Kind::Webhook => "webhook",
        Kind::Delivery => "webhook_delivery",
        Kind::Reply => "kept_reply",
        Kind::Token => "api_token",
    }
}

/// The condition that the rows of a kind meet; the others of the table are not in the archive.
fn condition(kind: Kind) -> Option<&'static str> {
    (kind == Kind::Delivery).then_some("state <> 1")
}

/// Rough limit on the bytes of a page; a single row may be longer.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// The columns that can be long.
fn long(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Interaction => &[
            "core",
            "user_data",
            "text",
            "structured_text",
            "comment",
            "participants",
        ],
        Kind::WebAction => &["event"],
        Kind::Change => &["delta"],
        Kind::Reply => &["body"],
        _ => &[],
    }
}

/// The qualified name of a column; an interaction has three tables.
fn column(kind: Kind, name: &str) -> String {
    match (kind, name) {
        (Kind::Interaction, "seq" | "fingerprint") => format!("i.{name}"),
        (Kind::Interaction, "core" | "user_data") => format!("j.{name}"),
        (Kind::Interaction, _) => format!("t.{name}"),
        _ => name.to_owned(),
    }
}

/// A statement that selects `what` from the next rows of a kind after one.
pub(super) fn page(kind: Kind, what: &str, after: Option<&Row>, limit: i64) -> (String, Vec<Arg>) {
    let from = if kind == Kind::Interaction {
        format!("interaction i{JOIN_JSON}{JOIN_TEXTS}")
    } else {
        table(kind).to_owned()
    };
    let key: Vec<String> = kind.key().iter().map(|name| column(kind, name)).collect();
    let mut args: Vec<Arg> = Vec::new();
    let mut sql = format!("SELECT {what} FROM {from}");
    let mut conditions: Vec<String> = condition(kind).map(str::to_owned).into_iter().collect();
    if let Some(after) = after {
        args.extend(after.key().into_iter().map(arg));
        let places: Vec<String> = (1..=args.len()).map(|n| format!("${n}")).collect();
        conditions.push(format!("({}) > ({})", key.join(", "), places.join(", ")));
    }
    if !conditions.is_empty() {
        sql += &format!(" WHERE {}", conditions.join(" AND "));
    }
    args.push(limit.into());
    sql += &format!(" ORDER BY {} LIMIT +${}", key.join(", "), args.len());
    (sql, args)
}

/// The number of next rows that fit a page: as many as [`PAGE_BYTES`] allows, and at least one.
async fn fitting<D: Dialect>(
    conn: &mut Conn<D>,
    kind: Kind,
    after: Option<&Row>,
    limit: i64,
) -> Result<i64, StoreError> {
    if long(kind).is_empty() {
        return Ok(limit);
    }
    let mut sizes: Vec<String> = long(kind)
        .iter()
        .map(|name| {
            format!(
                "COALESCE(CAST(octet_length({}) AS BIGINT), 0)",
                column(kind, name)
            )
        })
        .collect();
    if kind == Kind::Change {
        // an empty delta will hold the content of the interaction
        sizes.push(
            "COALESCE((SELECT CAST(octet_length(j.core) + octet_length(j.user_data) AS BIGINT) \
             FROM interaction_json j WHERE journal.delta = '' AND j.seq = journal.cursor \
             AND j.interaction_id = journal.interaction_id AND j.tenant_id = journal.tenant_id), 0)"
                .to_owned(),
        );
    }
    let (sql, args) = page(kind, &sizes.join(" + "), after, limit);
    let (mut rows, mut bytes) = (0, 0);
    for row in &D::fetch(conn, sql.into(), args).await? {
        bytes += Columns::<D>::of(row).int()?;
        if rows > 0 && bytes > PAGE_BYTES {
            break;
        }
        rows += 1;
    }
    Ok(rows)
}

/// Whether the store has an empty text where the archive has no value.
pub fn is_empty_for_none(kind: Kind, name: &str) -> bool {
    (kind, name) == (Kind::Change, "interaction_id")
}

/// A value as a bound argument.
pub fn arg(cell: &Cell) -> Arg {
    match cell {
        Cell::Null => Arg::Text(None),
        Cell::Text(text) => text.as_str().into(),
        Cell::Int(number) => (*number).into(),
        Cell::Time(at) => (*at).into(),
        Cell::Bytes(bytes) => Arg::Bytes(bytes.clone()),
    }
}

fn read<D: Dialect>(kind: Kind, row: &RowOf<D>) -> Result<Row, StoreError> {
    let mut cells = Vec::with_capacity(kind.columns().len());
    for (place, column) in kind.columns().iter().enumerate() {
        let cell = match column.kind {
            Type::Json if (kind, column.name) == (Kind::Interaction, "core") => {
                D::text(row, place)?
                    .map(|packed| core::unpack(&packed).map(Cell::Text))
                    .transpose()?
            }
            Type::Text if is_empty_for_none(kind, column.name) => D::text(row, place)?
                .filter(|text| !text.is_empty())
                .map(Cell::Text),
            Type::Text | Type::Json => D::text(row, place)?.map(Cell::Text),
            Type::Int => D::int(row, place)?.map(Cell::Int),
            Type::Time => D::time(row, place)?.map(Cell::Time),
            Type::Bytes => D::bytes(row, place)?.map(Cell::Bytes),
        };
        cells.push(cell.unwrap_or(Cell::Null));
    }
    Ok(Row { kind, cells })
}

/// The archive that is being restored or was restored last, and its progress.
pub async fn restored<D: Dialect>(
    conn: &mut Conn<D>,
) -> Result<Option<(String, Restored)>, StoreError> {
    let sql =
        "SELECT archive, lines, cursor_offset, merging, finished FROM archive_restore WHERE id = 1";
    let rows = D::fetch(conn, sql.into(), Vec::new()).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let mut row = Columns::<D>::of(row);
    let archive = row.text()?;
    let restored = Restored {
        lines: row.int()?,
        offset: row.int()?,
        merging: row.int()? != 0,
        finished: row.int()? != 0,
        ..Restored::default()
    };
    Ok(Some((archive, restored)))
}
