//! The report of web actions: every cell equals a direct count over the events.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, FixedOffset, NaiveTime, SecondsFormat, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::both;
use crate::support::Server;

/// Actions in the generated lifecycles; each has about three events.
const ACTIONS: usize = 100_000;
/// Events per request, and concurrent requests.
const PORTION: usize = 1000;
const AT_A_TIME: usize = 4;
const SEED: u64 = 20_260_329;

/// The published states.
const STATES: [&str; 14] = [
    "qualified",
    "qualifiedOutsideSchedule",
    "frequencyCapReached",
    "offered",
    "offeredOutsideSchedule",
    "accepted",
    "started",
    "engaged",
    "rejected",
    "ignored",
    "timedout",
    "abandoned",
    "completed",
    "errored",
];

/// The published ratios: name, numerator, denominator.
const RATIOS: [(&str, &str, &str); 3] = [
    ("offeredRatio", "offered", "qualified"),
    ("acceptedRatio", "accepted", "offered"),
    ("engagedRatio", "engaged", "accepted"),
];

/// A lifecycle: how many in a hundred are like it, and its states.
type Life = (u32, &'static str);

const CHATS: [Life; 14] = [
    (8, "qualified"),
    (14, "qualified offered rejected"),
    (16, "qualified offered ignored"),
    (8, "qualified offered timedout"),
    (5, "qualified offered accepted rejected"),
    (4, "qualified offered accepted abandoned"),
    (6, "qualified offered accepted started abandoned"),
    (18, "qualified offered accepted started engaged completed"),
    (
        3,
        "qualified offered accepted started errored engaged completed",
    ),
    (2, "qualified offered accepted started engaged abandoned"),
    (3, "qualified errored"),
    (5, "qualified frequencyCapReached"),
    (3, "frequencyCapReached"),
    (5, "qualifiedOutsideSchedule offeredOutsideSchedule"),
];

const OFFERS: [Life; 8] = [
    (20, "qualified"),
    (22, "qualified offered accepted"),
    (16, "qualified offered rejected"),
    (22, "qualified offered ignored"),
    (4, "qualified offered errored"),
    (6, "qualified frequencyCapReached"),
    (4, "frequencyCapReached"),
    (6, "qualifiedOutsideSchedule offeredOutsideSchedule"),
];

const MAPS: [&str; 6] = ["basket", "checkout", "help", "prices", "returns", "welcome"];

/// One state of one action.
struct Event {
    action: usize,
    state: &'static str,
    media_type: &'static str,
    /// The action map and its version; a chat may be opened without one.
    map: Option<(&'static str, i64)>,
    at: DateTime<Utc>,
}

impl Event {
    fn sent(&self) -> Value {
        let mut sent = json!({"actionId": format!("action-{}", self.action), "actionState": self.state, "actionMediaType": self.media_type,
            "eventDate": self.at.to_rfc3339_opts(SecondsFormat::Millis, true)});
        if let Some((map, version)) = self.map {
            sent["actionMapId"] = json!(map);
            sent["actionMapVersion"] = json!(version);
        }
        sent
    }

    fn map_id(&self) -> Value {
        json!(self.map.map(|(map, _)| map))
    }

    fn map_version(&self) -> Value {
        json!(self.map.map(|(_, version)| version))
    }
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// When the clocks in Italy change in 2026.
fn changes() -> [DateTime<Utc>; 2] {
    [utc("2026-03-29T01:00:00Z"), utc("2026-10-25T01:00:00Z")]
}

/// The beginning of a lifecycle in 2026; one in four is within three days of a clock change.
fn beginning(random: &mut impl Rng) -> DateTime<Utc> {
    const DAY: i64 = 86_400_000;
    if random.random_ratio(1, 4) {
        let change = changes()[random.random_range(0..2)];
        change + TimeDelta::milliseconds(random.random_range(-3 * DAY..3 * DAY))
    } else {
        utc("2026-01-01T00:00:00Z") + TimeDelta::milliseconds(random.random_range(0..365 * DAY))
    }
}

/// Events of generated lifecycles, in no order.
fn events() -> Vec<Event> {
    const QUARTER: i64 = 900_000;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut events = Vec::new();
    for action in 0..ACTIONS {
        let (media_type, lives): (_, &[Life]) = if random.random_ratio(65, 100) {
            ("webchat", &CHATS)
        } else {
            ("contentoffer", &OFFERS)
        };
        let (_, life) = lives
            .choose_weighted(&mut random, |(weight, _)| *weight)
            .expect("there are lives");
        let map = random
            .random_ratio(97, 100)
            .then(|| (MAPS[random.random_range(0..6)], random.random_range(1..5)));
        let mut at = beginning(&mut random);
        for state in life.split(' ') {
            let late = at.timestamp_millis().rem_euclid(QUARTER);
            if random.random_ratio(1, 4) {
                // at the boundary between two periods
                at += TimeDelta::milliseconds(QUARTER - late);
            }
            events.push(Event {
                action,
                state,
                media_type,
                map,
                at,
            });
            at += TimeDelta::milliseconds(random.random_range(1..600_000));
        }
    }
    events.shuffle(&mut random);
    events
}

/// The offset of Rome from UTC.
fn offset(summer: bool) -> FixedOffset {
    let hours = if summer { 2 } else { 1 };
    FixedOffset::east_opt(hours * 3600).expect("a few hours")
}

/// A moment in Rome's local time, from the autumn of 2025 to the spring of 2027.
fn in_rome(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    let [spring, autumn] = changes();
    at.with_timezone(&offset((spring..autumn).contains(&at)))
}

/// The beginning of its day in Rome.
fn day(at: DateTime<Utc>) -> Value {
    let date = in_rome(at).date_naive();
    let [spring, autumn] = changes().map(|change| change.date_naive());
    // clocks change in the night, after the day has begun
    let summer = date > spring && date <= autumn;
    let begin = date
        .and_time(NaiveTime::MIN)
        .and_local_timezone(offset(summer));
    json!(begin.single().expect("a time").to_rfc3339())
}

/// The beginning of its hour in Rome; the hour that occurs twice in autumn counts as two.
fn hour(at: DateTime<Utc>) -> Value {
    let into = at.timestamp_millis().rem_euclid(3_600_000);
    json!(in_rome(at - TimeDelta::milliseconds(into)).to_rfc3339())
}

/// The number of events by group and state.
type Counts = HashMap<Vec<Value>, HashMap<&'static str, u32>>;

/// Counts events by group.
fn count<'e>(
    events: impl IntoIterator<Item = &'e Event>,
    group: impl Fn(&Event) -> Vec<Value>,
) -> Counts {
    let mut counts = Counts::new();
    for event in events {
        *counts
            .entry(group(event))
            .or_default()
            .entry(event.state)
            .or_default() += 1;
    }
    counts
}

/// Panics unless every cell of the report equals the count, and there are no other cells.
fn compare(report: &Value, groups: &[&str], mut counts: Counts) {
    for row in report["items"].as_array().expect("rows") {
        let group: Vec<Value> = groups.iter().map(|name| row[name].clone()).collect();
        let counted = counts
            .remove(&group)
            .unwrap_or_else(|| panic!("no event is in {row}, or those of a row before"));
        let many = |state: &str| counted.get(state).copied().unwrap_or(0);
        for state in STATES {
            assert_eq!(row[state], many(state), "{state} of {row}");
        }
        for (name, of, among) in RATIOS {
            let (of, among) = (f64::from(many(of)), f64::from(many(among)));
            match row[name].as_f64() {
                // with four digits
                Some(ratio) => assert!((ratio - of / among).abs() < 0.000_050_1, "{name} of {row}"),
                None => assert!(row[name].is_null() && among == 0.0, "{name} of {row}"),
            }
        }
        assert_eq!(
            row.as_object().expect("a row").len(),
            groups.len() + STATES.len() + RATIOS.len(),
            "{row}"
        );
    }
    assert!(counts.is_empty(), "the report lacks {counts:?}");
}

/// Sends all events, several arrays at a time.
async fn send(server: &Server, events: &[Event]) {
    let sent = stream::iter(events.chunks(PORTION)).map(|portion| async move {
        let body: Value = portion.iter().map(Event::sent).collect();
        let (status, answer) = server.post("/v1/web-actions", body).await;
        assert_eq!(status, 200, "{answer}");
        let items = answer["items"].as_array().expect("a list");
        assert_eq!(items.len(), portion.len());
        assert!(items.iter().all(|one| one["status"] == 201), "{answer}");
    });
    sent.buffer_unordered(AT_A_TIME).collect::<()>().await;
}

both! {
    async fn the_report_equals_a_plain_count_over_the_lives_of_100_000_actions(db) {
        let server = Server::start(db).await;
        let events = events();
        let states: BTreeSet<&str> = events.iter().map(|event| event.state).collect();
        assert_eq!(states, STATES.into());
        send(&server, &events).await;
        let ask = async |query: &str| {
            let (status, report) = server.get(&format!("/v1/reports/web-actions?{query}")).await;
            assert_eq!(status, 200, "{report}");
            report
        };

        let report = ask("groupBy=actionMapId,actionMapVersion").await;
        compare(&report, &["actionMapId", "actionMapVersion"], count(&events, |event| vec![event.map_id(), event.map_version()]));
        assert_eq!(report, ask("").await, "that is what a report is grouped by when nobody says");

        let report = ask("groupBy=actionMediaType,day&timeZone=Europe/Rome").await;
        compare(&report, &["actionMediaType", "from"], count(&events, |event| vec![json!(event.media_type), day(event.at)]));
        assert_eq!(report["items"][0]["from"], "2026-01-01T00:00:00+01:00", "rows stand in the order of time");

        // over the night in which an hour occurs twice
        let (from, to) = ("2026-10-24T12:15:00Z", "2026-10-25T12:15:00Z");
        let of_map = || events.iter().filter(|event| event.map_id() == "help");
        for limit in [from, to] {
            assert!(of_map().any(|event| event.at == utc(limit)), "no event stands at {limit}, so nothing shows whether it belongs to the report");
        }
        let report = ask(&format!("groupBy=actionMapVersion,hour&timeZone=Europe/Rome&actionMapId=help&from={from}&to={to}")).await;
        let asked_for = of_map().filter(|event| (utc(from)..utc(to)).contains(&event.at));
        compare(&report, &["actionMapVersion", "from"], count(asked_for, |event| vec![event.map_version(), hour(event.at)]));
    }

    async fn the_report_holds_the_same_as_csv_and_refuses_what_it_does_not_know(db) {
        let server = Server::start(db).await;
        send(&server, &events()[..PORTION]).await;
        let (_, report) = server.get("/v1/reports/web-actions?groupBy=actionMapId,month").await;
        let (_, csv) = server.get("/v1/reports/web-actions?groupBy=actionMapId,month&format=csv").await;
        let mut lines = csv.as_str().unwrap().lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let rows = report["items"].as_array().unwrap();
        for (row, line) in rows.iter().zip(lines.clone()) {
            let cells = header.iter().map(|name| match &row[*name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            assert_eq!(cells.collect::<Vec<_>>(), line.split(',').collect::<Vec<_>>());
        }
        assert_eq!((lines.count(), header.len()), (rows.len(), rows[0].as_object().unwrap().len()));
        for wrong in ["groupBy=day,hour", "groupBy=customer", "timeZone=Rome", "format=xml", "maps=1"] {
            assert_eq!(server.get(&format!("/v1/reports/web-actions?{wrong}")).await.0, 422, "{wrong}");
        }
    }
}
