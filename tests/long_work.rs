//! Long-running work and what goes on meanwhile: a search whose client disconnects, a reader that
//! delays checkpoints, an endless batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::json;

use crate::both;
use crate::support::direct::Direct;
use crate::support::process::PATIENCE;
use crate::support::{Db, Place, Server};

async fn until(what: &str, mut come: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !come().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a statement of the server is reading the store, so that SQLite's log cannot be reset.
async fn is_read(db: Db, place: &Place, direct: &mut Direct) -> bool {
    match db {
        Db::Sqlite => {
            let log =
                std::fs::metadata(format!("{}-wal", place.path().join("annals.db").display()));
            assert!(log.is_ok(), "there is a log");
            direct.number("PRAGMA wal_checkpoint(TRUNCATE)").await != 0
        }
        Db::Postgres => {
            let sql = "SELECT COUNT(*) FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid \
                       WHERE a.state = 'active' AND l.relation = 'interaction_json'::regclass AND a.pid <> pg_backend_pid()";
            direct.number(sql).await > 0
        }
    }
}

both! {
    async fn a_search_whose_client_leaves_ends_and_frees_its_connection(db) {
        let server = Server::with(db, |config| {
            config.database.readers = 1;
            config.database.query_seconds = 3600;
        }).await;
        let text = "a".repeat(200_000);
        let lines: Vec<String> = (0..200).map(|n| json!({"id": format!("i{n}"), "mediaType": "chat", "text": text, "userData": {"n": n}}).to_string()).collect();
        assert_eq!(server.post_text("/v1/interactions/batch?reply=errors", lines.join("\n")).await.0, 200);
        let mut direct = Direct::to(&server.place).await;
        until("nothing reads before", async || !is_read(db, &server.place, &mut direct).await).await;
        // each of these compares millions of prefixes with a long text, in each interaction
        let needles: Vec<_> = (0..400).map(|n| json!({"field": "text", "contains": format!("{}{n}b", "a".repeat(2000))})).collect();
        let slow = json!({"filter": {"and": [{"field": "userData.n", "gte": 0}, {"or": needles}]}});
        let request = server.request("POST", "/v1/interactions/search").json(&slow);
        let client = tokio::spawn(async move { request.send().await.map(|answer| answer.status()) });
        // another write each time, since a reader stands in the way of the log only while something is to be copied
        until("the search is under way", async || {
            server.record(json!({"mediaType": "chat"})).await;
            is_read(db, &server.place, &mut direct).await
        }).await;
        assert!(!client.is_finished());
        client.abort();
        let (status, page) = server.get("/v1/interactions?userData.n=7").await;
        assert_eq!((status, page["items"].as_array().map(Vec::len)), (200, Some(1)), "{page}");
        until("the statement ends", async || !is_read(db, &server.place, &mut direct).await).await;
    }

    async fn single_writes_are_answered_while_a_batch_without_end_comes_in(db) {
        let server = Arc::new(Server::start(db).await);
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&sent));
        let lines = futures_util::stream::iter(0..).take_while(move |_| {
            let goes_on = !stopped.load(Ordering::SeqCst);
            async move { goes_on }
        }).map(move |n| {
            counted.store(n + 1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(format!("{}\n", json!({"id": format!("b{n}"), "mediaType": "chat", "subject": "one of many"})))
        });
        let request = server.request("POST", "/v1/interactions/batch?reply=errors")
            .header("content-type", "application/x-ndjson").body(reqwest::Body::wrap_stream(lines));
        let batch = tokio::spawn(async move {
            let answer = request.send().await.expect("an answer");
            answer.text().await.expect("whole")
        });
        until("the batch is under way", async || server.get("/v1/interactions/b500").await.0 == 200).await;
        for n in 0..50 {
            server.record(json!({"id": format!("single{n}"), "mediaType": "email"})).await;
            let (status, _) = server.post(&format!("/v1/interactions/single{n}/user-data"), json!({"attach": {"n": n}})).await;
            assert_eq!(status, 200);
        }
        assert!(!batch.is_finished(), "the batch has no end of its own");
        let before = sent.load(Ordering::SeqCst);
        until("the batch goes on too", async || sent.load(Ordering::SeqCst) > before).await;
        stop.store(true, Ordering::SeqCst);
        let answer = batch.await.unwrap();
        let summary: serde_json::Value = serde_json::from_str(answer.lines().last().unwrap()).unwrap();
        assert_eq!(summary["summary"]["recorded"], json!(sent.load(Ordering::SeqCst)), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_reader_holds_up_the_log_but_no_writer_and_the_log_begins_again_afterwards() {
    let server = Server::with(Db::Sqlite, |config| config.database.log = 32).await;
    server
        .record(json!({"id": "before", "mediaType": "chat"}))
        .await;
    let log = format!("{}-wal", server.place.path().join("annals.db").display());
    let size = || std::fs::metadata(&log).map_or(0, |meta| meta.len());
    let mut reader = Direct::to(&server.place).await;
    reader.execute("BEGIN").await;
    assert_eq!(reader.number("SELECT COUNT(*) FROM interaction").await, 1);
    // beyond the size that the log keeps
    let kept = 40 * 1024 * 1024;
    let text = "x".repeat(500_000);
    let mut recorded = 1;
    while size() < kept + 16 * 1024 * 1024 {
        let lines: Vec<String> = (0..20)
            .map(|n| {
                json!({"id": format!("{recorded}-{n}"), "mediaType": "email", "text": text})
                    .to_string()
            })
            .collect();
        let (status, answer) = server
            .post_text("/v1/interactions/batch?reply=errors", lines.join("\n"))
            .await;
        assert_eq!(
            (status, &answer["summary"]["recorded"]),
            (200, &json!(20)),
            "{answer}"
        );
        recorded += 20;
        server.record(json!({"mediaType": "chat"})).await;
        recorded += 1;
    }
    assert_eq!(
        reader.number("SELECT COUNT(*) FROM interaction").await,
        1,
        "its own state"
    );
    reader.execute("ROLLBACK").await;
    let mut direct = Direct::to(&server.place).await;
    until("the log begins again", async || {
        server.record(json!({"mediaType": "chat"})).await;
        recorded += 1;
        direct.frames().await < 1000
    })
    .await;
    assert!(size() <= kept, "{} bytes", size());
    server
        .record(json!({"id": "after", "mediaType": "chat"}))
        .await;
    let (_, page) = server.get("/v1/interactions?limit=1&count=true").await;
    assert_eq!(page["count"], json!(recorded + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_begins_again_while_writers_never_pause() {
    let server = Server::with(Db::Sqlite, |config| config.database.log = 32).await;
    let log = format!("{}-wal", server.place.path().join("annals.db").display());
    // more than three times the size that the log keeps
    let (posts, text) = (1100, "x".repeat(100_000));
    let sent = AtomicUsize::new(0);
    let largest = AtomicUsize::new(0);
    let writer = async || {
        while sent.fetch_add(1, Ordering::SeqCst) < posts {
            server
                .record(json!({"mediaType": "email", "text": text}))
                .await;
            let size = std::fs::metadata(&log).map_or(0, |meta| meta.len());
            largest.fetch_max(usize::try_from(size).unwrap(), Ordering::SeqCst);
        }
    };
    futures_util::future::join_all((0..16).map(|_| writer())).await;
    let largest = largest.into_inner() / 1024 / 1024;
    assert!((25..64).contains(&largest), "{largest} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_log_is_copied_and_the_next_commit_begins_it_again() {
    let server = Server::start(Db::Sqlite).await;
    let text = "x".repeat(500_000);
    for _ in 0..40 {
        let email = json!({"mediaType": "email", "text": text});
        server.record(email).await;
    }
    let mut direct = Direct::to(&server.place).await;
    // a little load goes on: a commit each half second
    until("the log begins again", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.record(json!({"mediaType": "chat"})).await;
        direct.frames().await < 1000
    })
    .await;
}
