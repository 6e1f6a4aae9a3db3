//! Database failures: answers are truthful, nothing is done twice, and service resumes afterwards.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::{Db, Place, Server, proxy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_not_carried_out_again() {
    let mut place = Place::new(Db::Postgres).await;
    let faults = proxy::before(&mut place).await;
    let server = Arc::new(Server::at(Arc::new(place), |_| {}).await);
    server.record(json!({"mediaType": "chat"})).await;
    let mut lock = Direct::hold_writer(&server.place).await;
    let callers: Vec<_> = (0..12)
        .map(|_| {
            let server = Arc::clone(&server);
            let body = json!({"mediaType": "chat"});
            tokio::spawn(async move { server.post("/v1/interactions", body).await })
        })
        .collect();
    let begun = Instant::now();
    while !server
        .metrics()
        .await
        .contains("annals_writer_queue_commands 12")
    {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // those of all groups; a background task may commit something too
    faults.lost_commits.store(usize::MAX, Ordering::SeqCst);
    lock.execute("ROLLBACK").await;
    for caller in callers {
        let (status, problem) = caller.await.unwrap();
        assert_eq!(
            (status, &problem["type"]),
            (500, &json!("unknown")),
            "{problem}"
        );
    }
    faults.lost_commits.store(0, Ordering::SeqCst);
    server.record(json!({"mediaType": "chat"})).await;
    assert_eq!(server.journal().await.len(), 14, "each of them once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_out_of_reach_is_told_as_such_and_found_again() {
    let mut place = Place::new(Db::Postgres).await;
    let faults = proxy::before(&mut place).await;
    let server = Server::at(Arc::new(place), |_| {}).await;
    server
        .record(json!({"id": "before", "mediaType": "chat"}))
        .await;
    faults.down.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let (status, problem) = server
        .post(
            "/v1/interactions",
            json!({"id": "lost", "mediaType": "chat"}),
        )
        .await;
    assert_eq!(
        (status, &problem["type"]),
        (503, &json!("unavailable")),
        "{problem}"
    );
    assert_eq!(server.get("/readyz").await.0, 503);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    faults.down.store(false, Ordering::SeqCst);
    let begun = Instant::now();
    while server.get("/readyz").await.0 != 200 {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    server
        .record(json!({"id": "after", "mediaType": "chat"}))
        .await;
    assert_eq!(server.journal().await.len(), 2);
}

both! {
    async fn of_reads_that_share_a_statement_only_the_one_that_cannot_be_read_fails(db) {
        let server = Arc::new(Server::start(db).await);
        for id in ["good", "bad"] {
            let people = json!([{"participantId": "1", "nickname": id, "type": "Customer"}]);
            server.record(json!({"id": id, "mediaType": "chat", "participants": people})).await;
        }
        let mut direct = Direct::to(&server.place).await;
        direct
            .execute("UPDATE interaction_text SET participants = 'x' WHERE interaction_id = 'bad'")
            .await;
        let reads: Vec<_> = (0..60)
            .map(|n| {
                let (server, bad) = (Arc::clone(&server), n % 3 == 0);
                let id = if bad { "bad" } else { "good" };
                tokio::spawn(async move { (bad, server.get(&format!("/v1/interactions/{id}")).await.0) })
            })
            .collect();
        for read in reads {
            let (bad, status) = read.await.unwrap();
            assert_eq!(status, if bad { 500 } else { 200 });
        }
    }
}

/// Writes until a write is refused; returns the number of recorded interactions.
#[cfg(target_os = "linux")]
async fn fill(server: &Server) -> (usize, Value) {
    let pad = "x".repeat(100_000);
    for n in 0..1000 {
        let (status, answer) = server
            .post(
                "/v1/interactions",
                json!({"mediaType": "email", "text": pad}),
            )
            .await;
        if status != 201 {
            assert_eq!(status, 503, "{answer}");
            return (n, answer);
        }
    }
    panic!("the limit was not reached");
}

/// Simulates a full disk without root: the server's files may not grow beyond a size.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_turns_writers_away_and_readers_not_until_there_is_room_again() {
    use crate::support::process::{Process, SERVE, under};
    let place = Arc::new(Place::new(Db::Sqlite).await);
    let limited = [
        "sh",
        "-c",
        "trap '' XFSZ; exec prlimit --fsize=4000000:unlimited \"$0\" \"$@\"",
    ];
    let process = Process::start(&place, under(&limited, &place.url, &SERVE)).await;
    let (recorded, problem) = fill(&process).await;
    assert!(recorded > 10, "{recorded}");
    assert_eq!(problem["type"], "full", "{problem}");
    for _ in 0..3 {
        assert_eq!(fill(&process).await.0, 0, "still full, and still said so");
    }
    assert_eq!(process.journal().await.len(), recorded);
    let room = std::process::Command::new("prlimit")
        .args(["--fsize=unlimited", "--pid", &process.id().to_string()])
        .status();
    assert!(room.unwrap().success());
    process
        .record(json!({"id": "after", "mediaType": "chat"}))
        .await;
    let place = process.kill().await;
    let process = Process::serve(&place).await;
    let journal = process.journal().await;
    assert_eq!(journal.len(), recorded + 1);
    assert_eq!(journal[recorded]["interactionId"], "after");
}
