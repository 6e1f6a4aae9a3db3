//! A receiver of webhook deliveries that can misbehave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long a test waits for expected deliveries.
const PATIENCE: Duration = Duration::from_secs(90);

/// How a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// With a status.
    Status(u16),
    /// With a status and a header.
    With(u16, &'static str, String),
    /// Not at all; the connection stays open.
    Never,
    /// The connection breaks.
    Break,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Letter {
    /// `webhook-id`
    pub id: String,
    /// How often the delivery arrived before.
    pub before: usize,
    /// The body.
    pub body: Value,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as received.
    pub bytes: Bytes,
    /// Whether it was answered with a status of 200 to 299.
    pub taken: bool,
}

impl Letter {
    /// Whether the public library accepts the signature as made with a secret.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let webhook = Webhook::new(secret).expect("a secret of the convention");
        webhook.verify(&self.bytes, &self.headers).is_ok()
    }
}

type Manners = Arc<dyn Fn(&Letter) -> Reply + Send + Sync>;

struct Desk {
    letters: Mutex<Vec<Letter>>,
    manners: Mutex<Manners>,
    seen: Mutex<HashMap<String, usize>>,
}

/// The receiver.
pub struct Receiver {
    pub url: String,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(State(desk): State<Arc<Desk>>, headers: HeaderMap, bytes: Bytes) -> Response {
    let id = headers["webhook-id"].to_str().expect("text").to_owned();
    let before = {
        let mut seen = desk.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let count = seen.entry(id.clone()).or_default();
        *count += 1;
        *count - 1
    };
    let mut letter = Letter {
        id,
        before,
        body: serde_json::from_slice(&bytes).expect("JSON"),
        headers,
        bytes,
        taken: false,
    };
    let manners = Arc::clone(&desk.manners.lock().unwrap_or_else(PoisonError::into_inner));
    let reply = manners(&letter);
    letter.taken = matches!(reply, Reply::Status(200..=299));
    desk.letters
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(letter);
    let status = |code| StatusCode::from_u16(code).expect("a status");
    match reply {
        Reply::Status(code) => status(code).into_response(),
        Reply::With(code, name, value) => (status(code), [(name, value)]).into_response(),
        Reply::Never => std::future::pending().await,
        // a body that fails before its first byte
        Reply::Break => {
            let broken = futures_util::stream::once(async { Err::<Bytes, _>("broken") });
            let mut response = axum::body::Body::from_stream(broken).into_response();
            *response.status_mut() = status(500);
            response
        }
    }
}

impl Receiver {
    /// A receiver that accepts everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port is known");
        let desk = Arc::new(Desk {
            letters: Mutex::default(),
            manners: Mutex::new(Arc::new(|_| Reply::Status(204))),
            seen: Mutex::default(),
        });
        let router = Router::new()
            .fallback(receive)
            .with_state(Arc::clone(&desk));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self {
            url: format!("http://{address}/hook?of=annals"),
            desk,
            task,
        }
    }

    /// Sets how it answers from now on.
    pub fn behave(&self, manners: impl Fn(&Letter) -> Reply + Send + Sync + 'static) {
        *self
            .desk
            .manners
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(manners);
    }

    fn desk(&self) -> MutexGuard<'_, Vec<Letter>> {
        self.desk
            .letters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that arrived, in order of arrival.
    pub fn letters(&self) -> Vec<Letter> {
        self.desk().clone()
    }

    /// How many arrived that match a condition.
    pub fn count(&self, is: impl Fn(&Letter) -> bool) -> usize {
        self.desk().iter().filter(|letter| is(letter)).count()
    }

    /// The accepted deliveries.
    pub fn taken(&self) -> Vec<Letter> {
        let mut letters = self.letters();
        letters.retain(|letter| letter.taken);
        letters
    }

    /// Waits until this many were accepted, and a moment longer, in which no more may arrive;
    /// returns them.
    pub async fn wait_for(&self, count: usize) -> Vec<Letter> {
        self.until(&format!("{count} letters"), |letters| {
            letters.iter().filter(|letter| letter.taken).count() >= count
        })
        .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let taken = self.taken();
        assert_eq!(taken.len(), count, "more than was owed");
        taken
    }

    /// Waits until a condition holds for what arrived.
    pub async fn until(&self, what: &str, holds: impl Fn(&[Letter]) -> bool) {
        let begun = Instant::now();
        while !holds(&self.desk()) {
            assert!(
                begun.elapsed() < PATIENCE,
                "no {what}; {} came, {} taken",
                self.count(|_| true),
                self.count(|letter| letter.taken)
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
