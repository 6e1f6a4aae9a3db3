//! Operations: a bounded queue, a graceful stop, a fast start, metrics and settings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use annals::config::Config;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::both;
use crate::support::direct::Direct;
use crate::support::process::{PATIENCE, Process, SERVE, annals, run};
use crate::support::{Place, Server};

/// Waits until a condition holds.
async fn until(what: &str, mut come: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !come().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A raw connection, for writing what no client library would.
async fn raw(base: &str) -> TcpStream {
    let address = base.strip_prefix("http://").expect("an address");
    TcpStream::connect(address).await.expect("it connects")
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // some servers end with a reset after the answer
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A metric of `/metrics`.
async fn figure(server: &Server, name: &str) -> f64 {
    let text = server.metrics().await;
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("{name} is not in {text}"))
}

both! {
    async fn a_full_queue_turns_callers_away_and_makes_streams_wait(db) {
        let server = Arc::new(Server::with(db, |config| config.queue.commands = 4).await);
        let mut lock = Direct::hold_writer(&server.place).await;
        let callers: Vec<_> = (0..40).map(|n| {
            let request = server.request("POST", "/v1/interactions").json(&json!({"id": format!("i{n}"), "mediaType": "chat"}));
            tokio::spawn(async move { request.send().await.expect("an answer") })
        }).collect();
        // the group that waits for the database, and the queue behind it
        until("callers are turned away", async || callers.iter().filter(|caller| !caller.is_finished()).count() <= 4 + 6).await;
        let lines: Vec<String> = (0..50).map(|n| json!({"id": format!("b{n}"), "mediaType": "chat"}).to_string()).collect();
        let batch = server.request("POST", "/v1/interactions/batch").header("content-type", "application/x-ndjson").body(lines.join("\n"));
        let batch = tokio::spawn(async move { batch.send().await.expect("an answer").text().await.expect("whole") });
        let turned_away = figure(&server, "annals_writer_turned_away_commands_total").await;
        assert!(turned_away >= 30.0, "{turned_away}");
        assert!(!batch.is_finished());
        lock.execute("ROLLBACK").await;
        let (mut stored, mut refused) = (0, 0);
        for (n, caller) in callers.into_iter().enumerate() {
            let answer = caller.await.unwrap();
            let status = answer.status().as_u16();
            let (there, _) = server.get(&format!("/v1/interactions/i{n}")).await;
            if status == 201 {
                stored += 1;
                assert_eq!(there, 200, "i{n}");
                continue;
            }
            refused += 1;
            assert_eq!((status, there), (503, 404), "i{n}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
            let problem: Value = answer.json().await.unwrap();
            assert_eq!((&problem["type"], &problem["status"]), (&json!("busy"), &json!(503)));
        }
        let answers = batch.await.unwrap();
        let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(answers.len() == 50 && answers.iter().all(|line| line["status"] == 201), "{answers:?}");
        assert_eq!(server.journal().await.len(), stored + 50, "{refused} refused");
        assert!((figure(&server, "annals_writer_queue_commands").await).abs() < 0.5);
    }

    async fn a_stop_answers_what_is_in_flight(db) {
        let place = Arc::new(Place::new(db).await);
        let mut process = Process::serve(&place).await;
        process.record(json!({"id": "before", "mediaType": "chat"})).await;
        let mut lock = Direct::hold_writer(&place).await;
        let callers: Vec<_> = (0..10).map(|n| {
            let request = process.request("POST", "/v1/interactions").json(&json!({"id": format!("i{n}"), "mediaType": "chat"}));
            tokio::spawn(async move { request.send().await.expect("an answer").status().as_u16() })
        }).collect();
        until("requests are under way", async || figure(&process, "annals_writer_queue_commands").await >= 10.0).await;
        let begun = Instant::now();
        process.terminate().await;
        until("it takes no more callers", async || process.request("GET", "/healthz").send().await.is_err()).await;
        lock.execute("ROLLBACK").await;
        for caller in callers {
            assert_eq!(caller.await.unwrap(), 201);
        }
        assert!(process.ended().await.success());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let process = Process::serve(&place).await;
        assert_eq!(process.journal().await.len(), 11);
    }

    async fn a_stop_ends_a_batch_whose_upload_has_no_end(db) {
        let place = Arc::new(Place::new(db).await);
        let mut process = Process::serve(&place).await;
        let mut batch = raw(&process.base).await;
        let line = "{\"id\":\"held\",\"mediaType\":\"chat\"}\n{\"id\":\"unfinished\",";
        let head = "POST /v1/interactions/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
        batch.write_all(format!("{head}{:x}\r\n{line}\r\n", line.len()).as_bytes()).await.unwrap();
        until("the line is recorded", async || process.get("/v1/interactions/held").await.0 == 200).await;
        let begun = Instant::now();
        process.terminate().await;
        let answer = rest(&mut batch).await;
        assert!(answer.contains("{\"line\":1,\"status\":201,\"id\":\"held\"}"), "{answer}");
        assert!(answer.ends_with("0\r\n\r\n"), "the answer ends as it should: {answer:?}");
        assert!(process.ended().await.success());
        let took = begun.elapsed();
        println!("{db:?}: the stop took {took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        let process = Process::serve(&place).await;
        assert_eq!(process.journal().await.len(), 1, "half a line is no interaction");
    }

    async fn a_stop_cuts_off_a_request_that_never_ends(db) {
        let place = Arc::new(Place::new(db).await);
        let mut command = annals(&place.url, &SERVE);
        command.env("ANNALS_SERVER_STOP_SECONDS", "2");
        let mut process = Process::start(&place, command).await;
        let mut single = raw(&process.base).await;
        single.write_all(b"POST /v1/interactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{").await.unwrap();
        process.record(json!({"id": "beside", "mediaType": "chat"})).await;
        let begun = Instant::now();
        process.terminate().await;
        assert!(process.ended().await.success());
        let took = begun.elapsed();
        assert!(took > Duration::from_secs(1) && took < Duration::from_secs(4), "{took:?}");
    }

    async fn a_full_store_opens_quickly_even_after_a_kill(db) {
        let place = Arc::new(Place::new(db).await);
        let process = Process::serve(&place).await;
        let lines: Vec<String> = (0..5000).map(|n| json!({"mediaType": "chat", "subject": "a full store", "userData": {"n": n, "pad": "x".repeat(500)}}).to_string()).collect();
        let (status, answer) = process.post_text("/v1/interactions/batch?reply=errors", lines.join("\n")).await;
        assert_eq!((status, &answer["summary"]["recorded"]), (200, &json!(5000)));
        process.kill().await;
        let begun = Instant::now();
        let process = Process::serve(&place).await;
        let took = begun.elapsed();
        println!("{db:?}: ready after {took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(process.get("/v1/interactions?limit=1&count=true").await.0, 200);
    }

    async fn metrics_count_requests_groups_and_commits(db) {
        let server = Server::start(db).await;
        join_all((0..20).map(|_| server.record(json!({"mediaType": "chat"})))).await;
        server.post("/v1/interactions", json!({"mediaType": 1})).await;
        for (name, least, most) in [
            ("annals_http_requests_total{route=\"/v1/interactions\",method=\"POST\",status=\"201\"}", 20.0, 20.0),
            ("annals_http_requests_total{route=\"/v1/interactions\",method=\"POST\",status=\"422\"}", 1.0, 1.0),
            ("annals_http_request_seconds_count", 21.0, 1000.0),
            ("annals_writer_queue_commands", 0.0, 0.0),
            ("annals_writer_turned_away_commands_total", 0.0, 0.0),
            // the twenty, and at the start the checks of old replies, of the rules of contacts, and
            // of the word index
            ("annals_writer_commands_total", 20.0, 23.0),
            ("annals_writer_group_commands_sum", 20.0, 23.0),
            ("annals_writer_group_commands_count", 1.0, 23.0),
            ("annals_writer_commit_seconds_count", 1.0, 23.0),
        ] {
            let found = figure(&server, name).await;
            assert!((least..=most).contains(&found), "{name} is {found}");
        }
        let answer = server.request("GET", "/metrics").send().await.unwrap();
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
        assert!(answer.text().await.unwrap().ends_with("# EOF\n"));
    }

    async fn an_oversized_body_gets_an_answer_that_a_client_still_writing_can_read(db) {
        let server = Server::with(db, |config| config.limits.body = 1024 * 1024).await;
        for head in ["Content-Length: 33554432\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n2000000\r\n"] {
            let mut stream = raw(&server.base).await;
            stream.write_all(format!("POST /v1/interactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{head}").as_bytes()).await.unwrap();
            // a client that writes everything before it reads
            let part = vec![b' '; 64 * 1024];
            for _ in 0..512 {
                stream.write_all(&part).await.expect("the server still reads");
            }
            if head.contains("chunked") {
                stream.write_all(b"\r\n0\r\n\r\n").await.expect("the server still reads");
            }
            let mut answer = vec![0; 4096];
            let read = stream.read(&mut answer).await.expect("an answer");
            let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
            assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("application/problem+json"), "{answer}");
        }
        assert_eq!(server.journal().await.len(), 0);
    }

    async fn healthcheck_tells_by_its_exit_code(db) {
        let place = Arc::new(Place::new(db).await);
        let process = Process::serve(&place).await;
        let address = process.base.strip_prefix("http://").unwrap().to_owned();
        let base = process.base.clone();
        for args in [vec!["healthcheck", "--listen", &address], vec!["healthcheck", "--url", &base]] {
            let ran = run(&place.url, &args).await;
            assert_eq!((ran.code, ran.out.as_str()), (Some(0), "ready\n"), "{ran:?}");
        }
        process.stop().await;
        let ran = run(&place.url, &["healthcheck", "--url", &base]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.told.contains(&address), "{ran:?}");
    }
}

#[tokio::test]
async fn the_printed_settings_are_complete_and_can_be_read_again() {
    let mut command = annals("postgres://u:0p3nsesame@h/n", &["serve", "--print-config"]);
    command
        .env("ANNALS_QUEUE_COMMANDS", "7")
        .env("ANNALS_USER_DATA_EXTRACT", "{ page = 'jsonEvent.page' }");
    let printed = command.output().await.unwrap();
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    let config: Config = toml::from_str(&printed).expect("no setting is missing");
    assert_eq!(
        (
            config.queue.commands,
            config.user_data.extract["page"].as_str()
        ),
        (7, "jsonEvent.page")
    );
    assert!(!printed.contains("0p3nsesame"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("annals.toml");
    std::fs::write(&file, &printed).unwrap();
    let again = annals(
        "sqlite://x",
        &[
            "serve",
            "--print-config",
            "--config",
            file.to_str().unwrap(),
        ],
    )
    .env_remove("ANNALS_DATABASE_URL")
    .output()
    .await
    .unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), printed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_world_is_served_with_sign_in_or_not_at_all() {
    let place = Arc::new(Place::new(crate::support::Db::Sqlite).await);
    let world = ["serve", "--listen", "0.0.0.0:0"];
    let refused = run(&place.url, &world).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.told.contains("annals token create") && refused.told.contains("--insecure"),
        "{}",
        refused.told
    );
    let insecure = [&world[..], &["--insecure"]].concat();
    let process = Process::start(&place, annals(&place.url, &insecure)).await;
    process
        .record(json!({"id": "a", "mediaType": "chat"}))
        .await;
    process.stop().await;
    let token = run(&place.url, &["token", "create"]).await;
    let process = Process::start(&place, annals(&place.url, &world)).await;
    assert_eq!(process.get("/v1/interactions/a").await.0, 401);
    let listed = run(&place.url, &["token", "list"]).await;
    let id = listed.out.split('\t').next().unwrap().to_owned();
    assert_eq!(
        run(&place.url, &["token", "revoke", &id]).await.code,
        Some(0)
    );
    let given = async || {
        let request = process
            .request("GET", "/v1/interactions/a")
            .bearer_auth(token.out.trim());
        request.send().await.unwrap().status().as_u16()
    };
    until("the revocation is noticed", async || given().await == 401).await;
    assert_eq!(
        process.get("/v1/interactions/a").await.0,
        401,
        "the last token gone does not open the server to the world"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_would_be_forgotten_is_refused_at_the_start() {
    for (url, why) in [
        ("sqlite://", "names no file"),
        ("sqlite:", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite://?mode=rwc", "names no file"),
        ("sqlite::memory:", "would lose"),
        ("sqlite://:memory:?cache=shared", "would lose"),
        ("sqlite://annals.db?mode=memory", "would lose"),
        ("sqlite:annals.db?cache=shared&mode=memory", "would lose"),
        ("sqlite://annals.db?mode=%6demory", "would lose"),
        ("sqlite://%3Amemory%3A", "would lose"),
        ("sqlite://%20", "names no file"),
        ("sqlite://annals.db?Mode=%6demory", "is not understood"),
        ("mysql://localhost/annals", "neither sqlite: nor postgres:"),
    ] {
        for command in [&SERVE[..], &["migrate"]] {
            let ran = run(url, command).await;
            assert_ne!(ran.code, Some(0), "{url}: {ran:?}");
            assert!(ran.told.contains(why), "{url}: {ran:?}");
        }
    }
}
