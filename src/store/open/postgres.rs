//! Opens a Postgres database: the writer's connection and those of readers.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Postgres};

use super::schema::{prepare, want_durable};
use super::{Settings, Store, WRITERS_STATEMENTS, short_readers};
use crate::store::StoreError;
use crate::store::attribute_index::AttributeIndexes;
use crate::store::dialect::{Conn, Dialect, READING, WATCH_CLIENT, WRITING, with_settings};
use crate::store::held::Begin;
use crate::store::migrate::Migrate;
use crate::store::writer::Signals;

impl Store {
    pub(super) async fn open_postgres<D>(
        settings: Settings,
        options: PgConnectOptions,
    ) -> Result<Self, StoreError>
    where
        D: Migrate<Db = Postgres>,
    {
        let mut first = options.connect().await?;
        prepare::<D>(&mut first, settings.schema).await?;
        let limits = limits::<D>(&mut first, settings.time_limit).await?;
        first.close().await?;
        let indexes = AttributeIndexes::aside(&options, D::KEEPS_SESSION);
        let planned = READING.map(|(name, value)| (name, value.to_owned()));
        let (mut durable, mut limited) = (options.clone(), options.clone());
        let (mut short, mut in_transaction) = (options, limits.clone());
        if D::KEEPS_SESSION {
            durable = durable
                .options(WRITING)
                .statement_cache_capacity(WRITERS_STATEMENTS);
            limited = limited.options(limits);
            short = limited.clone().options(planned.clone());
            in_transaction.clear();
        }
        let begin = Begin {
            read: with_settings(D::BEGIN_READ, &in_transaction).into(),
            search: with_settings(D::BEGIN_READ, &[&in_transaction[..], &planned].concat()).into(),
        };
        let write_pool = PgPoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(5))
            .test_before_acquire(D::KEEPS_SESSION)
            .connect_with(durable)
            .await?;
        want_durable::<D>(&write_pool).await?;
        let readers = |count| {
            PgPoolOptions::new()
                .max_connections(count)
                .test_before_acquire(false)
                .acquire_timeout(Duration::from_secs(5))
        };
        let read_pool = readers(settings.readers).connect_with(limited).await?;
        let short_pool = readers(short_readers()).connect_with(short).await?;
        let store = Self::start::<D>(
            settings,
            [write_pool, read_pool, short_pool],
            begin,
            None,
            None,
            Signals::default(),
            Arc::default(),
        );
        Ok(Self { indexes, ..store })
    }
}

/// The settings of read connections: the time limit of statements, and that they end when their
/// client disconnects.
async fn limits<D: Dialect>(
    conn: &mut Conn<D>,
    time_limit: Duration,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let mut all = vec![("statement_timeout", time_limit.as_millis().to_string())];
    let (name, value) = WATCH_CLIENT;
    let asked = format!("BEGIN; SET LOCAL {name} = '{value}'");
    if D::command(conn, &asked).await.is_ok() {
        all.push((name, value.to_owned()));
    } else {
        tracing::debug!("this Postgres does not detect disconnected clients");
    }
    D::command(conn, "ROLLBACK").await?;
    Ok(all)
}
