//! The store: every write goes through the [`Writer`], every read is a query.
//!
//! There is one implementation, generic over the database; `dialect` holds the differences, and
//! `tables` describes each table once. [`Store`] is the contract in domain terms that the surfaces
//! see. The scheme of the URL selects the database once.
//!
//! To add a write: a variant of [`crate::domain::command::Command`], its checks in `prepare`, and
//! an arm in `writer/ledger/mod.rs` (shared transaction) or `writer/alone/mod.rs` (its own). To add a
//! read: a method of `Reads`, and its statement in the file of its aggregate. The tests run each on
//! both databases.

pub mod archive;
mod aside;
mod attribute_index;
mod bulk;
mod checkpoint;
mod client;
pub mod columns;
pub mod contact;
pub mod contact_search;
pub mod content;
mod core;
pub mod derived;
pub mod dialect;
mod grouped;
mod held;
mod interaction;
pub mod journal;
mod lineage;
pub mod meters;
mod migrate;
mod open;
mod packed;
mod person;
mod reads;
mod recording;
mod rows;
mod scrub;
pub mod search;
mod separators;
pub mod statements;
mod tables;
mod token;
mod undo;
mod web_action;
mod webhook;
pub mod writer;

use std::sync::Arc;

pub use attribute_index::AttributeIndexes;
pub use client::News;
pub use interaction::{Family, FamilyLink};
pub use journal::{Changes, ChangesQuery};
pub use open::{Schema, Settings, Store, migrate_database, pending_migrations};
pub use person::Person;
pub use reads::Reads;
pub use rows::Found;
pub use search::Page;
pub use token::Token;
pub use web_action::{Count, CountsQuery, MAP_VERSION, WebActionsQuery};
pub use webhook::{DeliveriesQuery, Outlook, Sender};
pub use writer::Writer;

use crate::domain::Refusal;

/// Why the store failed to do something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The request is refused.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The queue is full; nothing was written.
    #[error("the queue in front of the writer is full")]
    Busy,
    /// The disk or a quota is full; nothing was written.
    #[error("the database has no room left")]
    Full,
    /// The database is unreachable or was locked for too long; nothing was written.
    #[error("the database is out of reach: {0}")]
    Away(Arc<sqlx::Error>),
    /// The connection was lost during a commit: it is unknown whether anything was written.
    #[error("the connection to the database was lost during a commit: {0}")]
    Unknown(Arc<sqlx::Error>),
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
    /// An archive is restored in part only; nothing was written.
    #[error("the import of an archive is not finished: run `annals import` with it again")]
    Unfinished,
    /// The schema does not match this program.
    #[error("{0}")]
    Schema(String),
    /// Stored data is inconsistent: table and column.
    #[error("{0}.{1} holds an impossible value")]
    Inconsistent(&'static str, &'static str),
    /// The settings do not name a store.
    #[error("{0}")]
    Settings(String),
    /// The database failed.
    #[error("the database failed: {0}")]
    Driver(Arc<sqlx::Error>),
}

impl StoreError {
    /// Inconsistent data in a column.
    pub fn inconsistent(table: &'static str, column: &'static str) -> Self {
        Self::Inconsistent(table, column)
    }

    /// Whether a statement failed, so that one command of a group may be the cause and the others
    /// can be retried.
    pub fn is_of_one_command(&self) -> bool {
        matches!(self, Self::Inconsistent(..) | Self::Driver(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use dialect::{Dialect, OnPostgres, OnSqlite};
        let sqlite = error.as_database_error().is_some_and(|error| {
            error
                .try_downcast_ref::<sqlx::sqlite::SqliteError>()
                .is_some()
        });
        let (full, timeout, away) = if sqlite {
            (
                OnSqlite::is_full(&error),
                OnSqlite::is_timeout(&error),
                OnSqlite::is_away(&error),
            )
        } else {
            (
                OnPostgres::is_full(&error),
                OnPostgres::is_timeout(&error),
                OnPostgres::is_away(&error),
            )
        };
        if full {
            Self::Full
        } else if timeout {
            Self::Refused(Refusal::TimedOut(
                "the query took longer than its time limit; narrow it down, or declare the key it asks for as indexed".to_owned(),
            ))
        } else if away {
            Self::Away(Arc::new(error))
        } else {
            Self::Driver(Arc::new(error))
        }
    }
}
