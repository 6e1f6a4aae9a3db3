//! Inserts many rows with few statements.
//!
//! The rows of a group are inserted by `INSERT … VALUES (…), (…), …` in portions of 1,000, then of
//! powers of two. A small remainder is one statement. So there are few different statements, each
//! is prepared once per connection, and the SQL is the same on both databases. `docs/decisions/`
//! has the measurement against `json_each` and `UNNEST`.

use std::borrow::Cow;
use std::fmt::Write;

use super::StoreError;
use super::dialect::{Arg, Conn, Dialect, Sql};

/// Rows of one statement: as many as a group has commands. 1,000 rows of 25 columns stay below the
/// placeholder limits of SQLite (32,766) and Postgres (65,535).
const LARGEST: usize = 1000;

/// Up to this many rows are inserted by one statement: the cost of a small group is mostly the
/// round trip to the thread of its connection.
const FEW: usize = 64;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Real,
    /// A moment.
    Time,
    /// Bytes.
    Bytes,
}

impl Type {
    /// The name in a `CAST`. Bytes have none: their type has a different name in each database, and
    /// both can infer it.
    fn name<D: Dialect>(self) -> Option<&'static str> {
        match self {
            Self::Text => Some("TEXT"),
            Self::Int => Some("BIGINT"),
            Self::Real => Some("DOUBLE PRECISION"),
            Self::Time => Some(D::TIME),
            Self::Bytes => None,
        }
    }

    /// A NULL of this type.
    pub fn null(self) -> Arg {
        match self {
            Self::Text | Self::Bytes => Arg::Text(None),
            Self::Int => Arg::Int(None),
            Self::Real => Arg::Real(None),
            Self::Time => Arg::Time(None),
        }
    }
}

/// A statement for many rows: the SQL before the rows and after them.
pub struct Many {
    /// `INSERT INTO … VALUES`, or `UPDATE … FROM (VALUES`.
    pub before: Cow<'static, str>,
    /// The type of each column, if the database cannot infer the types.
    pub casts: Cow<'static, [Type]>,
    /// The number of columns of a row.
    pub columns: usize,
    /// `ON CONFLICT …`, or `) AS v WHERE …`.
    pub after: Cow<'static, str>,
    /// Whether a row of NULLs has no effect. If so, one statement padded with such rows replaces
    /// several smaller ones.
    pub skips_nulls: bool,
}

/// Runs the statement over all rows, whose values are concatenated in `rows`. Returns the number of
/// affected rows.
pub async fn run<D: Dialect>(
    conn: &mut Conn<D>,
    statement: &Many,
    rows: Vec<Arg>,
) -> Result<u64, StoreError> {
    debug_assert_eq!(rows.len() % statement.columns, 0, "{}", statement.before);
    let mut touched = 0;
    let mut left = rows.len() / statement.columns;
    let mut rows = rows.into_iter();
    while left > 0 {
        let portion = statement.portion(left);
        let mut args = Vec::with_capacity(portion * statement.columns);
        args.extend(rows.by_ref().take(portion * statement.columns));
        args.resize_with(portion * statement.columns, || Arg::Int(None));
        touched += D::execute(conn, statement.text::<D>(portion).into(), args).await?;
        left = left.saturating_sub(portion);
    }
    Ok(touched)
}

/// The rows of some tables as the last statements of a transaction, with their values. If there are
/// many rows, or the tables differ in their number, they are written now: hardly any two groups would
/// have the same text.
///
/// # Errors
/// A statement that ran failed.
pub async fn last<D: Dialect>(
    conn: &mut Conn<D>,
    all: Vec<(&Many, Vec<Arg>)>,
) -> Result<Vec<(Sql, Vec<Arg>)>, StoreError> {
    let all: Vec<_> = all
        .into_iter()
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    let mut sizes = all.iter().map(|(many, rows)| rows.len() / many.columns);
    let first = sizes.next().unwrap_or_default();
    if first <= FEW && sizes.all(|size| size == first) {
        let texts = all.into_iter();
        return Ok(texts
            .map(|(many, rows)| (many.text::<D>(first).into(), rows))
            .collect());
    }
    for (many, rows) in all {
        run::<D>(conn, many, rows).await?;
    }
    Ok(Vec::new())
}

impl Many {
    /// A statement with this text before the rows and after them.
    pub const fn new(
        before: &'static str,
        casts: &'static [Type],
        columns: usize,
        after: &'static str,
    ) -> Self {
        Self {
            before: Cow::Borrowed(before),
            casts: Cow::Borrowed(casts),
            columns,
            after: Cow::Borrowed(after),
            skips_nulls: false,
        }
    }

    /// The statement, for which a row of NULLs has no effect.
    pub const fn skipping_nulls(mut self) -> Self {
        self.skips_nulls = true;
        self
    }

    /// The number of rows of the next statement if `left` rows are left.
    fn portion(&self, left: usize) -> usize {
        if left >= LARGEST {
            LARGEST
        } else if self.skips_nulls {
            LARGEST.min(left.next_power_of_two())
        } else if left <= FEW {
            left
        } else {
            1 << left.ilog2()
        }
    }

    /// The SQL for some rows.
    pub fn text<D: Dialect>(&self, rows: usize) -> String {
        let mut sql = String::with_capacity(
            self.before.len() + rows * self.columns * 7 + self.after.len() + 12,
        );
        let (verb, rest) = self.before.split_once(' ').unwrap_or((&self.before, ""));
        sql.push_str(verb);
        if matches!(verb, "INSERT" | "UPDATE") {
            sql.push_str(D::ALL_OR_NOTHING);
        }
        sql.push(' ');
        sql.push_str(rest);
        let mut n = 0;
        for row in 0..rows {
            sql.push_str(if row == 0 { " (" } else { ", (" });
            for column in 0..self.columns {
                n += 1;
                if column > 0 {
                    sql.push_str(", ");
                }
                let cast = self.casts.get(column).and_then(|kind| kind.name::<D>());
                if cast.is_some() {
                    sql.push_str("CAST(");
                }
                D::place(&mut sql, n);
                if let Some(kind) = cast {
                    write!(sql, " AS {kind})").expect("a String takes all that is written");
                }
            }
            sql.push(')');
        }
        sql.push_str(&self.after);
        sql
    }
}
