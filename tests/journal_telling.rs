//! The journal tells of every change: of merges, deletions and erasures too.

use std::sync::Arc;

use annals::domain::{Clock, Moment};
use serde_json::{Value, json};

use crate::both;
use crate::support::{Place, Server};

/// A clock that stands still.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Moment {
        Moment::from_micros(1_770_000_000_000_000).unwrap()
    }
}

/// The members of the entries from one on.
fn told(journal: &[Value], from: usize, members: &[&str]) -> Vec<Vec<Value>> {
    let told = |entry: &Value| members.iter().map(|name| entry[*name].clone()).collect();
    journal[from..].iter().map(told).collect()
}

both! {
    async fn each_entry_about_a_contact_has_the_moment_of_its_change_and_is_later_than_the_one_before(db) {
        let place = Arc::new(Place::new(db).await);
        let server = Server::by(place, Arc::new(Standing), |_| {}).await;
        for id in ["a", "b", "c"] {
            server.post("/v1/contacts", json!({"id": id, "attributes": {"LastName": id}})).await;
        }
        let (_, merged) = server.post("/v1/contacts/a/merge", json!({"into": "b"})).await;
        let (_, unmerged) = server.post("/v1/contacts/a/unmerge", json!({})).await;
        assert_eq!(server.delete("/v1/contacts/a").await.0, 204);
        server.post("/v1/contacts/c/merge", json!({"into": "b"})).await;
        assert_eq!(server.post("/v1/contacts/b/erase", json!({})).await.0, 200);
        let journal = server.journal().await;
        let at = |entry: usize| &journal[entry]["at"];
        assert_eq!((at(3), at(4)), (&merged["modifiedDate"], &unmerged["modifiedDate"]));
        let entries = told(&journal, 3, &["kind", "contactId"]);
        assert_eq!(entries, [["contact.merged", "a"], ["contact.unmerged", "a"], ["contact.erased", "a"], ["contact.merged", "c"], ["contact.erased", "b"], ["contact.erased", "c"]]);
        for contact in ["a", "b", "c"] {
            let of_contact = journal.iter().filter(|entry| entry["contactId"] == contact);
            let times: Vec<Moment> = of_contact.map(|entry| Moment::parse(entry["at"].as_str().unwrap()).unwrap()).collect();
            assert!(times.is_sorted_by(|one, next| one < next), "{contact}: {times:?}");
        }
    }

    async fn an_erasure_tells_of_each_web_action(db) {
        let server = Server::start(db).await;
        let event = |action: &str, state: &str, visit: &str| json!({"actionId": action, "actionState": state, "actionMediaType": "webchat", "sessionId": visit, "page": "of secret-value"});
        let (status, _) = server.post("/v1/web-actions", json!([event("theirs", "offered", "visit-1"), event("theirs", "accepted", "visit-1"), event("shared", "offered", "visit-2"), event("other", "offered", "visit-3")])).await;
        assert_eq!(status, 200);
        for contact in ["a", "b"] {
            server.post("/v1/contacts", json!({"id": contact, "attributes": {"LastName": contact}})).await;
        }
        server.record(json!({"id": "own", "mediaType": "webengagement", "contactId": "a", "userData": {"visitID": "visit-1"}})).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "userData": {"visitID": "visit-2", "k": "secret-value"}})).await;
        for (contact, keys) in [("a", "k"), ("b", "visitID")] {
            let child = json!({"id": format!("chat-{contact}"), "mediaType": "chat", "contactId": contact, "copyUserData": keys});
            assert_eq!(server.post("/v1/interactions/visit/engagements", child).await.0, 201);
        }
        let before = server.journal().await.len();
        assert_eq!(server.post("/v1/contacts/a/erase", json!({})).await.0, 200);
        let journal = server.journal().await;
        let mut entries = told(&journal, before, &["kind", "delta"]);
        entries.retain(|entry| entry[0].as_str().unwrap().starts_with("webAction"));
        let mut left = event("shared", "offered", "visit-2");
        left["page"] = json!("of [erased]");
        left["eventDate"] = entries[1][1]["eventDate"].clone();
        assert_eq!(entries, [
            [json!("webAction.erased"), json!({"actionId": "theirs"})],
            [json!("webAction.recorded"), left],
        ]);
        let (_, found) = server.get("/v1/changes?kind=webAction.erased&mediaType=webchat").await;
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    }

    async fn an_erasure_tells_that_earlier_entries_of_a_shared_interaction_were_overwritten(db) {
        let server = Server::start(db).await;
        for contact in ["a", "b"] {
            server.post("/v1/contacts", json!({"id": contact, "attributes": {"LastName": contact}})).await;
        }
        server.record(json!({"id": "visit", "mediaType": "webengagement", "userData": {"k": "secret-value", "rest": 1}})).await;
        for (contact, keys) in [("a", "k"), ("b", "rest")] {
            let child = json!({"id": format!("chat-{contact}"), "mediaType": "chat", "contactId": contact, "copyUserData": keys});
            assert_eq!(server.post("/v1/interactions/visit/engagements", child).await.0, 201);
        }
        server.post("/v1/interactions/visit/user-data", json!({"delete": ["k"]})).await;
        let (_, shared) = server.get("/v1/interactions/visit").await;
        let before = server.journal().await.len();
        assert_eq!(server.post("/v1/contacts/a/erase", json!({})).await.0, 200);
        let journal = server.journal().await;
        assert!(!Value::from(journal.clone()).to_string().contains("secret-value"), "{journal:?}");
        let entries = told(&journal, before, &["kind", "interactionId", "delta"]);
        assert!(entries.contains(&vec![json!("interaction.changed"), json!("visit"), json!({})]), "{entries:?}");
        let (_, now) = server.get("/v1/interactions/visit").await;
        assert_eq!(now["revision"], shared["revision"].as_i64().unwrap() + 1, "an entry is a revision");
        assert_eq!(now["userData"], json!({"rest": 1}));
    }
}
