//! The `CometD` client of npm, versions 8 and 9, against the server: it receives everything that is
//! due to it, once and in order, whatever happens on the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::both;
use crate::support::cometd::{Cometd, Order, user_data};
use crate::support::line::Line;
use crate::support::process::{PATIENCE, Process, annals};
use crate::support::{Db, Place, Server};

/// Three patterns that the same message matches.
const THRICE: [&str; 3] = ["/v2/me/*", "/v2/me/chats", "/**"];

async fn record(server: &Server, id: &str, media: &str, owner: Option<&str>) {
    let new = json!({"id": id, "mediaType": media, "ownerId": owner});
    server.record(new).await;
}

async fn set(server: &Server, id: &str, values: Value) {
    let path = format!("/v1/interactions/{id}/user-data");
    let (status, answer) = server.post(&path, json!({ "update": values })).await;
    assert_eq!(status, 200, "{answer}");
}

/// Sets `n` of the chat `c` to each of these numbers.
async fn count(server: &Server, numbers: std::ops::RangeInclusive<i64>) {
    for n in numbers {
        set(server, "c", json!({ "n": n })).await;
    }
}

fn numbers(messages: &[Value]) -> Vec<i64> {
    let number = |message| user_data(message)["n"].as_i64();
    messages.iter().filter_map(number).collect()
}

fn references(messages: &[Value]) -> Vec<i64> {
    let reference = |message: &Value| message["referenceId"].as_i64();
    messages.iter().filter_map(reference).collect()
}

/// Sets a mark in the UserData of an interaction, and collects everything that each client received
/// until the mark.
async fn all_up_to_now(server: &Server, id: &str, clients: &mut [Cometd]) -> Vec<Vec<Value>> {
    let mark = format!("mark {}", server.journal().await.len());
    set(server, id, json!({ "mark": mark })).await;
    let mut all = Vec::new();
    for client in clients {
        all.push(client.up_to(&mark).await);
    }
    all
}

/// Checks that each client received `n` from 1 to this number, in order and once, in its first
/// session, and receives nothing more.
async fn have_counted_to(server: &Server, last: i64, clients: &mut [Cometd]) {
    for got in all_up_to_now(server, "c", clients).await {
        let mut counted = numbers(&got);
        assert_eq!(counted.pop(), Some(last), "the mark leaves n as it is");
        assert_eq!(counted, (1..=last).collect::<Vec<_>>());
    }
    for more in all_up_to_now(server, "c", clients).await {
        assert_eq!(more.len(), 1, "{more:?}");
    }
    for client in clients {
        assert_eq!(client.sessions, 1, "it had to begin anew");
    }
}

/// A serving process at the address of an earlier one.
async fn serve_again_at(address: &str, place: &Arc<Place>) -> Process {
    let begun = Instant::now();
    loop {
        let command = annals(&place.url, &["serve", "--listen", address]);
        match Process::try_start(place, command).await {
            Ok(process) => return process,
            // remaining connections may keep the port in use for a moment
            Err(ran) => assert!(begun.elapsed() < PATIENCE, "{ran:?}"),
        }
    }
}

both! {
    async fn it_gets_each_change_once_and_in_order_however_many_of_its_subscriptions_match(db) {
        let server = Arc::new(Server::start(db).await);
        let mut clients = Cometd::of_each_version(&server.base, "ann", &THRICE).await;
        let writers: Vec<_> = (0..3).map(|writer| {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                let id = format!("c{writer}");
                record(&server, &id, "chat", Some("ann")).await;
                for n in 0..100 {
                    set(&server, &id, json!({ "n": n })).await;
                }
            })
        }).collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let arrived = all_up_to_now(&server, "c0", &mut clients).await;
        let journal = server.journal().await;
        let written: Vec<i64> = journal.iter().map(|entry| entry["cursor"].as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(written.len(), 304);
        for (client, arrived) in clients.iter_mut().zip(arrived) {
            assert_eq!(references(&arrived), written);
            for subscription in THRICE {
                assert_eq!(client.given(subscription, 304).await, arrived, "{subscription}");
            }
        }
        for more in all_up_to_now(&server, "c0", &mut clients).await {
            assert_eq!(more.len(), 1, "{more:?}");
        }
    }

    async fn it_falls_back_to_long_polling_when_it_tries_a_web_socket(db) {
        let server = Server::start(db).await;
        let mut clients = Vec::new();
        for major in [8, 9] {
            let order = Order { major, user: None, subscriptions: &["/**"], web_socket: true };
            clients.push(Cometd::start(&server.base, order).await);
        }
        record(&server, "c", "email", None).await;
        for got in all_up_to_now(&server, "c", &mut clients).await {
            let kinds: Vec<&Value> = got.iter().map(|data| &data["notificationType"]).collect();
            assert_eq!(json!(kinds), json!(["StatusChange", "PropertiesUpdated"]));
            assert!(got.iter().all(|data| data["messageType"] == "EmailStateChangeMessage" && data["email"]["id"] == "c"), "{got:?}");
        }
    }

    async fn it_is_told_of_its_users_interactions_and_of_those_of_nobody(db) {
        let server = Server::start(db).await;
        let mut clients = Cometd::of_each_version(&server.base, "ann", &THRICE).await;
        for (id, owner) in [("hers", Some("ann")), ("his", Some("bob")), ("anybodys", None)] {
            record(&server, id, "chat", owner).await;
            set(&server, id, json!({"n": 1})).await;
        }
        for got in all_up_to_now(&server, "hers", &mut clients).await {
            let about: Vec<&Value> = got.iter().map(|data| &data["chat"]["id"]).collect();
            assert_eq!(json!(about), json!(["hers", "hers", "anybodys", "anybodys", "hers"]));
        }
    }

    async fn it_goes_on_after_a_killed_server_came_back_and_misses_nothing_that_happened_meanwhile(db) {
        let process = Process::serve(&Arc::new(Place::new(db).await)).await;
        let address = process.base.strip_prefix("http://").unwrap().to_owned();
        let mut clients = Cometd::of_each_version(&process.base, "ann", &["/v2/me/*", "/**"]).await;
        record(&process, "c", "chat", Some("ann")).await;
        count(&process, 1..=60).await;
        // some of it was received and some was not; the server's record of that is lost
        let place = process.kill().await;
        let elsewhere = Process::serve(&place).await;
        count(&elsewhere, 61..=120).await;
        let place = elsewhere.stop().await;
        let process = serve_again_at(&address, &place).await;
        count(&process, 121..=180).await;
        have_counted_to(&process, 180, &mut clients).await;
    }

    async fn it_loses_and_doubles_nothing_when_answers_are_cut_in_the_midst(db) {
        let server = Server::start(db).await;
        let line = Line::to(&server).await;
        let mut clients = Cometd::of_each_version(&line.base, "ann", &["/v2/me/chats", "/**"]).await;
        record(&server, "c", "chat", Some("ann")).await;
        let mut last = 0;
        for _ in 0..6 {
            line.halve(2, "\"PropertiesUpdated\"");
            let begun = Instant::now();
            while line.to_halve() > 0 {
                assert!(begun.elapsed() < PATIENCE, "no answer was cut");
                count(&server, last + 1..=last + 5).await;
                last += 5;
            }
            // the line is cut while it is idle, or during a connect with its acknowledgement
            line.cut();
            count(&server, last + 1..=last + 5).await;
            last += 5;
        }
        have_counted_to(&server, last, &mut clients).await;
    }

    async fn it_gets_what_it_missed_while_the_line_was_down(db) {
        let server = Server::start(db).await;
        let line = Line::to(&server).await;
        let mut clients = Cometd::of_each_version(&line.base, "ann", &["/**"]).await;
        record(&server, "c", "chat", Some("ann")).await;
        count(&server, 1..=20).await;
        line.go_down();
        for client in &mut clients {
            client.until("broken").await;
        }
        count(&server, 21..=40).await;
        line.lead_to(&server);
        for client in &mut clients {
            client.until("connected").await;
        }
        count(&server, 41..=60).await;
        have_counted_to(&server, 60, &mut clients).await;
    }

    async fn what_it_unsubscribes_from_does_not_come_any_more_and_what_it_adds_does(db) {
        let server = Server::start(db).await;
        record(&server, "chat", "chat", None).await;
        record(&server, "email", "email", None).await;
        let mut clients = Cometd::of_each_version(&server.base, "ann", &["/v2/me/chats"]).await;
        set(&server, "email", json!({"n": 1})).await;
        set(&server, "chat", json!({"n": 2})).await;
        for client in &mut clients {
            assert_eq!(numbers(&client.given("/v2/me/chats", 1).await), [2]);
            client.subscribe("/v2/me/emails").await;
            client.unsubscribe("/v2/me/chats").await;
        }
        set(&server, "chat", json!({"n": 3})).await;
        set(&server, "email", json!({"n": 4})).await;
        for got in all_up_to_now(&server, "email", &mut clients).await {
            assert_eq!(numbers(&got), [2, 4, 4]);
        }
    }

    async fn its_session_ends_when_it_says_goodbye(db) {
        let server = Server::start(db).await;
        let mut clients = Cometd::of_each_version(&server.base, "ann", &["/**"]).await;
        assert!(server.metrics().await.contains("annals_client_sessions 2"));
        for client in &mut clients {
            client.disconnect().await;
        }
        assert!(server.metrics().await.contains("annals_client_sessions 0"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_told_by_one_server_of_what_another_writes() {
    let here = Server::start(Db::Postgres).await;
    let there = Server::at(Arc::clone(&here.place), |_| {}).await;
    let mut clients = Cometd::of_each_version(&here.base, "ann", &["/**"]).await;
    record(&there, "c", "chat", None).await;
    let mut longest = Duration::ZERO;
    for n in 0..20 {
        set(&there, "c", json!({"mark": n.to_string()})).await;
        let written = Instant::now();
        for client in &mut clients {
            client.up_to(&n.to_string()).await;
        }
        longest = longest.max(written.elapsed());
    }
    println!("written by one server and told by another: within {longest:?}");
    // the promise is one second; a busy machine gets a few more
    assert!(longest < Duration::from_secs(5), "{longest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_moves_from_one_server_to_another_and_back_without_loss() {
    let here = Server::start(Db::Postgres).await;
    let there = Server::at(Arc::clone(&here.place), |_| {}).await;
    let line = Line::to(&here).await;
    let mut clients = Cometd::of_each_version(&line.base, "ann", &["/v2/me/*", "/**"]).await;
    record(&here, "c", "chat", Some("ann")).await;
    let mut last = 0;
    for (turn, server) in [&there, &here, &there, &here].into_iter().enumerate() {
        let writer = if turn < 2 { &here } else { &there };
        count(writer, last + 1..=last + 10).await;
        line.lead_to(server);
        count(writer, last + 11..=last + 20).await;
        last += 20;
        for client in &mut clients {
            client.hears("n", &json!(last)).await;
        }
    }
    have_counted_to(&here, last, &mut clients).await;
}
