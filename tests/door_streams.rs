//! Cursors beyond the journal, the headers of streams, and which format is answered.

use serde_json::json;

use crate::both;
use crate::support::Server;

both! {
    async fn a_cursor_beyond_the_head_is_told_in_pages_as_in_streams(db) {
        let server = Server::start(db).await;
        for name in ["a", "b"] {
            server.record(json!({"id": name, "mediaType": "chat"})).await;
        }
        for (path, last) in [
            ("/v1/changes?after=3", None),
            ("/v1/changes?after=999999999999999999", None),
            ("/v1/changes?after=3&kind=userData&limit=1", None),
            ("/v1/interactions/a/changes?after=3", None),
            ("/v1/changes", Some("3")),
            ("/v1/changes?after=1", Some("3")),
        ] {
            for accept in ["application/json", "text/event-stream"] {
                if accept == "application/json" && last.is_some() {
                    continue;
                }
                let mut request = server.request("GET", path).header("accept", accept);
                if let Some(last) = last {
                    request = request.header("last-event-id", last);
                }
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 422, "{path} {accept}");
                assert_eq!(response.headers()["content-type"], "application/problem+json");
                let told = response.text().await.unwrap();
                assert!(told.contains("beyond the newest entry of this journal, 2"), "{path} {accept}: {told}");
            }
        }
        // a page does not use it, but what is no cursor is refused there too
        for accept in ["application/json", "text/event-stream"] {
            let request = server.request("GET", "/v1/changes").header("accept", accept).header("last-event-id", "#x]");
            assert_eq!(request.send().await.unwrap().status(), 422, "{accept}");
        }
        for path in ["/v1/changes?after=2", "/v1/interactions/a/changes?after=2"] {
            let (status, page) = server.get(path).await;
            assert_eq!((status, &page["items"], &page["next"]), (200, &json!([]), &json!("2")));
        }
        let empty = Server::start(db).await;
        assert_eq!(empty.get("/v1/changes?after=0").await.0, 200);
        assert_eq!(empty.get("/v1/changes?after=1").await.0, 422);
    }

    async fn the_form_that_is_preferred_is_answered(db) {
        let server = Server::start(db).await;
        let kind = async |path: &str, accept: &str| {
            let request = server.request("GET", path).header("accept", accept);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200, "{path} {accept}");
            response.headers()["content-type"].to_str().unwrap().to_owned()
        };
        for (accept, wanted) in [
            ("text/event-stream", "text/event-stream"),
            ("text/event-stream;q=0.1, application/json", "application/json"),
            ("application/json;q=0.5, text/event-stream", "text/event-stream"),
            ("text/event-stream;q=0, */*", "application/json"),
            ("text/html, */*;q=0.1", "application/json"),
            ("image/png", "application/json"),
        ] {
            assert_eq!(kind("/v1/changes", accept).await, wanted, "{accept}");
        }
        let report = "/v1/reports/web-actions";
        for (path, accept, wanted) in [
            (report, "text/csv", "text/csv; charset=utf-8"),
            (report, "text/csv;q=0.5, application/json", "application/json"),
            (report, "text/csv, */*;q=0.1", "text/csv; charset=utf-8"),
            (report, "*/*", "application/json"),
            ("/v1/reports/web-actions?format=json", "text/csv", "application/json"),
            ("/v1/reports/web-actions?format=csv", "application/json", "text/csv; charset=utf-8"),
        ] {
            assert_eq!(kind(path, accept).await, wanted, "{path} {accept}");
        }
    }

    async fn streams_are_passed_on_and_not_kept(db) {
        let server = Server::start(db).await;
        let stream = server.request("GET", "/v1/changes").header("accept", "text/event-stream").send().await.unwrap();
        let batch = server.request("POST", "/v1/interactions/batch").header("content-type", "application/x-ndjson").body("{\"mediaType\":\"chat\"}").send().await.unwrap();
        for response in [stream, batch] {
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["x-accel-buffering"], "no");
            assert_eq!(response.headers()["cache-control"], "no-store");
        }
        let handshake = json!([{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}]);
        let poll = server.request("POST", "/api/v2/notifications").json(&handshake).send().await.unwrap();
        assert_eq!(poll.headers()["cache-control"], "no-store");
    }

    async fn the_root_leads_to_the_documentation_and_there_is_an_icon(db) {
        let server = Server::start(db).await;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let root = client.get(format!("{}/", server.base)).send().await.unwrap();
        assert_eq!((root.status().as_u16(), &root.headers()["location"]), (303, &"/docs/".parse().unwrap()));
        let page = server.request("GET", "/").send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        for (path, kind, begin) in [("/favicon.ico", "image/x-icon", &b"\0\0\x01\0"[..]), ("/favicon.svg", "image/svg+xml", &b"<svg"[..])] {
            let icon = server.request("GET", path).send().await.unwrap();
            assert_eq!((icon.status().as_u16(), icon.headers()["content-type"].to_str().unwrap()), (200, kind));
            assert!(icon.bytes().await.unwrap().starts_with(begin), "{path}");
        }
    }
}
