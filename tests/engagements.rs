//! Web engagements: what their children take along, and the family they make.

use serde_json::{Value, json};

use crate::both;
use crate::support::{Server, id};

fn keys(of: &Value) -> Vec<&str> {
    of["userData"]
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

both! {
    async fn the_documents_own_example_holds_step_by_step(db) {
        let server = Server::start(db).await;
        let parent = server.record(json!({
            "mediaType": "webengagement",
            "userData": {"ORS Data": "o", "rule": "r", "strategy": "s", "some data": "d", "jsonEvent": {"page": "/pricing"}}
        })).await;
        assert_eq!(keys(&parent), ["ORS Data", "rule", "strategy", "some data"]);
        assert_eq!(parent["droppedKeys"], json!(["jsonEvent"]));
        let path = format!("/v1/interactions/{}/engagements", id(&parent));
        let table = [
            (json!("all"), vec!["ORS Data", "rule", "strategy", "some data"]),
            (json!("no"), vec![]),
            (json!("rule;strategy"), vec!["rule", "strategy"]),
            (json!("  "), vec![]),
            (json!(""), vec![]),
            (Value::Null, vec![]),
            (json!("my_key1;ORS Data"), vec!["ORS Data"]),
        ];
        for media in ["chat", "webcallback"] {
            for (policy, wanted) in &table {
                let (status, child) = server.post(&path, json!({"mediaType": media, "copyUserData": policy})).await;
                assert_eq!(status, 201, "{child}");
                assert_eq!(&keys(&child), wanted, "{policy}");
                assert_eq!(child["copiedKeys"], json!(wanted), "{policy}");
                assert_eq!(child["parentId"], parent["id"]);
                assert_eq!(child["threadId"], parent["threadId"]);
                let (_, stored) = server.get(&format!("/v1/interactions/{}", id(&child))).await;
                assert_eq!(&keys(&stored), wanted, "{policy}");
            }
        }
        let (status, child) = server.post(&path, json!({"mediaType": "chat"})).await;
        assert_eq!((status, keys(&child).len()), (201, 0), "absent copies nothing");
        let said = serde_json::to_string(&server.journal().await).unwrap();
        assert!(!said.contains("jsonEvent") && !said.contains("/pricing"), "the transient key reached the journal");
    }

    async fn the_servers_setting_counts_when_a_request_says_nothing(db) {
        let server = Server::with(db, |config| config.engagement.copy_user_data = "rule".into()).await;
        let parent = server.record(json!({"mediaType": "webengagement", "userData": {"rule": 1, "other": 2}})).await;
        let path = format!("/v1/interactions/{}/engagements", id(&parent));
        let (_, silent) = server.post(&path, json!({"mediaType": "chat"})).await;
        assert_eq!(keys(&silent), ["rule"]);
        let (_, empty) = server.post(&path, json!({"mediaType": "chat", "copyUserData": ""})).await;
        assert_eq!(keys(&empty), Vec::<&str>::new(), "an empty text copies nothing, whatever the setting");
    }

    async fn the_childs_own_keys_win_and_are_not_among_the_copied(db) {
        let server = Server::start(db).await;
        let parent = server.record(json!({"mediaType": "webengagement", "userData": {"rule": "parent", "x": 1}})).await;
        let path = format!("/v1/interactions/{}/engagements", id(&parent));
        let (_, child) = server.post(&path, json!({"mediaType": "chat", "copyUserData": "all", "userData": {"rule": "own"}})).await;
        assert_eq!(child["userData"], json!({"x": 1, "rule": "own"}));
        assert_eq!(child["copiedKeys"], json!(["x"]));
    }

    async fn only_a_webengagement_leads_to_a_chat_or_a_webcallback(db) {
        let server = Server::start(db).await;
        let chat = server.record(json!({"mediaType": "chat"})).await;
        let (status, _) = server.post(&format!("/v1/interactions/{}/engagements", id(&chat)), json!({"mediaType": "chat"})).await;
        assert_eq!(status, 422);
        let parent = server.record(json!({"mediaType": "webengagement"})).await;
        let path = format!("/v1/interactions/{}/engagements", id(&parent));
        let (status, problem) = server.post(&path, json!({"mediaType": "email"})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/mediaType")));
        let (status, _) = server.post("/v1/interactions/nobody/engagements", json!({"mediaType": "chat"})).await;
        assert_eq!(status, 404);
        let barren = server.record(json!({"mediaType": "webengagement", "canBeParent": false})).await;
        let (status, _) = server.post(&format!("/v1/interactions/{}/engagements", id(&barren)), json!({"mediaType": "chat"})).await;
        assert_eq!(status, 422);
        assert_eq!(server.journal().await.len(), 3, "a refusal leaves no trace");
    }

    async fn lineage_shows_the_whole_family_from_any_member(db) {
        let server = Server::start(db).await;
        let parent = server.record(json!({"mediaType": "webengagement", "userData": {"rule": "r"}})).await;
        let path = format!("/v1/interactions/{}/engagements", id(&parent));
        let (_, chat) = server.post(&path, json!({"mediaType": "callback", "copyUserData": "rule;none"})).await;
        assert_eq!(chat["mediaType"], "webcallback");
        let mail = server.record(json!({"mediaType": "email", "parentId": chat["id"]})).await;
        for member in [&parent, &chat, &mail] {
            let (status, family) = server.get(&format!("/v1/interactions/{}/lineage", id(member))).await;
            assert_eq!(status, 200);
            assert_eq!(family["root"], parent["id"]);
            assert_eq!(family["nodes"].as_array().unwrap().len(), 3);
            assert_eq!(family["links"][0]["copyUserData"], "rule;none");
            assert_eq!(family["links"][0]["copiedKeys"], json!(["rule"]));
            assert_eq!(family["links"][1]["parentId"], chat["id"]);
            assert_eq!(family["links"][1]["copyUserData"], Value::Null);
        }
    }

    async fn a_declined_engagement_keeps_code_and_description(db) {
        let server = Server::start(db).await;
        let parent = server.record(json!({"mediaType": "webengagement"})).await;
        let path = format!("/v1/interactions/{}/no-engage", id(&parent));
        let (status, edited) = server.post(&path, json!({"code": "noAgents", "description": "Nobody is free"})).await;
        assert_eq!(status, 200);
        assert_eq!(edited["userData"], json!({"noEngageCode": "noAgents", "noEngageDescription": "Nobody is free"}));
        assert_eq!(edited["revision"], 2, "one change");
        let journal = server.journal().await;
        assert_eq!(journal.last().unwrap()["kind"], "userData.attached");
        assert_eq!(journal.len(), 2);
    }
}
