//! Migrations: refinery over the application's own connection, under a lock.
//!
//! refinery takes no lock itself. So the whole run is one transaction that excludes every other
//! run: `BEGIN IMMEDIATE` on SQLite, an advisory lock on Postgres. A run applies all migrations or
//! none.

use std::fmt::Display;
use std::future::Future;

use refinery_core::Migration;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use sqlx::{AssertSqlSafe, Connection, Database, Executor, Row};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::StoreError;
use super::dialect::{Arg, Columns, Conn, Dialect, OnSqlite, Sessions};

mod sqlite {
    refinery::embed_migrations!("migrations/sqlite");
}

mod postgres {
    refinery::embed_migrations!("migrations/postgres");
}

/// Adapts a sqlx connection to refinery.
struct Migratable<'c, C>(&'c mut C);

impl<C> AsyncTransaction for Migratable<'_, C>
where
    C: Connection,
    for<'e> &'e mut C: Executor<'e, Database = C::Database>,
    C::Database: Database<Connection = C>,
{
    type Error = sqlx::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, sqlx::Error> {
        let mut inner = self.0.begin().await?;
        let mut count = 0;
        for query in queries {
            sqlx::raw_sql(AssertSqlSafe(query))
                .execute(&mut *inner)
                .await?;
            count += 1;
        }
        inner.commit().await?;
        Ok(count)
    }
}

macro_rules! migrations {
    ($dialect:ty, [$($generics:tt)*], $conn:ty, $runner:path, $there:literal, $lock:literal) => {
        impl AsyncQuery<Vec<Migration>> for Migratable<'_, $conn> {
            async fn query<'a>(
                &'a mut self,
                query: &'a str,
            ) -> Result<Vec<Migration>, sqlx::Error> {
                let rows = sqlx::raw_sql(AssertSqlSafe(query))
                    .fetch_all(&mut *self.0)
                    .await?;
                rows.iter()
                    .map(|row| {
                        let applied: String = row.try_get("applied_on")?;
                        let applied = OffsetDateTime::parse(&applied, &Rfc3339)
                            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
                        let checksum: String = row.try_get("checksum")?;
                        let checksum = checksum
                            .parse()
                            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
                        Ok(Migration::applied(
                            row.try_get("version")?,
                            row.try_get("name")?,
                            applied,
                            checksum,
                        ))
                    })
                    .collect()
            }
        }

        impl AsyncMigrate for Migratable<'_, $conn> {}

        impl $($generics)* Migrate for $dialect {
            const HISTORY_EXISTS: &'static str = $there;
            const LOCK: &'static str = $lock;

            fn known() -> Vec<Migration> {
                let mut known = $runner().get_migrations().clone();
                // they are embedded in the order of their names, with version 10 before 2
                known.sort();
                known
            }

            async fn applied(conn: &mut Conn<Self>) -> Result<Vec<Migration>, StoreError> {
                let mut lent = Migratable(conn);
                $runner()
                    .get_applied_migrations_async(&mut lent)
                    .await
                    .map_err(of_refinery)
            }

            async fn run(conn: &mut Conn<Self>) -> Result<usize, StoreError> {
                let mut lent = Migratable(conn);
                let report = $runner().run_async(&mut lent).await.map_err(of_refinery)?;
                Ok(report.applied_migrations().len())
            }
        }
    };
}

migrations!(
    OnSqlite,
    [],
    sqlx::SqliteConnection,
    sqlite::migrations::runner,
    "SELECT COUNT(*) FROM sqlite_master WHERE name = 'refinery_schema_history'",
    "SELECT 1"
);
migrations!(
    Sessions<KEPT>,
    [<const KEPT: bool>],
    sqlx::PgConnection,
    postgres::migrations::runner,
    "SELECT COUNT(*) FROM pg_class WHERE oid = to_regclass('refinery_schema_history')",
    // any number, but the same in every version of Annals
    "SELECT 1 FROM (SELECT pg_advisory_xact_lock(4706326177)) AS taken"
);

/// What refinery needs to know about a database.
pub trait Migrate: Dialect {
    /// Counts the history table: 0 or 1.
    const HISTORY_EXISTS: &'static str;
    /// Waits for the migration lock, which ends with the transaction.
    const LOCK: &'static str;

    /// The migrations in this program, in order.
    fn known() -> Vec<Migration>;
    /// The migrations that the database has.
    fn applied(
        conn: &mut Conn<Self>,
    ) -> impl Future<Output = Result<Vec<Migration>, StoreError>> + Send;
    /// Applies pending migrations; returns how many.
    fn run(conn: &mut Conn<Self>) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn of_refinery(error: refinery_core::Error) -> StoreError {
    use refinery_core::error::Kind;
    match error.kind() {
        Kind::MissingVersion(migration) => StoreError::Schema(format!(
            "the database has migration {migration}, which this version of annals does not know: run a newer annals"
        )),
        Kind::DivergentVersion(applied, known) => differs(applied, known),
        _ => StoreError::Schema(format!("migrating failed: {error}")),
    }
}

fn differs(applied: &impl Display, known: &impl Display) -> StoreError {
    StoreError::Schema(format!(
        "the database's migration {applied} differs from this program's {known}: another version of annals made this store; \
         `annals export --all` of that version and `annals import` of this one bring it over"
    ))
}

/// The names of the pending migrations, in order.
///
/// # Errors
/// [`StoreError::Schema`] if the database is newer than this program, or belongs to another one.
pub async fn pending<D: Migrate>(conn: &mut Conn<D>) -> Result<Vec<String>, StoreError> {
    D::command(conn, D::BEGIN_READ).await?;
    let found = lacking::<D>(conn).await?;
    D::command(conn, "ROLLBACK").await?;
    Ok(found)
}

async fn lacking<D: Migrate>(conn: &mut Conn<D>) -> Result<Vec<String>, StoreError> {
    let known = D::known();
    let there = D::fetch(conn, D::HISTORY_EXISTS.into(), Vec::<Arg>::new()).await?;
    let applied = match there.first() {
        Some(row) if Columns::<D>::of(row).int()? > 0 => D::applied(conn).await?,
        _ => Vec::new(),
    };
    for migration in &applied {
        match known
            .iter()
            .find(|other| other.version() == migration.version())
        {
            None => {
                return Err(StoreError::Schema(format!(
                    "the database has migration {migration}, which this version of annals does not know: run a newer annals"
                )));
            }
            Some(other) if other != migration => {
                return Err(differs(migration, other));
            }
            Some(_) => {}
        }
    }
    Ok(known
        .iter()
        .filter(|migration| !applied.contains(migration))
        .map(ToString::to_string)
        .collect())
}

/// Applies all pending migrations or none; returns how many.
///
/// # Errors
/// [`StoreError::Schema`] if the database is newer than this program, or a migration fails.
pub async fn migrate<D: Migrate>(conn: &mut Conn<D>) -> Result<usize, StoreError> {
    let mut held = conn.begin_with(D::BEGIN).await?;
    D::fetch(&mut held, D::LOCK.into(), Vec::new()).await?;
    lacking::<D>(&mut held).await?;
    let count = D::run(&mut held).await?;
    held.commit().await?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::dialect::OnPostgres;

    #[test]
    fn both_databases_have_the_same_migrations() {
        let names =
            |known: Vec<Migration>| known.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(OnSqlite::known()), names(OnPostgres::known()));
        assert!(!OnSqlite::known().is_empty());
    }

    #[test]
    fn no_migration_takes_transactions_into_its_own_hands() {
        for migration in OnSqlite::known().iter().chain(&OnPostgres::known()) {
            let sql = migration.sql().unwrap_or_default().to_uppercase();
            for word in ["COMMIT", "ROLLBACK", "SAVEPOINT", "CONCURRENTLY", "PRAGMA"] {
                let found = sql
                    .split(|c: char| !c.is_alphanumeric())
                    .any(|other| other == word);
                assert!(!found, "{migration} says {word}");
            }
        }
    }
}
