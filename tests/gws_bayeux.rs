//! The Bayeux protocol at `/api/v2/notifications` without a library: valid messages are answered as
//! the reference says, invalid ones are refused, and the server keeps running.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::both;
use crate::support::Server;
use crate::support::listener::Listener;

const PATH: &str = "/api/v2/notifications";
/// Far below the default time that a connect is held, far above the time of an answer.
const SOON: Duration = Duration::from_secs(10);

/// Posts messages without a user; returns the status and the body.
async fn post(server: &Server, messages: Value) -> (u16, Value) {
    server.post(PATH, messages).await
}

/// The replies to accepted messages.
async fn replies(server: &Server, messages: Value) -> Vec<Value> {
    let (status, replies) = post(server, messages).await;
    assert_eq!(status, 200, "{replies}");
    replies.as_array().expect("a list").clone()
}

/// The only reply to a message.
async fn reply(server: &Server, message: Value) -> Value {
    let mut all = replies(server, message).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn handshake() -> Value {
    json!({"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]})
}

async fn session(server: &Server) -> String {
    let reply = reply(server, handshake()).await;
    reply["clientId"].as_str().expect("a session").to_owned()
}

async fn subscribe(server: &Server, session: &str, subscription: Value) -> Value {
    let message =
        json!({"channel": "/meta/subscribe", "clientId": session, "subscription": subscription});
    reply(server, message).await
}

fn connect(session: &str, millis: u64) -> Value {
    json!({"channel": "/meta/connect", "connectionType": "long-polling", "clientId": session, "advice": {"timeout": millis}})
}

async fn chat(server: &Server, id: &str, owner: Option<&str>) {
    server
        .record(json!({"id": id, "mediaType": "chat", "ownerId": owner}))
        .await;
}

fn names(replies: &[Value], field: &str) -> Value {
    replies.iter().map(|reply| reply[field].clone()).collect()
}

/// The chats that messages are about.
fn about(messages: &[Value]) -> Value {
    let chats = messages
        .iter()
        .filter(|message| message["data"].is_object());
    chats
        .map(|message| message["data"]["chat"]["id"].clone())
        .collect()
}

/// A connect that the server holds.
struct Held(tokio::task::JoinHandle<(u16, Vec<Value>)>);

impl Held {
    /// Sends a connect, and checks that it is not answered at once.
    async fn by(server: &Server, session: &str) -> Self {
        let request = server.request("POST", PATH).json(&connect(session, 60_000));
        let mut held = tokio::spawn(async move {
            let response = request.send().await.expect("the server answers");
            let status = response.status().as_u16();
            let text = response.text().await.expect("the answer arrives whole");
            (status, serde_json::from_str(&text).unwrap_or_default())
        });
        let answer = tokio::time::timeout(Duration::from_millis(300), &mut held).await;
        assert!(answer.is_err(), "it is not held: {answer:?}");
        Self(held)
    }

    /// The answer, which must come soon.
    async fn answer(self) -> (u16, Vec<Value>) {
        let answer = tokio::time::timeout(SOON, self.0).await;
        answer.expect("it is released").expect("it is answered")
    }
}

/// Checks that the server answers a new client and notifies it of a change.
async fn still_serves(server: &Server) {
    let mut listener = Listener::of(server, None, &["/**"]).await;
    server.record(json!({"mediaType": "chat"})).await;
    listener.exactly(server, 1).await;
}

both! {
    async fn one_message_or_several_are_answered_in_order_on_every_path(db) {
        let server = Server::start(db).await;
        for path in ["", "/", "/handshake", "/connect", "/what/ever"] {
            let path = format!("{PATH}{path}");
            let mut single = handshake();
            single["id"] = json!("first");
            let (status, replies) = server.post(&path, single).await;
            assert_eq!((status, &replies[0]["id"]), (200, &json!("first")));
            let session = &replies[0]["clientId"];
            let several = json!([
                {"id": "a", "channel": "/meta/subscribe", "clientId": session, "subscription": "/v2/me/chats"},
                {"id": 7, "channel": "/meta/connect", "clientId": session, "connectionType": "long-polling"},
                {"channel": "/meta/unsubscribe", "clientId": session, "subscription": "/v2/me/chats"},
                {"id": "d", "channel": "/meta/disconnect", "clientId": session},
            ]);
            let begun = Instant::now();
            let answer = server.request("POST", &path).json(&several).send().await.unwrap();
            assert!(begun.elapsed() < SOON, "a connect among others is not held");
            assert_eq!(answer.headers()["content-type"], "application/json;charset=UTF-8");
            let replies: Vec<Value> = answer.json().await.unwrap();
            assert_eq!(names(&replies, "channel"), json!(["/meta/subscribe", "/meta/connect", "/meta/unsubscribe", "/meta/disconnect"]));
            assert_eq!(names(&replies, "id"), json!(["a", 7, null, "d"]));
            assert_eq!(names(&replies, "successful"), json!([true, true, true, true]));
        }
    }

    async fn a_handshake_opens_a_session_that_cannot_be_guessed_and_says_how_to_go_on(db) {
        let server = Server::start(db).await;
        let mut asks = handshake();
        asks["ext"] = json!({"ack": true});
        let with = reply(&server, json!([asks])).await;
        let without = reply(&server, json!([handshake()])).await;
        for reply in [&with, &without] {
            assert_eq!((&reply["successful"], &reply["version"]), (&json!(true), &json!("1.0")), "{reply}");
            assert_eq!(reply["supportedConnectionTypes"], json!(["long-polling"]));
            assert_eq!((&reply["advice"]["reconnect"], &reply["advice"]["interval"], &reply["advice"]["timeout"]), (&json!("retry"), &json!(0), &json!(30_000)));
            // 128 bits, in any encoding
            assert!(reply["clientId"].as_str().unwrap().len() >= 22, "{reply}");
        }
        assert_ne!(with["clientId"], without["clientId"]);
        assert_eq!((&with["ext"]["ack"], &without["ext"]), (&json!(true), &Value::Null));
    }

    async fn a_handshake_that_cannot_be_met_is_refused(db) {
        let server = Server::start(db).await;
        let session = session(&server).await;
        let subscribe = json!({"channel": "/meta/subscribe", "clientId": session, "subscription": "/**"});
        for together in [json!([handshake(), subscribe]), json!([subscribe, handshake()]), json!([handshake(), handshake()])] {
            assert_eq!(post(&server, together).await.0, 400);
        }
        for (field, value) in [
            ("supportedConnectionTypes", json!(["websocket", "callback-polling"])),
            ("supportedConnectionTypes", json!([])),
            ("supportedConnectionTypes", Value::Null),
            ("version", Value::Null),
        ] {
            let mut asks = handshake();
            asks[field] = value;
            let reply = reply(&server, json!([asks])).await;
            assert_eq!((&reply["successful"], &reply["advice"]["reconnect"]), (&json!(false), &json!("none")), "{reply}");
            assert!(reply["error"].is_string() && reply.get("clientId").is_none(), "{reply}");
        }
        still_serves(&server).await;
    }

    async fn a_subscription_is_a_channel_a_pattern_or_several(db) {
        let server = Server::start(db).await;
        for (n, subscription) in [json!("/v2/me/chats"), json!("/v2/me/*"), json!("/v2/**"), json!("/**"), json!(["/v2/me/emails", "/v2/me/chats"])].into_iter().enumerate() {
            let session = session(&server).await;
            let confirmed = subscribe(&server, &session, subscription.clone()).await;
            assert_eq!((&confirmed["successful"], &confirmed["subscription"]), (&json!(true), &subscription));
            let id = format!("c{n}");
            chat(&server, &id, None).await;
            let told = replies(&server, connect(&session, 60_000)).await;
            assert_eq!(about(&told), json!([id]), "{subscription}");
        }
    }

    async fn a_channel_that_is_not_there_cannot_be_subscribed_to(db) {
        let server = Server::start(db).await;
        let session = session(&server).await;
        for channel in ["/v2/me/others", "/v1/me/chats", "/meta/connect", "/meta/*", "/meta/**", "/service/x", "/v2/me/chats/*", "v2/me/chats", "", "/", "/v2/**/chats", "/v2/me/***"] {
            for subscription in [json!(channel), json!(["/v2/me/chats", channel])] {
                let refused = subscribe(&server, &session, subscription.clone()).await;
                assert_eq!((&refused["successful"], &refused["error"]), (&json!(false), &json!("403::subscribe_denied")), "{subscription}");
                assert_eq!(refused["subscription"], subscription);
            }
        }
        let missing = reply(&server, json!({"channel": "/meta/subscribe", "clientId": session})).await;
        assert_eq!((&missing["successful"], &missing["error"]), (&json!(false), &json!("403::subscription_missing")));
        // and the valid ones among the invalid had no effect
        chat(&server, "c", None).await;
        assert_eq!(about(&replies(&server, connect(&session, 300)).await), json!([]));
    }

    async fn a_client_only_listens(db) {
        let server = Server::start(db).await;
        let session = session(&server).await;
        subscribe(&server, &session, json!("/**")).await;
        let several = json!([
            {"id": "1", "channel": "/v2/me/chats", "clientId": session, "data": {"chat": {"id": "made up"}}},
            {"id": "2", "channel": "/v2/me/chats", "data": {}},
            {"id": "3", "channel": "/service/x", "clientId": session, "data": "x"},
            {"id": "4", "channel": "/meta/unheard-of", "clientId": session},
            {"id": "5", "clientId": session},
            {"id": "6", "channel": "", "clientId": session},
            {"id": "7", "channel": "/meta/subscribe", "clientId": session, "subscription": "/v2/me/chats"},
        ]);
        let all = replies(&server, several).await;
        assert_eq!(names(&all, "id"), json!(["1", "2", "3", "4", "5", "6", "7"]));
        assert_eq!(names(&all, "successful"), json!([false, false, false, false, false, false, true]));
        for publish in &all[..3] {
            assert_eq!(publish["error"], "403::publish_denied");
        }
        assert!(all[3]["error"].as_str().unwrap().starts_with("404:"), "{}", all[3]);
        assert_eq!((&all[4]["error"], &all[5]["error"]), (&json!("400::channel_missing"), &json!("400::channel_missing")));
        assert_eq!(about(&replies(&server, connect(&session, 300)).await), json!([]));
    }

    async fn who_has_no_session_is_told_to_shake_hands(db) {
        let server = Server::start(db).await;
        for id in [Value::Null, json!(""), json!("made-up"), json!("x".repeat(100_000))] {
            let several = json!([
                {"channel": "/meta/connect", "clientId": id, "connectionType": "long-polling"},
                {"channel": "/meta/subscribe", "clientId": id, "subscription": "/**"},
                {"channel": "/meta/unsubscribe", "clientId": id, "subscription": "/**"},
                {"channel": "/meta/disconnect", "clientId": id},
            ]);
            let all = replies(&server, several).await;
            for reply in &all {
                assert_eq!((&reply["successful"], &reply["error"]), (&json!(false), &json!("402::session_unknown")));
            }
            assert_eq!(all[0]["advice"]["reconnect"], "handshake");
        }
    }

    async fn a_session_serves_its_own_user_only(db) {
        let server = Server::start(db).await;
        let mut ann = Listener::of(&server, Some("ann"), &["/v2/me/chats"]).await;
        ann.connect(&server, 0).await;
        let basic = |name| {
            let request = server.request("POST", PATH).basic_auth(name, Some("any"));
            request.build().unwrap().headers()["authorization"].to_str().unwrap().to_owned()
        };
        let bob = basic("bob");
        let meddling = json!([
            {"channel": "/meta/connect", "clientId": ann.id, "connectionType": "long-polling", "ext": {"ack": 1_000}},
            {"channel": "/meta/subscribe", "clientId": ann.id, "subscription": "/v2/me/emails"},
            {"channel": "/meta/unsubscribe", "clientId": ann.id, "subscription": "/v2/me/chats"},
            {"channel": "/meta/disconnect", "clientId": ann.id},
        ]);
        let meddle = async {
            let (status, all) = server.post_with(PATH, &[("authorization", bob.as_str())], meddling).await;
            let all = all.as_array().unwrap().clone();
            assert_eq!((status, names(&all, "error")), (200, json!(vec!["402::session_unknown"; 4])));
            assert_eq!(all[0]["advice"]["reconnect"], "handshake");
            server.record(json!({"id": "e", "mediaType": "email", "ownerId": "ann"})).await;
            chat(&server, "his", Some("bob")).await;
            chat(&server, "hers", Some("ann")).await;
        };
        // held during the interference
        let ((reply, messages), ()) = tokio::join!(ann.connect(&server, 20_000), meddle);
        assert_eq!((&reply["successful"], about(&messages)), (&json!(true), json!(["hers"])));
    }

    async fn a_connect_is_held_until_there_is_news(db) {
        let server = Server::start(db).await;
        let session = session(&server).await;
        subscribe(&server, &session, json!("/v2/me/chats")).await;
        let begun = Instant::now();
        assert_eq!(about(&replies(&server, connect(&session, 0)).await), json!([]));
        assert!(begun.elapsed() < SOON, "one that wants no wait has none");
        let held = Held::by(&server, &session).await;
        server.record(json!({"mediaType": "email"})).await;
        chat(&server, "c", None).await;
        let (status, told) = held.answer().await;
        assert_eq!((status, about(&told)), (200, json!(["c"])));
        assert_eq!(names(&told, "channel"), json!(["/v2/me/chats", "/meta/connect"]));
        assert_eq!(told[1]["successful"], true);
    }

    async fn a_connect_without_news_is_answered_when_its_time_is_over(db) {
        let server = Server::with(db, |config| config.gws.timeout_seconds = 1).await;
        let session = session(&server).await;
        subscribe(&server, &session, json!("/**")).await;
        for (wanted, least) in [(60_000, 1_000), (400, 400)] {
            let begun = Instant::now();
            let told = replies(&server, connect(&session, wanted)).await;
            let took = begun.elapsed();
            assert_eq!(names(&told, "successful"), json!([true]));
            assert!(took >= Duration::from_millis(least) && took < SOON, "{took:?}");
        }
    }

    async fn a_disconnect_releases_the_connect_that_is_held(db) {
        let server = Server::start(db).await;
        let session = session(&server).await;
        let held = Held::by(&server, &session).await;
        let goodbye = json!({"channel": "/meta/disconnect", "clientId": session});
        assert_eq!(reply(&server, goodbye).await["successful"], true);
        let (status, told) = held.answer().await;
        assert_eq!((status, names(&told, "channel")), (200, json!(["/meta/connect"])));
        let gone = reply(&server, connect(&session, 0)).await;
        assert_eq!(gone["error"], "402::session_unknown");
    }

    async fn of_two_connects_the_older_makes_way(db) {
        let server = Server::start(db).await;
        let session = session(&server).await;
        subscribe(&server, &session, json!("/v2/me/chats")).await;
        let older = Held::by(&server, &session).await;
        let newer = Held::by(&server, &session).await;
        let (status, told) = older.answer().await;
        assert!(status >= 400 && told.is_empty(), "{status} {told:?}");
        chat(&server, "c", None).await;
        let (status, told) = newer.answer().await;
        assert_eq!((status, about(&told)), (200, json!(["c"])));
    }

    async fn a_server_that_stops_lets_go_of_what_it_holds(db) {
        let server = Server::start(db).await;
        let session = session(&server).await;
        let held = Held::by(&server, &session).await;
        let begun = Instant::now();
        server.stop().await;
        assert!(begun.elapsed() < SOON);
        let (status, told) = held.answer().await;
        assert_eq!((status, names(&told, "successful")), (200, json!([true])));
    }

    async fn a_client_that_goes_away_in_the_midst_finds_what_came_meanwhile(db) {
        let server = Server::start(db).await;
        let mut listener = Listener::of(&server, None, &["/v2/me/chats"]).await;
        let patience = Duration::from_millis(300);
        let held = tokio::time::timeout(patience, listener.connect(&server, 60_000)).await;
        assert!(held.is_err(), "it is not held: {held:?}");
        chat(&server, "c", None).await;
        assert_eq!(about(&listener.exactly(&server, 1).await), json!(["c"]));
    }

    async fn messages_are_sent_again_until_they_are_acknowledged(db) {
        let server = Server::start(db).await;
        let mut asks = handshake();
        asks["ext"] = json!({"ack": true});
        let session = reply(&server, asks).await["clientId"].as_str().unwrap().to_owned();
        subscribe(&server, &session, json!("/v2/me/chats")).await;
        let connect = |ack: Value| {
            let mut message = connect(&session, 300);
            message["ext"] = json!({ "ack": ack });
            message
        };
        let empty = replies(&server, connect(json!(0))).await;
        let begin = empty[0]["ext"]["ack"].clone();
        chat(&server, "a", None).await;
        chat(&server, "b", None).await;
        let begun = Instant::now();
        let mut first = replies(&server, connect(begin.clone())).await;
        while about(&first) != json!(["a", "b"]) {
            assert!(begun.elapsed() < SOON, "{first:?}");
            first = replies(&server, connect(begin.clone())).await;
        }
        // as if the answer was lost, and as if the client acknowledged something wrong
        for lost in [begin.clone(), json!(0), json!(-5), json!(i64::MAX)] {
            assert_eq!(about(&replies(&server, connect(lost)).await), json!(["a", "b"]));
        }
        chat(&server, "c", None).await;
        let batch = first.last().unwrap()["ext"]["ack"].clone();
        let second = replies(&server, connect(batch.clone())).await;
        assert_eq!(about(&second), json!(["c"]));
        assert!(second.last().unwrap()["ext"]["ack"].as_i64() > batch.as_i64());
        let third = replies(&server, connect(second.last().unwrap()["ext"]["ack"].clone())).await;
        assert_eq!(about(&third), json!([]));
    }

    async fn without_acknowledgement_a_message_is_sent_once(db) {
        let server = Server::start(db).await;
        let session = session(&server).await;
        subscribe(&server, &session, json!("/**")).await;
        chat(&server, "c", None).await;
        let first = replies(&server, connect(&session, 5_000)).await;
        let second = replies(&server, connect(&session, 300)).await;
        assert_eq!((about(&first), about(&second)), (json!(["c"]), json!([])));
        assert!(first.last().unwrap().get("ext").is_none(), "{first:?}");
    }

    async fn what_is_no_list_of_messages_is_refused_and_the_server_goes_on(db) {
        let server = Server::start(db).await;
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let within = |field: &str| format!(r#"[{{"channel": "/v2/me/chats", "{field}": {}}}]"#, nested(200_000));
        let many = json!(vec![json!({"channel": "/v2/me/chats"}); 10_000]).to_string();
        for body in [
            "", " ", "[]", "null", "[null]", "1", "\"x\"", "[1]", "[[]]", "[{}", "{\"channel\": 7}", "[{\"channel\": {}}]", "{\"channel\": \"/meta/connect\", \"advice\": 7}",
            "message=%5B%5D", "\u{feff}[]", "[{\"id\": {}}]", &format!("[{{\"id\": \"{}\"}}]", "x".repeat(10_000)),
            &nested(400_000), &"[".repeat(900_000), &within("id"), &within("ext"), &within("subscription"), &many,
        ] {
            let (status, answer) = server.post_text(PATH, body.to_owned()).await;
            assert_eq!(status, 400, "{body:.80} is answered with {answer:.200}");
            assert!(answer.to_string().len() > 10, "it says why: {answer}");
        }
        let (status, _) = server.post_text(PATH, vec![b'[', b'"', 0xff, b'"', b']']).await;
        assert_eq!(status, 400, "what is no UTF-8");
        // members that are not read may be nested to any depth
        let all: Vec<Value> = serde_json::from_value(server.post_text(PATH, within("data")).await.1).unwrap();
        assert_eq!(names(&all, "error"), json!(["403::publish_denied"]));
        still_serves(&server).await;
    }

    async fn ten_megabytes_of_nested_arrays_are_too_much(db) {
        let server = Server::start(db).await;
        for body in ["[".repeat(10 * 1024 * 1024), " ".repeat(20 * 1024 * 1024)] {
            assert_eq!(server.post_text(PATH, body).await.0, 413);
        }
        still_serves(&server).await;
    }

    async fn other_ways_of_transport_are_refused(db) {
        let server = Server::start(db).await;
        for kind in ["application/x-www-form-urlencoded", "text/plain", "application/xml"] {
            let request = server.request("POST", PATH).header("content-type", kind).body(json!([handshake()]).to_string());
            assert_eq!(request.send().await.unwrap().status(), 400, "{kind}");
        }
        for method in ["GET", "PUT", "DELETE", "PATCH"] {
            for path in ["", "/", "/connect"] {
                let request = server.request(method, &format!("{PATH}{path}"));
                assert_eq!(request.send().await.unwrap().status(), 400, "{method} {path}");
            }
        }
        let upgrade = server.request("GET", PATH)
            .header("connection", "Upgrade").header("upgrade", "websocket")
            .header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(upgrade.send().await.unwrap().status(), 400);
        still_serves(&server).await;
    }
}
