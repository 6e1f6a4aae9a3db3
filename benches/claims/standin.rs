//! The stand-in for a generic database with an API in front: a route that inserts the document of
//! a request into one plain table with three indexes, through the same HTTP stack.
//!
//! On SQLite its inserts share commits, with `synchronous = FULL`; on Postgres each request is a
//! transaction of its own, on as many connections as the load has.

use std::process::Command;

use annals::domain::Clock;
use annals::domain::moment::SystemClock;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgPool, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use crate::server::Server;

/// Names the database, and makes this program the stand-in's server.
const DATABASE: &str = "ANNALS_BENCH_PLAIN";

const TABLE: &str = "CREATE TABLE document (id TEXT NOT NULL PRIMARY KEY, contact_id TEXT, start_date BIGINT NOT NULL, \
                     parent_id TEXT, body TEXT NOT NULL)";
const INDEXES: [&str; 2] = [
    "CREATE INDEX document_contact ON document (contact_id, start_date)",
    "CREATE INDEX document_parent ON document (parent_id)",
];
/// Rows of one statement.
const ROWS: usize = 500;

struct Row {
    id: String,
    contact: Option<String>,
    start: i64,
    parent: Option<String>,
    body: String,
}

impl Row {
    fn of(document: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(document).ok()?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            id: time_ordered(),
            contact: text("contactId"),
            start: SystemClock.now().micros(),
            parent: text("parentId"),
            body: value.to_string(),
        })
    }
}

/// An identifier that is ordered by time.
fn time_ordered() -> String {
    let now = SystemClock.now().micros();
    format!("{now:013x}{:08x}", rand::random::<u32>())
}

async fn connect(path: &str) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-32768")
        .connect()
        .await
        .expect("the file can be opened")
}

/// Creates a database anew.
pub async fn create_database(server: &str, name: &str) {
    let mut conn = sqlx::PgConnection::connect(server)
        .await
        .expect("the server answers");
    for sql in [
        format!("DROP DATABASE IF EXISTS {name}"),
        format!("CREATE DATABASE {name}"),
    ] {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut conn)
            .await
            .expect("databases may be created");
    }
}

/// Creates the table and its indexes.
async fn create_table<C>(conn: &mut C)
where
    for<'c> &'c mut C: Executor<'c>,
{
    for sql in [TABLE].into_iter().chain(INDEXES) {
        conn.execute(sql).await.expect("the table is new");
    }
}

/// Creates the table and fills it.
pub async fn fill(url: &str, size: usize, document: impl Fn(&mut ChaCha8Rng, usize) -> String) {
    let mut random = ChaCha8Rng::seed_from_u64(21);
    let mut number = 0;
    let mut portion = || {
        let count = ROWS.min(size - number);
        let rows: Vec<Row> = (0..count)
            .filter_map(|n| Row::of(document(&mut random, number + n).as_bytes()))
            .collect();
        number += count;
        rows
    };
    if let Some(path) = url.strip_prefix("sqlite://") {
        let mut conn = connect(path).await;
        create_table(&mut conn).await;
        for _ in 0..size.div_ceil(ROWS) {
            insert(&mut conn, &portion()).await.expect("the rows fit");
        }
        conn.close().await.expect("the file can be closed");
    } else {
        let mut conn = sqlx::PgConnection::connect(url)
            .await
            .expect("the server answers");
        create_table(&mut conn).await;
        for _ in 0..size.div_ceil(ROWS) {
            let rows = portion();
            let mut query = sqlx::query(AssertSqlSafe(many(rows.len(), true)));
            for row in &rows {
                query = query
                    .bind(&row.id)
                    .bind(&row.contact)
                    .bind(row.start)
                    .bind(&row.parent)
                    .bind(&row.body);
            }
            query.execute(&mut conn).await.expect("the rows fit");
        }
    }
}

fn many(rows: usize, numbered: bool) -> String {
    let mut n = 0;
    let rows: Vec<String> = (0..rows)
        .map(|_| {
            let places: Vec<String> = (0..5)
                .map(|_| {
                    n += 1;
                    if numbered {
                        format!("${n}")
                    } else {
                        "?".to_owned()
                    }
                })
                .collect();
            format!("({})", places.join(", "))
        })
        .collect();
    format!(
        "INSERT INTO document (id, contact_id, start_date, parent_id, body) VALUES {}",
        rows.join(", ")
    )
}

async fn insert(conn: &mut SqliteConnection, rows: &[Row]) -> sqlx::Result<()> {
    let mut query = sqlx::query(AssertSqlSafe(many(rows.len(), false)));
    for row in rows {
        query = query
            .bind(&row.id)
            .bind(&row.contact)
            .bind(row.start)
            .bind(&row.parent)
            .bind(&row.body);
    }
    query.execute(conn).await?;
    Ok(())
}

/// Starts the stand-in in a process of its own.
pub fn start(url: &str) -> Server {
    let this = std::env::current_exe().expect("this program has a path");
    Server::start(Command::new(this).env(DATABASE, url))
}

/// The database that this process is to serve, when it was started for that.
pub fn database() -> Option<String> {
    std::env::var(DATABASE).ok()
}

type Waiting = (Row, oneshot::Sender<bool>);

#[derive(Clone)]
enum Door {
    Group(mpsc::UnboundedSender<Waiting>),
    Pool(PgPool),
}

/// Serves until it is ended.
pub async fn serve(url: &str) -> std::io::Result<()> {
    let door = if let Some(path) = url.strip_prefix("sqlite://") {
        let (sender, waiting) = mpsc::unbounded_channel();
        tokio::spawn(write(connect(path).await, waiting));
        Door::Group(sender)
    } else {
        let pool = PgPoolOptions::new()
            .max_connections(32)
            .connect(url)
            .await
            .map_err(std::io::Error::other)?;
        Door::Pool(pool)
    };
    let router = Router::new()
        .route("/v1/interactions", post(record))
        .with_state(door);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listens on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}

async fn record(State(door): State<Door>, body: Bytes) -> Response {
    let Some(row) = Row::of(&body) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    let answer = json!({"id": row.id}).to_string();
    let done = match door {
        Door::Group(queue) => {
            let (sender, done) = oneshot::channel();
            queue.send((row, sender)).is_ok() && done.await.unwrap_or(false)
        }
        Door::Pool(pool) => sqlx::query(
            "INSERT INTO document (id, contact_id, start_date, parent_id, body) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(row.id)
        .bind(row.contact)
        .bind(row.start)
        .bind(row.parent)
        .bind(row.body)
        .execute(&pool)
        .await
        .is_ok(),
    };
    if done {
        (StatusCode::CREATED, answer).into_response()
    } else {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// Commits what waits, as many rows as there are with one statement.
async fn write(mut conn: SqliteConnection, mut queue: mpsc::UnboundedReceiver<Waiting>) {
    let mut group = Vec::new();
    while queue.recv_many(&mut group, ROWS).await > 0 {
        let (rows, callers): (Vec<Row>, Vec<_>) = group.drain(..).unzip();
        let done = insert(&mut conn, &rows).await.is_ok();
        for caller in callers {
            let _ = caller.send(done);
        }
    }
}
