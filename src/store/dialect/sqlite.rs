//! SQLite: one file, one writer.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Row, Sqlite};

use super::{
    Arg, COMMIT, Conn, Dialect, Failed, HEAD, JsonTest, Many, RowOf, Sql, Statement, Step, bound,
    interaction, long_texts, out_of_range, statements,
};
use crate::domain::Moment;
use crate::domain::words::WordQuery;
use crate::store::bulk::Type;
use crate::store::checkpoint;

/// How long a connection waits for a lock.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// SQLite: one file, one writer.
#[derive(Debug)]
pub struct OnSqlite;

bound!(Sqlite, Moment::micros, |texts: Vec<String>| {
    serde_json::Value::from(texts).to_string()
});
impl Dialect for OnSqlite {
    type Db = Sqlite;

    const NAME: &'static str = "sqlite";
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const BEGIN_READ: &'static str = "BEGIN";
    // without it, SQLite copies each page that the statement changes, so that the statement could be
    // undone by itself
    const ALL_OR_NOTHING: &'static str = " OR ROLLBACK";
    const KEEPS_SESSION: bool = true;
    const SEARCHES_IN_TRANSACTIONS: bool = false;
    const INDEXES_ASIDE: bool = false;
    const UNLIMITED: &'static str = "";
    const READS_ALL: &'static str = "";
    // one statement, not several: after each, FTS5 writes its buffer as a new segment, to be merged
    // later. CROSS keeps the order of the join: the planner expects VALUES to be larger than the
    // table of interactions, and would scan the latter
    const ADD_WORDS: Many = Many::new(
        "INSERT INTO interaction_words (rowid, words) SELECT i.seq, v.column3 FROM (VALUES",
        &[Type::Text, Type::Int, Type::Text],
        3,
        ") AS v CROSS JOIN interaction i ON i.id = v.column1 AND i.tenant_id = v.column2",
    )
    .skipping_nulls();
    // the index keeps no text, so a removal must name exactly the words that were added
    const REMOVE_WORDS: Many = Many::new(
        "INSERT INTO interaction_words (interaction_words, rowid, words) SELECT 'delete', i.seq, v.column3 FROM (VALUES",
        &[Type::Text, Type::Int, Type::Text],
        3,
        ") AS v CROSS JOIN interaction i ON i.id = v.column1 AND i.tenant_id = v.column2",
    ).skipping_nulls();
    // 2 is FULL: in WAL mode the log is synced before a commit returns
    const SYNCHRONOUS: (&'static str, &'static str) = ("PRAGMA synchronous", "2");
    const TIME: &'static str = "INTEGER";
    const JOINED_ITEMS: &'static str = "group_concat(item, '')";

    statements!(Sqlite);

    async fn begin(conn: &mut Conn<Self>) -> sqlx::Result<RowOf<Self>> {
        // one text for both: each costs a change to the thread of the connection, and back
        let sql = format!("{}; {HEAD}", Self::BEGIN);
        let mut rows = Self::fetch(conn, sql.into(), Vec::new()).await?;
        rows.pop().ok_or(sqlx::Error::RowNotFound)
    }

    async fn commit(conn: &mut Conn<Self>, last: Vec<(Sql, Vec<Arg>)>) -> Result<(), Failed> {
        let mut all = String::with_capacity(last.iter().map(|(sql, _)| sql.len() + 2).sum());
        let mut values = Vec::with_capacity(last.iter().map(|(_, args)| args.len()).sum());
        for (sql, args) in last {
            all.push_str(&sql);
            all.push_str("; ");
            values.extend(args);
        }
        all.push_str(COMMIT);
        let done = Self::execute(conn, all.into(), values).await;
        // the commit happens in this process: whatever failed, nothing is kept
        done.map(drop).map_err(Failed::Statement)
    }
    long_texts!("seq");

    async fn forget_words(conn: &mut Conn<Self>, words: &BTreeSet<String>) -> sqlx::Result<()> {
        crate::store::separators::forget(conn, words).await
    }

    async fn limit_time(
        conn: &mut Conn<Self>,
        most: Option<(std::time::Duration, Arc<AtomicBool>)>,
    ) -> sqlx::Result<()> {
        let mut handle = conn.lock_handle().await?;
        match most {
            Some((most, gone)) => {
                let end = std::time::Instant::now() + most;
                handle.set_progress_handler(10_000, move || {
                    !gone.load(Ordering::Relaxed) && std::time::Instant::now() < end
                });
            }
            None => handle.remove_progress_handler(),
        }
        Ok(())
    }

    async fn renew_log(conn: &mut Conn<Self>) -> sqlx::Result<()> {
        checkpoint::finish(conn, BUSY_TIMEOUT).await
    }

    fn unindexed(column: &str) -> String {
        format!("+{column}")
    }

    // after an ANALYZE that found one tenant, SQLite would skip the tenant of an index and test it
    // afterwards, because it expects such a test to narrow the rows; the order is lost then
    fn certain(condition: &str) -> String {
        format!("likelihood({condition}, 1.0)")
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
        // a named parameter is searched for in a list of all names, for every bound value: the time
        // for thousands is quadratic
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

    fn has_words(n: usize) -> String {
        format!(
            "CASE WHEN EXISTS (SELECT 1 FROM interaction_words WHERE interaction_words MATCH ${n} AND rowid = i.seq) THEN TRUE ELSE FALSE END"
        )
    }

    fn is_any(column: &str, n: usize) -> String {
        format!("{column} IN {}", Self::any_of(n))
    }

    fn word_rows(n: usize) -> String {
        format!("interaction_words WHERE interaction_words MATCH ${n}")
    }

    async fn estimate(_: &mut Conn<Self>, _: String, _: Vec<Arg>) -> sqlx::Result<Option<i64>> {
        Ok(None)
    }

    const CLEAR_WORDS: &'static str =
        "INSERT INTO interaction_words (interaction_words) VALUES ('delete-all')";

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
        // rounds down before 1970, too
        format!("(({column}) - (({column}) % 900000000 + 900000000) % 900000000) / 900000000")
    }

    fn position(text: &str, part: &str) -> String {
        format!("instr({text}, {part})")
    }

    fn join_document(_: &str) -> String {
        String::new()
    }

    fn inside(
        needles: &[usize],
        steps: &[Step],
        tests: &[JsonTest],
        elements: &[JsonTest],
    ) -> String {
        let mut from = "json_each(j.user_data) j0".to_owned();
        let mut keys = format!("j0.key = ${}", steps[0].place);
        for (depth, step) in steps.iter().enumerate().skip(1) {
            let above = depth - 1;
            from += &format!(
                ", json_each(CASE WHEN j{above}.type IN ('object', 'array') THEN j{above}.value ELSE '{{}}' END) j{depth}"
            );
            // the keys of a list are its indices, as whole numbers
            keys += &format!(" AND CAST(j{depth}.key AS TEXT) = ${}", step.place);
        }
        let value = format!("j{}", steps.len() - 1);
        let mut any = holds_any(&value, tests);
        if !elements.is_empty() {
            let of_element = holds_any("e", elements);
            any.push(format!(
                "{value}.type = 'array' AND EXISTS (SELECT 1 FROM json_each(CASE WHEN {value}.type = 'array' THEN {value}.value ELSE '[]' END) e \
                 WHERE {})",
                of_element.join(" OR ")
            ));
        }
        let has: String = needles
            .iter()
            .map(|place| format!("instr(j.user_data, ${place}) > 0 AND "))
            .collect();
        format!(
            "({has}EXISTS (SELECT 1 FROM {from} WHERE {keys} AND ({})))",
            any.join(" OR ")
        )
    }

    fn is_full(error: &sqlx::Error) -> bool {
        // SQLITE_FULL, and SQLITE_IOERR with all extended codes
        code(error).is_some_and(|code| code & 0xff == 13 || code & 0xff == 10)
    }

    fn is_timeout(error: &sqlx::Error) -> bool {
        code(error) == Some(9) // SQLITE_INTERRUPT
    }

    fn is_away(error: &sqlx::Error) -> bool {
        // SQLITE_BUSY and SQLITE_LOCKED, with all extended codes
        code(error).is_some_and(|code| [5, 6].contains(&(code & 0xff)))
    }

    fn may_have_committed(_: &sqlx::Error) -> bool {
        false // the commit happens in this process
    }
}

fn code(error: &sqlx::Error) -> Option<i64> {
    error.as_database_error()?.code()?.parse().ok()
}

/// A condition on a value from `json_each`.
fn holds(j: &str, test: &JsonTest) -> String {
    match test {
        JsonTest::Exists => "1 = 1".to_owned(),
        JsonTest::IsNull => format!("{j}.type = 'null'"),
        JsonTest::Is(value) => format!("{j}.type = '{value}'"),
        JsonTest::Text(order, n) => format!("({j}.type = 'text' AND {j}.atom {order} ${n})"),
        // SQLite parses a number exactly between 1e-30 and 1e100; beyond, the last bit may be wrong
        JsonTest::Integer(order, n) | JsonTest::Number(order, n) => {
            format!("({j}.type IN ('integer', 'real') AND {j}.atom {order} ${n})")
        }
        JsonTest::Contains(n) => format!("({j}.type = 'text' AND instr({j}.atom, ${n}) > 0)"),
        JsonTest::Prefix(n) => {
            format!("({j}.type = 'text' AND substr({j}.atom, 1, length(${n})) = ${n})")
        }
    }
}

/// Conditions of which one must hold. Equality tests become one list: a tree of many ORs exceeds
/// SQLite's depth limit.
fn holds_any(j: &str, tests: &[JsonTest]) -> Vec<String> {
    let (mut texts, mut numbers, mut any) = (Vec::new(), Vec::new(), Vec::new());
    for test in tests {
        match test {
            JsonTest::Text("=", n) => texts.push(format!("${n}")),
            JsonTest::Integer("=", n) | JsonTest::Number("=", n) => numbers.push(format!("${n}")),
            test => any.push(holds(j, test)),
        }
    }
    for (types, values) in [("'text'", texts), ("'integer', 'real'", numbers)] {
        if !values.is_empty() {
            any.push(format!(
                "({j}.type IN ({types}) AND {j}.atom IN ({}))",
                values.join(", ")
            ));
        }
    }
    any
}
