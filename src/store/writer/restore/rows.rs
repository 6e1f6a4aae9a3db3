//! Writes the rows of an archive.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::domain::Refusal;
use crate::domain::archive::{Cell, Kind, Row};
use crate::domain::command::Stored;
use crate::domain::contact::ContactRules;
use crate::domain::interaction::Interaction;
use crate::domain::user_data::{self, KeyPath};
use crate::store::archive::{arg, is_empty_for_none};
use crate::store::bulk::{self, Many, Type};
use crate::store::dialect::{Columns, Conn, Dialect};
use crate::store::tables::contact::{ContactAttributes, Contacts};
use crate::store::tables::indexed_attribute::IndexedAttributes;
use crate::store::tables::indexed_key::IndexedKeys;
use crate::store::tables::interaction::Links;
use crate::store::tables::journal::Journal;
use crate::store::tables::reply::Replies;
use crate::store::tables::token::Tokens;
use crate::store::tables::web_action::WebActions;
use crate::store::tables::webhook::{Deliveries, Webhooks};
use crate::store::tables::{Statement, Table};
use crate::store::writer::flush;
use crate::store::{StoreError, rows};

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

/// How the rows of a kind are inserted.
struct Insertion {
    statement: Many,
    /// The columns of the table: each with its place in an archived row, if it is archived, and its
    /// type.
    columns: Vec<(Option<usize>, Type)>,
}

impl Insertion {
    fn of<T: Table>(kind: Kind) -> (Kind, Self) {
        let mut statement = Statement::<T>::insert();
        // an existing key, webhook or token stays as it is
        let operational = [
            Kind::IndexedKey,
            Kind::IndexedAttribute,
            Kind::Webhook,
            Kind::Token,
            Kind::Reply,
        ];
        if operational.contains(&kind) {
            statement = statement.ending(" ON CONFLICT DO NOTHING");
        }
        let (statement, columns) = statement.into_parts();
        let archived = |name: &str| kind.columns().iter().position(|column| column.name == name);
        let columns = columns.iter().map(|(name, of)| (archived(name), *of));
        let columns = columns.collect();
        (kind, Self { statement, columns })
    }
}

/// The insertions of all kinds but interactions.
static INSERTIONS: LazyLock<BTreeMap<Kind, Insertion>> = LazyLock::new(|| {
    BTreeMap::from([
        Insertion::of::<IndexedKeys>(Kind::IndexedKey),
        Insertion::of::<IndexedAttributes>(Kind::IndexedAttribute),
        Insertion::of::<Contacts>(Kind::Contact),
        Insertion::of::<ContactAttributes>(Kind::ContactAttribute),
        Insertion::of::<Links>(Kind::Link),
        Insertion::of::<WebActions>(Kind::WebAction),
        Insertion::of::<Journal>(Kind::Change),
        Insertion::of::<Webhooks>(Kind::Webhook),
        Insertion::of::<Deliveries>(Kind::Delivery),
        Insertion::of::<Replies>(Kind::Reply),
        Insertion::of::<Tokens>(Kind::Token),
    ])
});

/// Writes rows of a kind; returns how many did not exist yet.
pub(super) async fn insert<D: Dialect>(
    conn: &mut Conn<D>,
    rules: &ContactRules,
    kind: Kind,
    all: &[Row],
    merging: bool,
) -> Result<u64, StoreError> {
    let Some(Insertion { statement, columns }) = INSERTIONS.get(&kind) else {
        unreachable!("interactions are written with their content");
    };
    let mut args = Vec::with_capacity(all.len() * columns.len());
    let is_empty = |place: usize| is_empty_for_none(kind, kind.columns()[place].name);
    for row in all {
        for (place, of) in columns {
            let cell = place.and_then(|place| row.cells.get(place));
            args.push(match (cell, kind) {
                // what the archive omits follows from the rest of the row
                (None, Kind::ContactAttribute) => {
                    let folded = rules.fold(row.text("name"), row.text("value"));
                    folded.unwrap_or_default().into()
                }
                // existing interactions have no rows under a new key: a server fills its index
                (None, Kind::IndexedKey) => i64::from(!merging).into(),
                // a server builds the index
                (None, Kind::IndexedAttribute) => 0.into(),
                (Some(Cell::Null), _) if place.is_some_and(is_empty) => "".into(),
                (None | Some(Cell::Null), _) => of.null(),
                (Some(cell), _) => arg(cell),
            });
        }
    }
    bulk::run::<D>(conn, statement, args).await
}
