//! The limits in the OpenAPI document are those of the server: what a schema forbids is refused,
//! and a value at its limit is taken.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::both;
use crate::support::schema::Document;
use crate::support::{Db, Server};

/// A server with an interaction `i`, a web engagement `visit`, a contact `c` and a webhook.
struct Office {
    server: Server,
    document: Document,
    webhook: String,
}

impl Office {
    async fn open(db: Db) -> Self {
        let server = Server::with(db, |config| config.webhooks.allow_private = true).await;
        let document = Document(server.get("/openapi.json").await.1);
        server.record(json!({"id": "i", "mediaType": "chat"})).await;
        server
            .record(json!({"id": "visit", "mediaType": "webengagement"}))
            .await;
        server
            .post(
                "/v1/contacts",
                json!({"id": "c", "attributes": {"LastName": "Rossi"}}),
            )
            .await;
        let hook = json!({"url": "http://127.0.0.1:9/", "kinds": ["webAction"], "enabled": false});
        let (status, made) = server.post("/v1/webhooks", hook).await;
        assert_eq!(status, 201, "{made}");
        let webhook = made["id"].as_str().unwrap().to_owned();
        Self {
            server,
            document,
            webhook,
        }
    }

    /// Sends a body to a path of the document. The server takes it if it fits the schema, and else
    /// refuses it.
    async fn agrees(&self, method: &str, template: &str, id: &str, body: Value, taken: bool) {
        let fits = self
            .document
            .fits(self.document.body(method, template), &body);
        let path = template.replace("{id}", id);
        let request = self.server.request(method, &path).json(&body);
        let answer = request.send().await.unwrap();
        let (status, answer) = (answer.status().as_u16(), answer.text().await.unwrap());
        let text = body.to_string();
        let sent: String = text.chars().take(300).collect();
        assert_eq!(
            status,
            if taken { status } else { 422 },
            "{method} {path} {sent}: {answer}"
        );
        assert_eq!(
            (200..300).contains(&status),
            taken,
            "{method} {path} {sent}: {answer}"
        );
        assert_eq!(fits, taken, "{method} {path} {sent}: the schema");
    }

    /// Sends one body that is taken and one that is refused, by the schema and the server.
    async fn bounds(&self, method: &str, template: &str, id: &str, at: Value, beyond: Value) {
        self.agrees(method, template, id, at, true).await;
        self.agrees(method, template, id, beyond, false).await;
    }
}

fn text(characters: usize) -> String {
    "é".repeat(characters)
}

/// An object with this many members, named alike.
fn members(many: usize, value: &Value) -> Map<String, Value> {
    (0..many)
        .map(|n| (format!("k{n}"), value.clone()))
        .collect()
}

/// UserData with this many keys that are stored, and a transient one.
fn with_transient(many: usize) -> Value {
    let mut all = members(many, &json!(1));
    all.insert("jsonEvent".to_owned(), json!({"page": "/"}));
    Value::Object(all)
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn named(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

fn times(many: usize, value: &Value) -> Value {
    vec![value.clone(); many].into()
}

/// Attributes of contacts at their limits and beyond.
fn attributes() -> Vec<(Value, Value)> {
    vec![
        (named(&text(64), json!("x")), named(&text(65), json!("x"))),
        (named(&text(64), Value::Null), named(&text(65), Value::Null)),
        (json!({"City": ""}), json!({"": "x"})),
        (json!({"City": text(256)}), json!({"City": text(257)})),
        (
            json!({"City": [text(256), null]}),
            json!({"City": [text(257), null]}),
        ),
        (
            json!({"City": times(100, &Value::Null)}),
            json!({"City": times(101, &Value::Null)}),
        ),
        (
            members(200, &json!("x")).into(),
            members(201, &json!("x")).into(),
        ),
        (
            members(200, &Value::Null).into(),
            members(201, &Value::Null).into(),
        ),
        (json!({"City": []}), json!({"City": 1})),
    ]
}

both! {
    async fn a_body_at_its_limits_is_taken_and_one_beyond_is_refused(db) {
        let office = Office::open(db).await;
        let new = "/v1/interactions";
        for (at, beyond) in attributes() {
            let new_one = |contact: &Value| json!({"mediaType": "chat", "contact": contact});
            office.bounds("POST", new, "", new_one(&at), new_one(&beyond)).await;
            let only = |attributes: &Value| json!({"attributes": attributes});
            office.bounds("POST", "/v1/contacts", "", only(&at), only(&beyond)).await;
            office.bounds("POST", "/v1/contacts/identify", "", only(&at), only(&beyond)).await;
        }
        let city = |value: Value| json!({"attributes": {"City": value}});
        let contact = "/v1/contacts/{id}";
        office.bounds("PATCH", contact, "c", city(json!(text(256))), city(json!(text(257)))).await;
        office.bounds("PATCH", contact, "c", city(times(100, &json!("x"))), city(times(101, &json!("x")))).await;

        let given = |user_data: Value| json!({"mediaType": "chat", "userData": user_data});
        let edit = "/v1/interactions/{id}/user-data";
        office.bounds("POST", new, "", given(with_transient(1000)), given(with_transient(1001))).await;
        for (at, beyond) in [
            (named(&text(256), json!(1)), named(&text(257), json!(1))),
            (json!([{"key": text(256), "value": 1}]), json!([{"key": text(257), "value": 1}])),
        ] {
            office.bounds("POST", new, "", given(at.clone()), given(beyond.clone())).await;
            for verb in ["attach", "update"] {
                let edited = office.server.record(json!({"mediaType": "chat"})).await;
                let id = edited["id"].as_str().unwrap();
                office.bounds("POST", edit, id, named(verb, at.clone()), named(verb, beyond.clone())).await;
            }
        }
        office.bounds("POST", edit, "i", json!({"delete": [text(256)]}), json!({"delete": [text(257)]})).await;
        let keys: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
        office.bounds("POST", edit, "i", json!({"delete": keys[..1000]}), json!({"delete": keys})).await;

        for name in ["participantId", "nickname", "type"] {
            let one = |characters| {
                let mut one = json!({"participantId": "7001"});
                one[name] = text(characters).into();
                json!({"mediaType": "chat", "participants": [one]})
            };
            office.bounds("POST", new, "", one(256), one(257)).await;
        }
        let media = |media: String| json!({"mediaType": media});
        office.bounds("POST", new, "", media(format!("{} ", text(63))), media(format!("{} ", text(64)))).await;
    }

    async fn an_engagement_is_a_chat_or_a_web_callback(db) {
        let office = Office::open(db).await;
        let path = "/v1/interactions/{id}/engagements";
        for (media, taken) in [
            ("chat", true), (" Chat\u{a0}", true), ("CALLBACK", true), ("webcallbac\u{212a}", true), ("callback", true),
            ("email", false), ("webengagement", false), ("chats", false), ("", false), ("\u{feff}chat", false),
        ] {
            office.agrees("POST", path, "visit", json!({"mediaType": media}), taken).await;
        }
        office.bounds("POST", path, "visit", json!({"mediaType": "chat", "parentId": null}), json!({"mediaType": "chat", "parentId": "visit"})).await;
    }

    async fn the_names_that_a_body_may_have_are_those_that_are_taken(db) {
        let office = Office::open(db).await;
        let path = "/v1/web-actions";
        let event = |name: &str, value: Value| {
            let mut event = json!({"actionId": "a", "actionState": "offered"});
            event[name] = value;
            event
        };
        for state in annals::domain::web_action::State::names() {
            office.agrees("POST", path, "", event("actionState", json!(state)), true).await;
        }
        for state in ["gone", "Offered", "timed-out", ""] {
            office.agrees("POST", path, "", event("actionState", json!(state)), false).await;
        }
        for (media, taken) in [(json!("webchat"), true), (json!("contentOffer"), true), (Value::Null, true), (json!("fax"), false), (json!("webchat "), false)] {
            office.agrees("POST", path, "", event("actionMediaType", media), taken).await;
        }
        for name in ["actionId", "actionMapId", "customerId", "customerIdType", "sessionId", "interactionId", "conversationId"] {
            office.bounds("POST", path, "", event(name, json!(text(64))), event(name, json!(text(65)))).await;
            office.agrees("POST", path, "", event(name, json!("")), false).await;
        }
        office.bounds("POST", path, "", event("actionMapVersion", json!(0)), event("actionMapVersion", json!(-1))).await;
        for (name, value, taken) in [
            ("errorCode", json!(1.5), true), ("errorCode", json!("x"), true), ("errorCode", json!([]), false), ("errorMessage", json!(true), false),
            ("eventDate", json!(1_772_353_800_000_i64), true), ("eventDate", json!("2026-03-01T09:30:00Z"), true), ("eventDate", json!({}), false),
        ] {
            office.agrees("POST", path, "", event(name, value), taken).await;
        }
        let copy = json!({"actionId": "copied", "actionState": "offered"});
        office.bounds("POST", path, "", times(1000, &copy), times(1001, &copy)).await;

        let hook = "/v1/webhooks/{id}";
        let of = office.webhook.as_str();
        for kind in annals::domain::change::Kind::filters() {
            office.agrees("PATCH", hook, of, json!({"kinds": [kind]}), true).await;
        }
        for kinds in [json!(["interactions"]), json!([""]), json!(["interaction."]), json!([]), Value::Null] {
            office.agrees("PATCH", hook, of, json!({"kinds": kinds}), false).await;
        }
        let kind = json!("webAction");
        office.bounds("PATCH", hook, of, json!({"kinds": times(17, &kind)}), json!({"kinds": times(18, &kind)})).await;
        office.bounds("PATCH", hook, of, json!({"mediaType": text(64)}), json!({"mediaType": format!("{} ", text(64))})).await;
        office.bounds("PATCH", hook, of, json!({"description": text(1000)}), json!({"description": text(1001)})).await;
        office.bounds("PATCH", hook, of, json!({"enabled": false}), json!({"enabled": null})).await;
        office.agrees("PATCH", hook, of, json!({"url": null}), false).await;
        let secret = "/v1/webhooks/{id}/secret";
        office.bounds("POST", secret, of, json!({"overlapSeconds": 604_800}), json!({"overlapSeconds": 604_801})).await;
        office.bounds("POST", secret, of, json!({"overlapSeconds": 0}), json!({"overlapSeconds": -1})).await;
        let replay = "/v1/webhooks/{id}/replay";
        for (state, taken) in [(json!("dead"), true), (json!("waiting"), true), (Value::Null, true), (json!("delivered"), false)] {
            office.agrees("POST", replay, of, json!({"state": state}), taken).await;
        }
    }

    async fn a_filter_of_interactions_is_taken_if_it_fits_its_schema(db) {
        let office = Office::open(db).await;
        let leaf = json!({"field": "id", "eq": "i"});
        let deep = |levels: usize| (1..levels).fold(leaf.clone(), |inner, _| json!({"not": inner}));
        let path = |steps: usize| format!("userData{}", ".a".repeat(steps));
        for (filter, taken) in [
            (Value::Null, true), (json!({}), false), (json!([]), false), (json!({"and": []}), true), (json!({"or": [leaf, {"and": [leaf]}]}), true),
            (json!({"and": leaf}), false), (json!({"and": [], "or": []}), false), (json!({"not": leaf}), true), (json!({"not": [leaf]}), false), (json!({"nor": [leaf]}), false),
            (json!({"and": times(499, &leaf)}), true), (json!({"and": times(500, &leaf)}), false), (json!({"or": times(499, &leaf)}), true), (json!({"or": times(500, &leaf)}), false),
            (json!({"q": "a"}), true), (json!({"q": ""}), false), (json!({"q": "a".repeat(1000)}), true), (json!({"q": "a".repeat(1001)}), false), (json!({"q": 1}), false),
            (json!({"field": "id"}), false), (json!({"field": "id", "eq": "i", "ne": "j"}), true), (json!({"field": "id", "and": []}), false), (json!({"field": "id", "like": "i"}), false),
            (json!({"field": 1, "eq": "i"}), false), (json!({"field": "nothing", "eq": "i"}), false), (json!({"field": "contact.", "prefix": "x"}), true), (json!({"field": "contact.City", "eq": 1}), false),
            (json!({"field": "id", "eq": 1}), false), (json!({"field": "id", "eq": null}), false), (json!({"field": "subject", "contains": "x"}), true), (json!({"field": "subject", "exists": "true"}), false),
            (json!({"field": "id", "in": times(500, &json!("i"))}), true), (json!({"field": "id", "in": times(501, &json!("i"))}), false), (json!({"field": "id", "in": []}), true), (json!({"field": "id", "in": "i"}), false),
            (json!({"field": "startDate", "eq": "2026-03-01"}), true), (json!({"field": "endDate", "from": 1_772_353_800_000_i64}), true), (json!({"field": "startDate", "eq": true}), false),
            (json!({"field": "startDate", "in": ["2026-03-01", 1_772_353_800_000_i64]}), true), (json!({"field": "startDate", "prefix": "2026"}), false), (json!({"field": "startDate", "exists": false}), true),
            (json!({"field": "revision", "gte": 1}), true), (json!({"field": "revision", "gte": 1.5}), false), (json!({"field": "revision", "gte": "1"}), false), (json!({"field": "tenantId", "contains": "1"}), false),
            (json!({"field": "canBeParent", "ne": true}), true), (json!({"field": "canBeParent", "gt": true}), false), (json!({"field": "canBeParent", "eq": "true"}), false),
            (json!({"field": "status", "in": ["New", "Stopped"]}), true), (json!({"field": "status", "eq": "new"}), false), (json!({"field": "status", "eq": "Chat"}), false), (json!({"field": "status", "lt": "New"}), false),
            (json!({"field": "entityType", "eq": "Chat"}), true), (json!({"field": "entityType", "eq": "Open"}), false),
            (json!({"field": "userData.a", "eq": null}), true), (json!({"field": "userData.", "in": ["x", 1, 1.5, true, null]}), true), (json!({"field": "userData.a", "eq": []}), false), (json!({"field": "userData.a", "in": [{}]}), false),
            (json!({"field": "userData.a", "gt": 1.5}), true), (json!({"field": "userData.a", "gt": "x"}), true), (json!({"field": "userData.a", "gt": true}), false), (json!({"field": "userData.a", "lte": null}), false),
            (json!({"field": "userData.a", "contains": false}), true), (json!({"field": "userData.a", "contains": []}), false), (json!({"field": "userData.a", "prefix": 1}), false),
            (json!({"field": path(63), "eq": 1}), true), (json!({"field": path(64), "eq": 1}), false), (json!({"field": "userData", "eq": 1}), false), (json!({"field": "userData.a\0", "eq": 1}), false),
            (json!({"field": r"userData.a\.b\", "exists": true}), true), (deep(16), true),
        ] {
            office.agrees("POST", "/v1/interactions/search", "", json!({"filter": filter}), taken).await;
        }
        // what a schema cannot say: the depth, the parts in all, words that are none, times that are none
        for filter in [
            deep(17), json!({"and": [{"or": times(499, &leaf)}]}), json!({"q": "!"}), json!({"field": "startDate", "eq": "tomorrow"}),
        ] {
            let (status, answer) = office.server.post("/v1/interactions/search", json!({"filter": filter})).await;
            assert_eq!(status, 422, "{answer}");
        }
    }

    async fn a_search_of_contacts_is_taken_if_it_fits_its_schema(db) {
        let office = Office::open(db).await;
        let leaf = json!({"field": "attributes.LastName", "eq": "Rossi"});
        for (body, taken) in [
            (json!({"filter": null}), true), (json!({"filter": {"and": [leaf, {"not": leaf}]}}), true), (json!({"filter": {"q": "rossi"}}), false),
            (json!({"filter": {"field": "attributes.", "exists": true}}), true), (json!({"filter": {"field": "attributes.City", "prefix": "R"}}), true), (json!({"filter": {"field": "attributes.City", "eq": 1}}), false),
            (json!({"filter": {"field": "contact.City", "eq": "R"}}), false), (json!({"filter": {"field": "userData.City", "eq": "R"}}), false), (json!({"filter": {"field": "status", "eq": "New"}}), false),
            (json!({"filter": {"field": "mergedInto", "exists": false}}), true), (json!({"filter": {"field": "createdDate", "gt": "2026-03-01"}}), true), (json!({"filter": {"field": "startDate", "gt": "2026-03-01"}}), false),
            (json!({"filter": {"field": "revision", "lt": 5}}), true), (json!({"filter": {"or": times(499, &leaf)}}), true), (json!({"filter": {"or": times(500, &leaf)}}), false),
            (json!({"limit": 500}), true), (json!({"limit": 501}), false), (json!({"limit": 0}), false),
            (json!({"sort": ["-id", "", "createdDate"]}), true), (json!({"sort": ["startDate"]}), false), (json!({"sort": [" id"]}), false), (json!({"sort": null}), true),
            (json!({"cursor": "?"}), false), (json!({"cursor": ""}), false), (json!({"fields": ["id"]}), false),
        ] {
            office.agrees("POST", "/v1/contacts/search", "", body, taken).await;
        }
        for (body, taken) in [
            (json!({"limit": 500}), true), (json!({"limit": 501}), false), (json!({"sort": ["-endDate", "", "id"]}), true), (json!({"sort": ["subject"]}), false), (json!({"cursor": "a b"}), false),
            (json!({"fields": ["id", "text", "userData", "participants", r"userData.a\.b,c"]}), true), (json!({"fields": []}), true), (json!({"fields": [""]}), false), (json!({"fields": ["contact.City"]}), false), (json!({"fields": ["id "]}), false),
        ] {
            office.agrees("POST", "/v1/interactions/search", "", body, taken).await;
        }
    }

    async fn a_parameter_is_taken_if_it_fits_its_schema(db) {
        let office = Office::open(db).await;
        let server = &office.server;
        server.post("/v1/web-actions", json!([{"actionId": "a", "actionState": "offered"}, {"actionId": "b", "actionState": "offered"}])).await;
        let next = async |path: &str| server.get(path).await.1["next"].as_str().unwrap().to_owned();
        server.post("/v1/contacts", json!({"attributes": {"LastName": "Elm"}})).await;
        let (interactions, contacts) = (next("/v1/interactions?limit=1").await, next("/v1/contacts?limit=1").await);
        let (events, changes) = (next("/v1/web-actions?limit=1").await, next("/v1/changes?limit=1").await);
        let words = "a".repeat(1000);
        let too_many = "a".repeat(1001);
        let (deep, deeper) = (format!("userData{}", ".a".repeat(63)), format!("userData{}", ".a".repeat(64)));
        let hook = "/v1/webhooks/{id}/deliveries";
        for (template, name, taken, refused) in [
            ("/v1/interactions", "sort", vec!["", "id", "-startDate, id", ",,id\t", "\u{a0}-endDate"], vec!["subject", "--id", "id;startDate", "\u{feff}id"]),
            ("/v1/contacts", "sort", vec!["", "-createdDate,id", " modifiedDate "], vec!["startDate", "LastName"]),
            ("/v1/interactions", "fields", vec!["id", " id , userData.rule", &deep, r"userData.a\.b", "userData,participants", r"userData.a\,text"], vec!["", "id,", "ids", "contact.City", &deeper]),
            ("/v1/interactions", "include", vec!["webActions"], vec!["", "webactions", "children"]),
            ("/v1/interactions/{id}", "include", vec!["", "children", "parent,contact,,parent"], vec!["webActions", "children, parent", "Parent"]),
            ("/v1/interactions", "cursor", vec![&interactions], vec!["", "a b", "a.b", "a="]),
            ("/v1/contacts", "cursor", vec![&contacts], vec!["", "+", "é"]),
            ("/v1/web-actions", "cursor", vec![&events, "0", "000000000000000001"], vec!["", "-1", "+1", "1.0", "0000000000000000001"]),
            ("/v1/changes", "after", vec![&changes, "0"], vec!["", "-1", "x", "0000000000000000001"]),
            (hook, "before", vec!["5"], vec!["", "-1", "0000000000000000001"]),
            (hook, "state", vec!["waiting", "delivered", "dead"], vec!["", "Dead", "gone"]),
            ("/v1/changes", "kind", vec!["userData", "interaction.recorded,webAction"], vec!["", "userData,", "userData, contact", "user", "userDataXattached"]),
            ("/v1/interactions/{id}/changes", "kind", vec!["engagement"], vec!["engagements"]),
            ("/v1/interactions", "q", vec!["a", &words], vec!["", &too_many]),
            ("/v1/web-actions", "actionState", vec!["offered", "timed out", "timedout"], vec!["", "Offered", "gone"]),
            ("/v1/reports/web-actions", "format", vec!["json", "csv"], vec!["", "CSV", "xml"]),
            ("/v1/reports/web-actions", "groupBy", vec!["", "actionMapId, day", "hour,", "actionMediaType"], vec!["year", "actionId", "day;hour"]),
        ] {
            let schema = office.document.parameter(template, name);
            let path = template.replace("{id}", if template == hook { &office.webhook } else { "i" });
            let all = taken.iter().map(|value| (*value, true));
            for (value, wanted) in all.chain(refused.iter().map(|value| (*value, false))) {
                let (status, answer) = server.get(&format!("{path}?{name}={}", escaped(value))).await;
                assert_eq!(status, if wanted { 200 } else { 422 }, "{path} {name} {value:?}: {answer}");
                assert_eq!(office.document.fits(schema, &json!(value)), wanted, "{path} {name} {value:?}: the schema");
            }
        }
        for (many, wanted) in [(500, true), (501, false)] {
            let ids: Vec<String> = (0..many).map(|n| format!("id=i{n}")).collect();
            let keys: Vec<String> = (0..many).map(|n| format!("userData.k{n}=x")).collect();
            for (name, query, value) in [
                ("id", ids, times(many, &json!("i"))),
                ("filters", keys, (0..many).map(|n| (format!("userData.k{n}"), json!("x"))).collect()),
            ] {
                let (status, answer) = server.get(&format!("/v1/interactions?{}", query.join("&"))).await;
                assert_eq!(status, if wanted { 200 } else { 422 }, "{many} {name}: {answer}");
                let schema = office.document.parameter("/v1/interactions", name);
                assert_eq!(office.document.fits(schema, &value), wanted, "{many} {name}: the schema");
            }
        }
        let limit = office.document.parameter("/v1/interactions/{id}/changes", "limit");
        let version = office.document.parameter("/v1/web-actions", "actionMapVersion");
        for (schema, query, value, taken) in [
            (limit, "/v1/interactions/i/changes?limit=", 1, true), (limit, "/v1/interactions/i/changes?limit=", 1000, true), (limit, "/v1/interactions/i/changes?limit=", 1001, false),
            (limit, "/v1/interactions/i/changes?limit=", 0, false), (version, "/v1/web-actions?actionMapVersion=", 0, true), (version, "/v1/web-actions?actionMapVersion=", -1, false),
        ] {
            let (status, answer) = server.get(&format!("{query}{value}")).await;
            assert_eq!(status, if taken { 200 } else { 422 }, "{query}{value}: {answer}");
            assert_eq!(office.document.fits(schema, &json!(value)), taken, "{query}{value}: the schema");
        }
    }

    async fn an_identifier_in_a_path_is_any_text_without_a_nul(db) {
        let office = Office::open(db).await;
        let schema = office.document.parameter("/v1/interactions/{id}", "id");
        let long = "x".repeat(5000);
        for (id, fits) in [("i", true), ("no one", true), ("ключ", true), (long.as_str(), true), ("a\0", false)] {
            let (status, answer) = office.server.get(&format!("/v1/interactions/{}", escaped(id))).await;
            assert_eq!(status, if id == "i" { 200 } else if fits { 404 } else { 422 }, "{id:?}: {answer}");
            assert_eq!(office.document.fits(schema, &json!(id)), fits, "{id:?}");
        }
        assert!(!office.document.fits(schema, &json!("")));
        assert_eq!(office.server.get("/v1/interactions//changes").await.0, 404);
    }

    async fn the_document_states_the_limits_in_force(db) {
        let server = Server::with(db, |config| {
            (config.limits.id, config.limits.key, config.limits.keys) = (10, 5, 3);
            config.user_data.transient = vec!["jsonEvent".into(), "cargo".into()];
        })
        .await;
        let document = Document(server.get("/openapi.json").await.1);
        for (body, taken) in [
            (json!({"mediaType": "chat", "id": "x".repeat(10)}), true), (json!({"mediaType": "chat", "id": "x".repeat(11)}), false),
            (json!({"mediaType": "chat", "contact": named(&text(10), json!("x"))}), true), (json!({"mediaType": "chat", "contact": named(&text(11), json!("x"))}), false),
            (json!({"mediaType": "chat", "userData": {"a": 1, "b": 2, "c": 3, "jsonEvent": 4, "cargo": 5}}), true),
            (json!({"mediaType": "chat", "userData": {"a": 1, "b": 2, "c": 3, "d": 4, "jsonEvent": 5, "cargo": 6}}), false),
            (json!({"mediaType": "chat", "userData": {"jsonEvents!": 1}}), false),
        ] {
            let (status, answer) = server.post("/v1/interactions", body.clone()).await;
            assert_eq!(status, if taken { 201 } else { 422 }, "{body}: {answer}");
            assert_eq!(document.fits(document.body("POST", "/v1/interactions"), &body), taken, "{body}");
        }
    }
}
