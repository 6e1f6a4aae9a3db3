//! Web actions: accepted in any order, stored once, shown in lifecycle order.

use serde_json::{Value, json};

use crate::both;
use crate::support::Server;

fn event(action: &str, state: &str, second: u32) -> Value {
    json!({"actionId": action, "actionState": state, "actionMediaType": "webchat", "actionMapId": "map", "actionMapVersion": 3, "customerId": "cookie-1",
        "customerIdType": "cookie", "sessionId": "visit-1", "eventDate": format!("2026-03-01T09:30:{second:02}Z")})
}

fn states(items: &Value) -> Vec<&str> {
    items
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["actionState"].as_str().unwrap())
        .collect()
}

both! {
    async fn a_life_is_shown_in_order_whatever_order_it_came_in(db) {
        let server = Server::start(db).await;
        for (state, second) in [("engaged", 4), ("offered", 1), ("completed", 9), ("started", 3), ("accepted", 2)] {
            let (status, answer) = server.post("/v1/web-actions", event("a", state, second)).await;
            assert_eq!(status, 201, "{answer}");
        }
        let (status, life) = server.get("/v1/web-actions/a").await;
        assert_eq!(status, 200);
        assert_eq!(states(&life["items"]), ["offered", "accepted", "started", "engaged", "completed"]);
        assert_eq!((&life["flags"], &life["terminal"]), (&json!([]), &json!(true)));
        let (_, first) = server.get("/v1/web-actions?sessionId=visit-1&limit=2").await;
        assert_eq!(states(&first["items"]), ["engaged", "offered"]);
        let (_, rest) = server.get(&format!("/v1/web-actions?sessionId=visit-1&cursor={}", first["next"].as_str().unwrap())).await;
        assert_eq!((states(&rest["items"]).len(), &rest["next"]), (3, &Value::Null));
        let (_, some) = server.get("/v1/web-actions?actionState=offered&actionState=completed&eventDate.from=2026-03-01T09:30:05Z").await;
        assert_eq!(states(&some["items"]), ["completed"]);
        assert_eq!(server.get("/v1/web-actions/none").await.0, 404);
    }

    async fn the_same_again_writes_nothing_and_a_difference_is_flagged(db) {
        let server = Server::start(db).await;
        let mut first = event("a", "offered", 1);
        first["score"] = json!(1.5);
        first["nested"] = json!({"deep": [true, null]});
        assert_eq!(server.post("/v1/web-actions", first.clone()).await.0, 201);
        assert_eq!(server.post("/v1/web-actions", first.clone()).await.0, 200);
        assert_eq!(server.journal().await.len(), 1);
        let mut other = first.clone();
        other["score"] = json!(2);
        let (status, answer) = server.post("/v1/web-actions", other).await;
        assert_eq!((status, &answer["contradicts"]), (200, &json!(true)));
        let (_, life) = server.get("/v1/web-actions/a").await;
        assert_eq!(life["items"], json!([first]), "what came first is kept, with its types");
        assert_eq!(life["flags"], json!([{"actionState": "offered", "flag": "contradicted"}]));
        let journal = server.journal().await;
        assert_eq!(journal.len(), 1);
        assert_eq!((&journal[0]["kind"], &journal[0]["delta"]), (&json!("webAction.recorded"), &first));
    }

    async fn a_state_that_cannot_follow_is_kept_and_flagged(db) {
        let server = Server::start(db).await;
        for (state, second) in [("offered", 1), ("rejected", 2), ("engaged", 3)] {
            server.post("/v1/web-actions", event("a", state, second)).await;
        }
        let (_, life) = server.get("/v1/web-actions/a").await;
        assert_eq!(states(&life["items"]).len(), 3);
        assert_eq!(life["flags"], json!([{"actionState": "engaged", "flag": "unexpected", "after": "rejected"}]));
    }

    async fn erasing_a_person_erases_the_web_actions_that_led_to_them(db) {
        let server = Server::start(db).await;
        let mut events = json!([event("visited", "offered", 1), event("visited", "accepted", 2), event("led", "offered", 3), event("led", "started", 4), event("others", "offered", 5)]);
        for (n, (visit, page)) in [("visit-1", "/secret-1"), ("visit-1", "/secret-2"), ("visit-9", "/secret-3"), ("visit-9", "/secret-4"), ("visit-7", "/kept")].into_iter().enumerate() {
            events[n]["sessionId"] = json!(visit);
            events[n]["page"] = json!(page);
            events[n]["customerId"] = json!("cookie-secret");
            events[n]["actionMapId"] = json!("map");
        }
        events[3]["conversationId"] = json!("conv-1");
        server.post("/v1/web-actions", events).await;
        let ann = json!({"EmailAddress": "ann@example.test"});
        server.record(json!({"id": "w", "mediaType": "webengagement", "contact": ann, "userData": {"visitID": "visit-1"}})).await;
        let chat = server.record(json!({"mediaType": "chat", "externalId": "conv-1", "contact": ann})).await;
        let (_, export) = server.get(&format!("/v1/contacts/{}/export", chat["contactId"].as_str().unwrap())).await;
        let pages: Vec<&str> = export["webActions"].as_array().unwrap().iter().map(|event| event["page"].as_str().unwrap()).collect();
        assert_eq!(pages, ["/secret-1", "/secret-2", "/secret-3", "/secret-4"]);
        let (_, before) = server.get("/v1/reports/web-actions?groupBy=actionMapId").await;
        let (status, _) = server.post(&format!("/v1/contacts/{}/erase", chat["contactId"].as_str().unwrap()), json!({})).await;
        assert_eq!(status, 200);
        let (_, list) = server.get("/v1/web-actions?limit=100").await;
        let text = list.to_string();
        assert!(text.contains("/kept") && !text.contains("/secret") && !text.contains("visit-1") && !text.contains("conv-1"), "{text}");
        assert_eq!(list["items"].as_array().unwrap().len(), 5, "what is counted stays");
        assert_eq!(text.matches("cookie-secret").count(), 1);
        let (_, after) = server.get("/v1/reports/web-actions?groupBy=actionMapId").await;
        assert_eq!(before, after);
        let (_, life) = server.get("/v1/web-actions/led").await;
        assert_eq!(states(&life["items"]), ["offered", "started"]);
        let journal = serde_json::to_string(&server.journal().await).unwrap();
        assert!(journal.contains("/kept") && !journal.contains("/secret"), "{journal}");
        assert_eq!(server.get("/v1/web-actions?customerId=cookie-secret").await.1["items"].as_array().unwrap().len(), 1);
        // the same event is not taken for a new one
        let (_, again) = server.post("/v1/web-actions", json!([event("led", "offered", 3)])).await;
        assert_eq!(again["items"][0]["status"], 200, "{again}");
    }

    async fn an_array_is_answered_item_by_item(db) {
        let server = Server::start(db).await;
        let events = json!([event("a", "offered", 1), {"actionState": "offered"}, event("a", "gone", 2), event("a", "offered", 1), event("b", "timed out", 3),
            {"actionId": "c", "actionState": "errored", "actionMediaType": "contentOffer", "errorCode": 7}]);
        let (status, answer) = server.post("/v1/web-actions", events).await;
        assert_eq!(status, 200, "{answer}");
        let told: Vec<u64> = answer["items"].as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect();
        assert_eq!(told, [201, 422, 422, 200, 201, 201]);
        assert_eq!(answer["items"][1]["problem"]["errors"][0]["pointer"], "/actionId");
        assert_eq!(answer["items"][2]["problem"]["errors"][0]["pointer"], "/actionState");
        let (_, life) = server.get("/v1/web-actions/c").await;
        assert_eq!((&life["items"][0]["errorCode"], &life["items"][0]["actionMediaType"]), (&json!(7), &json!("contentoffer")));
        assert!(life["items"][0]["eventDate"].is_string(), "the time of receipt");
    }

    async fn lineage_and_history_show_the_offer_that_led_to_a_conversation(db) {
        let server = Server::start(db).await;
        // the chat exists before its actions, the web engagement after some of its actions
        server.post("/v1/web-actions", json!([event("a", "offered", 1), event("other", "offered", 2)])).await;
        server.record(json!({"id": "w", "mediaType": "webengagement", "contact": {"EmailAddress": "ann@example.test"}, "userData": {"visitID": "visit-1"}})).await;
        let (_, chat) = server.post("/v1/interactions/w/engagements", json!({"id": "c", "mediaType": "chat", "externalId": "conv-1"})).await;
        let mut accepted = event("a", "accepted", 3);
        accepted["conversationId"] = json!("conv-1");
        server.post("/v1/web-actions", accepted).await;
        let (_, lineage) = server.get("/v1/interactions/c/lineage").await;
        let told: Vec<(&str, &str, &str)> = lineage["webActions"].as_array().unwrap().iter()
            .map(|one| (one["actionId"].as_str().unwrap(), one["interactionId"].as_str().unwrap(), one["by"].as_str().unwrap())).collect();
        assert_eq!(told, [("a", "w", "sessionId"), ("other", "w", "sessionId"), ("a", "c", "interactionId")]);
        assert_eq!(states(&lineage["webActions"][2]["states"]), ["offered", "accepted"]);
        let contact = chat["contactId"].as_str().unwrap();
        let (_, history) = server.get(&format!("/v1/contacts/{contact}/history?include=webActions&fields=id&sort=id")).await;
        assert_eq!(history["items"][0]["id"], "c");
        assert_eq!(history["items"][0]["webActions"][0]["actionId"], "a");
        assert_eq!(history["items"][1]["webActions"].as_array().unwrap().len(), 2);
        let (_, plain) = server.get(&format!("/v1/contacts/{contact}/history?fields=id")).await;
        assert_eq!(plain["items"][0].as_object().unwrap().len(), 1);
        assert_eq!(server.get(&format!("/v1/contacts/{contact}/history?include=everything")).await.0, 422);
    }
}
