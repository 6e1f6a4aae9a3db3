//! Paging during writes neither loses nor repeats items.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering as Atomic};
use std::time::Duration;

use chrono::DateTime;
use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Value, json};

use super::{Held, forall, indexed, record_all};
use crate::both;
use crate::support::{Db, Place, Server};

/// An interaction that exists before the first page: the hour of its start, its duration in hours,
/// its group, and a prefix of its identifier.
type Seed = (u8, Option<u8>, bool, u16);

/// A list to page through: order, page size, and the filter.
#[derive(Clone, Debug)]
struct List {
    sort: Vec<String>,
    limit: usize,
    filter: usize,
}

fn list() -> impl Strategy<Value = List> {
    let names = ["startDate", "endDate", "createdDate", "modifiedDate", "id"];
    let sort = subsequence(names.to_vec(), 1..4)
        .prop_shuffle()
        .prop_flat_map(|names| {
            let count = names.len();
            (Just(names), vec(any::<bool>(), count))
        })
        .prop_map(|(names, down)| {
            let signed = names
                .iter()
                .zip(down)
                .map(|(name, down)| format!("{}{name}", if down { "-" } else { "" }));
            signed.collect()
        });
    (sort, 3_usize..9, 0_usize..4).prop_map(|(sort, limit, filter)| List {
        sort,
        limit,
        filter,
    })
}

fn body(id: Option<String>, tag: &str, seed: Seed) -> String {
    let (start, took, group, _) = seed;
    let mut body = json!({"mediaType": if group { "chat" } else { "email" }, "queue": tag, "subject": "A steady word",
        "startDate": format!("2026-03-01T{:02}:00:00Z", start % 12), "userData": {"group": if group { "x" } else { "y" }, "n": 0}});
    if let Some(took) = took {
        body["endDate"] = json!(format!("2026-03-02T{:02}:00:00Z", took % 5));
    }
    if let Some(id) = id {
        body["id"] = json!(id);
    }
    body.to_string()
}

/// The filters for paging, and whether an interaction matches.
fn filter(which: usize, tag: &str) -> Value {
    let more = match which {
        0 => json!({"and": []}),
        1 => json!({"field": "userData.group", "eq": "x"}),
        2 => json!({"q": "steady"}),
        _ => json!({"not": {"field": "mediaType", "in": ["email", "sms"]}}),
    };
    json!({"and": [{"field": "queue", "eq": tag}, more]})
}

fn fits(which: usize, item: &Value) -> bool {
    matches!(which, 0 | 2) || item["mediaType"] == "chat"
}

/// The order of two items in the list: missing values last in both directions.
fn order(sort: &[String], a: &Value, b: &Value) -> Ordering {
    let mut keys: Vec<&str> = sort.iter().map(String::as_str).collect();
    let last = if keys[keys.len() - 1].starts_with('-') {
        "-id"
    } else {
        "id"
    };
    keys.push(last);
    for key in keys {
        let name = key.trim_start_matches('-');
        let (a, b) = (a[name].as_str(), b[name].as_str());
        let found = match (a, b) {
            (None, _) | (_, None) => a.is_none().cmp(&b.is_none()),
            (Some(a), Some(b)) => {
                let found = if name == "id" {
                    a.as_bytes().cmp(b.as_bytes())
                } else {
                    let time = |text| DateTime::parse_from_rfc3339(text).expect("RFC 3339");
                    time(a).cmp(&time(b))
                };
                if key.starts_with('-') {
                    found.reverse()
                } else {
                    found
                }
            }
        };
        if found != Ordering::Equal {
            return found;
        }
    }
    Ordering::Equal
}

async fn all_pages(server: &Server, list: &List, tag: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let question = json!({"filter": filter(list.filter, tag), "sort": list.sort, "limit": list.limit, "cursor": cursor});
        let (status, page) = server.post("/v1/interactions/search", question).await;
        assert_eq!(status, 200, "{page}");
        seen.extend_from_slice(page["items"].as_array().expect("a list"));
        cursor = page["next"].clone();
        if cursor.is_null() {
            return seen;
        }
    }
}

/// The number of writes beside a reader. It is limited because a reader that pages towards the
/// newest items would otherwise never end.
const MOST_TURNS: usize = 150;

/// Writes until told to stop: new interactions and, where that does not change the order, changes
/// of existing ones.
async fn write_on(
    server: &Server,
    tag: &str,
    there: &[String],
    edits: bool,
    stop: &AtomicBool,
    turn: &AtomicUsize,
) {
    while !stop.load(Atomic::Relaxed) {
        let n = turn.fetch_add(1, Atomic::Relaxed);
        if n >= MOST_TURNS {
            return;
        }
        let one = &there[n * 7 % there.len()];
        let (status, answer) = match n % 4 {
            1 if edits => {
                server
                    .post(
                        &format!("/v1/interactions/{one}/user-data"),
                        json!({"update": {"n": n}}),
                    )
                    .await
            }
            3 if edits => {
                server
                    .patch(
                        &format!("/v1/interactions/{one}"),
                        json!({"subject": format!("Another steady subject {n}")}),
                    )
                    .await
            }
            _ => {
                let small = u8::try_from(n * 5 % 12).expect("below 12");
                let seed = (
                    small,
                    n.is_multiple_of(3).then_some(small),
                    n.is_multiple_of(2),
                    0,
                );
                server
                    .post_text("/v1/interactions", body(None, tag, seed))
                    .await
            }
        };
        assert!(status < 300, "{answer}");
    }
}

async fn neither_lost_nor_repeated(
    server: &Server,
    seeds: &[Seed],
    lists: &[List],
    tag: &str,
) -> Held {
    let mut ids = HashSet::new();
    let bodies: Vec<String> = seeds
        .iter()
        .enumerate()
        .map(|(index, seed)| {
            // prefixes repeat, and are in no order
            let id = format!("{}{tag}{index}", seed.3 % 50);
            ids.insert(id.clone());
            body(Some(id), tag, *seed)
        })
        .collect();
    let there = record_all(server, &bodies).await;
    for list in lists {
        let whole = List {
            limit: 500,
            ..list.clone()
        };
        let mut wanted = all_pages(server, &whole, tag).await;
        wanted.retain(|item| ids.contains(item["id"].as_str().expect("an id")));
        wanted.sort_by(|a, b| order(&list.sort, a, b));
        prop_assert!(wanted.iter().all(|item| fits(list.filter, item)));

        let edits = list.sort.iter().all(|key| !key.ends_with("modifiedDate"));
        let (stop, turn) = (AtomicBool::new(false), AtomicUsize::new(0));
        let writers = join_all((0..3).map(|_| write_on(server, tag, &there, edits, &stop, &turn)));
        let reader = async {
            let seen = all_pages(server, list, tag).await;
            stop.store(true, Atomic::Relaxed);
            seen
        };
        let (seen, _) = tokio::join!(reader, writers);

        for pair in seen.windows(2) {
            prop_assert_eq!(
                order(&list.sort, &pair[0], &pair[1]),
                Ordering::Less,
                "{} before {}",
                pair[0],
                pair[1]
            );
        }
        let names = |items: &[Value]| -> Vec<String> {
            items
                .iter()
                .map(|item| item["id"].as_str().expect("an id").to_owned())
                .collect()
        };
        let old: Vec<Value> = seen
            .iter()
            .filter(|item| ids.contains(item["id"].as_str().expect("an id")))
            .cloned()
            .collect();
        prop_assert_eq!(
            names(&old),
            names(&wanted),
            "what was there before the first page"
        );
    }
    Ok(())
}

const WRITERS: usize = 8;
const TURNS: usize = 20;

/// Records and changes interactions. Each turn makes one entry; some are refused and make none.
async fn one_writer(server: &Server, writer: usize) {
    for turn in 0..TURNS / 2 {
        let id = format!("w{writer}t{turn}");
        let (status, answer) = server
            .post("/v1/interactions", json!({"id": id, "mediaType": "chat"}))
            .await;
        assert_eq!(status, 201, "{answer}");
        let refused = server
            .post(
                "/v1/interactions",
                json!({"id": id, "mediaType": "chat", "parentId": "nobody"}),
            )
            .await;
        assert_eq!(refused.0, 409);
        let (status, answer) = server
            .post(
                &format!("/v1/interactions/{id}/user-data"),
                json!({"attach": {"turn": turn}}),
            )
            .await;
        assert_eq!(status, 200, "{answer}");
    }
}

/// Reads on from `next` until it has a number of entries.
async fn one_reader(server: &Server, limit: usize, more: &str, count: usize) -> Vec<Value> {
    let (mut seen, mut after) = (Vec::new(), "0".to_owned());
    while seen.len() < count {
        let (status, page) = server
            .get(&format!("/v1/changes?after={after}&limit={limit}{more}"))
            .await;
        assert_eq!(status, 200, "{page}");
        seen.extend_from_slice(page["items"].as_array().expect("a list"));
        let next = page["next"]
            .as_str()
            .expect("always a point to resume from");
        next.clone_into(&mut after);
    }
    seen
}

fn cursors(entries: &[Value]) -> Vec<usize> {
    entries
        .iter()
        .map(|entry| {
            entry["cursor"]
                .as_str()
                .expect("text")
                .parse()
                .expect("a number")
        })
        .collect()
}

async fn every_entry_once(servers: &[&Server]) {
    let all = WRITERS * TURNS;
    let on = |n: usize| servers[n % servers.len()];
    let writers = join_all((0..WRITERS).map(|writer| one_writer(on(writer), writer)));
    let readers =
        join_all((0..4).map(|reader| one_reader(on(reader / 2), [3, 100][reader % 2], "", all)));
    let filtered =
        join_all((0..2).map(|reader| one_reader(on(reader), 5, "&kind=userData", all / 2)));
    let done = async { tokio::join!(readers, filtered, writers) };
    let (whole, filtered, _) = tokio::time::timeout(Duration::from_mins(1), done)
        .await
        .expect("no entry is lost");
    let wanted: Vec<usize> = (1..=all).collect();
    for entries in &whole {
        assert_eq!(cursors(entries), wanted, "each once, without a gap");
        assert_eq!(entries, &whole[0], "every reader reads the same");
    }
    let edits: Vec<Value> = whole[0]
        .iter()
        .filter(|entry| entry["kind"] == "userData.attached")
        .cloned()
        .collect();
    for entries in &filtered {
        assert_eq!(
            entries, &edits,
            "a filter passes over entries, and loses none"
        );
    }
}

both! {
    async fn pages_lose_and_repeat_nothing_while_others_write(db) {
        let server = Server::with(db, |config| config.user_data.indexed = vec!["group".to_owned()]).await;
        indexed(&server, 1).await;
        let case = AtomicUsize::new(0);
        let seed = (any::<u8>(), prop::option::of(any::<u8>()), any::<bool>(), any::<u16>());
        forall(4, &(vec(seed, 20..50), vec(list(), 3)), |(seeds, lists)| {
            let (server, case) = (&server, &case);
            async move {
                let tag = format!("c{}i", case.fetch_add(1, Atomic::Relaxed));
                neither_lost_nor_repeated(server, &seeds, &lists, &tag).await
            }
        });
    }

    async fn a_reader_of_changes_sees_every_entry_once_while_eight_write(db) {
        let server = Server::start(db).await;
        every_entry_once(&[&server]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_changes_sees_every_entry_once_while_two_servers_write_to_one_postgres() {
    let place = Arc::new(Place::new(Db::Postgres).await);
    let one = Server::at(Arc::clone(&place), |_| {}).await;
    let other = Server::at(place, |_| {}).await;
    every_entry_once(&[&one, &other]).await;
}
