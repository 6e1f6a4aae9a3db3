//! Compares columns that the store derives for filters and sorts with the values that they are
//! derived from.

use super::StoreError;
use super::archive::page;
use super::dialect::{Arg, Conn, Dialect, RowOf};
use super::tables::interaction::{CHANGED, InteractionRow, Interactions};
use super::tables::{Column, qualified};
use crate::domain::archive::{Kind, Row};
use crate::domain::contact::ContactRules;
use crate::domain::interaction::Interaction;

/// A row of a page by its index, and its columns that hold something else than they should.
pub type Stray = (usize, Vec<&'static str>);

/// The strays among rows of one kind, which are those that follow a row.
pub async fn strays<D: Dialect>(
    conn: &mut Conn<D>,
    rules: &ContactRules,
    after: Option<&Row>,
    rows: &[Row],
) -> Result<Vec<Stray>, StoreError> {
    let Some(kind) = rows.first().map(|row| row.kind) else {
        return Ok(Vec::new());
    };
    let (names, what) = match kind {
        Kind::Interaction => {
            let names: Vec<&str> = derived_columns().map(|column| column.name).collect();
            let columns = qualified("i", &names);
            (names, columns)
        }
        Kind::ContactAttribute => (vec!["folded"], "folded".to_owned()),
        _ => return Ok(Vec::new()),
    };
    let limit = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let (sql, args) = page(kind, &what, after, limit);
    let stored = D::fetch(conn, sql.into(), args).await?;
    let mut strays = Vec::new();
    for (place, (row, stored)) in rows.iter().zip(&stored).enumerate() {
        let mut differing = Vec::new();
        for (column, (name, value)) in names.iter().zip(expected(rules, row)?).enumerate() {
            if !holds::<D>(stored, column, &value)? {
                differing.push(*name);
            }
        }
        if !differing.is_empty() {
            strays.push((place, differing));
        }
    }
    Ok(strays)
}

/// What the columns should hold.
fn expected(rules: &ContactRules, row: &Row) -> Result<Vec<Arg>, StoreError> {
    if row.kind == Kind::ContactAttribute {
        let folded = rules.fold(row.text("name"), row.text("value"));
        return Ok(vec![folded.unwrap_or_default().into()]);
    }
    let core: Interaction = serde_json::from_str(row.text("core"))
        .map_err(|_| StoreError::inconsistent("interaction_json", "core"))?;
    let row = InteractionRow::there(&core);
    Ok(derived_columns().map(|column| column.value(&row)).collect())
}

/// The columns of `interaction` that follow from the JSON.
fn derived_columns() -> impl Iterator<Item = &'static Column<Interactions>> {
    let created = Column::of_name("created_date");
    CHANGED.columns().iter().copied().chain([created])
}

fn holds<D: Dialect>(row: &RowOf<D>, column: usize, value: &Arg) -> Result<bool, StoreError> {
    Ok(match value {
        Arg::Text(text) => D::text(row, column)? == *text,
        Arg::Shared(text) => D::text(row, column)?.as_deref() == Some(&**text),
        Arg::Int(number) => D::int(row, column)? == *number,
        Arg::Time(at) => D::time(row, column)? == *at,
        _ => true,
    })
}
