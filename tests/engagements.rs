//! Web engagements: what their children copy, and the families they form.

use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::{Server, id};

fn keys(of: &Value) -> Vec<&str> {
    of["userData"]
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

/// The deleted interactions, in the order of the journal.
async fn deleted(server: &Server) -> Vec<String> {
    let (_, page) = server
        .get("/v1/changes?kind=interaction.deleted&limit=500")
        .await;
    let items = page["items"].as_array().expect("a list");
    let of = items
        .iter()
        .map(|change| change["interactionId"].as_str().unwrap().to_owned());
    of.collect()
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

    async fn a_wide_and_deep_family_comes_level_by_level(db) {
        let server = Server::start(db).await;
        let minute = |n: usize| format!("2026-03-01T{:02}:{:02}:00Z", n / 60, n % 60);
        let one = |id: String, parent: &str, n: usize| json!({"id": id, "mediaType": "email", "parentId": parent, "startDate": minute(n)});
        let mut lines = vec![json!({"id": "root", "mediaType": "webengagement", "startDate": minute(0)})];
        // each child began before those with smaller identifiers, and has a child that began after
        lines.extend((0..600).map(|n| one(format!("a{n:03}"), "root", 700 - n)));
        lines.extend((0..600).map(|n| one(format!("b{n:03}"), &format!("a{n:03}"), 701 + n)));
        lines.push(one("c0".to_owned(), "b000", 0));
        lines.extend((1..40).map(|n| one(format!("c{n}"), &format!("c{}", n - 1), 0)));
        let told = server.batch(&lines).await;
        assert!(told.iter().all(|line| line["status"] == 201), "{told:?}");
        let mut expected = vec!["root".to_owned()];
        expected.extend((0..600).rev().map(|n| format!("a{n:03}")));
        expected.extend((0..600).map(|n| format!("b{n:03}")));
        expected.extend((0..40).map(|n| format!("c{n}")));
        for member in ["root", "a007", "b599", "c39"] {
            let (_, family) = server.get(&format!("/v1/interactions/{member}/lineage")).await;
            let nodes: Vec<&str> = family["nodes"].as_array().unwrap().iter().map(id).collect();
            assert_eq!((family["root"].as_str().unwrap(), nodes), ("root", expected.iter().map(String::as_str).collect()), "{member}");
            assert_eq!(family["links"].as_array().unwrap().len(), 1240);
        }
        let (status, moved) = server.patch("/v1/interactions/root", json!({"parentId": "c39"})).await;
        assert_eq!((status, &moved["errors"][0]["pointer"]), (422, &json!("/parentId")), "{moved}");
        let (status, problem) = server.delete("/v1/interactions/b000").await;
        assert_eq!((status, problem["detail"].as_str().unwrap().contains("40 descendants")), (409, true), "{problem}");
        assert_eq!(server.delete("/v1/interactions/b000?cascade=true").await.0, 204);
        let mut below: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
        below.insert(0, "b000".to_owned());
        assert_eq!(deleted(&server).await, below);
    }

    async fn a_circle_of_parents_ends_where_it_began(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "a", "mediaType": "chat"})).await;
        server.record(json!({"id": "b", "mediaType": "chat", "parentId": "a"})).await;
        server.record(json!({"id": "c", "mediaType": "chat", "parentId": "b"})).await;
        // no command makes one
        Direct::to(&server.place).await.execute("UPDATE interaction SET parent_id = 'c' WHERE id = 'a'").await;
        let (status, family) = server.get("/v1/interactions/b/lineage").await;
        let nodes: Vec<&str> = family["nodes"].as_array().unwrap().iter().map(id).collect();
        assert_eq!((status, nodes), (200, vec!["c", "a", "b"]), "{family}");
        assert_eq!(server.delete("/v1/interactions/a?cascade=true").await.0, 204);
        assert_eq!(deleted(&server).await, ["a", "b", "c"]);
    }

    async fn userdata_is_propagated_by_whatever_door_the_child_comes(db) {
        let server = Server::with(db, |config| config.engagement.copy_user_data = "rule".into()).await;
        let parent = server.record(json!({"id": "visit", "mediaType": "webengagement", "contact": {"EmailAddress": "ann@example.test"},
            "userData": {"rule": "r", "strategy": "s"}})).await;
        let child = |more: Value| {
            let mut child = json!({"mediaType": "chat", "parentId": "visit"});
            child.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            child
        };
        // a single POST: with the server's setting, with its own policy, with none
        let silent = server.record(child(json!({"id": "c1"}))).await;
        assert_eq!((keys(&silent), &silent["copiedKeys"]), (vec!["rule"], &json!(["rule"])));
        assert_eq!((&silent["contactId"], &silent["threadId"]), (&parent["contactId"], &parent["threadId"]));
        let said = server.record(child(json!({"id": "c2", "copyUserData": "all", "userData": {"rule": "own"}}))).await;
        assert_eq!(said["userData"], json!({"strategy": "s", "rule": "own"}));
        let empty = server.record(child(json!({"id": "c3", "copyUserData": ""}))).await;
        assert_eq!(keys(&empty), Vec::<&str>::new());
        // a batch that contains the parent too
        let lines = [
            json!({"id": "visit-2", "mediaType": "webengagement", "userData": {"rule": 2, "strategy": 3}}),
            json!({"id": "c4", "mediaType": "callback", "parentId": "visit-2", "copyUserData": "strategy"}),
            json!({"id": "c5", "mediaType": "chat", "parentId": "visit-2"}),
        ];
        let told = server.batch(&lines).await;
        assert!(told.iter().all(|line| line["status"] == 201), "{told:?}");
        // Web Services
        let (status, made) = server.post("/api/v2/me/openmedia/webcallback/c6", json!({
            "operationName": "AddContent", "parentId": "visit", "copyUserData": "strategy"})).await;
        assert_eq!((status, &made["statusCode"]), (200, &json!(0)), "{made}");
        for (id, wanted) in [("c4", json!({"strategy": 3})), ("c5", json!({"rule": 2})), ("c6", json!({"strategy": "s"}))] {
            let (_, stored) = server.get(&format!("/v1/interactions/{id}")).await;
            assert_eq!(stored["userData"], wanted, "{id}");
        }
        let (_, family) = server.get("/v1/interactions/visit/lineage").await;
        let links: Vec<(&str, &str)> = family["links"].as_array().unwrap().iter()
            .map(|link| (link["childId"].as_str().unwrap(), link["linkedBy"].as_str().unwrap())).collect();
        assert_eq!(links, [("c1", "parentId"), ("c2", "parentId"), ("c3", "parentId"), ("c6", "parentId")]);
        let kinds: Vec<Value> = server.journal().await.into_iter()
            .filter(|entry| entry["interactionId"].as_str().is_some_and(|id| id.starts_with('c')))
            .map(|entry| entry["kind"].clone()).collect();
        assert_eq!(kinds, vec![json!("engagement.created"); 6]);
        // repeating the same content writes nothing, whatever the parent holds by then
        server.post("/v1/interactions/visit/user-data", json!({"attach": {"rule": "later"}})).await;
        let before = server.journal().await.len();
        let (status, again) = server.post("/v1/interactions", child(json!({"id": "c1"}))).await;
        assert_eq!((status, &again["userData"]), (200, &json!({"rule": "r"})));
        assert_eq!(server.journal().await.len(), before);
    }

    async fn a_policy_is_refused_where_nothing_could_be_copied(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "userData": {"rule": "r"}})).await;
        server.record(json!({"id": "mail", "mediaType": "email"})).await;
        for body in [
            json!({"mediaType": "email", "parentId": "visit", "copyUserData": "all"}),
            json!({"mediaType": "chat", "parentId": "mail", "copyUserData": "all"}),
            json!({"mediaType": "chat", "copyUserData": "all"}),
        ] {
            let (status, problem) = server.post("/v1/interactions", body.clone()).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/copyUserData")), "{body}");
        }
        let (status, problem) = server.post("/v1/interactions/visit/engagements", json!({"mediaType": "chat", "parentId": "visit"})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/parentId")));
        assert_eq!(server.journal().await.len(), 2);
    }

    async fn a_parent_may_be_set_later(db) {
        let server = Server::start(db).await;
        let visit = server.record(json!({"id": "visit", "mediaType": "webengagement", "contact": {"EmailAddress": "ann@example.test"},
            "userData": {"rule": "r", "strategy": "s"}})).await;
        let chat = server.record(json!({"id": "chat", "mediaType": "chat", "userData": {"strategy": "own", "score": 1}})).await;
        let mail = server.record(json!({"id": "mail", "mediaType": "email", "parentId": "chat"})).await;
        assert_eq!(mail["threadId"], chat["threadId"]);
        let before = server.journal().await.len();
        let (status, linked) = server.post("/v1/interactions/chat/parent", json!({"parentId": "visit", "copyUserData": "all"})).await;
        assert_eq!(status, 200, "{linked}");
        assert_eq!(linked["userData"], json!({"strategy": "own", "score": 1, "rule": "r"}), "its own keys win, and stand first");
        assert_eq!((&linked["copiedKeys"], &linked["revision"]), (&json!(["rule"]), &json!(2)));
        for key in ["contactId", "threadId"] {
            assert_eq!(linked[key], visit[key]);
        }
        assert_eq!(linked["parentId"], "visit");
        let journal = server.journal().await;
        let entries: Vec<(&Value, &Value)> = journal[before..].iter().map(|entry| (&entry["kind"], &entry["interactionId"])).collect();
        assert_eq!(entries, [(&json!("engagement.linked"), &json!("chat")), (&json!("interaction.changed"), &json!("mail"))]);
        let delta = &journal[before]["delta"];
        assert_eq!((&delta["attach"], &delta["parentId"], &delta["linkedBy"]), (&json!({"rule": "r"}), &json!("visit"), &json!("parent")));
        assert_eq!(journal[before + 1]["delta"], json!({"threadId": visit["threadId"]}), "what came from it follows into the thread");
        let (_, thread) = server.get(&format!("/v1/threads/{}?fields=id", visit["threadId"].as_str().unwrap())).await;
        assert_eq!(thread["items"].as_array().unwrap().len(), 3);
        // the state before and after the link
        let at = |moment: &Value| format!("/v1/interactions/chat/user-data?at={}", moment.as_str().unwrap());
        let (_, then) = server.get(&at(&chat["createdDate"])).await;
        assert_eq!((&then["userData"], &then["revision"]), (&json!({"strategy": "own", "score": 1}), &json!(1)));
        let (_, now) = server.get(&at(&linked["modifiedDate"])).await;
        assert_eq!((&now["userData"], &now["revision"]), (&linked["userData"], &json!(2)));
        let (_, family) = server.get("/v1/interactions/mail/lineage").await;
        assert_eq!(family["root"], "visit");
        assert_eq!((&family["links"][0]["linkedBy"], &family["links"][0]["copiedKeys"]), (&json!("parent"), &json!(["rule"])));
        // repeated: nothing changes
        let (status, same) = server.post("/v1/interactions/chat/parent", json!({"parentId": "visit"})).await;
        assert_eq!((status, &same["revision"]), (200, &json!(2)));
        assert_eq!(server.journal().await.len(), before + 2);
    }

    async fn a_patch_sets_and_clears_a_parent_as_one_change(db) {
        let server = Server::with(db, |config| config.engagement.copy_user_data = "rule".into()).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "userData": {"rule": "r"}})).await;
        server.record(json!({"id": "chat", "mediaType": "chat"})).await;
        let (status, linked) = server.patch("/v1/interactions/chat", json!({"parentId": "visit", "subject": "Pricing"})).await;
        assert_eq!((status, &linked["revision"], &linked["subject"]), (200, &json!(2), &json!("Pricing")), "{linked}");
        assert_eq!(linked["userData"], json!({"rule": "r"}));
        let entry = server.journal().await.pop().unwrap();
        assert_eq!((&entry["kind"], &entry["delta"]["subject"]), (&json!("engagement.linked"), &json!("Pricing")));
        let (status, found) = server.get("/v1/interactions?q=pricing&fields=id").await;
        assert_eq!((status, found["items"].as_array().unwrap().len()), (200, 1));
        let (status, alone) = server.patch("/v1/interactions/chat", json!({"parentId": null})).await;
        assert_eq!((status, &alone["parentId"], &alone["threadId"]), (200, &Value::Null, &linked["threadId"]));
        let (_, family) = server.get("/v1/interactions/chat/lineage").await;
        assert_eq!((&family["root"], &family["links"]), (&json!("chat"), &json!([])));
        let (_, stale) = server.get("/v1/interactions/chat").await;
        assert_eq!(stale["revision"], 3);
    }

    async fn a_parent_that_cannot_be_one_is_refused(db) {
        let server = Server::start(db).await;
        for (id, parent) in [("a", None), ("b", Some("a")), ("c", Some("b"))] {
            server.record(json!({"id": id, "mediaType": "email", "parentId": parent})).await;
        }
        server.record(json!({"id": "barren", "mediaType": "webengagement", "canBeParent": false})).await;
        server.record(json!({"id": "chat", "mediaType": "chat"})).await;
        let before = server.journal().await.len();
        for (id, parent) in [("a", "a"), ("a", "b"), ("a", "c"), ("chat", "nobody"), ("chat", "barren")] {
            for (status, problem) in [
                server.post(&format!("/v1/interactions/{id}/parent"), json!({"parentId": parent})).await,
                server.patch(&format!("/v1/interactions/{id}"), json!({"parentId": parent, "subject": "lost"})).await,
            ] {
                assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/parentId")), "{id} under {parent}: {problem}");
            }
        }
        let (status, problem) = server.post("/v1/interactions/c/parent", json!({"parentId": "a", "copyUserData": "all"})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/copyUserData")));
        let (status, _) = server.post("/v1/interactions/nobody/parent", json!({"parentId": "a"})).await;
        assert_eq!(status, 404);
        let stale = server.request("POST", "/v1/interactions/c/parent").header("if-match", "\"7\"").json(&json!({"parentId": "a"})).send().await.unwrap();
        assert_eq!(stale.status(), 412);
        assert_eq!(server.journal().await.len(), before, "a refusal leaves no trace");
        let (status, moved) = server.post("/v1/interactions/c/parent", json!({"parentId": "a"})).await;
        assert_eq!((status, &moved["parentId"]), (200, &json!("a")));
    }

    async fn a_chat_is_linked_to_the_web_engagement_of_its_visit(db) {
        let server = Server::with(db, |config| {
            config.engagement.link_by = vec!["visitID".into()];
            config.engagement.copy_user_data = "rule".into();
        }).await;
        let visit = |id: &str, start: &str, more: Value| {
            let mut visit = json!({"id": id, "mediaType": "webengagement", "startDate": start, "userData": {"visitID": "v-1", "rule": id}});
            visit.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            visit
        };
        let (ann, bob) = (json!({"contact": {"EmailAddress": "ann@example.test"}}), json!({"contact": {"EmailAddress": "bob@example.test"}}));
        server.record(visit("older", "2026-03-01T09:00:00Z", json!({}))).await;
        server.record(visit("newer", "2026-03-01T09:30:00Z", ann.clone())).await;
        server.record(visit("bobs", "2026-03-01T09:45:00Z", bob)).await;
        server.record(visit("barren", "2026-03-01T09:50:00Z", json!({"canBeParent": false}))).await;
        server.record(visit("later", "2026-03-01T11:00:00Z", json!({}))).await;
        server.record(visit("long-ago", "2026-01-01T09:00:00Z", json!({}))).await;
        let chat = |id: &str, start: &str, value: &str| json!({"id": id, "mediaType": "chat", "startDate": start, "userData": {"visitID": value}});
        let mut anns = chat("c1", "2026-03-01T10:00:00Z", "v-1");
        anns["contact"] = ann["contact"].clone();
        let linked = server.record(anns).await;
        assert_eq!((&linked["parentId"], &linked["copiedKeys"]), (&json!("newer"), &json!(["rule"])), "the newest that fits: {linked}");
        let nobodys = server.record(chat("c2", "2026-03-01T10:00:00Z", "v-1")).await;
        assert_eq!(nobodys["parentId"], "bobs", "without a contact of its own it may be anybody's");
        for other in [chat("c3", "2026-03-03T10:00:00Z", "v-1"), chat("c4", "2026-03-01T10:00:00Z", "v-2"),
            json!({"id": "c5", "mediaType": "email", "startDate": "2026-03-01T10:00:00Z", "userData": {"visitID": "v-1"}})] {
            let alone = server.record(other).await;
            assert_eq!(alone["parentId"], Value::Null, "{alone}");
        }
        let (_, family) = server.get("/v1/interactions/c1/lineage").await;
        assert_eq!(family["links"][0]["linkedBy"], "userData.visitID");
        // in one batch with its engagement; and a key that a later change adds
        let told = server.batch(&[
            json!({"id": "w", "mediaType": "webengagement", "userData": {"visitID": "v-3", "rule": "w"}}),
            json!({"id": "c6", "mediaType": "webcallback", "userData": {"visitID": "v-3"}}),
            json!({"id": "c7", "mediaType": "chat"}),
        ]).await;
        assert!(told.iter().all(|line| line["status"] == 201), "{told:?}");
        let (_, c6) = server.get("/v1/interactions/c6").await;
        assert_eq!((&c6["parentId"], &c6["userData"]["rule"]), (&json!("w"), &json!("w")));
        let (status, edited) = server.post("/v1/interactions/c7/user-data", json!({"attach": {"visitID": "v-3"}})).await;
        assert_eq!((status, &edited["userData"]), (200, &json!({"visitID": "v-3", "rule": "w"})), "{edited}");
        let (_, c7) = server.get("/v1/interactions/c7").await;
        assert_eq!((&c7["parentId"], &c7["revision"]), (&json!("w"), &edited["revision"]));
    }

    async fn declining_is_for_web_engagements(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "chat", "mediaType": "chat"})).await;
        let (status, problem) = server.post("/v1/interactions/chat/no-engage", json!({"code": "busy"})).await;
        assert_eq!(status, 422, "{problem}");
        let (status, _) = server.post("/v1/interactions/nobody/no-engage", json!({"code": "busy"})).await;
        assert_eq!(status, 404);
        assert_eq!(server.journal().await.len(), 1);
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

    async fn a_fault_of_no_engage_is_named_where_it_stands(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement"})).await;
        for (body, pointers) in [
            (json!({"code": "a\0"}), vec!["/code"]),
            (json!({"code": "a", "description": "\0"}), vec!["/description"]),
            (json!({"code": "\0", "description": "\0"}), vec!["/code", "/description"]),
        ] {
            let (status, problem) = server.post("/v1/interactions/visit/no-engage", body.clone()).await;
            let named: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
            assert_eq!((status, named), (422, pointers), "{body}");
        }
    }
}
