//! Changes as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};

use crate::both;
use crate::support::process::run;
use crate::support::{Db, Server, id};

/// Reads a stream of events.
struct Events {
    response: Response,
    text: String,
}

impl Events {
    async fn of(server: &Server, path: &str, last: Option<&str>) -> Self {
        let mut request = server
            .request("GET", path)
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event with its identifier; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                if event.starts_with(':') {
                    continue;
                }
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_else(|| panic!("no {name} in {event:?}"))
                        .trim()
                        .to_owned()
                };
                return Some((field("id:"), serde_json::from_str(&field("data:")).unwrap()));
            }
            let part = tokio::time::timeout(Duration::from_secs(20), self.response.chunk());
            let part = part.await.expect("something comes").ok().flatten()?;
            self.text += std::str::from_utf8(&part).unwrap();
        }
    }

    async fn kinds(&mut self, count: usize) -> Vec<String> {
        let mut kinds = Vec::new();
        for _ in 0..count {
            let (_, change) = self.next().await.unwrap();
            kinds.push(change["kind"].as_str().unwrap().to_owned());
        }
        kinds
    }
}

both! {
    async fn a_stream_begins_with_what_comes_and_goes_on_where_it_was_left(db) {
        let server = Server::start(db).await;
        let old = server.record(json!({"mediaType": "chat"})).await;
        let mut live = Events::of(&server, "/v1/changes", None).await;
        let path = format!("/v1/interactions/{}", id(&old));
        server.post(&format!("{path}/user-data"), json!({"attach": {"a": "line\nbreak"}})).await;
        let (first, change) = live.next().await.unwrap();
        assert_eq!((&change["kind"], &change["cursor"]), (&json!("userData.attached"), &json!(first)));
        assert_eq!(change["delta"]["attach"]["a"], "line\nbreak");
        server.post(&format!("{path}/stop"), json!({})).await;
        assert_eq!(live.kinds(1).await, ["interaction.stopped"]);
        drop(live);
        server.record(json!({"mediaType": "sms"})).await;
        // the cursor outlives the connection and the server
        let server = Server::at(server.stop().await, |_| {}).await;
        let mut again = Events::of(&server, "/v1/changes?after=0", Some(&first)).await;
        assert_eq!(again.kinds(2).await, ["interaction.stopped", "interaction.recorded"]);
        let mut whole = Events::of(&server, "/v1/changes?after=0", None).await;
        assert_eq!(whole.kinds(4).await, ["interaction.recorded", "userData.attached", "interaction.stopped", "interaction.recorded"]);
        for last in ["x", "+1", "00000000000000000000"] {
            let refused = server.request("GET", "/v1/changes").header("accept", "text/event-stream").header("last-event-id", last).send().await.unwrap();
            assert_eq!(refused.status(), 422, "{last}");
        }
    }

    async fn the_changes_of_a_contact_are_found_after_its_interaction_went_to_another(db) {
        let server = Server::start(db).await;
        for id in ["ann", "bob"] {
            let body = json!({"id": id, "attributes": {"EmailAddress": format!("{id}@example.com")}});
            server.post("/v1/contacts", body).await;
        }
        server.record(json!({"id": "w", "mediaType": "chat", "contactId": "ann"})).await;
        server.record(json!({"id": "v", "mediaType": "chat", "contactId": "bob"})).await;
        server.post("/v1/interactions/w/user-data", json!({"attach": {"k": 1}})).await;
        for to in ["bob", "ann", "bob"] {
            let (status, _) = server.patch("/v1/interactions/w", json!({"contactId": to})).await;
            assert_eq!(status, 200);
        }
        let kinds = async |query: &str| -> Vec<String> {
            let (status, page) = server.get(&format!("/v1/changes?{query}")).await;
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().unwrap();
            items.iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect()
        };
        let of_ann = ["contact.created", "interaction.recorded", "userData.attached", "interaction.changed"];
        assert_eq!(kinds("contactId=ann").await, of_ann);
        assert_eq!(kinds("contactId=ann&kind=interaction").await, [of_ann[1], of_ann[3]]);
        assert_eq!(kinds("contactId=ann&interactionId=w").await, of_ann[1..]);
        assert_eq!(kinds("contactId=ann&limit=2").await, of_ann[..2]);
        let of_bob = ["contact.created", "interaction.recorded", "interaction.changed", "interaction.changed"];
        assert_eq!(kinds("contactId=bob").await, of_bob);
        let (status, _) = server.post("/v1/contacts/ann/erase", json!({})).await;
        assert!(status < 300, "{status}");
        assert_eq!(kinds("contactId=ann").await, ["contact.created", "contact.erased"]);
        assert_eq!(kinds("interactionId=w").await.len(), 5);
    }

    async fn a_stream_shows_what_its_filters_let_through(db) {
        let server = Server::start(db).await;
        let mut chats = Events::of(&server, "/v1/changes?kind=userData&mediaType=chat", None).await;
        let chat = server.record(json!({"mediaType": "chat"})).await;
        let sms = server.record(json!({"mediaType": "sms"})).await;
        for (n, of) in [&sms, &chat, &sms, &chat].into_iter().enumerate() {
            server.post(&format!("/v1/interactions/{}/user-data", id(of)), json!({"attach": {"n": n}})).await;
        }
        for n in [1, 3] {
            let (_, change) = chats.next().await.unwrap();
            assert_eq!((change["interactionId"].as_str(), &change["delta"]["attach"]["n"]), (Some(id(&chat)), &json!(n)));
        }
    }

    async fn many_changes_reach_every_stream_in_order_and_once(db) {
        let server = Arc::new(Server::start(db).await);
        let mut streams = Vec::new();
        for _ in 0..10 {
            streams.push(Events::of(&server, "/v1/changes", None).await);
        }
        let writers: Vec<_> = (0..8).map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                for _ in 0..100 {
                    server.record(json!({"mediaType": "sms"})).await;
                }
            })
        }).collect();
        for stream in &mut streams {
            for cursor in 1..=800 {
                assert_eq!(stream.next().await.unwrap().0, cursor.to_string());
            }
        }
        for writer in writers {
            writer.await.unwrap();
        }
    }

    async fn a_stream_ends_when_its_reader_may_no_longer_ask(db) {
        let server = Server::start(db).await;
        let mut stream = Events::of(&server, "/v1/changes", None).await;
        // from now on a token is required, and this reader has none
        let ran = run(&server.place.url, &["token", "create", "--name", "desk"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let begun = std::time::Instant::now();
        assert!(stream.next().await.is_none());
        assert!(begun.elapsed() < Duration::from_secs(15));
    }

    async fn a_stream_from_beyond_the_journal_is_refused(db) {
        let server = Server::start(db).await;
        let refused = server.request("GET", "/v1/changes?after=7").header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(refused.status(), 422);
    }

    async fn a_stop_ends_the_streams(db) {
        let server = Server::start(db).await;
        let mut stream = Events::of(&server, "/v1/changes", None).await;
        let begun = std::time::Instant::now();
        server.stop().await;
        assert!(stream.next().await.is_none());
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_writes_the_streams_of_another_tell() {
    let one = Server::start(Db::Postgres).await;
    let two = Server::at(Arc::clone(&one.place), |_| {}).await;
    let mut stream = Events::of(&two, "/v1/changes", None).await;
    for _ in 0..3 {
        let recorded = one.record(json!({"mediaType": "chat"})).await;
        let told = tokio::time::timeout(Duration::from_secs(1), stream.next());
        let (_, change) = told.await.expect("within a second").unwrap();
        assert_eq!(change["interactionId"].as_str(), Some(id(&recorded)));
    }
}
