//! Web Services: the collections, single resources, the user, features, and the version.

use serde_json::{Value, json};

use annals::config::Capabilities;

use crate::both;
use crate::support::Server;
use crate::support::listener::Listener;

/// The identifiers of a list.
fn ids(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect()
}

/// Reads a path, which must succeed.
async fn got(server: &Server, path: &str) -> Value {
    let (status, body) = server.get(path).await;
    assert_eq!(
        (status, &body["statusCode"]),
        (200, &json!(0)),
        "{path}: {body}"
    );
    body
}

async fn refused(server: &Server, path: &str, wanted: (u16, u8)) -> String {
    let (status, body) = server.get(path).await;
    assert_eq!(
        (status, &body["statusCode"]),
        (wanted.0, &json!(wanted.1)),
        "{path}: {body}"
    );
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    body["statusMessage"].as_str().unwrap().to_owned()
}

/// A few interactions of every medium; later ones begin later.
async fn filled(server: &Server) {
    for (n, media_type) in [
        "chat",
        "sms",
        "smssession",
        "email",
        "workitem",
        "voice",
        "webcallback",
        "promotion",
        "promotions",
        "webengagement",
    ]
    .into_iter()
    .enumerate()
    {
        for (m, status) in ["New", "InProcess", "Stopped"].into_iter().enumerate() {
            let start = format!("2026-03-01T09:{:02}:{:02}.5Z", n, 10 + m);
            server.record(json!({"id": format!("{media_type}-{status}"), "mediaType": media_type, "status": status, "startDate": start, "userData": {"n": n}})).await;
        }
    }
}

both! {
    async fn a_collection_shows_what_is_not_over_newest_first(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        for (path, name, wanted) in [
            ("chats", "chats", vec!["chat-InProcess", "chat-New"]),
            ("smssessions", "smssessions", vec!["smssession-InProcess", "smssession-New", "sms-InProcess", "sms-New"]),
            ("smsessions", "smsessions", vec!["smssession-InProcess", "smssession-New", "sms-InProcess", "sms-New"]),
            ("emails", "emails", vec!["email-InProcess", "email-New"]),
            ("email", "email", vec!["email-InProcess", "email-New"]),
            ("workitems", "workitems", vec!["workitem-InProcess", "workitem-New"]),
            ("calls", "calls", vec!["voice-InProcess", "voice-New"]),
            ("openmedia/webcallback", "openmedia", vec!["webcallback-InProcess", "webcallback-New"]),
            ("openmedia/callbacks", "openmedia", vec!["webcallback-InProcess", "webcallback-New"]),
            ("openmedia/promotion", "openmedia", vec!["promotion-InProcess", "promotion-New"]),
            ("openmedia/promotions", "openmedia", vec!["promotions-InProcess", "promotions-New", "promotion-InProcess", "promotion-New"]),
            ("openmedia/nothing", "openmedia", vec![]),
            ("openmedia", "openmedia", vec!["webengagement-InProcess", "webengagement-New", "promotions-InProcess", "promotions-New", "promotion-InProcess", "promotion-New", "webcallback-InProcess", "webcallback-New"]),
        ] {
            let list = got(&server, &format!("/api/v2/me/{path}?fields=*")).await;
            assert_eq!(ids(&list[name]), wanted, "{path}");
            assert!(list.get("hasMore").is_none());
            let uris = got(&server, &format!("/api/v2/me/{path}")).await;
            let uris: Vec<&str> = uris["uris"].as_array().unwrap().iter().map(|uri| uri.as_str().unwrap()).collect();
            assert_eq!(uris.len(), wanted.len());
            for (uri, id) in uris.into_iter().zip(wanted) {
                let (_, path) = uri.split_once(&server.base).expect("an address of this server");
                let one = got(&server, path).await;
                let shown = one.as_object().unwrap().values().find_map(|value| value.get("id")).unwrap();
                assert_eq!(shown, id, "what stands at an address is the one that states it");
            }
        }
        refused(&server, "/api/v2/me/openmedia/chat", (404, 6)).await;
    }

    async fn one_resource_stands_under_both_paths_and_is_whole(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let chat = got(&server, "/api/v2/me/chats/chat-InProcess").await;
        assert_eq!(chat, got(&server, "/api/v2/chats/chat-InProcess").await);
        let shown = &chat["chat"];
        assert_eq!((&shown["state"], &shown["path"], &shown["userData"], &shown["participants"]), (&json!("Chatting"), &json!("/chats/chat-InProcess"), &json!({"n": 0}), &json!([])));
        assert_eq!(shown["uri"], format!("{}/api/v2/chats/chat-InProcess", server.base));
        let over = got(&server, "/api/v2/me/smsessions/sms-Stopped").await;
        assert_eq!(over["smsession"]["state"], "Completed");
        assert_eq!(over["smsession"]["capabilities"], json!(["AttachUserData", "UpdateUserData", "DeleteUserData", "SetDisposition"]));
        let work = got(&server, "/api/v2/workitems/workitem-New").await;
        assert_eq!((&work["workitem"]["state"], &work["workitem"]["workitemType"]), (&json!("Invited"), &json!("Inbound")));
        assert_eq!(work["workitem"]["receivedDate"], "2026-03-01 09:04:10.500+0000");
        for path in ["/api/v2/me/openmedia/promotion/promotion-New", "/api/v2/me/openmedia/promotions/promotion-New", "/api/v2/openmedia/promotions/promotion-New", "/api/v2/openmedia/promotion/promotion-New"] {
            let open = got(&server, path).await;
            let open = &open["openmedia"];
            assert_eq!((&open["mediaType"], &open["ucsContent"], &open["path"]), (&json!("promotion"), &json!("Available"), &json!("/openmedia/promotions/promotion-New")));
        }
        let call = got(&server, "/api/v2/me/calls/voice-InProcess").await;
        assert_eq!((&call["call"]["state"], &call["call"]["uri"]), (&json!("Established"), &json!(format!("{}/api/v2/me/calls/voice-InProcess", server.base))));
        let few = got(&server, "/api/v2/me/chats/chat-New?fields=state,id,state&_=1700000000").await;
        assert_eq!(few, json!({"statusCode": 0, "chat": {"state": "Invited", "id": "chat-New"}}));
        refused(&server, "/api/v2/me/chats/chat-New?fields=colour", (400, 10)).await;
        refused(&server, "/api/v2/me/chats/chat-New?state=Invited", (400, 10)).await;
        refused(&server, "/api/v2/me/chats/sms-New", (404, 6)).await;
        refused(&server, "/api/v2/chats/none", (404, 6)).await;
        refused(&server, "/api/v2/me/chats/%00", (404, 6)).await;
    }

    async fn an_email_shows_its_letter(db) {
        let server = Server::start(db).await;
        server.record(json!({
            "id": "m", "mediaType": "email", "type": "Inbound", "status": "InProcess", "subject": "refund", "text": "plain", "structuredText": "<p>rich</p>",
            "userData": {"FromAddress": "ann@example.test", "To": "a@example.test, b@example.test", "Mailbox": "a@example.test"}
        })).await;
        let email = got(&server, "/api/v2/me/emails/m").await;
        let email = &email["email"];
        assert_eq!((&email["from"], &email["to"], &email["cc"], &email["bcc"]), (&json!("ann@example.test"), &json!(["a@example.test", "b@example.test"]), &json!([]), &json!([])));
        assert_eq!((&email["subject"], &email["body"], &email["bodyAsPlainText"], &email["mime"]), (&json!("refund"), &json!("<p>rich</p>"), &json!("plain"), &json!("text/html")));
        assert_eq!(email["state"], "Processing");
        let list = got(&server, "/api/v2/me/emails?fields=body,id").await;
        assert_eq!(list["emails"], json!([{"body": "<p>rich</p>", "id": "m"}]));
        assert_eq!(server.patch("/v1/interactions/m", json!({"type": "Outbound"})).await.0, 200);
        assert_eq!(got(&server, "/api/v2/me/emails/m").await["email"]["state"], "Composing");
    }

    async fn filters_are_fields_and_hold_together(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let list = got(&server, "/api/v2/me/openmedia?fields=id&state=Processing&mediaType=promotion").await;
        assert_eq!(ids(&list["openmedia"]), ["promotion-InProcess"]);
        assert_eq!(got(&server, "/api/v2/me/chats?state=Nowhere").await["uris"], json!([]));
        assert_eq!(ids(&got(&server, "/api/v2/me/emails?fields=id&id=email-New&_=12&_dc=3").await["emails"]), ["email-New"]);
        assert_eq!(got(&server, "/api/v2/me/emails?subject=none").await["uris"], json!([]), "what is not there is no value");
        let message = refused(&server, "/api/v2/me/chats?colour=red", (400, 10)).await;
        assert!(message.contains("colour"), "{message}");
        assert!(refused(&server, "/api/v2/me/chats?fields=id,colour", (400, 10)).await.contains("colour"));
        for limit in ["0", "5001", "x", ""] {
            refused(&server, &format!("/api/v2/me/chats?limit={limit}"), (400, 10)).await;
        }
    }

    async fn a_list_says_when_there_is_more(db) {
        let server = Server::start(db).await;
        let lines: String = (0..1203)
            .map(|n| json!({"id": format!("c{n:04}"), "mediaType": "chat", "startDate": format!("2026-03-01T{:02}:{:02}:00Z", n / 60, n % 60), "ownerId": if n == 3 { "rare" } else { "often" }, "participants": [{"participantId": format!("p{}", n % 400)}]}).to_string() + "\n")
            .collect();
        assert_eq!(server.post_text("/v1/interactions/batch", lines).await.0, 200);
        let list = got(&server, "/api/v2/me/chats").await;
        assert_eq!((list["uris"].as_array().unwrap().len(), &list["hasMore"]), (500, &json!(true)));
        let list = got(&server, "/api/v2/me/chats?limit=1203&fields=id").await;
        assert_eq!((list["chats"].as_array().unwrap().len(), list.get("hasMore")), (1203, None));
        let shown = ids(&list["chats"]);
        assert!(shown.is_sorted_by(|a, b| a > b), "newest first, each once");
        let list = got(&server, "/api/v2/me/chats?limit=1202").await;
        assert_eq!((list["uris"].as_array().unwrap().len(), &list["hasMore"]), (1202, &json!(true)));
        // filters apply to all items, not to a page of them
        let people = "%5B%7B%22participantId%22%3A%22p3%22%7D%5D";
        let list = got(&server, &format!("/api/v2/me/chats?fields=id&participants={people}")).await;
        assert_eq!(ids(&list["chats"]), ["c0803", "c0403", "c0003"]);
    }

    async fn the_user_is_shown_with_what_a_client_starts_from(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let me = got(&server, "/api/v2/me").await;
        let user = &me["user"];
        assert_eq!((&user["userName"], &user["roles"], &user["enabled"], &user["changePasswordOnFirstLogin"]), (&json!("anonymous"), &json!(["ROLE_AGENT"]), &json!(true), &json!(false)));
        assert_eq!(user["uri"], format!("{}/api/v2{}", server.base, user["path"].as_str().unwrap()));
        assert_eq!(&got(&server, &format!("/api/v2{}", user["path"].as_str().unwrap())).await["user"], user);
        refused(&server, "/api/v2/users/somebody", (404, 6)).await;
        assert!(user.get("chats").is_none());
        let whole = got(&server, "/api/v2/me?subresources=*").await;
        let whole = &whole["user"];
        assert_eq!((&whole["settings"], &whole["devices"], &whole["channels"]), (&json!({}), &json!([]), &json!([])));
        assert_eq!(ids(&whole["chats"]), ["chat-InProcess", "chat-New"]);
        assert_eq!(ids(&whole["calls"]), ["voice-InProcess", "voice-New"]);
        let few = got(&server, "/api/v2/me?subresources=calls,settings&fields=*").await;
        assert!(few["user"].get("calls").is_some() && few["user"].get("settings").is_some() && few["user"].get("chats").is_none());
        refused(&server, "/api/v2/me?subresources=colours", (400, 10)).await;
        assert_eq!(got(&server, "/api/v2/me/devices?fields=*").await["devices"], json!([]));
        assert_eq!(got(&server, "/api/v2/me/channels").await["uris"], json!([]));
        for name in ["StartContactCenterSession", "EndContactCenterSession", "Ready", "NotReady"] {
            let asked = json!({"operationName": name, "channels": ["voice", "chat"], "place": "p"});
            assert_eq!(server.post("/api/v2/me", asked).await, (200, json!({"statusCode": 0})));
        }
        assert_eq!(server.post("/api/v2/me", json!({})).await.1["statusCode"], 1);
        assert_eq!(server.post("/api/v2/me", json!({"operationName": "Dance"})).await.1["statusCode"], 2);
    }

    async fn features_tell_what_is_on_and_hide_what_is_off(db) {
        let server = Server::with(db, |config| config.gws.features = vec!["api-multimedia".into(), "api-multimedia-email".into()]).await;
        filled(&server).await;
        let on = got(&server, "/api/v2/features?fields=*").await;
        assert_eq!(ids(&on["features"]), ["api-multimedia", "api-multimedia-email"]);
        let first = &on["features"][0];
        assert_eq!(first["uri"], format!("{}/api/v2/features/api-multimedia", server.base));
        assert!(["displayName", "description", "path"].iter().all(|name| first[*name].is_string()));
        assert_eq!(&got(&server, "/api/v2/features/api-multimedia").await["feature"], first);
        refused(&server, "/api/v2/features/api-voice", (404, 6)).await;
        assert_eq!(got(&server, "/api/v2/features").await["uris"][0], first["uri"]);
        let all = got(&server, "/api/v2/system/features?fields=id").await;
        assert_eq!(ids(&all["features"]), ["api-multimedia", "api-multimedia-chat", "api-multimedia-email", "api-multimedia-facebook", "api-multimedia-twitter", "api-voice", "api-ucs-voice"]);
        assert_eq!(ids(&got(&server, "/api/v2/system/features?fields=id&id=api-voice").await["features"]), ["api-voice"]);
        for path in ["chats", "chats/chat-New", "smssessions", "calls", "calls/voice-New"] {
            refused(&server, &format!("/api/v2/me/{path}"), (404, 6)).await;
        }
        refused(&server, "/api/v2/interactions/chat-New", (404, 6)).await;
        got(&server, "/api/v2/me/emails").await;
        got(&server, "/api/v2/me/workitems").await;
        let me = got(&server, "/api/v2/me?subresources=*").await;
        assert_eq!((&me["user"]["chats"], &me["user"]["calls"]), (&json!([]), &json!([])));
    }

    async fn history_shows_an_interaction_of_any_medium(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let past = got(&server, "/api/v2/interactions/sms-Stopped").await;
        let past = &past["interaction"];
        assert_eq!((&past["mediaType"], &past["state"], &past["startDate"]), (&json!("smssession"), &json!("Stopped"), &json!("2026-03-01 09:01:12.500+0000")));
        assert_eq!(past["mediaTypeId"], "sms");
        assert_eq!((&past["path"], &past["userData"]), (&json!("/interactions/sms-Stopped"), &json!({"n": 1})));
        assert_eq!(past["uri"], format!("{}/api/v2/interactions/sms-Stopped", server.base));
        refused(&server, "/api/v2/interactions/none", (404, 6)).await;
    }

    async fn the_version_is_told_to_anybody(db) {
        let mut server = Server::start(db).await;
        server.token = Some("of nobody".to_owned());
        let version = got(&server, "/api/v2/diagnostics/version").await;
        assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    }

    async fn addresses_begin_with_what_the_operator_set(db) {
        let server = Server::with(db, |config| config.gws.base_url = "https://desk.example.org/annals/".into()).await;
        server.record(json!({"id": "a b/ü", "mediaType": "chat"})).await;
        let list = got(&server, "/api/v2/me/chats?fields=uri,path").await;
        assert_eq!(list["chats"], json!([{"uri": "https://desk.example.org/annals/api/v2/chats/a%20b%2F%C3%BC", "path": "/chats/a%20b%2F%C3%BC"}]));
        assert_eq!(got(&server, "/api/v2/chats/a%20b%2F%C3%BC").await["chat"]["id"], "a b/ü");
    }

    async fn capabilities_may_list_what_this_server_carries_out(db) {
        let server = Server::with(db, |config| config.gws.capabilities = Capabilities::Possible).await;
        filled(&server).await;
        let ids = ["chat", "sms", "email", "workitem", "voice", "promotion"];
        let paths = ["chats", "smssessions", "emails", "workitems", "calls", "openmedia/promotion"];
        for (media_type, path) in ids.iter().zip(paths) {
            for status in ["New", "InProcess", "Stopped"] {
                let path = format!("/api/v2/me/{path}/{media_type}-{status}");
                let one = got(&server, &format!("{path}?fields=capabilities")).await;
                let shown = one.as_object().unwrap().values().find_map(|value| value.get("capabilities")).unwrap();
                let mut wanted = vec!["AttachUserData", "UpdateUserData", "DeleteUserData"];
                wanted.extend((*media_type == "voice").then_some("DeleteUserDataPair"));
                wanted.push("SetDisposition");
                wanted.extend((status != "Stopped").then_some("Complete"));
                assert_eq!(shown, &json!(wanted), "{path}");
                for operation in wanted {
                    let body = json!({"operationName": operation, "userData": {"n": 1}, "keys": ["n"], "key": "n", "disposition": "sold"});
                    let (status, answer) = server.post(&path, body).await;
                    assert_eq!(status, 200, "{path} {operation}: {answer}");
                }
            }
        }
        let mut listener = Listener::of(&server, None, &["/v2/me/chats"]).await;
        server.record(json!({"id": "c", "mediaType": "chat"})).await;
        let message = listener.exactly(&server, 1).await.remove(0);
        assert_eq!(message["data"]["chat"]["capabilities"], json!(["AttachUserData", "UpdateUserData", "DeleteUserData", "SetDisposition", "Complete"]));
    }

    async fn nothing_is_possible_where_the_operations_are_switched_off(db) {
        let server = Server::with(db, |config| {
            config.gws.capabilities = Capabilities::Possible;
            config.gws.features = vec!["api-multimedia-chat".into()];
        }).await;
        server.record(json!({"id": "c", "mediaType": "chat"})).await;
        assert_eq!(got(&server, "/api/v2/me/chats/c").await["chat"]["capabilities"], json!([]));
    }
}
