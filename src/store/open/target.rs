//! The database that a URL names, and how connections to it are made.

use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use url::form_urlencoded;

use crate::store::StoreError;
use crate::store::dialect::BUSY_TIMEOUT;

pub(super) enum Target {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

pub(super) fn target(url: &str) -> Result<Target, StoreError> {
    let wrong = |error: &dyn std::fmt::Display| {
        StoreError::Settings(format!("the database URL is not understood: {error}"))
    };
    if let Some(rest) = url.strip_prefix("sqlite:") {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = percent_decode_str(path).decode_utf8_lossy();
        let in_memory = form_urlencoded::parse(query.as_bytes())
            .any(|(name, value)| name == "mode" && value == "memory");
        if path.contains(":memory:") || in_memory {
            return Err(StoreError::Settings(
                "a store in memory would lose its data; give a file: sqlite://annals.db".to_owned(),
            ));
        }
        if path.trim_start_matches('/').trim().is_empty() {
            return Err(StoreError::Settings(
                "the database URL names no file: give one, such as sqlite://annals.db".to_owned(),
            ));
        }
        let options = SqliteConnectOptions::from_str(url).map_err(|error| wrong(&error))?;
        return Ok(Target::Sqlite(
            options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(false)
                .busy_timeout(BUSY_TIMEOUT)
                .statement_cache_capacity(256)
                .log_statements(tracing::log::LevelFilter::Trace)
                .log_slow_statements(tracing::log::LevelFilter::Off, Duration::ZERO),
        ));
    }
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let options = PgConnectOptions::from_str(url).map_err(|error| wrong(&error))?;
        return Ok(Target::Postgres(
            options
                .application_name("annals")
                // Postgres writes doubles in full by default, and poolers reject the setting
                .extra_float_digits(None)
                .statement_cache_capacity(256)
                .log_statements(tracing::log::LevelFilter::Trace)
                .log_slow_statements(tracing::log::LevelFilter::Off, Duration::ZERO),
        ));
    }
    Err(StoreError::Settings(
        "the database URL begins with neither sqlite: nor postgres:".to_owned(),
    ))
}
