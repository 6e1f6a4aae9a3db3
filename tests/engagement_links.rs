//! Links made later or by the key of a visit: what they must never do, and who is notified.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::both;
use crate::gws_notify::{data, told};
use crate::support::receiver::Receiver;
use crate::support::{Db, Server};

/// A server that links by `visitID` and copies `rule`.
async fn by_visit(db: Db) -> Server {
    Server::with(db, |config| {
        config.engagement.link_by = vec!["visitID".into()];
        config.engagement.copy_user_data = "rule".into();
    })
    .await
}

async fn stored(server: &Server, id: &str) -> Value {
    let (status, stored) = server.get(&format!("/v1/interactions/{id}")).await;
    assert_eq!(status, 200, "{stored}");
    stored
}

both! {
    async fn a_visit_key_never_puts_a_conversation_under_what_came_from_it(db) {
        let server = by_visit(db).await;
        server.record(json!({"id": "chat", "mediaType": "chat", "startDate": "2026-03-01T10:00:00Z"})).await;
        server.record(json!({"id": "mail", "mediaType": "email", "parentId": "chat"})).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "parentId": "mail", "startDate": "2026-03-01T09:00:00Z",
            "userData": {"visitID": "v"}})).await;
        let (status, edited) = server.post("/v1/interactions/chat/user-data", json!({"attach": {"visitID": "v"}})).await;
        assert_eq!(status, 200, "{edited}");
        assert_eq!(stored(&server, "chat").await["parentId"], Value::Null);
        let (status, family) = server.get("/v1/interactions/visit/lineage").await;
        assert_eq!((status, &family["root"]), (200, &json!("chat")));
    }

    async fn a_merged_contact_is_no_stranger(db) {
        let server = by_visit(db).await;
        let contact = |address: &str| json!({"EmailAddress": address});
        let visit = server.record(json!({"id": "visit", "mediaType": "webengagement", "contact": contact("old@example.test"),
            "userData": {"visitID": "v"}})).await;
        let other = server.record(json!({"mediaType": "email", "contact": contact("new@example.test")})).await;
        let into = other["contactId"].as_str().unwrap();
        let merge = format!("/v1/contacts/{}/merge", visit["contactId"].as_str().unwrap());
        let (status, merged) = server.post(&merge, json!({"into": into})).await;
        assert_eq!(status, 200, "{merged}");
        let by_address = server.record(json!({"id": "c1", "mediaType": "chat", "contact": contact("new@example.test"), "userData": {"visitID": "v"}})).await;
        assert_eq!(by_address["parentId"], "visit");
        let by_id = server.record(json!({"id": "c2", "mediaType": "chat", "contactId": into, "userData": {"visitID": "v"}})).await;
        assert_eq!(by_id["parentId"], "visit");
        server.record(json!({"id": "c3", "mediaType": "chat", "contactId": into})).await;
        server.post("/v1/interactions/c3/user-data", json!({"attach": {"visitID": "v"}})).await;
        assert_eq!(stored(&server, "c3").await["parentId"], "visit");
    }

    async fn a_link_by_visit_that_does_not_fit_is_left_out(db) {
        let server = Server::with(db, |config| {
            config.engagement.link_by = vec!["visitID".into()];
            config.engagement.copy_user_data = "all".into();
            config.limits.keys = 3;
        }).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "userData": {"visitID": "v", "a": 1, "b": 2}})).await;
        let chat = server.record(json!({"id": "chat", "mediaType": "chat", "userData": {"visitID": "v", "c": 3, "d": 4}})).await;
        assert_eq!(chat["parentId"], Value::Null);
        let (status, problem) = server.post("/v1/interactions/chat/parent", json!({"parentId": "visit"})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/userData")), "who asks for it hears why not");
        server.record(json!({"id": "later", "mediaType": "chat", "userData": {"c": 3, "d": 4}})).await;
        let (status, edited) = server.post("/v1/interactions/later/user-data", json!({"attach": {"visitID": "v"}})).await;
        assert_eq!((status, &edited["revision"]), (200, &json!(2)), "{edited}");
        assert_eq!(stored(&server, "later").await["parentId"], Value::Null);
    }

    async fn a_busy_visit_does_not_hide_the_engagement_of_another(db) {
        let server = by_visit(db).await;
        let mut lines = vec![json!({"id": "quiet", "mediaType": "webengagement", "startDate": "2026-03-01T08:00:00Z", "userData": {"visitID": "quiet"}})];
        lines.extend((0..250).map(|n| json!({"mediaType": "webengagement", "startDate": format!("2026-03-01T09:{:02}:{:02}Z", n / 60, n % 60),
            "userData": {"visitID": "busy"}})));
        assert!(server.batch(&lines).await.iter().all(|line| line["status"] == 201));
        let chat = |id: &str, visit: &str| json!({"id": id, "mediaType": "chat", "startDate": "2026-03-01T10:00:00Z", "userData": {"visitID": visit}});
        let told = server.batch(&[chat("c1", "busy"), chat("c2", "quiet")]).await;
        assert!(told.iter().all(|line| line["status"] == 201), "{told:?}");
        assert_eq!(stored(&server, "c2").await["parentId"], "quiet");
        assert!(stored(&server, "c1").await["parentId"].is_string());
    }

    async fn the_longest_time_to_link_within_is_a_time(db) {
        let server = Server::with(db, |config| {
            config.engagement.link_by = vec!["visitID".into()];
            config.engagement.link_within_hours = u32::MAX;
        }).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "startDate": "1999-01-01T00:00:00Z", "userData": {"visitID": "v"}})).await;
        let chat = server.record(json!({"mediaType": "chat", "userData": {"visitID": "v"}})).await;
        assert_eq!(chat["parentId"], "visit");
    }

    async fn a_patch_links_by_the_media_type_that_it_sets(db) {
        let server = Server::with(db, |config| config.engagement.copy_user_data = "all".into()).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "userData": {"rule": "hot"}})).await;
        server.record(json!({"id": "mail", "mediaType": "email"})).await;
        server.record(json!({"id": "chat", "mediaType": "chat"})).await;
        for (id, media, entity_type, linked) in [("mail", "webcallback", "Callback", true), ("chat", "email", "EmailIn", false)] {
            let (status, moved) = server.patch(&format!("/v1/interactions/{id}"), json!({"mediaType": media, "parentId": "visit"})).await;
            assert_eq!((status, &moved["mediaType"], &moved["entityType"]), (200, &json!(media), &json!(entity_type)), "{moved}");
            assert_eq!((&moved["parentId"], &moved["revision"]), (&json!("visit"), &json!(2)));
            let (_, told) = server.get(&format!("/v1/interactions/{id}/changes")).await;
            let (kind, delta) = (&told["items"][1]["kind"], &told["items"][1]["delta"]);
            assert_eq!((&delta["mediaType"], &delta["entityType"]), (&json!(media), &json!(entity_type)));
            let copied = if linked { json!({"rule": "hot"}) } else { json!({}) };
            assert_eq!((kind, &moved["userData"]), (&json!(if linked { "engagement.linked" } else { "interaction.changed" }), &copied), "{id}");
        }
    }

    async fn another_parent_takes_the_place_of_the_first(db) {
        let server = Server::start(db).await;
        for id in ["w1", "w2"] {
            server.record(json!({"id": id, "mediaType": "webengagement", "userData": {"rule": id, id: 1}})).await;
        }
        server.record(json!({"id": "mail", "mediaType": "email"})).await;
        server.record(json!({"id": "chat", "mediaType": "chat", "parentId": "w1", "copyUserData": "all"})).await;
        let (status, moved) = server.post("/v1/interactions/chat/parent", json!({"parentId": "w2", "copyUserData": "all"})).await;
        assert_eq!((status, &moved["copiedKeys"]), (200, &json!(["w2"])), "{moved}");
        assert_eq!(moved["userData"], json!({"rule": "w1", "w1": 1, "w2": 1}), "what was copied before is its own by now");
        let (_, family) = server.get("/v1/interactions/chat/lineage").await;
        assert_eq!((&family["root"], family["links"].as_array().unwrap().len()), (&json!("w2"), 1));
        assert_eq!((&family["links"][0]["copiedKeys"], &family["links"][0]["linkedBy"]), (&json!(["w2"]), &json!("parent")));
        let (status, moved) = server.patch("/v1/interactions/chat", json!({"parentId": "mail"})).await;
        assert_eq!((status, &moved["userData"]), (200, &json!({"rule": "w1", "w1": 1, "w2": 1})));
        let (_, family) = server.get("/v1/interactions/chat/lineage").await;
        assert_eq!((&family["links"][0]["parentId"], &family["links"][0]["linkedBy"]), (&json!("mail"), &Value::Null));
        let (status, problem) = server.post("/v1/interactions/chat/parent", json!({"parentId": "mail", "copyUserData": "all"})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/copyUserData")), "also where it is the parent already");
    }

    async fn a_batch_tells_which_keys_were_copied(db) {
        let server = Server::start(db).await;
        let told = server.batch(&[
            json!({"id": "visit", "mediaType": "webengagement", "userData": {"rule": "r"}}),
            json!({"id": "chat", "mediaType": "chat", "parentId": "visit", "copyUserData": "rule"}),
            json!({"id": "none", "mediaType": "chat", "parentId": "visit"}),
            json!({"id": "mail", "mediaType": "email", "parentId": "visit"}),
        ]).await;
        let copied: Vec<&Value> = told.iter().map(|line| &line["copiedKeys"]).collect();
        assert_eq!(copied, [&Value::Null, &json!(["rule"]), &json!([]), &Value::Null]);
    }

    async fn a_late_link_reaches_readers_webhooks_and_desktops_as_one_change(db) {
        let server = Server::with(db, |config| config.webhooks.allow_private = true).await;
        let receiver = Receiver::start().await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "userData": {"rule": "r"}})).await;
        server.record(json!({"id": "chat", "mediaType": "chat", "ownerId": "ann", "userData": {"score": 1}})).await;
        let (status, hook) = server.post("/v1/webhooks", json!({"url": receiver.url, "kinds": ["engagement"]})).await;
        assert_eq!(status, 201, "{hook}");
        let (status, linked) = server.post("/v1/interactions/chat/parent", json!({"parentId": "visit", "copyUserData": "rule"})).await;
        assert_eq!(status, 200, "{linked}");
        let entry = server.journal().await.pop().unwrap();
        let taken = receiver.wait_for(1).await;
        assert_eq!((&taken[0].body["type"], &taken[0].body["data"]), (&json!("engagement.linked"), &entry));
        let (_, page) = server.get("/v1/changes?kind=engagement").await;
        assert_eq!(page["items"], json!([entry]));
        // a later change must not show in the message about the link
        server.post("/v1/interactions/chat/user-data", json!({"update": {"rule": "later"}})).await;
        let messages = told(&server).await;
        let of_link: Vec<Value> = messages.iter().filter(|message| json!(message.cursor.to_string()) == entry["cursor"]).map(data).collect();
        assert_eq!(of_link.len(), 1);
        assert_eq!(of_link[0]["chat"]["userData"], json!({"score": 1, "rule": "r"}));
        assert_eq!(of_link[0]["notificationType"], "PropertiesUpdated");
    }

    async fn a_reader_of_changes_can_follow_every_move(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "contact": {"EmailAddress": "ann@example.test"},
            "userData": {"rule": "r"}})).await;
        server.record(json!({"id": "chat", "mediaType": "chat"})).await;
        server.record(json!({"id": "mail", "mediaType": "email", "parentId": "chat"})).await;
        server.record(json!({"id": "note", "mediaType": "workitem", "parentId": "mail"})).await;
        server.record(json!({"id": "call", "mediaType": "voice"})).await;
        for (id, patch) in [
            ("chat", json!({"parentId": "visit", "subject": "s"})),
            ("mail", json!({"parentId": null, "queue": "q"})),
            ("mail", json!({"parentId": "call"})),
            ("chat", json!({"parentId": "call", "subject": null})),
        ] {
            let (status, moved) = server.patch(&format!("/v1/interactions/{id}"), patch.clone()).await;
            assert_eq!(status, 200, "{id} {patch}: {moved}");
        }
        let mut built: BTreeMap<String, Value> = BTreeMap::new();
        for entry in server.journal().await {
            let (Some(id), Some(delta)) = (entry["interactionId"].as_str(), entry["delta"].as_object()) else {
                continue;
            };
            let state = built.entry(id.to_owned()).or_insert_with(|| json!({}));
            for (key, value) in delta {
                state[key] = value.clone();
            }
        }
        for id in ["visit", "chat", "mail", "note", "call"] {
            let now = stored(&server, id).await;
            for key in ["parentId", "threadId", "contactId", "subject", "queue"] {
                assert_eq!(built[id].get(key).unwrap_or(&Value::Null), &now[key], "{key} of {id}");
            }
        }
        assert_eq!(stored(&server, "note").await["threadId"], stored(&server, "call").await["threadId"]);
    }

    async fn of_two_links_that_would_close_a_circle_one_is_refused(db) {
        let server = Server::start(db).await;
        for n in 0..20 {
            for id in ["a", "b"] {
                server.record(json!({"id": format!("{id}{n}"), "mediaType": "email"})).await;
            }
        }
        let link = async |child: String, parent: String| {
            server.post(&format!("/v1/interactions/{child}/parent"), json!({"parentId": parent})).await.0
        };
        let both = (0..20).map(async |n| {
            let (a, b) = (format!("a{n}"), format!("b{n}"));
            let (one, other) = join(link(a.clone(), b.clone()), link(b, a)).await;
            let mut answers = [one, other];
            answers.sort_unstable();
            answers
        });
        assert_eq!(join_all(both).await, [[200, 422]; 20]);
    }

    async fn a_desktop_creates_a_conversation_under_a_web_engagement(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "userData": {"rule": "r", "strategy": "s"}})).await;
        let (status, made) = server.post("/api/v2/me/openmedia/webcallback", json!({
            "operationName": "Create", "queueUri": "http://h/api/v2/queues/q", "parentId": "visit", "copyUserData": "rule"})).await;
        assert_eq!((status, &made["statusCode"]), (200, &json!(0)), "{made}");
        let entry = server.journal().await.pop().unwrap();
        assert_eq!((&entry["kind"], &entry["delta"]["userData"]), (&json!("engagement.created"), &json!({"rule": "r"})));
        let before = server.journal().await.len();
        let (_, refused) = server.post("/api/v2/me/openmedia/webcallback", json!({
            "operationName": "Create", "queueUri": "http://h/api/v2/queues/q", "parentId": "nobody"})).await;
        assert_ne!(refused["statusCode"], json!(0), "{refused}");
        assert_eq!(server.journal().await.len(), before);
    }
}
