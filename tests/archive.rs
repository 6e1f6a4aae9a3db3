//! The archive: what one store exports, another imports completely, on either database.

mod damaged;
mod deliveries;
mod merging;
mod named;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use crate::both;
use crate::support::process::run;
use crate::support::{Db, Place, Server};
use walk::{assert_same, filled, walk};

fn file(place: &Place, name: &str) -> PathBuf {
    place.path().join(name)
}

async fn annals(url: &str, args: &[&str], code: i32) -> String {
    let ran = run(url, args).await;
    assert_eq!(ran.code, Some(code), "{args:?} {ran:?}");
    ran.out
}

async fn export(url: &str, to: &Path, more: &[&str]) {
    let args = [&["export", "--all", "-o", to.to_str().unwrap()], more].concat();
    annals(url, &args, 0).await;
}

fn another(db: Db) -> Db {
    match db {
        Db::Sqlite => Db::Postgres,
        Db::Postgres => Db::Sqlite,
    }
}

both! {
    async fn a_store_comes_back_whole_over_the_other_database(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let before = walk(&server, 1).await;
        let source = server.stop().await;
        annals(&source.url, &["index", "add", "rule"], 0).await;
        let server = Server::at(Arc::clone(&source), |_| {}).await;
        let before_indexed = walk(&server, 1).await;
        assert_eq!(before.len(), before_indexed.len());
        let first = file(&source, "first.ndjson");
        export(&source.url, &first, &["--with-secrets", "--with-tokens"]).await;
        server.stop().await;

        let there = Place::new(another(db)).await;
        let said = annals(&there.url, &["import", first.to_str().unwrap()], 0).await;
        assert!(said.contains("rows restored"), "{said}");
        let second = file(&there, "second.ndjson");
        export(&there.url, &second, &["--with-secrets", "--with-tokens"]).await;
        let back = Place::new(db).await;
        annals(&back.url, &["import", second.to_str().unwrap()], 0).await;
        for (one, other) in [(&source.url, &there.url), (&source.url, &back.url)] {
            let said = annals(one, &["verify", one, other], 0).await;
            assert!(said.contains("all equal"), "{said}");
        }
        let said = annals(&back.url, &["verify", first.to_str().unwrap()], 0).await;
        assert!(said.contains("all equal"), "an archive and a store: {said}");

        for place in [there, back] {
            let server = Server::at(Arc::new(place), |_| {}).await;
            assert_same(&before_indexed, &walk(&server, 1).await);
            // interactions sent before are known, and new ones come after
            let (status, _) = server.post("/v1/interactions", json!({"id": "late", "mediaType": "chat"})).await;
            assert_eq!(status, 200);
            let (status, _) = server.post_with("/v1/interactions/visit/engagements", &[("idempotency-key", "once")], json!({"id": "chat", "mediaType": "chat",
                "copyUserData": "rule", "text": "customer: refund?\nagent: yes", "structuredText": "<p>refund</p>", "comment": "nice",
                "participants": [{"participantId": "7001", "type": "Agent"}]})).await;
            assert_eq!(status, 201, "the kept answer to a repeated request");
            let entries = server.journal().await.len();
            server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": "ANN@example.test"}})).await;
            let journal = server.journal().await;
            assert_eq!(journal.len(), entries + 1);
            assert_eq!(journal.last().unwrap()["contactId"], journal[1]["contactId"], "contacts are found by their addresses");
        }
    }

    async fn an_archive_without_secrets_disables_webhooks(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let text = std::fs::read_to_string(&archive).unwrap();
        assert!(!text.contains("whsec_") && text.contains("93.184.216.34"));
        let there = Place::new(db).await;
        annals(&there.url, &["import", archive.to_str().unwrap()], 0).await;
        let said = annals(&there.url, &["verify", archive.to_str().unwrap()], 0).await;
        assert!(said.contains("all equal"), "that is no difference: {said}");
        let server = Server::at(Arc::new(there), |_| {}).await;
        let (_, webhooks) = server.get("/v1/webhooks").await;
        assert_eq!(webhooks["items"][0]["enabled"], false);
        assert!(webhooks["items"][0]["disabledReason"].as_str().unwrap().contains("without its secret"));
    }

    async fn a_kept_answer_gives_no_secret_away(db) {
        let server = Server::start(db).await;
        let once = [("idempotency-key", "once")];
        let (status, webhook) = server.post_with("/v1/webhooks", &once, json!({"url": "https://93.184.216.34/hook", "kinds": ["webAction"]})).await;
        assert_eq!(status, 201, "{webhook}");
        let path = format!("/v1/webhooks/{}/secret", webhook["id"].as_str().unwrap());
        let (status, rotated) = server.post_with(&path, &once, json!({})).await;
        assert_eq!(status, 200, "{rotated}");
        server.post_with("/v1/interactions", &once, json!({"id": "kept", "mediaType": "chat"})).await;
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        for (more, replies) in [(&[][..], 1), (&["--with-secrets"], 3)] {
            export(&source.url, &archive, more).await;
            let text = std::fs::read_to_string(&archive).unwrap();
            assert_eq!(text.contains("whsec_"), !more.is_empty());
            assert_eq!(text.matches("{\"reply\":").count(), replies);
            let there = Place::new(db).await;
            annals(&there.url, &["import", archive.to_str().unwrap()], 0).await;
            for store in [&source.url, &there.url] {
                let said = annals(store, &["verify", archive.to_str().unwrap()], 0).await;
                assert!(said.contains("all equal"), "{said}");
            }
        }
    }

    async fn long_texts_come_back_over_several_pages(db) {
        let server = Server::start(db).await;
        for n in 0..12 {
            let text = format!("{n} {}", "\u{1F600}é".repeat(150_000));
            server.record(json!({"id": format!("long-{n}"), "mediaType": "email", "text": text, "structuredText": text})).await;
        }
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let there = Place::new(another(db)).await;
        annals(&there.url, &["import", archive.to_str().unwrap()], 0).await;
        annals(&source.url, &["verify", &source.url, &there.url], 0).await;
    }

    async fn an_archive_is_only_for_its_owner(db) {
        use std::os::unix::fs::PermissionsExt;
        let place = Place::new(db).await;
        let archive = file(&place, "a.ndjson");
        export(&place.url, &archive, &[]).await;
        assert_eq!(std::fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
        let ran = run(&place.url, &["export", "--all", "-o", "-"]).await;
        assert!(ran.out.starts_with("{\"annals\":") && ran.out.ends_with("}}\n"), "{ran:?}");
        let ran = run(&place.url, &["import", archive.to_str().unwrap(), place.path().to_str().unwrap()]).await;
        assert!(ran.code != Some(0) && ran.told.contains("import it alone"), "{ran:?}");
    }

    async fn columns_that_differ_from_their_rows_are_named(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        annals(&source.url, &["verify", archive.to_str().unwrap()], 0).await;
        let mut direct = crate::support::direct::Direct::to(&source).await;
        direct.execute("UPDATE interaction SET owner_id = 'other', queue = 'other', revision = revision + 1 WHERE id = 'mail'").await;
        direct.execute("UPDATE contact_attribute SET folded = 'other' WHERE contact_id = 'bob' AND name = 'EmailAddress'").await;
        let said = annals(&source.url, &["verify", archive.to_str().unwrap()], 1).await;
        assert!(said.contains("interaction mail 1: the columns owner_id, revision, queue of the second differ"), "{said}");
        assert!(said.contains("contactAttribute bob 1 EmailAddress 0: the columns folded of the second differ"), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }

    async fn a_difference_is_named(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let server = Server::at(Arc::clone(&source), |_| {}).await;
        server.post("/v1/interactions/mail/user-data", json!({"attach": {"planted": "privateword"}})).await;
        server.stop().await;
        let said = annals(&source.url, &["verify", archive.to_str().unwrap()], 1).await;
        assert!(said.contains("interaction mail 1: differs in core, user_data") && said.contains("is missing from the first"), "{said}");
        assert!(!said.contains("privateword"), "no values: they are customers' data");
    }
}

/// Interactions of the demo in the round trip, and which part of the answers is compared. With
/// `ANNALS_TEST_ARCHIVE=20000` in a manual run, there are more, and every answer is compared.
fn demo() -> (String, usize) {
    match std::env::var("ANNALS_TEST_ARCHIVE") {
        Ok(count) => (count, 1),
        Err(_) => ("1000".to_owned(), 7),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_and_real_history_go_to_postgres_and_back() {
    let (count, every) = demo();
    let source = Arc::new(Place::new(Db::Sqlite).await);
    annals(&source.url, &["demo", "--interactions", &count], 0).await;
    if let Ok(data) = std::env::var("ANNALS_TEST_DATA") {
        annals(&source.url, &["import", &data], 0).await;
    }
    let first = file(&source, "first.ndjson");
    export(&source.url, &first, &[]).await;
    let there = Place::new(Db::Postgres).await;
    annals(&there.url, &["import", first.to_str().unwrap()], 0).await;
    let second = file(&there, "second.ndjson");
    export(&there.url, &second, &[]).await;
    let back = Place::new(Db::Sqlite).await;
    annals(&back.url, &["import", second.to_str().unwrap()], 0).await;
    annals(&source.url, &["verify", &source.url, &back.url], 0).await;
    annals(&source.url, &["verify", &there.url, &back.url], 0).await;
    let server = Server::at(source, |_| {}).await;
    let before = walk(&server, every).await;
    server.stop().await;
    for place in [there, back] {
        let server = Server::at(Arc::new(place), |_| {}).await;
        assert_same(&before, &walk(&server, every).await);
        server.stop().await;
    }
}
