//! Signing in to Web Services v2: Basic, session cookies, tokens against forged requests, pages of
//! other web sites.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use annals::config::Config;
use annals::domain::{Clock, Moment};
use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::both;
use crate::support::process::{PATIENCE, Process, Ran, SERVE, annals, run};
use crate::support::{Db, Place, Server};

const ME: &str = "/api/v2/me";

/// A user with a cheap password hash.
fn user(name: &str, password: &str) -> String {
    let little = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, little);
    let hash = argon2.hash_password(password.as_bytes()).unwrap();
    format!("{name}:{hash}")
}

fn ann_and_bob(config: &mut Config) {
    config.gws.users = vec![user("ann", "open: sesame"), user("bob", "b")];
}

async fn desk(change: impl FnOnce(&mut Config)) -> Server {
    Server::with(Db::Sqlite, |config| {
        ann_and_bob(config);
        change(config);
    })
    .await
}

/// The answer to a request.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The cookie in the form in which it is sent back.
    fn cookie(&self) -> Option<String> {
        let whole = self.header("set-cookie")?;
        Some(whole.split(';').next()?.to_owned())
    }

    fn is_denied(&self) -> bool {
        let body = self.json();
        let said = body["statusMessage"].as_str().unwrap_or_default();
        assert!(
            self.header("www-authenticate").is_none(),
            "a browser would ask by itself"
        );
        self.status == 403
            && body["statusCode"] == 20
            && said.starts_with("Access denied")
            && body.as_object().unwrap().len() == 2
    }
}

/// Sends a request with headers; a `basic` header is a name and a password separated by a colon.
async fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.request(method, path);
    for (name, value) in headers {
        request = match value.split_once(':') {
            Some((user, password)) if *name == "basic" => request.basic_auth(user, Some(password)),
            _ => request.header(*name, *value),
        };
    }
    if method == "POST" {
        request = request.json(&json!({"operationName": "Ready"}));
    }
    let answer = request.send().await.unwrap();
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        text: answer.text().await.unwrap(),
    }
}

const ANN: (&str, &str) = ("basic", "ann:open: sesame");
const BOB: (&str, &str) = ("basic", "bob:b");

#[tokio::test]
async fn a_user_gets_in_with_the_password_and_nobody_else_does() {
    let server = desk(|_| {}).await;
    let me = ask(&server, "GET", ME, &[ANN]).await;
    assert_eq!(
        (me.status, &me.json()["user"]["userName"]),
        (200, &json!("ann"))
    );
    for wrong in [
        &[][..],
        &[("basic", "ann:open")],
        &[("basic", "ann:b")],
        &[("basic", "Bob:b")],
        &[("basic", "eve:b")],
        &[("basic", ":")],
        &[("authorization", "Basic !")],
        &[("authorization", "Bearer open: sesame")],
        &[("cookie", "JSESSIONID=")],
    ] {
        let answer = ask(&server, "GET", ME, wrong).await;
        assert!(
            answer.is_denied(),
            "{wrong:?}: {} {}",
            answer.status,
            answer.text
        );
        assert!(answer.cookie().is_none() && !answer.text.contains("sesame"));
    }
    for (method, path) in [
        ("POST", ME),
        ("PUT", ME),
        ("GET", "/api/v2"),
        ("GET", "/api/v2/nothing"),
        ("POST", "/api/v2/me/chats/x"),
    ] {
        assert!(
            ask(&server, method, path, &[]).await.is_denied(),
            "{method} {path}"
        );
    }
    let version = ask(&server, "GET", "/api/v2/diagnostics/version", &[]).await;
    assert_eq!(
        (version.status, &version.json()["statusCode"]),
        (200, &json!(0))
    );
    assert_eq!(
        server.get("/v1/interactions").await.0,
        200,
        "the native surface has sign-in of its own"
    );
}

both! {
    async fn what_a_user_changes_stands_in_the_journal_under_the_name(db) {
        let server = Server::with(db, ann_and_bob).await;
        server.record(json!({"id": "i", "mediaType": "chat", "ownerId": "bob"})).await;
        let body = json!({"operationName": "AttachUserData", "userData": {"k": 1}});
        let attach = |user: &'static str, password: &'static str| {
            server.request("POST", "/api/v2/me/chats/i").basic_auth(user, Some(password)).json(&body).send()
        };
        assert_eq!(attach("ann", "open: sesame").await.unwrap().status(), 404, "it is bob's");
        let answer = attach("bob", "b").await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let by_cookie = server.request("POST", "/api/v2/me/chats/i").header("cookie", cookie).json(&json!({"operationName": "DeleteUserData", "keys": ["k"]}));
        assert_eq!(by_cookie.send().await.unwrap().status(), 200);
        let journal = server.journal().await;
        let actors: Vec<&str> = journal.iter().map(|entry| entry["actor"].as_str().unwrap()).collect();
        assert_eq!(actors, ["anonymous", "bob", "bob"]);
    }

    async fn a_session_lives_through_a_restart_and_on_every_server_as_long_as_the_password(db) {
        let place = Arc::new(Place::new(db).await);
        let users = vec![user("ann", "open: sesame")];
        let first = Server::at(Arc::clone(&place), |config| config.gws.users = users.clone()).await;
        let cookie = ask(&first, "GET", ME, &[ANN]).await.cookie().expect("a session");
        let come_back = [("cookie", cookie.as_str())];
        if db == Db::Postgres {
            let second = Server::at(Arc::clone(&place), |config| config.gws.users = users.clone()).await;
            assert_eq!(ask(&second, "GET", ME, &come_back).await.json()["user"]["id"], "ann");
        }
        let place = first.stop().await;
        let again = Server::at(place, |config| config.gws.users = users.clone()).await;
        assert_eq!(ask(&again, "GET", ME, &come_back).await.json()["user"]["id"], "ann");
        let place = again.stop().await;
        let changed = Server::at(place, |config| config.gws.users = vec![user("ann", "another")]).await;
        assert!(ask(&changed, "GET", ME, &come_back).await.is_denied(), "the password was changed");
        let place = changed.stop().await;
        let gone = Server::at(place, |config| config.gws.users = vec![user("bob", "b")]).await;
        assert!(ask(&gone, "GET", ME, &come_back).await.is_denied(), "the user is gone");
    }
}

#[tokio::test]
async fn a_cookie_stands_for_the_password_and_cannot_be_made_up() {
    let server = desk(|_| {}).await;
    let first = ask(&server, "GET", ME, &[ANN]).await;
    let whole = first.header("set-cookie").unwrap();
    let parts: Vec<&str> = whole.split("; ").skip(1).collect();
    for wanted in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(parts.contains(&wanted), "{whole}");
    }
    assert!(!parts.contains(&"Secure"), "{whole}");
    let cookie = first.cookie().unwrap();
    assert!(
        !cookie.contains("sesame") && cookie.starts_with("JSESSIONID="),
        "{cookie}"
    );
    let come_back = ask(&server, "GET", ME, &[("cookie", &cookie)]).await;
    assert_eq!(
        (come_back.status, &come_back.json()["user"]["id"]),
        (200, &json!("ann"))
    );
    assert!(come_back.cookie().is_none(), "it has one");
    let both = ask(&server, "GET", ME, &[("cookie", &cookie), ANN]).await;
    assert!(both.status == 200 && both.cookie().is_none());
    let of_another = format!("JSESSIONID=node0xyz.node0; theme=dark; {cookie}");
    assert_eq!(
        ask(&server, "GET", ME, &[("cookie", &of_another)])
            .await
            .status,
        200,
        "another server on this host sets one too"
    );
    let as_bob = ask(&server, "GET", ME, &[("cookie", &cookie), BOB]).await;
    assert_eq!(as_bob.json()["user"]["id"], "bob", "what is said counts");
    assert!(as_bob.cookie().is_some());
    let wrong = ask(
        &server,
        "GET",
        ME,
        &[("cookie", &cookie), ("basic", "ann:guess")],
    )
    .await;
    assert!(wrong.is_denied());
    let changed = format!("{}x", &cookie[..cookie.len() - 1]);
    for made_up in [changed.as_str(), "JSESSIONID=a.b.c.d", &cookie[..20]] {
        assert!(
            ask(&server, "GET", ME, &[("cookie", made_up)])
                .await
                .is_denied(),
            "{made_up}"
        );
    }
}

/// A clock that a test advances, in minutes.
struct Minutes(AtomicI64);

impl Clock for Minutes {
    fn now(&self) -> Moment {
        let minutes = self.0.load(Ordering::SeqCst);
        Moment::from_micros((28_000_000 + minutes) * 60_000_000).unwrap()
    }
}

#[tokio::test]
async fn a_session_ends_after_half_an_hour_without_a_request_and_is_renewed_before() {
    let clock = Arc::new(Minutes(AtomicI64::new(0)));
    let place = Arc::new(Place::new(Db::Sqlite).await);
    let change = |config: &mut Config| {
        ann_and_bob(config);
        config.gws.csrf = true;
    };
    let server = Server::by(place, clock.clone(), change).await;
    let first = ask(&server, "GET", ME, &[ANN]).await;
    let (cookie, token) = (first.cookie().unwrap(), first.header("x-csrf-token"));
    let come_back = async |minute: i64, cookie: &str| {
        clock.0.store(minute, Ordering::SeqCst);
        ask(&server, "GET", ME, &[("cookie", cookie)]).await
    };
    assert!(come_back(14, &cookie).await.cookie().is_none());
    let renewed = come_back(15, &cookie).await;
    let longer = renewed.cookie().expect("half of its time is over");
    assert_eq!(
        renewed.header("x-csrf-token"),
        token,
        "it is the same session"
    );
    assert_eq!(come_back(29, &cookie).await.status, 200);
    assert!(come_back(30, &cookie).await.is_denied());
    assert_eq!(come_back(44, &longer).await.status, 200);
    assert!(come_back(45, &longer).await.is_denied());
}

#[tokio::test]
async fn a_cookie_goes_over_tls_alone_where_the_address_says_so_and_to_other_sites_where_they_may_call()
 {
    let set = |change: fn(&mut Config)| async move {
        let server = desk(change).await;
        let answer = ask(&server, "GET", ME, &[ANN]).await;
        answer.header("set-cookie").unwrap().to_owned()
    };
    let secure = set(|config| config.gws.base_url = "https://annals.example".into()).await;
    assert!(
        secure.contains("SameSite=Lax") && secure.contains("; Secure"),
        "{secure}"
    );
    let near = set(|config| config.gws.allow_origins = vec!["http://localhost:3000".into()]).await;
    assert!(
        near.contains("SameSite=Lax") && !near.contains("; Secure"),
        "{near}"
    );
    let others = set(|config| config.gws.allow_origins = vec!["https://desk.example".into()]).await;
    assert!(
        others.contains("SameSite=None") && others.contains("; Secure"),
        "{others}"
    );
}

#[tokio::test]
async fn with_csrf_on_what_changes_something_needs_the_token_that_every_get_brings() {
    let server = desk(|config| config.gws.csrf = true).await;
    let first = ask(&server, "GET", ME, &[ANN]).await;
    assert_eq!(first.header("x-csrf-header"), Some("X-CSRF-TOKEN"));
    let (cookie, token) = (
        first.cookie().unwrap(),
        first.header("x-csrf-token").unwrap(),
    );
    let come_back = ask(&server, "GET", ME, &[("cookie", &cookie)]).await;
    assert_eq!(
        come_back.header("x-csrf-token"),
        Some(token),
        "as long as the session"
    );
    let other = ask(&server, "GET", ME, &[BOB]).await;
    let others_token = other.header("x-csrf-token").unwrap();
    let right = [("cookie", cookie.as_str()), ("x-csrf-token", token)];
    let posted = ask(&server, "POST", ME, &right).await;
    assert_eq!(posted.status, 200, "{}", posted.text);
    assert!(
        posted.header("x-csrf-token").is_none(),
        "only a GET brings it"
    );
    for wrong in [
        &[("cookie", cookie.as_str())][..],
        &[("cookie", &cookie), ("x-csrf-token", others_token)],
        &[("cookie", &cookie), ("x-csrf-token", "")],
        &[ANN, ("x-csrf-token", token)],
        &[ANN],
    ] {
        for method in ["POST", "PUT", "DELETE"] {
            let answer = ask(&server, method, ME, wrong).await;
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (403, "Missing or invalid Csrf token"),
                "{method} {wrong:?}"
            );
        }
    }
    assert!(
        ask(&server, "POST", ME, &[("x-csrf-token", token)])
            .await
            .is_denied()
    );
    let off = desk(|_| {}).await;
    let answer = ask(&off, "GET", ME, &[ANN]).await;
    assert!(answer.header("x-csrf-header").is_none() && answer.header("x-csrf-token").is_none());
}

#[tokio::test]
async fn pages_of_the_web_sites_named_may_call_and_ask_beforehand_without_sign_in() {
    let site = "https://desk.example";
    let server = desk(|config| {
        config.gws.allow_origins = vec![site.into()];
        config.gws.csrf = true;
    })
    .await;
    let beforehand = [
        ("origin", site),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-type,x-csrf-token",
        ),
    ];
    let leave = ask(&server, "OPTIONS", "/api/v2/me/chats/x", &beforehand).await;
    assert_eq!(leave.status, 200);
    assert_eq!(leave.header("access-control-allow-origin"), Some(site));
    assert_eq!(
        leave.header("access-control-allow-credentials"),
        Some("true")
    );
    let methods = leave.header("access-control-allow-methods").unwrap();
    let headers = leave
        .header("access-control-allow-headers")
        .unwrap()
        .to_lowercase();
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
        assert!(methods.contains(method), "{methods}");
    }
    for header in [
        "content-type",
        "authorization",
        "x-csrf-token",
        "contactcenterid",
        "ssid",
        "surl",
    ] {
        assert!(headers.contains(header), "{headers}");
    }
    let called = ask(&server, "GET", ME, &[("origin", site), ANN]).await;
    assert_eq!(
        (called.status, called.header("access-control-allow-origin")),
        (200, Some(site))
    );
    let exposed = called
        .header("access-control-expose-headers")
        .unwrap()
        .to_lowercase();
    assert!(
        exposed.contains("x-csrf-header") && exposed.contains("x-csrf-token"),
        "{exposed}"
    );
    let (cookie, token) = (
        called.cookie().unwrap(),
        called.header("x-csrf-token").unwrap(),
    );
    let posted = [
        ("origin", site),
        ("cookie", &cookie),
        ("x-csrf-token", token),
    ];
    assert_eq!(ask(&server, "POST", ME, &posted).await.status, 200);
    let denied = ask(&server, "GET", ME, &[("origin", site)]).await;
    assert!(denied.is_denied());
    assert_eq!(
        denied.header("access-control-allow-origin"),
        Some(site),
        "the page may read why"
    );
    let other = ask(
        &server,
        "GET",
        ME,
        &[("origin", "https://evil.example"), ANN],
    )
    .await;
    assert!(other.header("access-control-allow-origin").is_none());
    let closed = desk(|_| {}).await;
    let nothing = ask(&closed, "OPTIONS", ME, &beforehand).await;
    assert!(nothing.header("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn a_page_of_another_web_site_changes_nothing_by_the_cookie_that_a_browser_adds() {
    let server =
        desk(|config| config.gws.allow_origins = vec!["https://desk.example".into()]).await;
    let cookie = ask(&server, "GET", ME, &[ANN]).await.cookie().unwrap();
    let from = |origin: &'static str| [("cookie", cookie.clone()), ("origin", origin.to_owned())];
    for (origin, wanted) in [
        ("https://evil.example", 403),
        ("null", 403),
        ("https://desk.example", 200),
    ] {
        let headers = from(origin);
        let headers = headers
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let answer = ask(&server, "POST", ME, &headers).await;
        assert_eq!(answer.status, wanted, "{origin}: {}", answer.text);
        assert_eq!(
            answer.json()["statusCode"],
            if wanted == 200 { 0 } else { 3 }
        );
    }
    let own = server.base.clone();
    assert_eq!(
        ask(
            &server,
            "POST",
            ME,
            &[("cookie", &cookie), ("origin", &own)]
        )
        .await
        .status,
        200
    );
}

#[tokio::test]
async fn many_wrong_passwords_make_the_next_ones_wait_but_not_who_is_at_work() {
    let users = vec![user("ann", "open: sesame"), user("bob", "b")];
    let server = desk(|config| config.gws.users.clone_from(&users)).await;
    let cookie = ask(&server, "GET", ME, &[BOB]).await.cookie().unwrap();
    let server = Server::at(server.stop().await, |config| config.gws.users = users).await;
    assert_eq!(ask(&server, "GET", ME, &[ANN]).await.status, 200);
    for _ in 0..5 {
        for name in ["ann", "bob", "eve"] {
            let wrong = format!("{name}:guess");
            assert!(
                ask(&server, "GET", ME, &[("basic", &wrong)])
                    .await
                    .is_denied()
            );
        }
    }
    for name in ["ann", "bob", "eve"] {
        // the delay grows with each wrong password, and test machines are busy
        let mut slowed = false;
        for _ in 0..4 {
            let wrong = format!("{name}:guess");
            let answer = ask(&server, "GET", ME, &[("basic", &wrong)]).await;
            if answer.status == 429 {
                let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=60).contains(&wait));
                assert_eq!(answer.json()["statusCode"], 20);
                assert!(!answer.text.contains("guess") && !answer.text.contains(name));
                slowed = true;
                break;
            }
        }
        assert!(slowed, "{name}");
    }
    let remembered = ask(&server, "GET", ME, &[ANN]).await;
    assert_eq!(remembered.status, 200, "it was right a moment ago");
    let session = ("cookie", cookie.as_str());
    for at_work in [&[session][..], &[session, BOB]] {
        assert_eq!(ask(&server, "GET", ME, at_work).await.status, 200);
    }
}

#[tokio::test]
async fn without_users_this_machine_gets_in_under_any_name_and_nobody_else() {
    let server = Server::start(Db::Sqlite).await;
    let me = ask(&server, "GET", ME, &[]).await;
    assert_eq!(
        (me.status, &me.json()["user"]["id"]),
        (200, &json!("anonymous"))
    );
    assert!(me.cookie().is_none());
    let named = ask(&server, "GET", ME, &[("basic", "eve:whatever")]).await;
    assert_eq!(named.json()["user"]["id"], "eve");
    let cookie = named.cookie().unwrap();
    assert_eq!(
        ask(&server, "GET", ME, &[("cookie", &cookie)]).await.json()["user"]["id"],
        "eve"
    );
    assert!(
        ask(&server, "GET", ME, &[("basic", "e\u{1}:x")])
            .await
            .is_denied()
    );
    for elsewhere in [("origin", "https://evil.example"), ("host", "evil.example")] {
        assert!(
            ask(&server, "GET", ME, &[elsewhere]).await.is_denied(),
            "{elsewhere:?}"
        );
    }
    let users = Server::at(server.stop().await, ann_and_bob).await;
    assert!(
        ask(&users, "GET", ME, &[("cookie", &cookie)])
            .await
            .is_denied(),
        "what was free for all is worth nothing now"
    );
    let csrf = Server::with(Db::Sqlite, |config| config.gws.csrf = true).await;
    let first = ask(&csrf, "GET", ME, &[]).await;
    let (cookie, token) = (
        first.cookie().unwrap(),
        first.header("x-csrf-token").unwrap(),
    );
    assert_eq!(
        ask(
            &csrf,
            "POST",
            ME,
            &[("cookie", &cookie), ("x-csrf-token", token)]
        )
        .await
        .status,
        200
    );
    assert_eq!(
        ask(&csrf, "POST", ME, &[]).await.text,
        "Missing or invalid Csrf token"
    );
}

#[tokio::test]
async fn without_users_nobody_gets_in_once_a_token_exists_or_where_anybody_may_call() {
    let server = Server::start(Db::Sqlite).await;
    let made = run(&server.place.url, &["token", "create"]).await;
    let begun = std::time::Instant::now();
    let denied = loop {
        let answer = ask(&server, "GET", ME, &[("basic", "eve:x")]).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(begun.elapsed() < PATIENCE, "the server does not notice");
    };
    assert!(
        denied.is_denied() && denied.text.contains("[gws] users"),
        "{}",
        denied.text
    );
    let bearer = format!("Bearer {}", made.out.trim());
    assert!(
        ask(&server, "GET", ME, &[("authorization", &bearer)])
            .await
            .is_denied()
    );
    let open = Server::with(Db::Sqlite, |config| config.server.insecure = true).await;
    assert!(ask(&open, "GET", ME, &[]).await.is_denied());
    let with_users = desk(|config| config.server.insecure = true).await;
    assert!(ask(&with_users, "GET", ME, &[]).await.is_denied());
    assert_eq!(ask(&with_users, "GET", ME, &[ANN]).await.status, 200);
}

/// Runs `annals gws-user` with a text on its standard input.
async fn hashed(place: &Place, name: &str, typed: &str) -> Ran {
    let mut command = annals(&place.url, &["gws-user", name]);
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // a command that is refused at once reads no input
    let _ = stdin.write_all(typed.as_bytes()).await;
    drop(stdin);
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    Ran {
        code: ended.status.code(),
        out: String::from_utf8(ended.stdout).unwrap(),
        told: String::from_utf8(ended.stderr).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_makes_what_the_settings_take_and_no_log_tells_a_password() {
    let place = Arc::new(Place::new(Db::Sqlite).await);
    let ann = hashed(&place, "ann", "open sesame \r\nmore\n").await;
    assert_eq!((ann.code, ann.told.as_str()), (Some(0), ""));
    assert!(
        ann.out.starts_with("ann:$argon2id$v=19$m=19456,t=2,p=1$") && ann.out.lines().count() == 1,
        "{}",
        ann.out
    );
    assert_ne!(
        hashed(&place, "ann", "open sesame \n").await.out,
        ann.out,
        "each has its salt"
    );
    for (name, typed) in [
        ("a:b", "x\n"),
        ("", "x\n"),
        (" a", "x\n"),
        ("ann", "\n"),
        ("ann", ""),
    ] {
        let refused = hashed(&place, name, typed).await;
        assert_eq!(
            (refused.code, refused.out.as_str()),
            (Some(1), ""),
            "{refused:?}"
        );
    }

    let file = place.path().join("annals.toml");
    std::fs::write(&file, format!("[gws]\nusers = [\"{}\"]\n", ann.out.trim())).unwrap();
    let mut command = annals(&place.url, &SERVE);
    command
        .env("ANNALS_CONFIG", &file)
        .env("ANNALS_LOG_LEVEL", "trace");
    let process = Process::start(&place, command).await;
    let first = ask(&process, "GET", ME, &[("basic", "ann:open sesame ")]).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert!(
        ask(&process, "GET", ME, &[("basic", "ann:open sesame")])
            .await
            .is_denied()
    );
    let cookie = first.cookie().unwrap();
    assert_eq!(
        ask(&process, "GET", ME, &[("cookie", &cookie)])
            .await
            .status,
        200
    );
    let told = process.told();
    assert!(told.contains(ME), "requests are told at this level");
    let encoded = "YW5uOm9wZW4gc2VzYW1l";
    for secret in ["sesame", encoded, &cookie["JSESSIONID=".len()..], "$argon2"] {
        assert!(!told.contains(secret), "{secret}");
    }
    process.stop().await;

    // hashes contain commas, and so does the variable
    let mut command = annals(&place.url, &SERVE);
    command.env("ANNALS_GWS_USERS", format!("{}, bob:plain", ann.out.trim()));
    let process = Process::start(&place, command).await;
    assert_eq!(
        ask(&process, "GET", ME, &[("basic", "ann:open sesame ")])
            .await
            .status,
        200
    );
    assert_eq!(
        ask(&process, "GET", ME, &[("basic", "bob:plain")])
            .await
            .status,
        200
    );
    process.stop().await;

    std::fs::write(&file, "[gws]\nusers = [\"ann:open sesame\"]\n").unwrap();
    let mut command = annals(&place.url, &SERVE);
    command.env("ANNALS_CONFIG", &file);
    let Err(refused) = Process::try_start(&place, command).await else {
        panic!("a plain password in a file was taken");
    };
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.told.contains("annals gws-user ann") && !refused.told.contains("sesame"),
        "{}",
        refused.told
    );
    let mut command = annals(&place.url, &["gws-user", "ann"]);
    command.env("ANNALS_CONFIG", &file);
    let asked = command.output().await.unwrap();
    assert!(
        String::from_utf8_lossy(&asked.stderr).contains("the password is empty"),
        "it works while the settings do not"
    );
    let help = run(&place.url, &["--help"]).await.out;
    assert!(help.contains("gws-user"), "{help}");
}
