//! The differences between SQLite and Postgres.
//!
//! The same SQL runs on both: `$1` placeholders, `ON CONFLICT`, CTEs, row comparison. Each real
//! difference has an item here: how a transaction begins, how a list of identifiers is bound, how
//! words are indexed and found, how a value inside a UserData document is reached, and how a moment
//! is stored (microseconds as INTEGER on SQLite, `timestamptz` on Postgres).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sqlx::Database;

use super::bulk::Many;
use super::tables::{Statement, interaction};
use crate::domain::Moment;
use crate::domain::words::WordQuery;

mod postgres;
mod sqlite;

pub use postgres::{OnPooled, OnPostgres, READING, Sessions, WATCH_CLIENT, WRITING, with_settings};
pub use sqlite::{BUSY_TIMEOUT, OnSqlite};

/// A value bound to a placeholder.
#[derive(Clone, Debug)]
pub enum Arg {
    /// Text, or NULL.
    Text(Option<String>),
    /// Text that is shared with others.
    Shared(Arc<str>),
    /// A whole number, or NULL.
    Int(Option<i64>),
    /// A number, or NULL.
    Real(Option<f64>),
    /// A moment, or NULL.
    Time(Option<Moment>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Several texts; see [`Dialect::any_of`].
    Texts(Vec<String>),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        // sqlx needs shared text; sharing it here copies it only once
        Self::Shared(text.into())
    }
}

impl From<Option<&str>> for Arg {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Text(None), Self::from)
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Arg {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Moment> for Arg {
    fn from(at: Moment) -> Self {
        Self::Time(Some(at))
    }
}

/// The connection of a dialect's database.
pub type Conn<D> = <<D as Dialect>::Db as Database>::Connection;
/// A row of a dialect's database.
pub type RowOf<D> = <<D as Dialect>::Db as Database>::Row;
/// SQL text; assembled from constants of this crate only.
pub type Sql = Cow<'static, str>;

/// What each database does differently.
pub trait Dialect: Sized + Send + Sync + 'static {
    /// The database, as sqlx knows it.
    type Db: Database;

    /// Its name, for messages and metrics.
    const NAME: &'static str;
    /// Begins a transaction that will write.
    const BEGIN: &'static str;
    /// Begins a transaction that locks the head of the journal, and with it the right to write.
    /// Returns the last cursor and the version of the declared keys.
    fn begin(conn: &mut Conn<Self>) -> impl Future<Output = sqlx::Result<RowOf<Self>>> + Send;
    /// Runs the last statements of a transaction, and commits.
    fn commit(
        conn: &mut Conn<Self>,
        last: Vec<(Sql, Vec<Arg>)>,
    ) -> impl Future<Output = Result<(), Failed>> + Send;
    /// Follows `INSERT` or `UPDATE` in a statement for many rows whose failure ends the transaction.
    const ALL_OR_NOTHING: &'static str;
    /// Adds words: identifier, tenant, words as [`Dialect::words`] writes them.
    const ADD_WORDS: Many;
    /// Removes words: identifier, tenant, exactly the words that were added.
    const REMOVE_WORDS: Many;

    /// Makes sure that the word index no longer reveals these removed words, unless others still
    /// have them.
    fn forget_words(
        conn: &mut Conn<Self>,
        words: &BTreeSet<String>,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Inserts or replaces long texts. The key of their table differs.
    fn long_texts() -> &'static Statement<interaction::Texts>;

    /// A query for a connection's commit mode, and the answer of one whose commits survive a power
    /// failure.
    const SYNCHRONOUS: (&'static str, &'static str);

    /// Runs a statement and returns its rows.
    fn fetch(
        conn: &mut Conn<Self>,
        sql: Sql,
        args: Vec<Arg>,
    ) -> impl Future<Output = sqlx::Result<Vec<RowOf<Self>>>> + Send;

    /// Runs a statement and returns the number of affected rows.
    fn execute(
        conn: &mut Conn<Self>,
        sql: Sql,
        args: Vec<Arg>,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Runs one or more statements without arguments; result rows are dropped.
    fn command(conn: &mut Conn<Self>, sql: &str) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Begins a transaction that reads one snapshot.
    const BEGIN_READ: &'static str;
    /// Whether a connection keeps its settings and prepared statements between transactions. Behind
    /// a pooler it does not, and every statement needs a transaction.
    const KEEPS_SESSION: bool;
    /// Whether a search needs a transaction for settings of its own.
    const SEARCHES_IN_TRANSACTIONS: bool;
    /// Whether an index can be built and removed without a transaction while others write.
    const INDEXES_ASIDE: bool;
    /// Reverts those settings, for a statement that reads everything it finds.
    const READS_ALL: &'static str;
    /// Lifts the time limit of statements until the transaction ends.
    const UNLIMITED: &'static str;
    /// Lets statements on this connection run for this long and until `gone` is set. Postgres
    /// learns the limit when it connects or when the transaction begins, and detects a disconnected
    /// client itself.
    fn limit_time(
        conn: &mut Conn<Self>,
        most: Option<(std::time::Duration, Arc<AtomicBool>)>,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
    /// Lets SQLite's write-ahead log begin again, between two groups of the writer.
    fn renew_log(_: &mut Conn<Self>) -> impl Future<Output = sqlx::Result<()>> + Send {
        std::future::ready(Ok(()))
    }
    /// The expression of a column, written so that the database uses no index for it.
    fn unindexed(column: &str) -> String;

    /// A condition that holds of nearly every row, but whose index is to be used.
    fn certain(condition: &str) -> String {
        condition.to_owned()
    }

    /// Text of a column.
    fn text(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<String>>;
    /// Whole number of a column.
    fn int(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<i64>>;
    /// Moment of a column.
    fn time(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<Moment>>;
    /// Bytes of a column.
    fn bytes(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<Vec<u8>>>;

    /// Writes the placeholder of the `n`-th value. Placeholders are in the order of their values.
    fn place(sql: &mut String, n: usize);
    /// The texts bound as [`Arg::Texts`] at `$n`, as the right side of `IN`.
    fn any_of(n: usize) -> String;
    /// The texts `item` of all rows, concatenated in the order of the inner statement.
    const JOINED_ITEMS: &'static str;
    /// The texts bound as [`Arg::Texts`] at `$n`, as a table `k` with their `place` and `value`.
    fn listed(n: usize) -> String;
    /// The type of a moment in a `CAST`.
    const TIME: &'static str;
    /// The words of `interaction i` match the query bound at `$n`.
    fn finds_words(n: usize) -> String;
    /// The same, tested for one row at a time.
    fn has_words(n: usize) -> String;
    /// The column is one of the texts bound as [`Arg::Texts`] at `$n`, whose index may be used.
    fn is_any(column: &str, n: usize) -> String;
    /// The rows of the word index that match the query bound at `$n`, from the table on.
    fn word_rows(n: usize) -> String;
    /// How many rows a statement finds, if the database has statistics for an estimate.
    fn estimate(
        conn: &mut Conn<Self>,
        sql: String,
        args: Vec<Arg>,
    ) -> impl Future<Output = sqlx::Result<Option<i64>>> + Send;
    /// Empties the word index.
    const CLEAR_WORDS: &'static str;
    /// Words separated by blanks, in the form that the index takes.
    fn words(joined: &str) -> String;
    /// The query in the database's syntax.
    fn word_query(query: &WordQuery) -> String;
    /// The position of the first occurrence of one text in another; above zero if there is one.
    fn position(text: &str, part: &str) -> String;
    /// The number of quarter hours since 1970 of a moment in a column.
    fn quarter(column: &str) -> String;
    /// Joins the UserData of `interaction_json j` in the form that [`Dialect::inside`] reads.
    /// `holds` tells by the text whether a document can pass; the others need not be read.
    fn join_document(holds: &str) -> String;
    /// A condition on the value at a path inside UserData: one of `tests` holds for the value, or
    /// it is a list and one of `elements` holds for one of its elements. `needles` are the
    /// placeholders of texts that every document has for which the condition holds.
    fn inside(
        needles: &[usize],
        steps: &[Step],
        tests: &[JsonTest],
        elements: &[JsonTest],
    ) -> String;
    /// Whether an error means that the disk or a quota is full.
    fn is_full(error: &sqlx::Error) -> bool;
    /// Whether an error means that the time limit was reached.
    fn is_timeout(error: &sqlx::Error) -> bool;
    /// Whether an error means that the database is unreachable, or was locked for too long.
    fn is_away(error: &sqlx::Error) -> bool;
    /// Whether a `COMMIT` that failed with this error may have taken effect.
    fn may_have_committed(error: &sqlx::Error) -> bool;
}

/// Ends a transaction without keeping anything of it.
pub const ROLLBACK: &str = "ROLLBACK";
const COMMIT: &str = "COMMIT";
const HEAD: &str = "SELECT last_cursor, key_version FROM journal_head WHERE id = 1";

/// What failed at the end of a transaction.
#[derive(Debug)]
pub enum Failed {
    /// A statement before the commit.
    Statement(sqlx::Error),
    /// The commit itself.
    Commit(sqlx::Error),
}

/// One step of a path inside a document.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The placeholder of the key.
    pub place: usize,
    /// Whether the key may also be the index of a list element.
    pub index: bool,
}

/// A test of a value inside a document. The numbers are placeholders.
#[derive(Clone, Debug)]
pub enum JsonTest {
    /// It exists, with any value.
    Exists,
    /// It is null.
    IsNull,
    /// It is this boolean.
    Is(bool),
    /// It is a text that compares so (`=`, `<`, …) with the bound text.
    Text(&'static str, usize),
    /// It is a number that compares so with the bound whole number.
    Integer(&'static str, usize),
    /// It is a number that compares so with the bound number.
    Number(&'static str, usize),
    /// It is a text that contains the bound text.
    Contains(usize),
    /// It is a text that begins with the bound text.
    Prefix(usize),
}

fn out_of_range() -> sqlx::Error {
    sqlx::Error::Decode("a stored moment is outside the years 1 to 9999".into())
}

macro_rules! long_texts {
    ($($key:literal),+) => {
        fn long_texts() -> &'static Statement<interaction::Texts> {
            static TEXTS: LazyLock<Statement<interaction::Texts>> =
                LazyLock::new(|| Statement::upsert_by(&[$($key),+]));
            &TEXTS
        }
    };
}

macro_rules! statements {
    ($db:ty) => {
        async fn fetch(
            conn: &mut Conn<Self>,
            sql: Sql,
            args: Vec<Arg>,
        ) -> sqlx::Result<Vec<RowOf<Self>>> {
            crate::store::statements::record(&sql, &args);
            let query = sqlx::query::<$db>(AssertSqlSafe(sql)).persistent(Self::KEEPS_SESSION);
            bound(query, args).fetch_all(conn).await
        }

        async fn execute(conn: &mut Conn<Self>, sql: Sql, args: Vec<Arg>) -> sqlx::Result<u64> {
            let query = sqlx::query::<$db>(AssertSqlSafe(sql)).persistent(Self::KEEPS_SESSION);
            Ok(bound(query, args).execute(conn).await?.rows_affected())
        }

        async fn command(conn: &mut Conn<Self>, sql: &str) -> sqlx::Result<()> {
            let sql = AssertSqlSafe(sql.to_owned());
            sqlx::raw_sql(sql).execute(conn).await.map(drop)
        }

        fn text(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<String>> {
            row.try_get_unchecked(column)
        }

        fn bytes(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<Vec<u8>>> {
            row.try_get_unchecked(column)
        }
    };
}

macro_rules! bound {
    ($db:ty, $time:expr, $texts:expr) => {
        fn bound(
            mut query: sqlx::query::Query<'static, $db, <$db as sqlx::Database>::Arguments>,
            args: Vec<Arg>,
        ) -> sqlx::query::Query<'static, $db, <$db as sqlx::Database>::Arguments> {
            for arg in args {
                query = match arg {
                    Arg::Text(text) => query.bind(text),
                    Arg::Shared(text) => query.bind(text),
                    Arg::Int(number) => query.bind(number),
                    Arg::Real(number) => query.bind(number),
                    Arg::Time(at) => query.bind(at.map($time)),
                    Arg::Bytes(bytes) => query.bind(bytes),
                    Arg::Texts(texts) => query.bind($texts(texts)),
                };
            }
            query
        }
    };
}

use {bound, long_texts, statements};

/// Reads the columns of a row from left to right.
pub struct Columns<'r, D: Dialect> {
    row: &'r RowOf<D>,
    next: usize,
}

impl<'r, D: Dialect> Columns<'r, D> {
    /// Starts at the first column.
    pub fn of(row: &'r RowOf<D>) -> Self {
        Self { row, next: 0 }
    }

    fn step(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    /// Text or NULL.
    pub fn maybe_text(&mut self) -> sqlx::Result<Option<String>> {
        let column = self.step();
        D::text(self.row, column)
    }

    /// Text; NULL reads as empty.
    pub fn text(&mut self) -> sqlx::Result<String> {
        Ok(self.maybe_text()?.unwrap_or_default())
    }

    /// A whole number or NULL.
    pub fn maybe_int(&mut self) -> sqlx::Result<Option<i64>> {
        let column = self.step();
        D::int(self.row, column)
    }

    /// A whole number; NULL reads as zero.
    pub fn int(&mut self) -> sqlx::Result<i64> {
        Ok(self.maybe_int()?.unwrap_or_default())
    }

    /// A moment or NULL.
    pub fn maybe_time(&mut self) -> sqlx::Result<Option<Moment>> {
        let column = self.step();
        D::time(self.row, column)
    }

    /// A moment.
    pub fn time(&mut self) -> sqlx::Result<Moment> {
        self.maybe_time()?.ok_or_else(out_of_range)
    }

    /// Bytes; NULL reads as none.
    pub fn bytes(&mut self) -> sqlx::Result<Vec<u8>> {
        let column = self.step();
        Ok(D::bytes(self.row, column)?.unwrap_or_default())
    }
}
