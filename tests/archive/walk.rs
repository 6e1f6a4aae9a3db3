//! A store with every kind of item, and a walk over everything that it can answer.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::Server;

/// Concurrent requests.
const AT_ONCE: usize = 16;

/// Largest answer, in bytes, that is kept as it is; of longer ones only the digest is.
const KEPT: usize = 4096;

/// Records every kind of item through the API.
pub async fn filled(server: &Server) {
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

/// The entries of the journal.
async fn journal(server: &Server) -> Vec<Value> {
    let (mut after, mut all) = (0_i64, Vec::new());
    loop {
        let path = format!("/v1/changes?limit=1000&after={after}");
        let (status, page) = server.get(&path).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap();
        let Some(last) = items.last() else { return all };
        after = last["cursor"].as_str().unwrap().parse().unwrap();
        all.extend(items.iter().cloned());
    }
}

/// All pages of a list.
async fn pages(server: &Server, first: &str) -> Vec<String> {
    let mut paths = vec![first.to_owned()];
    loop {
        let (status, page) = server.get(paths.last().unwrap()).await;
        assert_eq!(status, 200, "{first} {page}");
        let Some(next) = page["next"].as_str() else {
            return paths;
        };
        paths.push(format!("{first}&cursor={next}"));
    }
}

/// All paths to ask for: identifiers, contacts, threads, lineages, changes and moments.
async fn paths(server: &Server) -> Vec<String> {
    let mut paths: Vec<String> = [
        "/v1/web-actions?limit=1000",
        "/v1/reports/web-actions?groupBy=actionMapId,day",
        "/v1/fields",
        "/v1/interactions?q=refund",
        "/v1/interactions?q=secretword",
        "/v1/interactions?userData.rule=hot",
        "/v1/interactions?contact.EmailAddress=ANN@work.example",
    ]
    .map(str::to_owned)
    .into();
    let texts = "id,text,structuredText,comment,participants,userData,subject";
    for list in [
        &format!("/v1/interactions?limit=500&sort=id&fields={texts}"),
        "/v1/interactions?limit=500&sort=-startDate&include=webActions",
        "/v1/contacts?limit=500",
    ] {
        paths.extend(pages(server, list).await);
    }
    let mut moments: BTreeSet<(String, String)> = BTreeSet::new();
    let (mut ids, mut contacts) = (BTreeSet::new(), BTreeSet::new());
    for entry in journal(server).await {
        let cursor: i64 = entry["cursor"].as_str().unwrap().parse().unwrap();
        if cursor % 1000 == 1 {
            paths.push(format!("/v1/changes?limit=1000&after={}", cursor - 1));
        }
        if let Some(id) = entry["interactionId"].as_str() {
            moments.insert((id.to_owned(), entry["at"].as_str().unwrap().to_owned()));
            ids.insert(id.to_owned());
        }
        contacts.extend(entry["contactId"].as_str().map(str::to_owned));
        if let Some(id) = entry["delta"]["actionId"].as_str() {
            paths.push(format!("/v1/web-actions/{id}"));
        }
    }
    for (id, at) in &moments {
        paths.push(format!("/v1/interactions/{id}/user-data?at={at}"));
    }
    let threads = futures_util::stream::iter(&ids).map(|id| async move {
        let (_, found) = server.get(&format!("/v1/interactions/{id}")).await;
        found["threadId"].as_str().map(str::to_owned)
    });
    let threads: BTreeSet<Option<String>> = threads.buffered(AT_ONCE).collect().await;
    for id in &ids {
        for what in [
            "",
            "?include=children,parent,contact",
            "/lineage",
            "/changes",
        ] {
            paths.push(format!("/v1/interactions/{id}{what}"));
        }
    }
    paths.extend(
        threads
            .iter()
            .flatten()
            .map(|id| format!("/v1/threads/{id}")),
    );
    for id in contacts {
        for what in ["", "/history?limit=500", "/export"] {
            paths.push(format!("/v1/contacts/{id}{what}"));
        }
    }
    paths
}

/// The answers to all of these, or to one in `every` requests: the request with its status, and the
/// exact body.
pub async fn walk(server: &Server, every: usize) -> Vec<(String, String)> {
    let paths = paths(server).await.into_iter().step_by(every);
    let answers = futures_util::stream::iter(paths).map(|path| async move {
        let answer = server.request("GET", &path).send().await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        let body = if body.len() > KEPT {
            hex::encode(Sha256::digest(&body))
        } else {
            body
        };
        (format!("{status} {path}"), body)
    });
    answers.buffered(AT_ONCE).collect().await
}

pub fn assert_same(one: &[(String, String)], other: &[(String, String)]) {
    for (one, other) in one.iter().zip(other) {
        assert_eq!(one, other);
    }
    assert_eq!(one.len(), other.len());
}
