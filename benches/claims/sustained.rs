//! The load that a user meets: a minute of single durable requests on a store of a given size,
//! beside a plain insert of the same documents through the same HTTP stack.
//!
//! `ANNALS_BENCH_SIZES` names the sizes, `10000,1000000` by default; `ANNALS_BENCH_SECONDS` the
//! seconds of each load, 60 by default, after a quarter of that to warm up. Postgres is measured
//! too where `ANNALS_BENCH_POSTGRES_URL` names a server on which databases may be created.

use std::sync::Arc;
use std::time::Duration;

use annals::domain::command::Command;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::corpus::Corpus;
use crate::load::{self, Load, get, post};
use crate::server::Server;
use crate::standin;
use crate::store;
use crate::tell::{claim, fraction, rate};

/// Connections of the load.
const CONNECTIONS: usize = 32;
/// Different requests of a load, which are sent again and again.
const DIFFERENT: usize = 50_000;
/// Interactions of a contact, on average.
const OF_A_CONTACT: usize = 20;
/// Lines of the batch.
const LINES: usize = 100_000;

fn sizes() -> Vec<usize> {
    let given = std::env::var("ANNALS_BENCH_SIZES").unwrap_or_else(|_| "10000,1000000".to_owned());
    given
        .split(',')
        .filter_map(|size| size.trim().parse().ok())
        .collect()
}

fn seconds() -> u64 {
    let given = std::env::var("ANNALS_BENCH_SECONDS").ok();
    given.and_then(|given| given.parse().ok()).unwrap_or(60)
}

/// A document of about 1 KB of UserData, of a contact.
fn document(random: &mut ChaCha8Rng, contact: &str) -> String {
    let mut word = |length: usize| -> String {
        (0..length)
            .map(|_| char::from(random.random_range(b'a'..=b'z')))
            .collect()
    };
    json!({
        "mediaType": "chat",
        "type": "Inbound",
        "subtype": "InboundNew",
        "contactId": contact,
        "queue": format!("queue-{}", word(1)),
        "subject": word(30),
        "userData": {
            "rule": word(8), "strategy": "default", "page_url": format!("/shop/{}/{}", word(8), word(12)),
            "ORS Data": word(24), "DispositionCode": word(10), "IW_CaseUid": word(36),
            "Customer_Segment": word(6), "Customer_Note": word(180), "Header_From": word(24),
            "Header_Message-ID": word(48), "R_Script": word(120), "R_Target": word(40), "CBR-actual_volume": 17,
            "GSW_Callback": {"number": word(12), "wanted": true}, "Origination_Source": word(16),
            "KVList": [word(30), word(30), word(30)], "Comment": word(160),
        },
    })
    .to_string()
}

/// A store that is measured.
struct Target {
    database: &'static str,
    size: usize,
    server: Server,
    contacts: Vec<String>,
    interactions: Vec<String>,
}

/// Builds a store and returns its contacts, and some of its interactions.
async fn build(url: &str, size: usize) -> (Vec<String>, Vec<String>) {
    let mut corpus = Corpus::new(11);
    let mut random = ChaCha8Rng::seed_from_u64(12);
    let store = store::open_url(url).await;
    let contacts = store::contacts(&store, &mut corpus, (size / OF_A_CONTACT).max(1)).await;
    let mut interactions = Vec::new();
    let mut left = size;
    while left > 0 {
        let some = left.min(10_000);
        let commands: Vec<_> = (0..some)
            .map(|_| Command::Record(Box::new(corpus.interaction(&contacts))))
            .collect();
        for outcome in store::write(&store, commands).await {
            if let Some(id) = store::recorded(&outcome)
                && random.random_range(0..size) < DIFFERENT
            {
                interactions.push(id);
            }
        }
        left -= some;
    }
    store.close().await;
    (contacts, interactions)
}

fn print(what: &str, target: &Target, load: &Load, written: u64) -> f64 {
    let count = load.seconds.len();
    let a_second = rate(count, load.took);
    println!(
        "{what:9} {}, {}: {a_second:.0} a second, median {:.2} ms, p99 {:.1} ms, max {:.0} ms; {} bytes written each; {} MiB",
        target.database,
        target.size,
        fraction(&load.seconds, 0.5) * 1e3,
        fraction(&load.seconds, 0.99) * 1e3,
        fraction(&load.seconds, 1.0) * 1e3,
        written / count.max(1) as u64,
        target.server.own_memory(),
    );
    a_second
}

async fn measured(what: &str, target: &Target, requests: Vec<Vec<u8>>) -> f64 {
    let (load, written) = sustained(&target.server, requests).await;
    print(what, target, &load, written)
}

async fn sustained(server: &Server, requests: Vec<Vec<u8>>) -> (Load, u64) {
    let measured = Duration::from_secs(seconds());
    let requests = Arc::new(requests);
    let warm = load::sustained(
        server.address,
        CONNECTIONS,
        Arc::clone(&requests),
        measured / 4,
    );
    drop(warm.await);
    let before = server.written();
    let load = load::sustained(server.address, CONNECTIONS, requests, measured).await;
    (load, server.written().saturating_sub(before))
}

fn posts(contacts: &[String]) -> Vec<Vec<u8>> {
    let mut random = ChaCha8Rng::seed_from_u64(13);
    (0..DIFFERENT)
        .map(|_| {
            let contact = &contacts[random.random_range(0..contacts.len())];
            post("/v1/interactions", &document(&mut random, contact))
        })
        .collect()
}

/// What a store did, by which its sizes are compared.
struct Figures {
    posts: f64,
    attaches: f64,
}

async fn one(target: &Target) -> Figures {
    let mut random = ChaCha8Rng::seed_from_u64(14);
    let posts = measured("posts", target, posts(&target.contacts)).await;
    let requests = target
        .interactions
        .iter()
        .map(|id| {
            let value: u32 = random.random();
            let body = json!({"attach": {"DispositionCode": format!("code {value}"), "Agent_Note": "called back"}});
            post(&format!("/v1/interactions/{id}/user-data"), &body.to_string())
        })
        .collect();
    let attaches = measured("attaches", target, requests).await;
    let requests = target
        .interactions
        .iter()
        .map(|id| get(&format!("/v1/interactions/{id}")))
        .collect();
    measured("get by id", target, requests).await;
    let requests = target
        .contacts
        .iter()
        .take(DIFFERENT)
        .map(|id| get(&format!("/v1/contacts/{id}/history?limit=20")))
        .collect();
    measured("newest 20", target, requests).await;
    let mut body = String::new();
    for _ in 0..LINES {
        let contact = &target.contacts[random.random_range(0..target.contacts.len())];
        body += &document(&mut random, contact);
        body.push('\n');
    }
    let took = load::batch(target.server.address, body).await;
    println!(
        "batch     {}, {}: {:.0} rows a second",
        target.database,
        target.size,
        rate(LINES, took)
    );
    Figures { posts, attaches }
}

/// Claims (j) to (m): sustained loads on stores of several sizes.
pub async fn loads() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    on("sqlite", |name, size| {
        let path = folder.path().join(format!("{name}{size}.db"));
        format!("sqlite://{}", path.display())
    })
    .await;
    if let Ok(server) = std::env::var("ANNALS_BENCH_POSTGRES_URL") {
        for size in sizes() {
            for name in ["annals", "plain"] {
                standin::create_database(&server, &format!("{name}{size}")).await;
            }
        }
        on("postgres", |name, size| {
            let (before, _) = server.rsplit_once('/').expect("the URL names a database");
            format!("{before}/{name}{size}")
        })
        .await;
    }
}

async fn on(database: &'static str, url: impl Fn(&str, usize) -> String) {
    let mut all: Vec<(usize, Figures)> = Vec::new();
    for size in sizes() {
        let address = url("annals", size);
        let (contacts, interactions) = build(&address, size).await;
        if let Some(path) = address.strip_prefix("sqlite://") {
            let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
            println!(
                "history   {database}, {size}: {} bytes on disk each",
                bytes / size as u64
            );
        }
        let target = Target {
            database,
            size,
            server: Server::annals_at(&address),
            contacts,
            interactions,
        };
        let figures = one(&target).await;
        drop(target.server);
        let plain = url("plain", size);
        standin::fill(&plain, size, |random, number| {
            let contact = &target.contacts[number % target.contacts.len()];
            document(random, contact)
        })
        .await;
        let server = standin::start(&plain);
        let requests = posts(&target.contacts);
        let (load, written) = sustained(&server, requests).await;
        let rival = rate(load.seconds.len(), load.took);
        println!(
            "plain     {database}, {size}: {rival:.0} a second, p99 {:.1} ms, max {:.0} ms; {} bytes written each",
            fraction(&load.seconds, 0.99) * 1e3,
            fraction(&load.seconds, 1.0) * 1e3,
            written / load.seconds.len().max(1) as u64
        );
        let ratio = figures.posts / rival;
        claim(
            &format!("(j) {database}, {size}: posts against plain inserts"),
            ratio,
            "0.80",
            ratio >= 0.8,
        );
        let ratio = figures.attaches / figures.posts;
        claim(
            &format!("(k) {database}, {size}: attaches against posts"),
            ratio,
            "0.80",
            ratio >= 0.8,
        );
        all.push((size, figures));
    }
    let mut sizes = all.iter();
    if let Some((small, first)) = sizes.next() {
        for (size, figures) in sizes {
            let ratio = figures.posts / first.posts;
            let limit = if *size > 1_000_000 { 0.7 } else { 0.85 };
            claim(
                &format!("(l) {database}: posts on {size} against {small}"),
                ratio,
                &limit.to_string(),
                ratio >= limit,
            );
        }
    }
}
