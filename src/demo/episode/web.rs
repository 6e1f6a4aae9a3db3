//! Visits to the web site. The strategy decides whether to offer the visitor a chat or a call back.

use serde_json::json;

use super::{Case, Person, conversation, disposition, of, participants, put};
use crate::demo::desk::{Desk, HOUR, Live, MINUTE, SECOND};
use crate::demo::dice::Dice;
use crate::demo::{timeline, words};
use crate::domain::Moment;
use crate::domain::interaction::{InteractionPatch, Status};
use crate::domain::user_data::{Document, Edit};

const SERVER: &str = "web-engagement-server";
const STRATEGY: &str = "engagement-logic";

/// Title, path, and the typical score of a visitor on the page.
const PAGES: [(&str, &str, i64); 8] = [
    ("Pricing", "/pricing", 70),
    ("Cart", "/cart", 85),
    ("Checkout", "/checkout", 90),
    ("Contact us", "/contact", 60),
    ("Compare plans", "/plans/compare", 65),
    ("Returns and refunds", "/help/returns", 40),
    ("Support", "/help", 35),
    ("Home", "/", 10),
];

const RULES: [&str; 6] = [
    "hot-lead",
    "cart-abandonment",
    "long-dwell",
    "returning-visitor",
    "searched-help",
    "form-error",
];

/// The policies for copying to a child; `None` leaves it open.
const POLICIES: [Option<&str>; 7] = [
    Some("all"),
    Some("rule;strategy"),
    Some("rule; strategy; ORS Data; score"),
    Some("pageTitle;pageURL;visitID;no such key"),
    Some("no"),
    Some(""),
    None,
];

const REFUSALS: [(&str, &str); 5] = [
    ("noAgents", "No agent of the group is ready"),
    (
        "pacing",
        "The pacing algorithm leaves no room for invitations",
    ),
    ("lowScore", "The score is below the threshold of the rule"),
    (
        "invitedToday",
        "The visitor was invited within the last 24 hours",
    ),
    ("openCase", "The customer has a case in progress"),
];

/// One engagement attempt, with everything that follows.
pub fn happens(desk: &mut Desk, who: &Person, at: Moment, open: bool) {
    let case = Case::new(&mut desk.dice, who);
    let known = desk.dice.percent(70);
    let (keys, score) = page(&mut desk.dice, who, &case, at);
    let mut new = of(who, "webengagement", at);
    if !known {
        new.contact_id = None;
    }
    new.kind = Some("Inbound".to_owned());
    new.subtype = Some("InboundNew".to_owned());
    new.status = Some(Status::InProcess);
    new.queue = Some("Webengagement_Qualified".to_owned());
    new.user_data = keys.into();
    let Some(mut attempt) = desk.record(at, SERVER, new) else {
        return;
    };
    let decided = {
        let wait = seconds(&mut desk.dice, 1, 5);
        desk.after(at, wait)
    };
    let refused = if !open && desk.dice.percent(90) {
        Some((
            "outOfHours",
            "The contact centre is closed in the visitor's country",
        ))
    } else if score < 30 || desk.dice.percent(38) {
        let place = desk.dice.weighted([30, 25, 20, 20, 5].into_iter());
        Some(REFUSALS[place])
    } else {
        None
    };
    let mut keys = Document::new();
    let strategy = if who.segment == "Gold" {
        "vip"
    } else {
        "default"
    };
    put(&mut keys, "strategy", strategy);
    put(
        &mut keys,
        "ORS Data",
        format!("session={}", &desk.dice.uuid()[..13]),
    );
    if let Some((code, description)) = refused {
        put(&mut keys, "noEngageCode", code);
        put(&mut keys, "noEngageDescription", description);
    }
    desk.attach(decided, STRATEGY, &mut attempt, keys);
    if refused.is_some() {
        let end = attempt.last.plus_micros(200_000);
        desk.stop(end, STRATEGY, &mut attempt, Some("NotEngaged"));
        return;
    }
    let answered = {
        let wait = seconds(&mut desk.dice, 4, 100);
        desk.after(attempt.last, wait)
    };
    match desk.dice.weighted([62, 22, 16].into_iter()) {
        0 if desk.left() > 0 => accepted(desk, who, &case, &mut attempt, answered),
        1 => desk.stop(answered, SERVER, &mut attempt, Some("Rejected")),
        _ => {
            let late = attempt.last.plus_micros(120 * SECOND);
            desk.stop(late, SERVER, &mut attempt, Some("Timeout"));
        }
    }
}

fn seconds(dice: &mut Dice, least: i64, most: i64) -> i64 {
    dice.mostly_short(least * 1000, most * 1000) * 1000
}

fn accepted(desk: &mut Desk, who: &Person, case: &Case, attempt: &mut Live, at: Moment) {
    let copy = POLICIES[desk.dice.weighted([25, 30, 20, 10, 5, 3, 7].into_iter())];
    let chat = desk.dice.percent(76);
    let mut own = Document::new();
    put(&mut own, "webengagement", "");
    put(&mut own, "ServiceType", case.service());
    let mut child = of(who, if chat { "chat" } else { "webcallback" }, at);
    child.kind = Some("Inbound".to_owned());
    child.subtype = Some("InboundNew".to_owned());
    child.status = Some(Status::InProcess);
    let code = who.country.language.code();
    child.queue = Some(format!(
        "{}-{code}",
        if chat {
            "webengagement-chat"
        } else {
            "webcallback"
        }
    ));
    child.subject = Some(case.say(&mut desk.dice, case.topic().subject));
    if !chat {
        let number = who.phones.first().cloned();
        put(
            &mut own,
            "CallbackNumber",
            number.unwrap_or_else(|| "+1 212 555 0100".to_owned()),
        );
        child.status = Some(Status::Pending);
    }
    child.user_data = own.into();
    let Some(mut live) = desk.engage(at, SERVER, attempt, copy, child) else {
        return;
    };
    desk.stop(at.plus_micros(SECOND), SERVER, attempt, Some("Engaged"));
    if chat {
        chats(desk, who, case, &mut live);
    } else {
        is_called_back(desk, case, who, &mut live);
    }
}

fn chats(desk: &mut Desk, who: &Person, case: &Case, live: &mut Live) {
    let start = live.last;
    if desk.dice.percent(7) {
        let gone = start.plus_micros(seconds(&mut desk.dice, 10, 120));
        desk.stop(gone, "chat-server", live, Some("Abandoned"));
        return;
    }
    let chat = conversation(&mut desk.dice, case, who, start);
    let length = chat.lines.last().map_or(0, |line| line.second);
    let end = start.plus_micros((length + 3) * SECOND);
    let patch = InteractionPatch {
        owner_id: Some(Some(case.agent.user.to_owned())),
        text: Some(Some(chat.text())),
        structured_text: Some(Some(chat.xml())),
        participants: Some(Some(participants(who, case.agent))),
        ..InteractionPatch::default()
    };
    desk.patch(end, "chat-server", live, patch);
    close(desk, case, live);
}

fn is_called_back(desk: &mut Desk, case: &Case, who: &Person, live: &mut Live) {
    let due = live
        .last
        .plus_micros(desk.dice.mostly_short(3, 600) * MINUTE);
    let called = timeline::when_open(who.country, due, &mut desk.dice);
    let patch = InteractionPatch {
        owner_id: Some(Some(case.agent.user.to_owned())),
        status: Some(Status::InProcess),
        ..InteractionPatch::default()
    };
    desk.patch(called, "callback-server", live, patch);
    let end = called.plus_micros(seconds(&mut desk.dice, 20, 900));
    if desk.dice.percent(12) {
        desk.stop(end, case.agent.user, live, Some("NoAnswer"));
        return;
    }
    let words = words::fill(case.topic().answer[0], &case.about());
    let patch = InteractionPatch {
        comment: Some(Some(words)),
        ..InteractionPatch::default()
    };
    desk.patch(end, case.agent.user, live, patch);
    close(desk, case, live);
}

/// The agent sets the disposition and marks the interaction as done. Sometimes the disposition is
/// corrected later.
pub(super) fn close(desk: &mut Desk, case: &Case, live: &mut Live) {
    let wrapped = live.last.plus_micros(seconds(&mut desk.dice, 5, 180));
    if desk.dice.percent(65) {
        let keys = disposition(&mut desk.dice);
        desk.attach(wrapped, case.agent.user, live, keys);
        desk.stop(live.last.plus_micros(SECOND), case.agent.user, live, None);
        if desk.dice.percent(6) {
            let later = live.last.plus_micros(desk.dice.between(1, 48) * HOUR);
            let edit = Edit {
                update: disposition(&mut desk.dice).into(),
                ..Edit::default()
            };
            desk.edit(later, "quality-team", live, edit);
        }
    } else {
        desk.stop(wrapped, case.agent.user, live, None);
    }
}

/// The keys that the server attaches to a new attempt, including `jsonEvent`, and the visitor's
/// score.
fn page(dice: &mut Dice, who: &Person, case: &Case, at: Moment) -> (Document, i64) {
    let (title, path, worth) = PAGES[dice.weighted([18, 16, 10, 10, 12, 12, 12, 10].into_iter())];
    let site = dice.pick(&["shop.example", "www.shop.example"]);
    let url = format!("https://{site}/{}{path}", who.country.language.code());
    let (visit, page_id) = (dice.uuid(), dice.uuid());
    let score = (worth + dice.between(-25, 25)).clamp(0, 100);
    let browser = dice.pick(&["Chrome", "Safari", "Firefox", "Edge"]);
    let device = dice.pick(&["desktop", "mobile", "desktop", "tablet"]);
    let dwell = dice.mostly_short(3, 600);
    let mut keys = Document::new();
    put(
        &mut keys,
        "jsonEvent",
        json!({
            "eventType": "BUSINESS", "eventName": "ACTIONABLE", "visitID": visit, "pageID": page_id, "timestamp": at,
            "data": {"url": url, "title": title, "dwellSeconds": dwell, "scrollDepth": dice.between(5, 100), "cart": {"items": dice.between(0, 5)},
                     "screenResolution": "1920x1080", "languageCode": who.country.language.code()},
        }),
    );
    put(&mut keys, "ixnType", "webengagement");
    put(
        &mut keys,
        "engagement_type",
        dice.pick(&["chat", "callback", "chat"]),
    );
    put(&mut keys, "engagement_attempts", dice.between(1, 3));
    put(&mut keys, "engagements_in_progress", 0);
    put(
        &mut keys,
        "timezoneOffset",
        timeline::offset_minutes(who.country, at),
    );
    put(&mut keys, "visitID", visit);
    put(&mut keys, "pageID", page_id);
    put(&mut keys, "pageTitle", title);
    put(&mut keys, "pageURL", url);
    put(
        &mut keys,
        "referrer",
        dice.pick(&[
            "https://search.example/",
            "https://news.example/",
            "",
            "https://ads.example/c/42",
        ]),
    );
    put(&mut keys, "rule", dice.pick(&RULES));
    put(&mut keys, "score", score);
    put(
        &mut keys,
        "browser",
        json!({"name": browser, "device": device, "mobile": device != "desktop"}),
    );
    put(&mut keys, "interest", case.product);
    (keys, score)
}
