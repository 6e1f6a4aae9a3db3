//! Access control, and what no request may contain.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::both;
use crate::support::process::{PATIENCE, Process, annals, run};
use crate::support::{Place, Server};

/// Creates a token; returns its identifier and the token.
async fn token(place: &Place, scope: &str) -> (String, String) {
    let made = run(&place.url, &["token", "create", "--scope", scope]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let token = made.out.trim().to_owned();
    let id = token.split('_').nth(1).expect("its id").to_owned();
    (id, token)
}

async fn status(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = server.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if method == "POST" {
        request = request.body(r#"{"mediaType": "chat"}"#);
    }
    request
        .send()
        .await
        .expect("the server answers")
        .status()
        .as_u16()
}

both! {
    async fn taking_the_last_token_back_opens_a_public_address_to_nobody(db) {
        let place = Arc::new(Place::new(db).await);
        let (id, token) = token(&place, "admin").await;
        let public = annals(&place.url, &["serve", "--listen", "0.0.0.0:0"]);
        let mut server = Process::start(&place, public).await;
        assert_eq!(server.get("/v1/interactions").await.0, 401);
        server.http.token = Some(token);
        assert_eq!(server.get("/v1/interactions").await.0, 200);
        assert_eq!(run(&place.url, &["token", "revoke", &id]).await.code, Some(0));
        let begun = Instant::now();
        while server.get("/v1/interactions").await.0 == 200 {
            assert!(begun.elapsed() < PATIENCE, "the token is good still");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(server.get("/v1/interactions").await.0, 401);
        server.http.token = None;
        assert_eq!(server.get("/v1/interactions").await.0, 401, "without a token neither");
        server.stop().await;
    }

    async fn a_page_from_elsewhere_does_not_reach_a_server_without_tokens(db) {
        let server = Server::start(db).await;
        for (headers, wanted) in [
            (vec![], 201),
            (vec![("origin", "http://localhost:3000")], 201),
            (vec![("origin", "http://127.0.0.1")], 201),
            (vec![("origin", "http://[::1]:8080"), ("sec-fetch-site", "same-site")], 201),
            // to a browser, a page from another name of this machine is cross-site
            (vec![("origin", "http://localhost:3000"), ("sec-fetch-site", "cross-site")], 201),
            (vec![("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], 403),
            (vec![("origin", "https://evil.example")], 403),
            (vec![("origin", "https://localhost.evil.example")], 403),
            (vec![("origin", "http://127.0.0.1.evil.example")], 403),
            (vec![("origin", "null")], 403),
            (vec![("sec-fetch-site", "cross-site")], 403),
            (vec![("host", "evil.example")], 403),
            (vec![("host", "evil.example"), ("origin", "https://evil.example")], 403),
        ] {
            assert_eq!(status(&server, "POST", "/v1/interactions", &headers).await, wanted, "{headers:?}");
        }
        assert_eq!(server.journal().await.len(), 5);
        assert_eq!(status(&server, "GET", "/v1/interactions", &[("origin", "https://evil.example")]).await, 403);
    }

    async fn where_the_operator_lets_anybody_in_a_page_of_another_site_stays_out(db) {
        let server = Server::with(db, |config| config.server.insecure = true).await;
        for (headers, wanted) in [
            (vec![("host", "annals.example:8080")], 201),
            (vec![("host", "annals.example:8080"), ("origin", "https://annals.example")], 201),
            (vec![("host", "inside:8080"), ("origin", "https://annals.example"), ("sec-fetch-site", "same-origin")], 201),
            (vec![("host", "annals.example"), ("origin", "https://evil.example")], 403),
            (vec![("host", "annals.example"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], 403),
            (vec![("host", "annals.example"), ("origin", "null")], 403),
            (vec![("host", "annals.example"), ("sec-fetch-site", "cross-site")], 403),
        ] {
            assert_eq!(status(&server, "POST", "/v1/interactions", &headers).await, wanted, "{headers:?}");
        }
        let link = [("host", "annals.example"), ("sec-fetch-site", "cross-site")];
        assert_eq!(status(&server, "GET", "/v1/interactions", &link).await, 200, "a link may lead here");
    }

    async fn looking_for_a_contact_asks_for_the_scope_of_reading_only(db) {
        let place = Arc::new(Place::new(db).await);
        let (_, token) = token(&place, "read").await;
        let mut server = Server::at(place, |_| {}).await;
        server.token = Some(token);
        let identify = |create: Value| {
            let body = json!({"attributes": {"EmailAddress": "a@example.test"}, "create": create, "mediaType": "chat"});
            server.post("/v1/contacts/identify", body)
        };
        let (status, found) = identify(json!(false)).await;
        assert_eq!((status, &found["contactId"]), (200, &Value::Null));
        assert_eq!(identify(json!(true)).await.0, 403);
        assert_eq!(identify(Value::Null).await.0, 403);
    }

    async fn a_nul_character_is_refused_wherever_it_stands(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "i", "mediaType": "webengagement"})).await;
        for (method, path, place) in [
            ("GET", "/v1/interactions/a%00b", "path"),
            ("DELETE", "/v1/interactions/%00", "path"),
            ("POST", "/v1/interactions/%00/stop", "path"),
            ("GET", "/v1/contacts/%00/history", "path"),
            ("GET", "/v1/threads/%00", "path"),
            ("GET", "/v1/interactions?subject=a%00", "?subject"),
            ("GET", "/v1/interactions?userData.a%00b=1", "?userData.ab"),
            ("GET", "/v1/interactions?contact.%00=1", "?contact."),
            ("GET", "/v1/interactions?q=%00", "?q"),
            ("GET", "/v1/changes?interactionId=%00", "?interactionId"),
        ] {
            let response = server.request(method, path).send().await.unwrap();
            assert_eq!(response.status(), 422, "{path}");
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["errors"][0]["pointer"], place, "{path}");
        }
        for (path, body, pointer) in [
            ("/v1/interactions/search", json!({"filter": {"field": "userData.a\0", "eq": 1}}), "/filter/field"),
            ("/v1/interactions/search", json!({"filter": {"field": "contact.a\0", "eq": "1"}}), "/filter/field"),
            ("/v1/interactions/search", json!({"fields": ["userData.a\0"]}), "/fields"),
            ("/v1/contacts/c/merge", json!({"into": "a\0"}), "/into"),
            ("/v1/interactions/i/engagements", json!({"mediaType": "chat", "copyUserData": "a\0"}), "/copyUserData"),
        ] {
            let (status, problem) = server.post(path, body).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{problem}");
        }
    }

    async fn a_path_or_query_that_is_no_text_is_a_problem_too(db) {
        let server = Server::start(db).await;
        for path in ["/v1/interactions/%FF", "/v1/interactions?subject=%FF"] {
            let response = server.request("GET", path).send().await.unwrap();
            assert_eq!(response.status(), 400, "{path}");
            assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        }
    }

    async fn a_parameter_that_a_call_does_not_have_is_refused_by_its_name(db) {
        let server = Server::start(db).await;
        let one = server.record(json!({"id": "i", "mediaType": "chat", "contact": {"EmailAddress": "a@example.test"}})).await;
        let contact = format!("/v1/contacts/{}", one["contactId"].as_str().unwrap());
        for (method, path) in [
            ("GET", "/v1/interactions/i"), ("PATCH", "/v1/interactions/i"), ("DELETE", "/v1/interactions/i"), ("POST", "/v1/interactions/i/stop"),
            ("POST", "/v1/interactions/i/user-data"), ("GET", "/v1/interactions/i/user-data"), ("POST", "/v1/interactions/i/engagements"),
            ("POST", "/v1/interactions/i/no-engage"), ("GET", "/v1/interactions/i/lineage"), ("GET", "/v1/interactions/i/changes"),
            ("POST", "/v1/interactions"), ("POST", "/v1/interactions/batch"), ("POST", "/v1/interactions/search"), ("GET", "/v1/fields"), ("GET", "/v1/changes"),
            ("POST", "/v1/contacts"), ("POST", "/v1/contacts/identify"), ("GET", &contact), ("PATCH", &contact), ("DELETE", &contact),
            ("GET", &format!("{contact}/history")), ("GET", &format!("{contact}/export")), ("POST", &format!("{contact}/merge")),
            ("POST", &format!("{contact}/unmerge")), ("POST", &format!("{contact}/erase")),
        ] {
            let response = server.request(method, &format!("{path}?dryRun=true")).send().await.unwrap();
            let (status, problem) = (response.status().as_u16(), response.json::<Value>().await.unwrap());
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("?dryRun")), "{method} {path}: {problem}");
        }
        assert_eq!(server.journal().await.len(), 2, "nothing was done");
    }

    async fn the_document_says_where_a_request_may_be_repeated(db) {
        let server = Server::start(db).await;
        let (_, document) = server.get("/openapi.json").await;
        for (path, method) in [
            ("/v1/interactions", "post"), ("/v1/contacts", "post"), ("/v1/contacts/identify", "post"), ("/v1/contacts/{id}/merge", "post"), ("/v1/contacts/{id}/unmerge", "post"),
            ("/v1/contacts/{id}/erase", "post"), ("/v1/web-actions", "post"), ("/v1/webhooks", "post"), ("/v1/webhooks/{id}", "patch"), ("/v1/webhooks/{id}/secret", "post"), ("/v1/webhooks/{id}/replay", "post"),
        ] {
            let operation = &document["paths"][path][method];
            let named = operation["parameters"].as_array().unwrap().iter().any(|one| one["name"] == "Idempotency-Key" && one["in"] == "header");
            assert!(named && operation["responses"]["409"].is_object(), "{method} {path}");
        }
    }
}
