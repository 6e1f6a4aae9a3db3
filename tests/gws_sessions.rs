//! Sessions of notified clients: nothing due to them is lost or duplicated, however slow they are
//! and whichever server they connect to.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::listener::Listener;
use crate::support::{Db, Server};

/// The values of `n` in the UserData of each message.
fn numbers(messages: &[Value]) -> Vec<i64> {
    messages
        .iter()
        .map(|message| {
            message["data"]["chat"]["userData"]["n"]
                .as_i64()
                .unwrap_or(-1)
        })
        .collect()
}

async fn chat(server: &Server, id: &str, owner: Option<&str>) {
    let new = json!({"id": id, "mediaType": "chat", "ownerId": owner});
    server.record(new).await;
}

async fn set(server: &Server, id: &str, n: i64) {
    let path = format!("/v1/interactions/{id}/user-data");
    let (status, answer) = server.post(&path, json!({"update": {"n": n}})).await;
    assert_eq!(status, 200, "{answer}");
}

/// A second server on the same store, which only Postgres allows.
async fn beside(server: &Server) -> Server {
    Server::at(Arc::clone(&server.place), |_| {}).await
}

both! {
    async fn each_message_shows_user_data_as_its_own_change_left_it(db) {
        let server = Server::start(db).await;
        let mut listener = Listener::of(&server, None, &["/**"]).await;
        chat(&server, "c", None).await;
        for n in 1..=40 {
            set(&server, "c", n).await;
        }
        let messages = listener.exactly(&server, 41).await;
        assert_eq!(numbers(&messages[1..]), (1..=40).collect::<Vec<_>>());
        let journal = server.journal().await;
        let told: Vec<String> = messages.iter().map(|message| message["data"]["referenceId"].to_string()).collect();
        let written: Vec<&str> = journal.iter().map(|entry| entry["cursor"].as_str().unwrap()).collect();
        assert_eq!(told, written);
    }

    async fn a_client_slower_than_the_news_gets_all_of_it_and_no_more_than_the_queue_is_held(db) {
        let server = Server::with(db, |config| config.gws.queue = 5).await;
        let mut listener = Listener::of(&server, None, &["/v2/me/*"]).await;
        listener.connect(&server, 0).await;
        chat(&server, "c", None).await;
        for n in 1..=300 {
            set(&server, "c", n).await;
        }
        let messages = listener.exactly(&server, 301).await;
        assert_eq!(numbers(&messages[1..]), (1..=300).collect::<Vec<_>>());
        assert!(server.metrics().await.contains("annals_client_behind_total 1"));
    }

    async fn one_that_is_too_far_behind_is_told_so_and_may_begin_anew(db) {
        let server = Server::with(db, |config| {
            config.gws.queue = 5;
            config.gws.behind = 20;
        }).await;
        let mut listener = Listener::of(&server, None, &["/v2/me/*"]).await;
        listener.connect(&server, 0).await;
        chat(&server, "c", None).await;
        for n in 1..=60 {
            set(&server, "c", n).await;
        }
        let begun = std::time::Instant::now();
        let mut all = Vec::new();
        let reply = loop {
            let (reply, messages) = listener.connect(&server, 2_000).await;
            all.extend(messages);
            if reply["successful"] == false {
                break reply;
            }
            assert!(begun.elapsed().as_secs() < 30, "{} messages came", all.len());
        };
        assert_eq!(reply["error"], "409::queue_overflow");
        assert_eq!(reply["advice"]["reconnect"], "handshake");
        assert_eq!(numbers(&all[1..]), [1, 2, 3, 4], "what waited came before");
        let mut listener = Listener::of(&server, None, &["/v2/me/*"]).await;
        set(&server, "c", 100).await;
        assert_eq!(numbers(&listener.exactly(&server, 1).await), [100]);
    }

    async fn what_was_not_acknowledged_is_sent_again(db) {
        let server = Server::start(db).await;
        let mut listener = Listener::of(&server, None, &["/**"]).await;
        listener.connect(&server, 0).await;
        let before = listener.batch();
        chat(&server, "c", None).await;
        set(&server, "c", 1).await;
        let first = listener.exactly(&server, 2).await;
        assert!(listener.batch() > before);
        set(&server, "c", 2).await;
        let (_, second) = listener.connect(&server, 2_000).await;
        let after = listener.batch();
        listener.rewind(listener.batch() - 1);
        let (_, again) = listener.connect(&server, 2_000).await;
        assert_eq!((numbers(&second), &again), (vec![2], &second), "{first:?}");
        assert_eq!(listener.batch(), after);
        assert_eq!(listener.connect(&server, 200).await.1, [Value::Null; 0]);
    }

    async fn a_change_is_told_to_the_owner_alone_and_one_of_nobody_to_everybody(db) {
        let server = Server::start(db).await;
        let mut ann = Listener::of(&server, Some("ann"), &["/v2/me/*", "/**", "/v2/me/chats"]).await;
        let mut bob = Listener::of(&server, Some("bob"), &["/v2/me/chats"]).await;
        chat(&server, "a", Some("ann")).await;
        set(&server, "a", 1).await;
        chat(&server, "n", None).await;
        server.patch("/v1/interactions/a", json!({"ownerId": "bob"})).await;
        set(&server, "a", 2).await;
        let ids = |messages: Vec<Value>| -> Vec<Value> {
            messages.into_iter().map(|message| message["data"]["chat"]["id"].clone()).collect()
        };
        assert_eq!(json!(ids(ann.exactly(&server, 3).await)), json!(["a", "a", "n"]));
        assert_eq!(json!(ids(bob.exactly(&server, 3).await)), json!(["n", "a", "a"]));
    }

    async fn a_session_goes_on_after_a_restart_with_what_it_had_not_received(db) {
        let server = Server::start(db).await;
        let mut careful = Listener::of(&server, Some("ann"), &["/**"]).await;
        let mut forgetful = Listener::forgetful(&server, &["/**"]).await;
        chat(&server, "c", None).await;
        careful.exactly(&server, 1).await;
        forgetful.exactly(&server, 1).await;
        set(&server, "c", 1).await;
        let place = server.stop().await;
        let server = Server::at(place, |_| {}).await;
        set(&server, "c", 2).await;
        assert_eq!(numbers(&careful.exactly(&server, 2).await), [1, 2]);
        assert_eq!(numbers(&forgetful.exactly(&server, 2).await), [1, 2]);
    }

    async fn a_client_that_stays_away_loses_its_session_and_is_told_so(db) {
        let server = Server::with(db, |config| config.gws.max_interval_seconds = 1).await;
        let mut listener = Listener::of(&server, None, &["/**"]).await;
        listener.connect(&server, 0).await;
        let begun = std::time::Instant::now();
        while server.metrics().await.contains("annals_client_sessions 1") {
            assert!(begun.elapsed().as_secs() < 30);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let (reply, _) = listener.connect(&server, 0).await;
        assert_eq!(reply["error"], "402::session_unknown");
        assert_eq!(reply["advice"]["reconnect"], "handshake");
    }

    async fn what_was_erased_is_not_sent_again(db) {
        let server = Server::start(db).await;
        let mut listener = Listener::of(&server, None, &["/**"]).await;
        listener.connect(&server, 0).await;
        let before = listener.batch();
        server.record(json!({"id": "c", "mediaType": "chat", "userData": {"word": "a secret"}})).await;
        let first = listener.exactly(&server, 1).await;
        assert!(json!(first).to_string().contains("a secret"));
        // unacknowledged messages wait to be sent again
        chat(&server, "d", None).await;
        listener.rewind(before);
        assert_eq!(server.delete("/v1/interactions/c").await.0, 204);
        let begun = std::time::Instant::now();
        loop {
            listener.rewind(before);
            let (_, again) = listener.connect(&server, 300).await;
            let text = json!(again).to_string();
            if text.contains("chats/d") && !text.contains("a secret") {
                break;
            }
            assert!(begun.elapsed().as_secs() < 20, "{text}");
        }
    }

    async fn an_answer_that_waits_says_nothing_any_more_when_history_is_taken_away(db) {
        let server = Server::start(db).await;
        chat(&server, "c", None).await;
        let mut direct = Direct::to(&server.place).await;
        let now = if db == Db::Sqlite { "0" } else { "now()" };
        direct.execute(&format!(
            "INSERT INTO client_answer (cursor, tenant_id, user_name, channel, reference_id, data, created_date) \
             VALUES (1000, 1, '', '/v2/ucs/interactions', 7, '{{\"text\":\"a secret\"}}', {now})"
        )).await;
        assert_eq!(server.delete("/v1/interactions/c").await.0, 204);
        let told = direct.pairs("SELECT user_name, data FROM client_answer").await;
        let told: Value = serde_json::from_str(&told[0].1).unwrap();
        assert_eq!(told["referenceId"], 7);
        assert!(told["errorMessage"].is_string() && told.get("text").is_none(), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_may_speak_to_several_servers_by_turns() {
    let here = Server::start(Db::Postgres).await;
    let there = beside(&here).await;
    let mut listener = Listener::of(&here, Some("ann"), &["/v2/me/emails"]).await;
    listener.connect(&there, 0).await;
    // the other server holds the session now, and learns of a subscription made on this one
    listener.subscribe(&here, &["/v2/me/chats"]).await;
    chat(&here, "c", Some("ann")).await;
    for n in 1..=10 {
        set(if n % 2 == 0 { &here } else { &there }, "c", n).await;
    }
    let mut messages = Vec::new();
    for turn in 0..60 {
        if messages.len() >= 11 {
            break;
        }
        let server = if turn % 2 == 0 { &there } else { &here };
        messages.extend(listener.connect(server, 500).await.1);
    }
    assert_eq!(numbers(&messages[1..]), (1..=10).collect::<Vec<_>>());
    let gone = json!([{"channel": "/meta/disconnect"}]);
    assert_eq!(listener.send(&here, gone).await[0]["successful"], true);
    // the other server learns of it while the client is held there, at the latest
    let (reply, _) = listener.connect(&there, 20_000).await;
    assert_eq!(reply["error"], "402::session_unknown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_owed_of_what_was_before_the_first_subscription_wherever_it_was_made() {
    let here = Server::start(Db::Postgres).await;
    let there = beside(&here).await;
    let mut listener = Listener::of(&here, None, &[]).await;
    chat(&here, "early", None).await;
    listener.subscribe(&there, &["/**"]).await;
    chat(&here, "late", None).await;
    let messages = listener.exactly(&here, 1).await;
    assert_eq!(messages[0]["data"]["chat"]["id"], "late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_server_writes_is_told_within_a_second() {
    let here = Server::start(Db::Postgres).await;
    let there = beside(&here).await;
    let mut listener = Listener::of(&here, None, &["/**"]).await;
    listener.connect(&here, 0).await;
    let begun = std::time::Instant::now();
    let ((), (_, messages)) =
        tokio::join!(chat(&there, "c", None), listener.connect(&here, 20_000));
    assert_eq!(messages.len(), 1);
    // the promise is one second; a busy machine gets a few more
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}
