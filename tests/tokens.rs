//! Authorisation: tokens created beside the server, scopes, tenants, and what is open to everybody.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::process::{PATIENCE, Process, run};
use crate::support::{Place, ids};

/// Creates a token, and waits until the server requires tokens.
async fn token(process: &Process, args: &[&str]) -> String {
    let ran = run(&process.place.url, &[&["token", "create"], args].concat()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let token = ran.out.trim().to_owned();
    assert!(token.starts_with("annals_"), "{token}");
    let begun = Instant::now();
    while status(process, "GET", "/v1/changes", Some(&token), None).await == 401
        || status(process, "GET", "/v1/changes", None, None).await != 401
    {
        assert!(begun.elapsed() < PATIENCE, "the server does not notice");
    }
    token
}

async fn ask(
    process: &Process,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> (u16, Value) {
    let mut request = process.request(method, path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

async fn status(
    process: &Process,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> u16 {
    ask(process, method, path, token, body).await.0
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "handed over as a body that may be absent"
)]
fn chat(id: &str) -> Option<Value> {
    Some(json!({"id": id, "mediaType": "chat", "userData": {"of": "whom"}}))
}

both! {
    async fn tokens_are_made_listed_and_taken_back_beside_the_server(db) {
        let place = Arc::new(Place::new(db).await);
        let process = Process::serve(&place).await;
        assert_eq!(status(&process, "POST", "/v1/interactions", None, chat("a")).await, 201, "without a token all is open to this machine");
        let made = token(&process, &["--name", "desk 7"]).await;
        let answer = process.request("GET", "/v1/interactions/a").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
        let wrong = format!("{}x", &made[..made.len() - 1]);
        for (given, wanted) in [(Some("nonsense"), 401), (Some(wrong.as_str()), 401), (Some(made.as_str()), 200)] {
            assert_eq!(status(&process, "GET", "/v1/interactions/a", given, None).await, wanted, "{given:?}");
        }
        let basic = process.request("GET", "/v1/interactions/a").basic_auth("u", Some(&made)).send().await.unwrap();
        assert_eq!(basic.status(), 401);
        assert_eq!(status(&process, "POST", "/v1/interactions", Some(&made), chat("b")).await, 201);
        let (_, journal) = ask(&process, "GET", "/v1/interactions/b/changes", Some(&made), None).await;
        assert_eq!(journal["items"][0]["actor"], "desk 7");
        let id = made.split('_').nth(1).unwrap();
        let listed = run(&place.url, &["token", "list"]).await.out;
        assert!(listed.starts_with(&format!("{id}\ttenant 1\tread write\t")) && listed.ends_with("\tdesk 7\n"), "{listed}");
        assert!(!listed.contains(&made[20..]));
        let other = token(&process, &[]).await;
        assert_eq!(run(&place.url, &["token", "revoke", id]).await.code, Some(0));
        assert_eq!(run(&place.url, &["token", "revoke", id]).await.code, Some(1), "it is gone");
        let begun = Instant::now();
        while status(&process, "GET", "/v1/interactions/a", Some(&made), None).await != 401 {
            assert!(begun.elapsed() < PATIENCE, "the server does not notice");
        }
        assert_eq!(status(&process, "GET", "/v1/interactions/a", Some(&other), None).await, 200);
    }

    async fn a_token_does_what_its_scope_says_and_no_more(db) {
        let place = Arc::new(Place::new(db).await);
        let process = Process::serve(&place).await;
        process.record(json!({"id": "a", "mediaType": "webengagement"})).await;
        process.post("/v1/contacts", json!({"id": "c", "attributes": {"EmailAddress": ["a@b.example"]}})).await;
        let read = token(&process, &["--scope", "read"]).await;
        let write = token(&process, &["--scope", "write"]).await;
        let admin = token(&process, &["--scope", "admin"]).await;
        let calls = [
            ("read", "GET", "/v1/interactions/a", None, 200),
            ("read", "GET", "/v1/interactions?limit=1", None, 200),
            ("read", "POST", "/v1/interactions/search", Some(json!({"filter": {"field": "mediaType", "eq": "chat"}})), 200),
            ("read", "GET", "/v1/changes", None, 200),
            ("read", "GET", "/v1/contacts/c", None, 200),
            ("write", "POST", "/v1/interactions", chat("b"), 201),
            ("write", "POST", "/v1/interactions/batch", chat("b"), 200),
            ("write", "PATCH", "/v1/interactions/a", Some(json!({"subject": "s"})), 200),
            ("write", "POST", "/v1/interactions/a/user-data", Some(json!({"attach": {"k": 1}})), 200),
            ("write", "POST", "/v1/interactions/a/no-engage", Some(json!({"code": "x"})), 200),
            ("write", "POST", "/v1/interactions/a/engagements", Some(json!({"id": "e", "mediaType": "chat"})), 201),
            ("write", "POST", "/v1/interactions/e/stop", Some(json!({})), 200),
            ("write", "POST", "/v1/contacts", Some(json!({"attributes": {"LastName": "Rossi"}})), 201),
            ("write", "POST", "/v1/contacts/identify", Some(json!({"attributes": {"EmailAddress": ["a@b.example"]}, "create": true})), 200),
            ("write", "PATCH", "/v1/contacts/c", Some(json!({"attributes": {"LastName": ["Verdi"]}})), 200),
            ("write", "DELETE", "/v1/interactions/b", None, 204),
            ("admin", "POST", "/v1/contacts/c/erase", Some(json!({})), 200),
        ];
        for (scope, method, path, body, wanted) in calls {
            for (name, token) in [("read", &read), ("write", &write)] {
                if name != scope {
                    let (status, problem) = ask(&process, method, path, Some(token), body.clone()).await;
                    assert_eq!((status, &problem["type"]), (403, &json!("forbidden")), "{name} must not {method} {path}: {problem}");
                }
            }
            let token = match scope {
                "read" => &read,
                "write" => &write,
                _ => &admin,
            };
            let (status, answer) = ask(&process, method, path, Some(token), body).await;
            assert_eq!(status, wanted, "{scope} {method} {path}: {answer}");
        }
        assert_eq!(status(&process, "GET", "/v1/interactions/a", Some(&admin), None).await, 200, "admin allows everything");
        assert_eq!(status(&process, "POST", "/v1/interactions", Some(&admin), chat("z")).await, 201);
    }

    async fn tenants_see_nothing_of_each_other(db) {
        let place = Arc::new(Place::new(db).await);
        let process = Process::serve(&place).await;
        let one = token(&process, &["--scope", "admin"]).await;
        let two = token(&process, &["--tenant", "2", "--scope", "admin"]).await;
        let body = Some(json!({"id": "same", "mediaType": "webengagement", "subject": "pricing", "threadId": "t", "userData": {"of": 1}}));
        assert_eq!(status(&process, "POST", "/v1/interactions", Some(&one), body).await, 201);
        let contact = Some(json!({"id": "c", "attributes": {"EmailAddress": ["a@b.example"]}}));
        assert_eq!(status(&process, "POST", "/v1/contacts", Some(&one), contact.clone()).await, 201);
        for (method, path, body) in [
            ("GET", "/v1/interactions/same", None),
            ("PATCH", "/v1/interactions/same", Some(json!({"subject": "mine"}))),
            ("DELETE", "/v1/interactions/same", None),
            ("GET", "/v1/interactions/same/lineage", None),
            ("GET", "/v1/interactions/same/changes", None),
            ("GET", "/v1/interactions/same/user-data", None),
            ("POST", "/v1/interactions/same/user-data", Some(json!({"attach": {"k": 1}}))),
            ("POST", "/v1/interactions/same/stop", Some(json!({}))),
            ("POST", "/v1/interactions/same/engagements", Some(json!({"mediaType": "chat"}))),
            ("GET", "/v1/contacts/c", None),
            ("GET", "/v1/contacts/c/history", None),
            ("POST", "/v1/contacts/c/erase", Some(json!({}))),
        ] {
            let (status, answer) = ask(&process, method, path, Some(&two), body).await;
            assert_eq!(status, 404, "{method} {path}: {answer}");
        }
        let parent = Some(json!({"mediaType": "chat", "parentId": "same"}));
        assert_eq!(status(&process, "POST", "/v1/interactions", Some(&two), parent).await, 422, "another tenant's interaction is no parent");
        for path in ["/v1/interactions", "/v1/interactions?q=pricing", "/v1/interactions?userData.of=1", "/v1/changes"] {
            let (status, page) = ask(&process, "GET", path, Some(&two), None).await;
            assert_eq!((status, &page["items"]), (200, &json!([])), "{path}");
        }
        let (_, thread) = ask(&process, "GET", "/v1/threads/t", Some(&two), None).await;
        assert!(!thread.to_string().contains("same"), "{thread}");
        let (_, identified) = ask(&process, "POST", "/v1/contacts/identify", Some(&two), Some(json!({"attributes": {"EmailAddress": ["a@b.example"]}, "create": false}))).await;
        assert_eq!(identified["contactId"], Value::Null, "{identified}");
        // a body that names another tenant
        let foreign = Some(json!({"mediaType": "chat", "tenantId": 1}));
        let (status_of, problem) = ask(&process, "POST", "/v1/interactions", Some(&two), foreign.clone()).await;
        assert_eq!((status_of, &problem["type"]), (403, &json!("forbidden")), "{problem}");
        let (_, line) = ask(&process, "POST", "/v1/interactions/batch", Some(&two), foreign).await;
        assert_eq!(line["status"], 403, "{line}");
        let own = Some(json!({"id": "same", "mediaType": "chat", "tenantId": 2, "userData": {"of": 2}}));
        let (status_of, stored) = ask(&process, "POST", "/v1/interactions", Some(&two), own).await;
        assert_eq!((status_of, &stored["tenantId"]), (201, &json!(2)), "identifiers are each tenant's own");
        assert_eq!(status(&process, "POST", "/v1/contacts", Some(&two), contact).await, 201);
        let (_, first) = ask(&process, "GET", "/v1/interactions/same", Some(&one), None).await;
        assert_eq!((&first["userData"], &first["subject"]), (&json!({"of": 1}), &json!("pricing")));
        let mut made = Vec::new();
        for (token, n) in [(&one, 1), (&two, 2), (&one, 1)] {
            let request = process.request("POST", "/v1/interactions").bearer_auth(token).header("idempotency-key", "k");
            let answer: Value = request.json(&json!({"mediaType": "sms", "userData": {"n": n}})).send().await.unwrap().json().await.unwrap();
            assert_eq!((&answer["tenantId"], &answer["userData"]), (&json!(n), &json!({"n": n})));
            made.push(answer["id"].clone());
        }
        assert!(made[0] == made[2] && made[0] != made[1], "keys of repeatable requests are each tenant's own: {made:?}");
        let (_, page) = ask(&process, "GET", "/v1/interactions?sort=id", Some(&two), None).await;
        assert_eq!(ids(&page).len(), 2);
        assert_eq!(status(&process, "DELETE", "/v1/interactions/same", Some(&two), None).await, 204);
        assert_eq!(status(&process, "GET", "/v1/interactions/same", Some(&one), None).await, 200);
        let export = run(&place.url, &["export", "--tenant", "2"]).await;
        assert!(!export.out.contains("pricing") && export.out.lines().count() == 2, "{export:?}");
    }

    async fn a_token_is_nowhere_in_clear(db) {
        let place = Arc::new(Place::new(db).await);
        let process = Process::serve(&place).await;
        let made = token(&process, &[]).await;
        assert_eq!(status(&process, "POST", "/v1/interactions", Some(&made), chat("a")).await, 201);
        // the secret itself may contain an underscore
        let secret = made.splitn(3, '_').nth(2).unwrap().to_owned();
        assert!(made.len() > 50 && secret.len() > 10, "{made}");
        assert!(!process.told().contains(&secret));
        let mut direct = Direct::to(&place).await;
        let hash = match direct { Direct::Sqlite(_) => "hex(hash)", Direct::Postgres(_) => "upper(encode(hash, 'hex'))" };
        let kept = direct.pairs(&format!("SELECT id || name || scopes, {hash} FROM api_token")).await;
        assert!(kept.len() == 1 && kept[0].1.len() == 64 && !kept[0].0.contains(&secret), "{kept:?}");
        process.stop().await;
        let mut folders = vec![place.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let bytes = std::fs::read(path).unwrap();
                assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
            }
        }
    }

    async fn few_paths_are_open_to_all(db) {
        let place = Arc::new(Place::new(db).await);
        let process = Process::serve(&place).await;
        token(&process, &[]).await;
        for path in ["/", "/favicon.ico", "/favicon.svg", "/healthz", "/readyz", "/openapi.json", "/docs", "/docs/", "/metrics"] {
            assert_eq!(process.request("GET", path).send().await.unwrap().status(), 200, "{path}");
        }
        let (_, document) = process.get("/openapi.json").await;
        let mut closed = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            if ["/healthz", "/readyz", "/metrics"].contains(&path.as_str()) {
                continue;
            }
            for method in methods.as_object().unwrap().keys().filter(|name| ["get", "post", "put", "patch", "delete"].contains(&name.as_str())) {
                let path = path.replace(['{', '}'], "");
                assert_eq!(status(&process, &method.to_uppercase(), &path, None, None).await, 401, "{method} {path}");
                closed += 1;
            }
        }
        assert!(closed > 20, "{closed}");
        for path in ["/v1", "/nowhere", "/docs/../v1/changes", "//v1/changes", "/v1/changes/", "/healthz/../v1/changes", "/docs/%2e%2e/v1/changes"] {
            let status = status(&process, "GET", path, None, None).await;
            assert!([401, 404].contains(&status), "{path}: {status}");
        }
        let mut command = crate::support::process::annals(&place.url, &crate::support::process::SERVE);
        command.env("ANNALS_SERVER_OPEN_METRICS", "false");
        process.stop().await;
        let process = Process::start(&place, command).await;
        assert_eq!(status(&process, "GET", "/metrics", None, None).await, 401);
    }

    async fn without_tokens_only_the_names_of_this_machine_are_answered(db) {
        let place = Arc::new(Place::new(db).await);
        let process = Process::serve(&place).await;
        let by = async |host: &'static str, token: Option<&str>| {
            let mut request = process.request("GET", "/v1/changes").header("host", host);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            request.send().await.unwrap().status().as_u16()
        };
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080"] {
            assert_eq!(by(host, None).await, 200, "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "evil.example:127"] {
            assert_eq!(by(host, None).await, 403, "{host}");
        }
        let made = token(&process, &[]).await;
        assert_eq!(by("history.example", Some(&made)).await, 200, "with a token any name will do");
    }
}
