//! Recording, reading, changing, stopping and deleting interactions.

use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::{Db, Server, id};

both! {
    async fn what_is_recorded_is_read_again_whole(db) {
        let server = Server::start(db).await;
        let sent = json!({
            "id": "0000Wa9CAM6W00J7", "mediaType": "Call", "type": "Inbound", "subtype": "InboundNew", "status": "Stopped",
            "startDate": "2026-03-01T10:30:00.123456+01:00", "endDate": "2026-03-01T10:00:00Z", "subject": "Où est ma commande ? 退款",
            "text": "line one\nline two", "structuredText": "<b>x</b>", "comment": "ok", "queue": "q", "categoryId": "c", "externalId": "e",
            "stoppedReason": "done", "language": "fr", "ownerId": "JohnSmith", "threadId": "t-1",
            "participants": [{"participantId": "p1", "nickname": "Ann", "type": "Customer"}], "userData": {"a": 1}
        });
        let stored = server.record(sent).await;
        assert_eq!(stored["mediaType"], "voice");
        assert_eq!(stored["entityType"], "PhoneCall");
        assert_eq!(stored["startDate"], "2026-03-01T09:30:00.123456Z");
        assert_eq!((&stored["revision"], &stored["canBeParent"], &stored["tenantId"]), (&json!(1), &json!(true), &json!(1)));
        let (status, read) = server.get("/v1/interactions/0000Wa9CAM6W00J7").await;
        assert_eq!((status, &read), (200, &stored));
        assert_eq!(server.get("/v1/interactions/none").await.0, 404);
    }

    async fn the_same_again_writes_nothing_and_other_content_is_a_conflict(db) {
        let server = Server::start(db).await;
        let sent = json!({"id": "mine", "mediaType": "sms", "userData": {"a": 1, "b": {"c": 2}}});
        let first = server.record(sent.clone()).await;
        assert_eq!(server.post("/v1/interactions/mine/user-data", json!({"update": {"a": 2}})).await.0, 200);
        let (status, again) = server.post("/v1/interactions", sent).await;
        assert_eq!((status, &again["userData"]["a"], &again["createdDate"]), (200, &json!(2), &first["createdDate"]));
        let (status, problem) = server.post("/v1/interactions", json!({"id": "mine", "mediaType": "sms"})).await;
        assert_eq!((status, &problem["type"]), (409, &json!("conflict")));
        assert_eq!(server.journal().await.len(), 2);
    }

    async fn an_idempotency_key_makes_a_post_repeatable(db) {
        let server = Server::start(db).await;
        let key = [("idempotency-key", "k-1")];
        let body = json!({"mediaType": "chat"});
        let (one, first) = server.post_with("/v1/interactions", &key, body.clone()).await;
        let (two, second) = server.post_with("/v1/interactions", &key, body).await;
        assert_eq!((one, two, &first), (201, 201, &second));
        let (status, _) = server.post_with("/v1/interactions", &key, json!({"mediaType": "sms"})).await;
        assert_eq!(status, 409, "the same key with another body");
        let path = format!("/v1/interactions/{}/user-data", id(&first));
        for _ in 0..2 {
            let (status, edited) = server.post_with(&path, &key, json!({"attach": {"x": 1}})).await;
            assert_eq!((status, &edited["revision"]), (200, &json!(2)), "the scope is the path");
        }
        assert_eq!(server.journal().await.len(), 2);
    }

    async fn threads_follow_the_published_table(db) {
        let server = Server::start(db).await;
        let alone = server.record(json!({"mediaType": "email"})).await;
        assert_ne!(alone["threadId"], Value::Null);
        let named = server.record(json!({"mediaType": "email", "threadId": "T"})).await;
        assert_eq!(named["threadId"], "T");
        let child = server.record(json!({"mediaType": "email", "threadId": "ignored", "parentId": alone["id"]})).await;
        assert_eq!(child["threadId"], alone["threadId"]);
        let barren = server.record(json!({"mediaType": "email", "canBeParent": false})).await;
        for parent in [barren["id"].clone(), json!("missing")] {
            let (status, problem) = server.post("/v1/interactions", json!({"mediaType": "email", "parentId": parent})).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/parentId")));
        }
        let (status, thread) = server.get(&format!("/v1/threads/{}", alone["threadId"].as_str().unwrap())).await;
        assert_eq!((status, thread["items"].as_array().unwrap().len()), (200, 2));
        assert_eq!(server.get("/v1/threads/none").await.0, 404);
    }

    async fn a_patch_changes_what_it_names_and_honours_if_match(db) {
        let server = Server::start(db).await;
        let stored = server.record(json!({"mediaType": "email", "subject": "s", "queue": "q", "text": "find me"})).await;
        let path = format!("/v1/interactions/{}", id(&stored));
        let (status, changed) = server.patch(&path, json!({"subject": null, "status": "InProcess", "text": "other words"})).await;
        assert_eq!(status, 200, "{changed}");
        assert_eq!((&changed["subject"], &changed["queue"], &changed["status"]), (&Value::Null, &json!("q"), &json!("InProcess")));
        assert_eq!(changed["revision"], 2);
        assert!(changed["modifiedDate"].as_str() > stored["modifiedDate"].as_str());
        let request = server.request("PATCH", &path).header("if-match", "\"1\"").json(&json!({"queue": "x"}));
        assert_eq!(request.send().await.unwrap().status(), 412);
        let (status, _) = server.patch(&path, json!({"userData": {}})).await;
        assert_eq!(status, 422, "never of userData");
        assert_eq!(server.patch(&path, json!({"endDate": "2020-01-01T00:00:00Z"})).await.0, 422);
        assert_eq!(server.get("/v1/interactions?q=find").await.1["items"], json!([]));
        assert_eq!(server.get("/v1/interactions?q=other").await.1["items"].as_array().unwrap().len(), 1);
        let response = server.request("GET", &path).send().await.unwrap();
        assert_eq!(response.headers()["etag"], "\"2\"");
    }

    async fn the_entity_type_follows_the_media_type_unless_it_was_given(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "parent", "mediaType": "email"})).await;
        let cases = [
            (json!({"mediaType": "email"}), json!({"mediaType": "chat"}), "Chat"),
            (json!({"mediaType": "email"}), json!({"mediaType": " Callback"}), "Callback"),
            (json!({"mediaType": "email"}), json!({"mediaType": "workitem", "parentId": "parent"}), "Interaction"),
            (json!({"mediaType": "email"}), json!({"type": "Outbound"}), "EmailOut"),
            (json!({"mediaType": "email", "type": "Outbound"}), json!({"type": null}), "EmailIn"),
            (json!({"mediaType": "chat"}), json!({"mediaType": "email", "type": "Outbound"}), "EmailOut"),
            (json!({"mediaType": "email"}), json!({"mediaType": "chat", "entityType": "CoBrowse"}), "CoBrowse"),
            (json!({"mediaType": "email", "entityType": "Chat"}), json!({"mediaType": "voice"}), "Chat"),
            (json!({"mediaType": "email", "entityType": "EmailIn"}), json!({"subject": "s"}), "EmailIn"),
        ];
        for (n, (new, patch, wanted)) in cases.iter().enumerate() {
            let mut new = new.clone();
            new["id"] = format!("i{n}").into();
            let path = format!("/v1/interactions/i{n}");
            let before = server.record(new).await["entityType"].clone();
            let (status, changed) = server.patch(&path, patch.clone()).await;
            assert_eq!((status, &changed["entityType"]), (200, &json!(wanted)), "{patch}");
            let (_, found) = server.get(&format!("/v1/interactions?entityType={wanted}&id=i{n}")).await;
            assert_eq!(found["items"][0]["entityType"], *wanted, "{patch}");
            // the journal tells it, and tells it only where it changed
            let (_, told) = server.get(&format!("{path}/changes")).await;
            let delta = &told["items"][1]["delta"];
            let is_told = before != **wanted || patch.get("entityType").is_some();
            assert_eq!(delta["entityType"], if is_told { json!(wanted) } else { Value::Null }, "{patch}: {delta}");
        }
        // a patch that changes nothing else is none
        let (_, again) = server.patch("/v1/interactions/i0", json!({"mediaType": "chat"})).await;
        assert_eq!(again["revision"], 2);
        let place = server.stop().await;
        let ran = crate::support::process::run(&place.url, &["verify", &place.url, &place.url]).await;
        assert!(ran.code == Some(0) && ran.out.contains("all equal"), "{ran:?}");
    }

    async fn stopping_sets_the_end_and_the_reason(db) {
        let server = Server::start(db).await;
        let stored = server.record(json!({"mediaType": "chat"})).await;
        let path = format!("/v1/interactions/{}/stop", id(&stored));
        let (status, stopped) = server.post(&path, json!({"stoppedReason": "closed by agent"})).await;
        assert_eq!((status, &stopped["status"], &stopped["stoppedReason"]), (200, &json!("Stopped"), &json!("closed by agent")));
        assert!(stopped["endDate"].is_string());
        assert_eq!(server.journal().await[1]["kind"], "interaction.stopped");
    }

    async fn deleting_asks_for_cascade_and_leaves_no_content_behind(db) {
        let server = Server::start(db).await;
        let parent = server.record(json!({"mediaType": "email", "text": "secretword", "userData": {"k": "secretvalue"}})).await;
        let child = server.record(json!({"mediaType": "email", "parentId": parent["id"]})).await;
        let path = format!("/v1/interactions/{}", id(&parent));
        assert_eq!(server.delete(&path).await.0, 409);
        assert_eq!(server.delete(&format!("{path}?cascade=true")).await.0, 204);
        for gone in [&parent, &child] {
            assert_eq!(server.get(&format!("/v1/interactions/{}", id(gone))).await.0, 404);
        }
        assert_eq!(server.get("/v1/interactions?q=secretword").await.1["items"], json!([]));
        let journal = server.journal().await;
        assert_eq!(journal.len(), 4);
        assert_eq!(journal[0]["delta"], json!({"erased": true}));
        assert!(!serde_json::to_string(&journal).unwrap().contains("secret"));
        assert_eq!(server.get(&format!("{path}/changes")).await.1["items"].as_array().unwrap().len(), 2);
    }

    async fn bad_input_is_refused_with_its_place_and_leaves_all_as_it_was(db) {
        let server = Server::start(db).await;
        let long = "x".repeat(65);
        let cases = [
            (json!({"mediaTyp": "chat"}), 422, "/mediaTyp"),
            (json!({"mediaType": 5}), 422, "/mediaType"),
            (json!({}), 422, "/mediaType"),
            (json!({"mediaType": "chat", "id": long}), 422, "/id"),
            (json!({"mediaType": "chat", "id": "a\u{0}b"}), 422, "/id"),
            (json!({"mediaType": "chat", "text": "a\u{0}b"}), 422, "/text"),
            (json!({"mediaType": "chat", "userData": {"k\u{0}": 1}}), 422, "/userData/k"),
            (json!({"mediaType": "chat", "userData": {"k": ["a\u{0}"]}}), 422, "/userData/k/0"),
            (json!({"mediaType": "chat", "userData": {"k".repeat(257): 1}}), 422, &format!("/userData/{}", "k".repeat(32))),
            (json!({"mediaType": "chat", "userData": {"k": "x".repeat(300_000)}}), 422, "/userData"),
            (json!({"mediaType": "chat", "contactId": "nobody"}), 422, "/contactId"),
            (json!({"mediaType": "chat", "status": "Gone"}), 422, "/status"),
            (json!({"mediaType": "chat", "startDate": "yesterday"}), 422, "/startDate"),
            (json!({"mediaType": "chat", "startDate": "2026-01-02T00:00:00Z", "endDate": "2026-01-01T00:00:00Z"}), 422, "/endDate"),
        ];
        for (body, status, pointer) in cases {
            let (got, problem) = server.post("/v1/interactions", body).await;
            assert_eq!((got, problem["errors"][0]["pointer"].as_str()), (status, Some(pointer)), "{problem}");
        }
        let (status, problem) = server.post_text("/v1/interactions", r#"{"mediaType": "chat", "userData": {"a": {"b": 1, "b": 2}}}"#).await;
        assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some("/userData/a/b")));
        let deep = format!(r#"{{"mediaType": "chat", "userData": {{"d": {}1{}}}}}"#, "[".repeat(70), "]".repeat(70));
        assert_eq!(server.post_text("/v1/interactions", deep).await.0, 422);
        assert_eq!(server.post_text("/v1/interactions", "{\"mediaType\":").await.0, 400);
        assert_eq!(server.post("/v1/interactions", json!({"mediaType": "chat", "tenantId": 2})).await.0, 403);
        let (status, told) = server.post("/v1/interactions", json!({"mediaType": "chat", "tenantId": -1})).await;
        assert_eq!((status, &told["errors"][0]["pointer"]), (422, &json!("/tenantId")), "no tenant has such a number");
        let form = server.request("POST", "/v1/interactions").header("content-type", "text/plain").body("{}");
        assert_eq!(form.send().await.unwrap().status(), 400, "a page of another origin could send this unasked");
        assert_eq!(server.post_text("/v1/interactions", vec![b' '; 17 * 1024 * 1024]).await.0, 413);
        assert_eq!(server.journal().await.len(), 0);
    }

    async fn a_batch_answers_line_by_line_and_a_bad_line_hurts_nobody(db) {
        let server = Server::start(db).await;
        let long = format!("{{\"mediaType\": \"sms\", \"text\": \"{}\"}}", "x".repeat(1_100_000));
        let body = format!("{{\"id\": \"a\", \"mediaType\": \"sms\"}}\n\n{{\"mediaType\": \"\"}}\nnonsense\n{long}\n{{\"id\": \"a\", \"mediaType\": \"sms\"}}\n{{\"id\": \"b\", \"mediaType\": \"sms\", \"parentId\": \"a\"}}");
        let response = server.request("POST", "/v1/interactions/batch").header("content-type", "application/x-ndjson").body(body.clone()).send().await.unwrap();
        let text = response.text().await.unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let shape: Vec<(u64, u64)> = lines.iter().map(|l| (l["line"].as_u64().unwrap(), l["status"].as_u64().unwrap())).collect();
        assert_eq!(shape, [(1, 201), (3, 422), (4, 400), (5, 413), (6, 200), (7, 201)]);
        assert_eq!(lines[5]["id"], "b");
        let response = server.request("POST", "/v1/interactions/batch?reply=errors").header("content-type", "application/x-ndjson").body(body).send().await.unwrap();
        let text = response.text().await.unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(text.lines().count(), 4);
        assert_eq!(last["summary"], json!({"lines": 6, "recorded": 0, "unchanged": 3, "refused": 3}));
        assert_eq!(server.journal().await.len(), 2);
    }

    async fn a_client_that_reads_only_after_it_has_sent_all_does_not_block(db) {
        let server = Server::start(db).await;
        let lines: String = (0..30_000).map(|n| format!("{{\"id\": \"i{n}\", \"mediaType\": \"sms\", \"nope\": 1}}\n")).collect();
        let address = server.base.strip_prefix("http://").unwrap().to_owned();
        let text = tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(stream, "POST /v1/interactions/batch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n", lines.len()).unwrap();
            stream.write_all(lines.as_bytes()).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            let (_, mut left) = text.split_once("\r\n\r\n").unwrap();
            let mut whole = String::new();
            // a chunk may end anywhere in a line
            while let Some((length, rest)) = left.split_once("\r\n") {
                let (chunk, rest) = rest.split_at(usize::from_str_radix(length, 16).unwrap());
                whole += chunk;
                left = rest.strip_prefix("\r\n").unwrap();
            }
            whole
        }).await.unwrap();
        assert_eq!(text.matches("\"status\":422").count(), 60_000, "a line, and its problem");
        assert!(text.contains("{\"line\":30000,"));
    }

    async fn many_who_ask_at_once_are_answered_each_their_own(db) {
        let server = std::sync::Arc::new(Server::start(db).await);
        for person in 0..5 {
            let id = format!("person{person}");
            server.post("/v1/contacts", json!({"id": id, "attributes": {"LastName": "Rossi"}})).await;
            for number in 0..5 {
                let text = (number == 0).then_some("a, 1:é");
                let start = format!("2026-01-0{}T00:00:00Z", number + 1);
                server.record(json!({"id": format!("i{person}{number}"), "mediaType": "chat", "contactId": id, "startDate": start, "text": text, "userData": {"n": number}})).await;
            }
        }
        let (_, second) = server.get("/v1/contacts/person1/history?limit=2&fields=id").await;
        let cursor = second["next"].as_str().unwrap().to_owned();
        let ask = |path: String| {
            let server = std::sync::Arc::clone(&server);
            tokio::spawn(async move { server.get(&path).await })
        };
        let mut asked = Vec::new();
        for round in 0..8 {
            for person in 0..6 {
                for number in 0..6 {
                    asked.push((person, number, round, ask(format!("/v1/interactions/i{person}{number}"))));
                }
                asked.push((person, 100, round, ask(format!("/v1/contacts/person{person}/history?limit={}&sort={}startDate", round % 4 + 1, if round < 4 { "-" } else { "" }))));
            }
            asked.push((1, 200, round, ask(format!("/v1/contacts/person1/history?limit=2&cursor={cursor}"))));
        }
        for (person, number, round, answer) in asked {
            let (status, body) = answer.await.unwrap();
            let there = person < 5 && number != 5;
            assert_eq!(status, if there { 200 } else { 404 }, "{body}");
            let ids = || -> Vec<&str> { body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect() };
            match number {
                _ if !there => {}
                200 => assert_eq!(ids(), ["i12", "i11"]),
                100 => {
                    let mut wanted: Vec<String> = (0..5).map(|n| format!("i{person}{n}")).collect();
                    if round < 4 {
                        wanted.reverse();
                    }
                    assert_eq!(ids(), wanted[..=(round % 4)]);
                    assert!(body["next"].is_string());
                }
                _ => {
                    assert_eq!(body["id"], format!("i{person}{number}"));
                    assert_eq!(body["userData"], json!({"n": number}));
                    assert_eq!(body["text"], if number == 0 { json!("a, 1:é") } else { json!(null) });
                }
            }
        }
    }

    async fn the_tenant_said_or_not_is_the_same_content(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "mine", "mediaType": "webengagement", "tenantId": 1})).await;
        assert_eq!(server.post("/v1/interactions", json!({"id": "mine", "mediaType": "webengagement"})).await.0, 200);
        let path = "/v1/interactions/mine/engagements";
        assert_eq!(server.post(path, json!({"id": "child", "mediaType": "chat"})).await.0, 201);
        assert_eq!(server.post(path, json!({"id": "child", "mediaType": "chat", "tenantId": 1})).await.0, 200);
    }

    async fn null_clears_what_can_be_cleared_and_is_refused_elsewhere(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "i", "mediaType": "chat", "queue": "q"})).await;
        for name in ["mediaType", "entityType", "status", "canBeParent", "startDate"] {
            let (status, problem) = server.patch("/v1/interactions/i", json!({"queue": null, name: null})).await;
            let fault = &problem["errors"][0];
            assert_eq!((status, &fault["pointer"], &fault["detail"]), (422, &json!(format!("/{name}")), &json!("cannot be cleared")), "{problem}");
        }
        let (status, changed) = server.patch("/v1/interactions/i", json!({"queue": null, "canBeParent": false})).await;
        assert_eq!((status, &changed["queue"], &changed["canBeParent"]), (200, &Value::Null, &json!(false)));
    }

    async fn an_identifier_that_a_path_could_not_name_is_refused(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "parent", "mediaType": "webengagement"})).await;
        for (path, name, media) in [
            ("/v1/interactions", "search", "chat"), ("/v1/interactions", "batch", "chat"), ("/v1/interactions", "..", "chat"),
            ("/v1/interactions/parent/engagements", "search", "chat"), ("/v1/contacts", "identify", ""), ("/v1/contacts", ".", ""),
        ] {
            let body = if media.is_empty() { json!({"id": name}) } else { json!({"id": name, "mediaType": media}) };
            let (status, problem) = server.post(path, body).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/id")), "{path} {name}: {problem}");
        }
        server.record(json!({"id": "Search", "mediaType": "chat"})).await;
        assert_eq!(server.get("/v1/interactions/Search").await.0, 200);
    }

    async fn what_is_asked_for_twice_is_included_once(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "p", "mediaType": "email"})).await;
        server.record(json!({"id": "c", "mediaType": "email", "parentId": "p"})).await;
        let path = "/v1/interactions/c?include=parent,contact,parent";
        let text = server.request("GET", path).send().await.unwrap().text().await.unwrap();
        assert_eq!(text.matches("\"parent\":").count(), 1, "{text}");
        assert_eq!(text.matches("\"contact\":").count(), 1, "{text}");
    }

    async fn a_batch_cut_short_by_a_stop_says_where(db) {
        let server = Server::start(db).await;
        let address = server.base.strip_prefix("http://").unwrap().to_owned();
        let (told, cut) = tokio::sync::oneshot::channel();
        let reading = tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(stream, "POST /v1/interactions/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100000\r\n\r\n").unwrap();
            for n in 1..=3 {
                writeln!(stream, "{{\"id\": \"i{n}\", \"mediaType\": \"sms\"}}").unwrap();
            }
            write!(stream, "{{\"id\": \"i4\", ").unwrap();
            let mut text = String::new();
            let mut part = [0; 1000];
            while !text.contains("\"line\":3,") {
                let read = stream.read(&mut part).unwrap();
                assert!(read > 0, "{text}");
                text += std::str::from_utf8(&part[..read]).unwrap();
            }
            told.send(()).unwrap();
            while let Ok(read @ 1..) = stream.read(&mut part) {
                text += std::str::from_utf8(&part[..read]).unwrap();
            }
            text
        });
        cut.await.unwrap();
        let place = server.stop().await;
        let text = reading.await.unwrap();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect();
        let shape: Vec<(u64, u64)> = lines.iter().map(|l| (l["line"].as_u64().unwrap(), l["status"].as_u64().unwrap())).collect();
        assert_eq!(shape, [(1, 201), (2, 201), (3, 201), (4, 503)], "{text}");
        assert_eq!(lines[3]["problem"]["type"], "closing");
        assert_eq!(Server::at(place, |_| {}).await.journal().await.len(), 3);
    }

    async fn the_queue_counts_what_a_command_really_holds(db) {
        let server = Server::with(db, |config| config.queue.bytes = 1024 * 1024).await;
        server.record(json!({"id": "i", "mediaType": "chat"})).await;
        let long = "x".repeat(100_000);
        let list: Vec<String> = (0..100).map(|n| format!("{n:0250}")).collect();
        let attributes: Value = (0..4).map(|n| (format!("a{n}"), json!(list))).collect::<serde_json::Map<_, _>>().into();
        let people: Vec<Value> = (0..500).map(|n| json!({"participantId": format!("{n:0200}")})).collect();
        for (method, path, body) in [
            ("POST", "/v1/interactions", json!({"mediaType": "chat", "comment": long})),
            ("POST", "/v1/interactions", json!({"mediaType": "chat", "structuredText": long})),
            ("POST", "/v1/interactions", json!({"mediaType": "chat", "participants": people})),
            ("POST", "/v1/interactions", json!({"mediaType": "chat", "contact": attributes})),
            ("POST", "/v1/interactions/i/user-data", json!({"update": {"a": long}})),
            ("PATCH", "/v1/interactions/i", json!({"comment": long})),
            ("POST", "/v1/contacts", json!({"attributes": attributes})),
        ] {
            let mut lock = Direct::to(&server.place).await;
            lock.execute(match db {
                Db::Sqlite => "BEGIN IMMEDIATE",
                Db::Postgres => "BEGIN; SELECT last_cursor FROM journal_head FOR UPDATE",
            }).await;
            let sent: Vec<_> = (0..20).map(|_| tokio::spawn(server.request(method, path).json(&body).send())).collect();
            let begun = std::time::Instant::now();
            // callers that find no room are answered at once, the others after the lock
            while sent.iter().filter(|one| one.is_finished()).count() < 10 && begun.elapsed().as_secs() < 5 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            lock.execute("ROLLBACK").await;
            let mut turned_away = 0;
            for one in sent {
                let response = one.await.unwrap().unwrap();
                turned_away += usize::from(response.status() == 503);
                assert_eq!(response.headers().contains_key("retry-after"), response.status() == 503);
            }
            assert!((10..20).contains(&turned_away), "{turned_away} of 20 found no room: {method} {path} {}", &body.to_string()[..60]);
        }
    }

    async fn a_deletion_of_another_revision_is_refused(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "w", "mediaType": "webengagement"})).await;
        let (_, contact) = server.post("/v1/contacts", json!({"id": "c", "attributes": {"FirstName": "Ann"}})).await;
        assert_eq!(contact["revision"], 1);
        let declined = json!({"code": "busy"});
        for path in ["/v1/interactions/w", "/v1/contacts/c", "/v1/interactions/w/no-engage"] {
            let request = if path.ends_with("no-engage") {
                server.request("POST", path).json(&declined)
            } else {
                server.request("DELETE", path)
            };
            let answer = request.header("if-match", "\"99\"").send().await.unwrap();
            assert_eq!(answer.status(), 412, "{path}");
        }
        assert_eq!(server.get("/v1/interactions/w").await.1["revision"], 1);
        for text in ["x", "W/1", "\"1", "1\"", "+1", "\"0000000000000000001\"", "-1"] {
            let answer = server.request("DELETE", "/v1/interactions/w").header("if-match", text).send().await.unwrap();
            assert_eq!(answer.status(), 400, "{text}");
        }
        for path in ["/v1/interactions/w", "/v1/contacts/c"] {
            let answer = server.request("DELETE", path).header("if-match", "\"1\"").send().await.unwrap();
            assert_eq!(answer.status(), 204, "{path}");
            assert_eq!(server.get(path).await.0, 404);
        }
    }
}
