//! Logs report requests but never customer content: no text, no transient key, no token, even at
//! the most verbose level.

use std::sync::Arc;

use serde_json::json;

use crate::both;
use crate::support::Place;
use crate::support::process::{Process, SERVE, annals, run};

both! {
    async fn the_most_talkative_log_holds_no_word_of_a_customer(db) {
        let mut place = Place::new(db).await;
        let password = "mark00password";
        if place.url.starts_with("postgres:") {
            let mut url = url::Url::parse(&place.url).unwrap();
            if url.password().is_none() {
                // the suite's Postgres may require no password; one that is sent anyway must not be
                // logged either
                url.set_password(Some(password)).unwrap();
                place.url = url.to_string();
            }
        }
        let place = Arc::new(place);
        let mut command = annals(&place.url, &SERVE);
        command.env("ANNALS_LOG_LEVEL", "trace").env("ANNALS_LIMITS_BODY", "100000").env("ANNALS_USER_DATA_INDEXED", "colour");
        let mut process = Process::start(&place, command).await;
        let parent = process.record(json!({
            "id": "known", "mediaType": "webengagement", "subject": "mark01 subject", "text": "mark02 text", "structuredText": "<p>mark03</p>", "comment": "mark04",
            "userData": {"jsonEvent": {"page": "mark05transient"}, "colour": "mark06value", "mark07key": "v", "nested": {"deep": ["mark08nested"]}},
            "participants": [{"participantId": "p", "nickname": "mark09nickname", "type": "Customer"}]
        })).await;
        assert!(!parent.to_string().contains("mark05"));
        let ok = async |method: &str, path: &str, body: serde_json::Value, wanted: u16| {
            let answer = process.request(method, path).json(&body).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), wanted, "{method} {path}: {}", answer.text().await.unwrap());
        };
        ok("POST", "/v1/interactions/known/user-data", json!({"attach": {"a": "mark10", "jsonEvent": "mark11"}, "update": {"colour": "mark12"}, "delete": ["mark13"]}), 200).await;
        ok("POST", "/v1/interactions/known/engagements", json!({"mediaType": "chat", "copyUserData": "mark14;a", "userData": {"b": "mark15"}}), 201).await;
        ok("POST", "/v1/interactions/known/no-engage", json!({"code": "c", "description": "mark16"}), 200).await;
        ok("PATCH", "/v1/interactions/known", json!({"subject": "mark17", "comment": "mark18"}), 200).await;
        ok("POST", "/v1/interactions/known/stop", json!({"stoppedReason": "mark19"}), 200).await;
        ok("POST", "/v1/interactions", json!({"id": "known", "mediaType": "chat", "subject": "mark20"}), 409).await;
        ok("POST", "/v1/interactions", json!({"mediaType": "chat", "mark21": "mark22"}), 422).await;
        ok("POST", "/v1/interactions", json!({"mediaType": "chat", "startDate": "mark23"}), 422).await;
        ok("POST", "/v1/interactions", json!({"mediaType": "chat", "text": format!("mark24{}", "x".repeat(200_000))}), 413).await;
        ok("POST", "/v1/interactions", json!({"mediaType": "chat", "subject": "mark25\0"}), 422).await;
        ok("POST", "/v1/contacts", json!({"id": "c", "attributes": {"EmailAddress": ["mark26@b.example"], "LastName": ["mark27"]}}), 201).await;
        ok("POST", "/v1/contacts/identify", json!({"attributes": {"EmailAddress": ["mark28@b.example"]}}), 200).await;
        ok("POST", "/v1/interactions/search", json!({"filter": {"and": [{"field": "subject", "contains": "mark29"}, {"field": "userData.mark30", "gt": "mark31"}]}}), 200).await;
        ok("POST", "/v1/interactions/search", json!({"filter": {"field": "mark32", "eq": 1}}), 422).await;
        assert_eq!(process.post_text("/v1/interactions", "{\"mediaType\": mark33").await.0, 400);
        let lines = "{\"mediaType\":\"chat\",\"text\":\"mark34\"}\n{\"mediaType\":\"chat\",\"mark35\":1}\nmark36\n";
        assert_eq!(process.post_text("/v1/interactions/batch", lines).await.0, 200);
        for query in ["q=mark37", "userData.colour=mark38", "subject=mark39", "userData.mark40=1", "mark41=1", "cursor=mark42", "contactId=mark43"] {
            let (status, _) = process.get(&format!("/v1/interactions?{query}")).await;
            assert!([200, 422].contains(&status), "{query}: {status}");
        }
        process.get("/v1/nowhere/mark44?x=mark45").await;
        process.get("/v1/interactions/mark46").await;
        ok("POST", "/v1/contacts/c/erase", json!({}), 200).await;
        process.delete("/v1/interactions/known?cascade=true").await;
        let key = process.post_with("/v1/interactions", &[("idempotency-key", "mark47"), ("x-request-id", "kept-for-the-log"), ("cookie", "mark48")], json!({"mediaType": "chat"})).await;
        assert_eq!(key.0, 201);
        let token = run(&place.url, &["token", "create"]).await.out.trim().to_owned();
        let begun = std::time::Instant::now();
        while process.request("GET", "/v1/changes").bearer_auth("mark49wrong").send().await.unwrap().status() != 401 {
            assert!(begun.elapsed() < crate::support::process::PATIENCE);
        }
        process.http.token = Some(token.clone());
        assert_eq!(process.get("/v1/changes").await.0, 200);
        process.terminate().await;
        assert!(process.ended().await.success());
        let told = process.told();
        assert!(told.contains("TRACE") && told.contains("DEBUG"), "the log is as talkative as can be");
        assert!(told.contains("kept-for-the-log") && told.contains("/v1/interactions/{id}/user-data"));
        let secret = token.splitn(3, '_').nth(2).unwrap();
        for line in told.lines() {
            assert!(!line.contains("mark") && !line.contains(secret), "{line}");
        }
        assert!(!told.contains('\u{1b}'), "colours are for terminals");
    }
}
