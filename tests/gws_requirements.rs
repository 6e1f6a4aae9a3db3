//! Web Services: what an operation requires of an interaction must hold when it is written, not
//! when it was requested.

use std::time::Instant;

use serde_json::{Value, json};

use crate::both;
use crate::support::Server;
use crate::support::direct::Direct;
use crate::support::process::PATIENCE;

/// The number of commands in the writer's queue.
async fn queue(server: &Server) -> usize {
    let metrics = server.metrics().await;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("annals_writer_queue_commands "));
    line.unwrap().parse().unwrap()
}

/// Waits until the writer's queue has at least this many commands.
async fn queued(server: &Server, commands: usize) {
    let begun = Instant::now();
    while queue(server).await < commands {
        assert!(begun.elapsed() < PATIENCE, "{commands} commands are queued");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Sends an operation as ann while an earlier change still waits to be written. A read of the
/// interaction before the operation does not see that change.
async fn after(
    server: &Server,
    change: (&str, &str, Value),
    path: &str,
    body: &Value,
) -> (u16, Value) {
    // the server's writes at its start are done
    server.record(json!({"mediaType": "chat"})).await;
    let mut lock = Direct::hold_writer(&server.place).await;
    let before = queue(server).await;
    let (method, at, content) = change;
    let change = server.request(method, at).json(&content).send();
    let operation = async {
        queued(server, before + 1).await;
        let asked = server.request("POST", path).basic_auth("ann", Some("x"));
        let answered = asked.json(body).send();
        let released = async {
            queued(server, before + 2).await;
            lock.execute("ROLLBACK").await;
        };
        tokio::join!(answered, released).0
    };
    let (change, answer) = tokio::join!(change, operation);
    let change = change.unwrap();
    assert!(change.status().is_success(), "{:?}", change.text().await);
    let answer = answer.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The message that answers an operation.
async fn message(server: &Server, answer: &Value) -> Value {
    let reference = answer["referenceId"].as_i64().expect("a reference");
    let mut direct = Direct::to(&server.place).await;
    let sql = format!("SELECT channel, data FROM client_answer WHERE reference_id = {reference}");
    let begun = Instant::now();
    loop {
        if let Some((_, data)) = direct.pairs(&sql).await.pop() {
            return serde_json::from_str(&data).unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "no answer came");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// An operation of each kind that changes something, and its error once the interaction does not
/// meet the requirement.
fn operations() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "chat",
            "/api/v2/me/chats",
            json!({"operationName": "AttachUserData", "userData": {"n": 2}}),
        ),
        (
            "sms",
            "/api/v2/me/smssessions",
            json!({"operationName": "UpdateUserData", "userData": {"n": 2}}),
        ),
        (
            "email",
            "/api/v2/me/emails",
            json!({"operationName": "DeleteUserData", "keys": ["n"]}),
        ),
        (
            "voice",
            "/api/v2/me/calls",
            json!({"operationName": "DeleteUserData"}),
        ),
        (
            "voice",
            "/api/v2/me/calls",
            json!({"operationName": "DeleteUserDataPair", "key": "n"}),
        ),
        (
            "workitem",
            "/api/v2/me/workitems",
            json!({"operationName": "SetDisposition", "disposition": "sold"}),
        ),
        (
            "chat",
            "/api/v2/me/chats",
            json!({"operationName": "Complete"}),
        ),
    ]
}

both! {
    async fn what_was_handed_to_somebody_else_meanwhile_is_not_changed(db) {
        let server = Server::start(db).await;
        for (index, (media_type, collection, body)) in operations().into_iter().enumerate() {
            let id = format!("i{index}");
            server.record(json!({"id": id, "mediaType": media_type, "ownerId": "ann", "status": "InProcess", "userData": {"n": 1}})).await;
            let native = format!("/v1/interactions/{id}");
            let change = ("PATCH", native.as_str(), json!({"ownerId": "bob"}));
            let (status, answer) = after(&server, change, &format!("{collection}/{id}"), &body).await;
            assert_eq!((status, &answer["statusCode"]), (404, &json!(6)), "{body}");
            let (_, stored) = server.get(&native).await;
            assert_eq!((&stored["userData"], &stored["status"], &stored["revision"]), (&json!({"n": 1}), &json!("InProcess"), &json!(2)), "{body}");
        }
    }

    async fn what_became_another_medium_meanwhile_is_not_changed(db) {
        let server = Server::start(db).await;
        for (index, (media_type, collection, body)) in operations().into_iter().enumerate() {
            let id = format!("i{index}");
            server.record(json!({"id": id, "mediaType": media_type, "userData": {"n": 1}})).await;
            let native = format!("/v1/interactions/{id}");
            let change = ("PATCH", native.as_str(), json!({"mediaType": "promotion"}));
            let (status, answer) = after(&server, change, &format!("{collection}/{id}"), &body).await;
            assert_eq!((status, &answer["statusCode"]), (404, &json!(6)), "{body}");
            assert_eq!(server.get(&native).await.1["revision"], 2, "{body}");
        }
    }

    async fn what_was_completed_meanwhile_is_not_completed_again(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "c", "mediaType": "chat", "ownerId": "ann"})).await;
        let change = ("POST", "/v1/interactions/c/stop", json!({"stoppedReason": "left"}));
        let (status, answer) = after(&server, change, "/api/v2/me/chats/c", &json!({"operationName": "Complete"})).await;
        assert_eq!((status, &answer["statusCode"]), (400, &json!(2)));
        assert_eq!(server.get("/v1/interactions/c").await.1["stoppedReason"], "left");
    }

    async fn content_that_somebody_else_added_meanwhile_is_theirs(db) {
        let server = Server::start(db).await;
        let theirs = json!({"id": "p", "mediaType": "promotion", "ownerId": "bob"});
        let add = json!({"operationName": "AddContent", "userData": {"n": 2}});
        let change = ("POST", "/v1/interactions", theirs);
        let (status, answer) = after(&server, change, "/api/v2/me/openmedia/promotion/p", &add).await;
        assert_eq!((status, &answer["statusCode"]), (404, &json!(6)));
        let own = ("POST", "/v1/interactions", json!({"id": "q", "mediaType": "promotion", "ownerId": "ann"}));
        let (status, _) = after(&server, own, "/api/v2/me/openmedia/promotion/q", &add).await;
        assert_eq!(status, 200, "it is there already");
        assert_eq!(server.get("/v1/interactions/q").await.1["userData"], json!({}));
    }

    async fn a_call_that_changed_hands_meanwhile_is_neither_noted_nor_completed(db) {
        let server = Server::start(db).await;
        for (id, body) in [
            ("note", json!({"operationName": "SetCallNote", "note": "n"})),
            ("complete", json!({"operationName": "SetCallCompleted", "userData": {"n": 2}})),
        ] {
            server.record(json!({"id": id, "mediaType": "voice", "ownerId": "ann", "userData": {"n": 1}})).await;
            let native = format!("/v1/interactions/{id}");
            let change = ("PATCH", native.as_str(), json!({"ownerId": "bob"}));
            let (_, answer) = after(&server, change, &format!("/api/v2/ucs/interactions/{id}"), &body).await;
            let data = message(&server, &answer).await;
            assert!(data["errorMessage"].as_str().unwrap().contains("another user"), "{data}");
            assert_eq!(data["success"], false);
            let (_, stored) = server.get(&native).await;
            assert_eq!((&stored["userData"], &stored["status"], &stored["revision"]), (&json!({"n": 1}), &json!("New"), &json!(2)));
        }
    }

    async fn a_call_is_completed_with_its_user_data_or_not_at_all(db) {
        let server = Server::with(db, |config| config.limits.user_data = 100).await;
        server.record(json!({"id": "v", "mediaType": "voice", "startDate": "2024-02-03T10:00:00Z", "userData": {"k": "x".repeat(60)}})).await;
        let complete = async |user_data: Value| {
            let body = json!({"operationName": "SetCallCompleted", "callDuration": 87, "userData": user_data});
            let (_, answer) = server.post("/api/v2/ucs/interactions/v", body).await;
            message(&server, &answer).await
        };
        let data = complete(json!({"more": "y".repeat(60)})).await;
        assert_eq!(data["success"], false, "too much together: {data}");
        let (_, stored) = server.get("/v1/interactions/v").await;
        assert_eq!((&stored["status"], &stored["revision"]), (&json!("New"), &json!(1)));
        assert_eq!(complete(json!({"k": "two"})).await["success"], true);
        let (_, stored) = server.get("/v1/interactions/v").await;
        assert_eq!((&stored["status"], &stored["userData"]), (&json!("Stopped"), &json!({"k": "two"})));
        assert_eq!(stored["endDate"], "2024-02-03T10:01:27Z");
        let journal = server.journal().await;
        let last: Vec<&Value> = journal.iter().rev().take(2).map(|entry| &entry["kind"]).collect();
        assert_eq!(last, ["interaction.stopped", "userData.updated"]);
    }

    async fn a_call_that_somebody_else_recorded_meanwhile_is_found(db) {
        let server = Server::start(db).await;
        let call = json!({"id": "theirs", "mediaType": "voice", "externalId": "call-7", "ownerId": "bob"});
        let find = json!({"operationName": "FindPhoneCall", "callId": "call-7", "status": "New", "phoneNumber": "1", "type": "Inbound"});
        let change = ("POST", "/v1/interactions", call);
        let (_, answer) = after(&server, change, "/api/v2/ucs/interactions", &find).await;
        let data = message(&server, &answer).await;
        assert_eq!((&data["interactionId"], &data["isCreated"]), (&json!("theirs"), &json!("false")));
        // an interaction of another medium is no call, whatever its external identifier
        let chat = ("POST", "/v1/interactions", json!({"mediaType": "chat", "externalId": "call-8"}));
        let mut find = find;
        find["callId"] = json!("call-8");
        let (_, answer) = after(&server, chat, "/api/v2/ucs/interactions", &find).await;
        assert_eq!(message(&server, &answer).await["isCreated"], "true");
    }
}
