//! The order of system calls: no answer is sent before the log of its commit is synced.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::process::{PATIENCE, Process, SERVE, annals, under};
use crate::support::{Db, Place};

/// A system call: the lines of the trace on which it begins and ends, and its text.
struct Call {
    lines: Range<usize>,
    text: String,
}

/// Joins calls that strace splits into two lines when another thread interrupts.
fn calls(trace: &str) -> Vec<Call> {
    let mut under_way: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let (thread, text) = line.split_once(' ').expect("thread and call");
        let text = text.trim_start();
        if let Some(begun) = text.strip_suffix("<unfinished ...>") {
            under_way.insert(thread, (number, begun));
        } else if let Some((begun, start)) = under_way
            .remove(thread)
            .filter(|_| text.starts_with("<..."))
        {
            let text = format!("{start}{text}");
            calls.push(Call {
                lines: begun..number,
                text,
            });
        } else {
            calls.push(Call {
                lines: number..number,
                text: text.to_owned(),
            });
        }
    }
    calls
}

impl Call {
    fn is(&self, names: &[&str], file: &str) -> bool {
        let (name, rest) = self.text.split_once('(').unwrap_or_default();
        let target = rest.split('>').next().unwrap_or_default();
        names.contains(&name) && target.contains(file)
    }

    fn writes_log(&self) -> bool {
        self.is(&["pwrite64", "write"], "annals.db-wal")
    }

    fn syncs_log(&self) -> bool {
        self.is(&["fdatasync", "fsync"], "annals.db-wal") && self.text.ends_with("= 0")
    }

    fn answers(&self) -> bool {
        self.is(&["sendto", "write", "writev", "sendmsg"], "") && self.text.contains("HTTP/1.1 201")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_leaves_after_the_log_of_its_commit_was_synced() {
    assert!(
        std::process::Command::new("strace")
            .arg("-V")
            .output()
            .is_ok(),
        "strace is not installed; script/test installs it"
    );
    let place = Arc::new(Place::new(Db::Sqlite).await);
    let file = place.path().join("trace");
    let wrapper = [
        "strace",
        "-D", // the server stays the child of this process
        "-f",
        "-y",
        "-s",
        "16384",
        "-e",
        "trace=pwrite64,write,fdatasync,fsync,sendto,writev,sendmsg",
        "-o",
        file.to_str().expect("a path in UTF-8"),
    ];
    let process = Process::start(&place, under(&wrapper, &place.url, &SERVE)).await;
    let record = async |id: String| {
        process
            .record(json!({"id": id, "mediaType": "chat", "subject": "traced"}))
            .await;
    };
    let alone: Vec<String> = (0..10).map(|n| format!("alone{n:04}")).collect();
    let together: Vec<String> = (0..64).map(|n| format!("together{n:04}")).collect();
    for id in &alone {
        record(id.clone()).await;
    }
    join_all(together.iter().cloned().map(record)).await;
    let pid = process.id().to_string();
    process.stop().await;

    let begun = Instant::now();
    let trace = loop {
        let trace = std::fs::read(&file).expect("strace wrote its trace");
        let trace = String::from_utf8_lossy(&trace).into_owned();
        let over = trace
            .lines()
            .any(|line| line.starts_with(&pid) && line.contains("+++ exited"));
        if over {
            break trace;
        }
        assert!(begun.elapsed() < PATIENCE, "strace does not end");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let calls = calls(&trace);
    assert!(calls.iter().any(Call::syncs_log), "no sync was traced");
    for id in alone.iter().chain(&together) {
        let written = calls
            .iter()
            .find(|call| call.writes_log() && call.text.contains(id.as_str()));
        let written = written.unwrap_or_else(|| panic!("{id} was not written to the log"));
        let answered = calls
            .iter()
            .find(|call| call.answers() && call.text.contains(id.as_str()));
        let answered = answered.unwrap_or_else(|| panic!("{id} was not answered"));
        // a group writes to the log at its commit, which the sync completes
        let synced = calls.iter().any(|call| {
            call.syncs_log()
                && call.lines.start > written.lines.end
                && call.lines.end < answered.lines.start
        });
        assert!(synced, "{id} was answered before its log was synced");
    }
    for id in &alone {
        // requests are sequential, so no page of the log may be left unsynced
        let answered = calls
            .iter()
            .position(|call| call.answers() && call.text.contains(id.as_str()))
            .expect("was found above");
        let last = calls[..answered]
            .iter()
            .rposition(|call| call.writes_log() || call.syncs_log())
            .expect("was found above");
        assert!(calls[last].syncs_log(), "{}", calls[last].text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_writers_own_connection_says_that_it_commits_durably() {
    for (db, words) in [
        (Db::Sqlite, ["PRAGMA synchronous", "2"]),
        (Db::Postgres, ["SHOW synchronous_commit", "on"]),
    ] {
        let place = Arc::new(Place::new(db).await);
        let mut command = annals(&place.url, &SERVE);
        command
            .env("ANNALS_LOG_LEVEL", "annals=debug")
            .env("ANNALS_LOG_FORMAT", "json");
        let process = Process::start(&place, command).await;
        let told = process.told();
        let line = told
            .lines()
            .find(|line| line.contains("the writer's connection"));
        let line: serde_json::Value = serde_json::from_str(line.expect(&told)).expect("JSON");
        assert_eq!(
            [&line["fields"]["question"], &line["fields"]["answer"]],
            [words[0], words[1]]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_whose_commits_are_not_durable_by_default_writes_durably_all_the_same() {
    let mut place = Place::new(Db::Postgres).await;
    place.url += "%20-c%20synchronous_commit%3Doff";
    let place = Arc::new(place);
    Process::serve(&place).await.stop().await;
}
