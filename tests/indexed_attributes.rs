//! Attributes that are declared as indexed: what declaring, restarts, crashes and archives do.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::both;
use crate::properties::attributes_indexed;
use crate::support::direct::Direct;
use crate::support::process::{Process, run};
use crate::support::{Db, Place, Server, ids};

/// Between two looks at the database.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(5);
const ALL: [&str; 3] = ["createdDate", "endDate", "modifiedDate"];

async fn command(place: &Place, args: &[&str]) -> String {
    let ran = run(&place.url, args).await;
    assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
    ran.out
}

/// How many indexes of attributes the database has, valid or not.
async fn indexes(place: &Place) -> i64 {
    let mut direct = Direct::to(place).await;
    let count = match direct {
        Direct::Sqlite(_) => {
            "SELECT COUNT(*) FROM sqlite_master WHERE type = 'index' AND name IN ('interaction_created', 'interaction_end', 'interaction_modified')"
        }
        Direct::Postgres(_) => {
            "SELECT COUNT(*) FROM pg_class WHERE oid IN (to_regclass('interaction_created'), to_regclass('interaction_end'), to_regclass('interaction_modified'))"
        }
    };
    direct.number(count).await
}

async fn declared(server: &Server) -> Value {
    server.get("/v1/fields").await.1["indexedAttributes"].clone()
}

async fn some(server: &Server) {
    let lines: Vec<Value> = (0..20)
        .map(|n| json!({"id": format!("i{n:02}"), "mediaType": "chat", "userData": {"modifiedDate": n % 2}}))
        .collect();
    for line in lines {
        server.record(line).await;
    }
    let (status, changed) = server
        .patch("/v1/interactions/i07", json!({"subject": "x"}))
        .await;
    assert_eq!(status, 200, "{changed}");
}

async fn latest(server: &Server) -> String {
    let (status, page) = server
        .get("/v1/interactions?sort=-modifiedDate&limit=2")
        .await;
    assert_eq!(status, 200, "{page}");
    ids(&page).join(" ")
}

both! {
    async fn an_attribute_is_declared_and_dropped_beside_a_server(db) {
        let place = Arc::new(Place::new(db).await);
        let server = Process::serve(&place).await;
        some(&server).await;
        assert_eq!(declared(&server).await, json!([]));
        // a key of UserData has the same name
        command(&place, &["index", "add", "modifiedDate"]).await;
        assert_eq!((declared(&server).await, indexes(&place).await), (json!([]), 0));
        for _ in 0..2 {
            let said = command(&place, &["index", "add", "--attribute", "modifiedDate"]).await;
            assert_eq!(said, "modifiedDate is indexed.\n");
        }
        assert_eq!(declared(&server).await, json!([{"field": "modifiedDate", "ready": true}]));
        assert_eq!(indexes(&place).await, 1);
        assert_eq!(command(&place, &["index", "list"]).await, "modifiedDate\tready\nmodifiedDate\tready\tattribute\n");
        assert_eq!(latest(&server).await, "i07 i19");
        command(&place, &["index", "drop", "--attribute", "modifiedDate"]).await;
        assert_eq!((declared(&server).await, indexes(&place).await), (json!([]), 0));
        assert_eq!(command(&place, &["index", "list"]).await, "modifiedDate\tready\n", "the key stays");
        assert_eq!(latest(&server).await, "i07 i19");
        for (args, told) in [
            (["index", "drop", "--attribute", "modifiedDate"], "there is no indexed attribute"),
            (["index", "add", "--attribute", "subject"], "createdDate, endDate, modifiedDate"),
        ] {
            let ran = run(&place.url, &args).await;
            assert_eq!(ran.code, Some(1), "{ran:?}");
            assert!(ran.told.contains(told), "{ran:?}");
        }
        server.stop().await;
    }

    async fn settings_declare_attributes_and_a_restart_keeps_them(db) {
        let server = Server::with(db, |config| {
            config.interactions.indexed = ALL.map(str::to_owned).to_vec();
        }).await;
        attributes_indexed(&server, 3).await;
        some(&server).await;
        let place = server.stop().await;
        assert_eq!(indexes(&place).await, 3);
        let server = Server::at(place, |_| {}).await;
        let all = ALL.map(|field| json!({"field": field, "ready": true}));
        assert_eq!(declared(&server).await, json!(all));
        assert_eq!(latest(&server).await, "i07 i19");
    }

    async fn what_was_declared_and_not_built_is_built_at_the_next_start(db) {
        let server = Server::start(db).await;
        some(&server).await;
        let place = server.stop().await;
        Direct::to(&place).await.execute("INSERT INTO indexed_attribute (name, ready) VALUES ('endDate', 0)").await;
        let server = Server::at(Arc::clone(&place), |_| {}).await;
        attributes_indexed(&server, 1).await;
        assert_eq!(indexes(&place).await, 1);
    }

    async fn an_archive_keeps_declarations(db) {
        let other = if db == Db::Sqlite { Db::Postgres } else { Db::Sqlite };
        let server = Server::start(db).await;
        some(&server).await;
        let source = server.stop().await;
        command(&source, &["index", "add", "--attribute", "modifiedDate"]).await;
        let file = source.path().join("all.ndjson");
        let file = file.to_str().unwrap();
        command(&source, &["export", "--all", "-o", file]).await;
        let target = Arc::new(Place::new(other).await);
        command(&target, &["import", file]).await;
        assert!(command(&source, &["verify", &source.url, &target.url]).await.contains("all equal"));
        let server = Server::at(Arc::clone(&target), |_| {}).await;
        attributes_indexed(&server, 1).await;
        assert_eq!(indexes(&target).await, 1);
        assert_eq!(latest(&server).await, "i07 i19");
        let place = server.stop().await;
        // a merge declares too, and keeps what is declared
        command(&place, &["import", "--merge", file]).await;
        let server = Server::at(place, |_| {}).await;
        assert_eq!(declared(&server).await, json!([{"field": "modifiedDate", "ready": true}]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_writes_while_an_index_is_built_and_builds_it_once_for_several_servers() {
    let place = Arc::new(Place::new(Db::Postgres).await);
    let plain = Server::at(Arc::clone(&place), |_| {}).await;
    some(&plain).await;
    // a build waits for the readers that began before it
    let mut reader = Direct::to(&place).await;
    reader
        .execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT COUNT(*) FROM interaction")
        .await;
    let declaring = |config: &mut annals::config::Config| {
        config.interactions.indexed = vec!["modifiedDate".to_owned()];
    };
    let one = Server::at(Arc::clone(&place), declaring).await;
    let two = Server::at(Arc::clone(&place), declaring).await;
    let unready = json!([{"field": "modifiedDate", "ready": false}]);
    while indexes(&place).await == 0 {
        tokio::time::sleep(PAUSE).await;
    }
    for (server, id) in [(&one, "j1"), (&two, "j2"), (&plain, "j3")] {
        server.record(json!({"id": id, "mediaType": "chat"})).await;
        assert_eq!(declared(server).await, unready);
        assert_eq!(latest(server).await.split(' ').next(), Some(id));
    }
    // a server that ends leaves the build to the others
    one.stop().await;
    reader.execute("ROLLBACK").await;
    attributes_indexed(&two, 1).await;
    assert_eq!(latest(&plain).await, "j3 j2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_builds_an_invalid_index_again_and_removes_one_that_nobody_declares() {
    let server = Server::with(Db::Postgres, |config| {
        config.interactions.indexed = vec!["modifiedDate".to_owned()];
    })
    .await;
    some(&server).await;
    attributes_indexed(&server, 1).await;
    let place = server.stop().await;
    let mut direct = Direct::to(&place).await;
    let oid = "SELECT CAST(CAST(to_regclass('interaction_modified') AS oid) AS bigint)";
    let before = direct.number(oid).await;
    for ready in [1, 0] {
        // as an interrupted build leaves it
        direct
            .execute(&format!(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('interaction_modified'); \
                 UPDATE indexed_attribute SET ready = {ready}; CREATE INDEX IF NOT EXISTS interaction_end ON interaction (tenant_id, end_date, id)"
            ))
            .await;
        let server = Server::at(Arc::clone(&place), |_| {}).await;
        let valid = "SELECT COUNT(*) FROM pg_index WHERE indexrelid = to_regclass('interaction_modified') AND indisvalid";
        while direct.number(valid).await == 0 || indexes(&place).await > 1 {
            tokio::time::sleep(PAUSE).await;
        }
        attributes_indexed(&server, 1).await;
        assert_eq!(latest(&server).await, "i07 i19");
        server.stop().await;
    }
    assert_ne!(direct.number(oid).await, before, "it is another index");
}
