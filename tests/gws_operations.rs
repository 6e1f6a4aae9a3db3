//! Web Services: the operations on an interaction, their replies, and the effects of errors.

use serde_json::{Value, json};

use crate::both;
use crate::gws_notify::{data, head, told};
use crate::support::{Db, Server};

/// The paths of all collections, with an interaction in each.
async fn one_of_each(server: &Server) -> Vec<String> {
    let mut paths = Vec::new();
    for (media_type, path) in [
        ("chat", "chats"),
        ("sms", "smssessions"),
        ("smssession", "smsessions"),
        ("email", "emails"),
        ("workitem", "workitems"),
        ("voice", "calls"),
        ("webcallback", "openmedia/webcallback"),
        ("promotion", "openmedia/promotion"),
    ] {
        let id = format!("one-{media_type}");
        server.record(json!({"id": id, "mediaType": media_type, "status": "InProcess", "userData": {"a": 1, "b": "two"}})).await;
        paths.push(format!("/api/v2/me/{path}/{id}"));
    }
    paths
}

/// UserData as stored.
async fn stored(server: &Server, path: &str) -> Value {
    let id = path.rsplit('/').next().unwrap();
    server
        .get(&format!("/v1/interactions/{id}/user-data"))
        .await
        .1["userData"]
        .clone()
}

/// Whether the reply to an operation on this path has a `referenceId`.
fn tells_reference(path: &str) -> bool {
    path.contains("/openmedia/") || path.contains("/workitems/")
}

/// Sends a request that must succeed. A `referenceId` in the reply is the newest cursor.
async fn done(server: &Server, path: &str, body: Value) {
    let (status, reply) = server.post(path, body.clone()).await;
    let head = head(server).await;
    let wanted = if tells_reference(path) {
        json!({"statusCode": 0, "referenceId": head})
    } else {
        json!({"statusCode": 0})
    };
    assert_eq!((status, reply), (200, wanted), "{path} {body}");
}

/// Sends a request that must fail with this error in the published form, and change nothing.
async fn refused(
    server: &Server,
    path: &str,
    body: impl Into<String>,
    wanted: (u16, u8),
) -> String {
    let before = server.journal().await.len();
    let body = body.into();
    let (status, reply) = server.post_text(path, body.clone()).await;
    assert_eq!(
        (status, &reply["statusCode"]),
        (wanted.0, &json!(wanted.1)),
        "{path} {body}: {reply}"
    );
    let names: Vec<&String> = reply.as_object().unwrap().keys().collect();
    assert_eq!(names, ["statusCode", "statusMessage"]);
    assert_eq!(
        server.journal().await.len(),
        before,
        "an error changes nothing"
    );
    reply["statusMessage"].as_str().unwrap().to_owned()
}

both! {
    async fn every_collection_takes_the_three_and_disposition_and_complete(db) {
        let server = Server::start(db).await;
        for path in one_of_each(&server).await {
            done(&server, &path, json!({"operationName": "AttachUserData", "userData": {"a": 2.5, "c": {"d": [null]}}, "unknown": [1]})).await;
            done(&server, &path, json!({"operationName": "UpdateUserData", "userData": [{"key": "e", "type": "int", "value": 7}]})).await;
            done(&server, &path, json!({"operationName": "DeleteUserData", "keys": ["b", "never was"]})).await;
            done(&server, &path, json!({"operationName": "SetDisposition", "disposition": "IssueResolved"})).await;
            done(&server, &path, json!({"operationName": "SetDisposition", "disposition": "x", "dispositionKey": "Own"})).await;
            assert_eq!(stored(&server, &path).await, json!({"a": 2.5, "c": {"d": [null]}, "e": 7, "DispositionCode": "IssueResolved", "Own": "x"}));
            done(&server, &path, json!({"operationName": "Complete"})).await;
            let message = refused(&server, &path, r#"{"operationName": "Complete"}"#, (400, 2)).await;
            assert!(message.contains("already"), "{message}");
            done(&server, &path, json!({"operationName": "AttachUserData", "userData": {"after": true}})).await;
            assert_eq!(stored(&server, &path).await["after"], true, "history can be told more when it is over");
        }
        let kinds: Vec<String> = server.journal().await[8..16].iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, [
            "userData.attached", "userData.updated", "userData.deleted", "userData.updated", "userData.updated", "interaction.stopped", "userData.attached", "userData.attached",
        ]);
    }

    async fn what_is_missing_or_wrong_is_told_by_its_code(db) {
        let server = Server::start(db).await;
        for path in one_of_each(&server).await {
            for (body, wanted) in [
                (r"", (400, 1)),
                (r"{}", (400, 1)),
                (r#"{"operationName": null}"#, (400, 1)),
                (r#"{"operationName": 7}"#, (400, 10)),
                (r#"{"operationName": "Nonsense"}"#, (400, 2)),
                (r#"{"operationName": "Accept"}"#, (403, 3)),
                (r#"{"operationName": "Transfer", "targetUri": "x"}"#, (403, 3)),
                (r#"{"operationName": "SendMessage", "text": "x"}"#, (403, 3)),
                (r#"{"operationName": "AttachUserData"}"#, (400, 1)),
                (r#"{"operationName": "UpdateUserData", "userData": null}"#, (400, 1)),
                (r#"{"operationName": "UpdateUserData", "userData": 5}"#, (400, 10)),
                (r#"{"operationName": "AttachUserData", "userData": [1]}"#, (400, 10)),
                (r#"{"operationName": "DeleteUserData", "keys": []}"#, (400, 1)),
                (r#"{"operationName": "DeleteUserData", "keys": "a"}"#, (400, 10)),
                (r#"{"operationName": "DeleteUserData", "keys": [1]}"#, (400, 10)),
                (r#"{"operationName": "SetDisposition"}"#, (400, 1)),
                (r#"{"operationName": "SetDisposition", "disposition": 1}"#, (400, 10)),
                (r#"{"operationName": "SetDisposition", "disposition": "x", "dispositionKey": []}"#, (400, 10)),
                (r#"["AttachUserData"]"#, (400, 10)),
                (r#"{"operationName": "AttachUserData", "userData": {"x": 1}"#, (400, 10)),
                ("\"x\"", (400, 10)),
                (r#"{"operationName": "AttachUserData", "userData": {"x": "a\u0000"}}"#, (400, 10)),
            ] {
                refused(&server, &path, body, wanted).await;
            }
            let twice = r#"{"operationName": "UpdateUserData", "userData": {"o": {"k/1": 1, "k/1": 2}}}"#;
            let message = refused(&server, &path, twice, (400, 10)).await;
            assert_eq!(message, "/userData/o/k~11 is given twice");
            let long = json!({"operationName": "AttachUserData", "userData": {"k".repeat(300): 1}}).to_string();
            let message = refused(&server, &path, long, (400, 10)).await;
            assert!(message.starts_with("/userData/kkk"), "{message}");
            let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
            let many = json!({"operationName": "DeleteUserData", "keys": many}).to_string();
            assert!(refused(&server, &path, many, (400, 10)).await.starts_with("/keys"));
            let deep = format!(r#"{{"operationName": "AttachUserData", "userData": {}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
            refused(&server, &path, deep, (400, 10)).await;
            assert_eq!(stored(&server, &path).await, json!({"a": 1, "b": "two"}));
        }
        let told = told(&server).await;
        assert_eq!(told.len(), 8, "errors are news to nobody");
    }

    async fn what_is_not_there_is_not_found(db) {
        let server = Server::start(db).await;
        let paths = one_of_each(&server).await;
        let attach = r#"{"operationName": "AttachUserData", "userData": {"x": 1}}"#;
        for path in &paths {
            let (collection, id) = path.rsplit_once('/').unwrap();
            refused(&server, &format!("{collection}/none"), attach, (404, 6)).await;
            refused(&server, &format!("{collection}/a%00b"), attach, (404, 6)).await;
            refused(&server, &format!("{collection}/%ff"), attach, (404, 6)).await;
            // every other collection; both spellings and both media types of SMS count as one
            for other in &paths {
                let (elsewhere, _) = other.rsplit_once('/').unwrap();
                if elsewhere != collection && !(elsewhere.contains("/sms") && collection.contains("/sms")) {
                    refused(&server, &format!("{elsewhere}/{id}"), attach, (404, 6)).await;
                }
            }
        }
        refused(&server, "/api/v2/me/openmedia/chat/one-chat", attach, (404, 6)).await;
        refused(&server, "/api/v2/me/nonsense/one-chat", attach, (404, 6)).await;
        assert_eq!(server.get("/api/v2").await.1["statusCode"], 6);
        let (status, reply) = server.delete("/api/v2/me/chats/one-chat").await;
        assert_eq!((status, &reply["statusCode"]), (405, &json!(3)));
    }

    async fn nothing_asked_for_changes_nothing_and_refers_to_the_head_of_the_journal(db) {
        let server = Server::start(db).await;
        for path in one_of_each(&server).await {
            let before = server.journal().await.len();
            done(&server, &path, json!({"operationName": "AttachUserData", "userData": {}})).await;
            done(&server, &path, json!({"operationName": "UpdateUserData", "userData": []})).await;
            done(&server, &path, json!({"operationName": "AttachUserData", "userData": {"jsonEvent": {"secret": 1}}})).await;
            assert_eq!(server.journal().await.len(), before);
            done(&server, &path, json!({"operationName": "DeleteUserData", "keys": ["never was"]})).await;
            assert_eq!(server.journal().await.len(), before + 1, "a key that is not there is deleted all the same");
        }
    }

    async fn a_call_can_lose_one_key_or_all(db) {
        let server = Server::start(db).await;
        let path = "/api/v2/me/calls/v";
        server.record(json!({"id": "v", "mediaType": "voice", "userData": {"a": 1, "b": 2, "c": 3}})).await;
        done(&server, path, json!({"operationName": "DeleteUserDataPair", "key": "a"})).await;
        assert_eq!(stored(&server, path).await, json!({"b": 2, "c": 3}));
        for keys in ["[]", "null"] {
            refused(&server, path, format!(r#"{{"operationName": "DeleteUserData", "keys": {keys}}}"#), (400, 1)).await;
        }
        refused(&server, path, r#"{"operationName": "DeleteUserDataPair"}"#, (400, 1)).await;
        refused(&server, path, r#"{"operationName": "DeleteUserDataPair", "key": 1}"#, (400, 10)).await;
        done(&server, path, json!({"operationName": "DeleteUserData"})).await;
        assert_eq!(stored(&server, path).await, json!({}));
        let before = server.journal().await.len();
        done(&server, path, json!({"operationName": "DeleteUserData"})).await;
        assert_eq!(server.journal().await.len(), before, "there was nothing left");
        server.record(json!({"id": "c", "mediaType": "chat", "userData": {"a": 1}})).await;
        refused(&server, "/api/v2/me/chats/c", r#"{"operationName": "DeleteUserData"}"#, (400, 1)).await;
        refused(&server, "/api/v2/me/chats/c", r#"{"operationName": "DeleteUserDataPair", "key": "a"}"#, (400, 2)).await;
    }

    async fn all_keys_of_a_call_go_however_many_change_it_meanwhile(db) {
        let server = Server::start(db).await;
        let path = "/api/v2/me/calls/v";
        server.record(json!({"id": "v", "mediaType": "voice", "userData": {"first": 1}})).await;
        let attach = async {
            for n in 0..20 {
                done_quietly(&server, path, json!({"operationName": "AttachUserData", "userData": {format!("k{n}"): n}})).await;
            }
        };
        let wipe = async {
            for _ in 0..5 {
                done_quietly(&server, path, json!({"operationName": "DeleteUserData"})).await;
            }
        };
        tokio::join!(attach, wipe);
        done_quietly(&server, path, json!({"operationName": "DeleteUserData"})).await;
        assert_eq!(stored(&server, path).await, json!({}));
    }

    async fn of_many_that_complete_at_once_one_does(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "c", "mediaType": "chat"})).await;
        let complete = || server.post("/api/v2/me/chats/c", json!({"operationName": "Complete"}));
        let all = tokio::join!(complete(), complete(), complete(), complete());
        let done = [all.0, all.1, all.2, all.3].iter().filter(|(status, _)| *status == 200).count();
        assert_eq!(done, 1);
    }

    async fn create_makes_what_the_documents_say(db) {
        let server = Server::start(db).await;
        let body = json!({"operationName": "Create", "queueUri": "http://localhost:8090/api/v2/queues/995655ec-81a5-46b0-82d0-3f2c5eca263d"});
        for (path, media_type, key, kind, state, tells) in [
            ("openmedia/promotion", "promotion", "openmedia", "Outbound", "Processing", true),
            ("workitems", "workitem", "workitem", "Inbound", "Processing", true),
            ("emails", "email", "email", "Outbound", "Composing", false),
        ] {
            let path = format!("/api/v2/me/{path}");
            let (status, reply) = server.post(&path, body.clone()).await;
            let head = json!(head(&server).await);
            assert_eq!((status, &reply["statusCode"], reply.get("referenceId")), (200, &json!(0), Some(&head).filter(|_| tells)));
            let made = data(&told(&server).await.pop().unwrap());
            assert_eq!((&made["notificationType"], &made[key]["state"]), (&json!("StatusChange"), &json!(state)), "{made}");
            let (_, stored) = server.get(&format!("/v1/interactions/{}", made[key]["id"].as_str().unwrap())).await;
            assert_eq!((&stored["mediaType"], &stored["type"], &stored["status"]), (&json!(media_type), &json!(kind), &json!("InProcess")));
            assert_eq!(stored["queue"], "995655ec-81a5-46b0-82d0-3f2c5eca263d");
            let parent = stored["id"].as_str().unwrap();
            let mut child = body.clone();
            child["parentId"] = json!(parent);
            child["userData"] = json!({"n": 1});
            assert_eq!(server.post(&path, child.clone()).await.0, 200);
            let made = data(&told(&server).await.pop().unwrap());
            let (_, child_stored) = server.get(&format!("/v1/interactions/{}", made[key]["id"].as_str().unwrap())).await;
            assert_eq!((&child_stored["parentId"], &child_stored["threadId"], &child_stored["userData"]), (&json!(parent), &stored["threadId"], &json!({"n": 1})));
            child["parentId"] = json!("none");
            refused(&server, &path, child.to_string(), (400, 10)).await;
            refused(&server, &path, r#"{"operationName": "Create"}"#, (400, 1)).await;
            refused(&server, &path, r#"{"operationName": "AttachUserData", "userData": {}}"#, (400, 2)).await;
        }
        refused(&server, "/api/v2/me/chats", body.to_string(), (400, 2)).await;
        refused(&server, "/api/v2/me/openmedia/chat", body.to_string(), (404, 6)).await;
    }

    async fn content_is_added_where_there_is_none(db) {
        // OpenMediaAPIAddContent
        let server = Server::start(db).await;
        let path = "/api/v2/me/openmedia/promotion/03W07R2K4VAYT010";
        let body = json!({"operationName": "AddContent", "threadId": "t", "userData": {"PegAGWorkitems": 2}});
        done(&server, path, body.clone()).await;
        let heard = data(&told(&server).await.pop().unwrap());
        let openmedia = &heard["openmedia"];
        assert_eq!(heard["notificationType"], "StatusChange");
        assert_eq!((&openmedia["ucsContent"], &openmedia["state"], &openmedia["openmediaType"]), (&json!("Available"), &json!("Processing"), &json!("Inbound")));
        assert_eq!(openmedia["userData"], json!({"PegAGWorkitems": 2}));
        assert_eq!(server.get("/v1/interactions/03W07R2K4VAYT010").await.1["threadId"], "t");
        let before = server.journal().await.len();
        done(&server, path, json!({"operationName": "AddContent"})).await;
        assert_eq!(server.journal().await.len(), before, "it is there already");
        refused(&server, "/api/v2/me/openmedia/other/03W07R2K4VAYT010", r#"{"operationName": "AddContent"}"#, (404, 6)).await;
        refused(&server, "/api/v2/me/openmedia/promotion/new", r#"{"operationName": "AddContent", "parentId": "none"}"#, (400, 10)).await;
        done(&server, "/api/v2/me/openmedia/promotion/new", json!({"operationName": "AddContent", "parentId": "03W07R2K4VAYT010"})).await;
        assert_eq!(server.get("/v1/interactions/new").await.1["threadId"], "t", "the parent's thread");
        // the plural of a type that the server knows means that type
        server.record(json!({"id": "w", "mediaType": "webengagement", "userData": {"rule": "r"}})).await;
        done(&server, "/api/v2/me/openmedia/webcallbacks/back", json!({"operationName": "AddContent", "parentId": "w", "copyUserData": "all"})).await;
        let back = server.get("/v1/interactions/back").await.1;
        assert_eq!((&back["mediaType"], &back["userData"]), (&json!("webcallback"), &json!({"rule": "r"})));
        refused(&server, "/api/v2/me/workitems/x", r#"{"operationName": "AddContent"}"#, (400, 2)).await;
    }

    async fn operations_of_a_feature_that_is_off_are_not_valid(db) {
        let server = Server::with(db, |config| config.gws.features = vec!["api-multimedia".into()]).await;
        server.record(json!({"id": "v", "mediaType": "voice"})).await;
        server.record(json!({"id": "c", "mediaType": "chat"})).await;
        let attach = json!({"operationName": "AttachUserData", "userData": {"a": 1}});
        refused(&server, "/api/v2/me/calls/v", attach.to_string(), (400, 2)).await;
        done(&server, "/api/v2/me/chats/c", attach).await;
        assert_eq!(server.get("/api/v2/me/chats/c").await.0, 404, "to read it is a feature of its own");
    }

    async fn a_body_that_is_too_large_or_of_another_kind_is_refused(db) {
        let server = Server::with(db, |config| config.limits.body = 1000).await;
        server.record(json!({"id": "c", "mediaType": "chat"})).await;
        let path = "/api/v2/me/chats/c";
        let large = json!({"operationName": "AttachUserData", "userData": {"a": "x".repeat(1000)}}).to_string();
        refused(&server, path, large, (413, 10)).await;
        let form = server.request("POST", path).header("content-type", "text/plain").body("{}").send().await.unwrap();
        assert_eq!(form.status().as_u16(), 400);
        let reply: Value = serde_json::from_str(&form.text().await.unwrap()).unwrap();
        assert_eq!(reply["statusCode"], 10);
    }

    async fn the_key_of_dispositions_is_a_setting(db) {
        let server = Server::with(db, |config| config.gws.disposition_key = "DISP_KEY".into()).await;
        server.record(json!({"id": "c", "mediaType": "chat", "userData": {"DISP_KEY": "open"}})).await;
        done(&server, "/api/v2/me/chats/c", json!({"operationName": "SetDisposition", "disposition": "resolved"})).await;
        assert_eq!(stored(&server, "/chats/c").await, json!({"DISP_KEY": "resolved"}));
        assert_eq!(server.journal().await.last().unwrap()["kind"], "userData.updated");
    }
}

async fn done_quietly(server: &Server, path: &str, body: Value) {
    assert_eq!(
        server.post(path, body).await,
        (200, json!({"statusCode": 0}))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_behind_tells_nothing_of_its_cause() {
    let server = Server::start(Db::Sqlite).await;
    server.record(json!({"id": "c", "mediaType": "chat"})).await;
    let mut direct = crate::support::direct::Direct::to(&server.place).await;
    direct.execute("DROP TABLE interaction_json").await;
    let (status, reply) = server.get("/api/v2/me/chats/c").await;
    assert_eq!((status, &reply["statusCode"]), (500, &json!(4)));
    assert!(!reply.to_string().contains("interaction_json"), "{reply}");
}
