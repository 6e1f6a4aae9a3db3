//! The archive: what goes out of one store comes into another whole, whichever the databases.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::both;
use crate::support::process::run;
use crate::support::{Db, Place, Server};

/// Every kind of thing that a store can hold, made through the API.
async fn filled(server: &Server) {
    let ann = json!({"EmailAddress": ["ann@example.test", "ann@work.example"], "FirstName": "Ann", "PhoneNumber": "+442079460900"});
    server.record(json!({"id": "visit", "mediaType": "webengagement", "subject": "Pricing", "contact": ann,
        "userData": {"rule": "hot", "sessionId": "s-1", "n": 1.50, "deep": {"b": [1, {"c": null}], "a": "ä\u{1F600}"}}})).await;
    server.post_with("/v1/interactions/visit/engagements", &[("idempotency-key", "once")], json!({"id": "chat", "mediaType": "chat", "copyUserData": "rule",
        "text": "customer: refund?\nagent: yes", "structuredText": "<p>refund</p>", "comment": "nice",
        "participants": [{"participantId": "7001", "type": "Agent"}]})).await;
    server
        .post(
            "/v1/interactions/chat/user-data",
            json!({"attach": {"score": 1}, "update": {"rule": "cold"}}),
        )
        .await;
    server
        .post(
            "/v1/interactions/chat/user-data",
            json!({"delete": ["score"]}),
        )
        .await;
    server
        .post(
            "/v1/interactions/chat/stop",
            json!({"stoppedReason": "left"}),
        )
        .await;
    server
        .record(json!({"id": "late", "mediaType": "chat"}))
        .await;
    server
        .post(
            "/v1/interactions/late/parent",
            json!({"parentId": "visit", "copyUserData": "all"}),
        )
        .await;
    server.record(json!({"id": "mail", "mediaType": "email", "parentId": "chat", "startDate": "2020-02-29T23:59:59.999999Z", "endDate": "2020-03-01T00:00:00Z", "externalId": "x-1"})).await;
    server
        .patch(
            "/v1/interactions/mail",
            json!({"subject": "Re: Pricing", "queue": "sales"}),
        )
        .await;
    server
        .record(json!({"id": "gone", "mediaType": "sms", "text": "deleted"}))
        .await;
    server.delete("/v1/interactions/gone").await;
    let bob = server.post("/v1/contacts", json!({"id": "bob", "attributes": {"EmailAddress": "bob@example.test", "Note": ["", "x"]}})).await.1;
    server
        .post(
            "/v1/contacts",
            json!({"id": "robert", "attributes": {"LastName": "Berg"}}),
        )
        .await;
    server
        .post("/v1/contacts/robert/merge", json!({"into": bob["id"]}))
        .await;
    server.record(json!({"id": "erased", "mediaType": "chat", "text": "secretword", "contact": {"EmailAddress": "carl@example.test"}})).await;
    let carl = server.get("/v1/interactions/erased").await.1["contactId"].clone();
    server
        .post(
            &format!("/v1/contacts/{}/erase", carl.as_str().unwrap()),
            json!({}),
        )
        .await;
    for (state, more) in [
        ("offered", "red"),
        ("accepted", "blue"),
        ("offered", "green"),
    ] {
        server.post("/v1/web-actions", json!({"actionId": "offer", "actionState": state, "actionMapId": "map", "actionMapVersion": 3, "sessionId": "s-1",
            "errorCode": 7, "colour": more, "eventDate": "2026-01-01T00:00:00Z"})).await;
    }
    server
        .post(
            "/v1/webhooks",
            json!({"url": "https://93.184.216.34/hook", "kinds": ["webAction"]}),
        )
        .await;
}

/// The answers of a walk over everything that a store can be asked.
async fn walk(server: &Server) -> Vec<(String, Value)> {
    let mut paths: Vec<String> = ["/v1/interactions?limit=500&sort=id&fields=id,text,structuredText,comment,participants,userData,subject", "/v1/changes?limit=1000",
        "/v1/web-actions?limit=1000", "/v1/reports/web-actions?groupBy=actionMapId,day", "/v1/fields", "/v1/interactions?q=refund", "/v1/interactions?q=secretword",
        "/v1/interactions?userData.rule=hot", "/v1/interactions?contact.EmailAddress=ANN@work.example", "/v1/interactions?sort=-startDate&include=webActions&limit=500"]
        .map(str::to_owned).into();
    let journal = server.journal().await;
    let mut moments: BTreeSet<(String, String)> = BTreeSet::new();
    let mut contacts: BTreeSet<String> = BTreeSet::new();
    for entry in &journal {
        if let Some(id) = entry["interactionId"].as_str() {
            moments.insert((id.to_owned(), entry["at"].as_str().unwrap().to_owned()));
        }
        contacts.extend(entry["contactId"].as_str().map(str::to_owned));
        if let Some(id) = entry["delta"]["actionId"].as_str() {
            paths.push(format!("/v1/web-actions/{id}"));
        }
    }
    for (id, at) in &moments {
        paths.push(format!("/v1/interactions/{id}/user-data?at={at}"));
    }
    let ids: BTreeSet<&String> = moments.iter().map(|(id, _)| id).collect();
    let mut threads: BTreeSet<String> = BTreeSet::new();
    for id in ids {
        for what in [
            "",
            "?include=children,parent,contact",
            "/lineage",
            "/changes",
        ] {
            paths.push(format!("/v1/interactions/{id}{what}"));
        }
        let (_, found) = server.get(&format!("/v1/interactions/{id}")).await;
        threads.extend(found["threadId"].as_str().map(str::to_owned));
    }
    paths.extend(threads.iter().map(|id| format!("/v1/threads/{id}")));
    for id in contacts {
        for what in ["", "/history?limit=500", "/export"] {
            paths.push(format!("/v1/contacts/{id}{what}"));
        }
    }
    let mut answers = Vec::with_capacity(paths.len());
    for path in paths {
        let (status, body) = server.get(&path).await;
        answers.push((format!("{path} {status}"), body));
    }
    answers
}

fn assert_same(one: &[(String, Value)], other: &[(String, Value)]) {
    for ((path, answer), (other_path, other_answer)) in one.iter().zip(other) {
        assert_eq!((path, answer), (other_path, other_answer));
    }
    assert_eq!(one.len(), other.len());
}

fn file(place: &Place, name: &str) -> PathBuf {
    place.path().join(name)
}

async fn annals(url: &str, args: &[&str], code: i32) -> String {
    let ran = run(url, args).await;
    assert_eq!(ran.code, Some(code), "{args:?} {ran:?}");
    ran.out
}

async fn export(url: &str, to: &Path, more: &[&str]) {
    let args = [&["export", "--all", "-o", to.to_str().unwrap()], more].concat();
    annals(url, &args, 0).await;
}

fn another(db: Db) -> Db {
    match db {
        Db::Sqlite => Db::Postgres,
        Db::Postgres => Db::Sqlite,
    }
}

both! {
    async fn a_store_comes_back_whole_over_the_other_database(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let before = walk(&server).await;
        let source = server.stop().await;
        annals(&source.url, &["index", "add", "rule"], 0).await;
        let server = Server::at(Arc::clone(&source), |_| {}).await;
        let before_indexed = walk(&server).await;
        assert_eq!(before.len(), before_indexed.len());
        let first = file(&source, "first.ndjson");
        export(&source.url, &first, &["--with-secrets", "--with-tokens"]).await;
        server.stop().await;

        let there = Place::new(another(db)).await;
        let said = annals(&there.url, &["import", first.to_str().unwrap()], 0).await;
        assert!(said.contains("rows restored"), "{said}");
        let second = file(&there, "second.ndjson");
        export(&there.url, &second, &["--with-secrets", "--with-tokens"]).await;
        let back = Place::new(db).await;
        annals(&back.url, &["import", second.to_str().unwrap()], 0).await;
        for (one, other) in [(&source.url, &there.url), (&source.url, &back.url)] {
            let said = annals(one, &["verify", one, other], 0).await;
            assert!(said.contains("all equal"), "{said}");
        }
        let said = annals(&back.url, &["verify", first.to_str().unwrap()], 0).await;
        assert!(said.contains("all equal"), "an archive and a store: {said}");

        for place in [there, back] {
            let server = Server::at(Arc::new(place), |_| {}).await;
            assert_same(&before_indexed, &walk(&server).await);
            // what was sent before is known, and new things come after
            let (status, _) = server.post("/v1/interactions", json!({"id": "late", "mediaType": "chat"})).await;
            assert_eq!(status, 200);
            let (status, _) = server.post_with("/v1/interactions/visit/engagements", &[("idempotency-key", "once")], json!({"id": "chat", "mediaType": "chat",
                "copyUserData": "rule", "text": "customer: refund?\nagent: yes", "structuredText": "<p>refund</p>", "comment": "nice",
                "participants": [{"participantId": "7001", "type": "Agent"}]})).await;
            assert_eq!(status, 201, "the kept answer to a repeated request");
            let entries = server.journal().await.len();
            server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": "ANN@example.test"}})).await;
            let journal = server.journal().await;
            assert_eq!(journal.len(), entries + 1);
            assert_eq!(journal.last().unwrap()["contactId"], journal[1]["contactId"], "contacts are found by their addresses");
        }
    }

    async fn an_archive_without_secrets_disables_webhooks(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let text = std::fs::read_to_string(&archive).unwrap();
        assert!(!text.contains("whsec_") && text.contains("93.184.216.34"));
        let there = Place::new(db).await;
        annals(&there.url, &["import", archive.to_str().unwrap()], 0).await;
        let server = Server::at(Arc::new(there), |_| {}).await;
        let (_, webhooks) = server.get("/v1/webhooks").await;
        assert_eq!(webhooks["items"][0]["enabled"], false);
        assert!(webhooks["items"][0]["disabledReason"].as_str().unwrap().contains("without its secret"));
    }

    async fn a_store_that_is_not_empty_is_left_as_it_is_or_added_to(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;

        let server = Server::start(db).await;
        server.record(json!({"id": "own", "mediaType": "chat"})).await;
        server.record(json!({"id": "mail", "mediaType": "chat", "subject": "another of that name"})).await;
        let before = server.journal().await;
        let there = server.stop().await;
        let ran = run(&there.url, &["import", archive.to_str().unwrap()]).await;
        assert!(ran.code != Some(0) && ran.told.contains("not empty"), "{ran:?}");
        let said = annals(&there.url, &["import", "--merge", archive.to_str().unwrap()], 2).await;
        assert!(said.contains("interaction mail"), "{said}");
        let server = Server::at(there, |_| {}).await;
        let journal = server.journal().await;
        assert_eq!(journal[..2], before[..]);
        assert!(journal[2..].iter().all(|entry| entry["interactionId"] != "mail"), "the journal of what is left out is left out");
        assert_eq!(server.get("/v1/interactions/mail").await.1["subject"], "another of that name");
        let (_, chat) = server.get("/v1/interactions/chat").await;
        assert_eq!(chat["userData"], json!({"rule": "cold"}));
        let (_, then) = server.get(&format!("/v1/interactions/chat/user-data?at={}", chat["createdDate"].as_str().unwrap())).await;
        assert_eq!(then["userData"], json!({"rule": "hot"}));
        let kinds: Vec<&Value> = journal.iter().filter(|entry| entry["interactionId"] == "chat").map(|entry| &entry["kind"]).collect();
        assert_eq!(kinds, ["engagement.created", "userData.edited", "userData.deleted", "interaction.stopped"]);
    }

    async fn an_import_that_was_cut_off_goes_on(db) {
        let server = Server::start(db).await;
        let lines: Vec<Value> = (0..1200).map(|n| json!({"id": format!("i{n}"), "mediaType": "chat", "text": format!("text {n}"), "userData": {"n": n}})).collect();
        assert!(server.batch(&lines).await.iter().all(|line| line["status"] == 201));
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let whole = std::fs::read_to_string(&archive).unwrap();

        let there = Place::new(db).await;
        let cut = file(&source, "cut.ndjson");
        let most: Vec<&str> = whole.split_inclusive('\n').take(1700).collect();
        std::fs::write(&cut, most.concat()).unwrap();
        let ran = run(&there.url, &["import", cut.to_str().unwrap()]).await;
        assert!(ran.code != Some(0) && ran.told.contains("line 1701 is missing"), "{ran:?}");
        let ran = run(&there.url, &["serve"]).await;
        assert!(ran.code != Some(0) && ran.told.contains("not finished"), "a store by halves is not served: {ran:?}");
        let said = annals(&there.url, &["import", archive.to_str().unwrap()], 0).await;
        assert!(said.contains("Went on after line"), "{said}");
        annals(&there.url, &["verify", &source.url, &there.url], 0).await;
        let ran = run(&there.url, &["import", archive.to_str().unwrap()]).await;
        assert!(ran.told.contains("not empty"), "a second time adds nothing: {ran:?}");
    }

    async fn an_archive_that_was_changed_or_is_none_is_refused(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let whole = std::fs::read_to_string(&archive).unwrap();
        let bad = file(&source, "bad.ndjson");
        for (text, said) in [
            (whole.replace("\"Pricing\"", "\"Prices!\""), "checksum"),
            (whole.replacen("\"version\":1", "\"version\":9", 1), "version 9"),
            (whole.replacen("{\"contact\":", "{\"person\":", 1), "person"),
            (whole.replacen("\"tenantId\":1", "\"tenantId\":\"one\"", 1), "tenantId"),
            (format!("{whole}{{}}\n"), "after the end"),
        ] {
            std::fs::write(&bad, text).unwrap();
            let ran = run(&source.url, &["import", "--dry-run", bad.to_str().unwrap()]).await;
            assert!(ran.code != Some(0) && ran.told.contains(said), "{said}: {ran:?}");
        }
        annals(&source.url, &["import", "--dry-run", archive.to_str().unwrap()], 0).await;
    }

    async fn a_difference_is_named(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let server = Server::at(Arc::clone(&source), |_| {}).await;
        server.post("/v1/interactions/mail/user-data", json!({"attach": {"planted": "privateword"}})).await;
        server.stop().await;
        let said = annals(&source.url, &["verify", archive.to_str().unwrap()], 1).await;
        assert!(said.contains("interaction ") && said.contains("differs in core, user_data") && said.contains("is missing from the first"), "{said}");
        assert!(!said.contains("privateword"), "no values: they are customers' data");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_and_real_history_go_to_postgres_and_back() {
    let source = Arc::new(Place::new(Db::Sqlite).await);
    annals(&source.url, &["demo", "--interactions", "2000"], 0).await;
    if let Ok(data) = std::env::var("ANNALS_TEST_DATA") {
        annals(&source.url, &["import", &data], 0).await;
    }
    let first = file(&source, "first.ndjson");
    export(&source.url, &first, &[]).await;
    let there = Place::new(Db::Postgres).await;
    annals(&there.url, &["import", first.to_str().unwrap()], 0).await;
    let second = file(&there, "second.ndjson");
    export(&there.url, &second, &[]).await;
    let back = Place::new(Db::Sqlite).await;
    annals(&back.url, &["import", second.to_str().unwrap()], 0).await;
    annals(&source.url, &["verify", &source.url, &back.url], 0).await;
    annals(&source.url, &["verify", &there.url, &back.url], 0).await;
}
