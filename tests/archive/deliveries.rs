//! Deliveries of webhooks that wait or are dead when an archive is written.

use serde_json::{Value, json};

use super::damaged::{lines, sealed};
use super::*;
use crate::support::direct::Direct;
use crate::support::receiver::{Letter, Receiver, Reply};

fn private(config: &mut annals::config::Config) {
    config.webhooks.allow_private = true;
}

fn tells(letters: &[Letter], id: &str) -> bool {
    let about = |letter: &Letter| letter.taken && letter.body["data"]["interactionId"] == id;
    letters.iter().any(about)
}

/// A store whose webhook has a dead delivery about `dead` and waiting ones about `one` and `two`.
async fn owing(db: Db, receiver: &Receiver) -> (Arc<Place>, String) {
    receiver.behave(|_| Reply::Status(500));
    let server = Server::with(db, private).await;
    let body = json!({"url": receiver.url, "kinds": ["interaction"]});
    let (status, webhook) = server.post("/v1/webhooks", body).await;
    assert_eq!(status, 201, "{webhook}");
    for id in ["dead", "one", "two"] {
        server.record(json!({"id": id, "mediaType": "chat"})).await;
    }
    let id = webhook["id"].as_str().unwrap().to_owned();
    let begun = std::time::Instant::now();
    let path = format!("/v1/webhooks/{id}");
    while server.get(&path).await.1["waiting"] != 3 {
        assert!(begun.elapsed() < crate::support::process::PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let source = server.stop().await;
    let mut direct = Direct::to(&source).await;
    direct
        .execute("UPDATE webhook SET cursor = (SELECT MAX(cursor) FROM journal)")
        .await;
    direct
        .execute(
            "UPDATE webhook_delivery SET state = 2, next_date = NULL WHERE subject LIKE '%dead'",
        )
        .await;
    assert_eq!(
        direct
            .number("SELECT COUNT(*) FROM webhook_delivery WHERE state = 2")
            .await,
        1
    );
    (source, id)
}

both! {
    async fn what_a_webhook_is_owed_comes_along(db) {
        let receiver = Receiver::start().await;
        let (source, id) = owing(db, &receiver).await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &["--with-secrets"]).await;
        let there = Place::new(another(db)).await;
        annals(&there.url, &["import", archive.to_str().unwrap()], 0).await;
        for other in [source.url.as_str(), archive.to_str().unwrap()] {
            let said = annals(&there.url, &["verify", other, &there.url], 0).await;
            assert!(said.contains("all equal"), "{said}");
        }
        receiver.behave(|_| Reply::Status(204));
        let server = Server::at(Arc::new(there), private).await;
        receiver.until("the waiting ones", |letters| tells(letters, "one") && tells(letters, "two")).await;
        assert!(!tells(&receiver.letters(), "dead"));
        let (_, webhook) = server.get(&format!("/v1/webhooks/{id}")).await;
        assert_eq!(webhook["dead"], 1, "{webhook}");
        let (status, told) = server.post(&format!("/v1/webhooks/{id}/replay"), json!({})).await;
        assert_eq!((status, &told["deliveries"]), (202, &json!(1)));
        receiver.until("the dead one", |letters| tells(letters, "dead")).await;
    }

    async fn a_merge_keeps_what_is_owed_to_new_webhooks_alone(db) {
        let receiver = Receiver::start().await;
        let (source, _) = owing(db, &receiver).await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &["--with-secrets"]).await;
        let merge = ["import", "--merge", archive.to_str().unwrap()];
        let server = Server::start(db).await;
        server.record(json!({"id": "own", "mediaType": "chat"})).await;
        server.record(json!({"id": "two", "mediaType": "email"})).await;
        let there = server.stop().await;
        annals(&there.url, &merge, 2).await;
        let mut direct = Direct::to(&there).await;
        let owed = "SELECT COUNT(*) FROM webhook_delivery d, journal j WHERE j.cursor = d.cursor AND j.interaction_id IN ('one', 'dead')";
        assert_eq!(direct.number(owed).await, 2);
        assert_eq!(direct.number("SELECT COUNT(*) FROM webhook_delivery").await, 2);
        direct.execute("DELETE FROM webhook_delivery").await;
        annals(&there.url, &merge, 2).await;
        assert_eq!(direct.number("SELECT COUNT(*) FROM webhook_delivery").await, 0, "the webhook is there already");
    }

    async fn an_archive_of_the_first_version_is_taken(db) {
        let receiver = Receiver::start().await;
        let (source, _) = owing(db, &receiver).await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let mut old = lines(&archive);
        old.retain(|line| !line.starts_with("{\"delivery\""));
        let mut header: Value = serde_json::from_str(&old[0]).unwrap();
        header["annals"]["version"] = json!(1);
        header["annals"]["holds"].as_array_mut().unwrap().retain(|kind| kind != "delivery");
        old[0] = header.to_string();
        std::fs::write(&archive, sealed(&old)).unwrap();
        let there = Place::new(db).await;
        annals(&there.url, &["import", archive.to_str().unwrap()], 0).await;
        for store in [&source.url, &there.url] {
            let said = annals(store, &["verify", archive.to_str().unwrap()], 0).await;
            assert!(said.contains("all equal"), "{said}");
        }
    }
}
