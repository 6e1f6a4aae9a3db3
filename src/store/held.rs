//! A connection that is held for one read.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::Pool;
use sqlx::pool::PoolConnection;

use super::StoreError;
use super::dialect::{Conn, Dialect};

/// What begins a transaction that reads one state of the store.
#[derive(Clone)]
pub struct Begin {
    /// For any read.
    pub read: Arc<str>,
    /// For reads whose order an index gives.
    pub search: Arc<str>,
}

/// A connection that is held for one read.
///
/// One that is dropped halfway, because its caller went away, is closed, and its statement ends:
/// its time limit or its transaction would reach the next caller.
pub struct Held<D: Dialect> {
    conn: Option<PoolConnection<D::Db>>,
    /// Begins a transaction that reads one state of the store.
    begin: Arc<str>,
    /// Whether a transaction is open.
    begun: bool,
    /// Whether statements have a time limit; set when the caller is gone.
    limited: Option<Arc<AtomicBool>>,
}

impl<D: Dialect> Held<D> {
    /// Takes a connection; statements may take as long as `limit`, where there is one.
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

    /// Has all further statements see one state of the store.
    pub async fn one_state(&mut self) -> Result<(), StoreError> {
        if !self.begun {
            self.begun = true;
            let begin = Arc::clone(&self.begin);
            D::command(self, &begin).await?;
        }
        Ok(())
    }

    /// Gives the connection back, and returns what was found.
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
