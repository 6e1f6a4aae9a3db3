//! Web actions: how many events a server can accept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use annals::domain::Moment;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use crate::load::{self, post};
use crate::plain::{self, Filled, Table};
use crate::server::Server;
use crate::store;
use crate::tell::{median, rate};

const ROUNDS: usize = 7;
/// Events of a request, and rows of a transaction of the baseline.
const PORTION: usize = plain::GROUP;
/// The largest number of requests of a round.
const PORTIONS: usize = 30;
/// Connections that send arrays.
const CONNECTIONS: usize = 4;

/// The states of lifecycles; an action has three or four on average.
const LIVES: [&str; 6] = [
    "qualified offered accepted started engaged completed",
    "qualified offered rejected",
    "qualified offered ignored",
    "qualified offered timedout",
    "qualified offered accepted abandoned",
    "qualified",
];

/// The table of events.
const EVENTS: Table = Table {
    name: "web_action",
    columns: &[
        "seq",
        "tenant_id",
        "action_id",
        "state",
        "media_type",
        "map_id",
        "map_version",
        "customer_id",
        "session_id",
        "reference",
        "event_date",
        "contradicted",
        "fingerprint",
        "event",
    ],
    from: plain::BY_SEQ,
};

/// An identifier in the form of the vendor's pages.
fn id(random: &mut impl Rng) -> String {
    let [high, low]: [u64; 2] = random.random();
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// A site: its pages send events of many lifecycles at the same time, in the order in which they
/// happen.
struct Site {
    random: ChaCha8Rng,
    /// When the next lifecycle begins, in microseconds since 1970.
    next: i64,
}

impl Site {
    fn new() -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(8),
            next: 1_772_000_000_000_000,
        }
    }

    /// The next events.
    fn events(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            self.next += self.random.random_range(0..20_000);
            self.life(&mut events);
        }
        events.sort_by_key(|(at, _)| *at);
        events.truncate(count);
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// The events of one lifecycle, each with its time.
    fn life(&mut self, events: &mut Vec<(i64, Value)>) {
        let random = &mut self.random;
        let [action, customer, session, conversation]: [String; 4] =
            std::array::from_fn(|_| id(random));
        let (map, version) = (random.random_range(0..20), random.random_range(1..5));
        let page = random.random_range(0..10_000);
        let mut at = self.next;
        let life = LIVES.choose(random).expect("there are lives");
        for state in life.split(' ') {
            let mut event = json!({"actionId": action, "actionState": state, "actionMediaType": "webchat", "actionMapId": format!("map-{map}"),
                "actionMapVersion": version, "customerId": customer, "customerIdType": "cookie", "sessionId": session,
                "eventDate": Moment::from_micros(at).expect("a time of 2026"), "pageUrl": format!("https://shop.example/chairs/{page}?sort=price"),
                "pageTitle": "Garden chairs, folding and not", "browserFamily": "Firefox", "deviceCategory": "desktop"});
            if ["started", "engaged", "completed"].contains(&state) {
                event["conversationId"] = json!(conversation);
            }
            events.push((at, event));
            at += random.random_range(1_000_000..60_000_000);
        }
    }
}

/// The last event of a file.
async fn last(conn: &mut SqliteConnection) -> i64 {
    sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM web_action")
        .fetch_one(conn)
        .await
        .expect("the store's rows can be read")
}

/// What a server recorded after an event, with its entries, in portions for the baseline.
async fn recorded(conn: &mut SqliteConnection, after: i64) -> Vec<[Filled; 2]> {
    let until = last(conn).await;
    let portion = i64::try_from(PORTION).expect("a portion is small");
    let mut portions = Vec::new();
    let mut from = after;
    while from < until {
        let to = until.min(from + portion);
        let events = plain::read(conn, &EVENTS, from, to).await;
        portions.push([events, plain::read(conn, &plain::JOURNAL, from, to).await]);
        from = to;
    }
    portions
}

/// Claim (h): events in arrays over HTTP, durable, compared with plain inserts of the same rows
/// into the same tables and indexes.
pub async fn events_against_plain_inserts(size: usize) {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (ours, theirs) = (
        folder.path().join("served.db"),
        folder.path().join("plain.db"),
    );
    let server = Server::annals(&ours);
    let mut reading = plain::connect(&ours).await;
    // an idle store copies its log into the file, as the server's does
    let rests = store::open(&theirs).await;
    let mut inserting = plain::connect(&theirs).await;
    let mut site = Site::new();
    let count = (size / ROUNDS / PORTION).clamp(1, PORTIONS) * PORTION;
    let (mut event_rates, mut plain_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut seconds, mut processor, mut bytes) = (Vec::new(), Duration::ZERO, 0);
    for round in 0..=ROUNDS {
        let requests = site
            .events(count)
            .chunks(PORTION)
            .map(|portion| post("/v1/web-actions", &json!(portion).to_string()))
            .collect();
        let before = last(&mut reading).await;
        let used = server.processor_time();
        let load = load::run(server.address, CONNECTIONS, Arc::new(requests)).await;
        let used = server.processor_time().saturating_sub(used);

        let portions = recorded(&mut reading, before).await;
        let made: usize = portions.iter().map(|[events, _]| events.2.len()).sum();
        assert_eq!(made, count, "every event was recorded");
        bytes = portions.iter().flatten().map(plain::bytes).sum::<usize>() / count;
        let begun = Instant::now();
        for portion in portions {
            let mut transaction = plain::begin(&mut inserting).await;
            for filled in portion {
                plain::insert_rows(&mut transaction, filled).await;
            }
            transaction.commit().await.expect("the disk has room");
        }
        let (taken, inserted) = (rate(count, load.took), rate(count, begun.elapsed()));
        if round == 0 {
            continue; // statements are prepared, pages are warm
        }
        println!(
            "          round {round}: {taken:.0} events/s, plain {inserted:.0}/s, {:.2}",
            taken / inserted
        );
        event_rates.push(taken);
        plain_rates.push(inserted);
        ratios.push(taken / inserted);
        seconds.extend(load.seconds);
        processor += used;
    }
    println!(
        "actions   {:.0} events of web actions a second in arrays of {PORTION}, {:?} of the server's processor each, an array in {:.0} ms in the median; \
         plain inserts of them and their entries {:.0} a second; {bytes} bytes each; peak memory {} MiB",
        median(&event_rates),
        processor / u32::try_from(count * ROUNDS).unwrap_or(u32::MAX),
        median(&seconds) * 1e3,
        median(&plain_rates),
        server.peak_memory()
    );
    println!(
        "actions   (h) events over HTTP against plain inserts: {:.2}",
        median(&ratios)
    );
    drop((reading, inserting));
    rests.close().await;
}
