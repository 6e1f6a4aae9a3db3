//! A connection held for one read.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::Pool;
use sqlx::pool::PoolConnection;

use super::StoreError;
use super::dialect::{Conn, Dialect};

/// Statements that begin a transaction with one snapshot.
#[derive(Clone)]
pub struct Begin {
    /// For any read.
    pub read: Arc<str>,
    /// For reads in the order of an index.
    pub search: Arc<str>,
}

/// A connection held for one read.
///
/// If it is dropped early because its caller disconnected, it is closed and its statement ends;
/// otherwise its time limit or transaction would affect the next caller.
pub struct Held<D: Dialect> {
    conn: Option<PoolConnection<D::Db>>,
    /// Begins a transaction that reads one state of the store.
    begin: Arc<str>,
    /// Whether a transaction is open.
    begun: bool,
    /// Set if statements have a time limit; becomes true once the caller has disconnected.
    limited: Option<Arc<AtomicBool>>,
}

impl<D: Dialect> Held<D> {
    /// Takes a connection whose statements may run for `limit`, if given.
    pub async fn take(
        pool: &Pool<D::Db>,
        begin: &Arc<str>,
        limit: Option<Duration>,
    ) -> Result<Self, StoreError> {
        let mut held = Self {
            conn: Some(pool.acquire().await?),
            begin: Arc::clone(begin),
            begun: false,
            limited: None,
        };
        if let Some(limit) = limit {
            let gone = Arc::new(AtomicBool::new(false));
            held.limited = Some(Arc::clone(&gone));
            D::limit_time(&mut held, Some((limit, gone))).await?;
        }
        if !D::KEEPS_SESSION {
            held.one_state().await?;
        }
        Ok(held)
    }

    /// Makes all further statements see one snapshot.
    pub async fn one_state(&mut self) -> Result<(), StoreError> {
        if !self.begun {
            self.begun = true;
            let begin = Arc::clone(&self.begin);
            D::command(self, &begin).await?;
        }
        Ok(())
    }

    /// Returns the connection to the pool, and passes on the result.
    pub async fn give_back<T>(mut self, found: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.begun {
            D::command(&mut self, "ROLLBACK").await?;
            self.begun = false;
        }
        if self.limited.is_some() {
            D::limit_time(&mut self, None).await?;
            self.limited = None;
        }
        found
    }
}

impl<D: Dialect> Drop for Held<D> {
    fn drop(&mut self) {
        if let Some(gone) = &self.limited {
            gone.store(true, Ordering::Relaxed);
        }
        if (self.begun || self.limited.is_some())
            && let Some(conn) = self.conn.take()
        {
            drop(conn.detach());
        }
    }
}

impl<D: Dialect> Deref for Held<D> {
    type Target = Conn<D>;

    fn deref(&self) -> &Conn<D> {
        self.conn
            .as_ref()
            .expect("it is there until it is given back")
    }
}

impl<D: Dialect> DerefMut for Held<D> {
    fn deref_mut(&mut self) -> &mut Conn<D> {
        self.conn
            .as_mut()
            .expect("it is there until it is given back")
    }
}
