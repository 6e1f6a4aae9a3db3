//! Webhooks: which deliveries are sent, in which order, how they are signed, and what happens if
//! the receiver misbehaves.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use annals::domain::moment::SystemClock;
use annals::domain::{Clock, Moment};
use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::process::{Process, SERVE, annals, run};
use crate::support::receiver::{Letter, Receiver, Reply};
use crate::support::{Db, Place, Server, id};

const PATH: &str = "/v1/webhooks";
const STATES: [&str; 4] = ["qualified", "offered", "accepted", "started"];

/// A server whose webhooks may lead to this machine.
async fn server(db: Db) -> Server {
    Server::with(db, |config| config.webhooks.allow_private = true).await
}

fn event(action: &str, state: &str) -> Value {
    json!({"actionId": action, "actionState": state, "actionMediaType": "webchat", "depth": 1.5})
}

/// Creates a webhook; returns its identifier and its secret.
async fn hook(server: &Server, url: &str, kinds: &[&str]) -> (String, String) {
    let body = json!({"url": url, "kinds": kinds});
    let (status, made) = server.post(PATH, body).await;
    assert_eq!(status, 201, "{made}");
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    (id(&made).to_owned(), secret)
}

async fn deliveries(server: &Server, hook: &str, query: &str) -> Vec<Value> {
    let (status, page) = server
        .get(&format!("{PATH}/{hook}/deliveries?limit=1000&{query}"))
        .await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().expect("a list").clone()
}

/// Waits until the list of deliveries meets a condition.
async fn until(server: &Server, hook: &str, query: &str, holds: impl Fn(&[Value]) -> bool) {
    let begun = Instant::now();
    loop {
        let all = deliveries(server, hook, query).await;
        if holds(&all) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{all:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The states of each action in the order in which they were accepted, each event once.
fn lives(taken: &[Letter]) -> BTreeMap<String, Vec<String>> {
    let mut lives: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut known = HashSet::new();
    for letter in taken {
        // a killed server may repeat deliveries that it had not recorded: the receiver recognises
        // them by identifier
        if known.insert(letter.id.clone()) {
            let data = &letter.body["data"];
            let text = |key: &str| data[key].as_str().expect("a text").to_owned();
            lives
                .entry(text("actionId"))
                .or_default()
                .push(text("actionState"));
        }
    }
    lives
}

/// A clock that a test moves.
struct Moved(AtomicI64);

impl Clock for Moved {
    fn now(&self) -> Moment {
        SystemClock.now().plus_micros(self.0.load(Ordering::SeqCst))
    }
}

both! {
    async fn a_webhook_is_told_of_what_it_asked_for_from_its_making_on_signed_after_the_convention(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        server.post("/v1/web-actions", event("before", "offered")).await;
        let (hook, secret) = hook(&server, &receiver.url, &["webAction", "userData.attached"]).await;
        let (status, shown) = server.get(&format!("{PATH}/{hook}")).await;
        assert_eq!((status, &shown["secret"], &shown["waiting"]), (200, &Value::Null, &json!(0)), "told once only");
        server.post("/v1/web-actions", event("a", "offered")).await;
        let (_, stored) = server.get("/v1/web-actions/a").await;
        let chat = server.record(json!({"mediaType": "chat"})).await;
        server.post(&format!("/v1/interactions/{}/user-data", id(&chat)), json!({"attach": {"rule": "hot"}})).await;
        let taken = receiver.wait_for(2).await;
        let of = |kind: &str| taken.iter().find(|letter| letter.body["type"] == kind).expect("it came");
        let offered = of("webAction.recorded");
        assert_eq!(offered.body["data"], stored["items"][0]);
        assert_eq!(offered.body["data"]["depth"], json!(1.5));
        let attached = of("userData.attached");
        assert_eq!(attached.body["data"]["interactionId"], chat["id"]);
        assert_eq!(attached.body["data"]["delta"]["attach"], json!({"rule": "hot"}));
        let journal = server.journal().await;
        assert_eq!(attached.body["timestamp"], journal.last().unwrap()["at"]);
        assert_eq!(attached.body["data"], *journal.last().unwrap());
        for letter in &taken {
            assert!(letter.is_signed_by(&secret), "{letter:?}");
            assert!(!letter.is_signed_by("whsec_AAAA"));
            assert_eq!(letter.headers["content-type"], "application/json");
        }
        until(&server, &hook, "state=delivered", |all| all.len() == 2).await;
        let log = deliveries(&server, &hook, "actionId=a").await;
        assert_eq!((&log[0]["id"], &log[0]["attempts"], &log[0]["status"]), (&json!(offered.id), &json!(1), &json!(204)));
        assert_eq!(deliveries(&server, &hook, &format!("interactionId={}", id(&chat))).await.len(), 1);
    }

    async fn a_media_type_narrows_what_is_told(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let body = json!({"url": receiver.url, "kinds": ["webAction"], "mediaType": "contentOffer", "description": "offers"});
        let (status, made) = server.post(PATH, body).await;
        assert_eq!((status, &made["mediaType"]), (201, &json!("contentoffer")));
        server.post("/v1/web-actions", event("chat", "offered")).await;
        server.post("/v1/web-actions", json!({"actionId": "offer", "actionState": "offered", "actionMediaType": "contentOffer"})).await;
        let taken = receiver.wait_for(1).await;
        assert_eq!(taken[0].body["data"]["actionId"], "offer");
    }

    async fn a_receiver_that_fails_hangs_and_comes_back_gets_every_event_once_and_in_order(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let (hook, secret) = hook(&server, &receiver.url, &["webAction"]).await;
        receiver.behave(|letter| {
            let number: usize = letter.id.rsplit('_').next().unwrap().parse().unwrap();
            match (number % 29, letter.before) {
                (0, 0) => Reply::Never,
                (1 | 7 | 11, 0 | 1) => Reply::Status(500),
                (2, 0) => Reply::With(503, "retry-after", "2".to_owned()),
                (3, 0) => Reply::With(429, "retry-after", "not a number".to_owned()),
                (4, 0) => Reply::Break,
                (5, 0) => Reply::With(302, "location", "http://169.254.169.254/".to_owned()),
                (6, 0 | 1) => Reply::Status(404),
                _ => Reply::Status(200),
            }
        });
        for state in STATES {
            let events: Value = (0..60).map(|n| event(&format!("a{n}"), state)).collect();
            let (status, _) = server.post("/v1/web-actions", events).await;
            assert_eq!(status, 200);
        }
        let taken = receiver.wait_for(60 * STATES.len()).await;
        let lives = lives(&taken);
        assert_eq!(lives.len(), 60);
        assert!(lives.values().all(|states| states[..] == STATES), "{lives:?}");
        assert!(receiver.letters().iter().all(|letter| letter.is_signed_by(&secret)));
        let failed = receiver.letters().len() - taken.len();
        assert!(failed > 60, "only {failed} attempts failed");
        until(&server, &hook, "state=delivered", |all| all.len() == 240).await;
        assert!(deliveries(&server, &hook, "state=waiting").await.is_empty());
        let log = deliveries(&server, &hook, "").await;
        assert!(log.iter().any(|one| one["attempts"] == 3), "what failed twice was attempted three times");
        let metrics = server.metrics().await;
        assert!(metrics.contains("annals_webhook_delivered_total 240") && metrics.contains("annals_webhook_waiting 0"), "{metrics}");
    }

    async fn a_receiver_that_is_away_altogether_is_left_in_peace_and_told_all_when_it_is_back(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let (hook, _) = hook(&server, &receiver.url, &["webAction"]).await;
        receiver.behave(|_| Reply::Status(502));
        for state in STATES {
            let events: Value = (0..1000).map(|n| event(&format!("a{n}"), state)).collect();
            let (status, _) = server.post("/v1/web-actions", events).await;
            assert_eq!(status, 200);
        }
        receiver.until("first attempts", |letters| letters.len() >= 20).await;
        until(&server, &hook, "state=waiting", |all| all.len() >= 20).await;
        let before = receiver.count(|_| true);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let attempts = receiver.count(|_| true) - before;
        assert!(attempts <= 60, "{attempts} requests within 2 s to somebody who is not there");
        let waiting = deliveries(&server, &hook, "state=waiting").await;
        assert!(waiting.iter().all(|one| one["error"] == "answered 502" || one["attempts"] == 0), "{waiting:?}");
        receiver.behave(|_| Reply::Status(200));
        let taken = receiver.wait_for(1000 * STATES.len()).await;
        assert!(lives(&taken).values().all(|states| states[..] == STATES));
        until(&server, &hook, "state=waiting", <[Value]>::is_empty).await;
    }

    async fn what_waits_about_one_thing_waits_behind_the_oldest(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let (hook, _) = hook(&server, &receiver.url, &["webAction"]).await;
        receiver.behave(|letter| match letter.body["data"]["actionId"].as_str() {
            Some("bad") => Reply::With(503, "retry-after", "60".to_owned()),
            _ => Reply::Status(200),
        });
        for state in STATES {
            server.post("/v1/web-actions", json!([event("bad", state), event("good", state)])).await;
        }
        until(&server, &hook, "state=waiting", |all| all.len() == 4).await;
        until(&server, &hook, "actionId=good", |all| all.iter().all(|one| one["state"] == "delivered") && all.len() == 4).await;
        let log = deliveries(&server, &hook, "actionId=bad").await;
        let dated: Vec<bool> = log.iter().map(|one| one["nextDate"].is_string()).collect();
        assert_eq!(dated, [false, false, false, true], "{log:?}");
        assert_eq!((&log[3]["error"], &log[0]["attempts"]), (&json!("answered 503"), &json!(0)));
        let (status, told) = server.post(&format!("{PATH}/{hook}/replay"), json!({"state": "waiting"})).await;
        assert_eq!((status, &told["deliveries"]), (202, &json!(1)), "one has a date, the others are behind it");
        let log = deliveries(&server, &hook, "actionId=bad").await;
        let page = server.get(&format!("{PATH}/{hook}/deliveries?limit=3&state=waiting")).await.1;
        let next = page["next"].as_str().expect("there is more");
        assert_eq!(deliveries(&server, &hook, &format!("state=waiting&before={next}")).await[0]["id"], log[3]["id"]);
        // events that the receiver refuses do not delay the others, however many there are
        receiver.behave(|letter| Reply::Status(if letter.body["data"]["actionId"].as_str().unwrap().starts_with("bad") { 500 } else { 200 }));
        let events: Value = (0..400).map(|n| event(&format!("{}{n}", if n % 40 < 30 { "bad" } else { "fine" }), "offered")).collect();
        server.post("/v1/web-actions", events).await;
        receiver.until("all that is to its liking", |letters| letters.iter().filter(|letter| letter.taken).count() == 4 + 100).await;
    }

    async fn a_server_that_is_killed_forgets_nothing_and_keeps_the_order(db) {
        let place = Arc::new(Place::new(db).await);
        let receiver = Receiver::start().await;
        let serve = |place: &Arc<Place>| {
            let mut command = annals(&place.url, &SERVE);
            command.env("ANNALS_WEBHOOKS_ALLOW_PRIVATE", "true");
            command
        };
        let mut server = Process::start(&place, serve(&place)).await;
        let (hook, secret) = hook(&server, &receiver.url, &["webAction"]).await;
        let mut noted: BTreeMap<String, usize> = BTreeMap::new();
        let times = |id: &str| receiver.count(|letter| letter.taken && letter.id == id);
        receiver.behave(|letter| Reply::Status(if letter.before == 0 && letter.id.ends_with('3') { 500 } else { 200 }));
        for (round, state) in STATES.iter().enumerate() {
            let events: Value = (0..200).map(|n| event(&format!("a{n}"), state)).collect();
            let (status, _) = server.post("/v1/web-actions", events).await;
            assert_eq!(status, 200);
            receiver.until("first letters", |letters| letters.len() > 150 * round).await;
            // every other time it is killed before it could record much
            if round % 2 == 1 {
                until(&server, &hook, "state=delivered", |all| all.len() > 150 * round).await;
            }
            for delivery in deliveries(&server, &hook, "state=delivered").await {
                let id = delivery["id"].as_str().unwrap().to_owned();
                let count = times(&id);
                noted.entry(id).or_insert(count);
            }
            let place = server.kill().await;
            server = Process::start(&place, serve(&place)).await;
        }
        let all = 200 * STATES.len();
        receiver.until("all letters", |letters| {
            letters.iter().filter(|letter| letter.taken).map(|letter| &letter.id).collect::<HashSet<_>>().len() == all
        }).await;
        let taken = receiver.taken();
        assert!(lives(&taken).values().all(|states| states[..] == STATES));
        assert!(taken.iter().all(|letter| letter.is_signed_by(&secret)));
        assert!(noted.len() > 100, "{}", noted.len());
        for (id, count) in &noted {
            assert_eq!(times(id), *count, "{id} was noted as delivered, and sent again");
        }
        server.stop().await;
    }

    async fn what_fails_for_three_days_is_dead_is_kept_and_can_be_sent_again(db) {
        let clock = Arc::new(Moved(AtomicI64::new(0)));
        let place = Arc::new(Place::new(db).await);
        let server = Server::by(place, clock.clone(), |config| config.webhooks.allow_private = true).await;
        let receiver = Receiver::start().await;
        let (hook, _) = hook(&server, &receiver.url, &["webAction"]).await;
        receiver.behave(|_| Reply::Status(500));
        server.post("/v1/web-actions", json!([event("a", "offered"), event("a", "accepted")])).await;
        until(&server, &hook, "state=waiting", |all| all.len() == 2).await;
        let attempts = async || deliveries(&server, &hook, "actionId=a").await[1]["attempts"].as_i64().expect("a number");
        let minutes = |minutes: i64| clock.0.store(minutes * 60_000_000, Ordering::SeqCst);
        // it is retried until three days are over, and after a long time without attempts it gets
        // one more chance
        for (at, more) in [(70 * 60, 1), (71 * 60, 1), (74 * 60, 1)] {
            let before = attempts().await;
            minutes(at);
            until(&server, &hook, "state=waiting", |all| all.len() == 2 && all[1]["attempts"].as_i64() >= Some(before + more)).await;
        }
        minutes(75 * 60 + 30);
        until(&server, &hook, "state=dead", |all| !all.is_empty()).await;
        // the one behind it was queued with it; it was never attempted, and gets its chance
        until(&server, &hook, "", |all| all[0]["attempts"].as_i64() > Some(0)).await;
        minutes(77 * 60);
        until(&server, &hook, "state=dead", |all| all.len() == 2).await;
        assert_eq!(server.get(&format!("{PATH}/{hook}")).await.1["dead"], 2);
        assert!(receiver.letters().len() < 20, "the wait grows");
        let dead = deliveries(&server, &hook, "state=dead").await;
        assert_eq!((&dead[0]["error"], dead[0].get("nextDate")), (&json!("answered 500"), None));
        receiver.behave(|_| Reply::Status(200));
        let (status, told) = server.post(&format!("{PATH}/{hook}/replay"), json!({})).await;
        assert_eq!((status, told), (202, json!({"deliveries": 2})));
        let taken = receiver.wait_for(2).await;
        assert_eq!(lives(&taken)["a"], ["offered", "accepted"]);
        assert_eq!(taken[0].id, dead[1]["id"], "under the same identifier");
        until(&server, &hook, "state=delivered", |all| all.len() == 2).await;
        // delivered ones can be sent again, too
        let cursor = dead[1]["cursor"].as_str().unwrap();
        let (status, _) = server.post(&format!("{PATH}/{hook}/deliveries/{cursor}/replay"), json!({})).await;
        assert_eq!(status, 202);
        receiver.wait_for(3).await;
        assert_eq!(server.post(&format!("{PATH}/{hook}/deliveries/999999/replay"), json!({})).await.0, 404);
    }

    async fn a_new_secret_signs_beside_the_old_one_for_a_while(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let (hook, first) = hook(&server, &receiver.url, &["webAction"]).await;
        let rotate = async |body: Value| {
            let (status, told) = server.post(&format!("{PATH}/{hook}/secret"), body).await;
            assert_eq!(status, 200, "{told}");
            told["secret"].as_str().expect("a secret").to_owned()
        };
        let second = rotate(json!({})).await;
        assert_ne!(first, second);
        let count = AtomicI64::new(0);
        // the sending server adopts a new secret within a moment
        let signed = async |by: &[&str], not_by: &[&str]| {
            let begun = Instant::now();
            loop {
                let number = count.fetch_add(1, Ordering::SeqCst);
                server.post("/v1/web-actions", event(&format!("a{number}"), "offered")).await;
                receiver.until("a letter", |letters| letters.len() > usize::try_from(number).unwrap()).await;
                let letter = receiver.letters().pop().expect("a letter");
                if by.iter().all(|secret| letter.is_signed_by(secret)) && !not_by.iter().any(|secret| letter.is_signed_by(secret)) {
                    return;
                }
                assert!(begun.elapsed() < Duration::from_secs(30), "the new secret is not used");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        signed(&[&first, &second], &[]).await;
        let third = rotate(json!({"overlapSeconds": 0})).await;
        signed(&[&third], &[&first, &second]).await;
        for wrong in [json!({"overlapSeconds": -1}), json!({"overlapSeconds": 604_801}), json!({"seconds": 1})] {
            assert_eq!(server.post(&format!("{PATH}/{hook}/secret"), wrong).await.0, 422);
        }
    }

    async fn a_receiver_that_is_gone_is_left_alone_and_goes_on_without_a_gap(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let (hook, _) = hook(&server, &receiver.url, &["webAction"]).await;
        receiver.behave(|_| Reply::Status(410));
        server.post("/v1/web-actions", event("a", "offered")).await;
        let begun = Instant::now();
        while server.get(&format!("{PATH}/{hook}")).await.1["enabled"] == true {
            assert!(begun.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (_, shown) = server.get(&format!("{PATH}/{hook}")).await;
        assert!(shown["disabledReason"].as_str().unwrap().contains("410"), "{shown}");
        let seen = receiver.letters().len();
        server.post("/v1/web-actions", json!([event("a", "accepted"), event("b", "offered")])).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(receiver.letters().len(), seen);
        // the receiver moved
        let elsewhere = Receiver::start().await;
        let (status, shown) = server.patch(&format!("{PATH}/{hook}"), json!({"url": elsewhere.url, "enabled": true})).await;
        assert_eq!((status, shown.get("disabledReason")), (200, None), "{shown}");
        server.post("/v1/web-actions", event("b", "accepted")).await;
        let lives = lives(&elsewhere.wait_for(4).await);
        assert_eq!((&lives["a"][..], &lives["b"][..]), (&["offered".to_owned(), "accepted".to_owned()][..], &["offered".to_owned(), "accepted".to_owned()][..]));
        assert_eq!(server.delete(&format!("{PATH}/{hook}")).await.0, 204);
        assert_eq!(server.get(&format!("{PATH}/{hook}/deliveries")).await.0, 404);
        // the sending server learns of it within a moment
        let begun = Instant::now();
        for number in 0.. {
            let before = elsewhere.letters().len();
            server.post("/v1/web-actions", event(&format!("c{number}"), "offered")).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            if elsewhere.letters().len() == before {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "it is still told of changes");
        }
        let mut direct = Direct::to(&server.place).await;
        while direct.number("SELECT (SELECT COUNT(*) FROM webhook) + (SELECT COUNT(*) FROM webhook_delivery)").await > 0 {
            assert!(begun.elapsed() < Duration::from_secs(30), "its deliveries are still there");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn a_webhook_that_is_enabled_right_after_a_410_goes_on(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let (hook, _) = hook(&server, &receiver.url, &["webAction"]).await;
        receiver.behave(|letter| Reply::Status(if letter.before == 0 { 410 } else { 200 }));
        for number in 0..5_usize {
            server.post("/v1/web-actions", event(&format!("a{number}"), "offered")).await;
            receiver.until("a letter", |letters| letters.len() > 2 * number).await;
            // at different moments while it is being disabled
            tokio::time::sleep(Duration::from_millis(60 * u64::try_from(number).unwrap())).await;
            let begun = Instant::now();
            while receiver.taken().len() == number {
                let (status, _) = server.patch(&format!("{PATH}/{hook}"), json!({"enabled": true})).await;
                assert_eq!(status, 200);
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert!(begun.elapsed() < Duration::from_secs(30), "it stands still");
            }
        }
    }

    async fn kinds_that_are_added_are_told_from_then_on(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let (hook, _) = hook(&server, &receiver.url, &["contact"]).await;
        let events: Value = (0..300).map(|n| event(&format!("a{n}"), "offered")).collect();
        server.post("/v1/web-actions", events).await;
        // when this arrives, the others were examined and found not to match
        server.post("/v1/contacts", json!({"attributes": {"LastName": "Rossi"}})).await;
        receiver.wait_for(1).await;
        let (status, _) = server.patch(&format!("{PATH}/{hook}"), json!({"kinds": ["contact", "webAction"]})).await;
        assert_eq!(status, 200);
        let begun = Instant::now();
        for number in 0.. {
            server.post("/v1/web-actions", event(&format!("new{number}"), "offered")).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            if receiver.count(|_| true) > 1 {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "it is not told");
        }
        let told = receiver.count(|letter| letter.body["data"]["actionId"].as_str().is_some_and(|id| id.starts_with("new")));
        assert_eq!(receiver.count(|_| true), told + 1, "what happened before is not told");
    }

    async fn a_replay_counts_though_an_attempt_that_was_under_way_fails_after_it(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let (hook, _) = hook(&server, &receiver.url, &["webAction"]).await;
        receiver.behave(|letter| if letter.before == 3 { Reply::Never } else { Reply::Status(500) });
        server.post("/v1/web-actions", event("a", "offered")).await;
        receiver.until("an attempt that hangs", |letters| letters.len() == 4).await;
        let cursor = deliveries(&server, &hook, "").await[0]["cursor"].as_str().unwrap().to_owned();
        let (status, _) = server.post(&format!("{PATH}/{hook}/deliveries/{cursor}/replay"), json!({})).await;
        assert_eq!(status, 202);
        receiver.behave(|_| Reply::Status(200));
        receiver.wait_for(1).await;
        until(&server, &hook, "state=delivered", |all| all.len() == 1 && all[0]["attempts"] == 1).await;
    }

    async fn what_was_erased_goes_out_as_erased(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let (hook, _) = hook(&server, &receiver.url, &["interaction"]).await;
        receiver.behave(|_| Reply::Status(500));
        let chat = server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": "ann@example.test"}, "userData": {"card": "4711 secret"}})).await;
        until(&server, &hook, "state=waiting", |all| all.len() == 1).await;
        let contact = chat["contactId"].as_str().unwrap();
        let (status, _) = server.post(&format!("/v1/contacts/{contact}/erase"), json!({})).await;
        assert_eq!(status, 200);
        receiver.behave(|_| Reply::Status(200));
        let taken = receiver.wait_for(2).await;
        assert_eq!(taken[0].body["data"]["delta"], json!({"erased": true}));
        assert!(taken.iter().all(|letter| !letter.body.to_string().contains("4711")));
    }

    async fn what_does_not_hold_is_refused_at_its_place(db) {
        let server = Server::start(db).await;
        let right = || json!({"url": "https://192.0.0.9.example.org/x", "kinds": ["webAction"]});
        for (place, change) in [
            ("/url", json!({"url": "https://127.0.0.1/x"})),
            ("/url", json!({"url": "https://localhost:8443/x"})),
            ("/url", json!({"url": "https://[::ffff:10.0.0.1]/x"})),
            ("/url", json!({"url": "https://169.254.169.254/latest/meta-data"})),
            ("/url", json!({"url": "http://example.org/x"})),
            ("/url", json!({"url": "https://user:pass@example.org/x"})),
            ("/url", json!({"url": "hook"})),
            ("/url", json!({"url": "https://"})),
            ("/url", json!({"url": null})),
            ("/kinds", json!({"kinds": []})),
            ("/kinds/0", json!({"kinds": ["webActions"]})),
            ("/kinds", json!({"kinds": "webAction"})),
            ("/mediaType", json!({"mediaType": ""})),
            ("/description", json!({"description": "x".repeat(1001)})),
            ("/event", json!({"event": 1})),
        ] {
            let mut body = right();
            for (name, value) in change.as_object().unwrap() {
                body[name] = value.clone();
            }
            let (status, problem) = server.post(PATH, body).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(place)), "{change} {problem}");
        }
        assert_eq!(server.get(PATH).await.1, json!({"items": []}));
        for (method, path) in [("GET", "/v1/webhooks/none"), ("DELETE", "/v1/webhooks/none"), ("GET", "/v1/webhooks/none/deliveries"), ("GET", "/v1/webhooks/%00")] {
            let answer = server.request(method, path).send().await.unwrap();
            assert!([404, 422].contains(&answer.status().as_u16()), "{method} {path}");
        }
        assert_eq!(server.patch("/v1/webhooks/none", json!({"enabled": false})).await.0, 404);
        assert_eq!(server.post("/v1/webhooks/none/secret", json!({})).await.0, 404);
        assert_eq!(server.post("/v1/webhooks/none/replay", json!({"state": "delivered"})).await.0, 422);
        let (status, made) = server.post(PATH, right()).await;
        assert_eq!(status, 201, "a name that cannot be looked up now may be there later: {made}");
        let path = format!("{PATH}/{}", id(&made));
        for cleared in ["url", "kinds", "enabled"] {
            let (status, problem) = server.patch(&path, json!({cleared: null})).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(format!("/{cleared}"))));
        }
        let (_, made) = server.patch(&path, json!({"url": " https://b\u{fc}cher.example.org/a b?q=\"x\""})).await;
        assert_eq!(made["url"], "https://xn--bcher-kva.example.org/a%20b?q=%22x%22", "as it can be asked for");
        let (status, problem) = server.patch(&path, json!({"url": "https://10.0.0.1/"})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/url")));
        for query in ["state=gone", "before=x", "limit=0", "of=1", "actionId=a&contactId=b"] {
            assert_eq!(server.get(&format!("{path}/deliveries?{query}")).await.0, 422, "{query}");
        }
        for _ in 1..100 {
            assert_eq!(server.post(PATH, right()).await.0, 201);
        }
        assert_eq!(server.post(PATH, right()).await.0, 409);
    }

    async fn webhooks_are_an_administrators_and_of_a_tenant(db) {
        let place = Arc::new(Place::new(db).await);
        let mut tokens = Vec::new();
        for args in [["--scope", "admin", "--tenant", "1"], ["--scope", "admin", "--tenant", "2"], ["--scope", "read,write", "--tenant", "1"]] {
            let ran = run(&place.url, &[&["token", "create", "--name", "t"], &args[..]].concat()).await;
            assert_eq!(ran.code, Some(0), "{ran:?}");
            tokens.push(ran.out.trim().to_owned());
        }
        let mut server = Server::at(place, |config| config.webhooks.allow_private = true).await;
        let (one, two) = (Receiver::start().await, Receiver::start().await);
        server.token = Some(tokens[0].clone());
        let (hook_1, secret) = hook(&server, &one.url, &["webAction"]).await;
        server.token = Some(tokens[1].clone());
        assert_eq!(server.get(&format!("{PATH}/{hook_1}")).await.0, 404);
        assert_eq!(server.delete(&format!("{PATH}/{hook_1}")).await.0, 404);
        assert_eq!(server.post(&format!("{PATH}/{hook_1}/replay"), json!({})).await.0, 404);
        hook(&server, &two.url, &["webAction"]).await;
        server.post("/v1/web-actions", event("a", "offered")).await;
        let letter = two.wait_for(1).await.pop().unwrap();
        assert!(one.letters().is_empty() && !letter.is_signed_by(&secret));
        server.token = Some(tokens[2].clone());
        assert_eq!(server.get(PATH).await.0, 403);
        assert_eq!(server.post(PATH, json!({"url": one.url, "kinds": ["webAction"]})).await.0, 403);
        for (method, path) in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/secret"), ("POST", "/replay"), ("GET", "/deliveries"), ("POST", "/deliveries/1/replay")] {
            let request = server.request(method, &format!("{PATH}/{hook_1}{path}")).json(&json!({}));
            assert_eq!(request.send().await.unwrap().status(), 403, "{method} {path}");
        }
    }

    async fn a_repeated_request_makes_one_webhook(db) {
        let server = server(db).await;
        let body = json!({"url": "http://127.0.0.1:1/", "kinds": ["webAction"]});
        let key = [("idempotency-key", "k1")];
        let (_, first) = server.post_with(PATH, &key, body.clone()).await;
        let (status, second) = server.post_with(PATH, &key, body).await;
        assert_eq!((status, first), (201, second));
        assert_eq!(server.get(PATH).await.1["items"].as_array().unwrap().len(), 1);
    }

    async fn a_setting_that_was_taken_back_holds_for_webhooks_that_are_there(db) {
        let (server, receiver) = (server(db).await, Receiver::start().await);
        let (hook, _) = hook(&server, &receiver.url, &["webAction"]).await;
        let place = server.stop().await;
        let server = Server::at(place, |_| {}).await;
        server.post("/v1/web-actions", event("a", "offered")).await;
        until(&server, &hook, "state=waiting", |all| all.len() == 1).await;
        let log = deliveries(&server, &hook, "").await;
        assert!(log[0]["error"].as_str().unwrap().contains("not https"), "{log:?}");
        assert!(receiver.letters().is_empty());
        // it can still be disabled
        assert_eq!(server.patch(&format!("{PATH}/{hook}"), json!({"enabled": false})).await.0, 200);
    }

    async fn what_a_webhook_lacks_is_required(db) {
        let server = Server::start(db).await;
        for body in [json!({}), json!({"url": "", "kinds": ["webAction"]})] {
            let (status, told) = server.post(PATH, body).await;
            assert_eq!((status, &told["errors"][0]), (422, &json!({"pointer": "/url", "detail": "is required"})), "{told}");
        }
    }
}

/// Of two servers on one Postgres, one sends. The other takes over when that one stops, and when it
/// is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_one_sends_and_another_takes_its_place() {
    let place = Arc::new(Place::new(Db::Postgres).await);
    let receiver = Receiver::start().await;
    let serve = || {
        let mut command = annals(&place.url, &SERVE);
        command.env("ANNALS_WEBHOOKS_ALLOW_PRIVATE", "true");
        command
    };
    let first = Process::start(&place, serve()).await;
    let second = Process::start(&place, serve()).await;
    hook(&second, &receiver.url, &["webAction"]).await;
    let send = async |server: &Server, state: &str, count: usize| {
        let events: Value = (0..50).map(|n| event(&format!("a{n}"), state)).collect();
        assert_eq!(server.post("/v1/web-actions", events).await.0, 200);
        receiver.wait_for(count).await;
    };
    send(&first, "qualified", 50).await;
    send(&second, "offered", 100).await;
    // whichever one sends: one of the two is stopped, then one is killed
    first.stop().await;
    send(&second, "accepted", 150).await;
    let third = Process::start(&place, serve()).await;
    second.kill().await;
    send(&third, "started", 200).await;
    let lives = lives(&receiver.taken());
    assert!(
        lives.values().all(|states| states[..] == STATES),
        "{lives:?}"
    );
    third.stop().await;
}
