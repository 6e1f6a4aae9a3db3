//! Consistency of a store: every row has its journal entry, and every entry its rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::clients::Kept;
use crate::support::direct::Direct;
use crate::support::process::Process;
use crate::support::{Place, id};

/// The state of an interaction according to the journal.
struct Told {
    subject: String,
    parent: Option<String>,
    user_data: Map<String, Value>,
    revision: usize,
}

/// The state of all interactions according to the journal.
#[derive(Default)]
pub struct History {
    pub entries: i64,
    interactions: BTreeMap<String, Told>,
}

/// Queries for incomplete data; all counts must be zero.
const HALVES: [(&str, &str); 10] = [
    (
        "an interaction without the entry that recorded it",
        "SELECT COUNT(*) FROM interaction i WHERE (SELECT COUNT(*) FROM journal j WHERE j.interaction_id = i.id AND j.interaction_id <> '' AND j.tenant_id = i.tenant_id \
         AND j.kind IN ('interaction.recorded', 'engagement.created')) <> 1 OR NOT EXISTS (SELECT 1 FROM journal j WHERE j.cursor = i.seq AND j.interaction_id = i.id)",
    ),
    (
        "an entry without its interaction",
        "SELECT COUNT(*) FROM journal j WHERE NOT EXISTS (SELECT 1 FROM interaction i WHERE i.id = j.interaction_id AND i.tenant_id = j.tenant_id)",
    ),
    (
        "a revision that the journal does not know",
        "SELECT COUNT(*) FROM interaction i WHERE i.revision <> (SELECT COUNT(*) FROM journal j WHERE j.interaction_id = i.id AND j.interaction_id <> '' AND j.tenant_id = i.tenant_id)",
    ),
    (
        "an interaction without UserData",
        "SELECT COUNT(*) FROM interaction i WHERE NOT EXISTS (SELECT 1 FROM interaction_json u WHERE u.seq = i.seq AND u.interaction_id = i.id AND u.tenant_id = i.tenant_id)",
    ),
    (
        "UserData without its interaction",
        "SELECT COUNT(*) FROM interaction_json u WHERE NOT EXISTS (SELECT 1 FROM interaction i WHERE i.seq = u.seq AND i.id = u.interaction_id AND i.tenant_id = u.tenant_id)",
    ),
    (
        "a text without its interaction",
        "SELECT COUNT(*) FROM interaction_text t WHERE NOT EXISTS (SELECT 1 FROM interaction i WHERE i.seq = t.seq AND i.id = t.interaction_id AND i.tenant_id = t.tenant_id)",
    ),
    (
        "a child without its link",
        "SELECT COUNT(*) FROM interaction i WHERE i.parent_id IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM link l WHERE l.child_id = i.id AND l.parent_id = i.parent_id AND l.tenant_id = i.tenant_id)",
    ),
    (
        "a link without its child",
        "SELECT COUNT(*) FROM link l WHERE NOT EXISTS (SELECT 1 FROM interaction i WHERE i.id = l.child_id AND i.parent_id = l.parent_id)",
    ),
    (
        "a head that is not the last entry",
        "SELECT COUNT(*) FROM journal_head WHERE last_cursor <> (SELECT MAX(cursor) FROM journal) OR last_cursor <> (SELECT COUNT(*) FROM journal)",
    ),
    (
        "a kept reply that nobody asked for",
        "SELECT COUNT(*) FROM kept_reply",
    ),
];

/// The same for full text, which each database stores differently.
const SQLITE_WORDS: [(&str, &str); 3] = [
    (
        "a subject that full text does not have",
        "SELECT COUNT(*) FROM interaction i WHERE i.subject IS NOT NULL AND i.seq NOT IN (SELECT rowid FROM interaction_words)",
    ),
    (
        "words without their interaction",
        "SELECT COUNT(*) FROM interaction_words w WHERE w.rowid NOT IN (SELECT seq FROM interaction)",
    ),
    (
        "damage in the file",
        "SELECT COUNT(*) FROM pragma_integrity_check() WHERE integrity_check <> 'ok'",
    ),
];
const POSTGRES_WORDS: [(&str, &str); 2] = [
    (
        "a subject that full text does not have",
        "SELECT COUNT(*) FROM interaction i WHERE i.subject IS NOT NULL AND NOT EXISTS (SELECT 1 FROM interaction_words w WHERE w.interaction_id = i.id)",
    ),
    (
        "words without their interaction",
        "SELECT COUNT(*) FROM interaction_words w WHERE NOT EXISTS (SELECT 1 FROM interaction i WHERE i.id = w.interaction_id)",
    ),
];

impl History {
    /// Reads the journal from where it was left, and replays it.
    pub async fn read_on(&mut self, server: &Process) {
        loop {
            let path = format!("/v1/changes?limit=1000&after={}", self.entries);
            let path = if self.entries == 0 {
                "/v1/changes?limit=1000"
            } else {
                &path
            };
            let (status, page) = server.get(path).await;
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().expect("a list");
            if items.is_empty() {
                return;
            }
            for entry in items {
                self.entries += 1;
                assert_eq!(
                    entry["cursor"],
                    self.entries.to_string(),
                    "cursors have no gap"
                );
                self.replay(entry);
            }
        }
    }

    fn replay(&mut self, entry: &Value) {
        let id = entry["interactionId"].as_str().expect("an id");
        let delta = &entry["delta"];
        if let Some(told) = self.interactions.get_mut(id) {
            assert!(
                entry["kind"]
                    .as_str()
                    .is_some_and(|kind| kind.starts_with("userData.")),
                "{entry}"
            );
            told.revision += 1;
            for key in delta["delete"].as_array().into_iter().flatten() {
                told.user_data.remove(key.as_str().expect("a key"));
            }
            for set in ["attach", "update"] {
                for (key, value) in delta[set].as_object().into_iter().flatten() {
                    told.user_data.insert(key.clone(), value.clone());
                }
            }
        } else {
            assert!(
                ["interaction.recorded", "engagement.created"]
                    .contains(&entry["kind"].as_str().unwrap()),
                "{entry}"
            );
            let told = Told {
                subject: delta["subject"].as_str().unwrap_or_default().to_owned(),
                parent: delta["parentId"].as_str().map(str::to_owned),
                user_data: delta["userData"].as_object().expect("an object").clone(),
                revision: 1,
            };
            self.interactions.insert(id.to_owned(), told);
        }
    }

    /// Checks that an acknowledged interaction is in the journal and in the store, with all its
    /// acknowledged edits.
    pub async fn has(&self, server: &Process, kept: &Kept) {
        let told = self.interactions.get(&kept.id);
        let told = told.unwrap_or_else(|| panic!("{} is not in the journal", kept.id));
        let (status, stored) = server.get(&format!("/v1/interactions/{}", kept.id)).await;
        assert_eq!(status, 200, "{stored}");
        assert_eq!(
            stored["userData"].as_object(),
            Some(&told.user_data),
            "{}",
            kept.id
        );
        assert_eq!(stored["parentId"].as_str(), kept.parent.as_deref());
        assert_eq!(told.parent, kept.parent);
        let came_through = told.revision - 1 - kept.edits;
        assert!(
            came_through == 0 && told.user_data == kept.user_data
                || came_through == 1 && Some(&told.user_data) == kept.perhaps.as_ref(),
            "{}: {} edits were acknowledged and led to {:?}; the journal has {} and {:?}",
            kept.id,
            kept.edits,
            kept.user_data,
            told.revision - 1,
            told.user_data
        );
    }

    /// Checks that a search for a word finds exactly the interactions that have it according to the
    /// journal.
    pub async fn finds(&self, server: &Process, word: &str) {
        let mut found = BTreeSet::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/interactions?limit=500&q={word}{cursor}");
            let (status, page) = server.get(&path).await;
            assert_eq!(status, 200, "{page}");
            for item in page["items"].as_array().expect("a list") {
                found.insert(id(item).to_owned());
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let wanted: BTreeSet<String> = self
            .interactions
            .iter()
            .filter(|(_, told)| told.subject.split(' ').next() == Some(word))
            .map(|(id, _)| id.clone())
            .collect();
        assert_eq!(found, wanted, "{word}");
    }

    /// Checks that the tables match the journal, and that nothing is incomplete.
    pub async fn agrees_with(&self, place: &Place) {
        let mut direct = Direct::to(place).await;
        let words: &[(&str, &str)] = match direct {
            Direct::Sqlite(_) => &SQLITE_WORDS,
            Direct::Postgres(_) => &POSTGRES_WORDS,
        };
        for (half, sql) in HALVES.iter().chain(words) {
            assert_eq!(direct.number(sql).await, 0, "{half}");
        }
        let documents = direct
            .pairs("SELECT interaction_id, user_data FROM interaction_json")
            .await;
        assert_eq!(documents.len(), self.interactions.len());
        let columns = direct
            .pairs(
                "SELECT j.core, i.id || ' ' || CAST(i.revision AS TEXT) || ' ' || i.media_type || ' ' || i.thread_id || ' ' || COALESCE(i.subject, 'null') \
                 FROM interaction i JOIN interaction_json j ON j.seq = i.seq",
            )
            .await;
        assert_eq!(columns.len(), self.interactions.len());
        for (core, columns) in columns {
            // the values as JSON text, in the order of the answer; a null is stored as nothing
            let values: Vec<&str> = core.split('\u{1f}').collect();
            let said = [0, 16, 2, 10, 17]
                .map(|place| match values[place] {
                    "" => "null".to_owned(),
                    json => {
                        let value: Value = serde_json::from_str(json).expect("JSON");
                        value
                            .as_str()
                            .map_or_else(|| value.to_string(), str::to_owned)
                    }
                })
                .join(" ");
            assert_eq!(said, columns, "the columns say what goes out");
        }
        for (id, document) in documents {
            let told = self.interactions.get(&id);
            let told = told.unwrap_or_else(|| panic!("{id} is not in the journal"));
            let document: Map<String, Value> = serde_json::from_str(&document).expect("JSON");
            assert_eq!(document, told.user_data, "{id}");
        }
    }
}
