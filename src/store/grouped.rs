//! Reads of single rows in groups, as writes are: what is asked for while one statement is under way shares the next one.
//!
//! A statement costs a way to the thread of its connection and back, whatever it reads; sixty-four callers share that cost. The groups have connections
//! of their own, so that long searches do not hold them up, and a caller who goes away leaves no statement behind.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::Pool;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::StoreError;
use super::dialect::{Conn, Dialect};

/// Rows of one statement at most.
const LARGEST: usize = 128;

/// What a kind of rows is, and how many of them are read.
pub trait Kind<D: Dialect>: 'static {
    /// What a row becomes.
    type Row: Clone + Send + 'static;

    /// Reads those of a tenant's rows that there are, by identifier.
    fn read(
        conn: &mut Conn<D>,
        tenant: i64,
        ids: Vec<String>,
    ) -> BoxFuture<'_, Result<HashMap<String, Self::Row>, StoreError>>;
}

struct Asked<R> {
    tenant: i64,
    id: String,
    answer: oneshot::Sender<Result<Option<R>, StoreError>>,
}

/// Where rows of a kind are asked for.
pub struct Grouped<D: Dialect, K: Kind<D>> {
    queue: mpsc::Sender<Asked<K::Row>>,
    dialect: PhantomData<fn() -> D>,
}

impl<D: Dialect, K: Kind<D>> Grouped<D, K> {
    /// Starts as many readers over the pool; they end when this is dropped.
    pub fn start(pool: &Pool<D::Db>, readers: usize) -> Self {
        let (queue, asked) = mpsc::channel(LARGEST * 8);
        let asked = Arc::new(Mutex::new(asked));
        for _ in 0..readers {
            tokio::spawn(serve::<D, K>(pool.clone(), Arc::clone(&asked)));
        }
        Self {
            queue,
            dialect: PhantomData,
        }
    }

    /// One row, if there is one.
    pub async fn one(&self, tenant: i64, id: &str) -> Result<Option<K::Row>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            tenant,
            id: id.to_owned(),
            answer,
        };
        self.queue
            .send(asked)
            .await
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

async fn serve<D: Dialect, K: Kind<D>>(
    pool: Pool<D::Db>,
    queue: Arc<Mutex<mpsc::Receiver<Asked<K::Row>>>>,
) {
    let mut group = Vec::with_capacity(LARGEST);
    while queue.lock().await.recv_many(&mut group, LARGEST).await > 0 {
        let mut tenants: BTreeMap<i64, Vec<Asked<K::Row>>> = BTreeMap::new();
        for asked in group.drain(..).filter(|asked| !asked.answer.is_closed()) {
            tenants.entry(asked.tenant).or_default().push(asked);
        }
        for (tenant, asked) in tenants {
            let ids = asked.iter().map(|asked| asked.id.clone()).collect();
            let found = match pool.acquire().await {
                Ok(mut conn) => K::read(&mut conn, tenant, ids).await,
                Err(error) => Err(error.into()),
            };
            for asked in asked {
                let answer = match &found {
                    Ok(rows) => Ok(rows.get(&asked.id).cloned()),
                    Err(error) => Err(error.clone()),
                };
                // one who went away needs no answer
                let _ = asked.answer.send(answer);
            }
        }
    }
}
