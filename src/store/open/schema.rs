//! The schema of a database, and the settings of the writer's connection.

use sqlx::{ConnectOptions, Pool};

use super::Schema;
use super::target::{Target, target};
use crate::store::StoreError;
use crate::store::dialect::{Columns, Conn, OnPooled, OnSqlite};
use crate::store::migrate::{self, Migrate};

/// Applies pending migrations; returns how many.
///
/// # Errors
/// If the database cannot be reached, is newer than this program, or a migration fails.
pub async fn migrate_database(url: &str) -> Result<usize, StoreError> {
    match target(url)? {
        Target::Sqlite(options) => {
            migrate::migrate::<OnSqlite>(&mut options.connect().await?).await
        }
        Target::Postgres(options) => {
            migrate::migrate::<OnPooled>(&mut options.connect().await?).await
        }
    }
}

/// The names of the pending migrations.
///
/// # Errors
/// If the database cannot be reached, or is newer than this program.
pub async fn pending_migrations(url: &str) -> Result<Vec<String>, StoreError> {
    match target(url)? {
        Target::Sqlite(options) if !options.get_filename().exists() => {
            Ok(OnSqlite::known().iter().map(ToString::to_string).collect())
        }
        Target::Sqlite(options) => {
            migrate::pending::<OnSqlite>(&mut options.connect().await?).await
        }
        Target::Postgres(options) => {
            migrate::pending::<OnPooled>(&mut options.connect().await?).await
        }
    }
}

pub(super) async fn prepare<D: Migrate>(
    conn: &mut Conn<D>,
    schema: Schema,
) -> Result<(), StoreError> {
    let pending = migrate::pending::<D>(conn).await?;
    match schema {
        _ if pending.is_empty() => Ok(()),
        Schema::Migrate => migrate::migrate::<D>(conn).await.map(drop),
        Schema::Require => Err(StoreError::Schema(format!(
            "the database lacks {}: run `annals migrate` first",
            pending.join(", ")
        ))),
    }
}

/// Checks the commit mode of the writer's own connection: a pooler in between may have dropped the
/// setting.
pub(super) async fn want_durable<D: Migrate>(writer: &Pool<D::Db>) -> Result<(), StoreError> {
    let (question, wanted) = D::SYNCHRONOUS;
    let mut conn = writer.acquire().await?;
    D::command(&mut conn, D::BEGIN).await?;
    let rows = D::fetch(&mut conn, question.into(), Vec::new()).await?;
    D::command(&mut conn, "ROLLBACK").await?;
    let answer = match rows.first() {
        Some(row) => Columns::<D>::of(row).text()?,
        None => String::new(),
    };
    tracing::debug!(question, answer, "the writer's connection");
    if answer == wanted {
        return Ok(());
    }
    Err(StoreError::Settings(format!(
        "the writer's connection answers {answer:?} to {question}, not {wanted:?}: what it commits would not survive a power cut"
    )))
}
