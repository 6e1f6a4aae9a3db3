//! Archives that are truncated, modified, or written by other programs, and imports that are
//! killed.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::support::direct::Direct;
use crate::support::process;

/// A store with a number of interactions, each with texts.
async fn many(db: Db, count: usize) -> Arc<Place> {
    let server = Server::start(db).await;
    let lines: Vec<Value> = (0..count).map(|n| json!({"id": format!("i{n}"), "mediaType": "chat", "text": format!("text {n}"), "userData": {"n": n}})).collect();
    assert!(
        server
            .batch(&lines)
            .await
            .iter()
            .all(|line| line["status"] == 201)
    );
    server.stop().await
}

/// The lines of an archive with a matching end.
pub fn sealed(lines: &[String]) -> String {
    let mut counts = serde_json::Map::new();
    let mut text = String::new();
    for line in lines {
        let row: Value = serde_json::from_str(line).unwrap();
        let kind = row.as_object().unwrap().keys().next().unwrap().clone();
        if kind != "annals" {
            let count = counts.get(&kind).and_then(Value::as_u64).unwrap_or(0);
            counts.insert(kind, json!(count + 1));
        }
        text += line;
        text.push('\n');
    }
    let sum = hex::encode(Sha256::digest(&text));
    text + &json!({"end": {"counts": counts, "sha256": sum}}).to_string() + "\n"
}

/// The lines of an archive before its end.
pub fn lines(archive: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(archive).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(lines.pop().unwrap().starts_with("{\"end\""));
    lines
}

/// Starts an import and kills it between two of its commits.
pub async fn killed(url: &str, place: &Place, args: &[&str]) {
    annals(url, &["migrate"], 0).await;
    let mut direct = Direct::to(place).await;
    let mut import = process::annals(url, args).spawn().unwrap();
    let begun = std::time::Instant::now();
    while direct
        .number("SELECT COALESCE(MAX(lines), 0) FROM archive_restore WHERE finished = 0")
        .await
        == 0
    {
        assert!(begun.elapsed() < process::PATIENCE && import.try_wait().unwrap().is_none());
        tokio::task::yield_now().await;
    }
    import.kill().await.unwrap();
    let left = direct
        .number("SELECT COUNT(*) FROM archive_restore WHERE finished = 0")
        .await;
    assert_eq!(left, 1, "it was killed before its end");
}

both! {
    async fn a_killed_import_goes_on_and_doubles_nothing(db) {
        let source = many(db, 12_000).await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let there = Place::new(db).await;
        let import = ["import", archive.to_str().unwrap()];
        killed(&there.url, &there, &import).await;

        let ran = run(&there.url, &["serve"]).await;
        assert!(ran.code != Some(0) && ran.told.contains("not finished"), "a store by halves is not served: {ran:?}");
        let history = file(&source, "one.ndjson");
        std::fs::write(&history, "{\"id\":\"more\",\"mediaType\":\"chat\"}\n").unwrap();
        let out = file(&source, "out.ndjson");
        let (history, out) = (history.to_str().unwrap(), out.to_str().unwrap());
        for args in [
            &["import", history][..],
            &["demo"],
            &["token", "create"],
            &["token", "list"],
            &["index", "add", "n"],
            &["export", "-o", out],
            &["export", "--all", "-o", out],
            &["verify", &source.url],
        ] {
            let ran = run(&there.url, args).await;
            assert!(ran.code != Some(0) && ran.told.contains("not finished"), "{args:?} {ran:?}");
        }
        let small = many(db, 1).await;
        let other = file(&small, "other.ndjson");
        export(&small.url, &other, &[]).await;
        let ran = run(&there.url, &["import", other.to_str().unwrap()]).await;
        assert!(ran.code != Some(0) && ran.told.contains("another archive"), "{ran:?}");

        let said = annals(&there.url, &import, 0).await;
        assert!(said.contains("Resumed after line"), "{said}");
        annals(&there.url, &["verify", &source.url, &there.url], 0).await;
        let said = annals(&there.url, &import, 0).await;
        assert!(said.contains("restored before; nothing was written"), "{said}");
        annals(&there.url, &["verify", &source.url, &there.url], 0).await;
    }

    async fn a_server_writes_nothing_while_an_archive_is_restored(db) {
        if db == Db::Sqlite {
            return; // the server has the file to itself
        }
        let source = many(db, 12_000).await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let server = Server::start(db).await;
        let url = server.place.url.clone();
        let import = ["import", archive.to_str().unwrap()];
        killed(&url, &server.place, &import).await;
        let (status, said) = server.post("/v1/interactions", json!({"id": "between", "mediaType": "chat"})).await;
        assert_eq!(status, 503, "{said}");
        assert!(said["detail"].as_str().unwrap().contains("import"), "{said}");
        annals(&url, &import, 0).await;
        annals(&url, &["verify", &source.url], 0).await;
        server.record(json!({"id": "between", "mediaType": "chat"})).await;
        server.stop().await;
    }

    async fn a_damaged_archive_leaves_the_store_as_it_was(db) {
        let source = many(db, 1200).await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let whole = std::fs::read_to_string(&archive).unwrap();
        let there = Place::new(db).await;
        let bad = file(&source, "bad.ndjson");
        let cut: Vec<&str> = whole.split_inclusive('\n').take(1700).collect();
        for (text, said) in [
            (cut.concat(), "line 1701 is missing"),
            (whole[..whole.len() - 300].to_owned(), "is truncated"),
            (whole.replacen("text 7\"", "text 8\"", 1), "checksum"),
        ] {
            std::fs::write(&bad, text).unwrap();
            let ran = run(&there.url, &["import", bad.to_str().unwrap()]).await;
            assert!(ran.code != Some(0) && ran.told.contains(said), "{said}: {ran:?}");
            let mut direct = Direct::to(&there).await;
            for table in ["interaction", "journal", "archive_restore"] {
                assert_eq!(direct.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{said}: {table}");
            }
        }
        annals(&there.url, &["import", archive.to_str().unwrap()], 0).await;
        annals(&there.url, &["verify", &source.url, &there.url], 0).await;
    }

    async fn a_wrong_line_is_named(db) {
        let server = Server::start(db).await;
        filled(&server).await;
        let source = server.stop().await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let good = lines(&archive);
        let at = |start: &str| good.iter().position(|line| line.starts_with(start)).unwrap();
        let changed = |start: &str, from: &str, to: &str| {
            let mut lines = good.clone();
            let line = at(start);
            assert!(lines[line].contains(from), "{}", lines[line]);
            lines[line] = lines[line].replacen(from, to, 1);
            (sealed(&lines), line + 1)
        };
        let twice = |start: &str| {
            let mut lines = good.clone();
            lines.insert(at(start), good[at(start)].clone());
            (sealed(&lines), at(start) + 2)
        };
        let whole = std::fs::read_to_string(&archive).unwrap();
        let bad = file(&source, "bad.ndjson");
        for ((text, line), said) in [
            (changed("{\"annals\"", "\"version\":3", "\"version\":9"), "version 9"),
            (changed("{\"contact\"", "{\"contact\":", "{\"person\":"), "\"person\", which is not known"),
            (changed("{\"contact\"", "\"tenantId\":1", "\"tenantId\":\"one\""), "contact.tenantId"),
            (changed("{\"contact\"", "\"tenantId\":1,", ""), "lacks contact.tenantId"),
            (changed("{\"interaction\"", "\"core\":{", "\"core\":{\"colour\":1,"), "interaction.core: it is no interaction"),
            (changed("{\"interaction\"", "\"userData\":{", "\"userData\":{\"a\":1,\"a\":2,"), "interaction.userData"),
            (changed("{\"webAction\"", "\"state\":\"", "\"state\":\"un"), "webAction.state"),
            (changed("{\"change\"", "\"cursor\":1,", "\"cursor\":100000,"), "change.cursor"),
            (changed("{\"link\"", "\"copiedKeys\":[", "\"copiedKeys\":[1,"), "link.copiedKeys: it is no list of texts"),
            (twice("{\"contact\""), "or repeated"),
            ((format!("{whole}{{}}\n"), good.len() + 2), "after the end"),
        ] {
            std::fs::write(&bad, text).unwrap();
            let ran = run(&source.url, &["import", "--dry-run", bad.to_str().unwrap()]).await;
            assert!(ran.code != Some(0) && ran.told.contains(said), "{said}: {ran:?}");
            assert!(ran.told.contains(&format!("line {line} ")), "{line} {said}: {ran:?}");
        }
        let said = annals(&source.url, &["import", "--dry-run", archive.to_str().unwrap()], 0).await;
        assert!(said.contains("complete"), "{said}");
    }

    async fn counts_that_are_wrong_are_noticed(db) {
        let source = many(db, 3).await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let whole = std::fs::read_to_string(&archive).unwrap();
        assert!(whole.contains("\"interaction\":3"));
        let bad = file(&source, "bad.ndjson");
        std::fs::write(&bad, whole.replace("\"interaction\":3", "\"interaction\":4")).unwrap();
        let ran = run(&source.url, &["import", "--dry-run", bad.to_str().unwrap()]).await;
        assert!(ran.code != Some(0) && ran.told.contains("counts that differ"), "{ran:?}");
    }

    async fn rows_that_the_database_refuses_are_named_by_their_lines(db) {
        let source = many(db, 3).await;
        let archive = file(&source, "a.ndjson");
        export(&source.url, &archive, &[]).await;
        let mut lines = lines(&archive);
        // the same identifier at another place
        let line = lines.iter().position(|line| line.starts_with("{\"interaction\":{\"seq\":2,")).unwrap();
        lines[line] = lines[line].replace("\"id\":\"i1\"", "\"id\":\"i0\"");
        std::fs::write(&archive, sealed(&lines)).unwrap();
        let there = Place::new(db).await;
        let ran = run(&there.url, &["import", archive.to_str().unwrap()]).await;
        assert!(ran.code != Some(0) && ran.told.contains("lines 1 to "), "{ran:?}");
        let left = Direct::to(&there).await.number("SELECT COUNT(*) FROM interaction").await;
        assert_eq!(left, 0);
    }
}
