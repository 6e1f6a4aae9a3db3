//! Web Services: notifications of subscribers. Checks the published exchanges, down to the JSON of
//! the notification, and the name of each kind of change.

use std::sync::Arc;

use annals::compat::gws::notify::Notify;
use annals::domain::change::Change;
use annals::domain::moment::SystemClock;
use annals::feed::{BASE, COLLECTION, KEY, Message, Translate};
use annals::server::settings;
use annals::store::{ChangesQuery, Schema, Store};
use serde_json::{Value, json};

use crate::both;
use crate::support::listener::Listener;
use crate::support::process::run;
use crate::support::{Server, config};

/// All messages that the journal gives for subscribers, oldest first.
pub async fn told(server: &Server) -> Vec<Message> {
    told_of(server, |_| true).await
}

/// The messages for some journal entries.
async fn told_of(server: &Server, some: impl Fn(&Change) -> bool) -> Vec<Message> {
    let config = config(&server.place.url);
    let settings = settings(&config, Schema::Require, false, Arc::new(SystemClock));
    let store = Store::open(settings).await.unwrap();
    let query = ChangesQuery {
        limit: 1000,
        ..ChangesQuery::default()
    };
    let mut changes = store.reads.changes(1, &query).await.unwrap().items;
    changes.retain(some);
    let told = Notify::new(Arc::clone(&store.reads), config.gws)
        .messages(1, &changes)
        .await
        .unwrap();
    store.close().await;
    told
}

/// The data of a message for a client at this address that chose no spelling.
pub fn data(message: &Message) -> Value {
    let mut data = message.data.replace(BASE, "http://h");
    if let Some(twin) = message.twin {
        data = data.replace(COLLECTION, twin.collection[0]);
        data = data.replace(KEY, twin.key[0]);
    }
    serde_json::from_str(&data).unwrap()
}

/// The cursors of the journal.
pub async fn cursors(server: &Server) -> Vec<i64> {
    let journal = server.journal().await;
    journal
        .iter()
        .map(|entry| entry["cursor"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// The newest cursor of the journal.
pub async fn head(server: &Server) -> i64 {
    cursors(server).await.pop().unwrap()
}

/// The routing keys of the published samples of chat and SMS (`ChatAttachUserData`,
/// `SMSAttachUserData`, `SMSUpdateUserData`).
pub fn routed() -> Value {
    json!({
        "IdentifyCreateContact": "3", "RTargetTypeSelected": "2", "RTargetObjectSelected": "Chat distribution for processing", "RVQID": "", "ChatServerAppName": "es_chat",
        "PegAGChat distribution for processing": 1, "ChatServerHost": "GWS-ubuntu.emea.int.genesyslab.com", "RTargetObjSelDBID": "115", "ChatServerPort": "7160",
        "CBR-Interaction_cost": "", "CBR-contract_DBIDs": "", "RTargetAgentSelected": "12345", "CBR-IT-path_DBIDs": "", "RTargetRuleSelected": "", "RTargetPlaceSelected": "a1",
        "CBR-actual_volume": "", "RTenant": "Environment", "ChatServerDBID": "115", "RRequestedSkills": null, "RRequestedSkillCombination": "", "RVQDBID": "", "RStrategyDBID": "776",
        "CustomerSegment": "default", "ServiceType": "default", "ServiceObjective": 0, "DISP_KEY": "resolved", "RTargetRequested": "Chat distribution for processing",
        "RTargetAgentGroup": "Chat distribution for processing", "RStrategyName": "SimpleChatInStrategy", "Subject": "Customer support"
    })
}

/// The same with the keys of the published request.
fn with(mut document: Value, keys: &Value) -> Value {
    for (key, value) in keys.as_object().unwrap() {
        document[key] = value.clone();
    }
    document
}

fn participants() -> Value {
    json!([
        {"nickname": "test_consult_clientL", "type": "Customer", "participantId": "00715320E9C4003C"},
        {"nickname": "test_consult", "type": "Agent", "participantId": "00715320E9D0003E"}
    ])
}

/// The operations that the samples of chat and SMS list during the session.
const CHATTING: [&str; 13] = [
    "Transfer",
    "Leave",
    "Invite",
    "Consult",
    "SetInFocus",
    "SetDisposition",
    "AttachUserData",
    "DeleteUserData",
    "UpdateUserData",
    "Complete",
    "SendMessage",
    "SendStartTypingNotification",
    "SendStopTypingNotification",
];

/// Replays a published exchange of a session, and compares the reply, the notification, and what is
/// stored.
async fn published(
    server: &Server,
    media_type: &str,
    collection: &str,
    key: &str,
    message_type: &str,
    operation: &str,
    keys: Value,
) {
    let id = format!("{media_type}{operation}");
    let mut before = routed();
    if operation == "UpdateUserData" {
        before = with(
            before,
            &json!({"UserData1": "DATA1", "UserData2": 123_456_789}),
        );
    }
    let interaction = json!({"id": id, "mediaType": media_type, "type": "Inbound", "status": "InProcess", "participants": participants(), "userData": before});
    server.record(interaction).await;
    let body = json!({"operationName": operation, "userData": keys});
    let reply = server
        .post(&format!("/api/v2/me/{collection}/{id}"), body)
        .await;
    assert_eq!(reply, (200, json!({"statusCode": 0})));
    let after = with(before, &keys);
    let last = told(server).await.pop().unwrap();
    let head = head(server).await;
    assert_eq!(
        last.channel,
        "/v2/me/".to_owned()
            + if key == "chat" {
                "chats"
            } else {
                "smssessions"
            }
    );
    let uri = format!(
        "http://h/api/v2/{}/{id}",
        if key == "chat" {
            "chats"
        } else {
            "smssessions"
        }
    );
    let resource = json!({"userData": after, "state": "Chatting", "capabilities": CHATTING, "uri": uri, "participants": participants(), "id": id});
    assert_eq!(
        data(&last),
        json!({"referenceId": head, key: resource, "notificationType": "PropertiesUpdated", "messageType": message_type})
    );
    let (_, stored) = server.get(&format!("/v1/interactions/{id}")).await;
    assert_eq!(
        stored["userData"], after,
        "numbers are numbers, other keys are untouched"
    );
}

both! {
    async fn the_published_exchanges_of_chat_and_sms(db) {
        let server = Server::start(db).await;
        let attached = json!({"UserData1": "DATA1", "UserData2": 123_456_789});
        let updated = json!({"UserData1": 987_654_321, "UserData2": "DATAUPDATE-@123"});
        let sms = "SMSsessionStateChangeMessage";
        published(&server, "chat", "chats", "chat", "ChatStateChangeMessage", "AttachUserData", attached.clone()).await;
        published(&server, "chat", "chats", "chat", "ChatStateChangeMessage", "UpdateUserData", updated.clone()).await;
        published(&server, "smssession", "smssessions", "smssession", sms, "AttachUserData", attached.clone()).await;
        published(&server, "smssession", "smssessions", "smssession", sms, "UpdateUserData", updated.clone()).await;
        published(&server, "sms", "smsessions", "smssession", sms, "AttachUserData", attached).await;
        published(&server, "sms", "smsessions", "smssession", sms, "UpdateUserData", updated).await;
    }

    async fn the_published_exchange_of_open_media(db) {
        // OpenMediaAPIAttachUD
        let server = Server::start(db).await;
        let before = json!({
            "RTargetTypeSelected": "2", "RTargetObjectSelected": "Openmedia", "RVQID": "", "RTargetObjSelDBID": "158", "CBR-Interaction_cost": "", "CBR-contract_DBIDs": "",
            "RTargetAgentSelected": "GWS1", "CBR-IT-path_DBIDs": "", "RTargetRuleSelected": "", "RTargetPlaceSelected": "GWS1", "CBR-actual_volume": "", "RTenant": "Environment",
            "RRequestedSkills": null, "RRequestedSkillCombination": "", "RVQDBID": "", "RStrategyDBID": "906", "CustomerSegment": "default", "ServiceType": "default",
            "ServiceObjective": 0, "RTargetRequested": "Openmedia", "RTargetAgentGroup": "Openmedia", "PegAGOpenmedia": 2, "RStrategyName": "Openmedia"
        });
        let id = "03W07R2K4VAYT010";
        server.record(json!({"id": id, "mediaType": "promotion", "status": "InProcess", "startDate": "2014-03-26T16:02:22+02:00", "userData": before})).await;
        let keys = json!({"UserData1": "DATA1", "UserData2": 123_456_789});
        let (status, reply) = server.post(&format!("/api/v2/me/openmedia/promotion/{id}"), json!({"operationName": "AttachUserData", "userData": keys})).await;
        let head = head(&server).await;
        assert_eq!((status, reply), (200, json!({"statusCode": 0, "referenceId": head})));
        let last = told(&server).await.pop().unwrap();
        assert_eq!(last.channel, "/v2/me/openmedia");
        assert_eq!(data(&last), json!({
            "openmedia": {
                "userData": with(before, &keys), "receivedDate": "2014-03-26 14:02:22.000+0000", "uri": format!("http://h/api/v2/openmedia/promotions/{id}"),
                "capabilities": ["Transfer", "AttachUserData", "UpdateUserData", "DeleteUserData", "SetInFocus", "Complete"],
                "state": "Processing", "mediaType": "promotion", "openmediaType": "Inbound", "id": id
            },
            "referenceId": head, "notificationType": "PropertiesUpdated", "messageType": "OpenmediaStateChangeMessage"
        }));
    }

    async fn a_change_of_a_call_is_called_by_its_own_name(db) {
        // AttachUserData of the Voice API
        let server = Server::start(db).await;
        server.record(json!({"id": "01RCC3N118B1V0SL8O7GK2LAES00000R", "mediaType": "voice", "type": "Outbound", "status": "New", "participants": [{"participantId": "15001"}]})).await;
        let path = "/api/v2/me/calls/01RCC3N118B1V0SL8O7GK2LAES00000R";
        assert_eq!(server.post(path, json!({"operationName": "AttachUserData", "userData": {"AccountNumber": "12345"}})).await, (200, json!({"statusCode": 0})));
        let last = told(&server).await.pop().unwrap();
        assert_eq!(last.channel, "/v2/me/calls");
        let heard = data(&last);
        assert_eq!((&heard["notificationType"], &heard["messageType"]), (&json!("AttachedDataChanged"), &json!("CallStateChangeMessage")));
        let call = &heard["call"];
        assert_eq!(call["userData"], json!({"AccountNumber": "12345"}));
        assert_eq!(call["state"], "Dialing");
        assert_eq!(call["callUuid"], "01RCC3N118B1V0SL8O7GK2LAES00000R");
        assert_eq!(call["capabilities"], json!(["UpdateUserData", "SendDtmf", "AttachUserData", "DeleteUserDataPair", "DeleteUserData", "Hangup"]));
        assert_eq!((&call["uri"], &call["path"]), (&json!(format!("http://h{path}")), &json!("/calls/01RCC3N118B1V0SL8O7GK2LAES00000R")));
        assert_eq!(call["participants"][0]["digits"], "15001");
    }

    async fn each_change_is_called_by_what_it_changed_and_goes_to_whose_it_was(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "c", "mediaType": "chat", "status": "InProcess", "ownerId": "ann"})).await;
        for patch in [json!({"status": "Pending"}), json!({"participants": [{"participantId": "p"}]}), json!({"participants": null}), json!({"subject": "s"}), json!({"ownerId": "bob"})] {
            assert_eq!(server.patch("/v1/interactions/c", patch.clone()).await.0, 200, "{patch}");
        }
        for edit in [json!({"attach": {"a": 1}}), json!({"update": {"a": 2}}), json!({"delete": ["a"]}), json!({"attach": {"a": 3}, "delete": ["b"]})] {
            assert_eq!(server.post("/v1/interactions/c/user-data", edit).await.0, 200);
        }
        assert_eq!(server.post("/v1/interactions/c/stop", json!({})).await.0, 200);
        server.record(json!({"id": "w", "mediaType": "webengagement"})).await;
        assert_eq!(server.post("/v1/interactions/w/engagements", json!({"id": "k", "mediaType": "webcallback"})).await.0, 201);
        server.record(json!({"id": "m", "mediaType": "email", "participants": [{"participantId": "p"}]})).await;
        assert_eq!(server.patch("/v1/interactions/m", json!({"participants": []})).await.0, 200);
        assert_eq!(server.post("/v1/contacts", json!({"attributes": {"LastName": ["L"]}})).await.0, 201);
        let told = told(&server).await;
        let heard: Vec<(&str, String)> = told
            .iter()
            .map(|message| (message.user.as_deref().unwrap_or("all"), data(message)["notificationType"].as_str().unwrap().to_owned()))
            .collect();
        let heard: Vec<(&str, &str)> = heard.iter().map(|(user, kind)| (*user, kind.as_str())).collect();
        assert_eq!(heard, [
            ("ann", "StatusChange"), ("ann", "StatusChange"), ("ann", "ParticipantsUpdated"), ("ann", "ParticipantsUpdated"), ("ann", "PropertiesUpdated"), ("bob", "PropertiesUpdated"),
            ("bob", "PropertiesUpdated"), ("bob", "PropertiesUpdated"), ("bob", "PropertiesUpdated"), ("bob", "PropertiesUpdated"), ("bob", "StatusChange"),
            ("all", "StatusChange"), ("all", "StatusChange"), ("all", "StatusChange"), ("all", "PropertiesUpdated"),
        ]);
    }

    async fn a_message_tells_user_data_as_it_was_after_its_own_change(db) {
        let server = Server::start(db).await;
        let sent = r#"{"id":"c","mediaType":"chat","userData":{"z":1.0,"a":12345678901234567890,"$serde_json::private::RawValue":"[1]","n":{"y":1,"x":[2.50]}}}"#;
        assert_eq!(server.post_text("/v1/interactions", sent).await.0, 201);
        let path = "/api/v2/me/chats/c";
        for n in 1..=3 {
            assert_eq!(server.post(path, json!({"operationName": "UpdateUserData", "userData": {"n": n}})).await.0, 200);
        }
        assert_eq!(server.post(path, json!({"operationName": "DeleteUserData", "keys": ["n", "none"]})).await.0, 200);
        let told = told(&server).await;
        let seen: Vec<Value> = told.iter().map(|message| data(message)["chat"]["userData"]["n"].clone()).collect();
        assert_eq!(seen, [json!({"y": 1, "x": [2.5]}), json!(1), json!(2), json!(3), Value::Null]);
        let texts: Vec<&str> = told.iter().map(|message| message.data.as_str()).collect();
        let common = r#""userData":{"z":1.0,"a":12345678901234567890,"$serde_json::private::RawValue":"[1]""#;
        assert!(texts.iter().all(|text| text.contains(common)), "order and numbers are those that were sent: {texts:?}");
        let references: Vec<i64> = told.iter().map(|message| data(message)["referenceId"].as_i64().unwrap()).collect();
        assert_eq!(references, cursors(&server).await);
    }

    async fn what_was_left_out_between_two_changes_counts_all_the_same(db) {
        let server = Server::start(db).await;
        for id in ["a", "b", "c"] {
            server.record(json!({"id": id, "mediaType": "chat", "userData": {"id": id}})).await;
        }
        for n in 0..40 {
            for id in ["a", "b", "c"] {
                let edit = if n % 3 == 2 { json!({"delete": [format!("k{}", n - 2)]}) } else { json!({"attach": {format!("k{n}"): n}}) };
                assert_eq!(server.post(&format!("/v1/interactions/{id}/user-data"), edit).await.0, 200);
            }
        }
        let whole = told(&server).await;
        let part = told_of(&server, |change| change.cursor % 7 == 0).await;
        let wanted: Vec<&Message> = whole.iter().filter(|message| message.cursor % 7 == 0).collect();
        assert_eq!(part.iter().collect::<Vec<_>>(), wanted);
        for message in &whole {
            let heard = data(message);
            let id = heard["chat"]["id"].as_str().unwrap();
            let journal = server.journal().await;
            let at = journal[usize::try_from(message.cursor).unwrap() - 1]["at"].as_str().unwrap();
            let then = server.get(&format!("/v1/interactions/{id}/user-data?at={at}")).await.1;
            assert_eq!(heard["chat"]["userData"], then["userData"]);
        }
    }

    async fn what_is_gone_is_told_of_no_more(db) {
        let server = Server::start(db).await;
        for life in 1..=2 {
            server.record(json!({"id": "c", "mediaType": "chat", "userData": {"life": life}})).await;
            server.post("/v1/interactions/c/user-data", json!({"update": {"more": life}})).await;
            if life == 1 {
                assert_eq!(told(&server).await.len(), 2);
                assert_eq!(server.delete("/v1/interactions/c").await.0, 204);
                assert_eq!(told(&server).await, []);
            }
        }
        let told = told(&server).await;
        assert_eq!(told.len(), 2, "of its second life only");
        assert!(told.iter().all(|message| data(message)["chat"]["userData"]["life"] == 2));
    }

    async fn finished_history_that_is_brought_in_tells_nothing_and_live_work_beside_it_does(db) {
        let server = Server::start(db).await;
        let mut ann = Listener::of(&server, Some("ann"), &["/**"]).await;
        let folder = tempfile::tempdir().unwrap();
        let finished = |n: usize| {
            let media = ["chat", "sms", "email", "voice", "webcallback"][n % 5];
            json!({"id": format!("old{n}"), "mediaType": media, "ownerId": "ann", "status": "Stopped",
                "startDate": "2024-02-03T10:00:00Z", "endDate": "2024-02-03T10:05:00Z", "userData": {"n": n}}).to_string()
        };
        let lines: Vec<String> = (0..500).map(finished).collect();
        std::fs::write(folder.path().join("all.ndjson"), lines.join("\n")).unwrap();
        let ran = run(&server.place.url, &["import", folder.path().to_str().unwrap()]).await;
        assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.told);
        // the end alone makes it a finished one
        let lines: Vec<String> = (500..1000).map(finished).map(|line| line.replace(r#""status":"Stopped","#, "")).collect();
        let request = server.request("POST", "/v1/interactions/batch").header("content-type", "application/x-ndjson");
        let answer = request.body(lines.join("\n")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        // the last line of the answer comes when all lines are recorded
        assert_eq!(answer.text().await.unwrap().lines().count(), 500);
        server.record(json!({"id": "w", "mediaType": "webengagement", "status": "Stopped"})).await;
        let child = json!({"id": "k", "mediaType": "chat", "ownerId": "ann", "status": "Stopped"});
        assert_eq!(server.post("/v1/interactions/w/engagements", child).await.0, 201);
        server.record(json!({"id": "live", "mediaType": "chat", "ownerId": "ann"})).await;
        // unfinished imported work is on the desktop from now on
        server.record(json!({"id": "moved", "mediaType": "chat", "ownerId": "ann", "status": "InProcess", "startDate": "2024-02-03T10:00:00Z"})).await;
        // later changes are reported, as the documents say
        assert_eq!(server.post("/v1/interactions/old0/user-data", json!({"attach": {"late": 1}})).await.0, 200);
        let messages = ann.exactly(&server, 3).await;
        let told: Vec<(&Value, &Value)> = messages.iter().map(|one| (&one["data"]["chat"]["id"], &one["data"]["notificationType"])).collect();
        let (status, changed) = (json!("StatusChange"), json!("PropertiesUpdated"));
        assert_eq!(told, [(&json!("live"), &status), (&json!("moved"), &status), (&json!("old0"), &changed)]);
        assert_eq!(server.get("/v1/interactions/old999").await.1["status"], "Stopped");
    }
}
