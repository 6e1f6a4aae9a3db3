//! Postgres.
//!
//! Behind a pooler in transaction mode, each transaction may run on a different connection to the
//! database. So nothing may rely on connection state: no settings, no prepared statements.
//! [`OnPooled`] differs from [`OnPostgres`] only in that.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Column, Postgres, Row, TypeInfo};

use super::{
    Arg, COMMIT, Conn, Dialect, Failed, HEAD, JsonTest, Many, RowOf, Sql, Statement, Step, bound,
    interaction, long_texts, out_of_range, statements,
};
use crate::domain::Moment;
use crate::domain::words::WordQuery;
use crate::store::bulk::Type;

/// Postgres, whose connections keep their sessions or do not.
#[derive(Debug)]
pub struct Sessions<const KEPT: bool>;
/// Postgres.
pub type OnPostgres = Sessions<true>;
/// Postgres behind a pooler in transaction mode.
pub type OnPooled = Sessions<false>;

/// Settings for search transactions.
///
/// Statements are written so that an index gives the order of the list, and a page stops when it is
/// full. A planner without statistics, or with wrong ones, would prefer to read everything and sort
/// it. So sorting, scanning and hashing whole tables are made a last resort. Caching of rows for
/// later lookups (memoize) is turned off, since the key of such a cache is a whole document. The
/// high costs of a last resort would trigger the JIT compiler, which takes longer than any page; so
/// it is turned off as well.
pub const READING: [(&str, &str); 7] = [
    ("enable_sort", "off"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_material", "off"),
    ("enable_memoize", "off"),
    ("jit", "off"),
];

/// Settings for the writer, whose statements find rows by index. A planner without statistics expects
/// a new table to be small and would scan it, and a prepared statement keeps its plan while the table
/// grows.
pub const WRITING: [(&str, &str); 5] = [
    ("synchronous_commit", "on"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// A setting that ends a statement soon after its client has disconnected. Not every platform has
/// it.
pub const WATCH_CLIENT: (&str, &str) = ("client_connection_check_interval", "1s");

/// The statements that begin a transaction with settings of its own.
pub fn with_settings(begin: &str, settings: &[(&str, impl Display)]) -> String {
    let mut sql = begin.to_owned();
    for (name, value) in settings {
        sql += &format!("; SET LOCAL {name} = '{value}'");
    }
    sql
}

bound!(Postgres, Moment::utc, |texts: Vec<String>| { texts });

impl<const KEPT: bool> Dialect for Sessions<KEPT> {
    type Db = Postgres;

    const NAME: &'static str = "postgres";
    const ALL_OR_NOTHING: &'static str = "";
    const BEGIN: &'static str = "BEGIN; SET LOCAL synchronous_commit = on";
    const BEGIN_READ: &'static str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    const KEEPS_SESSION: bool = KEPT;
    const SEARCHES_IN_TRANSACTIONS: bool = true;
    const INDEXES_ASIDE: bool = true;
    const UNLIMITED: &'static str = "SET LOCAL statement_timeout = 0";
    const READS_ALL: &'static str = "SET LOCAL enable_sort = on; SET LOCAL enable_seqscan = on; \
                                     SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on; \
                                     SET LOCAL enable_material = on";
    const ADD_WORDS: Many = Many::new(
        "INSERT INTO interaction_words (interaction_id, tenant_id, words) \
                 SELECT v.column1, v.column2, CAST(v.column3 AS tsvector) FROM (VALUES",
        &[Type::Text, Type::Int, Type::Text],
        3,
        ") AS v",
    );
    const REMOVE_WORDS: Many = Many::new(
        "DELETE FROM interaction_words w USING (VALUES",
        &[Type::Text, Type::Int, Type::Text],
        3,
        ") AS v WHERE w.interaction_id = v.column1 AND w.tenant_id = v.column2",
    );
    const SYNCHRONOUS: (&'static str, &'static str) = ("SHOW synchronous_commit", "on");
    const JOINED_ITEMS: &'static str = "string_agg(item, '')";
    const TIME: &'static str = "TIMESTAMPTZ";

    statements!(Postgres);

    async fn begin(conn: &mut Conn<Self>) -> sqlx::Result<RowOf<Self>> {
        // a kept session has the others from its beginning
        let settings = if KEPT { &[][..] } else { &WRITING[..] };
        let sql = format!(
            "{}; {HEAD} FOR UPDATE",
            with_settings(Self::BEGIN, settings)
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(conn).await
    }

    async fn commit(conn: &mut Conn<Self>, last: Vec<(Sql, Vec<Arg>)>) -> Result<(), Failed> {
        for (sql, args) in last {
            let done = Self::execute(conn, sql, args).await;
            done.map_err(Failed::Statement)?;
        }
        Self::command(conn, COMMIT).await.map_err(Failed::Commit)
    }
    long_texts!("interaction_id", "tenant_id");

    async fn forget_words(_: &mut Conn<Self>, _: &BTreeSet<String>) -> sqlx::Result<()> {
        Ok(())
    }

    async fn limit_time(
        _: &mut Conn<Self>,
        _: Option<(std::time::Duration, Arc<AtomicBool>)>,
    ) -> sqlx::Result<()> {
        Ok(())
    }

    fn unindexed(column: &str) -> String {
        format!("GREATEST({column})")
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

    fn has_words(n: usize) -> String {
        Self::finds_words(n)
    }

    fn is_any(column: &str, n: usize) -> String {
        format!("{column} = ANY(CAST(${n} AS text[]))")
    }

    fn word_rows(n: usize) -> String {
        format!("interaction_words w WHERE w.words @@ CAST(${n} AS tsquery)")
    }

    async fn estimate(
        conn: &mut Conn<Self>,
        sql: String,
        args: Vec<Arg>,
    ) -> sqlx::Result<Option<i64>> {
        let rows = Self::fetch(conn, format!("EXPLAIN {sql}").into(), args).await?;
        let first = rows.first().map(|row| Self::text(row, 0)).transpose()?;
        let plan = first.flatten().unwrap_or_default();
        // Bitmap Heap Scan on interaction_words w  (cost=64.75..4242.99 rows=1000 width=0)
        let after = plan.split_once(" rows=").map(|(_, after)| after);
        let digits = after.and_then(|after| after.split(' ').next());
        Ok(digits.and_then(|digits| digits.parse().ok()))
    }

    const CLEAR_WORDS: &'static str = "TRUNCATE interaction_words";

    fn words(joined: &str) -> String {
        // each word with its position, for phrase search
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

    // OFFSET 0 keeps the planner from reading the text once for each reference
    fn join_document(holds: &str) -> String {
        format!(
            " CROSS JOIN LATERAL (SELECT CASE WHEN {holds} THEN CAST(j.user_data AS jsonb) END AS document OFFSET 0) u"
        )
    }

    // the documents that are read have the needles: see `join_document`
    fn inside(_: &[usize], steps: &[Step], tests: &[JsonTest], elements: &[JsonTest]) -> String {
        let mut value = "u.document".to_owned();
        for step in steps {
            // -> takes a text only as a key; #> also takes it as an index, even if not in its
            // shortest form
            value = if step.index {
                format!("({value} #> ARRAY[CAST(${} AS text)])", step.place)
            } else {
                format!("({value} -> CAST(${} AS text))", step.place)
            };
        }
        if matches!(tests, [JsonTest::Exists]) {
            return format!("({value} IS NOT NULL)");
        }
        let mut cases = by_type(&value, tests);
        if !elements.is_empty() {
            cases += &format!(
                " WHEN 'array' THEN EXISTS (SELECT 1 FROM jsonb_array_elements({value}) AS e (value) \
                 WHERE CASE jsonb_typeof(e.value){} ELSE FALSE END)",
                by_type("e.value", elements)
            );
        }
        format!("CASE jsonb_typeof({value}){cases} ELSE FALSE END")
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
            // class 08: the connection; 53: out of memory or connections; 57P: shut down or
            // starting up
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

/// Conditions on a value, as branches of a `CASE` on its type.
fn by_type(value: &str, tests: &[JsonTest]) -> String {
    let text = format!("({value} #>> '{{}}') COLLATE \"C\"");
    let number = format!("CAST({value} #>> '{{}}' AS numeric)");
    let mut types: Vec<(&str, Vec<String>)> = Vec::new();
    for test in tests {
        let (kind, held) = match test {
            JsonTest::Exists => continue,
            JsonTest::IsNull => ("null", "TRUE".to_owned()),
            JsonTest::Is(wanted) => ("boolean", format!("{value} = '{wanted}'")),
            JsonTest::Text(order, n) => ("string", format!("{text} {order} ${n}")),
            JsonTest::Contains(n) => ("string", format!("strpos({text}, ${n}) > 0")),
            JsonTest::Prefix(n) => ("string", format!("starts_with({text}, ${n})")),
            JsonTest::Integer(order, n) => ("number", format!("{number} {order} ${n}")),
            // whole numbers within bigint are compared without rounding to a double, as SQLite does
            JsonTest::Number(order, n) => (
                "number",
                format!(
                    "CASE WHEN abs({number}) < 9223372036854775808 \
                     THEN {number} {order} CAST(CAST(CAST(${n} AS double precision) AS text) AS numeric) \
                     ELSE CAST({value} #>> '{{}}' AS double precision) {order} CAST(${n} AS double precision) END"
                ),
            ),
        };
        match types.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, all)) => all.push(held),
            None => types.push((kind, vec![held])),
        }
    }
    types.iter().fold(String::new(), |mut sql, (kind, held)| {
        write!(sql, " WHEN '{kind}' THEN {}", held.join(" OR "))
            .expect("a String takes all that is written");
        sql
    })
}
