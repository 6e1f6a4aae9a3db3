//! Notified clients: whether each receives every change that is due to it, and how soon.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::sync::mpsc;

use crate::load::{self, Connection};
use crate::server::Server;
use crate::tell::{fraction, rate};

/// Number of clients.
const SUBSCRIBERS: usize = 1000;
/// Clients of one user.
const OF_A_USER: usize = 5;
const USERS: usize = SUBSCRIBERS / OF_A_USER;
/// Changes per second that are due to one user each.
const OWNED: usize = 200;
/// Changes per second that are due to everybody.
const COMMON: usize = 10;
/// Seconds of warm-up, and seconds measured.
const WARM_UP: usize = 5;
const MEASURED: usize = 20;
const CHANGES: usize = (WARM_UP + MEASURED) * (OWNED + COMMON);
/// Connections for writing changes.
const WRITERS: usize = 16;
/// How long after the last change everything must have arrived.
const PATIENCE: Duration = Duration::from_secs(60);
/// Milliseconds for which a client keeps listening, to detect duplicates.
const LISTEN_ON: u32 = 500;

/// The user that a change is due to: every n-th goes to all, the others to one user each in turn.
fn owner(change: usize) -> Option<usize> {
    let every = (OWNED + COMMON) / COMMON;
    (!change.is_multiple_of(every)).then_some(change % USERS)
}

/// The changes due to a user.
fn owed(user: usize) -> usize {
    (0..CHANGES)
        .filter(|change| owner(*change).is_none_or(|owner| owner == user))
        .count()
}

fn name(user: usize) -> String {
    format!("user{user}")
}

/// A POST, optionally signed in.
fn post(path: &str, user: Option<usize>, body: &str) -> Vec<u8> {
    let plain = load::post(path, body);
    let Some(user) = user else {
        return plain;
    };
    let basic = BASE64_STANDARD.encode(format!("{}:any", name(user)));
    let head = format!("POST {path} HTTP/1.1\r\nauthorization: Basic {basic}\r\n");
    let first = plain
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    [head.as_bytes(), &plain[first..]].concat()
}

/// The whole number after each occurrence of these words.
fn numbers<'t>(text: &'t str, words: &'t str) -> impl Iterator<Item = u64> + 't {
    text.match_indices(words).filter_map(|(at, words)| {
        let rest = &text[at + words.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse().ok()
    })
}

/// When changes were sent, and when they were answered as durable, in microseconds from the
/// beginning.
struct Times {
    began: Instant,
    asked: Vec<AtomicU64>,
    done: Vec<AtomicU64>,
}

impl Times {
    fn new() -> Self {
        let none = || (0..CHANGES).map(|_| AtomicU64::new(0)).collect();
        Self {
            began: Instant::now(),
            asked: none(),
            done: none(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A notified client.
struct Subscriber {
    connection: Connection,
    user: usize,
    session: String,
    batch: u64,
}

impl Subscriber {
    async fn open(to: SocketAddr, user: usize) -> Self {
        let mut connection = Connection::open(to).await.expect("the server listens");
        let shake = r#"[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"],"ext":{"ack":true}}]"#;
        let reply = ask(&mut connection, user, shake).await;
        let session = reply
            .split_once("\"clientId\":\"")
            .and_then(|(_, rest)| rest.split('"').next())
            .expect("a session")
            .to_owned();
        let subscribe = format!(
            r#"[{{"channel":"/meta/subscribe","clientId":"{session}","subscription":["/v2/me/*","/**"]}}]"#
        );
        let reply = ask(&mut connection, user, &subscribe).await;
        assert!(reply.contains("\"successful\":true"), "{reply}");
        let mut subscriber = Self {
            connection,
            user,
            session,
            batch: 0,
        };
        assert_eq!(subscriber.connect(0).await, [0_usize; 0]);
        subscriber
    }

    /// Connects once; returns the reported changes.
    async fn connect(&mut self, millis: u32) -> Vec<usize> {
        let message = format!(
            r#"[{{"channel":"/meta/connect","connectionType":"long-polling","clientId":"{}","advice":{{"timeout":{millis}}},"ext":{{"ack":{}}}}}]"#,
            self.session, self.batch
        );
        let reply = ask(&mut self.connection, self.user, &message).await;
        self.batch = numbers(&reply, "\"ack\":")
            .last()
            .unwrap_or_else(|| panic!("no batch in {reply}"));
        numbers(&reply, "\"change\":")
            .map(|change| usize::try_from(change).expect("few changes"))
            .collect()
    }

    /// Listens until everything due has arrived, and a little longer. Returns each change with its
    /// time of arrival.
    async fn listen(mut self, times: Arc<Times>) -> Heard {
        let owed = owed(self.user);
        let mut told = Vec::with_capacity(owed);
        let mut replies = 0;
        while told.len() < owed {
            let changes = self.connect(60_000).await;
            replies += 1;
            let now = times.now();
            told.extend(changes.into_iter().map(|change| (change, now)));
        }
        let more = self.connect(LISTEN_ON).await;
        told.extend(more.into_iter().map(|change| (change, 0)));
        Heard {
            user: self.user,
            told,
            replies,
        }
    }
}

/// The changes that a client received.
struct Heard {
    user: usize,
    /// Changes, each with its time of arrival.
    told: Vec<(usize, u64)>,
    replies: usize,
}

impl Heard {
    /// Panics unless the client received exactly the changes due to it, each once.
    fn check(&self) {
        let mut times = vec![0_u32; CHANGES];
        for (change, _) in &self.told {
            times[*change] += 1;
        }
        for (change, times) in times.into_iter().enumerate() {
            let owed = owner(change).is_none_or(|owner| owner == self.user);
            assert_eq!(
                times,
                u32::from(owed),
                "a client of {} was told of change {change} so often",
                name(self.user)
            );
        }
    }
}

async fn ask(connection: &mut Connection, user: usize, body: &str) -> String {
    let request = post("/api/v2/notifications", Some(user), body);
    let (status, reply) = connection.ask(&request).await.expect("the server answers");
    let reply = String::from_utf8_lossy(reply).into_owned();
    assert_eq!(status, 200, "{reply}");
    reply
}

/// Records the chats that will change: one for each user, and one without a user.
async fn chats(to: SocketAddr) {
    let mut connection = Connection::open(to).await.expect("the server listens");
    for user in 0..=USERS {
        let owner = if user == USERS {
            "null".to_owned()
        } else {
            format!("\"{}\"", name(user))
        };
        let chat = format!(
            r#"{{"id":"chat{user}","mediaType":"chat","ownerId":{owner},"subject":"Question about an order","userData":{{"segment":"gold","language":"en"}}}}"#
        );
        let answer = connection.ask(&load::post("/v1/interactions", &chat)).await;
        assert_eq!(answer.expect("the server answers").0, 201);
    }
}

/// Makes the changes on schedule, on a few connections.
async fn write(to: SocketAddr, times: Arc<Times>) {
    let (due, queue) = mpsc::unbounded_channel::<usize>();
    let queue = Arc::new(tokio::sync::Mutex::new(queue));
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let mut connection = Connection::open(to).await.expect("the server listens");
        let (queue, times) = (Arc::clone(&queue), Arc::clone(&times));
        writers.push(tokio::spawn(async move {
            loop {
                let next = queue.lock().await.recv().await;
                let Some(change) = next else {
                    return;
                };
                let chat = owner(change).unwrap_or(USERS);
                let request = load::post(
                    &format!("/v1/interactions/chat{chat}/user-data"),
                    &format!(r#"{{"update":{{"change":{change}}}}}"#),
                );
                times.asked[change].store(times.now(), Ordering::Relaxed);
                let (status, answer) = connection.ask(&request).await.expect("the server answers");
                assert_eq!(status, 200, "{}", String::from_utf8_lossy(answer));
                times.done[change].store(times.now(), Ordering::Relaxed);
            }
        }));
    }
    let mut tick =
        tokio::time::interval(Duration::from_secs(1) / u32::try_from(OWNED + COMMON).expect("few"));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    for change in 0..CHANGES {
        tick.tick().await;
        due.send(change).expect("writers wait");
    }
    drop(due);
    for writer in writers {
        writer.await.expect("every change is made");
    }
}

/// The result of a run.
struct Told {
    /// Kibibytes of the server's private memory without clients and with idle ones.
    memory: (u64, u64),
    heard: Vec<Heard>,
    times: Arc<Times>,
    took: Duration,
}

/// Opens all sessions, leaves them idle for a while, and makes the changes.
async fn run(server: &Server) -> Told {
    let to = server.address;
    chats(to).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let without = server.own_kibibytes();
    let times = Arc::new(Times::new());
    let mut listening = Vec::with_capacity(SUBSCRIBERS);
    for number in 0..SUBSCRIBERS {
        let subscriber = Subscriber::open(to, number / OF_A_USER).await;
        listening.push(tokio::spawn(subscriber.listen(Arc::clone(&times))));
    }
    // until memory needed only for opening is freed
    tokio::time::sleep(Duration::from_secs(3)).await;
    let with = server.own_kibibytes();
    let begun = Instant::now();
    write(to, Arc::clone(&times)).await;
    let took = begun.elapsed();
    let mut heard = Vec::with_capacity(SUBSCRIBERS);
    let deadline = Instant::now() + PATIENCE;
    for subscriber in listening {
        let left = deadline.saturating_duration_since(Instant::now());
        let one = tokio::time::timeout(left, subscriber).await;
        let one = one.unwrap_or_else(|_| {
            panic!("some clients are still owed changes {PATIENCE:?} after the last")
        });
        heard.push(one.expect("every answer is as expected"));
    }
    Told {
        memory: (without, with),
        heard,
        times,
        took,
    }
}

/// Claim (g): every client soon receives every change that is due to it.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub async fn changes_to_subscribers() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let server = Server::annals(&folder.path().join("told.db"));
    let before = server.processor_time();
    let (server, told) = load::on_one_thread(move |runtime| {
        let told = runtime.block_on(run(&server));
        (server, told)
    })
    .await;
    let used = server.processor_time().saturating_sub(before);
    told.heard.iter().for_each(Heard::check);
    let warm = WARM_UP * (OWNED + COMMON);
    let since = |from: &[AtomicU64]| -> Vec<f64> {
        let measured = told.heard.iter().flat_map(|heard| &heard.told);
        let measured = measured.filter(|(change, _)| *change >= warm);
        measured
            .map(|(change, at)| {
                at.saturating_sub(from[*change].load(Ordering::Relaxed)) as f64 / 1e3
            })
            .collect()
    };
    let (from_done, from_asked) = (since(&told.times.done), since(&told.times.asked));
    let messages: usize = told.heard.iter().map(|heard| heard.told.len()).sum();
    let replies: usize = told.heard.iter().map(|heard| heard.replies).sum();
    println!(
        "notify    {SUBSCRIBERS} clients of {USERS} users, {:.0} changes a second, {:.0} messages a second in {:.0} replies; each was told of all it is owed, once",
        rate(CHANGES, told.took),
        rate(messages, told.took),
        rate(replies, told.took),
    );
    println!(
        "notify    from the answer that a change is durable to its receipt: median {:.1} ms, 99 of 100 within {:.1} ms, at most {:.1} ms; \
         from asking for the change: median {:.1} ms, 99 of 100 within {:.1} ms",
        fraction(&from_done, 0.5),
        fraction(&from_done, 0.99),
        fraction(&from_done, 1.0),
        fraction(&from_asked, 0.5),
        fraction(&from_asked, 0.99),
    );
    let (without, with) = told.memory;
    println!(
        "notify    an idle client takes {:.1} KiB of the server's own memory, its connection and session together ({without} KiB without, {with} KiB with {SUBSCRIBERS}); {:.1} s of the server's processor in all",
        with.saturating_sub(without) as f64 / SUBSCRIBERS as f64,
        used.as_secs_f64(),
    );
}
