//! Merging an archive into a store that already holds data.

use serde_json::{Value, json};

use super::damaged::killed;
use super::*;
use crate::support::receiver::Receiver;

/// Stops a server, and archives its store: the place of the store, and the archive.
async fn archived(server: Server) -> (Arc<Place>, PathBuf) {
    archived_with(server, &[]).await
}

/// As [`archived`], after these keys were declared.
async fn archived_with(server: Server, keys: &[&str]) -> (Arc<Place>, PathBuf) {
    let place = server.stop().await;
    for key in keys {
        annals(&place.url, &["index", "add", key], 0).await;
    }
    let archive = file(&place, "a.ndjson");
    export(&place.url, &archive, &[]).await;
    (place, archive)
}

/// A store with these interactions, and its archive.
async fn archive_of(db: Db, bodies: &[Value]) -> (Arc<Place>, PathBuf) {
    let server = Server::start(db).await;
    let answers = server.batch(bodies).await;
    assert!(
        answers.iter().all(|line| line["status"] == 201),
        "{answers:?}"
    );
    archived(server).await
}

/// A store with this number of chats, `i00000` and so on, and its archive.
async fn archive_of_many(db: Db, number: usize) -> (Arc<Place>, PathBuf) {
    let chat = |n| json!({"id": format!("i{n:05}"), "mediaType": "chat"});
    archive_of(db, &(0..number).map(chat).collect::<Vec<_>>()).await
}

/// Merges an archive, and expects this exit code.
async fn merge(place: &Place, archive: &Path, code: i32) -> String {
    let args = ["import", "--merge", archive.to_str().unwrap()];
    annals(&place.url, &args, code).await
}

async fn subjects(server: &Server, id: &str) -> Value {
    server.get(&format!("/v1/interactions/{id}")).await.1["subject"].clone()
}

both! {
    async fn a_store_that_is_not_empty_is_left_as_it_is_or_added_to(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let (_source, archive) = archived(server).await;

        let server = Server::start(db).await;
        server.record(json!({"id": "own", "mediaType": "chat"})).await;
        server.record(json!({"id": "mail", "mediaType": "chat", "subject": "another of that name"})).await;
        let before = server.journal().await;
        let there = server.stop().await;
        let ran = run(&there.url, &["import", archive.to_str().unwrap()]).await;
        assert!(ran.code != Some(0) && ran.told.contains("not empty"), "{ran:?}");
        let merge = ["import", "--merge", archive.to_str().unwrap()];
        let said = annals(&there.url, &merge, 2).await;
        assert!(said.contains("interaction mail"), "{said}");
        let server = Server::at(there, |_| {}).await;
        let journal = server.journal().await;
        assert_eq!(journal[..2], before[..]);
        assert!(journal[2..].iter().all(|entry| entry["interactionId"] != "mail"), "the journal of what is left out is left out");
        assert_eq!(subjects(&server, "mail").await, "another of that name");
        let (_, chat) = server.get("/v1/interactions/chat").await;
        assert_eq!(chat["userData"], json!({"rule": "cold"}));
        let (_, then) = server.get(&format!("/v1/interactions/chat/user-data?at={}", chat["createdDate"].as_str().unwrap())).await;
        assert_eq!(then["userData"], json!({"rule": "hot"}));
        let kinds: Vec<&Value> = journal.iter().filter(|entry| entry["interactionId"] == "chat").map(|entry| &entry["kind"]).collect();
        assert_eq!(kinds, ["engagement.created", "userData.edited", "userData.deleted", "interaction.stopped"]);

        // a second time, the same is left out and nothing else happens
        let there = server.stop().await;
        let head = "SELECT last_cursor FROM journal_head";
        let before = crate::support::direct::Direct::to(&there).await.number(head).await;
        let said = annals(&there.url, &merge, 2).await;
        assert!(said.contains("0 rows restored") && said.contains(&format!("and is {before}.")), "{said}");
        assert_eq!(crate::support::direct::Direct::to(&there).await.number(head).await, before);
        assert!(said.contains("interaction mail") && !said.contains("chat"), "{said}");
        let server = Server::at(there, |_| {}).await;
        assert_eq!(server.journal().await, journal, "also of what was deleted");
    }

    async fn strangers_with_one_identifier_stay_strangers(db) {
        let server = Server::start(db).await;
        server.post("/v1/contacts", json!({"id": "c1", "attributes": {"EmailAddress": "ann@example.test"}})).await;
        server.post("/v1/contacts", json!({"id": "c2", "attributes": {"EmailAddress": "ann@work.example"}})).await;
        server.post("/v1/contacts/c2/merge", json!({"into": "c1"})).await;
        server.record(json!({"id": "of-ann", "mediaType": "chat", "contactId": "c1"})).await;
        server.record(json!({"id": "of-ann-too", "mediaType": "chat", "contactId": "c2"})).await;
        server.record(json!({"id": "below", "mediaType": "email", "parentId": "of-ann"})).await;
        // a parent recorded later comes after its child
        server.record(json!({"id": "late", "mediaType": "chat"})).await;
        server.record(json!({"id": "visit", "mediaType": "webengagement", "contactId": "c1"})).await;
        let (status, _) = server.post("/v1/interactions/late/parent", json!({"parentId": "visit"})).await;
        assert_eq!(status, 200);
        server.record(json!({"id": "of-nobody", "mediaType": "chat"})).await;
        server.record(json!({"id": "moved", "mediaType": "chat", "contactId": "c1"})).await;
        let (status, _) = server.patch("/v1/interactions/moved", json!({"contactId": null})).await;
        assert_eq!(status, 200);
        let (_source, archive) = archived(server).await;

        let server = Server::start(db).await;
        server.post("/v1/contacts", json!({"id": "c1", "attributes": {"EmailAddress": "bob@example.test"}})).await;
        server.record(json!({"id": "of-bob", "mediaType": "chat", "contactId": "c1"})).await;
        let (_, before) = server.get("/v1/contacts/c1/export").await;
        let there = server.stop().await;
        let said = merge(&there, &archive, 2).await;
        for name in ["contact c1", "contact c2", "interaction of-ann", "interaction of-ann-too", "interaction below", "interaction visit", "interaction late"] {
            assert!(said.contains(&format!("left out: {name}: ")), "{name}: {said}");
        }
        let server = Server::at(there, |_| {}).await;
        assert_eq!(server.get("/v1/contacts/c1/export").await.1, before, "Bob is who he was");
        for id in ["of-ann", "below", "late"] {
            assert_eq!(server.get(&format!("/v1/interactions/{id}")).await.0, 404, "{id}");
        }
        for id in ["of-nobody", "moved"] {
            assert_eq!(server.get(&format!("/v1/interactions/{id}")).await.0, 200, "{id}");
        }
        let (_, told) = server.get("/v1/changes?contactId=c1").await;
        assert!(told["items"].as_array().unwrap().iter().all(|entry| entry["interactionId"] != "moved"), "{told}");
    }

    async fn what_was_changed_since_is_told_and_stays(db) {
        let (_source, archive) = archive_of(db, &[
            json!({"id": "a", "mediaType": "chat", "subject": "one"}),
            json!({"id": "b", "mediaType": "chat"}),
            json!({"id": "child", "mediaType": "email", "parentId": "a"}),
        ]).await;
        let there = Place::new(db).await;
        annals(&there.url, &["import", archive.to_str().unwrap()], 0).await;
        let server = Server::at(Arc::new(there), |_| {}).await;
        server.patch("/v1/interactions/a", json!({"subject": "two"})).await;
        server.delete("/v1/interactions/child").await;
        let there = server.stop().await;
        let said = merge(&there, &archive, 2).await;
        assert!(said.contains("left out: interaction a: it exists, and one of the two was changed since"), "{said}");
        assert!(!said.contains("interaction b"), "the same is not worth a word: {said}");
        let server = Server::at(there, |_| {}).await;
        assert_eq!(subjects(&server, "a").await, "two");
        assert_eq!(server.get("/v1/interactions/child").await.1["parentId"], "a", "what is gone comes back to what is the same");
    }

    async fn who_was_erased_stays_erased(db) {
        let server = Server::start(db).await;
        server.post("/v1/contacts", json!({"id": "ann", "attributes": {"EmailAddress": "ann@example.test"}})).await;
        server.post("/v1/contacts", json!({"id": "bob", "attributes": {"EmailAddress": "bob@example.test"}})).await;
        server.record(json!({"id": "of-ann", "mediaType": "chat", "contactId": "ann", "text": "privateword"})).await;
        server.record(json!({"id": "deleted", "mediaType": "chat", "contactId": "ann"})).await;
        server.record(json!({"id": "of-bob", "mediaType": "chat", "contactId": "bob"})).await;
        let (source, archive) = archived(server).await;
        let server = Server::at(source, |_| {}).await;
        server.delete("/v1/interactions/deleted").await;
        server.delete("/v1/interactions/of-bob").await;
        let (status, _) = server.post("/v1/contacts/ann/erase", json!({})).await;
        assert_eq!(status, 200);
        let there = server.stop().await;
        let said = merge(&there, &archive, 2).await;
        for name in ["contact ann", "interaction deleted", "interaction of-ann"] {
            assert!(said.contains(&format!("left out: {name}: ")), "{name}: {said}");
        }
        let server = Server::at(there, |_| {}).await;
        for path in ["/v1/contacts/ann", "/v1/interactions/deleted"] {
            assert_eq!(server.get(path).await.0, 404, "{path}");
        }
        assert_eq!(server.get("/v1/interactions/of-bob").await.0, 200, "what was only deleted comes back");
        let (_, found) = server.get("/v1/interactions?q=privateword").await;
        assert_eq!(crate::support::ids(&found), Vec::<&str>::new());
    }

    async fn the_journal_of_something_deleted_is_not_that_of_another(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "x", "mediaType": "chat", "userData": {"a": 1}})).await;
        server.delete("/v1/interactions/x").await;
        let (_source, archive) = archived(server).await;
        let server = Server::start(db).await;
        server.record(json!({"id": "x", "mediaType": "chat", "userData": {"b": 2}})).await;
        let there = server.stop().await;
        let said = merge(&there, &archive, 2).await;
        assert!(said.contains("interaction x"), "{said}");
        let server = Server::at(there, |_| {}).await;
        let (status, then) = server.get("/v1/interactions/x/user-data?at=2100-01-01T00:00:00Z").await;
        assert_eq!((status, &then["userData"]), (200, &json!({"b": 2})));
    }

    async fn a_key_that_an_archive_declares_finds_what_was_there_before(db) {
        let server = Server::with(db, |config| config.user_data.indexed = vec!["rule".into()]).await;
        server.record(json!({"id": "theirs", "mediaType": "chat", "userData": {"rule": "hot"}})).await;
        let (_source, archive) = archived_with(server, &["rule"]).await;
        let server = Server::start(db).await;
        server.record(json!({"id": "own", "mediaType": "chat", "userData": {"rule": "hot"}})).await;
        let there = server.stop().await;
        merge(&there, &archive, 0).await;
        let server = Server::at(there, |_| {}).await;
        let (_, found) = server.get("/v1/interactions?userData.rule=hot&sort=id").await;
        assert_eq!(crate::support::ids(&found), ["own", "theirs"]);
    }

    async fn a_webhook_without_a_backlog_is_not_told_of_what_is_merged(db) {
        let (_source, archive) = archive_of(db, &[json!({"id": "old", "mediaType": "chat"})]).await;
        let receiver = Receiver::start().await;
        let open = |config: &mut annals::config::Config| config.webhooks.allow_private = true;
        let server = Server::with(db, open).await;
        let (status, _) = server.post("/v1/webhooks", json!({"url": receiver.url, "kinds": ["interaction"]})).await;
        assert_eq!(status, 201);
        server.record(json!({"id": "own", "mediaType": "chat"})).await;
        receiver.wait_for(1).await;
        let there = server.stop().await;
        merge(&there, &archive, 0).await;
        let server = Server::at(there, open).await;
        assert_eq!(server.get("/v1/interactions/old").await.0, 200);
        server.record(json!({"id": "new", "mediaType": "chat"})).await;
        let told = |letters: &[crate::support::receiver::Letter], id: &str| letters.iter().any(|letter| letter.body["data"]["interactionId"] == id);
        receiver.until("the new one", |letters| told(letters, "new")).await;
        assert!(!told(&receiver.letters(), "old"));
    }

    async fn a_dry_merge_says_what_a_merge_would_do_and_writes_nothing(db) {
        let source = Server::start(db).await;
        filled(&source).await;
        source.post("/v1/contacts", json!({"id": "c1", "attributes": {"EmailAddress": "eve@example.test"}})).await;
        source.record(json!({"id": "of-eve", "mediaType": "chat", "contactId": "c1"})).await;
        // a parent recorded later comes after its child
        source.record(json!({"id": "child", "mediaType": "email"})).await;
        source.record(json!({"id": "above", "mediaType": "email", "contactId": "c1"})).await;
        source.patch("/v1/interactions/child", json!({"parentId": "above"})).await;
        let (_source, archive) = archived_with(source, &["rule"]).await;

        let server = Server::start(db).await;
        server.record(json!({"id": "own", "mediaType": "chat"})).await;
        server.record(json!({"id": "mail", "mediaType": "chat", "subject": "another of that name"})).await;
        server.record(json!({"id": "deleted-here", "mediaType": "chat"})).await;
        server.delete("/v1/interactions/deleted-here").await;
        server.post("/v1/contacts", json!({"id": "c1", "attributes": {"EmailAddress": "bob@example.test"}})).await;
        let before = walk(&server, 1).await;
        let there = server.stop().await;
        let whole = async |name: &str| {
            let path = file(&there, name);
            export(&there.url, &path, &["--with-secrets", "--with-tokens"]).await;
            // the first line has the time of the export, and the last one the checksum of that
            let text = std::fs::read_to_string(path).unwrap();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines[1..lines.len() - 1].to_vec()
        };
        let kept = whole("before.ndjson").await;
        let merge = ["import", "--merge", archive.to_str().unwrap()];
        let rehearse = [&merge[..], &["--dry-run"]].concat();
        let said = annals(&there.url, &rehearse, 2).await;
        assert!(said.ends_with("Nothing was written.\n"), "{said}");
        for name in ["contact c1", "interaction mail", "interaction of-eve", "interaction child"] {
            assert!(said.contains(&format!("would be left out: {name}: ")), "{name}: {said}");
        }
        assert_eq!(whole("after.ndjson").await, kept);
        let mut direct = crate::support::direct::Direct::to(&there).await;
        for nothing in ["SELECT COUNT(*) FROM archive_left_out", "SELECT COUNT(*) FROM archive_restore", "SELECT COUNT(*) FROM indexed_key"] {
            assert_eq!(direct.number(nothing).await, 0, "{nothing}");
        }
        drop(direct);
        let server = Server::at(there, |_| {}).await;
        assert_same(&before, &walk(&server, 1).await);
        let there = server.stop().await;
        // the same words as those of the merge
        let done = annals(&there.url, &merge, 2).await;
        assert_eq!(said.replace("would be left", "left").replace("would be restored", "restored").replace("and would be", "and is").replace("Nothing was written.\n", ""), done);
        // a second merge has nothing to do, and its rehearsal knows it
        let said = annals(&there.url, &rehearse, 2).await;
        assert!(said.starts_with("0 rows would be restored."), "{said}");
    }

    async fn a_dry_merge_into_an_empty_store_restores_all_and_keeps_nothing(db) {
        let (_source, archive) = archive_of_many(db, 1200).await;
        let there = Place::new(db).await;
        let said = annals(&there.url, &["import", "--merge", "--dry-run", archive.to_str().unwrap()], 0).await;
        assert!(said.starts_with("2400 rows would be restored.\n"), "{said}");
        let mut direct = crate::support::direct::Direct::to(&there).await;
        for nothing in ["SELECT COUNT(*) FROM interaction", "SELECT COUNT(*) FROM journal", "SELECT last_cursor FROM journal_head"] {
            assert_eq!(direct.number(nothing).await, 0, "{nothing}");
        }
        drop(direct);
        // a damaged archive is refused, as it would be in earnest
        let text = std::fs::read_to_string(&archive).unwrap();
        std::fs::write(&archive, text.replacen("i00007", "i00008", 1)).unwrap();
        let ran = run(&there.url, &["import", "--merge", "--dry-run", archive.to_str().unwrap()]).await;
        assert!(ran.code == Some(1) && !ran.told.is_empty(), "{ran:?}");
    }

    async fn a_dry_merge_of_an_interrupted_one_says_what_is_left_and_ends_nothing(db) {
        let (_source, archive) = archive_of_many(db, 4000).await;
        let server = Server::start(db).await;
        server.record(json!({"id": "i03999", "mediaType": "email", "subject": "own"})).await;
        let there = server.stop().await;
        let merge = ["import", "--merge", archive.to_str().unwrap()];
        killed(&there.url, &there, &merge).await;
        let said = annals(&there.url, &[&merge[..], &["--dry-run"]].concat(), 2).await;
        let done = annals(&there.url, &merge, 2).await;
        assert!(done.contains("Resumed after line"), "{done}");
        assert_eq!(said.lines().next(), done.lines().next());
        assert_eq!(said.replace("would be ", "").lines().nth(1), done.lines().nth(1));
    }

    async fn a_merge_that_was_killed_goes_on_as_it_began(db) {
        let (_source, archive) = archive_of_many(db, 4000).await;
        let server = Server::start(db).await;
        for id in ["i00001", "i03999"] {
            server.record(json!({"id": id, "mediaType": "email", "subject": "own"})).await;
        }
        let there = server.stop().await;
        killed(&there.url, &there, &["import", "--merge", archive.to_str().unwrap()]).await;
        // whether it is repeated or not
        let said = annals(&there.url, &["import", archive.to_str().unwrap()], 2).await;
        assert!(said.contains("Resumed after line") && said.contains("i00001") && said.contains("i03999"), "{said}");
        let server = Server::at(Arc::clone(&there), |_| {}).await;
        for id in ["i00001", "i03999"] {
            assert_eq!(subjects(&server, id).await, "own");
        }
        server.stop().await;
        let mut direct = crate::support::direct::Direct::to(&there).await;
        assert_eq!(direct.number("SELECT COUNT(*) FROM interaction").await, 4000);
        assert_eq!(direct.number("SELECT COUNT(*) FROM journal").await, 4000);
    }
}
