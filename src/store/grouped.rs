//! Reads in groups: queries that arrive while one statement runs share the next one.
//!
//! A statement costs a round trip to the thread of its connection, whatever it reads; all queries
//! of a group share that cost. The groups have their own connections, so that long searches do not
//! delay them. A caller that disconnects leaves no statement running.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::Pool;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::dialect::{Conn, Dialect};
use super::held::Held;
use super::{StoreError, statements};

/// A kind of read that can serve several callers at once.
pub trait Kind<D: Dialect>: 'static {
    /// A caller's query.
    type Ask: Send + Sync + 'static;
    /// The answer to it.
    type Answer: Send + 'static;
    /// The largest number of callers of a group.
    const LARGEST: usize;

    /// Answers all queries, in their order.
    fn read<'a>(
        conn: &'a mut Conn<D>,
        asked: &'a [Self::Ask],
    ) -> BoxFuture<'a, Result<Vec<Self::Answer>, StoreError>>;
}

/// A query, and where its answer goes.
type Asked<A, B> = (A, oneshot::Sender<Result<B, StoreError>>);
/// Waiting queries; readers take turns to receive them.
type Waiting<A, B> = Arc<Mutex<mpsc::Receiver<Asked<A, B>>>>;

/// A handle for reads of one kind.
pub struct Grouped<D: Dialect, K: Kind<D>> {
    queue: mpsc::Sender<Asked<K::Ask, K::Answer>>,
    dialect: PhantomData<fn() -> D>,
}

impl<D: Dialect, K: Kind<D>> Grouped<D, K> {
    /// Starts `readers` readers over the pool; they end when the handle is dropped.
    ///
    /// `begin` begins a read transaction, if every statement needs one.
    pub fn start(pool: &Pool<D::Db>, begin: &Arc<str>, readers: u32) -> Self {
        let (queue, asked) = mpsc::channel(K::LARGEST * 8);
        let asked = Arc::new(Mutex::new(asked));
        for _ in 0..readers {
            let serving = serve::<D, K>(pool.clone(), Arc::clone(begin), Arc::clone(&asked));
            match statements::current() {
                Some(recorder) => tokio::spawn(async move { recorder.within(serving).await }),
                None => tokio::spawn(serving),
            };
        }
        Self {
            queue,
            dialect: PhantomData,
        }
    }

    /// Sends a query and waits for the answer.
    pub async fn ask(&self, ask: K::Ask) -> Result<K::Answer, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .send((ask, answer))
            .await
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

async fn serve<D: Dialect, K: Kind<D>>(
    pool: Pool<D::Db>,
    begin: Arc<str>,
    queue: Waiting<K::Ask, K::Answer>,
) {
    let mut group = Vec::with_capacity(K::LARGEST);
    while queue.lock().await.recv_many(&mut group, K::LARGEST).await > 0 {
        let (asked, answers): (Vec<_>, Vec<_>) = group
            .drain(..)
            .filter(|(_, answer)| !answer.is_closed())
            .unzip();
        if asked.is_empty() {
            continue;
        }
        let mut found = read::<D, K>(&pool, &begin, &asked).await;
        if matches!(found, Err(StoreError::Away(_))) {
            // an idle connection fails once after a restart of the database
            found = read::<D, K>(&pool, &begin, &asked).await;
        }
        // a caller that disconnected needs no answer
        match found {
            Ok(found) => {
                for (answer, found) in answers.into_iter().zip(found) {
                    let _ = answer.send(Ok(found));
                }
            }
            Err(error) if asked.len() == 1 || matches!(error, StoreError::Away(_)) => {
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
            Err(_) => {
                // one query caused the failure: run each alone, so that the others succeed
                for (ask, answer) in asked.iter().zip(answers) {
                    let found = read::<D, K>(&pool, &begin, std::slice::from_ref(ask)).await;
                    let alone = found.and_then(|mut found| found.pop().ok_or(StoreError::Closed));
                    let _ = answer.send(alone);
                }
            }
        }
    }
}

async fn read<D: Dialect, K: Kind<D>>(
    pool: &Pool<D::Db>,
    begin: &Arc<str>,
    asked: &[K::Ask],
) -> Result<Vec<K::Answer>, StoreError> {
    let mut conn = Held::<D>::take(pool, begin, None).await?;
    let found = K::read(&mut conn, asked).await;
    conn.give_back(found).await
}
