//! The tables, each described once.
//!
//! A description ([`Table`]) lists the columns of a table: the name, the type, and how the value is
//! made from a row. The statements for many rows ([`Statement`]) follow from it. What reads rows
//! ([`reading`]) names its columns once, and the compiler compares them with the description.
//!
//! To add a column: its line in the description, and a migration. A statement that lists columns by
//! name (`update_of`) and a reading need its name as well.

pub mod client;
pub mod contact;
pub mod indexed_attribute;
pub mod indexed_key;
pub mod interaction;
pub mod journal;
pub mod reply;
#[cfg(test)]
mod tests;
pub mod token;
pub mod web_action;
pub mod webhook;

use std::ops::Deref;

use super::StoreError;
use super::bulk::{self, Many, Type};
use super::dialect::{Arg, Conn, Dialect};

/// The description of a table.
pub trait Table: Sized + 'static {
    /// What is written as a row.
    type Row<'r>;
    /// The name.
    const NAME: &'static str;
    /// The columns that find a row. Rows with the same values are the same row.
    const KEY: &'static [&'static str];
    /// All columns, in the order of an insertion.
    const COLUMNS: &'static [Column<Self>];
}

/// How the value of a column is made from a row.
type Value<T> = for<'a, 'r> fn(&'a <T as Table>::Row<'r>) -> Arg;

/// A column.
pub struct Column<T: Table> {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub kind: Type,
    /// Whether an update of all columns leaves it as it is.
    kept: bool,
    value: Value<T>,
}

impl<T: Table> Column<T> {
    const fn new(name: &'static str, kind: Type, value: Value<T>) -> Self {
        Self {
            name,
            kind,
            kept: false,
            value,
        }
    }

    /// The value in a row.
    pub fn value(&self, row: &T::Row<'_>) -> Arg {
        (self.value)(row)
    }

    /// The column with a name.
    pub fn of_name(name: &str) -> &'static Self {
        T::COLUMNS
            .iter()
            .find(|column| column.name == name)
            .expect("the description of the table has the column")
    }
}

/// A column of texts.
const fn text<T: Table>(name: &'static str, value: Value<T>) -> Column<T> {
    Column::new(name, Type::Text, value)
}

/// A column of whole numbers.
const fn int<T: Table>(name: &'static str, value: Value<T>) -> Column<T> {
    Column::new(name, Type::Int, value)
}

/// A column of numbers.
const fn real<T: Table>(name: &'static str, value: Value<T>) -> Column<T> {
    Column::new(name, Type::Real, value)
}

/// A column of moments.
const fn time<T: Table>(name: &'static str, value: Value<T>) -> Column<T> {
    Column::new(name, Type::Time, value)
}

/// A column of bytes.
const fn bytes<T: Table>(name: &'static str, value: Value<T>) -> Column<T> {
    Column::new(name, Type::Bytes, value)
}

/// A column that an update of all columns leaves as it is.
const fn kept<T: Table>(mut column: Column<T>) -> Column<T> {
    column.kept = true;
    column
}

/// A truth value: 0 or 1.
fn flag(flag: bool) -> Arg {
    i64::from(flag).into()
}

/// A statement that writes rows of a table, and the columns that it takes of each row.
pub struct Statement<T: Table> {
    many: Many,
    columns: Vec<&'static Column<T>>,
}

impl<T: Table> Deref for Statement<T> {
    type Target = Many;

    fn deref(&self) -> &Many {
        &self.many
    }
}

impl<T: Table> Statement<T> {
    /// Inserts rows.
    pub fn insert() -> Self {
        let columns: Vec<_> = T::COLUMNS.iter().collect();
        let before = format!("INSERT INTO {} ({}) VALUES", T::NAME, names(&columns));
        Self {
            many: Many {
                before: before.into(),
                casts: (&[]).into(),
                columns: columns.len(),
                after: "".into(),
                skips_nulls: false,
            },
            columns,
        }
    }

    /// Inserts rows. An existing row stays as it is.
    pub fn insert_new() -> Self {
        let key = T::KEY.join(", ");
        Self::insert().ending(&format!(" ON CONFLICT ({key}) DO NOTHING"))
    }

    /// Inserts rows. Of an existing row, all columns but the kept ones are overwritten.
    pub fn upsert() -> Self {
        Self::upsert_by(T::KEY)
    }

    /// As [`Statement::upsert`], where this key tells that a row exists.
    pub fn upsert_by(key: &[&str]) -> Self {
        let set: Vec<String> = changing::<T>()
            .iter()
            .map(|column| format!("{0} = excluded.{0}", column.name))
            .collect();
        let (key, set) = (key.join(", "), set.join(", "));
        Self::insert().ending(&format!(" ON CONFLICT ({key}) DO UPDATE SET {set}"))
    }

    /// Updates all columns but the kept ones, of the rows with these keys.
    pub fn update() -> Self {
        Self::update_columns(&changing::<T>(), |_, value| value, &[])
    }

    /// Updates some columns. A row has the values of the key, then those of the columns.
    pub fn update_of(set: &[&str]) -> Self {
        Self::update_columns(&named(set), |_, value| value, &[])
    }

    /// As [`Statement::update_of`], with an assignment that is the same for all rows.
    pub fn update_and(set: &[&str], assignment: &str) -> Self {
        Self::update_columns(&named(set), |_, value| value, &[assignment])
    }

    /// As [`Statement::update_of`], where `becomes` gives the new value of a column by its name and
    /// the value in the row.
    pub fn update_by(set: &[&str], becomes: impl Fn(&str, String) -> String) -> Self {
        Self::update_columns(&named(set), becomes, &[])
    }

    fn update_columns(
        set: &[&'static Column<T>],
        becomes: impl Fn(&str, String) -> String,
        more: &[&str],
    ) -> Self {
        let mut columns = named::<T>(T::KEY);
        // The comparison uses expressions of the values, not their columns: SQLite expects VALUES to
        // be larger than the table, and would scan the table and look each row up in an index over
        // the values.
        let same: Vec<String> = columns
            .iter()
            .zip(1..)
            .map(|(column, n)| {
                let computed = match column.kind {
                    Type::Text => "|| ''",
                    Type::Int => "+ 0",
                    _ => unreachable!("keys are texts and whole numbers"),
                };
                format!("{}.{} = v.column{n} {computed}", T::NAME, column.name)
            })
            .collect();
        let mut assignments: Vec<String> = set
            .iter()
            .zip(columns.len() + 1..)
            .map(|(column, n)| {
                let value = becomes(column.name, format!("v.column{n}"));
                format!("{} = {value}", column.name)
            })
            .collect();
        assignments.extend(more.iter().map(|more| (*more).to_owned()));
        columns.extend(set);
        let (set, same) = (assignments.join(", "), same.join(" AND "));
        Self {
            many: Many {
                before: format!("UPDATE {} SET {set} FROM (VALUES", T::NAME).into(),
                casts: columns.iter().map(|column| column.kind).collect(),
                columns: columns.len(),
                after: format!(") AS v WHERE {same}").into(),
                skips_nulls: false,
            },
            columns,
        }
    }

    /// The statement with a text at its end.
    pub fn ending(mut self, text: &str) -> Self {
        self.many.after.to_mut().push_str(text);
        self
    }

    /// The statement for rows from elsewhere, which are no [`Table::Row`]: its SQL, and the names and
    /// types of the columns that it takes of a row.
    pub fn into_parts(self) -> (Many, Vec<(&'static str, Type)>) {
        let columns = self.columns.iter();
        let columns = columns.map(|column| (column.name, column.kind)).collect();
        (self.many, columns)
    }

    /// The columns that it takes of a row.
    pub fn columns(&self) -> &[&'static Column<T>] {
        &self.columns
    }

    /// An empty batch with room for rows.
    pub fn batch(&'static self, rows: usize) -> Batch<T> {
        Batch {
            statement: self,
            args: Vec::with_capacity(rows * self.columns.len()),
        }
    }
}

/// The columns with these names, in this order.
fn named<T: Table>(names: &[&str]) -> Vec<&'static Column<T>> {
    names.iter().map(|name| Column::of_name(name)).collect()
}

/// The columns that an update of all columns writes.
fn changing<T: Table>() -> Vec<&'static Column<T>> {
    T::COLUMNS
        .iter()
        .filter(|column| !column.kept && !T::KEY.contains(&column.name))
        .collect()
}

fn names<T: Table>(columns: &[&'static Column<T>]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    names.join(", ")
}

/// Rows that a statement will write.
pub struct Batch<T: Table> {
    statement: &'static Statement<T>,
    args: Vec<Arg>,
}

impl<T: Table> Batch<T> {
    /// Adds a row.
    pub fn push(&mut self, row: &T::Row<'_>) {
        let columns = self.statement.columns.iter();
        self.args.extend(columns.map(|column| column.value(row)));
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// The statement and the values of all rows.
    pub fn parts(self) -> (&'static Many, Vec<Arg>) {
        (self.statement, self.args)
    }

    /// Writes the rows.
    pub async fn write<D: Dialect>(self, conn: &mut Conn<D>) -> Result<(), StoreError> {
        bulk::run::<D>(conn, self.statement, self.args).await?;
        Ok(())
    }
}

/// Whether a table has these columns of these types.
const fn has<T: Table>(columns: &[(&str, Type)]) -> bool {
    let mut n = 0;
    while n < columns.len() {
        let (mut known, mut m) = (false, 0);
        while m < T::COLUMNS.len() {
            let column = &T::COLUMNS[m];
            known |= same(column.name, columns[n].0) && column.kind as u8 == columns[n].1 as u8;
            m += 1;
        }
        if !known {
            return false;
        }
        n += 1;
    }
    true
}

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut n = 0;
    while n < one.len() && n < other.len() && one[n] == other[n] {
        n += 1;
    }
    n == one.len() && n == other.len()
}

/// Defines a list of columns and the function that reads them. Each column is a variable of the last
/// expression, which makes the result.
macro_rules! reading {
    (@text) => { crate::store::bulk::Type::Text };
    (@maybe_text) => { crate::store::bulk::Type::Text };
    (@int) => { crate::store::bulk::Type::Int };
    (@maybe_int) => { crate::store::bulk::Type::Int };
    (@time) => { crate::store::bulk::Type::Time };
    (@maybe_time) => { crate::store::bulk::Type::Time };
    (@bytes) => { crate::store::bulk::Type::Bytes };
    (
        $(#[$doc:meta])*
        $table:ty, $columns:ident, $name:ident -> $of:ty:
        $($column:ident $read:ident),+;
        $made:expr
    ) => {
        #[doc = concat!("The columns that [`", stringify!($name), "`] reads.")]
        pub const $columns: &[&str] = &[$(stringify!($column)),+];
        const _: () = assert!(
            super::has::<$table>(&[$((stringify!($column), super::reading!(@$read))),+]),
            "the description of the table has no such column"
        );

        $(#[$doc])*
        pub fn $name<D: Dialect>(row: &mut Columns<'_, D>) -> Result<$of, StoreError> {
            $(let $column = row.$read()?;)+
            Ok($made)
        }
    };
}

use reading;

/// A list of columns for a `SELECT`, qualified by the name of their table there.
pub fn qualified(of: &str, columns: &[&str]) -> String {
    let columns: Vec<String> = columns.iter().map(|name| format!("{of}.{name}")).collect();
    columns.join(", ")
}
