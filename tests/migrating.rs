//! Migrations: concurrent runs, no unexpected changes, and never on a database that does not belong
//! to the program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::both;
use crate::support::direct::Direct;
use crate::support::process::{Process, SERVE, annals, run};
use crate::support::{Place, ids};

const AT_ONCE: usize = 12;

/// The number of the store's tables, of which there are none before the first migration.
async fn tables(place: &Place) -> i64 {
    let mut direct = Direct::to(place).await;
    let count = match direct {
        Direct::Sqlite(_) => "SELECT COUNT(*) FROM sqlite_master",
        Direct::Postgres(_) => {
            "SELECT COUNT(*) FROM pg_class WHERE relnamespace = to_regnamespace(current_schema())"
        }
    };
    direct.number(count).await
}

both! {
    async fn a_dozen_migrate_at_once_on_an_empty_database(db) {
        let place = Place::new(db).await;
        let ran = join_all((0..AT_ONCE).map(|_| run(&place.url, &["migrate"]))).await;
        let mut said: Vec<&str> = ran.iter().map(|ran| {
            assert_eq!(ran.code, Some(0), "{ran:?}");
            ran.out.trim()
        }).collect();
        said.sort_unstable();
        said.dedup();
        assert_eq!(said.len(), 2, "one applied them, the others found nothing to do: {said:?}");
        assert_eq!(said[0], "0 migrations applied.");
        let mut direct = Direct::to(&place).await;
        assert_eq!(direct.number("SELECT COUNT(*) FROM journal_head").await, 1);
    }

    async fn a_dry_run_tells_and_changes_nothing(db) {
        let place = Place::new(db).await;
        let ran = run(&place.url, &["migrate", "--dry-run"]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.out.starts_with("pending: V1__core\n"), "{ran:?}");
        assert!(!place.path().join("annals.db").exists(), "not even a file");
        assert_eq!(tables(&place).await, 0);
        // the file exists now, and is empty
        let again = run(&place.url, &["migrate", "--dry-run"]).await;
        assert_eq!((again.code, &again.out), (Some(0), &ran.out));
        assert_eq!(tables(&place).await, 0);
        assert_eq!(run(&place.url, &["migrate"]).await.code, Some(0));
        let after = run(&place.url, &["migrate", "--dry-run"]).await;
        assert_eq!((after.code, after.out.as_str()), (Some(0), "Nothing is pending.\n"));
    }

    async fn a_server_told_not_to_migrate_refuses_while_something_is_pending(db) {
        let place = Arc::new(Place::new(db).await);
        let serve = [&SERVE[..], &["--no-migrate"]].concat();
        let refused = Process::try_start(&place, annals(&place.url, &serve)).await.err().expect("it refuses");
        assert_ne!(refused.code, Some(0));
        assert!(refused.told.contains("V1__core") && refused.told.contains("annals migrate"), "{}", refused.told);
        assert_eq!(tables(&place).await, 0);
        assert_eq!(run(&place.url, &["migrate"]).await.code, Some(0));
        Process::start(&place, annals(&place.url, &serve)).await.stop().await;
    }

    async fn an_older_program_refuses_a_newer_database(db) {
        let place = Arc::new(Place::new(db).await);
        assert_eq!(run(&place.url, &["migrate"]).await.code, Some(0));
        Direct::to(&place).await.execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (99, 'from_the_future', '2030-01-01T00:00:00Z', '1')"
        ).await;
        for args in [&SERVE[..], &["migrate"], &["migrate", "--dry-run"], &["token", "list"], &["export"]] {
            let ran = run(&place.url, args).await;
            assert_eq!(ran.code, Some(1), "{args:?}: {ran:?}");
            assert!(ran.told.contains("V99__from_the_future") && ran.told.contains("newer annals"), "{args:?}: {}", ran.told);
        }
    }

    async fn a_migration_that_was_edited_is_noticed(db) {
        let place = Arc::new(Place::new(db).await);
        assert_eq!(run(&place.url, &["migrate"]).await.code, Some(0));
        Direct::to(&place).await.execute("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 1").await;
        for args in [&SERVE[..], &["migrate"], &["migrate", "--dry-run"]] {
            let ran = run(&place.url, args).await;
            assert_eq!(ran.code, Some(1), "{args:?}: {ran:?}");
            assert!(ran.told.contains("V1__core") && ran.told.contains("differs") && ran.told.contains("export --all"), "{args:?}: {}", ran.told);
        }
    }

    async fn commands_work_beside_a_server(db) {
        let place = Arc::new(Place::new(db).await);
        let server = Process::serve(&place).await;
        for n in 0..30 {
            server.record(json!({"id": format!("i{n}"), "mediaType": "chat", "userData": {"colour": "green"}})).await;
        }
        let writing = async {
            for n in 0..200 {
                server.record(json!({"id": format!("j{n}"), "mediaType": "chat", "userData": {"colour": "blue"}})).await;
            }
        };
        let beside = async {
            let index = run(&place.url, &["index", "add", "colour"]).await;
            assert_eq!(index.code, Some(0), "{index:?}");
            let export = run(&place.url, &["export"]).await;
            assert_eq!(export.code, Some(0), "{export:?}");
            assert!(export.out.lines().count() >= 30);
            assert!(export.out.contains(r#""id":"i7""#), "{}", export.out);
        };
        tokio::join!(writing, beside);
        let (_, found) = server.get("/v1/interactions?userData.colour=green&limit=100").await;
        assert_eq!(ids(&found).len(), 30, "{found}");
        let (_, found) = server.get("/v1/interactions?userData.colour=blue&limit=500").await;
        assert_eq!(ids(&found).len(), 200);
        let listed = run(&place.url, &["index", "list"]).await;
        assert_eq!(listed.out, "colour\tready\n");
        let token = run(&place.url, &["token", "create"]).await;
        assert_eq!(token.code, Some(0), "{token:?}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dozen_servers_start_at_once_on_an_empty_postgres() {
    let place = Arc::new(Place::new(crate::support::Db::Postgres).await);
    let servers = join_all((0..AT_ONCE).map(|_| Process::serve(&place))).await;
    join_all(servers.iter().enumerate().map(|(n, server)| async move {
        server
            .record(json!({"id": format!("i{n}"), "mediaType": "chat"}))
            .await;
    }))
    .await;
    let journal = servers[0].journal().await;
    let cursors: Vec<&str> = journal
        .iter()
        .map(|entry| entry["cursor"].as_str().expect("a cursor"))
        .collect();
    let wanted: Vec<String> = (1..=AT_ONCE).map(|n| n.to_string()).collect();
    assert_eq!(cursors, wanted);
    join_all(servers.into_iter().map(Process::stop)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_belongs_to_one_server() {
    let place = Arc::new(Place::new(crate::support::Db::Sqlite).await);
    let first = Process::serve(&place).await;
    let refused = run(&place.url, &SERVE).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.told.contains("one file belongs to one server"),
        "{}",
        refused.told
    );
    first.record(json!({"id": "a", "mediaType": "chat"})).await;
    first.kill().await;
    let second = Process::serve(&place).await;
    assert_eq!(
        second.get("/v1/interactions/a").await.0,
        200,
        "the lock ends with the process, however it ends"
    );
}

/// Released migrations never change: a store records the checksum of each.
#[test]
fn migrations_are_frozen() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let listed: BTreeMap<&str, &str> = sums
        .lines()
        .map(|line| {
            let (sum, name) = line.split_once("  ").unwrap();
            (name, sum)
        })
        .collect();
    let mut versions: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let mut names: Vec<BTreeSet<String>> = Vec::new();
    for database in ["sqlite", "postgres"] {
        names.push(BTreeSet::new());
        for file in std::fs::read_dir(folder.join(database)).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            let path = format!("{database}/{name}");
            let sum = hex::encode(Sha256::digest(std::fs::read(file.path()).unwrap()));
            assert_eq!(
                listed.get(path.as_str()),
                Some(&sum.as_str()),
                "{path} is not as migrations/SHA256SUMS has it. \
                 A migration never changes: write a new one, and add its line there."
            );
            let version = name.split("__").next().unwrap()[1..].parse().unwrap();
            versions.entry(database.into()).or_default().push(version);
            names.last_mut().unwrap().insert(name);
        }
    }
    assert_eq!(
        names[0], names[1],
        "both databases have the same migrations"
    );
    assert_eq!(names[0].len() * 2, listed.len(), "a migration is missing");
    for mut found in versions.into_values() {
        found.sort_unstable();
        let wanted: Vec<u32> = (1..).take(found.len()).collect();
        assert_eq!(found, wanted, "versions count up from 1");
    }
}
