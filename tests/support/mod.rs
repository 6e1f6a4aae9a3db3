//! A real server on its own port, over its own store, and a client for it.

pub mod cometd;
pub mod direct;
pub mod line;
pub mod listener;
pub mod process;
pub mod proxy;
pub mod receiver;
pub mod schema;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use annals::config::Config;
use annals::domain::Clock;
use annals::domain::moment::SystemClock;
use annals::server;
use annals::store::{Schema, Store};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The database of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Db {
    Sqlite,
    Postgres,
}

/// Defines a test for each database.
#[macro_export]
macro_rules! both {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident) $body:block)*) => {
        $(
            mod $name {
                use super::*;

                $(#[$meta])*
                async fn story($db: $crate::support::Db) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    story($crate::support::Db::Sqlite).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    story($crate::support::Db::Postgres).await;
                }
            }
        )*
    };
}

/// The place of a store: a folder, or a schema of the suite's Postgres. It is removed when dropped.
pub struct Place {
    pub url: String,
    folder: TempDir,
    schema: Option<(String, String)>,
}

static PLACES: AtomicU32 = AtomicU32::new(0);

impl Place {
    pub async fn new(db: Db) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        match db {
            Db::Sqlite => Self {
                url: format!("sqlite://{}/annals.db", folder.path().display()),
                folder,
                schema: None,
            },
            Db::Postgres => {
                let given = std::env::var("ANNALS_TEST_POSTGRES_URL").expect(
                    "ANNALS_TEST_POSTGRES_URL names no Postgres: run script/test, which starts one and says where it is",
                );
                let number = PLACES.fetch_add(1, Ordering::Relaxed);
                let schema = format!("t{}_{number}", std::process::id());
                let mut conn = PgConnection::connect(&given)
                    .await
                    .expect("the Postgres of the suite answers");
                let create = format!("CREATE SCHEMA {schema}");
                sqlx::query(AssertSqlSafe(create))
                    .execute(&mut conn)
                    .await
                    .expect("a schema can be made");
                let joint = if given.contains('?') { '&' } else { '?' };
                let url = format!("{given}{joint}options=-c%20search_path%3D{schema}");
                Self {
                    url,
                    folder,
                    schema: Some((given, schema)),
                }
            }
        }
    }

    pub fn path(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((url, schema)) = self.schema.take() else {
            return;
        };
        // a test ends inside its runtime, so another thread drops the schema
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut conn = PgConnection::connect(&url)
                    .await
                    .map_err(std::io::Error::other)?;
                let drop = format!("DROP SCHEMA {schema} CASCADE");
                sqlx::query(AssertSqlSafe(drop))
                    .execute(&mut conn)
                    .await
                    .map_err(std::io::Error::other)
            })
        });
        let _ = gone.join();
    }
}

/// A running server.
pub struct Server {
    pub base: String,
    pub client: reqwest::Client,
    pub token: Option<String>,
    pub place: Arc<Place>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<std::io::Result<()>>>,
}

/// The settings of the suite: the defaults, for a place.
pub fn config(url: &str) -> Config {
    let mut config = Config::load(None, std::iter::empty()).expect("the defaults can be read");
    config.database.url = url.to_owned();
    config.database.readers = 4;
    config
}

impl Server {
    pub async fn start(db: Db) -> Self {
        Self::with(db, |_| {}).await
    }

    pub async fn with(db: Db, change: impl FnOnce(&mut Config)) -> Self {
        Self::at(Arc::new(Place::new(db).await), change).await
    }

    /// A server at a place that may already have a store.
    pub async fn at(place: Arc<Place>, change: impl FnOnce(&mut Config)) -> Self {
        Self::by(place, Arc::new(SystemClock), change).await
    }

    /// A server with a clock of the test.
    pub async fn by(
        place: Arc<Place>,
        clock: Arc<dyn Clock>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = config(&place.url);
        change(&mut config);
        let settings = server::settings(&config, Schema::Migrate, true, clock.clone());
        let store = Store::open(settings).await.expect("the store opens");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!(
            "http://{}",
            listener.local_addr().expect("the port is known")
        );
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server::serve(store, config, clock, listener, async {
            let _ = stopped.await;
        }));
        let client = reqwest::Client::builder().build().expect("a client");
        Self {
            base,
            client,
            token: None,
            place,
            stop: Some(stop),
            served: Some(served),
        }
    }

    /// A client for a server that runs elsewhere.
    pub fn elsewhere(base: String, place: Arc<Place>) -> Self {
        Self {
            base,
            client: reqwest::Client::builder().build().expect("a client"),
            token: None,
            place,
            stop: None,
            served: None,
        }
    }

    /// Stops the server as SIGTERM would, and waits for its end.
    pub async fn stop(mut self) -> Arc<Place> {
        drop(self.stop.take());
        if let Some(served) = self.served.take() {
            served
                .await
                .expect("the server did not panic")
                .expect("the server ended well");
        }
        Arc::clone(&self.place)
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.expect("the server answers");
        let status = response.status().as_u16();
        let text = response.text().await.expect("the answer arrives whole");
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.request("GET", path)).await
    }

    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.send(self.request("DELETE", path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.request("POST", path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.request("PATCH", path).json(&body)).await
    }

    pub async fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let request = self
            .request("POST", path)
            .header("content-type", "application/json")
            .body(body);
        self.send(request).await
    }

    pub async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> (u16, Value) {
        let mut request = self.request("POST", path).json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// Records an interaction and returns it.
    pub async fn record(&self, body: Value) -> Value {
        let (status, stored) = self.post("/v1/interactions", body).await;
        assert_eq!(status, 201, "{stored}");
        stored
    }

    /// Records a batch and returns the answer to each line.
    pub async fn batch(&self, lines: &[Value]) -> Vec<Value> {
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        let answer = self
            .request("POST", "/v1/interactions/batch")
            .header("content-type", "application/x-ndjson")
            .body(lines.join("\n"));
        let text = answer.send().await.unwrap().text().await.unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The metrics in the format of Prometheus.
    pub async fn metrics(&self) -> String {
        let (_, text) = self.get("/metrics").await;
        text.as_str().expect("a text").to_owned()
    }

    /// All entries of the journal.
    pub async fn journal(&self) -> Vec<Value> {
        let (status, page) = self.get("/v1/changes?limit=1000").await;
        assert_eq!(status, 200, "{page}");
        page["items"].as_array().expect("a list").clone()
    }
}

/// An identifier as text.
pub fn id(of: &Value) -> &str {
    of["id"].as_str().expect("an id")
}

/// The identifiers of a list.
pub fn ids(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(id)
        .collect()
}
