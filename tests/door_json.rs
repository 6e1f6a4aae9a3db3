//! JSON input on every surface: lists are not accepted as objects, values are of their types, and
//! errors name the place in plain words.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::both;
use crate::support::{Server, id};

/// Words of the implementation, which no answer may contain.
const JARGON: [&str; 20] = [
    "untagged",
    "OneOrMany",
    "struct",
    "invalid type",
    "invalid value",
    "invalid length",
    "expected",
    "i64",
    "u64",
    "i32",
    "u8",
    "usize",
    "f64",
    "variant",
    "sequence",
    "missing field",
    "unknown field",
    "column",
    "serde",
    "Option<",
];

fn in_plain_words(answer: &Value, sent: &str) {
    let text = answer.to_string();
    for word in JARGON {
        assert!(
            !text.contains(word),
            "{word:?} in the answer to {sent}: {text}"
        );
    }
}

fn pointer(answer: &Value) -> &str {
    answer["errors"][0]["pointer"].as_str().unwrap_or("none")
}

/// The path of an operation, with identifiers filled in.
fn path_of(template: &str) -> String {
    let mut path = String::new();
    for (index, part) in template.split(['{', '}']).enumerate() {
        let part = match (index % 2, part) {
            (0, part) => part,
            (_, "cursor") => "1",
            _ => "walk",
        };
        let _ = write!(path, "{part}");
    }
    path
}

both! {
    async fn no_operation_takes_what_is_no_object_for_its_body(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "walk", "mediaType": "webengagement"})).await;
        let (_, document) = server.get("/openapi.json").await;
        let mut walked = 0;
        for (template, item) in document["paths"].as_object().unwrap() {
            for method in ["post", "put", "patch"] {
                let Some(operation) = item.get(method) else { continue };
                if operation.get("requestBody").is_none() || template.ends_with("/batch") {
                    continue;
                }
                let path = path_of(template);
                for body in ["[]", "[1]", "[[]]", "[null,null,\"chat\"]", "\"x\"", "3", "-1.5", "null", "true"] {
                    let request = server.request(&method.to_uppercase(), &path).header("content-type", "application/json");
                    let response = request.body(body).send().await.unwrap();
                    let status = response.status().as_u16();
                    let answer: Value = response.json().await.unwrap();
                    let sent = format!("{method} {path} {body}");
                    in_plain_words(&answer, &sent);
                    let takes_lists = body.starts_with('[') && (path.ends_with("/user-data") || path == "/v1/web-actions");
                    if takes_lists {
                        assert!([200, 422].contains(&status), "{sent}: {status} {answer}");
                    } else {
                        assert_eq!(status, 422, "{sent}: {answer}");
                    }
                    walked += 1;
                }
            }
        }
        assert!(walked > 100, "{walked}");
        let (_, stored) = server.get("/v1/interactions/walk").await;
        assert_eq!((&stored["revision"], &stored["userData"]), (&json!(1), &json!({})));
    }

    async fn a_list_is_no_object_inside_either(db) {
        let server = Server::start(db).await;
        for (path, body, place) in [
            ("/v1/interactions", json!({"mediaType": "chat", "participants": [["Ann", null, "Agent"]]}), "/participants/0"),
            ("/v1/interactions", json!({"mediaType": "chat", "contact": ["EmailAddress", "a@b.test"]}), "/contact"),
            ("/v1/interactions", json!({"mediaType": "chat", "userData": [["k", "str", "v"]]}), "/userData/0"),
            ("/v1/contacts", json!({"attributes": [["EmailAddress", "a@b.test"]]}), "/attributes"),
            ("/v1/interactions/search", json!({"filter": ["field", "id"]}), "/filter"),
            ("/v1/webhooks", json!({"url": ["https://example.org"], "kinds": ["webAction"]}), "/url"),
        ] {
            let (status, told) = server.post(path, body.clone()).await;
            assert_eq!((status, pointer(&told)), (422, place), "{path} {body}: {told}");
            in_plain_words(&told, &body.to_string());
        }
        let (status, told) = server.post_text("/v1/interactions/batch", "[\"b1\",null,\"chat\"]\n{\"id\":\"b2\",\"mediaType\":\"chat\"}\n").await;
        assert_eq!(status, 200);
        let lines: Vec<Value> = told.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["status"], &lines[1]["status"]), (&json!(422), &json!(201)));
        in_plain_words(&lines[0], "a batch line");
        // a bad item of a list of events is refused by itself
        let events = json!([["a", "offered"], 3, {"actionId": "a", "actionState": "offered"}]);
        let (status, told) = server.post("/v1/web-actions", events).await;
        let statuses: Vec<&Value> = told["items"].as_array().unwrap().iter().map(|item| &item["status"]).collect();
        assert_eq!((status, statuses), (200, vec![&json!(422), &json!(422), &json!(201)]));
        in_plain_words(&told, "events");
        // nor is a body that carries its key read by position
        let (status, _) = server.post("/v1/web-actions", json!(["key", [{"actionId": "b", "actionState": "offered"}]])).await;
        assert_eq!(status, 200);
        assert_eq!(server.get("/v1/web-actions/b").await.0, 404);
        for path in ["/api/v2/me/chats/x", "/api/v2/notifications"] {
            let (status, told) = server.post_text(path, "[[\"/meta/handshake\"]]").await;
            assert_eq!(status, 400, "{path}: {told}");
            in_plain_words(&told, path);
        }
    }

    async fn a_pair_list_as_the_whole_body_is_attached(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "p", "mediaType": "chat", "userData": {"old": 1}})).await;
        let pairs = json!([
            {"key": "rule", "type": "str", "value": "hot"},
            {"key": "list", "type": "kvlist", "value": [{"key": "n", "type": "int", "value": 2}]},
            {"key": "rule", "type": "str", "value": "cold"},
        ]);
        let (status, answer) = server.post("/v1/interactions/p/user-data", pairs).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["repeatedKeys"], json!(["rule"]));
        let (_, now) = server.get("/v1/interactions/p/user-data").await;
        assert_eq!(now["userData"], json!({"old": 1, "rule": "cold", "list": {"n": 2}}));
        let journal = server.journal().await;
        assert_eq!(journal.last().unwrap()["kind"], "userData.attached");
        for (body, place) in [
            (json!([{"key": "a", "value": 1}, 7]), "/1"),
            (json!([{"key": 3, "value": 1}]), "/0"),
            (json!([{"name": "a", "value": 1}]), "/0"),
        ] {
            let (status, told) = server.post("/v1/interactions/p/user-data", body.clone()).await;
            assert_eq!((status, pointer(&told)), (422, place), "{body}: {told}");
        }
        assert_eq!(server.journal().await.len(), journal.len());
    }

    async fn a_value_of_the_wrong_type_is_told_with_its_place_and_what_is_wanted(db) {
        let server = Server::start(db).await;
        let interaction = "/v1/interactions";
        let identify = "/v1/contacts/identify";
        let search = "/v1/interactions/search";
        for (path, body, place, wanted) in [
            (interaction, json!({"mediaType": "chat", "status": 3}), "/status", "one of New, Pending, InProcess, Stopped"),
            (interaction, json!({"mediaType": "chat", "status": "stopped"}), "/status", "none of New, Pending, InProcess, Stopped"),
            (interaction, json!({"mediaType": "chat", "status": {"New": null}}), "/status", "one of New"),
            (interaction, json!({"mediaType": "chat", "entityType": 1}), "/entityType", "one of EmailIn"),
            (interaction, json!({"mediaType": 7}), "/mediaType", "must be a text"),
            (interaction, json!({"mediaType": "chat", "canBeParent": "yes"}), "/canBeParent", "true or false"),
            (interaction, json!({"mediaType": "chat", "tenantId": "1"}), "/tenantId", "a whole number"),
            (interaction, json!({"mediaType": "chat", "tenantId": 1.5}), "/tenantId", "whole number"),
            (interaction, json!({"mediaType": "chat", "tenantId": 18_446_744_073_709_551_615_u64}), "/tenantId", "outside the range"),
            (interaction, json!({"mediaType": "chat", "startDate": {}}), "/startDate", "a time"),
            (interaction, json!({"mediaType": "chat", "userData": 5}), "/userData", "an object or a list"),
            (interaction, json!({"mediaType": "chat", "participants": {}}), "/participants", "a list"),
            (interaction, json!({"mediaType": "chat", "participants": [{"nickname": "Ann"}]}), "/participants/0/participantId", "is missing"),
            (interaction, json!({"mediaType": "chat", "colour/size": 1}), "/colour~1size", "is no field here"),
            (identify, json!({"attributes": {"PhoneNumber": 4_912_345}}), "/attributes/PhoneNumber", "a text or a list of texts"),
            (identify, json!({"attributes": {"PhoneNumber": ["1", 2]}}), "/attributes/PhoneNumber/1", "must be a text"),
            (identify, json!({"attributes": "x"}), "/attributes", "an object"),
            (search, json!({"limit": "10"}), "/limit", "a whole number"),
            (search, json!({"limit": -1}), "/limit", "outside the range"),
            (search, json!({"sort": "id"}), "/sort", "a list"),
            (search, json!({"filter": {"field": "id", "eq": "a"}, "count": 1}), "/count", "true or false"),
            ("/v1/contacts/x/merge", json!({}), "/into", "is missing"),
            ("/v1/webhooks/x/replay", json!({"state": 1}), "/state", "a text"),
        ] {
            let (status, told) = server.post(path, body.clone()).await;
            assert_eq!((status, pointer(&told)), (422, place), "{path} {body}: {told}");
            let detail = told["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.contains(wanted), "{path} {body}: {detail}");
            in_plain_words(&told, &body.to_string());
        }
        // a repeated key would be lost in part, also in a filter
        for (path, body, place) in [
            (interaction, r#"{"mediaType":"chat","mediaType":"sms"}"#, "/mediaType"),
            (interaction, r#"{"mediaType":"chat","userData":{"a":{"b":[{"c":1,"c":2}]}}}"#, "/userData/a/b/0/c"),
            (search, r#"{"filter":{"field":"id","eq":"a","eq":"b"}}"#, "/filter/eq"),
        ] {
            let (status, told) = server.post_text(path, body).await;
            assert_eq!((status, pointer(&told)), (422, place), "{body}: {told}");
            assert_eq!(told["errors"][0]["detail"], "is given twice");
        }
        for body in ["{", "{\"mediaType\":}", "{\"mediaType\":\"chat\"} x", "{'mediaType':'chat'}", "nonsense", "{\"mediaType\":\"chat\",}", "\u{1}"] {
            let (status, told) = server.post_text(interaction, body).await;
            assert_eq!((status, &told["type"]), (400, &json!("malformed")), "{body}");
            in_plain_words(&told, body);
        }
        let (status, told) = server.post_text(interaction, b"{\"mediaType\":\"ch\xe4t\"}".to_vec()).await;
        assert_eq!((status, &told["detail"]), (400, &json!("the text is not UTF-8")));
    }

    async fn half_a_pair_is_taken_as_the_replacement_character(db) {
        let server = Server::start(db).await;
        let text = |told: &Value, pointer: &str| told.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {told}")).as_str().unwrap().to_owned();
        let body = r#"{"id":"h","mediaType":"chat","subject":"\ud83d\ude00 \\ud83d","text":"bye \ud83d","userData":{"k\ude00":["\ud83d\ud83d\ude00"]}}"#;
        let (status, told) = server.post_text("/v1/interactions", body).await;
        assert_eq!(status, 201, "{told}");
        assert_eq!(text(&told, "/subject"), "\u{1f600} \\ud83d");
        assert_eq!(text(&told, "/text"), "bye \u{fffd}");
        assert_eq!(text(&told, "/userData/k\u{fffd}/0"), "\u{fffd}\u{1f600}");
        let (_, told) = server.post_text("/v1/interactions/batch", r#"{"id":"hb","mediaType":"chat","subject":"\udfff"}"#).await;
        assert_eq!(told, json!({"line": 1, "status": 201, "id": "hb"}));
        for body in [r#"{"actionId":"h1","actionState":"offered","note":"\ud83d"}"#, r#"[{"actionId":"h2","actionState":"offered","note":"\ud83d"}]"#] {
            let (status, told) = server.post_text("/v1/web-actions", body).await;
            assert!([200, 201].contains(&status), "{told}");
        }
        for action in ["h1", "h2"] {
            let (_, life) = server.get(&format!("/v1/web-actions/{action}")).await;
            assert_eq!(text(&life, "/items/0/note"), "\u{fffd}");
        }
        let body = r#"{"operationName":"UpdateUserData","userData":{"\ud83d":"cut \ud83d"}}"#;
        let (status, told) = server.post_text("/api/v2/me/chats/h", body).await;
        assert_eq!(status, 200, "{told}");
        let (_, now) = server.get("/v1/interactions/h/user-data").await;
        assert_eq!(text(&now, "/userData/\u{fffd}"), "cut \u{fffd}");
    }

    async fn a_byte_order_mark_at_the_beginning_is_skipped(db) {
        let server = Server::start(db).await;
        let marked = |text: &str| format!("\u{feff}{text}");
        for (path, body, wanted) in [
            ("/v1/interactions", r#"{"id":"m","mediaType":"chat"}"#, 201),
            ("/v1/web-actions", r#"{"actionId":"m","actionState":"offered"}"#, 201),
            ("/v1/web-actions", r#"[{"actionId":"m2","actionState":"offered"}]"#, 200),
            ("/api/v2/me/chats/m", r#"{"operationName":"AttachUserData","userData":{"a":1}}"#, 200),
            // a mark alone is no JSON
            ("/v1/interactions/m/stop", "", 400),
            ("/v1/interactions/m/stop", "{}", 200),
        ] {
            let (status, told) = server.post_text(path, marked(body)).await;
            assert_eq!(status, wanted, "{path} {body}: {told}");
        }
        let (_, told) = server.post_text("/v1/interactions/batch", marked("\n{\"id\":\"m3\",\"mediaType\":\"chat\"}\n")).await;
        assert_eq!(told, json!({"line": 2, "status": 201, "id": "m3"}));
        // a BOM in the middle is no JSON
        assert_eq!(server.post_text("/v1/interactions", "{\u{feff}\"mediaType\":\"chat\"}").await.0, 400);
    }

    async fn the_same_json_in_another_form_is_the_same_request(db) {
        let server = Server::start(db).await;
        let send = async |key: &str, body: &'static str| {
            let request = server.request("POST", "/v1/interactions").header("content-type", "application/json").header("idempotency-key", key);
            let response = request.body(body).send().await.unwrap();
            (response.status().as_u16(), response.json::<Value>().await.unwrap())
        };
        let (status, first) = send("k", r#"{"mediaType":"chat","subject":"é","userData":{"a":[1,2.5],"b":{"x":null}}}"#).await;
        assert_eq!(status, 201);
        for again in [
            r#" { "subject" : "\u00e9", "userData":{"b":{"x":null},"a":[1,25e-1]}, "mediaType":"chat" } "#,
            "\u{feff}{\"subject\":\"é\",\"mediaType\":\"chat\",\"userData\":{\"a\":[1,2.50],\"b\":{\"x\":null}}}",
        ] {
            let (status, answer) = send("k", again).await;
            assert_eq!((status, id(&answer)), (201, id(&first)), "{again}");
        }
        for other in [
            r#"{"mediaType":"chat","subject":"é","userData":{"a":[2.5,1],"b":{"x":null}}}"#,
            r#"{"mediaType":"chat","subject":"é","userData":{"a":[1.0,2.5],"b":{"x":null}}}"#,
            r#"{"mediaType":"chat","subject":"é","userData":{"a":["1",2.5],"b":{"x":null}}}"#,
            r#"{"mediaType":"chat","subject":"é","userData":{"a":[1,2.5],"b":{}}}"#,
        ] {
            assert_eq!(send("k", other).await.0, 409, "{other}");
        }
        assert_eq!(server.journal().await.len(), 1);
        let stop = async |body: &'static str| {
            let request = server.request("POST", &format!("/v1/interactions/{}/stop", id(&first))).header("idempotency-key", "s");
            request.body(body).send().await.unwrap().status().as_u16()
        };
        // a line of a batch is the same by the same rules
        let batch = async |line: &'static str| {
            let request = server.request("POST", "/v1/interactions/batch").header("content-type", "application/x-ndjson").header("idempotency-key", "lines");
            let answer: serde_json::Value = serde_json::from_str(&request.body(line).send().await.unwrap().text().await.unwrap()).unwrap();
            (answer["status"].clone(), answer["id"].clone())
        };
        let line = batch(r#"{"mediaType":"chat","userData":{"a":1.50,"b":"é"}}"#).await;
        assert_eq!(line.0, 201);
        assert_eq!(batch(r#" {"userData": {"b":"\u00e9", "a":15e-1}, "mediaType":"chat"}"#).await, (json!(200), line.1.clone()));
        assert_eq!(batch(r#"{"mediaType":"chat","userData":{"a":1.51,"b":"é"}}"#).await.0, 409);
        // an empty body is the same as an empty object
        assert_eq!((stop("").await, stop("{ }").await), (200, 200));
        // white space alone, or a byte order mark, is no JSON
        for blank in [" ", "\n", "\u{feff}", "\u{feff} "] {
            assert_eq!(stop(blank).await, 400, "{blank:?}");
            assert_eq!(server.post_text("/v1/contacts/search", blank.to_owned()).await.0, 400, "{blank:?}");
        }
        assert_eq!(server.journal().await.len(), 3);
    }
}
