//! All that differs between SQLite and Postgres.
//!
//! The same SQL text runs on both: `$1` placeholders, `ON CONFLICT`, CTEs, row comparison. What truly differs is here, by name: how a
//! transaction begins, how a list of identifiers is bound, how words are indexed and found, how a value inside a UserData document is
//! reached, and how a moment is written (microseconds as INTEGER on SQLite, `timestamptz` on Postgres).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Column, Database, Postgres, Row, Sqlite, TypeInfo};

use super::bulk::Many;
use crate::domain::Moment;
use crate::domain::words::WordQuery;

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
        // sqlx keeps texts shared: made so at once, it is copied once
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

/// What a database does in its own way.
pub trait Dialect: Sized + Send + Sync + 'static {
    /// The database, as sqlx knows it.
    type Db: Database;

    /// Its name, for messages and metrics.
    const NAME: &'static str;
    /// Begins a transaction that will write.
    const BEGIN: &'static str;
    /// Ends the statement that takes the head of the journal, and with it the right to write.
    const LOCK_HEAD: &'static str;
    /// Adds words: identifier, tenant, words as [`Dialect::words`] writes them.
    const ADD_WORDS: Many;
    /// Takes words out again: identifier, tenant, the same words as they went in.
    const REMOVE_WORDS: Many;

    /// Makes sure that the index of words no longer tells these, which were taken out, unless others still have them.
    fn forget_words(
        conn: &mut Conn<Self>,
        words: &BTreeSet<String>,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Writes long texts, or writes them anew: place, identifier, tenant, and [`super::rows::TEXT_COLUMNS`].
    const TEXTS: Many;

    /// Asks a connection how it commits, and the answer of one whose commits survive a power cut.
    const SYNCHRONOUS: (&'static str, &'static str);

    /// Runs a statement and returns its rows.
    fn fetch(
        conn: &mut Conn<Self>,
        sql: Sql,
        args: Vec<Arg>,
    ) -> impl Future<Output = sqlx::Result<Vec<RowOf<Self>>>> + Send;

    /// Runs a statement and returns how many rows it touched.
    fn execute(
        conn: &mut Conn<Self>,
        sql: Sql,
        args: Vec<Arg>,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Begins a transaction that reads one state of the store.
    const BEGIN_READ: &'static str;
    /// Lets statements on this connection run for so long; Postgres is told once, when it connects.
    fn limit_time(
        conn: &mut Conn<Self>,
        most: Option<std::time::Duration>,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
    /// Whether the database, which keeps no figures of its own, is to be told how to go about a search.
    const WANTS_PLAN: bool;
    /// A column written so that no index is sought for it: a list of common values is better tested on the way.
    fn unindexed(column: &str) -> String;

    /// Text of a column.
    fn text(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<String>>;
    /// Whole number of a column.
    fn int(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<i64>>;
    /// Moment of a column.
    fn time(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<Moment>>;
    /// Bytes of a column.
    fn bytes(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<Vec<u8>>>;

    /// Writes the placeholder of the `n`-th value, where placeholders stand in the order of their values.
    fn place(sql: &mut String, n: usize);
    /// The texts bound as [`Arg::Texts`] at `$n`, as the right side of `IN`.
    fn any_of(n: usize) -> String;
    /// The texts `item` of all rows, one after the other in the order of the statement they come from.
    const JOINED_ITEMS: &'static str;
    /// The texts bound as [`Arg::Texts`] at `$n`, as a table `k` with their `place` and `value`.
    fn listed(n: usize) -> String;
    /// The type of a moment in a `CAST`.
    const TIME: &'static str;
    /// The words of an interaction with these columns match the query bound at `$n`.
    fn finds_words(n: usize) -> String;
    /// Words joined with blanks, as the index takes them.
    fn words(joined: &str) -> String;
    /// The query as the database reads it.
    fn word_query(query: &WordQuery) -> String;
    /// The first occurrence of one text in another, above zero where there is one.
    fn position(text: &str, part: &str) -> String;
    /// The number of the quarter of an hour since 1970 that a moment in a column lies in.
    fn quarter(column: &str) -> String;
    /// A condition on the value at a path inside a JSON document; `steps` are placeholders of the keys, `test` says what must hold of it.
    fn inside(document: &str, steps: &[usize], test: &JsonTest) -> String;
    /// Whether an error means that the disk, or what was granted of it, is full.
    fn is_full(error: &sqlx::Error) -> bool;
    /// Whether an error means that the time limit was reached.
    fn is_timeout(error: &sqlx::Error) -> bool;
    /// Whether an error means that the database is out of reach, or taken by another for too long.
    fn is_away(error: &sqlx::Error) -> bool;
    /// Whether a `COMMIT` that ended in this error may have come about all the same.
    fn may_have_committed(error: &sqlx::Error) -> bool;
}

/// What must hold of a value inside a document. Numbers in braces are placeholders.
#[derive(Clone, Debug)]
pub enum JsonTest {
    /// It is there, whatever it is.
    Exists,
    /// It is null.
    IsNull,
    /// It is this boolean.
    Is(bool),
    /// It is a text, and stands so (`=`, `<`, …) to the one bound.
    Text(&'static str, usize),
    /// It is a number, and stands so to the whole number bound.
    Integer(&'static str, usize),
    /// It is a number, and stands so to the number bound.
    Number(&'static str, usize),
    /// It is a text that contains the one bound.
    Contains(usize),
    /// It is a text that begins with the one bound.
    Prefix(usize),
}

/// SQLite: one file, one writer.
#[derive(Debug)]
pub struct OnSqlite;

/// Postgres.
#[derive(Debug)]
pub struct OnPostgres;

fn out_of_range() -> sqlx::Error {
    sqlx::Error::Decode("a stored moment is outside the years 1 to 9999".into())
}

macro_rules! texts {
    ($key:literal) => {
        Many {
            before: "INSERT INTO interaction_text (seq, interaction_id, tenant_id, text, structured_text, comment, participants) VALUES",
            casts: &[],
            columns: 7,
            after: concat!(
                " ON CONFLICT (", $key, ") DO UPDATE SET text = excluded.text, structured_text = excluded.structured_text, \
                comment = excluded.comment, participants = excluded.participants"
            ),
            skips_nulls: false,
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
            let query = sqlx::query::<$db>(AssertSqlSafe(sql));
            Self::bound(query, args).fetch_all(conn).await
        }

        async fn execute(conn: &mut Conn<Self>, sql: Sql, args: Vec<Arg>) -> sqlx::Result<u64> {
            let query = sqlx::query::<$db>(AssertSqlSafe(sql));
            Ok(Self::bound(query, args)
                .execute(conn)
                .await?
                .rows_affected())
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
    ($dialect:ty, $db:ty, $time:expr, $texts:expr) => {
        impl $dialect {
            fn bound(
                mut query: sqlx::query::Query<'static, $db, <$db as Database>::Arguments>,
                args: Vec<Arg>,
            ) -> sqlx::query::Query<'static, $db, <$db as Database>::Arguments> {
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
        }
    };
}

bound!(OnSqlite, Sqlite, Moment::micros, |texts: Vec<String>| {
    serde_json::Value::from(texts).to_string()
});
bound!(OnPostgres, Postgres, Moment::utc, |texts: Vec<String>| {
    texts
});

impl Dialect for OnSqlite {
    type Db = Sqlite;

    const NAME: &'static str = "sqlite";
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const BEGIN_READ: &'static str = "BEGIN";
    const LOCK_HEAD: &'static str = "";
    const WANTS_PLAN: bool = true;
    // one statement rather than several: each makes FTS5 write what it has in memory as a segment of its own, to be merged later.
    // CROSS keeps the order of the join: the planner takes many VALUES for more than all interactions, and would scan those
    const ADD_WORDS: Many = Many {
        before: "INSERT INTO interaction_words (rowid, words) SELECT i.seq, v.column3 FROM (VALUES",
        casts: &["TEXT", "BIGINT", "TEXT"],
        columns: 3,
        after: ") AS v CROSS JOIN interaction i ON i.id = v.column1 AND i.tenant_id = v.column2",
        skips_nulls: true,
    };
    // the index keeps no text, so it must be told the very words that it is to forget
    const REMOVE_WORDS: Many = Many {
        before: "INSERT INTO interaction_words (interaction_words, rowid, words) SELECT 'delete', i.seq, v.column3 FROM (VALUES",
        casts: &["TEXT", "BIGINT", "TEXT"],
        columns: 3,
        after: ") AS v CROSS JOIN interaction i ON i.id = v.column1 AND i.tenant_id = v.column2",
        skips_nulls: true,
    };
    const TEXTS: Many = texts!("seq");
    // 2 is FULL: in WAL mode the log is synced before a commit returns
    const SYNCHRONOUS: (&'static str, &'static str) = ("PRAGMA synchronous", "2");
    const TIME: &'static str = "INTEGER";
    const JOINED_ITEMS: &'static str = "group_concat(item, '')";

    statements!(Sqlite);

    async fn forget_words(conn: &mut Conn<Self>, words: &BTreeSet<String>) -> sqlx::Result<()> {
        super::separators::forget(conn, words).await
    }

    async fn limit_time(
        conn: &mut Conn<Self>,
        most: Option<std::time::Duration>,
    ) -> sqlx::Result<()> {
        let mut handle = conn.lock_handle().await?;
        match most {
            Some(most) => {
                let end = std::time::Instant::now() + most;
                handle.set_progress_handler(10_000, move || std::time::Instant::now() < end);
            }
            None => handle.remove_progress_handler(),
        }
        Ok(())
    }

    fn unindexed(column: &str) -> String {
        format!("+{column}")
    }

    fn int(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<i64>> {
        row.try_get_unchecked(column)
    }

    fn time(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<Moment>> {
        row.try_get_unchecked::<Option<i64>, _>(column)?
            .map(|micros| Moment::from_micros(micros).ok_or_else(out_of_range))
            .transpose()
    }

    fn place(sql: &mut String, _: usize) {
        // one with a name is sought in a list of all names, again for every value bound: thousands of them take the square of the time
        sql.push('?');
    }

    fn any_of(n: usize) -> String {
        format!("(SELECT value FROM json_each(${n}))")
    }

    fn listed(n: usize) -> String {
        format!("(SELECT key AS place, value FROM json_each(${n})) AS k")
    }

    fn finds_words(n: usize) -> String {
        format!("i.seq IN (SELECT rowid FROM interaction_words WHERE interaction_words MATCH ${n})")
    }

    fn words(joined: &str) -> String {
        joined.to_owned()
    }

    fn word_query(query: &WordQuery) -> String {
        let terms: Vec<String> = query
            .0
            .iter()
            .map(|term| {
                format!(
                    "\"{}\"{}",
                    term.words.join(" "),
                    if term.prefix { "*" } else { "" }
                )
            })
            .collect();
        terms.join(" AND ")
    }

    fn quarter(column: &str) -> String {
        // rounded down before 1970, too
        format!("(({column}) - (({column}) % 900000000 + 900000000) % 900000000) / 900000000")
    }

    fn position(text: &str, part: &str) -> String {
        format!("instr({text}, {part})")
    }

    fn inside(document: &str, steps: &[usize], test: &JsonTest) -> String {
        let mut from = format!("json_each({document}) j0");
        let mut keys = format!("j0.key = ${}", steps[0]);
        for (depth, step) in steps.iter().enumerate().skip(1) {
            let above = depth - 1;
            from += &format!(
                ", json_each(CASE WHEN j{above}.type = 'object' THEN j{above}.value ELSE '{{}}' END) j{depth}"
            );
            keys += &format!(" AND j{depth}.key = ${step}");
        }
        let j = format!("j{}", steps.len() - 1);
        let held = match test {
            JsonTest::Exists => "1 = 1".to_owned(),
            JsonTest::IsNull => format!("{j}.type = 'null'"),
            JsonTest::Is(value) => format!("{j}.type = '{value}'"),
            JsonTest::Text(order, n) => format!("{j}.type = 'text' AND {j}.atom {order} ${n}"),
            // SQLite reads the text of a number to the last bit between 1e-30 and 1e100; beyond, that bit may be wrong
            JsonTest::Integer(order, n) | JsonTest::Number(order, n) => {
                format!("{j}.type IN ('integer', 'real') AND {j}.atom {order} ${n}")
            }
            JsonTest::Contains(n) => format!("{j}.type = 'text' AND instr({j}.atom, ${n}) > 0"),
            JsonTest::Prefix(n) => {
                format!("{j}.type = 'text' AND substr({j}.atom, 1, length(${n})) = ${n}")
            }
        };
        format!("EXISTS (SELECT 1 FROM {from} WHERE {keys} AND {held})")
    }

    fn is_full(error: &sqlx::Error) -> bool {
        // SQLITE_FULL, and SQLITE_IOERR with all its shades
        code(error).is_some_and(|code| code & 0xff == 13 || code & 0xff == 10)
    }

    fn is_timeout(error: &sqlx::Error) -> bool {
        code(error) == Some(9) // SQLITE_INTERRUPT
    }

    fn is_away(error: &sqlx::Error) -> bool {
        // SQLITE_BUSY and SQLITE_LOCKED, with all their shades
        code(error).is_some_and(|code| [5, 6].contains(&(code & 0xff)))
    }

    fn may_have_committed(_: &sqlx::Error) -> bool {
        false // it is done in this very process
    }
}

fn code(error: &sqlx::Error) -> Option<i64> {
    error.as_database_error()?.code()?.parse().ok()
}

impl Dialect for OnPostgres {
    type Db = Postgres;

    const NAME: &'static str = "postgres";
    const BEGIN: &'static str = "BEGIN";
    const BEGIN_READ: &'static str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    const LOCK_HEAD: &'static str = " FOR UPDATE";
    const WANTS_PLAN: bool = false;
    const ADD_WORDS: Many = Many {
        before: "INSERT INTO interaction_words (interaction_id, tenant_id, words) \
                 SELECT v.column1, v.column2, CAST(v.column3 AS tsvector) FROM (VALUES",
        casts: &["TEXT", "BIGINT", "TEXT"],
        columns: 3,
        after: ") AS v",
        skips_nulls: false,
    };
    const REMOVE_WORDS: Many = Many {
        before: "DELETE FROM interaction_words w USING (VALUES",
        casts: &["TEXT", "BIGINT", "TEXT"],
        columns: 3,
        after: ") AS v WHERE w.interaction_id = v.column1 AND w.tenant_id = v.column2",
        skips_nulls: false,
    };
    const TEXTS: Many = texts!("interaction_id, tenant_id");
    const SYNCHRONOUS: (&'static str, &'static str) = ("SHOW synchronous_commit", "on");
    const JOINED_ITEMS: &'static str = "string_agg(item, '')";
    const TIME: &'static str = "TIMESTAMPTZ";

    statements!(Postgres);

    async fn forget_words(_: &mut Conn<Self>, _: &BTreeSet<String>) -> sqlx::Result<()> {
        Ok(())
    }

    async fn limit_time(_: &mut Conn<Self>, _: Option<std::time::Duration>) -> sqlx::Result<()> {
        Ok(())
    }

    fn unindexed(column: &str) -> String {
        column.to_owned()
    }

    fn int(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<i64>> {
        // SMALLINT and BIGINT are both read as a whole number
        if row.column(column).type_info().name() == "INT2" {
            return Ok(row
                .try_get_unchecked::<Option<i16>, _>(column)?
                .map(i64::from));
        }
        row.try_get(column)
    }

    fn time(row: &RowOf<Self>, column: usize) -> sqlx::Result<Option<Moment>> {
        row.try_get::<Option<DateTime<Utc>>, _>(column)?
            .map(|at| Moment::from_micros(at.timestamp_micros()).ok_or_else(out_of_range))
            .transpose()
    }

    fn place(sql: &mut String, n: usize) {
        write!(sql, "${n}").expect("a String takes all that is written");
    }

    fn any_of(n: usize) -> String {
        format!("(SELECT unnest(CAST(${n} AS text[])))")
    }

    fn listed(n: usize) -> String {
        format!("unnest(${n}) WITH ORDINALITY AS k (value, place)")
    }

    fn finds_words(n: usize) -> String {
        format!(
            "EXISTS (SELECT 1 FROM interaction_words w WHERE w.interaction_id = i.id AND w.tenant_id = i.tenant_id \
             AND w.words @@ CAST(${n} AS tsquery))"
        )
    }

    fn words(joined: &str) -> String {
        // each word with its position, which phrases are found by
        let mut placed = String::with_capacity(joined.len() * 2);
        for (index, word) in joined.split_ascii_whitespace().enumerate() {
            write!(placed, "{word}:{} ", index + 1).expect("a String takes all that is written");
        }
        placed
    }

    fn word_query(query: &WordQuery) -> String {
        let terms: Vec<String> = query
            .0
            .iter()
            .map(|term| {
                let words: Vec<String> =
                    term.words.iter().map(|word| format!("'{word}'")).collect();
                format!(
                    "({}{})",
                    words.join(" <-> "),
                    if term.prefix { ":*" } else { "" }
                )
            })
            .collect();
        terms.join(" & ")
    }

    fn quarter(column: &str) -> String {
        format!("CAST(FLOOR(EXTRACT(EPOCH FROM {column}) / 900) AS BIGINT)")
    }

    fn position(text: &str, part: &str) -> String {
        format!("strpos({text}, {part})")
    }

    fn inside(document: &str, steps: &[usize], test: &JsonTest) -> String {
        let mut value = format!("CAST({document} AS jsonb)");
        for step in steps {
            value = format!("({value} -> CAST(${step} AS text))");
        }
        let text = format!("({value} #>> '{{}}') COLLATE \"C\"");
        let of_type = |name: &str, held: &str| {
            format!("CASE WHEN jsonb_typeof({value}) = '{name}' THEN {held} ELSE FALSE END")
        };
        match test {
            JsonTest::Exists => format!("({value} IS NOT NULL)"),
            JsonTest::IsNull => format!("COALESCE(jsonb_typeof({value}) = 'null', FALSE)"),
            JsonTest::Is(wanted) => format!("COALESCE({value} = '{wanted}', FALSE)"),
            JsonTest::Text(order, n) => of_type("string", &format!("{text} {order} ${n}")),
            JsonTest::Integer(order, n) => of_type(
                "number",
                &format!("CAST({value} #>> '{{}}' AS numeric) {order} ${n}"),
            ),
            // whole numbers in range of a bigint are compared without rounding them to a double, as SQLite does
            JsonTest::Number(order, n) => of_type(
                "number",
                &format!(
                    "CASE WHEN abs(CAST({value} #>> '{{}}' AS numeric)) < 9223372036854775808 \
                     THEN CAST({value} #>> '{{}}' AS numeric) {order} CAST(CAST(CAST(${n} AS double precision) AS text) AS numeric) \
                     ELSE CAST({value} #>> '{{}}' AS double precision) {order} CAST(${n} AS double precision) END"
                ),
            ),
            JsonTest::Contains(n) => of_type("string", &format!("strpos({text}, ${n}) > 0")),
            JsonTest::Prefix(n) => of_type("string", &format!("starts_with({text}, ${n})")),
        }
    }

    fn is_full(error: &sqlx::Error) -> bool {
        error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code == "53100")
    }

    fn is_timeout(error: &sqlx::Error) -> bool {
        error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code == "57014")
    }

    fn is_away(error: &sqlx::Error) -> bool {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut => true,
            // class 08, the connection; 53, no memory or too many connections; 57P, it was shut down or is starting
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                ["08", "53", "57P"]
                    .iter()
                    .any(|class| code.starts_with(class))
            }),
            _ => false,
        }
    }

    fn may_have_committed(error: &sqlx::Error) -> bool {
        Self::is_away(error)
    }
}

/// Reads the columns of a row from left to right.
pub struct Columns<'r, D: Dialect> {
    row: &'r RowOf<D>,
    next: usize,
}

impl<'r, D: Dialect> Columns<'r, D> {
    /// Begins at the first column.
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
