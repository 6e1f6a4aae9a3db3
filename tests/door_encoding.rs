//! Compressed bodies, on every surface.

use async_compression::tokio::write::{
    BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::both;
use crate::support::Server;

async fn packed(coding: &str, body: &[u8]) -> Vec<u8> {
    macro_rules! by {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all(body).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }
    match coding {
        "deflate" => by!(ZlibEncoder),
        "br" => by!(BrotliEncoder),
        "zstd" => by!(ZstdEncoder),
        _ => by!(GzipEncoder),
    }
}

async fn send(server: &Server, path: &str, coding: &str, body: Vec<u8>) -> (u16, Value) {
    let kind = if path.ends_with("/batch") {
        "application/x-ndjson"
    } else {
        "application/json"
    };
    let request = server.request("POST", path).header("content-type", kind);
    let response = request
        .header("content-encoding", coding)
        .body(body)
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

both! {
    async fn every_surface_takes_every_coding(db) {
        let server = Server::start(db).await;
        for coding in ["gzip", "x-gzip", "GZIP", "deflate", "br", "zstd", "identity"] {
            let pack = async |body: Value| {
                let text = body.to_string();
                if coding == "identity" { text.into_bytes() } else { packed(coding, text.as_bytes()).await }
            };
            let one = pack(json!({"id": coding, "mediaType": "chat", "text": "x".repeat(100_000)})).await;
            assert_eq!(send(&server, "/v1/interactions", coding, one).await.0, 201, "{coding}");
            let event = pack(json!({"actionId": coding, "actionState": "offered"})).await;
            assert_eq!(send(&server, "/v1/web-actions", coding, event).await.0, 201, "{coding}");
            let attach = pack(json!({"operationName": "AttachUserData", "userData": {"by": coding}})).await;
            let (status, told) = send(&server, &format!("/api/v2/me/chats/{coding}"), coding, attach).await;
            assert_eq!(status, 200, "{coding}: {told}");
            let handshake = pack(json!([{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}])).await;
            let (status, told) = send(&server, "/api/v2/notifications", coding, handshake).await;
            assert_eq!((status, &told[0]["successful"]), (200, &json!(true)), "{coding}");
            let mut lines = String::new();
            for number in 0..500 {
                lines += &json!({"id": format!("{coding}-{number}"), "mediaType": "chat"}).to_string();
                lines += "\n";
            }
            let lines = if coding == "identity" { lines.into_bytes() } else { packed(coding, lines.as_bytes()).await };
            let (status, told) = send(&server, "/v1/interactions/batch?reply=errors", coding, lines).await;
            assert_eq!((status, &told["summary"]["recorded"]), (200, &json!(500)), "{coding}: {told}");
        }
        // one encoding inside the other, and several members of one file
        let body = json!({"id": "twice", "mediaType": "chat"}).to_string();
        let twice = packed("br", &packed("gzip", body.as_bytes()).await).await;
        assert_eq!(send(&server, "/v1/interactions", "gzip, br", twice).await.0, 201);
        let mut members = packed("gzip", b"{\"id\":\"parts\",").await;
        members.extend(packed("gzip", b"\"mediaType\":\"chat\"}").await);
        assert_eq!(send(&server, "/v1/interactions", "gzip", members).await.0, 201);
        assert_eq!(send(&server, "/v1/interactions/twice/stop", "gzip", packed("gzip", b"").await).await.0, 200);
        assert_eq!(send(&server, "/v1/interactions/parts/stop", "gzip", Vec::new()).await.0, 200);
    }

    async fn other_codings_are_415_and_say_what_is_taken(db) {
        let server = Server::start(db).await;
        for path in ["/v1/interactions", "/v1/interactions/batch", "/v1/web-actions", "/api/v2/me/chats/x", "/api/v2/notifications"] {
            for coding in ["compress", "snappy", "gzip, lzma", "gzip, gzip, gzip, gzip", "*"] {
                let request = server.request("POST", path).header("content-type", "application/json");
                let response = request.header("content-encoding", coding).body("{}").send().await.unwrap();
                assert_eq!(response.status(), 415, "{path} {coding}");
                assert_eq!(response.headers()["accept-encoding"], "gzip, deflate, br, zstd");
            }
        }
    }

    async fn limits_hold_for_what_comes_out(db) {
        let server = Server::with(db, |config| {
            config.limits.body = 100_000;
            config.limits.line = 10_000;
        }).await;
        for coding in ["gzip", "deflate", "br", "zstd"] {
            // 200 MB of blanks compress to a few KB
            let bomb = packed(coding, &vec![b' '; 200_000_000]).await;
            assert!(bomb.len() < 1_000_000, "{}", bomb.len());
            for path in ["/v1/interactions", "/v1/web-actions", "/api/v2/me/chats/x", "/api/v2/notifications"] {
                let (status, told) = send(&server, path, coding, bomb.clone()).await;
                assert_eq!(status, 413, "{coding} {path}: {told}");
            }
            let long = format!("{{\"mediaType\":\"chat\",\"subject\":\"{}\"}}\n{{\"mediaType\":\"chat\"}}\n", "x".repeat(20_000));
            let (status, told) = send(&server, "/v1/interactions/batch?reply=errors", coding, packed(coding, long.repeat(20).as_bytes()).await).await;
            let last = told.as_str().unwrap().lines().last().unwrap();
            assert_eq!(status, 200);
            assert_eq!(serde_json::from_str::<Value>(last).unwrap()["summary"], json!({"lines": 40, "recorded": 20, "unchanged": 0, "refused": 20}));
        }
    }

    async fn what_cannot_be_decoded_is_400_and_half_a_line_is_not_recorded(db) {
        let server = Server::start(db).await;
        let body = json!({"id": "broken", "mediaType": "chat", "subject": "x".repeat(1000)}).to_string();
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let whole = packed(coding, body.as_bytes()).await;
            let cut = whole[..whole.len() - 5].to_vec();
            for (what, sent) in [("plain", body.clone().into_bytes()), ("cut", cut)] {
                for path in ["/v1/interactions", "/v1/web-actions", "/api/v2/me/chats/x"] {
                    let (status, told) = send(&server, path, coding, sent.clone()).await;
                    assert_eq!(status, 400, "{coding} {what} {path}: {told}");
                    assert!(told.to_string().contains("Content-Encoding"), "{coding} {what} {path}: {told}");
                }
            }
        }
        let mut lines = packed("gzip", b"{\"id\":\"l1\",\"mediaType\":\"chat\"}\n{\"id\":\"l2\",\"mediaType\":\"chat\"}").await;
        lines.extend(b"nonsense");
        let (status, told) = send(&server, "/v1/interactions/batch", "gzip", lines).await;
        let told: Vec<Value> = told.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((status, told.len()), (200, 2), "{told:?}");
        assert_eq!((&told[0]["status"], &told[1]["status"]), (&json!(201), &json!(400)));
        assert_eq!(server.get("/v1/interactions/l2").await.0, 404);
        assert_eq!(server.get("/v1/interactions/broken").await.0, 404);
    }

    async fn deflate_is_taken_with_and_without_its_header(db) {
        let server = Server::start(db).await;
        for size in [0, 10, 100_000] {
            let body = json!({"mediaType": "chat", "text": "x".repeat(size)}).to_string();
            let mut encoder = DeflateEncoder::new(Vec::new());
            encoder.write_all(body.as_bytes()).await.unwrap();
            encoder.shutdown().await.unwrap();
            let raw = encoder.into_inner();
            let (status, told) = send(&server, "/v1/interactions", "deflate", raw.clone()).await;
            assert_eq!(status, 201, "{told}");
            let cut = raw[..raw.len() - 2].to_vec();
            assert_eq!(send(&server, "/v1/interactions", "deflate", cut).await.0, 400);
        }
    }

    async fn another_charset_than_utf_8_is_415(db) {
        let server = Server::start(db).await;
        for (kind, wanted) in [
            ("application/json; charset=utf-8", 201), ("application/json;charset=\"UTF-8\"", 201), ("application/json; charset=us-ascii", 201), ("application/json; x=y", 201),
            ("application/json; charset=utf-16", 415), ("application/json;Charset=Latin1", 415), ("application/json; charset=\"iso-8859-1\"", 415), ("text/json", 400),
        ] {
            for path in ["/v1/interactions", "/v1/web-actions"] {
                let body = if path.ends_with("actions") && !path.ends_with("interactions") { json!({"actionId": kind, "actionState": "offered"}) } else { json!({"mediaType": "chat"}) };
                let response = server.request("POST", path).header("content-type", kind).body(body.to_string()).send().await.unwrap();
                assert_eq!(response.status().as_u16(), wanted, "{kind} {path}");
            }
        }
    }

    async fn answers_chosen_by_accept_say_so_to_caches(db) {
        let server = Server::start(db).await;
        for path in ["/v1/changes", "/v1/reports/web-actions", "/v1/reports/web-actions?format=csv"] {
            for accept in ["application/json", "text/csv"] {
                let response = server.request("GET", path).header("accept", accept).send().await.unwrap();
                let vary: Vec<_> = response.headers().get_all("vary").iter().map(|value| value.to_str().unwrap().to_ascii_lowercase()).collect();
                assert!(vary.join(", ").contains("accept"), "{path}: {vary:?}");
            }
        }
        let response = server.request("GET", "/v1/changes").header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(response.headers()["vary"], "accept");
    }
}
