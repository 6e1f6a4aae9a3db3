//! Webhooks: how soon after its commit an event reaches its receiver, and how many are delivered
//! per second.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::load::{self, Connection};
use crate::server::Server;
use crate::tell::{fraction, rate};

/// Events per second while latency is measured.
const PACE: usize = 200;
/// Seconds of warm-up, and seconds measured.
const WARM_UP: usize = 3;
const MEASURED: usize = 15;
const PACED: usize = (WARM_UP + MEASURED) * PACE;
/// Connections that send these events.
const WRITERS: usize = 8;
/// Actions for the throughput measurement, and the states of each.
const ACTIONS: usize = 10_000;
const STATES: [&str; 2] = ["offered", "accepted"];
/// Events of a request.
const PORTION: usize = 1000;
/// How long after the last event everything must have arrived.
const PATIENCE: Duration = Duration::from_secs(60);

/// The arrivals: the number of each event, and when it arrived.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Vec<(usize, Instant)>>>);

impl Desk {
    fn came(&self) -> Vec<(usize, Instant)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for a number of arrivals; panics unless each event arrived once.
    async fn wait_for(&self, count: usize) -> Vec<(usize, Instant)> {
        let begun = Instant::now();
        while self.0.lock().unwrap_or_else(PoisonError::into_inner).len() < count {
            assert!(
                begun.elapsed() < PATIENCE,
                "only {} of {count} events came",
                self.came().len()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let came = self.came();
        let mut numbers: Vec<usize> = came.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..count), "each event comes once");
        came
    }
}

async fn receive(State(desk): State<Desk>, body: Bytes) -> StatusCode {
    let now = Instant::now();
    let text = String::from_utf8_lossy(&body);
    let number = text
        .split_once("\"number\":")
        .and_then(|(_, rest)| {
            rest.split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        })
        .expect("an event has its number");
    desk.0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((number, now));
    StatusCode::NO_CONTENT
}

/// A receiver that accepts everything, and its address.
async fn receiver() -> (Desk, SocketAddr) {
    let desk = Desk::default();
    let router = Router::new()
        .route("/hook", post(receive))
        .with_state(desk.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("the port is known");
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (desk, address)
}

fn event(number: usize, action: usize, state: &str) -> String {
    format!(
        r#"{{"actionId":"action-{action}","actionState":"{state}","actionMediaType":"webchat","actionMapId":"map-{}","actionMapVersion":3,"customerId":"c{}","customerIdType":"cookie","sessionId":"s{action}","page":"https://www.example.org/pricing","number":{number}}}"#,
        action % 40,
        action % 5000
    )
}

async fn subscribed(folder: &std::path::Path, name: &str) -> (Server, Desk) {
    let server = Server::annals_with(
        &folder.join(name),
        &[("ANNALS_WEBHOOKS_ALLOW_PRIVATE", "true")],
    );
    let (desk, address) = receiver().await;
    let hook = format!(r#"{{"url":"http://{address}/hook","kinds":["webAction"]}}"#);
    let mut connection = Connection::open(server.address)
        .await
        .expect("the server listens");
    let made = connection.ask(&load::post("/v1/webhooks", &hook)).await;
    assert_eq!(made.expect("the server answers").0, 201);
    // until the webhook is active
    tokio::time::sleep(Duration::from_secs(1)).await;
    (server, desk)
}

/// Sends events on schedule, one per request. Returns when each was sent, and when it was durable.
async fn paced(to: SocketAddr) -> Vec<(Instant, Instant)> {
    let begun = Instant::now() + Duration::from_millis(100);
    let gap = Duration::from_secs(1) / u32::try_from(PACE).expect("few");
    let writers = (0..WRITERS).map(|writer| {
        tokio::spawn(async move {
            let mut connection = Connection::open(to).await.expect("the server listens");
            let mut times = Vec::new();
            for number in (writer..PACED).step_by(WRITERS) {
                let due = begun + gap * u32::try_from(number).expect("few");
                tokio::time::sleep_until(due.into()).await;
                let request = load::post("/v1/web-actions", &event(number, number, "offered"));
                let asked = Instant::now();
                let (status, _) = connection.ask(&request).await.expect("the server answers");
                assert_eq!(status, 201);
                times.push((number, asked, Instant::now()));
            }
            times
        })
    });
    let mut all = Vec::with_capacity(PACED);
    for writer in writers.collect::<Vec<_>>() {
        all.extend(writer.await.expect("every event is taken"));
    }
    all.sort_unstable_by_key(|(number, ..)| *number);
    all.into_iter()
        .map(|(_, asked, done)| (asked, done))
        .collect()
}

/// Claim (i): the time from the commit of an event to its receiver, and how many are delivered per
/// second.
pub async fn events_to_a_receiver() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (server, desk) = subscribed(folder.path(), "soon.db").await;
    let times = paced(server.address).await;
    let came = desk.wait_for(PACED).await;
    drop(server);
    let since = |from: fn(&(Instant, Instant)) -> Instant| -> Vec<f64> {
        came.iter()
            .filter(|(number, _)| *number >= WARM_UP * PACE)
            .map(|(number, at)| {
                at.saturating_duration_since(from(&times[*number]))
                    .as_secs_f64()
                    * 1e3
            })
            .collect()
    };
    let (from_asked, from_done) = (since(|times| times.0), since(|times| times.1));
    println!(
        "webhook   {PACE} events a second to one webhook, each once; from the answer that an event is durable to its receiver: median {:.1} ms, 99 of 100 within {:.1} ms, at most {:.1} ms; \
         from asking for it: median {:.1} ms, 99 of 100 within {:.1} ms",
        fraction(&from_done, 0.5),
        fraction(&from_done, 0.99),
        fraction(&from_done, 1.0),
        fraction(&from_asked, 0.5),
        fraction(&from_asked, 0.99),
    );
    let (server, desk) = subscribed(folder.path(), "many.db").await;
    let events: Vec<String> = STATES
        .iter()
        .enumerate()
        .flat_map(|(step, state)| {
            (0..ACTIONS).map(move |action| event(step * ACTIONS + action, action, state))
        })
        .collect();
    let requests = events
        .chunks(PORTION)
        .map(|portion| load::post("/v1/web-actions", &format!("[{}]", portion.join(","))))
        .collect();
    let begun = Instant::now();
    let taken = load::run(server.address, 2, Arc::new(requests)).await;
    let came = desk.wait_for(events.len()).await;
    let last = came.iter().map(|(_, at)| *at).max().unwrap_or(begun);
    let mut states = vec![0; ACTIONS];
    for (number, _) in came {
        // the second state of an action never arrives before its first
        assert_eq!(
            states[number % ACTIONS],
            number / ACTIONS,
            "in order for each action"
        );
        states[number % ACTIONS] += 1;
    }
    println!(
        "webhook   {} events of {ACTIONS} actions at once: taken at {:.0} a second, all with the receiver at {:.0} a second, in order for each action, each once",
        events.len(),
        rate(events.len(), taken.took),
        rate(events.len(), last.saturating_duration_since(begun)),
    );
}
