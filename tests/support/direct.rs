//! Direct access to the database, to inspect what no answer shows and to hold locks.

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::Place;

/// A separate connection of the test.
pub enum Direct {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Direct {
    pub async fn to(place: &Place) -> Self {
        if place.url.starts_with("sqlite:") {
            let url = format!("{}?mode=rwc", place.url);
            let conn = SqliteConnection::connect(&url).await;
            Self::Sqlite(conn.expect("the file opens"))
        } else {
            let conn = PgConnection::connect(&place.url).await;
            Self::Postgres(conn.expect("the Postgres answers"))
        }
    }

    /// Holds the lock that the writer needs for each commit, until a `ROLLBACK`.
    pub async fn hold_writer(place: &Place) -> Self {
        let mut direct = Self::to(place).await;
        let hold = match direct {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN; SELECT last_cursor FROM journal_head FOR UPDATE",
        };
        direct.execute(hold).await;
        direct
    }

    /// Runs statements.
    pub async fn execute(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(conn) => sqlx::raw_sql(sql).execute(conn).await.map(drop),
            Self::Postgres(conn) => sqlx::raw_sql(sql).execute(conn).await.map(drop),
        }
        .expect("the statement runs");
    }

    /// The one number that a statement selects.
    pub async fn number(&mut self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(conn) => sqlx::query_scalar(sql).fetch_one(conn).await,
            Self::Postgres(conn) => sqlx::query_scalar(sql).fetch_one(conn).await,
        }
        .expect("a number")
    }

    /// The frames of SQLite's log that are in use.
    pub async fn frames(&mut self) -> i64 {
        let Self::Sqlite(conn) = self else { return 0 };
        let sql = "PRAGMA wal_checkpoint(NOOP)";
        let (_, frames, _): (i64, i64, i64) = sqlx::query_as(sql)
            .fetch_one(conn)
            .await
            .expect("the log can be looked at");
        frames
    }

    /// The pairs of texts that a statement selects.
    pub async fn pairs(&mut self, sql: &str) -> Vec<(String, String)> {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(conn) => sqlx::query_as(sql).fetch_all(conn).await,
            Self::Postgres(conn) => sqlx::query_as(sql).fetch_all(conn).await,
        }
        .expect("pairs of texts")
    }
}
