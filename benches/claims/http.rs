//! The server over HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annals::domain::command::Command;
use annals::domain::interaction::NewInteraction;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::corpus::Corpus;
use crate::load::{self, CONNECTIONS, get, post};
use crate::server::Server;
use crate::store;
use crate::tell::{claim, fraction, median, rate};

const ROUNDS: usize = 7;
/// Interactions of the small history.
const SMALL: usize = 10_000;
/// Average number of interactions of a contact.
const OF_A_CONTACT: usize = 20;
/// The page that must cost as much as the first one.
const FAR_PAGE: usize = 10_000;
/// Items of a page.
const PAGE: usize = 20;

/// Claim (b): single durable POSTs on 64 connections, compared with the store alone.
pub async fn posts_against_the_store(size: usize) {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (served, alone) = (
        folder.path().join("served.db"),
        folder.path().join("alone.db"),
    );
    let mut corpus = Corpus::new(2);
    let store = store::open(&alone).await;
    let known = store::contacts(&store, &mut corpus, store::CONTACTS.min(size)).await;
    store.close().await;
    std::fs::copy(&alone, &served).expect("the file can be copied");
    let store = store::open(&alone).await;
    let server = Server::annals(&served);
    let count = (size / ROUNDS).clamp(1000, 10_000);
    let (mut post_rates, mut store_rates, mut ratios, mut seconds) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut processor = Duration::ZERO;
    for round in 0..=ROUNDS {
        let new: Vec<NewInteraction> = (0..count).map(|_| corpus.interaction(&known)).collect();
        let requests = new
            .iter()
            .map(|new| serde_json::to_string(new).expect("an interaction is JSON"))
            .map(|body| post("/v1/interactions", &body))
            .collect();
        let commands = new
            .into_iter()
            .map(|new| Command::Record(Box::new(new)))
            .collect();
        let before = server.processor_time();
        let load = load::run(server.address, CONNECTIONS, Arc::new(requests)).await;
        let used = server.processor_time().saturating_sub(before);
        let begun = Instant::now();
        store::write(&store, commands).await;
        let (posts, writes) = (rate(count, load.took), rate(count, begun.elapsed()));
        if round == 0 {
            continue;
        }
        println!(
            "          round {round}: {posts:.0} POST/s, store {writes:.0} rows/s, {:.2}",
            posts / writes
        );
        post_rates.push(posts);
        store_rates.push(writes);
        ratios.push(posts / writes);
        seconds.extend(load.seconds);
        processor += used;
    }
    println!(
        "POST      {:.0} a second, {:?} of the server's processor each, median {:.1} ms, 99 of 100 within {:.1} ms; \
         the store alone {:.0} rows/s; peak memory {} MiB",
        median(&post_rates),
        processor / u32::try_from(count * ROUNDS).unwrap_or(u32::MAX),
        median(&seconds) * 1e3,
        fraction(&seconds, 0.99) * 1e3,
        median(&store_rates),
        server.peak_memory()
    );
    let ratio = median(&ratios);
    claim(
        "(b) durable POST against the store",
        ratio,
        "0.40",
        ratio >= 0.4,
    );
    store.close().await;
}

/// Builds a history and returns its contacts.
async fn build(path: &Path, seed: u64, size: usize) -> Vec<String> {
    let mut corpus = Corpus::new(seed);
    let store = store::open(path).await;
    let known = store::contacts(&store, &mut corpus, (size / OF_A_CONTACT).max(1)).await;
    let begun = Instant::now();
    let mut left = size;
    while left > 0 {
        let some = left.min(10_000);
        let commands = (0..some)
            .map(|_| Command::Record(Box::new(corpus.interaction(&known))))
            .collect();
        store::write(&store, commands).await;
        left -= some;
    }
    let took = begun.elapsed();
    store.close().await;
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    println!(
        "history   {size} interactions of {} contacts, built in {:.0} s; {} bytes on disk each",
        known.len(),
        took.as_secs_f64(),
        bytes / size as u64
    );
    known
}

/// A server over a history, and the requests to it.
struct History {
    server: Server,
    /// Paths of single interactions.
    interactions: Vec<String>,
    /// Paths of the newest interactions of a contact with enough of them.
    newest: Vec<String>,
}

async fn history(path: &Path, seed: u64, size: usize) -> History {
    let mut contacts = build(path, seed, size).await;
    let server = Server::annals(path);
    contacts.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let paths: Vec<String> = contacts
        .iter()
        .take(2000)
        .map(|id| format!("/v1/contacts/{id}/history?limit={PAGE}"))
        .collect();
    let requests = paths.iter().map(|path| get(path)).collect();
    let (mut newest, mut interactions) = (Vec::new(), Vec::new());
    for (path, body) in paths
        .into_iter()
        .zip(load::bodies(server.address, requests).await)
    {
        let list: Value = serde_json::from_slice(&body).expect("the answer is JSON");
        let items = list["items"].as_array().expect("a list has items");
        interactions.extend(
            items
                .iter()
                .filter_map(|item| Some(format!("/v1/interactions/{}", item["id"].as_str()?))),
        );
        if items.len() == PAGE {
            newest.push(path);
        }
    }
    assert!(!newest.is_empty(), "some contact has {PAGE} interactions");
    interactions.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    interactions.truncate(5000);
    History {
        server,
        interactions,
        newest,
    }
}

/// Claims (c), (d) and (e): reading a large history.
pub async fn reads(size: usize) {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let large = history(&folder.path().join("large.db"), 3, size).await;
    let small = history(&folder.path().join("small.db"), 4, SMALL.min(size)).await;
    let ratio = against_memory(
        "GET by id",
        folder.path(),
        &large,
        &large.interactions,
        10_000,
    )
    .await;
    claim("(c) GET by id against memory", ratio, "0.30", ratio >= 0.3);
    let what = format!("newest {PAGE} of a contact");
    let ratio = against_memory(&what, folder.path(), &large, &large.newest, 4000).await;
    claim(
        &format!("(c) {what} against memory"),
        ratio,
        "0.15",
        ratio >= 0.15,
    );
    large_against_small(&large, &small, size).await;
    far_page_against_first(&large, size).await;
    println!(
        "memory    the server of the large history has {} MiB of its own, and had {} MiB at most with what it mapped of the file",
        large.server.own_memory(),
        large.server.peak_memory()
    );
}

fn pick(from: &[String], count: usize, random: &mut impl Rng) -> Arc<Vec<Vec<u8>>> {
    Arc::new(
        (0..count)
            .map(|_| get(&from[random.random_range(0..from.len())]))
            .collect(),
    )
}

async fn against_memory(
    what: &str,
    folder: &Path,
    history: &History,
    paths: &[String],
    count: usize,
) -> f64 {
    let requests = paths.iter().map(|path| get(path)).collect();
    let bodies = load::bodies(history.server.address, requests).await;
    let bytes: usize = bodies.iter().map(Vec::len).sum::<usize>() / bodies.len();
    let answers: Vec<(String, Vec<u8>)> = paths.iter().cloned().zip(bodies).collect();
    let memory = Server::memory(folder, &answers);
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut seconds = Vec::new();
    for round in 0..=ROUNDS {
        let requests = pick(paths, count, &mut random);
        let here = load::run(history.server.address, CONNECTIONS, Arc::clone(&requests)).await;
        let there = load::run(memory.address, CONNECTIONS, requests).await;
        if round == 0 {
            continue;
        }
        let (here_rate, there_rate) = (rate(count, here.took), rate(count, there.took));
        ours.push(here_rate);
        theirs.push(there_rate);
        ratios.push(here_rate / there_rate);
        seconds.extend(here.seconds);
    }
    println!(
        "read      {what}, {bytes} bytes: {:.0} a second, median {:.2} ms, 99 of 100 within {:.2} ms; from memory {:.0} a second",
        median(&ours),
        median(&seconds) * 1e3,
        fraction(&seconds, 0.99) * 1e3,
        median(&theirs)
    );
    median(&ratios)
}

async fn large_against_small(large: &History, small: &History, size: usize) {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let (mut in_large, mut in_small) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for (history, seconds) in [(large, &mut in_large), (small, &mut in_small)] {
            let requests = pick(&history.newest, 500, &mut random);
            let load = load::run(history.server.address, 1, requests).await;
            if round > 0 {
                seconds.extend(load.seconds);
            }
        }
    }
    let (slow, fast) = (median(&in_large) * 1e3, median(&in_small) * 1e3);
    println!(
        "read      newest {PAGE} of a contact, one connection: median {slow:.3} ms of {size}, {fast:.3} ms of {}",
        SMALL.min(size)
    );
    let ratio = slow / fast;
    claim(
        "(d) newest of a contact, large against small",
        ratio,
        "1.30",
        ratio <= 1.3,
    );
}

/// Walks to a page of a filtered list. Returns the number of the page that it reached, and its path.
async fn walk(to: SocketAddr, first: &str, page: usize) -> (usize, String) {
    let mut path = first.to_owned();
    let mut at = 1;
    while at < page {
        let body = load::bodies(to, vec![get(&path)]).await.remove(0);
        // the cursor is at the end, and the rest need not be parsed
        let text = String::from_utf8(body).expect("the answer is text");
        let Some((_, next)) = text.rsplit_once("\"next\":\"") else {
            break;
        };
        let cursor = next.split('"').next().unwrap_or_default();
        path = format!("{first}&cursor={cursor}");
        at += 1;
    }
    (at, path)
}

async fn far_page_against_first(history: &History, size: usize) {
    let first = format!("/v1/interactions?mediaType=voice&limit={PAGE}");
    // half of the history is voice; the last page is left out because it may be short
    let page = FAR_PAGE.min(size / 2 / PAGE * 9 / 10).max(2);
    let (page, far) = walk(history.server.address, &first, page).await;
    let (mut near_seconds, mut far_seconds) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for (path, seconds) in [(&first, &mut near_seconds), (&far, &mut far_seconds)] {
            let requests = Arc::new(vec![get(path); 300]);
            let load = load::run(history.server.address, 1, requests).await;
            if round > 0 {
                seconds.extend(load.seconds);
            }
        }
    }
    let (slow, fast) = (median(&far_seconds) * 1e3, median(&near_seconds) * 1e3);
    println!(
        "read      a filtered list: median {fast:.3} ms for page 1, {slow:.3} ms for page {page}"
    );
    let ratio = slow / fast;
    claim(
        "(e) far page against the first",
        ratio,
        "1.20",
        ratio <= 1.2,
    );
}
