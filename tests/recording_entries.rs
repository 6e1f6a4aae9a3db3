//! The entry that records an interaction is stored empty, and every reader gets it whole and always
//! the same.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::process::run;
use crate::support::{Place, Server};

/// The deltas of the entries that record an interaction, oldest first.
async fn recordings(server: &Server, id: &str) -> Vec<String> {
    let all = server.journal().await;
    let of = all.iter().filter(|entry| {
        entry["interactionId"] == id
            && (entry["kind"] == "interaction.recorded" || entry["kind"] == "engagement.created")
    });
    of.map(|entry| entry["delta"].to_string()).collect()
}

/// The delta of the only entry that records an interaction.
async fn recording(server: &Server, id: &str) -> String {
    let mut all = recordings(server, id).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// The lines of an archive that hold this text.
async fn lines(place: &Place, name: &str, holding: &str) -> Vec<String> {
    let file = place.path().join(name);
    let ran = run(
        &place.url,
        &["export", "--all", "-o", file.to_str().unwrap()],
    )
    .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text.lines().filter(|line| line.contains(holding));
    lines.map(str::to_owned).collect()
}

async fn empty(place: &Place) -> i64 {
    let sql = "SELECT COUNT(*) FROM journal WHERE delta = ''";
    Direct::to(place).await.number(sql).await
}

fn body(id: &str) -> Value {
    json!({"id": id, "mediaType": "chat", "subject": "first", "text": "naïve", "comment": "said",
        "participants": [{"participantId": "p"}],
        "userData": {"a": 1, "b": {"x": [1.5, "é"]}, "c": null, "d": "last"}})
}

async fn changed(server: &Server, method: &str, path: &str, body: Value) {
    let request = server.request(method, path).json(&body);
    let response = request.send().await.unwrap();
    let status = response.status();
    assert!(
        status.is_success(),
        "{method} {path}: {status} {}",
        response.text().await.unwrap()
    );
}

/// Changes that can be undone, in an order in which all of them take effect.
fn undoable() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("POST", "/user-data", json!({"attach": {"e": 5}})),
        (
            "POST",
            "/user-data",
            json!({"update": {"a": {"now": "else"}}}),
        ),
        ("POST", "/user-data", json!({"delete": ["e"]})),
        ("POST", "/user-data", json!({"delete": ["b"]})),
        ("POST", "/user-data", json!({"attach": {"b": "again"}})),
        (
            "POST",
            "/user-data",
            json!({"attach": {"f": 1}, "update": {"d": 2}, "delete": ["a", "c"]}),
        ),
        ("PATCH", "", json!({"subject": "second"})),
        (
            "PATCH",
            "",
            json!({"subject": null, "queue": "q", "ownerId": "o"}),
        ),
        (
            "PATCH",
            "",
            json!({"type": "t", "subtype": "s", "categoryId": "c", "externalId": "x"}),
        ),
        ("PATCH", "", json!({"canBeParent": false, "language": "de"})),
        (
            "PATCH",
            "",
            json!({"mediaType": "email", "startDate": "2020-01-01T00:00:00Z"}),
        ),
        ("POST", "/stop", json!({"stoppedReason": "done"})),
    ]
}

both! {
    async fn the_entry_is_the_same_after_each_change(db) {
        let server = Server::start(db).await;
        server.record(body("one")).await;
        let first = recording(&server, "one").await;
        let begun = server.get("/v1/interactions/one").await.1["createdDate"].as_str().unwrap().to_owned();
        assert_eq!(serde_json::from_str::<Value>(&first).unwrap()["userData"].to_string(), body("one")["userData"].to_string());
        assert!(first.contains("\"textLength\":5") && first.contains("\"comment\":\"said\""), "{first}");
        for (number, (method, path, body)) in undoable().into_iter().enumerate() {
            changed(&server, method, &format!("/v1/interactions/one{path}"), body.clone()).await;
            assert_eq!(recording(&server, "one").await, first, "{body}");
            let (_, then) = server.get(&format!("/v1/interactions/one/user-data?at={begun}")).await;
            assert_eq!(then["userData"].to_string(), r#"{"a":1,"b":{"x":[1.5,"é"]},"c":null,"d":"last"}"#);
            assert_eq!(empty(&server.place).await, 1, "{body}");
            let (_, own) = server.get("/v1/interactions/one/changes").await;
            assert_eq!(own["items"][0]["delta"].to_string(), first);
            if number == 5 {
                let lines = lines(&server.place, "a.ndjson", "interaction.recorded").await;
                assert!(lines.len() == 1 && lines[0].contains(&first), "{lines:?}");
            }
        }
        // these are not undone: the entry is written whole before them
        for body in [
            json!({"text": "another"}),
            json!({"comment": null, "participants": null, "structuredText": "<p>x</p>"}),
        ] {
            changed(&server, "PATCH", "/v1/interactions/one", body.clone()).await;
            assert_eq!(recording(&server, "one").await, first, "{body}");
            assert_eq!(empty(&server.place).await, 0, "{body}");
        }
    }

    async fn changes_in_one_group_are_undone_too(db) {
        let server = Server::start(db).await;
        let mut hold = Direct::hold_writer(&server.place).await;
        let steps = undoable();
        let all = async {
            let recorded = server.post("/v1/interactions", body("one"));
            let edited = async {
                // the writer waits for the lock, so these share its next group
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                let (_, path, body) = &steps[3];
                server.post(&format!("/v1/interactions/one{path}"), body.clone()).await
            };
            let other = async {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                server.post("/v1/interactions", body("two")).await
            };
            let freed = async {
                tokio::time::sleep(std::time::Duration::from_millis(600)).await;
                hold.execute("ROLLBACK").await;
            };
            tokio::join!(recorded, edited, other, freed)
        };
        let (one, edit, two, ()) = all.await;
        assert_eq!((one.0, edit.0, two.0), (201, 200, 201), "{edit:?}");
        let told: Value = serde_json::from_str(&recording(&server, "one").await).unwrap();
        assert_eq!(told["userData"].to_string(), body("one")["userData"].to_string());
        assert_eq!(told["revision"], 1);
    }

    async fn an_entry_is_written_whole_after_many_changes(db) {
        let server = Server::start(db).await;
        server.record(body("one")).await;
        let first = recording(&server, "one").await;
        for number in 0..40 {
            let body = json!({"attach": {"n": number}, "delete": [if number == 20 { "a" } else { "none" }]});
            changed(&server, "POST", "/v1/interactions/one/user-data", body).await;
            if number % 10 == 9 {
                assert_eq!(recording(&server, "one").await, first, "{number}");
            }
        }
        assert_eq!(empty(&server.place).await, 0);
    }

    async fn an_engagement_and_what_is_linked_later_are_told_as_they_were(db) {
        let server = Server::with(db, |config| config.engagement.link_by = vec!["visitID".into()]).await;
        for id in ["visit", "other"] {
            server.record(json!({"id": id, "mediaType": "webengagement", "userData": {"visitID": id, "rule": "hot"}})).await;
        }
        server.record(json!({"id": "plain", "mediaType": "chat"})).await;
        server.record(json!({"id": "child", "mediaType": "chat", "parentId": "visit", "copyUserData": "rule", "userData": {"own": 1}})).await;
        let (plain, child) = (recording(&server, "plain").await, recording(&server, "child").await);
        assert!(child.contains("\"linkedBy\"") && child.contains("\"copiedKeys\":[\"rule\"]"), "{child}");
        assert_eq!(empty(&server.place).await, 4);
        changed(&server, "POST", "/v1/interactions/child/user-data", json!({"delete": ["rule"]})).await;
        assert_eq!(recording(&server, "child").await, child);
        changed(&server, "POST", "/v1/interactions/child/parent", json!({"parentId": "other", "copyUserData": "all"})).await;
        assert_eq!(recording(&server, "child").await, child);
        changed(&server, "POST", "/v1/interactions/plain/user-data", json!({"attach": {"visitID": "visit"}})).await;
        assert_eq!(server.get("/v1/interactions/plain").await.1["parentId"], "visit");
        assert_eq!(recording(&server, "plain").await, plain);
        changed(&server, "PATCH", "/v1/interactions/child", json!({"parentId": null})).await;
        assert_eq!(recording(&server, "child").await, child);
    }

    async fn descendants_that_follow_into_a_thread_are_told_as_they_were(db) {
        let server = Server::start(db).await;
        for body in [json!({"id": "top", "mediaType": "email"}), json!({"id": "one", "mediaType": "email"}),
            json!({"id": "two", "mediaType": "email", "parentId": "one"})] {
            server.record(body).await;
        }
        let before = (recording(&server, "one").await, recording(&server, "two").await);
        changed(&server, "PATCH", "/v1/interactions/one", json!({"parentId": "top", "subject": "moved"})).await;
        assert_eq!((recording(&server, "one").await, recording(&server, "two").await), before);
    }

    async fn a_deleted_identifier_may_be_recorded_again(db) {
        let server = Server::start(db).await;
        server.record(body("one")).await;
        changed(&server, "POST", "/v1/interactions/one/user-data", json!({"delete": ["a"]})).await;
        assert_eq!(server.delete("/v1/interactions/one").await.0, 204);
        assert_eq!(recordings(&server, "one").await, [r#"{"erased":true}"#]);
        let sql = "SELECT COUNT(*) FROM journal WHERE before IS NOT NULL";
        assert_eq!(Direct::to(&server.place).await.number(sql).await, 0);
        server.record(json!({"id": "one", "mediaType": "sms", "userData": {"z": 1}})).await;
        let second = recordings(&server, "one").await;
        assert!(second.len() == 2 && second[1].contains("\"userData\":{\"z\":1}"), "{second:?}");
        changed(&server, "PATCH", "/v1/interactions/one", json!({"subject": "new"})).await;
        assert_eq!(recordings(&server, "one").await, second);
    }

    async fn an_erasure_leaves_nothing_of_what_was_replaced(db) {
        let server = Server::start(db).await;
        for id in ["ann", "bob"] {
            server.post("/v1/contacts", json!({"id": id, "attributes": {"EmailAddress": format!("{id}@example.test")}})).await;
        }
        for (id, contact) in [("hers", "ann"), ("given", "ann"), ("passed", "bob")] {
            server.record(json!({"id": id, "mediaType": "chat", "contactId": contact, "subject": format!("planted {id}"), "userData": {"a": "planted", "b": 2}})).await;
            let path = format!("/v1/interactions/{id}");
            changed(&server, "POST", &format!("{path}/user-data"), json!({"delete": ["a"]})).await;
            changed(&server, "PATCH", &path, json!({"subject": "x"})).await;
        }
        changed(&server, "PATCH", "/v1/interactions/given", json!({"contactId": "bob"})).await;
        changed(&server, "PATCH", "/v1/interactions/passed", json!({"contactId": "ann"})).await;
        changed(&server, "PATCH", "/v1/interactions/passed", json!({"contactId": "bob"})).await;
        let kept = recording(&server, "passed").await;
        let given = recording(&server, "given").await;
        changed(&server, "POST", "/v1/contacts/ann/erase", json!({})).await;
        let sql = "SELECT COUNT(*) FROM journal WHERE before LIKE '%ann%' OR before LIKE '%planted hers%'";
        assert_eq!(Direct::to(&server.place).await.number(sql).await, 0);
        assert_eq!(recording(&server, "hers").await, r#"{"erased":true}"#);
        assert_eq!(recording(&server, "passed").await, kept);
        assert_eq!(recording(&server, "given").await, given.replace("\"contactId\":\"ann\"", "\"contactId\":null"));
    }

    async fn an_archive_holds_the_entries_whole(db) {
        let server = Server::start(db).await;
        server.record(body("one")).await;
        server.record(body("two")).await;
        changed(&server, "POST", "/v1/interactions/one/user-data", json!({"delete": ["a"]})).await;
        let before = server.journal().await;
        let from = server.stop().await;
        lines(&from, "a.ndjson", "").await;
        let there = Arc::new(Place::new(db).await);
        let ran = run(&there.url, &["import", from.path().join("a.ndjson").to_str().unwrap()]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let ran = run(&there.url, &["verify", &from.url]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(empty(&there).await, 0);
        let server = Server::at(there, |_| {}).await;
        assert_eq!(server.journal().await, before);
        let two = recording(&server, "two").await;
        changed(&server, "PATCH", "/v1/interactions/two", json!({"subject": "x"})).await;
        assert_eq!(recording(&server, "two").await, two);
    }
}
