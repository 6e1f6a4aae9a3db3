//! Builds and removes indexes on Postgres while others read and write.
//!
//! `CREATE INDEX CONCURRENTLY` runs outside a transaction, on a connection of its own. If it is
//! interrupted it leaves an invalid index, which writers keep up to date and nobody reads. Servers
//! take turns: a turn is an advisory lock in a transaction that does nothing else. The lock is
//! tried, never waited for, because the build waits for every snapshot, and a statement that waits
//! for a lock has one.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::StoreError;
use super::attribute_index::{create, declared, drop_index, name};
use super::dialect::{Dialect, OnPooled};
use crate::domain::filter::IndexedAttribute;

/// How long to wait before the lock is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// Takes the right to build and remove the indexes of this schema. The first number is any, but the
/// same in every version of Annals.
const TURN: &str = "SELECT pg_try_advisory_xact_lock(470632618, hashtext(current_schema()))";
/// Waits until nobody builds an index of the table: a build goes on after its server has ended. The
/// statement takes no snapshot.
const NO_BUILD: &str = "BEGIN; LOCK TABLE interaction IN SHARE UPDATE EXCLUSIVE MODE";

/// Connections for work on indexes.
#[derive(Clone)]
pub(super) struct Aside {
    options: PgConnectOptions,
}

/// The right to build and remove indexes. It ends when this is dropped.
pub(super) struct Turn(#[expect(dead_code, reason = "the connection holds the lock")] PgConnection);

impl Aside {
    /// Connects by these options; `keeps_session` says whether a connection keeps its settings.
    pub fn of(options: &PgConnectOptions, keeps_session: bool) -> Self {
        let mut options = options.clone();
        if keeps_session {
            options = options.options([
                ("statement_timeout", "0"),
                ("lock_timeout", "0"),
                ("idle_in_transaction_session_timeout", "0"),
            ]);
        }
        Self { options }
    }

    async fn turn(&self) -> Result<Turn, StoreError> {
        let mut conn = self.options.connect().await?;
        loop {
            OnPooled::command(&mut conn, "BEGIN").await?;
            if sqlx::query_scalar(TURN)
                .persistent(false)
                .fetch_one(&mut conn)
                .await?
            {
                return Ok(Turn(conn));
            }
            OnPooled::command(&mut conn, "ROLLBACK").await?;
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Builds an attribute's index unless it is there. An invalid one is built again. Nobody else
    /// builds or removes indexes until the turn is dropped.
    pub async fn build(&self, attribute: IndexedAttribute) -> Result<Turn, StoreError> {
        let turn = self.turn().await?;
        let mut conn = self.options.connect().await?;
        OnPooled::command(&mut conn, NO_BUILD).await?;
        let valid = states(&mut conn).await?.remove(&attribute);
        OnPooled::command(&mut conn, "COMMIT").await?;
        if valid == Some(false) {
            OnPooled::command(&mut conn, &drop_index(attribute, "CONCURRENTLY ")).await?;
        }
        if valid != Some(true) {
            OnPooled::command(&mut conn, &create(attribute, "CONCURRENTLY ")).await?;
        }
        conn.close().await?;
        Ok(turn)
    }

    /// Removes the index of an attribute, unless the attribute is declared.
    pub async fn remove(&self, attribute: IndexedAttribute) -> Result<(), StoreError> {
        let _turn = self.turn().await?;
        let mut conn = self.options.connect().await?;
        OnPooled::command(&mut conn, NO_BUILD).await?;
        let declared = declared::<OnPooled>(&mut conn).await?;
        OnPooled::command(&mut conn, "COMMIT").await?;
        if declared.iter().all(|(other, _)| *other != attribute) {
            OnPooled::command(&mut conn, &drop_index(attribute, "CONCURRENTLY ")).await?;
        }
        conn.close().await?;
        Ok(())
    }

    /// The indexes that exist, and whether each is valid.
    pub async fn states(&self) -> Result<BTreeMap<IndexedAttribute, bool>, StoreError> {
        let mut conn = self.options.connect().await?;
        OnPooled::command(&mut conn, "BEGIN").await?;
        let states = states(&mut conn).await?;
        OnPooled::command(&mut conn, "COMMIT").await?;
        conn.close().await?;
        Ok(states)
    }
}

async fn states(conn: &mut PgConnection) -> Result<BTreeMap<IndexedAttribute, bool>, StoreError> {
    let mut states = BTreeMap::new();
    for attribute in IndexedAttribute::ALL {
        let sql = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)";
        let valid = sqlx::query_scalar(sql)
            .bind(name(attribute))
            .persistent(false)
            .fetch_optional(&mut *conn)
            .await?;
        if let Some(valid) = valid {
            states.insert(attribute, valid);
        }
    }
    Ok(states)
}
