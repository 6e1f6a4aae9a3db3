//! Web Services: collections with two spellings in the published documents. A client that uses one
//! of them in requests gets that one everywhere.

use std::sync::Arc;

use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::listener::Listener;
use crate::support::process::PATIENCE;
use crate::support::{Db, Server};

const USUAL: [&str; 3] = ["/v2/me/smssessions", "smssessions", "smssession"];
const TWIN: [&str; 3] = ["/v2/me/smsessions", "smsessions", "smsession"];

async fn sms(server: &Server, id: &str) {
    server
        .record(json!({"id": id, "mediaType": "sms", "status": "InProcess"}))
        .await;
}

fn attach() -> Value {
    json!({"operationName": "AttachUserData", "userData": {"n": 1}})
}

/// Attaches UserData by a path, as the client with this cookie if there is one.
async fn attach_by(server: &Server, collection: &str, id: &str, headers: &[(&str, &str)]) {
    let path = format!("/api/v2/me/{collection}/{id}");
    let mut request = server.request("POST", &path).json(&attach());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    assert_eq!(request.send().await.unwrap().status(), 200);
}

async fn attach_natively(server: &Server, id: &str) {
    let edit = json!({"attach": {"n": 2}});
    let (status, _) = server
        .post(&format!("/v1/interactions/{id}/user-data"), edit)
        .await;
    assert_eq!(status, 200);
}

/// Checks that a message has these names and is about this interaction.
fn assert_spelled(message: &Value, [channel, collection, key]: [&str; 3], id: &str) {
    assert_eq!(message["channel"], channel, "{message}");
    let resource = &message["data"][key];
    assert_eq!(resource["id"], id, "{message}");
    let uri = resource["uri"].as_str().unwrap();
    assert!(
        uri.ends_with(&format!("/api/v2/{collection}/{id}")),
        "{uri}"
    );
    assert_eq!(
        message["data"]["messageType"],
        "SMSsessionStateChangeMessage"
    );
}

/// The cookie of a new sign-in session.
async fn cookie(server: &Server, user: &str) -> String {
    let signed_in = server
        .request("GET", "/api/v2/me")
        .basic_auth(user, Some("x"));
    let answer = signed_in.send().await.unwrap();
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// A notified client with a cookie.
struct Desktop {
    cookie: String,
    id: String,
}

impl Desktop {
    async fn of(server: &Server, cookie: String, subscription: &str) -> Self {
        let mut desktop = Self {
            cookie,
            id: String::new(),
        };
        let hello = json!({"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]});
        let id = desktop.send(server, hello).await[0]["clientId"]
            .as_str()
            .unwrap()
            .to_owned();
        desktop.id = id;
        let subscribe = json!({"channel": "/meta/subscribe", "subscription": subscription});
        assert_eq!(desktop.send(server, subscribe).await[0]["successful"], true);
        desktop
    }

    async fn send(&self, server: &Server, mut message: Value) -> Vec<Value> {
        if !self.id.is_empty() {
            message["clientId"] = json!(self.id);
        }
        let request = server
            .request("POST", "/api/v2/notifications")
            .header(COOKIE, &self.cookie);
        let answer = request.json(&json!([message])).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// The next message.
    async fn next(&self, server: &Server) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let connect = json!({"channel": "/meta/connect", "connectionType": "long-polling", "advice": {"timeout": 1000}});
            let mut replies = self.send(server, connect).await;
            let reply = replies.pop().unwrap();
            assert_eq!(reply["successful"], true, "{reply}");
            assert!(replies.len() < 2, "{replies:?}");
            if let Some(message) = replies.pop() {
                return message;
            }
            assert!(begun.elapsed() < PATIENCE, "no message came");
        }
    }
}

both! {
    async fn resources_and_lists_have_the_spelling_of_the_path(db) {
        let server = Server::start(db).await;
        sms(&server, "s").await;
        for [_, collection, key] in [TWIN, USUAL, TWIN] {
            let uri = format!("{}/api/v2/{collection}/s", server.base);
            let path = format!("/{collection}/s");
            let (_, one) = server.get(&format!("/api/v2/me/{collection}/s?fields=uri,path")).await;
            assert_eq!(one[key], json!({"uri": uri, "path": path}), "{one}");
            let (_, one) = server.get(&format!("/api/v2/{collection}/s?fields=uri")).await;
            assert_eq!(one[key]["uri"], json!(uri), "the uri leads to itself");
            let (_, many) = server.get(&format!("/api/v2/me/{collection}?fields=uri")).await;
            assert_eq!(many[collection], json!([{"uri": uri}]), "{many}");
            let (_, uris) = server.get(&format!("/api/v2/me/{collection}")).await;
            assert_eq!(uris["uris"], json!([uri]));
        }
    }

    async fn an_email_in_the_singular_stays_in_the_singular(db) {
        let server = Server::start(db).await;
        let mut listener = Listener::of(&server, None, &["/v2/me/email"]).await;
        server.record(json!({"id": "m", "mediaType": "email"})).await;
        let (_, one) = server.get("/api/v2/me/email/m").await;
        assert_eq!(one["email"]["path"], "/email/m");
        let messages = listener.exactly(&server, 1).await;
        assert_eq!(messages[0]["channel"], "/v2/me/email");
        assert!(messages[0]["data"]["email"]["uri"].as_str().unwrap().ends_with("/email/m"));
    }

    async fn a_client_that_subscribes_to_one_spelling_gets_that_one(db) {
        let server = Server::start(db).await;
        let mut usual = Listener::of(&server, None, &["/v2/me/smssessions"]).await;
        let mut twin = Listener::of(&server, None, &["/v2/me/smsessions"]).await;
        let mut all = Listener::of(&server, None, &["/v2/me/*"]).await;
        sms(&server, "s").await;
        assert_spelled(&usual.exactly(&server, 1).await[0], USUAL, "s");
        assert_spelled(&twin.exactly(&server, 1).await[0], TWIN, "s");
        assert_spelled(&all.exactly(&server, 1).await[0], USUAL, "s");
    }

    async fn a_client_that_asks_by_one_spelling_is_told_of_all_that_follows_in_it(db) {
        let server = Server::start(db).await;
        sms(&server, "s").await;
        for pattern in ["/v2/me/*", "/**"] {
            let mut listener = Listener::of(&server, None, &[pattern]).await;
            for names in [TWIN, USUAL, TWIN] {
                attach_by(&server, names[1], "s", &[]).await;
                attach_natively(&server, "s").await;
                let messages = listener.exactly(&server, 2).await;
                assert_spelled(&messages[0], names, "s");
                assert_spelled(&messages[1], names, "s");
            }
            assert_eq!(listener.connect(&server, 0).await.1, [Value::Null; 0]);
        }
        // a new session of the same client
        let mut listener = Listener::of(&server, None, &["/**"]).await;
        attach_natively(&server, "s").await;
        assert_spelled(&listener.exactly(&server, 1).await[0], TWIN, "s");
    }

    async fn the_choice_of_one_sign_in_session_is_not_that_of_another(db) {
        let server = Server::start(db).await;
        sms(&server, "s").await;
        let (one, other) = (cookie(&server, "ann").await, cookie(&server, "ann").await);
        // a request before it subscribes
        let path = "/api/v2/me/smsessions?fields=id";
        let listed = server.request("GET", path).header(COOKIE, &one).send().await.unwrap();
        assert_eq!(listed.status(), 200);
        let twin = Desktop::of(&server, one.clone(), "/**").await;
        let usual = Desktop::of(&server, other.clone(), "/v2/me/*").await;
        attach_natively(&server, "s").await;
        assert_spelled(&twin.next(&server).await, TWIN, "s");
        assert_spelled(&usual.next(&server).await, USUAL, "s");
        // a request after it subscribes; its subscription has the other spelling
        let mixed = Desktop::of(&server, other.clone(), "/v2/me/smssessions").await;
        attach_by(&server, "smsessions", "s", &[("cookie", &other)]).await;
        assert_spelled(&usual.next(&server).await, TWIN, "s");
        let [_, collection, key] = TWIN;
        assert_spelled(&mixed.next(&server).await, [USUAL[0], collection, key], "s");
    }

    async fn the_choice_outlives_a_restart(db) {
        let server = Server::start(db).await;
        sms(&server, "s").await;
        let cookie = cookie(&server, "ann").await;
        let desktop = Desktop::of(&server, cookie.clone(), "/**").await;
        let mut listener = Listener::of(&server, Some("bob"), &["/**"]).await;
        attach_by(&server, "smsessions", "s", &[("cookie", &cookie)]).await;
        assert_spelled(&desktop.next(&server).await, TWIN, "s");
        assert_spelled(&listener.exactly(&server, 1).await[0], USUAL, "s");
        let server = Server::at(server.stop().await, |_| {}).await;
        attach_natively(&server, "s").await;
        assert_spelled(&desktop.next(&server).await, TWIN, "s");
        assert_spelled(&listener.exactly(&server, 1).await[0], USUAL, "s");
        let again = Desktop::of(&server, cookie, "/v2/me/*").await;
        attach_natively(&server, "s").await;
        assert_spelled(&again.next(&server).await, TWIN, "s");
    }

    async fn history_has_the_spelling_that_was_asked_for_or_chosen(db) {
        let server = Server::start(db).await;
        sms(&server, "s").await;
        server.record(json!({"id": "misspelt", "mediaType": "smsession"})).await;
        let mut direct = Direct::to(&server.place).await;
        let mut rows = async |media: Value| {
            let body = json!({"operationName": "RetrieveInteractionHistory", "mediaType": media});
            let (_, answer) = server.post("/api/v2/ucs/interactions", body).await;
            let sql = format!("SELECT channel, data FROM client_answer WHERE reference_id = {}", answer["referenceId"]);
            let begun = std::time::Instant::now();
            let (_, data) = loop {
                if let Some(found) = direct.pairs(&sql).await.pop() {
                    break found;
                }
                assert!(begun.elapsed() < PATIENCE, "no answer came");
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            };
            let data: Value = serde_json::from_str(&data).unwrap();
            let rows = data["interactions"].as_array().unwrap();
            rows.iter().map(|row| row["mediaType"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(rows(Value::Null).await, ["smssession"; 2]);
        assert_eq!(rows(json!("SMSession")).await, ["smsession"; 2]);
        attach_by(&server, "smsessions", "s", &[]).await;
        assert_eq!(rows(Value::Null).await, ["smsession"; 2]);
        assert_eq!(rows(json!("sms")).await, ["smsession"; 2]);
        assert_eq!(rows(json!("smssession")).await, ["smssession"; 2]);
        let (_, past) = server.get("/api/v2/interactions/s").await;
        assert_eq!(past["interaction"]["mediaType"], "smsession");
    }

    async fn a_choice_is_written_once_and_forgotten_when_it_is_old(db) {
        let server = Server::start(db).await;
        sms(&server, "s").await;
        let mut direct = Direct::to(&server.place).await;
        let count = "SELECT COUNT(*) FROM client_spelling";
        server.get("/api/v2/me/smssessions/s").await;
        assert_eq!(direct.number(count).await, 0, "the usual spelling is no choice where nothing was chosen");
        for _ in 0..3 {
            server.get("/api/v2/me/smsessions/s").await;
        }
        assert_eq!(direct.number(count).await, 1);
        let counter = "SELECT last_cursor FROM journal_head";
        let before = direct.number(counter).await;
        server.get("/api/v2/me/smsessions/s").await;
        assert_eq!(direct.number(counter).await, before);
        assert_eq!(server.journal().await.len(), 1, "a choice is no history");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_choice_holds_on_every_server() {
    let here = Server::start(Db::Postgres).await;
    let there = Server::at(Arc::clone(&here.place), |_| {}).await;
    sms(&here, "s").await;
    let mut listener = Listener::of(&here, Some("ann"), &["/**"]).await;
    let mut other = Listener::of(&here, Some("bob"), &["/**"]).await;
    let credentials = [("authorization", "Basic YW5uOng=")];
    attach_by(&there, "smsessions", "s", &credentials).await;
    assert_spelled(&listener.exactly(&here, 1).await[0], TWIN, "s");
    assert_spelled(&other.exactly(&here, 1).await[0], USUAL, "s");
    attach_natively(&there, "s").await;
    assert_spelled(&listener.exactly(&there, 1).await[0], TWIN, "s");
}
