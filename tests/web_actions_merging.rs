//! Several copies of one event: a page enriches an event and sends it on, and both arrive.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::receiver::Receiver;
use crate::support::{Db, Place, Server, id};

const PATH: &str = "/v1/web-actions";
const DATE: &str = "2026-03-01T09:30:00Z";

/// The published payload, with the date that the SDK adds.
fn bare() -> Value {
    json!({"actionId": "a", "actionState": "offered", "actionMediaType": "webchat", "actionMapId": "map", "actionMapVersion": 3,
        "customerId": "cookie-1", "customerIdType": "cookie", "sessionId": "visit-1", "eventDate": DATE})
}

fn with(event: &Value, more: &Value) -> Value {
    let mut event = event.clone();
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

fn without(event: &Value, key: &str) -> Value {
    let mut event = event.clone();
    event.as_object_mut().unwrap().remove(key);
    event
}

/// The event after the page's handler has enriched it.
fn enriched() -> Value {
    with(&bare(), &json!({"conversationId": "conv-1"}))
}

async fn send(server: &Server, event: &Value) -> (u16, Value) {
    server.post(PATH, event.clone()).await
}

async fn stored(server: &Server) -> (Value, Value) {
    let (status, life) = server.get(&format!("{PATH}/a")).await;
    assert_eq!(status, 200, "{life}");
    assert_eq!(life["items"].as_array().unwrap().len(), 1, "{life}");
    (life["items"][0].clone(), life["flags"].clone())
}

async fn deltas(server: &Server) -> Vec<Value> {
    let journal = server.journal().await;
    assert!(
        journal
            .iter()
            .all(|entry| entry["kind"] == "webAction.recorded")
    );
    journal.iter().map(|entry| entry["delta"].clone()).collect()
}

/// Two servers; on SQLite, where a file belongs to one server, the same one twice.
async fn two(db: Db) -> (Arc<Server>, Arc<Server>) {
    let place = Arc::new(Place::new(db).await);
    let one = Arc::new(Server::at(Arc::clone(&place), |_| {}).await);
    let other = match db {
        Db::Sqlite => Arc::clone(&one),
        Db::Postgres => Arc::new(Server::at(place, |_| {}).await),
    };
    (one, other)
}

both! {
    async fn the_enriched_event_is_stored_when_the_bare_one_came_first(db) {
        let server = Server::start(db).await;
        assert_eq!(send(&server, &bare()).await, (201, json!({"actionId": "a"})));
        assert_eq!(send(&server, &enriched()).await, (200, json!({"actionId": "a", "enriched": true})));
        assert_eq!(send(&server, &enriched()).await, (200, json!({"actionId": "a"})), "nothing new");
        assert_eq!(send(&server, &bare()).await, (200, json!({"actionId": "a"})), "nor in less than is stored");
        assert_eq!(stored(&server).await, (enriched(), json!([])));
        assert_eq!(deltas(&server).await, [bare(), enriched()], "both are news, and no more");
    }

    async fn the_enriched_event_stays_when_the_bare_one_comes_later(db) {
        let server = Server::start(db).await;
        assert_eq!(send(&server, &enriched()).await.0, 201);
        assert_eq!(send(&server, &bare()).await, (200, json!({"actionId": "a"})));
        assert_eq!(stored(&server).await, (enriched(), json!([])));
        assert_eq!(deltas(&server).await, [enriched()]);
    }

    async fn copies_in_one_request_are_merged_in_any_order(db) {
        let scored = with(&bare(), &json!({"score": 1.5}));
        for events in [[&scored, &bare(), &enriched()], [&enriched(), &scored, &bare()], [&bare(), &enriched(), &scored]] {
            let server = Server::start(db).await;
            let (status, answer) = server.post(PATH, json!(events)).await;
            assert_eq!(status, 200, "{answer}");
            let items = answer["items"].as_array().unwrap();
            assert_eq!(items.iter().map(|item| item["status"].as_u64().unwrap()).collect::<Vec<_>>(), [201, 200, 200]);
            let news = items.iter().filter(|item| item["status"] == 201 || item["enriched"] == true).count();
            assert!(items.iter().all(|item| item["contradicts"].is_null()), "{answer}");
            let whole = with(&enriched(), &json!({"score": 1.5}));
            assert_eq!(stored(&server).await, (whole.clone(), json!([])));
            let deltas = deltas(&server).await;
            assert_eq!((deltas.len(), deltas.last().unwrap()), (news, &whole));
        }
    }

    async fn copies_that_two_servers_get_at_once_are_merged(db) {
        let (one, other) = two(db).await;
        let sent = (0..60).map(|n| {
            let server = if n % 2 == 0 { &one } else { &other };
            let event = if n % 3 == 0 { bare() } else { with(&bare(), &json!({(format!("page{}", n % 12)): n % 12})) };
            async move { send(server, &event).await }
        });
        let answers = join_all(sent).await;
        assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1);
        assert!(answers.iter().all(|(_, answer)| answer["contradicts"].is_null()));
        let mut whole = bare();
        for n in (0..12).filter(|n| n % 3 != 0) {
            whole[format!("page{n}")] = json!(n);
        }
        assert_eq!(stored(&one).await, (whole.clone(), json!([])));
        let news = answers.iter().filter(|(status, answer)| *status == 201 || answer["enriched"] == true).count();
        let deltas = deltas(&other).await;
        assert_eq!((deltas.len(), deltas.last().unwrap()), (news, &whole));
    }

    async fn another_value_of_a_published_field_is_a_contradiction(db) {
        let server = Server::start(db).await;
        send(&server, &bare()).await;
        for (key, value) in [("sessionId", json!("visit-2")), ("actionMapVersion", json!(4)), ("actionMediaType", json!("contentoffer"))] {
            let other = with(&enriched(), &json!({(key): value}));
            assert_eq!(send(&server, &other).await, (200, json!({"actionId": "a", "contradicts": true})), "{key}");
        }
        let flags = json!([{"actionState": "offered", "flag": "contradicted"}]);
        assert_eq!(stored(&server).await, (bare(), flags.clone()), "nothing of such a copy is taken");
        send(&server, &enriched()).await;
        assert_eq!(stored(&server).await, (enriched(), flags), "the flag stays");
        assert_eq!(deltas(&server).await, [bare(), enriched()]);
    }

    async fn another_value_of_an_enrichment_is_flagged_and_the_first_stays(db) {
        let server = Server::start(db).await;
        send(&server, &enriched()).await;
        let other = with(&bare(), &json!({"conversationId": "conv-2", "page": "/x"}));
        assert_eq!(send(&server, &other).await, (200, json!({"actionId": "a", "enriched": true, "contradicts": true})));
        let (event, flags) = stored(&server).await;
        assert_eq!(event, with(&enriched(), &json!({"page": "/x"})));
        assert_eq!(flags[0]["flag"], "contradicted");
    }

    async fn a_published_field_that_was_absent_is_added(db) {
        let server = Server::start(db).await;
        let short = json!({"actionId": "a", "actionState": "offered", "eventDate": DATE});
        send(&server, &short).await;
        assert_eq!(send(&server, &bare()).await.1["enriched"], true);
        assert_eq!(stored(&server).await.0, bare());
        // and is found, and counted
        for query in ["sessionId=visit-1", "customerId=cookie-1", "actionMapId=map", "actionMapVersion=3", "actionMediaType=webchat"] {
            let (_, found) = server.get(&format!("{PATH}?{query}")).await;
            assert_eq!(found["items"].as_array().unwrap().len(), 1, "{query}");
        }
        let (_, report) = server.get("/v1/reports/web-actions").await;
        assert_eq!(report["items"], json!([with(&report["items"][0], &json!({"actionMapId": "map", "actionMapVersion": 3, "offered": 1}))]));
    }

    async fn a_date_never_contradicts(db) {
        let server = Server::start(db).await;
        let undated = without(&bare(), "eventDate");
        send(&server, &undated).await;
        let (received, _) = stored(&server).await;
        assert_eq!(send(&server, &undated).await.1, json!({"actionId": "a"}));
        assert_eq!(send(&server, &with(&undated, &json!({"conversationId": "conv-1"}))).await.1["enriched"], true);
        assert_eq!(stored(&server).await.0["eventDate"], received["eventDate"], "it stays the time of receipt");
        // a given date replaces the time of receipt, and the earlier of two given dates counts
        for (date, news, wanted) in [("2026-03-01T09:30:02Z", true, "2026-03-01T09:30:02Z"), (DATE, true, DATE), ("2026-03-01T09:30:01Z", false, DATE)] {
            let (status, answer) = send(&server, &with(&undated, &json!({"eventDate": date}))).await;
            assert_eq!((status, answer["enriched"] == true, answer["contradicts"].is_null()), (200, news, true), "{date}");
            assert_eq!(stored(&server).await.0["eventDate"], wanted);
        }
        assert_eq!(send(&server, &undated).await.1, json!({"actionId": "a"}));
        let (_, found) = server.get(&format!("{PATH}?eventDate.from={DATE}&eventDate.to=2026-03-01T09:30:01Z")).await;
        assert_eq!(found["items"], json!([enriched()]));
    }

    async fn a_merged_event_is_within_the_limits(db) {
        let server = Server::start(db).await;
        let large = with(&bare(), &json!({"one": "x".repeat(40_000)}));
        send(&server, &large).await;
        let (status, refused) = send(&server, &with(&bare(), &json!({"two": "y".repeat(40_000)}))).await;
        assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!("")));
        assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("65536"), "{refused}");
        assert_eq!(stored(&server).await, (large.clone(), json!([])));
        assert_eq!(deltas(&server).await, [large]);
        assert_eq!(send(&server, &enriched()).await.1["enriched"], true);
    }

    async fn an_enrichment_reaches_a_webhook(db) {
        let server = Server::with(db, |config| config.webhooks.allow_private = true).await;
        let receiver = Receiver::start().await;
        let hook = json!({"url": receiver.url, "kinds": ["webAction.recorded"]});
        assert_eq!(server.post("/v1/webhooks", hook).await.0, 201);
        for event in [bare(), bare(), enriched(), bare(), enriched()] {
            send(&server, &event).await;
        }
        send(&server, &with(&bare(), &json!({"actionId": "last"}))).await;
        let told: Vec<Value> = receiver.wait_for(3).await.iter().map(|letter| letter.body["data"].clone()).collect();
        let of_a: Vec<&Value> = told.iter().filter(|event| event["actionId"] == "a").collect();
        assert_eq!(of_a, [&bare(), &enriched()]);
    }

    async fn a_merged_event_leads_to_what_any_copy_named(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "ixn-1", "mediaType": "chat"})).await;
        let chat = server.record(json!({"mediaType": "chat", "externalId": "conv-1"})).await;
        send(&server, &bare()).await;
        send(&server, &with(&bare(), &json!({"interactionId": "ixn-1"}))).await;
        send(&server, &enriched()).await;
        for interaction in ["ixn-1", id(&chat)] {
            let (_, lineage) = server.get(&format!("/v1/interactions/{interaction}/lineage")).await;
            assert_eq!(lineage["webActions"][0]["actionId"], "a", "{lineage}");
        }
        for (query, many) in [("conversationId=conv-1", 1), ("conversationId=ixn-1", 0), ("conversationId=conv-2&conversationId=conv-1", 1)] {
            let (_, found) = server.get(&format!("{PATH}?{query}")).await;
            assert_eq!(found["items"].as_array().unwrap().len(), many, "{query}");
        }
    }

    async fn erasure_reaches_what_was_added_and_nothing_is_added_after_it(db) {
        let server = Server::start(db).await;
        let chat = server.record(json!({"mediaType": "chat", "externalId": "conv-1", "contact": {"EmailAddress": "ann@example.test"}})).await;
        send(&server, &with(&bare(), &json!({"page": "/secret-1"}))).await;
        send(&server, &with(&bare(), &json!({"interactionId": "elsewhere", "page": "/secret-1"}))).await;
        send(&server, &with(&enriched(), &json!({"note": "secret-2", "errorCode": "secret-3"}))).await;
        let (status, _) = server.post(&format!("/v1/contacts/{}/erase", chat["contactId"].as_str().unwrap()), json!({})).await;
        assert_eq!(status, 200);
        let again = with(&enriched(), &json!({"note": "secret-2"}));
        assert_eq!(send(&server, &again).await, (200, json!({"actionId": "a"})), "an erased event takes nothing more");
        let (event, flags) = stored(&server).await;
        assert_eq!(event, json!({"actionId": "a", "actionState": "offered", "actionMediaType": "webchat", "actionMapId": "map", "actionMapVersion": 3, "eventDate": DATE}));
        assert_eq!(flags, json!([]));
        let journal = serde_json::to_string(&server.journal().await).unwrap();
        assert!(!journal.contains("secret") && !journal.contains("conv-1"), "{journal}");
        let mut direct = Direct::to(&server.place).await;
        let left = direct.number("SELECT COUNT(*) FROM web_action WHERE COALESCE(customer_id, session_id, reference, conversation_id, error_code) IS NOT NULL").await;
        assert_eq!(left, 0);
    }

    async fn events_are_found_by_error_code_and_version(db) {
        let server = Server::start(db).await;
        let errored = |action: &str, code: Value, message: Value, version: i64| json!({"actionId": action, "actionState": "errored", "actionMediaType": "webchat",
            "actionMapVersion": version, "errorCode": code, "errorMessage": message, "eventDate": DATE});
        let events = [errored("n", json!(7), json!(4711), 3), errored("t", json!("7"), json!("no agent"), 4), errored("o", json!(70), json!(0.5), 4)];
        for event in &events {
            assert_eq!(send(&server, event).await.0, 201);
        }
        for (query, wanted) in [("errorCode=7", &[0, 1][..]), ("errorCode=70&errorCode=8", &[2]), ("errorCode=0", &[]), ("actionMapVersion=4", &[1, 2]), ("actionMapVersion=3&errorCode=7", &[0])] {
            let (status, found) = server.get(&format!("{PATH}?{query}")).await;
            let wanted: Vec<&Value> = wanted.iter().map(|n| &events[*n]).collect();
            assert_eq!((status, found["items"].clone()), (200, json!(wanted)), "{query}: as they came");
        }
        for wrong in ["actionMapVersion=three", "actionMapVersion=-1", "actionMapVersion="] {
            let (status, refused) = server.get(&format!("{PATH}?{wrong}")).await;
            assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!("?actionMapVersion")), "{wrong}");
        }
    }

    async fn events_of_one_request_share_the_time_of_receipt(db) {
        let server = Server::start(db).await;
        let states = ["completed", "engaged", "offered", "started", "accepted", "qualified"];
        let events: Vec<Value> = states.iter().map(|state| json!({"actionId": "a", "actionState": state, "actionMediaType": "webchat"})).collect();
        let (status, _) = server.post(PATH, json!(events)).await;
        assert_eq!(status, 200);
        let (_, life) = server.get(&format!("{PATH}/a")).await;
        let items = life["items"].as_array().unwrap();
        let order: Vec<&str> = items.iter().map(|event| event["actionState"].as_str().unwrap()).collect();
        assert_eq!(order, ["qualified", "offered", "accepted", "started", "engaged", "completed"]);
        assert!(items.iter().all(|event| event["eventDate"] == items[0]["eventDate"]), "{life}");
        assert_eq!((&life["flags"], &life["terminal"]), (&json!([]), &json!(true)));
    }

    async fn a_text_cut_within_an_emoji_is_taken(db) {
        let server = Server::start(db).await;
        let event = r#"{"actionId": "a", "actionState": "offered", "note": "cut \ud83d", "\ude00": 1}"#;
        for (body, wanted) in [(event.to_owned(), 201), (format!("[{event}]"), 200), (format!(r#"{{"key": "", "events": [{event}]}}"#), 200)] {
            let (status, answer) = server.post_text(PATH, body).await;
            assert_eq!((status, answer["items"][0]["problem"].clone()), (wanted, Value::Null), "{answer}");
        }
        let (event, flags) = stored(&server).await;
        assert_eq!((&event["note"], &event["\u{fffd}"], flags), (&json!("cut \u{fffd}"), &json!(1), json!([])));
    }

    async fn an_unknown_state_is_named(db) {
        let server = Server::start(db).await;
        let (status, refused) = send(&server, &json!({"actionId": "a", "actionState": "gone"})).await;
        assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!("/actionState")));
        assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("\"gone\""), "{refused}");
    }

    async fn hours_of_a_report_end_where_the_clocks_change(db) {
        let server = Server::start(db).await;
        let events: Vec<Value> = [("2023-04-01T14:45:00Z", "back"), ("2023-04-01T15:15:00Z", "back"), ("2023-04-01T15:29:59Z", "back"), ("2023-04-01T15:30:00Z", "back"),
            ("2023-09-30T15:29:00Z", "forward"), ("2023-09-30T15:30:00Z", "forward"), ("2023-09-30T16:00:00Z", "forward")].iter().enumerate()
            .map(|(n, (date, map))| json!({"actionId": format!("{n}"), "actionState": "offered", "actionMapId": map, "eventDate": date})).collect();
        server.post(PATH, json!(events)).await;
        for (query, wanted) in [
            ("groupBy=hour&actionMapId=back", json!([["2023-04-02T01:00:00+11:00", 1], ["2023-04-02T01:30:00+10:30", 2], ["2023-04-02T02:00:00+10:30", 1]])),
            ("groupBy=hour&actionMapId=forward", json!([["2023-10-01T01:00:00+10:30", 1], ["2023-10-01T02:30:00+11:00", 1], ["2023-10-01T03:00:00+11:00", 1]])),
            ("groupBy=day", json!([["2023-04-02T00:00:00+11:00", 4], ["2023-10-01T00:00:00+10:30", 3]])),
            ("groupBy=week", json!([["2023-03-27T00:00:00+11:00", 4], ["2023-09-25T00:00:00+10:30", 3]])),
            ("groupBy=month", json!([["2023-04-01T00:00:00+11:00", 4], ["2023-10-01T00:00:00+10:30", 3]])),
        ] {
            let (_, report) = server.get(&format!("/v1/reports/web-actions?{query}&timeZone=Australia/Lord_Howe")).await;
            let rows: Vec<Value> = report["items"].as_array().unwrap().iter().map(|row| json!([row["from"], row["offered"]])).collect();
            assert_eq!(json!(rows), wanted, "{query}");
        }
    }
}
