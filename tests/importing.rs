//! Imports: records are counted, are found again by id, by contact and by text, and a second run
//! writes nothing.
//!
//! `ANNALS_TEST_DATA` names a folder of real data. Without it, the suite generates small files of
//! the same forms.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use annals::domain::Moment;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::both;
use crate::support::process::run;
use crate::support::{Place, Server, ids};

/// The folder to import, and a guard that keeps it if the test owns it.
fn data() -> (PathBuf, Option<TempDir>) {
    if let Ok(folder) = std::env::var("ANNALS_TEST_DATA") {
        return (PathBuf::from(folder), None);
    }
    eprintln!(
        "ANNALS_TEST_DATA is not set: importing generated files of the same shapes instead of real data"
    );
    let folder = TempDir::new().expect("a temporary folder");
    let write = |path: &str, text: String| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("agent-api-simulator/contacts.yaml", "- id: C1\n  title: 'Ms'\n  firstName: \"Ann\"\n  lastName: \"Rossi\"\n  phoneNumbers: [\"+390612\"]\n  emailAddresses: [\"ann@example.test\", \"a2@example.test\"]\n  CompanyName: \"Acme\"\n".into());
    write("agent-api-simulator/contact-interactions.yaml", "- id: I1\n  state: Stopped\n  typeId: Outbound\n  contactId: C1\n  startDate: 2020-03-08T17:08:07.675Z\n  endDate: 2020-03-08T17:08:26.863Z\n  mediaType: Call\n  ownerInformation:\n    - DBID: 101\n      userName: JohnSmith\n- id: I2\n  state: InProgress\n  typeId: Inbound\n  subtypeId: InboundNew\n  contactId: C1\n  subject: Question\n  startDate: 2020-03-09T17:08:07.675Z\n  mediaType: email\n".into());
    write("agent-api-simulator/contact-interactions-details.yaml", "- interactionId: I1\n  interaction:\n    phoneNumber: +441234567\n    callDuration: 87\n    state: Stopped\n    id: I1\n    mediaType: Call\n    startDate: 2020-03-08T17:08:07.675Z\n    comment: A note\n    contactId: C1\n    userData:\n      - key: Reason\n        type: str\n        value: One\n- interactionId: I2\n  interaction:\n    id: I2\n    interactionType: Inbound\n    interactionSubtype: InboundNew\n    mediaType: email\n    state: InProcess\n    startDate: 2020-03-09T17:08:07.675Z\n    subject: Question\n    userData:\n      - key: Priority\n        type: interger\n        value: 8\n      - key: To\n        type: str\n        value: a\n      - key: PegAGAgent Group Email\n        type: int\n        value: 1\n      - key: Info\n        type: kvlist\n        value:\n          - key: DispositionCode.Key\n            type: str\n            value:\n      - key: To\n        type: str\n        value: b\n    email:\n      from: ann@example.test\n      to: [ web@example.test ]\n      bodyAsPlainText: \"May I ask\\n\"\n".into());
    let chat = json!([{"convo_id": 1, "scenario": {"personal": {"customer_name": "ann rossi", "email": "ann1@example.test", "phone": "(1) 2", "username": "a1", "member_level": "gold"},
        "order": {"order_id": "9", "purchase_date": "2019-11-06"}, "product": {"names": ["x"], "amounts": [1]}, "flow": "f", "subflow": "s"},
        "original": [["agent", "Hi!"], ["customer", "My jeans are torn"], ["action", "Account pulled up"]], "delexed": []}]);
    write("abcd/abcd_sample.json", chat.to_string());
    let turn = |speaker: &str, text: &str| json!({"speaker": speaker, "utterance": text, "frames": [{"service": "Homes_1", "slots": [], "actions": [], "state": {"active_intent": "FindHome", "requested_slots": [], "slot_values": {"city": ["Rome"]}}}]});
    let dialogue = json!([{"dialogue_id": "1_00000", "services": ["Homes_1"], "turns": [turn("USER", "I want to rent"), turn("SYSTEM", "Where?")]}]);
    write("dstc8-sgd/dialogues_001.json", dialogue.to_string());
    let rows: String = (0..300)
        .map(|n| format!("\"My card number {n}, is it lost?\",lost_card_{}\n", n % 7))
        .collect();
    write("banking77/train.csv", format!("text,category\n{rows}"));
    (folder.path().to_owned(), Some(folder))
}

fn import(place: &Place, folder: &Path, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_annals"))
        .args(["import", "--database-url", &place.url])
        .args(more)
        .arg(folder)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// The line of the report's last part, "all files", that begins with a text.
fn total(report: &str, what: &str) -> Vec<u64> {
    let all = report
        .split("\nall files")
        .nth(1)
        .expect("the report ends with all files");
    let line = all
        .lines()
        .find(|line| line.trim_start().starts_with(what))
        .expect("a line of totals");
    line.split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect()
}

fn json_file(folder: &Path, path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(path)).expect("the file is there"))
        .expect("it is JSON")
}

fn dialogues(folder: &Path) -> usize {
    let files = std::fs::read_dir(folder.join("dstc8-sgd")).expect("the folder is there");
    files
        .map(|file| file.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| {
            json_file(folder, path.strip_prefix(folder).unwrap().to_str().unwrap())
                .as_array()
                .unwrap()
                .len()
        })
        .sum()
}

fn yaml(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("agent-api-simulator").join(name))
        .expect("the file is there");
    serde_saphyr::from_str(&text).expect("it is YAML")
}

both! {
    async fn a_line_says_itself_what_it_takes_along(db) {
        let place = Place::new(db).await;
        let file = place.path().join("history.ndjson");
        let lines = [
            json!({"id": "visit", "mediaType": "webengagement", "userData": {"visitID": "v", "rule": "r"}}),
            json!({"id": "silent", "mediaType": "chat", "parentId": "visit"}),
            json!({"id": "said", "mediaType": "chat", "parentId": "visit", "copyUserData": "rule"}),
            json!({"id": "alone", "mediaType": "chat", "userData": {"visitID": "v"}}),
        ];
        std::fs::write(&file, lines.map(|line| line.to_string()).join("\n")).unwrap();
        let settings = place.path().join("annals.toml");
        std::fs::write(&settings, "[engagement]\ncopy_user_data = \"all\"\nlink_by = [\"visitID\"]\n").unwrap();
        let ran = run(&place.url, &["--config", settings.to_str().unwrap(), "import", file.to_str().unwrap()]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let server = Server::at(Arc::new(place), |_| {}).await;
        for (id, parent, user_data) in [
            ("silent", json!("visit"), json!({})),
            ("said", json!("visit"), json!({"rule": "r"})),
            ("alone", Value::Null, json!({"visitID": "v"})),
        ] {
            let (_, stored) = server.get(&format!("/v1/interactions/{id}")).await;
            assert_eq!((&stored["parentId"], &stored["userData"]), (&parent, &user_data), "{id}");
        }
        let (_, family) = server.get("/v1/interactions/visit/lineage").await;
        assert_eq!(family["links"].as_array().unwrap().len(), 2);
        assert_eq!(family["links"][0]["linkedBy"], "parentId");
    }

    async fn everything_importable_comes_in_and_is_found_again(db) {
        let (folder, _kept) = data();
        let place = Arc::new(Place::new(db).await);
        let rows: Vec<(String, String)> = csv::Reader::from_path(folder.join("banking77/train.csv")).unwrap()
            .into_deserialize().map(|row| row.unwrap()).collect();
        let details = yaml(&folder, "contact-interactions-details.yaml");
        let contacts = yaml(&folder, "contacts.yaml");
        let chats = json_file(&folder, "abcd/abcd_sample.json");
        let count = (rows.len() + details.len() + chats.as_array().unwrap().len() + dialogues(&folder)) as u64;

        let dry = import(&place, &folder, &["--dry-run"]);
        assert_eq!(total(&dry, "interactions")[0], count, "{dry}");
        let first = import(&place, &folder, &[]);
        assert_eq!(total(&first, "interactions"), [count, count, 0], "{first}");
        assert_eq!(total(&first, "refused"), [0], "{first}");

        let server = Server::at(Arc::clone(&place), |_| {}).await;
        let (_, page) = server.get("/v1/interactions?limit=1&count=true").await;
        assert_eq!(page["count"], count, "a dry run wrote nothing, the run wrote all");
        let (_, before) = server.get("/v1/changes?limit=1&after=0&kind=webAction").await;
        let place = server.stop().await;
        let second = import(&place, &folder, &[]);
        assert_eq!(total(&second, "interactions"), [count, 0, count], "{second}");
        let server = Server::at(place, |_| {}).await;
        let (_, after) = server.get("/v1/changes?limit=1&after=0&kind=webAction").await;
        assert_eq!(before["next"], after["next"], "the second run wrote nothing");

        for contact in &contacts {
            let (status, found) = server.get(&format!("/v1/contacts/{}", contact["id"].as_str().unwrap())).await;
            assert_eq!((status, &found["attributes"]["EmailAddress"]), (200, &contact["emailAddresses"]));
        }
        for detail in &details {
            let id = detail["interactionId"].as_str().unwrap();
            let (status, found) = server.get(&format!("/v1/interactions/{id}")).await;
            assert_eq!(status, 200, "{id}");
            let keys: BTreeSet<&str> = detail["interaction"]["userData"].as_array().unwrap().iter().map(|pair| pair["key"].as_str().unwrap()).collect();
            for key in keys {
                assert!(found["userData"].as_object().unwrap().contains_key(key), "{id} lost {key}");
            }
            if let Some(contact) = found["contactId"].as_str() {
                let (_, history) = server.get(&format!("/v1/contacts/{contact}/history?limit=500")).await;
                assert!(ids(&history).contains(&id), "{id} is in the history of {contact}");
            }
        }
        for chat in chats.as_array().unwrap() {
            let personal = &chat["scenario"]["personal"];
            let known = match personal["email"].as_str() {
                Some(email) => json!({"EmailAddress": email}),
                None => json!({"PhoneNumber": personal["phone"]}),
            };
            let (_, who) = server.post("/v1/contacts/identify", json!({"attributes": known, "create": false})).await;
            let (_, history) = server.get(&format!("/v1/contacts/{}/history?fields=id,text,participants", who["contactId"].as_str().expect("known"))).await;
            let said = chat["original"][1][1].as_str().unwrap();
            assert!(history["items"].as_array().unwrap().iter().any(|one| one["text"].as_str().unwrap().contains(said)), "{said}");
        }
        let step = (rows.len() / 40).max(1);
        for (text, intent) in rows.iter().step_by(step) {
            let words: String = text.chars().map(|c| if c == '"' { ' ' } else { c }).collect();
            let search = json!({"filter": {"and": [{"q": format!("\"{words}\"")}, {"field": "userData.intent", "eq": intent}]}, "fields": ["text", "mediaType"], "limit": 500});
            let (status, page) = server.post("/v1/interactions/search", search).await;
            assert_eq!(status, 200, "{page}");
            assert!(page["items"].as_array().unwrap().iter().any(|one| one["text"] == *text && one["mediaType"] == "email"), "{text}");
        }
    }

    async fn what_was_exported_comes_in_again_the_same(db) {
        let server = Server::start(db).await;
        let parent = server.record(json!({"id": "z-parent", "mediaType": "webengagement", "contact": {"EmailAddress": "a@example.test"}, "userData": {"k": [1, null]}})).await;
        server.record(json!({"id": "a-child", "mediaType": "email", "parentId": "z-parent", "subject": "s", "text": "t", "contactId": parent["contactId"],
            "startDate": "2020-01-01T00:00:00Z", "endDate": "2020-01-02T00:00:00Z", "participants": [{"participantId": "p"}]})).await;
        let root = parent["contactId"].as_str().unwrap().to_owned();
        server.post("/v1/contacts", json!({"id": "a-second", "attributes": {"LastName": "Rossi"}})).await;
        assert_eq!(server.post("/v1/contacts/a-second/merge", json!({"into": root})).await.0, 200);
        server.record(json!({"id": "of-second", "mediaType": "sms", "contactId": "a-second"})).await;
        // a chain whose identifiers are in the reverse order
        for id in ["y", "x"] {
            server.post("/v1/contacts", json!({"id": id, "attributes": {"LastName": id}})).await;
        }
        assert_eq!(server.post("/v1/contacts/y/merge", json!({"into": "x"})).await.0, 200);
        server.post("/v1/contacts", json!({"id": "w", "attributes": {"LastName": "w"}})).await;
        assert_eq!(server.post("/v1/contacts/x/merge", json!({"into": "w"})).await.0, 200);
        let place = server.stop().await;
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("all.ndjson");
        let output = Command::new(env!("CARGO_BIN_EXE_annals")).args(["export", "--database-url", &place.url, "--output"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let other = Arc::new(Place::new(db).await);
        let report = import(&other, folder.path(), &[]);
        assert_eq!(total(&report, "interactions"), [3, 3, 0], "{report}");
        assert_eq!(total(&report, "contacts"), [5, 5, 0], "{report}");
        assert!(report.contains("refused: 0"), "{report}");
        let again = import(&other, folder.path(), &[]);
        assert_eq!((total(&again, "interactions"), total(&again, "contacts")), (vec![3, 0, 3], vec![5, 0, 5]), "{again}");
        let old = Server::at(place, |_| {}).await;
        let new = Server::at(other, |_| {}).await;
        for id in ["z-parent", "a-child"] {
            let path = format!("/v1/interactions/{id}");
            let (mut one, mut two) = (old.get(&path).await.1, new.get(&path).await.1);
            for made_anew in ["createdDate", "modifiedDate"] {
                one[made_anew] = Value::Null;
                two[made_anew] = Value::Null;
            }
            assert_eq!(one, two);
        }
        let history = new.get(&format!("/v1/contacts/{root}/history?fields=id")).await.1;
        assert_eq!(history["items"].as_array().unwrap().len(), 3, "{history}");
        assert_eq!(new.get("/v1/contacts/y").await.1["mergedInto"], "x");
        assert_eq!(new.get("/v1/contacts/x").await.1["mergedInto"], "w");
    }

    async fn the_demo_is_the_same_for_the_same_arguments_and_writes_nothing_twice(db) {
        let fill = |url: String, seed: &'static str| Command::new(env!("CARGO_BIN_EXE_annals"))
            .args(["demo", "--interactions", "300", "--seed", seed, "--until", "2026-06-30", "--database-url", &url]).output().unwrap();
        let places = [Arc::new(Place::new(db).await), Arc::new(Place::new(db).await)];
        let mut seen = Vec::new();
        for place in &places {
            for _ in 0..2 {
                let output = fill(place.url.clone(), "7");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            let server = Server::at(Arc::clone(place), |_| {}).await;
            let (_, page) = server.get("/v1/interactions?limit=500&count=true").await;
            assert_eq!(page["count"], 300);
            let journal = server.journal().await;
            let times: Vec<Moment> = journal.iter().map(|entry| Moment::parse(entry["at"].as_str().unwrap()).unwrap()).collect();
            assert!(times.is_sorted(), "journal times fit");
            assert!(journal.iter().any(|entry| entry["kind"] == "engagement.created"));
            assert!(page["items"].as_array().unwrap().iter().any(|one| one["userData"]["noEngageCode"].is_string()));
            assert!(!serde_json::to_string(&journal).unwrap().contains("jsonEvent"));
            seen.push((page, journal));
        }
        assert!(seen[0] == seen[1], "the same arguments make the same contact centre");
    }
}
