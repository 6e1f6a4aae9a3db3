//! Events from pages: which web sites may send, with which key, and how much; and the files of the
//! SDK.

use std::sync::Arc;

use annals::config::Config;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::process::{Process, SERVE, annals, run};
use crate::support::{Db, Place, Server};

const PATH: &str = "/v1/web-actions";
const SHOP: &str = "https://shop.example";

fn event(action: &str) -> Value {
    json!({"actionId": action, "actionState": "offered", "actionMediaType": "webchat"})
}

fn events(count: usize) -> Value {
    (0..count).map(|n| event(&format!("a{n}"))).collect()
}

async fn token(place: &Place, scope: &str) -> String {
    let ran = run(
        &place.url,
        &["token", "create", "--scope", scope, "--name", scope],
    )
    .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.out.trim().to_owned()
}

/// A server that lets the pages of a shop send, the shop's key, and an administrator's token.
struct Shop {
    server: Server,
    key: String,
}

impl Shop {
    async fn open(db: Db, change: impl FnOnce(&mut Config)) -> Self {
        let place = Arc::new(Place::new(db).await);
        let (key, admin) = (token(&place, "publish").await, token(&place, "admin").await);
        let mut server = Server::at(place, |config| {
            config.web_actions.allow_origins = vec![SHOP.to_owned()];
            change(config);
        })
        .await;
        server.token = Some(admin);
        Self { server, key }
    }

    /// Sends a body like a page that is being left: plain text, without headers of its own.
    async fn beacon(&self, origin: Option<&str>, body: &Value) -> Response {
        self.plain(origin, body.to_string(), &[]).await
    }

    async fn plain(
        &self,
        origin: Option<&str>,
        body: String,
        headers: &[(&str, &str)],
    ) -> Response {
        let server = &self.server;
        let mut request = server.client.post(format!("{}{PATH}", server.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let request = request.header("content-type", "text/plain;charset=UTF-8");
        request.body(body).send().await.expect("an answer")
    }

    async fn stored(&self) -> usize {
        let (_, list) = self.server.get("/v1/web-actions?limit=1000").await;
        list["items"].as_array().unwrap().len()
    }
}

async fn problem(response: Response) -> (u16, Value) {
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    (
        response.status().as_u16(),
        response.json().await.expect("a problem"),
    )
}

both! {
    async fn a_publishable_key_sends_events_and_does_nothing_else(db) {
        let Shop { server, key } = Shop::open(db, |_| {}).await;
        let ask = async |method: &str, path: &str, body: Option<Value>| {
            let request = server.client.request(method.parse().unwrap(), format!("{}{path}", server.base)).bearer_auth(&key);
            let request = match body { Some(body) => request.json(&body), None => request };
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            (status, answer.json::<Value>().await.unwrap_or_default())
        };
        assert_eq!(ask("POST", PATH, Some(event("a"))).await.0, 201);
        assert_eq!(ask("POST", PATH, Some(events(2))).await.1["items"][1]["status"], 201);
        let (_, document) = server.get("/openapi.json").await;
        let mut refused = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            if ["/healthz", "/readyz", "/metrics"].contains(&path.as_str()) {
                continue;
            }
            for method in methods.as_object().unwrap().keys().filter(|name| ["get", "post", "put", "patch", "delete"].contains(&name.as_str())) {
                if (method.as_str(), path.as_str()) == ("post", PATH) {
                    continue;
                }
                let path = path.replace(['{', '}'], "");
                let (status, problem) = ask(&method.to_uppercase(), &path, None).await;
                assert_eq!((status, &problem["type"]), (403, &json!("forbidden")), "{method} {path}");
                refused += 1;
            }
        }
        assert!(refused > 20, "{refused}");
        for path in ["/v1/web-actions/", "/v1//web-actions", "/V1/web-actions", "/v1/web-actions/a", "/nowhere"] {
            assert_eq!(ask("POST", path, Some(event("b"))).await.0, 403, "{path}");
        }
        let (status, _) = ask("GET", "/api/v2/me", None).await;
        assert_eq!(status, 403, "tokens do not count there");
        let (_, entries) = server.get("/v1/changes").await;
        assert_eq!(entries["items"][0]["actor"], "publish");
    }

    async fn a_key_in_the_body_is_taken_as_plain_text_and_kept_nowhere(db) {
        let shop = Shop::open(db, |_| {}).await;
        let body = json!({"key": shop.key, "events": [event("a"), {"actionId": "b"}, event("a")]});
        let answer = shop.beacon(Some(SHOP), &body).await;
        assert_eq!((answer.status(), &answer.headers()["access-control-allow-origin"]), (StatusCode::OK, &SHOP.parse().unwrap()));
        let answer: Value = answer.json().await.unwrap();
        let told: Vec<u64> = answer["items"].as_array().unwrap().iter().map(|item| item["status"].as_u64().unwrap()).collect();
        assert_eq!(told, [201, 422, 200]);
        let as_json = shop.server.client.post(format!("{}{PATH}", shop.server.base)).json(&json!({"key": shop.key, "events": [event("c")]}));
        assert_eq!(as_json.send().await.unwrap().status(), 200, "or as JSON");
        // an event may have members with these names
        let mut own = event("d");
        own["key"] = json!("its own");
        own["events"] = json!([1]);
        let sent = shop.server.client.post(format!("{}{PATH}", shop.server.base)).bearer_auth(&shop.key).json(&own);
        assert_eq!(sent.send().await.unwrap().status(), 201);
        let (_, life) = shop.server.get("/v1/web-actions/d").await;
        assert_eq!((&life["items"][0]["key"], &life["items"][0]["events"]), (&json!("its own"), &json!([1])));
        assert_eq!(shop.stored().await, 3);
        let secret = shop.key.splitn(3, '_').nth(2).unwrap().to_owned();
        let mut direct = Direct::to(&shop.server.place).await;
        for (table, column) in [("web_action", "event"), ("journal", "delta")] {
            let found = direct.number(&format!("SELECT COUNT(*) FROM {table} WHERE CAST({column} AS TEXT) LIKE '%{secret}%'")).await;
            assert_eq!(found, 0, "{table}");
        }
    }

    async fn plain_text_is_taken_in_that_form_alone(db) {
        let shop = Shop::open(db, |_| {}).await;
        let key = &shop.key;
        for body in [
            event("a").to_string(),
            events(2).to_string(),
            json!({"events": [event("a")]}).to_string(),
            json!({"key": key, "events": [event("a")], "more": 1}).to_string(),
            json!({"key": 7, "events": [event("a")]}).to_string(),
            "no JSON".to_owned(),
            String::new(),
        ] {
            for headers in [&[][..], &[("authorization", format!("Bearer {key}").as_str())]] {
                let (status, told) = problem(shop.plain(Some(SHOP), body.clone(), headers).await).await;
                assert_eq!((status, &told["type"]), (400, &json!("malformed")), "{body}");
            }
        }
        let (status, _) = problem(shop.beacon(Some(SHOP), &json!({"key": key, "events": {"no": "list"}})).await).await;
        assert_eq!(status, 422);
        let elsewhere = shop.server.client.post(format!("{}/v1/interactions", shop.server.base)).header("content-type", "text/plain");
        let elsewhere = elsewhere.body(json!({"key": key, "events": []}).to_string());
        assert_eq!(elsewhere.send().await.unwrap().status(), 401, "on this path alone");
        for wrong in ["", "annals_wrong", &key[..key.len() - 1]] {
            let (status, told) = problem(shop.beacon(Some(SHOP), &json!({"key": wrong, "events": [event("a")]})).await).await;
            assert_eq!((status, &told["type"]), (401, &json!("unauthenticated")));
        }
        let admin = shop.server.token.clone().unwrap();
        let (status, _) = problem(shop.beacon(Some(SHOP), &json!({"key": admin, "events": [event("a")]})).await).await;
        assert_eq!(status, 403, "a token that may do more has no place there");
        assert_eq!(shop.stored().await, 0);
    }

    async fn only_pages_of_the_sites_of_the_settings_may_send(db) {
        let shop = Shop::open(db, |_| {}).await;
        let own = shop.server.base.clone();
        let body = |action: &str| json!({"key": shop.key, "events": [event(action)]});
        for (number, origin) in [Some(SHOP), Some(own.as_str()), None].into_iter().enumerate() {
            assert_eq!(shop.beacon(origin, &body(&format!("{number}"))).await.status(), 200, "{origin:?}");
        }
        for origin in ["https://evil.example", "null", "http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example", "http://localhost:1", ""] {
            let answer = shop.beacon(Some(origin), &body("x")).await;
            assert!(!answer.headers().contains_key("access-control-allow-origin") || origin == "http://localhost:1", "{origin}");
            let (status, told) = problem(answer).await;
            assert_eq!((status, &told["type"]), (403, &json!("forbidden")), "{origin}");
        }
        let cross = shop.plain(None, body("x").to_string(), &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!(problem(cross).await.0, 403);
        let admin = shop.server.request("POST", PATH).header("origin", "https://evil.example").json(&event("x"));
        assert_eq!(admin.send().await.unwrap().status(), 403, "with any token");
        assert_eq!(shop.stored().await, 3);
    }

    async fn a_browser_may_ask_beforehand_about_events_and_nothing_else(db) {
        let shop = Shop::open(db, |_| {}).await;
        let ask = async |origin: &str, path: &str, method: &str| {
            let request = shop.server.client.request("OPTIONS".parse().unwrap(), format!("{}{path}", shop.server.base)).header("origin", origin);
            let request = request.header("access-control-request-method", method).header("access-control-request-headers", "authorization,content-type");
            request.send().await.unwrap()
        };
        let leave = ask(SHOP, PATH, "POST").await;
        assert_eq!(leave.status(), 200);
        let header = |name: &str| leave.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("access-control-allow-origin"), Some(SHOP));
        assert_eq!(header("access-control-allow-methods"), Some("POST,OPTIONS"));
        assert_eq!(header("access-control-allow-headers"), Some("authorization,content-type"));
        assert_eq!(header("access-control-allow-credentials"), None);
        assert!(!ask("https://evil.example", PATH, "POST").await.headers().contains_key("access-control-allow-origin"));
        for path in ["/v1/interactions", "/v1/web-actions/a", "/v1/changes"] {
            let answer = ask(SHOP, path, "POST").await;
            assert!(!answer.status().is_success() && !answer.headers().contains_key("access-control-allow-origin"), "{path}");
        }
        let list = shop.server.request("GET", PATH).header("origin", SHOP).send().await.unwrap();
        assert!(!list.headers().contains_key("access-control-allow-origin"), "events are sent, not read");
    }

    async fn a_client_sends_so_much_and_no_more(db) {
        let shop = Shop::open(db, |config| {
            config.web_actions.rate = 1;
            config.web_actions.burst = 20;
            config.web_actions.trust_forwarded = true;
        }).await;
        let from = async |client: &str, count: usize| {
            let body = json!({"key": shop.key, "events": events(count)}).to_string();
            shop.plain(Some(SHOP), body, &[("x-forwarded-for", client)]).await
        };
        assert_eq!(from("198.51.100.1", 20).await.status(), 200);
        let refused = from("203.0.113.9, 198.51.100.1", 15).await;
        let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=15).contains(&wait), "{wait}");
        assert_eq!(refused.headers()["access-control-expose-headers"], "retry-after");
        let (status, told) = problem(refused).await;
        assert_eq!((status, &told["type"]), (429, &json!("too-many")));
        assert_eq!(shop.stored().await, 20, "nothing was written");
        assert_eq!(from("198.51.100.1, 203.0.113.9", 20).await.status(), 200, "the proxy's word counts, not the client's");
        assert_eq!(from("no address", 20).await.status(), 200, "or else the connection's");
        assert_eq!(from("", 20).await.status(), 429);
        assert_eq!(from("198.51.100.1:4711", 20).await.status(), 429, "a port makes no other client");
        let (status, _) = shop.server.post(PATH, events(300)).await;
        assert_eq!(status, 200, "other tokens have no such limit");
    }

    async fn nobody_says_who_the_client_is_unless_a_proxy_is_trusted(db) {
        let shop = Shop::open(db, |config| {
            config.web_actions.rate = 1;
            config.web_actions.burst = 5;
        }).await;
        for (client, wanted) in [("198.51.100.1", 200), ("198.51.100.2", 429)] {
            let body = json!({"key": shop.key, "events": events(5)}).to_string();
            let answer = shop.plain(Some(SHOP), body, &[("x-forwarded-for", client)]).await;
            assert_eq!(answer.status().as_u16(), wanted, "{client}");
        }
    }

    async fn a_page_sends_no_large_request(db) {
        let shop = Shop::open(db, |config| config.web_actions.largest = 4096).await;
        let mut large = event("a");
        large["note"] = json!("x".repeat(5_000));
        let (status, told) = problem(shop.beacon(Some(SHOP), &json!({"key": shop.key, "events": [large]})).await).await;
        assert_eq!((status, &told["type"]), (413, &json!("too-large")));
        let by_header = shop.server.client.post(format!("{}{PATH}", shop.server.base)).bearer_auth(&shop.key).json(&large);
        assert_eq!(by_header.send().await.unwrap().status(), 413);
        assert_eq!(shop.server.post(PATH, large).await.0, 201, "other tokens have the limit of all bodies");
    }

    async fn without_tokens_pages_of_this_machine_need_no_key(db) {
        let server = Server::with(db, |config| config.web_actions.allow_origins = vec![SHOP.to_owned()]).await;
        let shop = Shop { key: String::new(), server };
        for (number, origin) in ["http://localhost:3000", "http://127.0.0.1:3000", SHOP].into_iter().enumerate() {
            let body = json!({"key": "", "events": [event(&number.to_string())]});
            let answer = shop.beacon(Some(origin), &body).await;
            assert_eq!((answer.status(), answer.headers()["access-control-allow-origin"].to_str().unwrap()), (StatusCode::OK, origin));
        }
        for origin in ["https://evil.example", "null"] {
            let body = json!({"key": "", "events": [event("x")]});
            assert_eq!(shop.beacon(Some(origin), &body).await.status(), 403, "{origin}");
        }
        let plain = shop.plain(Some("http://localhost:3000"), event("x").to_string(), &[]).await;
        assert_eq!(plain.status(), 400);
        assert_eq!(shop.stored().await, 3);
    }

    async fn the_key_is_in_no_log(db) {
        let place = Arc::new(Place::new(db).await);
        let key = token(&place, "publish").await;
        let mut command = annals(&place.url, &SERVE);
        command.env("ANNALS_LOG_LEVEL", "trace").env("ANNALS_WEB_ACTIONS_ALLOW_ORIGINS", SHOP);
        let process = Process::start(&place, command).await;
        for (key, origin, wanted) in [(key.as_str(), SHOP, 200), (&format!("{key}x"), SHOP, 401), (&key, "https://evil.example", 403)] {
            let body = json!({"key": key, "events": [event("a"), {"actionState": 1}]}).to_string();
            let request = process.client.post(format!("{}{PATH}", process.base)).header("origin", origin).header("content-type", "text/plain");
            assert_eq!(request.body(body).send().await.unwrap().status(), wanted);
        }
        let secret = key.splitn(3, '_').nth(2).unwrap();
        assert!(process.told().contains("/v1/web-actions") && !process.told().contains(secret));
        process.stop().await;
    }

    async fn an_array_with_an_idempotency_key_is_repeatable(db) {
        let server = Server::start(db).await;
        let key = [("idempotency-key", "k")];
        let array = json!([{"actionId": "a"}, {"actionId": "a", "actionState": "offered"}, {"actionId": "b", "actionState": "offered"}, {"actionId": "b", "actionState": "offered", "more": 1}]);
        let (status, first) = server.post_with(PATH, &key, array.clone()).await;
        assert_eq!(status, 200);
        let told: Vec<_> = first["items"].as_array().unwrap().iter().map(|item| item["status"].clone()).collect();
        assert_eq!(told, [422, 201, 201, 200], "{first}");
        let journal = server.journal().await.len();
        assert_eq!(server.post_with(PATH, &key, array.clone()).await, (200, first));
        for other in [
            json!([{"actionId": "c", "actionState": "offered"}]),
            json!([{"actionId": "a", "actionState": "offered"}, {"actionId": "d", "actionState": "offered"}]),
            json!({"actionId": "a", "actionState": "offered"}),
        ] {
            assert_eq!(server.post_with(PATH, &key, other.clone()).await.0, 409, "{other}");
        }
        let mut longer = array.clone();
        longer.as_array_mut().unwrap().push(json!({"actionId": "e", "actionState": "offered"}));
        assert_eq!(server.post_with(PATH, &key, longer).await.0, 409);
        assert_eq!(server.journal().await.len(), journal, "nothing more was written");
        let (_, without) = server.post(PATH, array).await;
        assert_eq!(without["items"][1]["status"], 200);
    }

    async fn an_error_code_is_a_text_or_any_number(db) {
        let server = Server::start(db).await;
        for (id, code, asked) in [("a", json!(5.5), "5.5"), ("b", json!(1e30), "1e%2B30"), ("c", json!(-7), "-7"), ("d", json!("x"), "x"), ("e", json!(18_446_744_073_709_551_615_u64), "18446744073709551615")] {
            let (status, told) = server.post(PATH, json!({"actionId": id, "actionState": "errored", "errorCode": code})).await;
            assert_eq!(status, 201, "{told}");
            let (_, page) = server.get(&format!("{PATH}?errorCode={asked}")).await;
            assert_eq!((&page["items"][0]["actionId"], &page["items"][0]["errorCode"]), (&json!(id), &code), "{page}");
        }
        assert_eq!(server.post(PATH, json!({"actionId": "f", "actionState": "errored", "errorCode": true})).await.0, 422);
    }
}

#[tokio::test]
async fn a_publishable_key_allows_nothing_beside() {
    let place = Place::new(Db::Sqlite).await;
    for scopes in ["publish,read", "admin,publish"] {
        let ran = run(&place.url, &["token", "create", "--scope", scopes]).await;
        assert!(
            ran.code != Some(0) && ran.told.contains("cannot be combined"),
            "{ran:?}"
        );
    }
}

#[tokio::test]
async fn the_files_of_the_sdk_are_open_to_all_and_kept_by_browsers() {
    let shop = Shop::open(Db::Sqlite, |_| {}).await;
    let mut texts = Vec::new();
    for name in ["web-actions.js", "web-actions.mjs"] {
        let url = format!("{}/sdk/{name}", shop.server.base);
        let file = shop.server.client.get(&url).send().await.unwrap();
        assert_eq!(file.status(), 200);
        let header = |name: &str| file.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header("cache-control"), "public, max-age=3600");
        assert_eq!(header("access-control-allow-origin"), "*");
        let etag = header("etag");
        let again = shop.server.client.get(&url).header("if-none-match", &etag);
        let again = again.send().await.unwrap();
        assert_eq!(
            (again.status().as_u16(), &again.headers()["etag"]),
            (304, &etag.parse().unwrap())
        );
        let other = shop
            .server
            .client
            .get(&url)
            .header("if-none-match", "\"other\"");
        assert_eq!(other.send().await.unwrap().status(), 200);
        texts.push(file.text().await.unwrap());
    }
    assert!(!texts[0].contains("export ") && texts[1].contains("export default"));
    let nothing = shop
        .server
        .client
        .get(format!("{}/sdk/other.js", shop.server.base));
    assert_eq!(nothing.send().await.unwrap().status(), 401);
}
