//! A person's data: who an interaction belongs to, what an export contains, and what remains after
//! an erasure.
//!
//! A mark is planted in every writable place of a family; after the erasure it must be nowhere.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use crate::both;
use crate::support::direct::Direct;
use crate::support::process::{PATIENCE, run};
use crate::support::receiver::{Receiver, Reply};
use crate::support::{Db, Place, Server, id};

/// Marks: words that occur nowhere else, by the place where they were planted.
#[derive(Default)]
struct Marks(BTreeMap<String, &'static str>);

static NEXT: AtomicU32 = AtomicU32::new(1);

impl Marks {
    /// A new mark for a place. Marks differ from the first letter on, because an index may store
    /// only the difference from the previous word.
    fn at(&mut self, place: &'static str) -> String {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{:08x}mark", number.wrapping_mul(2_654_435_761));
        self.0.insert(mark.clone(), place);
        mark
    }

    /// The places whose marks a text contains.
    fn found_in(&self, text: &str) -> Vec<&'static str> {
        let found = self
            .0
            .iter()
            .filter(|(mark, _)| text.contains(mark.as_str()));
        found.map(|(_, place)| *place).collect()
    }

    /// The places whose marks a text lacks. A long text that was overwritten is nowhere, since the
    /// journal has only its length.
    fn missing_in(&self, text: &str) -> Vec<&'static str> {
        let missing = self
            .0
            .iter()
            .filter(|(mark, _)| !text.contains(mark.as_str()));
        missing
            .map(|(_, place)| *place)
            .filter(|place| *place != "text")
            .collect()
    }

    /// The places whose marks can be recognised in files.
    fn found_in_files(&self, files: &str) -> Vec<&'static str> {
        let found = self.0.iter().filter(|(mark, _)| files.contains(&mark[2..]));
        found.map(|(_, place)| *place).collect()
    }
}

/// Everything in a database, as text.
async fn dump(place: &Place) -> String {
    let mut direct = Direct::to(place).await;
    let sqlite = matches!(direct, Direct::Sqlite(_));
    let columns = if sqlite {
        "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY 1, 2"
    } else {
        "SELECT CAST(table_name AS text), CAST(column_name AS text) FROM information_schema.columns \
         WHERE table_schema = current_schema() ORDER BY 1, 2"
    };
    let columns = direct.pairs(columns).await;
    assert!(columns.len() > 80, "{columns:?}");
    let mut dump = String::new();
    for (table, column) in columns {
        let rows =
            format!("SELECT '{table}', COALESCE(CAST(\"{column}\" AS text), '') FROM \"{table}\"");
        let value = if sqlite {
            rows.replace(&format!("CAST(\"{column}\" AS text)"), &format!("CASE typeof(\"{column}\") WHEN 'blob' THEN '' ELSE CAST(\"{column}\" AS text) END"))
        } else {
            rows
        };
        for (table, value) in direct.pairs(&value).await {
            dump += &format!("{table}.{column}: {value}\n");
        }
    }
    dump
}

/// The answers of every `GET` about everything, and the results of searches.
async fn walk(server: &Server, contacts: &[&str], hook: Option<&str>) -> String {
    let mut paths: Vec<String> = ["/v1/changes?limit=1000", "/v1/web-actions?limit=500", "/v1/webhooks", "/v1/reports/web-actions",
        "/v1/interactions?limit=500&include=webActions&fields=id,subject,text,structuredText,comment,participants,externalId,stoppedReason,userData",
        "/v1/interactions?limit=500&sort=startDate"].map(str::to_owned).into();
    if let Some(hook) = hook {
        paths.push(format!("/v1/webhooks/{hook}"));
        paths.push(format!("/v1/webhooks/{hook}/deliveries?limit=1000"));
    }
    for contact in contacts {
        paths.extend(
            ["", "/history", "/export"].map(|what| format!("/v1/contacts/{contact}{what}")),
        );
        paths.push(format!("/v1/changes?contactId={contact}"));
    }
    let moments: Vec<String> = server
        .journal()
        .await
        .iter()
        .map(|entry| entry["at"].as_str().unwrap().to_owned())
        .collect();
    let (_, all) = server.get("/v1/interactions?limit=500").await;
    for interaction in all["items"].as_array().unwrap() {
        let path = format!("/v1/interactions/{}", id(interaction));
        paths.extend(
            [
                "",
                "?include=children,parent,contact",
                "/lineage",
                "/user-data",
            ]
            .map(|what| format!("{path}{what}")),
        );
        paths.extend(moments.iter().map(|at| format!("{path}/user-data?at={at}")));
        paths.push(format!("/v1/changes?interactionId={}", id(interaction)));
        paths.push(format!(
            "/v1/threads/{}",
            interaction["threadId"].as_str().unwrap()
        ));
        for medium in ["chats", "emails", "webengagements"] {
            paths.push(format!("/api/v2/me/{medium}/{}", id(interaction)));
        }
    }
    let (_, actions) = server.get("/v1/web-actions?limit=500").await;
    paths.extend(
        actions["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("/v1/web-actions/{}", one["actionId"].as_str().unwrap())),
    );
    let mut told = String::new();
    for path in paths {
        let (status, answer) = server.get(&path).await;
        // an interaction has no UserData before it was recorded
        assert!(
            [200, 404].contains(&status) || path.contains("?at="),
            "{path}: {answer}"
        );
        told += &format!("{path}: {answer}\n");
    }
    told
}

/// Posts with an `Idempotency-Key`, so that the reply is stored.
async fn post(server: &Server, path: &str, body: Value) -> Value {
    let key = format!("key-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let (status, answer) = server
        .post_with(path, &[("idempotency-key", &key)], body)
        .await;
    assert!((200..300).contains(&status), "{path}: {answer}");
    answer
}

/// A body with a mark in every place of an interaction.
fn marked(marks: &mut Marks, id: &str, media_type: &str) -> Value {
    json!({"id": id, "mediaType": media_type, "subject": marks.at("subject"), "text": format!("I said {}, twice", marks.at("text")),
        "structuredText": format!("<chat>{}</chat>", marks.at("structuredText")), "comment": marks.at("comment"), "externalId": marks.at("externalId"),
        "stoppedReason": marks.at("stoppedReason"), "participants": [{"participantId": marks.at("participantId"), "nickname": marks.at("nickname")}],
        "userData": {"indexed": marks.at("an indexed key"), "deep": {"list": [marks.at("a nested value")]}, marks.at("the name of a key"): 1}})
}

/// Changes everything in an interaction twice, so that the journal has values that are gone from
/// the interaction.
async fn change(server: &Server, marks: &mut Marks, id: &str) {
    let path = format!("/v1/interactions/{id}");
    post(server, &format!("{path}/user-data"), json!({"attach": {"later": marks.at("a value that was overwritten")}, "update": {"indexed": marks.at("an updated value")}})).await;
    post(
        server,
        &format!("{path}/user-data"),
        json!({"update": {"later": marks.at("a value that was deleted")}}),
    )
    .await;
    post(
        server,
        &format!("{path}/user-data"),
        json!({"delete": ["later"]}),
    )
    .await;
    let patch = json!({"subject": marks.at("a patched subject"), "comment": marks.at("a patched comment"), "text": marks.at("a patched text")});
    assert_eq!(server.patch(&path, patch).await.0, 200);
    post(
        server,
        &format!("{path}/stop"),
        json!({"stoppedReason": marks.at("a reason given on stopping")}),
    )
    .await;
}

fn event(marks: &mut Marks, action: &str, state: &str) -> Value {
    json!({"actionId": action, "actionState": state, "actionMediaType": "webchat", "actionMapId": "map", "customerId": marks.at("customerId"),
        "errorMessage": marks.at("errorMessage"), "page": marks.at("enrichment")})
}

/// The person, with a merged identity, and somebody else.
async fn plant_contacts(server: &Server, gone: &mut Marks, kept: &mut Marks) {
    for contact in ["person", "merged", "other"] {
        let marks = if contact == "other" {
            &mut *kept
        } else {
            &mut *gone
        };
        post(server, "/v1/contacts", json!({"id": contact, "attributes": {"EmailAddress": format!("{}@example.test", marks.at("an address")), "LastName": marks.at("a name")}})).await;
        let patch = json!({"attributes": {"LastName": [marks.at("a new name")], "Remark": marks.at("an attribute")}});
        assert_eq!(
            server
                .patch(&format!("/v1/contacts/{contact}"), patch)
                .await
                .0,
            200
        );
    }
    post(
        server,
        "/v1/contacts/merged/merge",
        json!({"into": "person"}),
    )
    .await;
}

/// An anonymous visit, its parent visit, the chat that it led to, and other children of both
/// visits. Returns the name of the visit.
async fn plant_family(server: &Server, gone: &mut Marks) -> String {
    let visit_id = gone.at("a visit");
    let mut first = marked(gone, "first", "webengagement");
    first["userData"]["visitID"] = json!(visit_id);
    post(server, "/v1/interactions", first).await;
    let mut visit = marked(gone, "visit", "webengagement");
    visit["parentId"] = json!("first");
    post(server, "/v1/interactions", visit).await;
    let mut chat = marked(gone, "chat", "chat");
    chat["contactId"] = json!("person");
    chat["copyUserData"] = json!("all");
    post(server, "/v1/interactions/visit/engagements", chat).await;
    let mut sibling = marked(gone, "sibling", "chat");
    sibling["copyUserData"] = json!(format!("deep;{}", gone.at("a policy")));
    post(server, "/v1/interactions/visit/engagements", sibling).await;
    let mut below = marked(gone, "below", "email");
    below["parentId"] = json!("chat");
    post(server, "/v1/interactions", below).await;
    // one of the merged identity, found by its address, and one that belonged to somebody else at
    // first
    let mut own = marked(gone, "own", "email");
    own["contactId"] = json!("merged");
    post(server, "/v1/interactions", own).await;
    post(server, "/v1/interactions", json!({"id": "moved-in", "mediaType": "email", "contactId": "other", "subject": gone.at("a subject of its former time")})).await;
    assert_eq!(
        server
            .patch("/v1/interactions/moved-in", json!({"contactId": "person"}))
            .await
            .0,
        200
    );
    for id in [
        "first", "visit", "chat", "sibling", "below", "own", "moved-in",
    ] {
        change(server, gone, id).await;
    }
    // no edit and no text: only what was there from the beginning
    post(server, "/v1/interactions", json!({"id": "plain", "mediaType": "chat", "contactId": "person", "subject": gone.at("a plain subject"), "text": gone.at("a plain text"), "userData": {"indexed": gone.at("a plain value")}})).await;
    visit_id
}

/// Interactions of somebody else: one of their own, one that once belonged to the person, and one
/// that the person's chat led to.
async fn plant_others(server: &Server, kept: &mut Marks) {
    let mut hers = marked(kept, "hers", "chat");
    hers["contactId"] = json!("other");
    post(server, "/v1/interactions", hers).await;
    let mut moved_out = marked(kept, "moved-out", "email");
    moved_out["contactId"] = json!("person");
    post(server, "/v1/interactions", moved_out).await;
    assert_eq!(
        server
            .patch("/v1/interactions/moved-out", json!({"contactId": "other"}))
            .await
            .0,
        200
    );
    let mut next = marked(kept, "next", "chat");
    next["contactId"] = json!("other");
    next["parentId"] = json!("chat");
    post(server, "/v1/interactions", next).await;
    for id in ["hers", "moved-out", "next"] {
        change(server, kept, id).await;
    }
}

/// What was planted in the visit that led to both persons.
struct Both {
    /// The value that was copied to the person's chat.
    now: String,
    /// The value that was copied to the other person's.
    theirs: String,
    /// The name of the visit.
    visit: Value,
}

/// A visit that led to both persons. The key that the person's chat received must go, with its
/// earlier values and other occurrences of its value.
async fn plant_shared(server: &Server, gone: &mut Marks, kept: &mut Marks) -> Both {
    let (before, now) = (
        gone.at("a shared value of before"),
        gone.at("a shared value"),
    );
    let theirs = kept.at("a value of the other person");
    let mut both = marked(kept, "both", "webengagement");
    both["userData"]["mine"] = json!(before);
    both["userData"]["hers"] = json!(theirs);
    both["userData"]["visitID"] = json!(kept.at("a shared visit"));
    let visit = both["userData"]["visitID"].clone();
    post(server, "/v1/interactions", both).await;
    post(
        server,
        "/v1/interactions/both/user-data",
        json!({"update": {"mine": {"is": now}}, "attach": {"note": format!("{now} called")}}),
    )
    .await;
    post(
        server,
        "/v1/interactions/both/engagements",
        json!({"id": "mine", "mediaType": "chat", "contactId": "person", "copyUserData": "mine"}),
    )
    .await;
    post(server, "/v1/interactions/both/engagements", json!({"id": "hers-too", "mediaType": "chat", "contactId": "other", "copyUserData": "hers"})).await;
    let text = format!("{now} and {}", kept.at("the rest of a shared text"));
    let patch = json!({"subject": format!("a chat with {now}"), "text": text, "comment": format!("of {before}"), "participants": [{"participantId": now, "nickname": before}]});
    assert_eq!(server.patch("/v1/interactions/both", patch).await.0, 200);
    Both { now, theirs, visit }
}

/// The web actions that led to these, by the visit and by the interaction; and others.
async fn plant_web_actions(
    server: &Server,
    gone: &mut Marks,
    kept: &mut Marks,
    visit: &str,
    both: &Both,
) {
    let mut events = json!([
        event(gone, "visited", "offered"),
        event(gone, "visited", "accepted"),
        event(gone, "led", "offered"),
        event(gone, "led", "started"),
        event(kept, "shared", "offered"),
        event(kept, "others", "offered")
    ]);
    events[0]["sessionId"] = json!(visit);
    events[1]["sessionId"] = json!(gone.at("a visit that one event names"));
    events[3]["interactionId"] = json!("chat");
    events[4]["sessionId"] = both.visit.clone();
    events[4]["mail"] = json!(both.now);
    let (status, answer) = server.post("/v1/web-actions", events).await;
    assert_eq!(status, 200, "{answer}");
}

/// Checks that no search finds erased words, and that remaining words are found.
async fn is_not_found(server: &Server, gone: &Marks, kept: &Marks) {
    for mark in gone.0.keys() {
        let (_, found) = server.get(&format!("/v1/interactions?q={mark}")).await;
        assert_eq!(found["items"], json!([]), "{}", gone.0[mark]);
        let (_, found) = server.post("/v1/interactions/search", json!({"filter": {"or": [{"field": "userData.indexed", "eq": mark}, {"field": "userData.mine", "exists": true}, {"field": "externalId", "eq": mark}]}})).await;
        assert_eq!(found["items"], json!([]), "{}", gone.0[mark]);
    }
    for (mark, place) in &kept.0 {
        if ["a patched subject", "the rest of a shared text"].contains(place) {
            let (_, found) = server.get(&format!("/v1/interactions?q={mark}")).await;
            assert_eq!(found["items"].as_array().unwrap().len(), 1, "{place}");
        }
    }
}

/// Checks that the shared visit lost the person's data, and that its journal reports that.
async fn is_cleaned(server: &Server, both: &Both) {
    let (_, stored) = server.get("/v1/interactions/both").await;
    assert_eq!(
        stored["text"].as_str().unwrap().split(' ').next(),
        Some("[erased]"),
        "{stored}"
    );
    assert_eq!(stored["userData"]["hers"], json!(both.theirs));
    assert!(
        stored["userData"].get("mine").is_none() && stored["userData"]["note"] == "[erased] called",
        "{stored}"
    );
    let (_, journal) = server
        .get("/v1/changes?interactionId=both&limit=1000")
        .await;
    let last: Vec<&Value> = journal["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .take(2)
        .map(|entry| &entry["kind"])
        .collect();
    assert_eq!(
        last,
        ["interaction.changed", "userData.edited"],
        "{journal}"
    );
    let (_, at_last) = server
        .get(&format!(
            "/v1/interactions/both/user-data?at={}",
            stored["modifiedDate"].as_str().unwrap()
        ))
        .await;
    assert_eq!(
        (&at_last["userData"], &at_last["revision"]),
        (&stored["userData"], &stored["revision"]),
        "the journal still leads to the present"
    );
}

both! {
    async fn nothing_of_a_person_is_left_anywhere_and_everything_of_others_stays(db) {
        let receiver = Receiver::start().await;
        receiver.behave(|_| Reply::Status(500));
        let server = Server::with(db, |config| {
            config.webhooks.allow_private = true;
            config.user_data.indexed = vec!["indexed".to_owned()];
        }).await;
        let (status, hook) = server.post("/v1/webhooks", json!({"url": receiver.url, "kinds": ["interaction", "userData", "engagement", "contact", "webAction"]})).await;
        assert_eq!(status, 201, "{hook}");
        let hook = id(&hook).to_owned();
        let (mut gone, mut kept) = (Marks::default(), Marks::default());

        plant_contacts(&server, &mut gone, &mut kept).await;
        let visit = plant_family(&server, &mut gone).await;
        plant_others(&server, &mut kept).await;
        let both = plant_shared(&server, &mut gone, &mut kept).await;
        plant_web_actions(&server, &mut gone, &mut kept, &visit, &both).await;
        let mut direct = Direct::to(&server.place).await;
        let moment = if db == Db::Sqlite { "0" } else { "now()" };
        direct.execute(&format!("INSERT INTO client_answer (cursor, tenant_id, user_name, channel, reference_id, data, created_date) \
             VALUES (100000, 1, '', '/v2/ucs/interactions', 7, '{{\"text\":\"{}\"}}', {moment})", gone.at("an answer that waits for its client"))).await;

        // some deliveries wait; some are dead
        receiver.until("a first delivery", |letters| !letters.is_empty()).await;
        let begun = Instant::now();
        while server.get(&format!("/v1/webhooks/{hook}/deliveries?state=waiting&limit=1000")).await.1["items"].as_array().unwrap().len() < 20 {
            assert!(begun.elapsed() < PATIENCE);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        direct.execute("UPDATE webhook_delivery SET state = 2, next_date = NULL WHERE next_date IS NULL AND state = 0 AND kind LIKE 'userData%'").await;

        // all marks are found where they belong, and the export has those of this person alone
        let told = walk(&server, &["person", "merged", "other"], Some(&hook)).await;
        let dumped = dump(&server.place).await;
        assert_eq!(gone.missing_in(&dumped), Vec::<&str>::new());
        assert_eq!(kept.missing_in(&dumped), Vec::<&str>::new());
        assert_eq!(kept.missing_in(&told), Vec::<&str>::new());
        let (status, export) = server.get("/v1/contacts/merged/export").await;
        assert_eq!(status, 200);
        assert_eq!(kept.found_in(&export.to_string()), Vec::<&str>::new(), "an export holds nothing of others");
        let not_told = ["a shared value of before", "an answer that waits for its client", "a subject of its former time"];
        let missing = gone.missing_in(&export.to_string());
        let missing: Vec<&&str> = missing.iter().filter(|place| !not_told.contains(place)).collect();
        assert_eq!(missing, Vec::<&&str>::new(), "all that is the person's alone");
        let shared = json!([{"interactionId": "both", "keys": ["mine"]}]);
        assert_eq!(export["shared"], shared);
        assert_eq!(export["interactions"].as_array().unwrap().len(), 9);
        let link = export["links"].as_array().unwrap().iter().find(|link| link["childId"] == "chat").unwrap();
        assert_eq!((&link["parentId"], &link["copyUserData"]), (&json!("visit"), &json!("all")));

        let (status, erased) = server.post_with("/v1/contacts/merged/erase", &[("idempotency-key", "erase")], json!({})).await;
        assert_eq!((status, &erased), (200, &json!({"contacts": ["person", "merged"], "interactions": 9, "shared": shared})));
        let sent_before = receiver.letters().len();
        receiver.behave(|_| Reply::Status(204));

        let told = walk(&server, &["person", "merged", "other"], Some(&hook)).await;
        assert_eq!(gone.found_in(&told), Vec::<&str>::new());
        assert_eq!(kept.missing_in(&told), Vec::<&str>::new());
        is_not_found(&server, &gone, &kept).await;
        is_cleaned(&server, &both).await;
        for id in ["first", "visit", "chat", "sibling", "below", "own", "moved-in", "plain", "mine"] {
            let (_, entries) = server.get(&format!("/v1/changes?interactionId={id}&limit=1000")).await;
            assert!(entries["items"].as_array().unwrap().iter().all(|entry| entry["delta"] == json!({"erased": true}) && entry["contactId"].is_null()), "{entries}");
        }
        let (_, moved) = server.get("/v1/changes?interactionId=moved-out&limit=1000").await;
        assert!(!moved.to_string().contains("\"person\""), "nothing says whose it was once: {moved}");

        // stored replies: the erasure is answered as before, and nothing else about the person
        let (_, again) = server.post_with("/v1/contacts/merged/erase", &[("idempotency-key", "erase")], json!({})).await;
        assert_eq!(again, erased);

        // waiting deliveries, and dead ones that are sent again
        server.post(&format!("/v1/webhooks/{hook}/replay"), json!({"state": "dead"})).await;
        receiver.until("a delivery of the erasure", |letters| letters.iter().any(|letter| letter.taken && letter.body["type"] == "contact.erased")).await;
        let sent: Vec<String> = receiver.letters()[sent_before..].iter().map(|letter| letter.body.to_string()).collect();
        assert_eq!(gone.found_in(&sent.join("\n")), Vec::<&str>::new());

        // the database, its files, and its export
        let dumped = dump(&server.place).await;
        assert_eq!(gone.found_in(&dumped), Vec::<&str>::new());
        assert_eq!(kept.missing_in(&dumped), Vec::<&str>::new());
        drop(direct);
        if db == Db::Sqlite {
            gone_from_files(&server.place, |files| gone.found_in_files(files)).await;
            assert!(kept.found_in_files(&files(&server.place).await).len() > 40);
        }
        let place = server.stop().await;
        let export = run(&place.url, &["export"]).await;
        assert_eq!(export.code, Some(0), "{export:?}");
        assert_eq!(gone.found_in(&export.out), Vec::<&str>::new());
        assert!(export.out.contains(&both.theirs));
    }

    async fn two_persons_who_share_a_visit_are_erased_one_after_the_other(db) {
        let server = Server::start(db).await;
        for contact in ["a", "b"] {
            server.post("/v1/contacts", json!({"id": contact, "attributes": {"LastName": contact}})).await;
        }
        server.record(json!({"id": "visit", "mediaType": "webengagement", "subject": "secret-visit", "userData": {"of-a": "secret-a", "of-b": "secret-b", "rest": "secret-rest"}})).await;
        for contact in ["a", "b"] {
            let child = json!({"id": format!("chat-{contact}"), "mediaType": "chat", "contactId": contact, "copyUserData": format!("of-{contact}")});
            assert_eq!(server.post("/v1/interactions/visit/engagements", child).await.0, 201);
        }
        let (_, erased) = server.post("/v1/contacts/a/erase", json!({})).await;
        assert_eq!((&erased["interactions"], &erased["shared"]), (&json!(1), &json!([{"interactionId": "visit", "keys": ["of-a"]}])));
        let (_, export) = server.get("/v1/contacts/b/export").await;
        assert!(export["shared"] == json!([]) && export.to_string().contains("secret-rest") && !export.to_string().contains("secret-a"), "{export}");
        let (_, erased) = server.post("/v1/contacts/b/erase", json!({})).await;
        assert_eq!(erased["shared"], json!([]));
        let everything = walk(&server, &["a", "b"], None).await;
        assert!(!everything.contains("secret"), "{everything}");
    }

    async fn a_family_of_thousands_is_exported_and_erased_whole(db) {
        let server = Server::with(db, |config| config.user_data.indexed = vec!["n".to_owned()]).await;
        server.post("/v1/contacts", json!({"id": "p", "attributes": {"LastName": "p"}})).await;
        server.record(json!({"id": "v", "mediaType": "webengagement", "subject": "secretword"})).await;
        let line = |n: usize| {
            // a chain of visits, below it chats of the person, and below those anonymous
            // interactions
            let (parent, contact) = match n {
                0..600 => (if n == 0 { "v".to_owned() } else { format!("i{}", n - 1) }, Value::Null),
                600..1800 => ("i599".to_owned(), json!("p")),
                _ => (format!("i{}", n - 1200), Value::Null),
            };
            let long = "another word ".repeat(n % 700);
            let theirs = json!({"id": format!("i{n}"), "mediaType": "chat", "parentId": parent, "contactId": contact, "text": format!("secretword {long}"),
                "externalId": format!("{n}secretword"), "userData": {"n": format!("{n}secretword"), "long": long}});
            // among them, interactions that stay
            let others = json!({"id": format!("o{n}"), "mediaType": "chat", "text": long, "externalId": format!("{n}x"), "userData": {"n": format!("{n}x"), "long": long}});
            format!("{theirs}\n{others}")
        };
        let lines: Vec<String> = (0..3000).map(line).collect();
        let (status, answer) = server.post_text("/v1/interactions/batch?reply=errors", lines.join("\n")).await;
        assert!(status == 200 && !answer.to_string().contains("problem"), "{answer}");
        let (_, export) = server.get("/v1/contacts/p/export").await;
        assert_eq!((export["interactions"].as_array().unwrap().len(), export["links"].as_array().unwrap().len(), export["changes"].as_array().unwrap().len()), (3001, 3000, 3002));
        let (_, erased) = server.post("/v1/contacts/p/erase", json!({})).await;
        assert_eq!(erased["interactions"], 3001, "{erased}");
        assert_eq!(server.get("/v1/interactions?q=secretword").await.1["items"], json!([]));
        assert!(!dump(&server.place).await.contains("secretword"));
        if db == Db::Sqlite {
            gone_from_files(&server.place, |files| files.matches("secretword").map(|_| "secretword").collect()).await;
            // unused parts of pages and of the word index were overwritten
            let mut direct = Direct::to(&server.place).await;
            let checked = direct.pairs("SELECT integrity_check, '' FROM pragma_integrity_check").await;
            assert_eq!(checked, [("ok".to_owned(), String::new())]);
            direct.execute("INSERT INTO interaction_words (interaction_words) VALUES ('integrity-check')").await;
        }
        let (_, left) = server.get("/v1/interactions?q=%22another+word%22&count=true&limit=1").await;
        assert_eq!(left["count"], 2995, "{left}");
    }

    async fn a_value_is_erased_in_whatever_case_others_wrote_it(db) {
        let server = Server::start(db).await;
        for contact in ["a", "b"] {
            server.post("/v1/contacts", json!({"id": contact, "attributes": {"LastName": contact}})).await;
        }
        let visit = json!({"id": "visit", "mediaType": "webengagement", "subject": "of Case.Ann@x.test", "text": "write to CASE.ANN@X.TEST, or to GROSSE STRASSE",
            "userData": {"k": {"email": "CaSe.Ann@X.test", "street": "Große Straße"}, "low": "case.ann@x.test", "rest": "stays"}});
        server.record(visit).await;
        for (kind, contact, keys) in [("chat", "a", "k"), ("webcallback", "b", "rest")] {
            let child = json!({"id": format!("{kind}-{contact}"), "mediaType": kind, "contactId": contact, "copyUserData": keys});
            assert_eq!(server.post("/v1/interactions/visit/engagements", child).await.0, 201);
        }
        assert_eq!(server.post("/v1/contacts/a/erase", json!({})).await.0, 200);
        let (_, visit) = server.get("/v1/interactions/visit").await;
        assert_eq!(visit["userData"], json!({"low": "[erased]", "rest": "stays"}));
        assert_eq!(visit["text"], "write to [erased], or to [erased]");
        let everything = walk(&server, &["a", "b"], None).await.to_lowercase();
        for gone in ["case.ann", "grosse", "große"] {
            assert!(!everything.contains(gone), "{gone}: {everything}");
        }
        assert_eq!(server.get("/v1/interactions?q=ann").await.1["items"], json!([]));
    }
}

/// Waits until the files of a SQLite database contain nothing erased, which is overwritten within a
/// moment.
async fn gone_from_files(place: &Place, find: impl Fn(&str) -> Vec<&'static str>) {
    let begun = Instant::now();
    loop {
        let found = find(&files(place).await);
        if found.is_empty() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// The contents of a SQLite database and its log. Another process reads them, because closing a
/// file would drop this process's locks on it.
async fn files(place: &Place) -> String {
    let path = |end: &str| place.path().join(format!("annals.db{end}"));
    let read = tokio::process::Command::new("cat")
        .args([path(""), path("-wal")])
        .output()
        .await
        .unwrap();
    assert!(read.status.success(), "{read:?}");
    String::from_utf8_lossy(&read.stdout).into_owned()
}
