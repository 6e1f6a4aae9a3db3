//! The forms of times in requests: every surface accepts the same and refuses the same.

use serde_json::{Value, json};

use crate::both;
use crate::support::{Server, ids};

const NINE: &str = "2026-03-01T09:30:00Z";

fn detail(told: &Value) -> &str {
    told["errors"][0]["detail"].as_str().unwrap_or("none")
}

/// A value encoded for a query string.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

both! {
    async fn the_forms_that_mean_one_time_are_taken_everywhere(db) {
        let server = Server::start(db).await;
        for (number, form) in [
            json!("2026-03-01T09:30:00Z"),
            json!("2026-03-01 09:30:00Z"),
            json!("2026-03-01T10:30:00+0100"),
            json!("2026-03-01 09:30:00 +0000"),
            json!("2026-03-01T09:30:00,000Z"),
            json!("2026-03-01T09:30Z"),
            json!("Sun, 01 Mar 2026 10:30:00 +0100"),
            json!("Sun, 1 Mar 2026 09:30:00 GMT"),
            json!(1_772_357_400_000_i64),
        ].into_iter().enumerate() {
            let name = format!("t{number}");
            let stored = server.record(json!({"id": name, "mediaType": "chat", "startDate": form})).await;
            assert_eq!(stored["startDate"], NINE, "{form}");
            let (status, changed) = server.patch(&format!("/v1/interactions/{name}"), json!({"endDate": form, "status": "Stopped"})).await;
            assert_eq!((status, &changed["endDate"]), (200, &json!(NINE)), "{form}");
            let line = json!({"id": format!("{name}b"), "mediaType": "chat", "startDate": form}).to_string();
            let (_, told) = server.post_text("/v1/interactions/batch", line).await;
            assert_eq!(told["status"], 201, "{form}: {told}");
            let event = json!({"actionId": name, "actionState": "offered", "eventDate": form});
            assert_eq!(server.post("/v1/web-actions", event).await.0, 201, "{form}");
            let filter = json!({"filter": {"and": [{"field": "startDate", "eq": form}, {"field": "id", "eq": name}]}, "fields": ["id"]});
            let (_, found) = server.post("/v1/interactions/search", filter).await;
            assert_eq!(ids(&found), [&name], "{form}");
            let text = form.as_str().map_or(form.to_string(), str::to_owned);
            let (status, found) = server.get(&format!("/v1/interactions?startDate={}&id={name}", encoded(&text))).await;
            assert_eq!((status, ids(&found)), (200, vec![name.as_str()]), "{form}: {found}");
            let (status, found) = server.get(&format!("/v1/interactions?startDate.from={}&id={name}", encoded(&text))).await;
            assert_eq!((status, ids(&found)), (200, vec![name.as_str()]), "{form}: {found}");
            let (status, told) = server.get(&format!("/v1/reports/web-actions?from={}", encoded(&text))).await;
            assert_eq!(status, 200, "{form}: {told}");
            let (_, told) = server.get(&format!("/v1/interactions/{name}/user-data?at={}", encoded(&text))).await;
            assert!(detail(&told).starts_with("is before the interaction was recorded"), "{form}: {told}");
        }
        // events are stored in one form, whichever they were sent in
        let (_, life) = server.get("/v1/web-actions/t8").await;
        assert_eq!(life["items"][0]["eventDate"], NINE);
    }

    async fn what_is_ambiguous_is_refused_and_named(db) {
        let server = Server::start(db).await;
        for (form, why) in [
            (json!("2026-03-01T09:30:00"), "no time zone"),
            (json!("2026-03-01 09:30:00 CET"), "by letters"),
            (json!("03/04/2021"), "the day or the month first"),
            (json!("3.4.2021 10:00"), "the day or the month first"),
            (json!("2026-03-01"), "a day without a time"),
            (json!("2026-03-01T09:30:00 01:00"), "%2B"),
            (json!("1772357400000"), "a number in a text"),
            (json!(1_772_357_400), "seconds or milliseconds"),
            (json!(0), "seconds or milliseconds"),
            (json!(1_772_357_400_000_000_i64), "outside the years"),
            (json!(1_772_357_400_000.5), "whole number of milliseconds"),
            (json!("2016-12-31T23:59:60Z"), "leap second"),
            (json!("10000-01-01T00:00:00Z"), "outside the years"),
            (json!("2026-02-30T09:30:00Z"), "does not exist"),
            (json!("soon"), "is not a time"),
            (json!(true), "time, such as"),
        ] {
            let interaction = json!({"mediaType": "chat", "startDate": form});
            let event = json!({"actionId": "a", "actionState": "offered", "eventDate": form});
            for (path, body) in [("/v1/interactions", interaction), ("/v1/web-actions", event)] {
                let (status, told) = server.post(path, body).await;
                assert_eq!(status, 422, "{path} {form}: {told}");
                assert!(detail(&told).contains(why), "{path} {form}: {told}");
            }
            if form == json!("2026-03-01") {
                continue;
            }
            let filter = json!({"filter": {"field": "startDate", "eq": form}});
            let (status, told) = server.post("/v1/interactions/search", filter).await;
            assert_eq!(status, 422, "{form}: {told}");
            assert!(detail(&told).contains(why), "{form}: {told}");
        }
        assert_eq!(server.journal().await.len(), 0);
    }

    async fn a_lost_plus_gets_a_hint(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "a", "mediaType": "chat"})).await;
        for path in [
            "/v1/interactions?startDate.from=2026-03-01T09:30:00+01:00",
            "/v1/interactions?startDate=2026-03-01T09:30:00+0100",
            "/v1/interactions/a/user-data?at=2026-03-01T09:30:00.25+01:00",
            "/v1/web-actions?eventDate.to=2026-03-01T09:30:00+01:00",
            "/v1/reports/web-actions?from=2026-03-01T09:30:00+01:00",
        ] {
            let (status, told) = server.get(path).await;
            assert_eq!(status, 422, "{path}");
            assert!(detail(&told).contains("%2B"), "{path}: {told}");
        }
    }

    async fn a_day_is_taken_in_filters_in_the_time_zone_that_is_asked_for(db) {
        let server = Server::start(db).await;
        // in Rome: the night before the first, the first, its last minute, and the second
        for (name, start) in [
            ("before", "2026-02-28T22:59:59Z"),
            ("begin", "2026-02-28T23:00:00Z"),
            ("end", "2026-03-01T22:59:59.999999Z"),
            ("after", "2026-03-01T23:00:00Z"),
        ] {
            server.record(json!({"id": name, "mediaType": "chat", "startDate": start})).await;
        }
        let by_query = async |query: &str| {
            let (status, page) = server.get(&format!("/v1/interactions?sort=startDate&{query}&fields=id")).await;
            assert_eq!(status, 200, "{query}: {page}");
            ids(&page).join(" ")
        };
        assert_eq!(by_query("startDate.from=2026-03-01&timeZone=Europe/Rome").await, "begin end after");
        assert_eq!(by_query("startDate.to=2026-03-01&timeZone=Europe/Rome").await, "before");
        assert_eq!(by_query("startDate.from=2026-03-01&startDate.to=2026-03-02&timeZone=Europe/Rome").await, "begin end");
        assert_eq!(by_query("startDate=2026-03-01&timeZone=Europe/Rome").await, "begin end");
        assert_eq!(by_query("startDate=2026-03-01").await, "end after");
        assert_eq!(by_query("startDate=2026-03-01&startDate=2026-02-28T22:59:59Z&timeZone=Europe/Rome").await, "before begin end");
        for (test, wanted) in [
            (json!({"eq": "2026-03-01"}), "begin end"),
            (json!({"ne": "2026-03-01"}), "before after"),
            (json!({"in": ["2026-03-01", "2026-03-02"]}), "begin end after"),
            (json!({"gt": "2026-03-01"}), "after"),
            (json!({"gte": "2026-03-01"}), "begin end after"),
            (json!({"lt": "2026-03-01"}), "before"),
            (json!({"lte": "2026-03-01"}), "before begin end"),
            (json!({"from": "2026-03-01", "to": "2026-03-02"}), "begin end"),
        ] {
            let mut leaf = json!({"field": "startDate"});
            leaf.as_object_mut().unwrap().extend(test.as_object().unwrap().clone());
            let body = json!({"filter": leaf, "timeZone": "Europe/Rome", "sort": ["startDate"], "fields": ["id"]});
            let (status, page) = server.post("/v1/interactions/search", body).await;
            assert_eq!((status, ids(&page).join(" ").as_str()), (200, wanted), "{test}: {page}");
        }
        let (status, told) = server.get("/v1/interactions?startDate=2026-03-01&timeZone=Rome").await;
        assert_eq!((status, &told["errors"][0]["pointer"]), (422, &json!("?timeZone")));
        let (status, told) = server.post("/v1/interactions/search", json!({"timeZone": "CET5"})).await;
        assert_eq!((status, &told["errors"][0]["pointer"]), (422, &json!("/timeZone")));
        for day in ["2026-02-30", "2026-3-1", "2026-03", "01-03-2026"] {
            assert_eq!(server.get(&format!("/v1/interactions?startDate.from={day}")).await.0, 422, "{day}");
        }
    }

    async fn a_day_is_taken_in_reports_and_lists_of_events(db) {
        let server = Server::start(db).await;
        let event = |id: &str, at: &str| json!({"actionId": id, "actionState": "offered", "actionMapId": "m", "eventDate": at});
        let events = json!([event("a", "2026-02-28T22:59:59Z"), event("b", "2026-02-28T23:00:00Z"), event("c", "2026-03-01T23:00:00Z")]);
        assert_eq!(server.post("/v1/web-actions", events).await.0, 200);
        let (_, list) = server.get("/v1/web-actions?eventDate.from=2026-03-01&eventDate.to=2026-03-02&timeZone=Europe/Rome").await;
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        assert_eq!(list["items"][0]["actionId"], "b");
        let (_, list) = server.get("/v1/web-actions?eventDate.from=2026-03-01").await;
        assert_eq!(list["items"][0]["actionId"], "c");
        let (_, report) = server.get("/v1/reports/web-actions?from=2026-03-01&to=2026-03-02&timeZone=Europe/Rome").await;
        assert_eq!(report["items"][0]["offered"], 1, "{report}");
        let (_, report) = server.get("/v1/reports/web-actions?to=2026-03-01").await;
        assert_eq!(report["items"][0]["offered"], 2, "{report}");
    }

    async fn a_plus_that_a_query_string_lost_is_named_in_every_form_of_a_time(db) {
        let server = Server::start(db).await;
        for time in ["Fri,%201%20Mar%202019%2013:00:00%20+0100", "1+Mar+2019+13:00:00++0100", "2019-03-01T13:00:00+01:00"] {
            let (status, told) = server.get(&format!("/v1/interactions?startDate.from={time}")).await;
            assert_eq!(status, 422);
            assert!(told["errors"][0]["detail"].as_str().unwrap().contains("%2B"), "{time}: {told}");
        }
    }
}
