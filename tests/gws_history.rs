//! Contact history over Web Services v2: requests by `POST`, answers as messages. The tests read
//! the messages where they wait for the user's sessions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::listener::Listener;
use crate::support::process::{PATIENCE, run};
use crate::support::{Db, Place, Server, id, ids};

const ALL: &str = "/api/v2/ucs/interactions";

/// The waiting answer with a reference: its user, and its data as text.
async fn waiting(server: &Server, reference: &Value) -> (String, String) {
    let reference = reference.as_i64().expect("a whole number");
    assert!(
        (1..=i64::from(i32::MAX)).contains(&reference),
        "{reference}"
    );
    let mut direct = Direct::to(&server.place).await;
    let select =
        format!("SELECT user_name, data FROM client_answer WHERE reference_id = {reference}");
    let begun = Instant::now();
    loop {
        let mut found = direct.pairs(&select).await;
        if let Some(answer) = found.pop() {
            assert!(found.is_empty(), "one answer a question");
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "no answer came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The answer with a reference: its user, and its data.
async fn told(server: &Server, reference: &Value) -> (String, Value) {
    let (user, data) = waiting(server, reference).await;
    let data: Value = serde_json::from_str(&data).expect("it is JSON");
    assert_eq!(&data["referenceId"], reference);
    (user, data)
}

/// Sends a request, which returns only a reference, and waits for the message.
async fn asked(server: &Server, path: &str, body: Value) -> Value {
    asked_by(server, "", path, body).await
}

/// The same for a user.
async fn asked_by(server: &Server, user: &str, path: &str, body: Value) -> Value {
    let mut request = server.request("POST", path).json(&body);
    if !user.is_empty() {
        request = request.basic_auth(user, Some("x"));
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{body}");
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        (&answer["statusCode"], answer.as_object().unwrap().len()),
        (&json!(0), 2),
        "{answer}"
    );
    let (whom, data) = told(server, &answer["referenceId"]).await;
    assert_eq!(whom, user);
    data
}

/// The identifiers of the rows that an operation finds.
async fn rows(server: &Server, path: &str, operation: &str, more: Value) -> Vec<String> {
    let mut body = json!({"operationName": operation});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let data = asked(server, path, body).await;
    assert_eq!(data["messageType"], "GetInteractionsHistoryMessage");
    let found = data["interactions"]
        .as_array()
        .unwrap_or_else(|| panic!("{data}"));
    found.iter().map(|row| id(row).to_owned()).collect()
}

async fn everything(server: &Server, more: Value) -> Vec<String> {
    rows(server, ALL, "RetrieveInteractionHistory", more).await
}

/// A day of history.
async fn day(server: &Server) {
    let at = |hour: u32| format!("2024-02-03T{hour:02}:00:00Z");
    for (hour, id, media, owner, user_data) in [
        (
            1,
            "chat",
            "chat",
            Some("ann"),
            json!({"CustomerId": "a21", "Order": 4711, "a.b": "dot", "Vip": true}),
        ),
        (
            2,
            "sms",
            "sms",
            Some("bob"),
            json!({"CustomerId": "a21", "Order": "4711"}),
        ),
        (3, "session", "smssession", None, json!({"CustomerId": "b"})),
        (4, "mail", "email", Some("ann"), json!({})),
        (5, "call", "voice", Some("bob"), json!({})),
        (6, "work", "workitem", None, json!({})),
        (7, "web", "webengagement", None, json!({})),
        (8, "back", "webcallback", None, json!({})),
        (9, "face", "facebook", None, json!({})),
        (10, "other", "promotion", None, json!({})),
    ] {
        server.record(json!({"id": id, "mediaType": media, "ownerId": owner, "userData": user_data, "startDate": at(hour)})).await;
    }
}

/// Records a batch.
async fn batch(server: &Server, lines: &[String]) {
    let request = server
        .request("POST", "/v1/interactions/batch")
        .header("content-type", "application/x-ndjson")
        .body(lines.join("\n"));
    let answer = request.send().await.unwrap().text().await.unwrap();
    assert!(!answer.contains("problem"), "{answer}");
}

const THAT_DAY: &str = "2024-02-03";

both! {
    async fn a_row_tells_what_the_documents_name(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "p", "mediaType": "webengagement", "startDate": "2024-02-02T10:00:00Z"})).await;
        let stored = server.record(json!({"id": "a/1 é", "mediaType": "sms", "type": "Inbound", "subject": "refund", "comment": "a note", "ownerId": "ann", "parentId": "p",
            "contact": {"EmailAddress": "c@example.test"}, "startDate": "2024-02-03T14:02:22.0409Z", "endDate": "2024-02-03T14:20:00Z",
            "userData": {"CustomerId": "a21", "nested": {"k": [1, null]}, "more": "not asked for"}})).await;
        let data = asked(&server, ALL, json!({"operationName": "RetrieveInteractionHistory", "fromDate": THAT_DAY, "toDate": THAT_DAY, "unknown": {}, "maxSize": null,
            "customAttributes": ["CustomerId", "nested", "absent"]})).await;
        let row = json!({"id": "a/1 é", "uri": format!("{}/api/v2/interactions/a%2F1%20%C3%A9", server.base), "path": "/interactions/a%2F1%20%C3%A9",
            "mediaType": "smssession", "mediaTypeId": "sms", "typeId": "Inbound", "state": "Stopped",
            "startDate": "2024-02-03 14:02:22.040+0000", "endDate": "2024-02-03 14:20:00.000+0000", "subject": "refund", "contactId": stored["contactId"],
            "parentId": "p", "threadId": stored["threadId"], "comment": "a note",
            "ownerInformation": {"id": "ann", "userName": "ann", "firstName": "", "lastName": "ann"}, "customAttributes": {"CustomerId": "a21", "nested": {"k": [1, null]}}});
        assert_eq!(data["interactions"], json!([row]));
        let (status, at_its_uri) = server.get(data["interactions"][0]["uri"].as_str().unwrap().strip_prefix(&server.base).unwrap()).await;
        assert_eq!((status, &at_its_uri["interaction"]["id"]), (200, &row["id"]));
        let data = asked(&server, ALL, json!({"operationName": "RetrieveInteractionHistory", "fromDate": "2024-02-02", "toDate": "2024-02-02"})).await;
        let bare = &data["interactions"][0];
        for (name, value) in [("state", json!("New")), ("typeId", json!("Unknown")), ("mediaType", json!("openmedia")), ("endDate", Value::Null), ("parentId", Value::Null),
            ("contactId", Value::Null), ("ownerInformation", Value::Null), ("comment", json!("")), ("customAttributes", json!({}))] {
            assert_eq!(bare[name], value, "{name}");
        }
    }

    async fn history_is_narrowed_by_its_parameters(db) {
        let server = Server::start(db).await;
        day(&server).await;
        let of = async |more: Value| {
            let mut wanted = json!({"fromDate": THAT_DAY, "toDate": THAT_DAY, "sort": "asc"});
            for (name, value) in more.as_object().unwrap() {
                wanted[name] = value.clone();
            }
            everything(&server, wanted).await.join(" ")
        };
        let all = "chat sms session mail call work web back face other";
        assert_eq!(of(json!({})).await, all, "whoever owns them");
        assert_eq!(of(json!({"sort": "DESC", "maxSize": 3})).await, "other face back");
        assert_eq!(everything(&server, json!({"fromDate": THAT_DAY, "toDate": THAT_DAY, "maxSize": "1"})).await, ["other"], "the newest first");
        for (media, wanted) in [
            ("call", "call"), ("Chat", "chat"), ("EMAIL", "mail"), ("smssession", "sms session"), ("workitem", "work"), ("facebook", "face"), ("twitter", ""), ("facebooksession", ""),
            ("openmedia", "web back other"), ("webengagement", "web"), ("", all),
        ] {
            assert_eq!(of(json!({"mediaType": media})).await, wanted, "{media}");
        }
        for (from, to, wanted) in [
            ("2024-02-03T02:00:00.000Z", "2024-02-03T03:00:00.000z", "sms session"),
            ("2024-02-03T02:00:00.001Z", "2024-02-03T02:59:59.999Z", ""),
            ("2024-02-03T03:00:00.000+0100", "2024-02-03T02:00:00", "sms"),
            ("2024-02-01", "2024-02-02", ""),
            ("2024-02-04", "2024-02-04", ""),
            ("2020-01-01", "2024-02-03T01:00:00Z", "chat"),
        ] {
            assert_eq!(of(json!({"fromDate": from, "toDate": to})).await, wanted, "{from} {to}");
        }
        for (keys, wanted) in [
            (json!({"CustomerId": "a21"}), "chat sms"),
            (json!({"CustomerId": "a21", "Vip": true}), "chat"),
            (json!({"Order": "4711"}), "chat sms"),
            (json!({"Order": 4711}), "chat"),
            (json!({"a.b": "dot"}), "chat"),
            (json!({"CustomerId": "A21"}), ""),
            (json!([{"key": "CustomerId", "value": "b"}]), "session"),
            (json!({}), all),
        ] {
            assert_eq!(of(json!({"searchCustomAttributes": keys})).await, wanted, "{keys}");
        }
        assert_eq!(of(json!({"source": "archive"})).await, "");
        assert_eq!(of(json!({"source": "main"})).await, all);
        assert_eq!(of(json!({"userId": "bob"})).await, "sms call");
        assert_eq!(everything(&server, json!({})).await, Vec::<String>::new(), "of the last month");
        server.record(json!({"id": "now", "mediaType": "chat"})).await;
        server.record(json!({"id": "lately", "mediaType": "chat", "startDate": "2020-01-01T00:00:00Z"})).await;
        assert_eq!(everything(&server, json!({})).await, ["now"]);
    }

    async fn an_agent_asks_for_the_agents_own_and_is_the_one_who_is_told(db) {
        let server = Server::start(db).await;
        day(&server).await;
        let of = async |user: &str, more: Value| {
            let mut body = json!({"operationName": "RetrieveAgentHistory", "fromDate": THAT_DAY, "toDate": THAT_DAY, "sort": "asc"});
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            let data = asked_by(&server, user, ALL, body).await;
            data["interactions"].as_array().unwrap().iter().map(|row| id(row).to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("ann", json!({})).await, "chat mail");
        assert_eq!(of("ann", json!({"userId": "bob"})).await, "sms call");
        assert_eq!(of("eve", json!({})).await, "");
        assert_eq!(of("", json!({"mediaType": "chat"})).await, "chat", "who is nobody is everybody");
    }

    async fn the_answer_comes_to_the_users_own_clients_whichever_server_was_asked(db) {
        let server = Server::start(db).await;
        day(&server).await;
        let place = Arc::clone(&server.place);
        // SQLite belongs to one server
        let other = if db == Db::Postgres { Some(Server::at(place, |_| {}).await) } else { None };
        let there = other.as_ref().unwrap_or(&server);
        let mut ann = Listener::of(&server, Some("ann"), &["/v2/ucs/interactions"]).await;
        let mut bob = Listener::of(&server, Some("bob"), &["/**"]).await;
        for listener in [&mut ann, &mut bob] {
            listener.connect(&server, 0).await;
        }
        let body = json!({"operationName": "RetrieveAgentHistory", "fromDate": THAT_DAY, "toDate": THAT_DAY});
        let answer = there.request("POST", ALL).basic_auth("ann", Some("x")).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let messages = ann.exactly(&server, 1).await;
        assert_eq!((&messages[0]["channel"], &messages[0]["data"]["referenceId"]), (&json!("/v2/ucs/interactions"), &answer["referenceId"]));
        assert_eq!(messages[0]["data"]["interactions"].as_array().unwrap().len(), 2);
        assert_eq!(bob.connect(&server, 300).await.1, [Value::Null; 0]);
    }

    async fn a_contacts_history_is_whole_with_that_of_those_merged_into_it(db) {
        let server = Server::start(db).await;
        for contact in ["c", "merged", "other"] {
            server.post("/v1/contacts", json!({"id": contact, "attributes": {"LastName": contact}})).await;
        }
        let lines: Vec<String> = (0..123).map(|n| {
            let contact = if n % 10 == 3 { "merged" } else { "c" };
            json!({"id": format!("i{n:03}"), "mediaType": "email", "contactId": contact, "text": "long", "startDate": format!("2024-02-03T{:02}:{:02}:00Z", n / 60, n % 60)}).to_string()
        }).collect();
        batch(&server, &lines).await;
        server.record(json!({"id": "o", "mediaType": "chat", "contactId": "other", "startDate": "2024-02-03T01:00:00Z"})).await;
        let of = async |contact: &str, more: Value| {
            let mut more = more;
            more["fromDate"] = THAT_DAY.into();
            more["toDate"] = THAT_DAY.into();
            rows(&server, &format!("/api/v2/ucs/contacts/{contact}/interactions"), "RetrieveContactHistory", more).await
        };
        let own = |n: &usize| n % 10 != 3;
        let named = |n: usize| format!("i{n:03}");
        assert_eq!(of("c", json!({"sort": "asc"})).await, (0..123).filter(own).map(named).collect::<Vec<_>>());
        assert_eq!(server.post("/v1/contacts/merged/merge", json!({"into": "c"})).await.0, 200);
        assert_eq!(of("c", json!({})).await, (0..123).rev().map(named).collect::<Vec<_>>(), "all of it, over several pages");
        assert_eq!(of("c", json!({"maxSize": 51})).await.len(), 51);
        assert_eq!(of("c", json!({"mediaType": "chat"})).await, Vec::<String>::new());
        assert_eq!(of("other", json!({})).await, ["o"]);
        let unknown = asked(&server, "/api/v2/ucs/contacts/nobody/interactions", json!({"operationName": "RetrieveContactHistory"})).await;
        assert_eq!(unknown["messageType"], "GetInteractionsHistoryMessage");
        assert!(unknown["errorMessage"].as_str().unwrap().contains("nobody") && unknown.get("interactions").is_none(), "{unknown}");
    }

    async fn content_is_the_interaction_with_its_user_data_and_what_was_said(db) {
        let server = Server::start(db).await;
        let xml = "<chatTranscript startAt=\"2024-02-03T14:00:00Z\" sessionId=\"s\"><newParty userId=\"1\" timeShift=\"0\" visibility=\"ALL\" eventId=\"1\"><userInfo userNick=\"guest\" userType=\"CLIENT\"/></newParty>\
            <message userId=\"1\" timeShift=\"5\" visibility=\"ALL\" eventId=\"2\"><msgText msgType=\"text\">1 &lt; 2?</msgText></message>\
            <newParty userId=\"2\" timeShift=\"6\" visibility=\"ALL\"><userInfo userNick=\"Rita\" userType=\"AGENT\"/></newParty>\
            <message userId=\"2\" timeShift=\"7\" visibility=\"INT\"><msgText>hm</msgText></message><notice userId=\"2\" timeShift=\"8\"><noticeText noticeType=\"USER_CUSTOM\">looks</noticeText></notice>\
            <partyLeft userId=\"1\" timeShift=\"9\"><reason code=\"1\">left</reason></partyLeft></chatTranscript>";
        let user_data = r#"{"n":1.50,"list":[1,{"k":null}]}"#;
        let chat = format!(r#"{{"id":"chat","mediaType":"chat","startDate":"2024-02-03T13:00:00Z","text":"guest: 1 < 2?","structuredText":{},"userData":{user_data}}}"#, json!(xml));
        assert_eq!(server.post_text("/v1/interactions", chat).await.0, 201);
        let content = async |id: &str| asked(&server, &format!("{ALL}/{id}"), json!({"operationName": "GetInteractionContent"})).await;
        let data = content("chat").await;
        assert_eq!(data["messageType"], "GetInteractionContentMessage");
        assert_eq!(data["interaction"]["userData"], serde_json::from_str::<Value>(user_data).unwrap());
        assert!(data["interaction"].get("phoneNumber").is_none());
        let customer = json!({"participantId": "1", "nickname": "guest", "type": "Customer"});
        let agent = json!({"participantId": "2", "nickname": "Rita", "type": "Agent"});
        let at = |index: u32, kind: &str, from: &Value, second: u32| json!({"index": index, "type": kind, "visibility": "All", "from": from,
            "timestamp": format!("2024-02-03 14:00:0{second}.000+0000"), "timestampSeconds": 1_706_968_800_000_u64 + u64::from(second) * 1000});
        let mut messages = [at(1, "ParticipantJoined", &customer, 0), at(2, "Text", &customer, 5), at(3, "ParticipantJoined", &agent, 6), at(4, "Text", &agent, 7), at(5, "Notice", &agent, 8), at(6, "ParticipantLeft", &customer, 9)];
        messages[1]["text"] = "1 < 2?".into();
        messages[3]["text"] = "hm".into();
        messages[3]["visibility"] = "Agents".into();
        messages[4]["noticeText"] = "looks".into();
        assert_eq!(data["messages"], json!(messages));

        server.record(json!({"id": "sms", "mediaType": "sms", "startDate": "2024-02-03T13:00:00Z", "text": "guest: where is it?\n- order 7\nRita: on its way",
            "participants": [{"participantId": "+39", "nickname": "guest", "type": "Customer"}, {"participantId": "Rita", "type": "Agent"}]})).await;
        let said = content("sms").await["messages"].clone();
        assert_eq!(said[0]["text"], "where is it?\n- order 7");
        assert_eq!((&said[0]["from"]["participantId"], &said[1]["from"]["type"], &said[1]["text"]), (&json!("+39"), &json!("Agent"), &json!("on its way")));
        server.record(json!({"id": "broken", "mediaType": "chat", "text": "Ann: so\n", "structuredText": "<!DOCTYPE c [<!ENTITY e 'x'>]><chatTranscript>&e;</chatTranscript>"})).await;
        assert_eq!(content("broken").await["messages"][0]["text"], "so", "its plain text, where the other cannot be read");
        server.record(json!({"id": "empty", "mediaType": "chat"})).await;
        assert_eq!(content("empty").await["messages"], json!([]));
        server.record(json!({"id": "mail", "mediaType": "email", "text": "Ann: hello"})).await;
        assert!(content("mail").await.get("messages").is_none());

        server.record(json!({"id": "call", "mediaType": "voice", "startDate": "2024-02-03T13:00:00Z", "endDate": "2024-02-03T13:01:27.9Z",
            "participants": [{"participantId": "7001", "type": "Agent"}, {"participantId": "+39061", "type": "Customer"}]})).await;
        let call = content("call").await["interaction"].clone();
        assert_eq!((&call["mediaType"], &call["phoneNumber"], &call["callDuration"]), (&json!("call"), &json!("+39061"), &json!(87)));
        server.record(json!({"id": "ani", "mediaType": "voice", "userData": {"ANI": "5551"}})).await;
        let ani = content("ani").await["interaction"].clone();
        assert_eq!((&ani["phoneNumber"], &ani["callDuration"]), (&json!("5551"), &Value::Null));

        let odd = r#"{"$serde_json::private::RawValue":"x","n":1.5}"#;
        assert_eq!(server.post_text("/v1/interactions", format!(r#"{{"id":"odd","mediaType":"email","userData":{odd}}}"#)).await.0, 201);
        let (_, answer) = server.post(&format!("{ALL}/odd"), json!({"operationName": "GetInteractionContent"})).await;
        assert!(waiting(&server, &answer["referenceId"]).await.1.contains(odd), "to the letter");

        let unknown = content("nothing").await;
        assert!(unknown["errorMessage"].as_str().unwrap().contains("nothing") && unknown.get("interaction").is_none(), "{unknown}");
        let archived = asked(&server, &format!("{ALL}/chat"), json!({"operationName": "GetInteractionContent", "source": "archive"})).await;
        assert!(archived["errorMessage"].is_string());
    }

    async fn a_contact_is_identified_and_made_where_that_is_wanted(db) {
        let server = Server::start(db).await;
        let identify = async |more: Value| {
            let mut body = json!({"operationName": "IdentifyUCSContact"});
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            asked_by(&server, "ann", "/api/v2/contacts/ucs", body).await
        };
        let nobody = identify(json!({"emailAddress": "c@example.test", "createContactEnabled": "false"})).await;
        assert!(nobody["errorMessage"].is_string() && nobody.as_object().unwrap().len() == 2, "{nobody}");
        let made = identify(json!({"emailAddress": "c@example.test", "phoneNumber": "+39 06 6982", "lastName": "Rossi", "firstName": "", "mediaType": "voice", "createContactEnabled": "true"})).await;
        let contact = made["contactId"].as_str().unwrap();
        assert_eq!(made.as_object().unwrap().len(), 2, "{made}");
        let (_, stored) = server.get(&format!("/v1/contacts/{contact}")).await;
        assert_eq!(stored["attributes"], json!({"EmailAddress": ["c@example.test"], "LastName": ["Rossi"], "PhoneNumber": ["+39 06 6982"]}));
        for again in [json!({"emailAddress": "C@example.test", "createContactEnabled": false}), json!({"phoneNumber": "+39066982"}), json!({"userData": {"EmailAddress": "c@example.test", "other": 1}})] {
            assert_eq!(identify(again.clone()).await["contactId"], contact, "{again}");
        }
        let journal = server.journal().await;
        assert_eq!((journal.len(), journal[0]["actor"].as_str()), (1, Some("ann")));
    }

    async fn a_call_is_found_or_made_and_then_told_of(db) {
        let server = Server::start(db).await;
        server.post("/v1/contacts", json!({"id": "c/1", "attributes": {"LastName": "Rossi"}})).await;
        let find = json!({"operationName": "FindPhoneCall", "callId": "call-7", "status": "InProcess", "phoneNumber": "+39061", "type": "Inbound", "subject": "refund",
            "userData": {"k": 1, "jsonEvent": {"x": 1}}});
        let all = join_all((0..4).map(|_| asked_by(&server, "ann", ALL, find.clone()))).await;
        let call = all[0]["interactionId"].as_str().unwrap().to_owned();
        let made: Vec<&Value> = all.iter().filter(|data| data["isCreated"] == "true").collect();
        assert_eq!(made.len(), 1, "one of those who ask at once makes it: {all:?}");
        for data in &all {
            assert_eq!((&data["messageType"], data["interactionId"].as_str()), (&json!("createInteractionResponse"), Some(call.as_str())));
        }
        let (_, stored) = server.get(&format!("/v1/interactions/{call}")).await;
        for (name, value) in [("mediaType", json!("voice")), ("externalId", json!("call-7")), ("status", json!("InProcess")), ("type", json!("Inbound")), ("ownerId", json!("ann")),
            ("subject", json!("refund")), ("userData", json!({"k": 1})), ("participants", json!([{"participantId": "+39061", "type": "Customer"}]))] {
            assert_eq!(stored[name], value, "{name}");
        }
        let mut later = find.clone();
        later["userData"] = json!({"k": 2});
        assert_eq!(asked_by(&server, "ann", ALL, later).await["isCreated"], "false");
        server.record(json!({"id": "elsewhere", "mediaType": "voice", "externalId": "call-8"})).await;
        let known = json!({"operationName": "FindPhoneCall", "callId": "call-8", "status": "new", "phoneNumber": "1", "type": "unknown"});
        let known = asked(&server, ALL, known).await;
        assert_eq!((&known["interactionId"], &known["isCreated"]), (&json!("elsewhere"), &json!("false")));
        let orphan = asked(&server, ALL, json!({"operationName": "FindPhoneCall", "callId": "call-9", "status": "New", "phoneNumber": "1", "type": "Consult", "parentId": "nothing"})).await;
        assert!(orphan["errorMessage"].is_string() && orphan.get("interactionId").is_none(), "{orphan}");

        let path = format!("{ALL}/{call}");
        let operate = async |user: &str, path: &str, body: Value| {
            let data = asked_by(&server, user, path, body).await;
            assert_eq!(data["messageType"], "UcsOperationResponse");
            assert_eq!(data["success"] == true, data.get("errorMessage").is_none(), "{data}");
            data["success"] == true
        };
        assert!(operate("ann", &path, json!({"operationName": "SetCallContact", "contactPath": "/contacts/c%2F1"})).await);
        assert!(!operate("ann", &path, json!({"operationName": "SetCallContact", "contactPath": "/contacts/nobody"})).await);
        assert!(operate("ann", &path, json!({"operationName": "SetCallNote", "note": "calls back"})).await);
        assert!(!operate("bob", &path, json!({"operationName": "SetCallNote", "note": "not bob's"})).await);
        assert!(operate("ann", &path, json!({"operationName": "SetCallCompleted", "callDuration": "87", "userData": {"k": "two", "Disposition": "sold"}})).await);
        let (_, stored) = server.get(&format!("/v1/interactions/{call}")).await;
        for (name, value) in [("contactId", json!("c/1")), ("comment", json!("calls back")), ("status", json!("Stopped")), ("userData", json!({"k": "two", "Disposition": "sold"}))] {
            assert_eq!(stored[name], value, "{name}");
        }
        let content = asked(&server, &path, json!({"operationName": "GetInteractionContent"})).await["interaction"].clone();
        assert_eq!((&content["callDuration"], &content["phoneNumber"], &content["comment"]), (&json!(87), &json!("+39061"), &json!("calls back")));
        assert!(operate("ann", &path, json!({"operationName": "SetCallNote", "note": ""})).await, "a note can be taken back");
        assert!(operate("ann", &path, json!({"operationName": "SetCallCompleted"})).await);
        let content = asked(&server, &path, json!({"operationName": "GetInteractionContent"})).await["interaction"].clone();
        assert_eq!((&content["callDuration"], &content["comment"]), (&json!(87), &json!("")));
        server.record(json!({"id": "chat", "mediaType": "chat"})).await;
        for path in ["chat", "nothing"] {
            assert!(!operate("ann", &format!("{ALL}/{path}"), json!({"operationName": "SetCallNote", "note": "n"})).await, "{path}");
        }
    }

    async fn what_is_wrong_in_itself_is_said_at_once(db) {
        let server = Server::start(db).await;
        let history = |more: Value| {
            let mut body = json!({"operationName": "RetrieveInteractionHistory"});
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            body
        };
        let find = |without: &str| {
            let mut body = json!({"operationName": "FindPhoneCall", "callId": "1", "status": "New", "phoneNumber": "1", "type": "Inbound"});
            body.as_object_mut().unwrap().remove(without);
            body
        };
        let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        let one = &format!("{ALL}/i");
        let call = |more: Value| (one.as_str(), more);
        for ((path, body), code, named) in [
            ((ALL, json!({})), 1, "operationName"),
            ((ALL, json!({"operationName": null})), 1, "operationName"),
            ((ALL, json!({"operationName": 7})), 10, "operationName"),
            ((ALL, json!([])), 10, "no JSON object"),
            ((ALL, json!({"operationName": "RetrieveEverything"})), 2, "RetrieveEverything"),
            ((ALL, json!({"operationName": "RetrieveContactHistory"})), 2, "RetrieveContactHistory"),
            ((one, json!({"operationName": "RetrieveInteractionHistory"})), 2, "RetrieveInteractionHistory"),
            (("/api/v2/ucs/contacts/c/interactions", json!({"operationName": "RetrieveInteractionHistory"})), 2, "Retrieve"),
            (("/api/v2/contacts/ucs", json!({"operationName": "Identify"})), 2, "Identify"),
            ((ALL, history(json!({"fromDate": "yesterday"}))), 10, "fromDate"),
            ((ALL, history(json!({"toDate": 2024}))), 10, "toDate"),
            ((ALL, history(json!({"fromDate": "2024-02-03", "toDate": "2024-02-02"}))), 10, "toDate"),
            ((ALL, history(json!({"mediaType": "fax"}))), 10, "mediaType"),
            ((ALL, history(json!({"sort": "up"}))), 10, "sort"),
            ((ALL, history(json!({"maxSize": 0}))), 10, "maxSize"),
            ((ALL, history(json!({"maxSize": 1001}))), 10, "maxSize"),
            ((ALL, history(json!({"maxSize": 1.5}))), 10, "maxSize"),
            ((ALL, history(json!({"maxSize": "many"}))), 10, "maxSize"),
            ((ALL, history(json!({"source": "attic"}))), 10, "source"),
            ((ALL, history(json!({"customAttributes": "k"}))), 10, "customAttributes"),
            ((ALL, history(json!({"customAttributes": many}))), 10, "customAttributes"),
            ((ALL, history(json!({"searchCustomAttributes": ["k"]}))), 10, "searchCustomAttributes"),
            ((ALL, history(json!({"searchCustomAttributes": {"k": {"nested": 1}}}))), 10, "searchCustomAttributes"),
            ((ALL, history(json!({"searchCustomAttributes": {"k\u{0}": 1}}))), 10, "NUL"),
            ((ALL, history(json!({"searchCustomAttributes": {"k": "\u{0}"}}))), 10, "NUL"),
            ((ALL, history(json!({"userId": "a\u{0}"}))), 10, "userId"),
            ((ALL, find("callId")), 1, "callId"),
            ((ALL, find("status")), 1, "status"),
            ((ALL, find("phoneNumber")), 1, "phoneNumber"),
            ((ALL, find("type")), 1, "type"),
            (call(json!({"operationName": "SetCallContact"})), 1, "contactPath"),
            (call(json!({"operationName": "SetCallContact", "contactPath": "/"})), 10, "contactPath"),
            (call(json!({"operationName": "SetCallNote"})), 1, "note"),
            (call(json!({"operationName": "SetCallCompleted", "callDuration": -1})), 10, "callDuration"),
            (call(json!({"operationName": "SetCallCompleted", "userData": 7})), 10, "userData"),
            (call(json!({"operationName": "GetInteractionContent", "source": "attic"})), 10, "source"),
            (("/api/v2/contacts/ucs", json!({"operationName": "IdentifyUCSContact", "emailAddress": " "})), 1, "emailAddress"),
            (("/api/v2/contacts/ucs", json!({"operationName": "IdentifyUCSContact", "lastName": "x", "createContactEnabled": "maybe"})), 10, "createContactEnabled"),
        ] {
            let (status, answer) = server.post(path, body.clone()).await;
            assert_eq!((status, &answer["statusCode"]), (400, &json!(code)), "{body}: {answer}");
            assert!(answer["statusMessage"].as_str().unwrap().contains(named), "{body}: {answer}");
            assert_eq!(answer.as_object().unwrap().len(), 2);
        }
        let text = server.request("POST", ALL).header("content-type", "text/plain").body("{\"operationName\":\"RetrieveInteractionHistory\"}").send().await.unwrap();
        assert_eq!(text.status(), 400, "what a page may send without asking");
        assert_eq!(server.post_text(ALL, "{").await.0, 400);
        assert_eq!(server.post_text(ALL, r#"{"operationName":"SetX","userData":{"k":1,"k":2}}"#).await.1["statusCode"], 2);
        assert_eq!(server.post(&format!("{ALL}/a%00"), json!({"operationName": "GetInteractionContent"})).await.0, 404);
        assert_eq!(server.get(ALL).await.0, 405);
        let mut direct = Direct::to(&server.place).await;
        assert_eq!(direct.number("SELECT COUNT(*) FROM client_answer").await, 0, "nobody is told of what was refused");
    }

    async fn what_a_feature_switched_off_answers_is_not_there(db) {
        let off = Server::with(db, |config| config.gws.features = vec!["api-voice".into()]).await;
        let history = json!({"operationName": "RetrieveInteractionHistory"});
        assert_eq!(off.post(ALL, history.clone()).await.0, 404);
        let no_voice = Server::with(db, |config| config.gws.features = vec!["api-multimedia-chat".into()]).await;
        assert_eq!(no_voice.post(ALL, history).await.0, 200);
        let identify = json!({"operationName": "IdentifyUCSContact", "lastName": "x"});
        for (path, body) in [("/api/v2/contacts/ucs", identify), (&format!("{ALL}/i"), json!({"operationName": "SetCallNote", "note": "n"}))] {
            let (status, answer) = no_voice.post(path, body).await;
            assert_eq!((status, &answer["statusCode"]), (400, &json!(2)), "{answer}");
        }
    }

    async fn so_many_questions_are_under_way_and_each_is_answered(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "i", "mediaType": "chat"})).await;
        let mut lock = Direct::hold_writer(&server.place).await;
        let ask = || server.post(ALL, json!({"operationName": "RetrieveInteractionHistory"}));
        let mut references = Vec::new();
        for _ in 0..64 {
            let (status, answer) = ask().await;
            assert_eq!(status, 200, "{answer}");
            references.push(answer["referenceId"].clone());
        }
        let full = server.request("POST", ALL).json(&json!({"operationName": "RetrieveInteractionHistory"})).send().await.unwrap();
        assert!(full.status() == 503 && full.headers().contains_key("retry-after"));
        assert_eq!(full.json::<Value>().await.unwrap()["statusCode"], 4);
        lock.execute("ROLLBACK").await;
        drop(lock);
        for reference in &references {
            let (_, data) = told(&server, reference).await;
            assert_eq!(data["interactions"][0]["id"], "i");
        }
        let begun = Instant::now();
        while ask().await.0 != 200 {
            assert!(begun.elapsed() < PATIENCE, "places are given back");
        }
    }

    async fn an_answer_that_nobody_could_hold_is_none(db) {
        let server = Server::start(db).await;
        let long = "x".repeat(250_000);
        let lines: Vec<String> = (0..40).map(|n| json!({"id": format!("i{n}"), "mediaType": "chat", "userData": {"long": long}}).to_string()).collect();
        batch(&server, &lines).await;
        let mut body = json!({"operationName": "RetrieveInteractionHistory", "customAttributes": ["long"]});
        let data = asked(&server, ALL, body.clone()).await;
        assert!(data["errorMessage"].as_str().unwrap().contains("larger") && data.get("interactions").is_none());
        body["maxSize"] = 30.into();
        assert_eq!(asked(&server, ALL, body).await["interactions"].as_array().unwrap().len(), 30);
    }

    async fn a_question_that_was_taken_on_is_answered_though_the_server_stops(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "i", "mediaType": "chat"})).await;
        let (_, answer) = server.post(ALL, json!({"operationName": "RetrieveInteractionHistory"})).await;
        let place = server.stop().await;
        let server = Server::at(place, |_| {}).await;
        assert_eq!(told(&server, &answer["referenceId"]).await.1["interactions"][0]["id"], "i");
        let mut direct = Direct::to(&server.place).await;
        let all = direct.pairs("SELECT channel, user_name FROM client_answer").await;
        assert_eq!(all, [("/v2/ucs/interactions".to_owned(), String::new())]);
    }

    async fn the_history_of_a_whole_contact_centre_is_told_as_the_native_surface_tells_it(db) {
        let place = Arc::new(Place::new(db).await);
        let filled = run(&place.url, &["demo", "--interactions", "600", "--seed", "5", "--until", "2026-06-30"]).await;
        assert_eq!(filled.code, Some(0), "{filled:?}");
        let mut whole = json!({"fromDate": "2000-01-01", "toDate": "2027-01-01", "maxSize": 1000});
        if let Ok(folder) = std::env::var("ANNALS_TEST_DATA") {
            let imported = run(&place.url, &["import", &format!("{folder}/agent-api-simulator")]).await;
            assert_eq!(imported.code, Some(0), "{imported:?}");
        }
        let server = Server::at(place, |_| {}).await;
        let (_, page) = server.get("/v1/interactions?limit=500&sort=-startDate&fields=id,contactId,mediaType,text,structuredText,userData").await;
        let native = ids(&page);
        assert_eq!(everything(&server, whole.clone()).await[..500], native[..]);
        let mut contacts: Vec<&str> = page["items"].as_array().unwrap().iter().filter_map(|one| one["contactId"].as_str()).collect();
        contacts.sort_unstable();
        contacts.dedup();
        whole["sort"] = "desc".into();
        for contact in contacts.iter().step_by(7) {
            let (_, history) = server.get(&format!("/v1/contacts/{contact}/history?limit=500")).await;
            let told = rows(&server, &format!("/api/v2/ucs/contacts/{contact}/interactions"), "RetrieveContactHistory", whole.clone()).await;
            assert_eq!(told, ids(&history), "{contact}");
        }
        let mut transcripts = 0;
        for one in page["items"].as_array().unwrap().iter().step_by(5) {
            let data = asked(&server, &format!("{ALL}/{}", id(one)), json!({"operationName": "GetInteractionContent"})).await;
            assert_eq!(data["interaction"]["userData"], one["userData"], "{}", id(one));
            if one["mediaType"] == "chat" && one["structuredText"].is_string() {
                let said = data["messages"].as_array().unwrap().iter().filter(|message| message["type"] == "Text" || message["type"] == "Notice");
                let lines: Vec<String> = said.map(|message| {
                    let words = message["text"].as_str().or(message["noticeText"].as_str()).unwrap();
                    format!("{}: {words}", message["from"]["nickname"].as_str().unwrap())
                }).collect();
                assert_eq!(one["text"], lines.join("\n"));
                transcripts += 1;
            }
        }
        assert!(transcripts > 3, "{transcripts} chats with a transcript");
    }
}
