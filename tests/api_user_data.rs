//! UserData: attach, update, delete, and its state at any moment.

use serde_json::{Value, json};

use crate::both;
use crate::support::{Server, id};

both! {
    async fn every_value_type_survives_a_round_trip(db) {
        let server = Server::start(db).await;
        let text = r#"{"text":"ñ 退款 \"q\" \\ \n 🎉","empty":"","":"the empty key","min":-9223372036854775808,"max":9223372036854775807,"umax":18446744073709551615,"float":0.1,"tiny":5e-324,"one":1.0,"yes":true,"no":false,"none":null,"list":[1,"a",null,[2.5]],"pairs":{"DispositionCode.Key":"x","deep":{"deeper":[{"k":null}]}},"PegAGAgent Group Email":1}"#;
        let sent = format!("{{\"mediaType\":\"email\",\"userData\":{text}}}");
        let (status, stored) = server.post_text("/v1/interactions", sent).await;
        assert_eq!(status, 201, "{stored}");
        let raw = server.request("GET", &format!("/v1/interactions/{}", id(&stored))).send().await.unwrap().text().await.unwrap();
        assert!(raw.contains(text), "order, types and numbers are those that were sent: {raw}");
    }

    async fn a_key_that_means_something_to_our_json_reader_is_a_key_like_any_other(db) {
        let server = Server::start(db).await;
        let text = r#"{"a":{"$serde_json::private::RawValue":"[1]"},"b":{"$serde_json::private::RawValue":5}}"#;
        let sent = format!("{{\"id\":\"m\",\"mediaType\":\"email\",\"userData\":{text}}}");
        assert_eq!(server.post_text("/v1/interactions", sent).await.0, 201);
        let path = "/v1/interactions/m/user-data";
        assert_eq!(server.post(path, json!({"attach": {"c": 1}})).await.0, 200);
        assert_eq!(server.post(path, json!({"delete": ["c"]})).await.0, 200);
        for path in [path, "/v1/interactions/m", "/v1/interactions/m/changes", "/v1/interactions?fields=userData"] {
            let raw = server.request("GET", path).send().await.unwrap().text().await.unwrap();
            assert!(raw.contains(text), "{path}: {raw}");
        }
    }

    async fn one_request_is_one_change_and_all_or_nothing(db) {
        let server = Server::start(db).await;
        let stored = server.record(json!({"mediaType": "chat", "userData": {"old": 1, "gone": 2}})).await;
        let path = format!("/v1/interactions/{}/user-data", id(&stored));
        let (status, edited) = server.post(&path, json!({"attach": {"new": [1]}, "update": {"old": "o"}, "delete": ["gone", "never was"]})).await;
        assert_eq!((status, &edited["userData"]), (200, &json!({"old": "o", "new": [1]})));
        let journal = server.journal().await;
        assert_eq!(journal.len(), 2);
        assert_eq!(journal[1]["kind"], "userData.edited");
        assert_eq!(journal[1]["delta"]["previous"], json!({"old": 1, "gone": 2}));
        let (status, problem) = server.post(&path, json!({"attach": {"x": 1}, "delete": ["x"]})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/delete/0")));
        for (body, kind) in [
            (json!({"attach": {"a": 1}}), "userData.attached"),
            (json!({"update": {"a": 2}}), "userData.updated"),
            (json!({"delete": ["a"]}), "userData.deleted"),
        ] {
            assert_eq!(server.post(&path, body).await.0, 200);
            assert_eq!(server.journal().await.last().unwrap()["kind"], kind);
        }
    }

    async fn transient_keys_reach_neither_table_nor_journal_nor_answer(db) {
        let server = Server::with(db, |config| {
            config.user_data.transient = vec!["jsonEvent".into(), "secret".into()];
            config.user_data.extract.insert("page_url".into(), "jsonEvent.data.url".into());
        }).await;
        let stored = server.record(json!({"mediaType": "webengagement", "userData": {"jsonEvent": {"data": {"url": "/p", "hidden": "cargo"}}, "a": 1}})).await;
        assert_eq!(stored["userData"], json!({"a": 1, "page_url": "/p"}));
        let path = format!("/v1/interactions/{}/user-data", id(&stored));
        let (status, edited) = server.post(&path, json!({"attach": {"secret": "cargo"}, "update": {"a": 2}})).await;
        assert_eq!((status, &edited["droppedKeys"]), (200, &json!(["secret"])));
        let (status, only) = server.post(&path, json!({"attach": {"secret": "cargo"}})).await;
        assert_eq!((status, &only["revision"]), (200, &json!(2)), "a write of transient keys alone succeeds and changes nothing");
        let (_, all) = server.get(&format!("/v1/interactions/{}", id(&stored))).await;
        let seen = format!("{} {all}", serde_json::to_string(&server.journal().await).unwrap());
        assert!(!seen.contains("cargo"));
        assert_eq!(server.get("/v1/interactions?q=cargo").await.1["items"], json!([]));
    }

    async fn of_a_repeated_key_in_a_pair_list_the_last_wins_and_is_named(db) {
        let server = Server::start(db).await;
        let stored = server.record(json!({"mediaType": "email", "userData": [
            {"key": "To", "type": "str", "value": "a"}, {"key": "n", "type": "interger", "value": 7},
            {"key": "list", "type": "kvlist", "value": [{"key": "x", "type": "str", "value": null}]}, {"key": "To", "type": "str", "value": "b"}
        ]})).await;
        assert_eq!(stored["userData"], json!({"To": "b", "n": 7, "list": {"x": null}}));
        assert_eq!(stored["repeatedKeys"], json!(["To"]));
    }

    async fn user_data_as_of_any_moment(db) {
        let server = Server::start(db).await;
        let stored = server.record(json!({"mediaType": "chat", "userData": {"n": 0}})).await;
        let path = format!("/v1/interactions/{}/user-data", id(&stored));
        let mut states = vec![(stored["modifiedDate"].as_str().unwrap().to_owned(), json!({"n": 0}))];
        for n in 1..6 {
            let body = if n == 3 { json!({"delete": ["n"]}) } else { json!({"update": {"n": n}}) };
            let (_, edited) = server.post(&path, body).await;
            states.push((edited["modifiedDate"].as_str().unwrap().to_owned(), edited["userData"].clone()));
        }
        for (revision, (at, wanted)) in states.iter().enumerate() {
            let (status, then) = server.get(&format!("{path}?at={at}")).await;
            assert_eq!((status, &then["userData"], &then["revision"]), (200, wanted, &json!(revision + 1)), "{at}");
        }
        assert_eq!(server.get(&path).await.1["revision"], 6);
        assert_eq!(server.get(&format!("{path}?at=2000-01-01T00:00:00Z")).await.0, 422, "it was not there yet");
        assert_eq!(server.get(&format!("{path}?at=2999-01-01T00:00:00Z")).await.1["userData"], Value::Object(states[5].1.as_object().unwrap().clone()));
    }

    async fn limits_hold_for_what_an_edit_would_leave(db) {
        let server = Server::with(db, |config| { config.limits.keys = 3; config.limits.user_data = 1000; }).await;
        let stored = server.record(json!({"mediaType": "chat", "userData": {"a": 1, "b": 2}})).await;
        let path = format!("/v1/interactions/{}/user-data", id(&stored));
        assert_eq!(server.post(&path, json!({"attach": {"c": 3, "d": 4}})).await.0, 422);
        assert_eq!(server.post(&path, json!({"attach": {"c": "x".repeat(995)}})).await.0, 422);
        assert_eq!(server.post(&path, json!({"attach": {"c": 3}})).await.0, 200);
        assert_eq!(server.post("/v1/interactions/none/user-data", json!({})).await.0, 404);
    }

    async fn an_identifier_that_was_deleted_begins_anew(db) {
        let server = Server::start(db).await;
        let first = server.record(json!({"id": "again", "mediaType": "chat", "userData": {"life": 1}})).await;
        server.post("/v1/interactions/again/user-data", json!({"update": {"life": 1.5}})).await;
        assert_eq!(server.delete("/v1/interactions/again").await.0, 204);
        let second = server.record(json!({"id": "again", "mediaType": "chat", "userData": {"life": 2}})).await;
        server.post("/v1/interactions/again/user-data", json!({"update": {"life": 3}})).await;
        let at = |moment: &Value| format!("/v1/interactions/again/user-data?at={}", moment.as_str().unwrap());
        let (_, then) = server.get(&at(&second["modifiedDate"])).await;
        assert_eq!((&then["userData"], &then["revision"]), (&json!({"life": 2}), &json!(1)));
        assert_eq!(server.get(&at(&first["modifiedDate"])).await.1["userData"], json!({}), "its first life is erased");
    }

    async fn the_size_of_user_data_is_that_of_its_text(db) {
        let server = Server::with(db, |config| config.limits.user_data = 1000).await;
        let ones = |count| json!({"mediaType": "chat", "userData": {"n": vec![1; count]}});
        // {"n":[1,1]} has eleven characters
        assert_eq!(server.post("/v1/interactions", ones(496)).await.0, 201);
        let (status, problem) = server.post("/v1/interactions", ones(497)).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/userData")));
        let quotes = json!({"mediaType": "chat", "userData": {"q": "\"".repeat(600)}});
        assert_eq!(server.post("/v1/interactions", quotes).await.0, 422, "escapes count");
    }

    async fn what_is_over_a_limit_already_may_become_less_but_not_more(db) {
        let server = Server::start(db).await;
        let keys: serde_json::Map<String, Value> = (0..10).map(|n| (format!("k{n}"), json!("x".repeat(100)))).collect();
        server.record(json!({"id": "i", "mediaType": "chat", "userData": keys})).await;
        let place = server.stop().await;
        let server = Server::at(place, |config| { config.limits.keys = 3; config.limits.user_data = 100; }).await;
        let path = "/v1/interactions/i/user-data";
        assert_eq!(server.post(path, json!({"delete": ["k0"]})).await.0, 200);
        assert_eq!(server.post(path, json!({"update": {"k1": "short", "k2": "short", "k3": "short", "k4": "short"}})).await.0, 200);
        assert_eq!(server.post(path, json!({"attach": {"k0": 1}})).await.0, 422, "a key more");
        assert_eq!(server.post(path, json!({"update": {"k1": "not as short"}})).await.0, 422, "longer");
        assert_eq!(server.post(path, json!({"attach": {"k0": 1}, "delete": ["k9"]})).await.0, 200);
    }

    async fn extraction_never_makes_a_write_fail(db) {
        let server = Server::with(db, |config| {
            config.limits.user_data = 1000;
            config.user_data.extract.insert("page".into(), "jsonEvent.page".into());
            config.user_data.extract.insert("more".into(), "jsonEvent.more".into());
        }).await;
        let event = json!({"page": "/p", "more": "x".repeat(2000)});
        let stored = server.record(json!({"id": "i", "mediaType": "chat", "userData": {"jsonEvent": event}})).await;
        assert_eq!(stored["userData"], json!({"page": "/p"}));
        let nul = json!({"mediaType": "chat", "userData": {"jsonEvent": {"page": "a\0"}, "b": 1}});
        assert_eq!(server.record(nul).await["userData"], json!({"b": 1}));
        let path = "/v1/interactions/i/user-data";
        let lifts = json!({"page": "/other"});
        for (body, wanted) in [
            (json!({"attach": {"jsonEvent": lifts}, "update": {"page": "own"}}), json!({"page": "own"})),
            (json!({"attach": {"jsonEvent": lifts}, "delete": ["page"]}), json!({})),
            (json!({"update": {"jsonEvent": lifts}, "attach": {"page": "own"}}), json!({"page": "own"})),
            (json!({"attach": {"jsonEvent": lifts}, "update": {"jsonEvent": {"page": "/third"}}}), json!({"page": "/other"})),
        ] {
            let (status, edited) = server.post(path, body.clone()).await;
            assert_eq!((status, &edited["userData"]), (200, &wanted), "{body}: {edited}");
        }
    }
}
