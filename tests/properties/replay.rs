//! `UserData` at any moment equals the independently replayed journal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use annals::domain::{Clock, Moment};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::node::{Node, value};
use super::{Held, forall, send};
use crate::both;
use crate::support::{Db, Place, Server};

const KEYS: [&str; 6] = [
    "a",
    "b",
    "",
    "x.y",
    "ключ 退款",
    "$serde_json::private::RawValue",
];

/// A writer's request.
#[derive(Clone, Debug)]
enum Asked {
    /// To `…/user-data`; `cargo` is a transient key.
    Edit {
        attach: Vec<(&'static str, Node)>,
        update: Vec<(&'static str, Node)>,
        delete: Vec<&'static str>,
        cargo: bool,
    },
    /// A change of something else in between.
    Patch,
    /// To `…/parent`: under a web engagement of its own, which passes its `UserData` on.
    Link(Vec<(&'static str, Node)>),
    /// A change of something else with an outdated, or possibly outdated, revision.
    Late,
}

/// A scenario: the initial `UserData`, and the requests of several writers, each with its
/// interaction.
type Story = (Vec<Node>, Vec<Vec<(usize, Asked)>>);

fn members(most: usize) -> impl Strategy<Value = Vec<(&'static str, Node)>> {
    vec((select(&KEYS[..]), value()), 0..most).prop_map(|mut members| {
        let mut seen = Vec::new();
        members.retain(|(key, _)| {
            !seen.contains(key) && {
                seen.push(*key);
                true
            }
        });
        members
    })
}

fn object(members: &[(&'static str, Node)]) -> Node {
    let owned = members
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()));
    Node::Object(owned.collect())
}

fn asked() -> impl Strategy<Value = Asked> {
    let delete = vec(select(&KEYS[..]), 0..3);
    let edit = (members(3), members(2), delete, prop::bool::weighted(0.1)).prop_map(
        |(attach, update, delete, cargo)| Asked::Edit {
            attach,
            update,
            delete,
            cargo,
        },
    );
    let link = members(4).prop_map(Asked::Link);
    prop_oneof![8 => edit, 2 => link, 1 => Just(Asked::Patch), 1 => Just(Asked::Late)]
}

fn work() -> impl Strategy<Value = Story> {
    let documents = vec(members(4).prop_map(|members| object(&members)), 1..4);
    let writers = vec(vec((any::<usize>(), asked()), 1..8), 1..7);
    (documents, writers)
}

impl Asked {
    /// Whether two parts of the request name the same key, which is refused.
    fn contradicts_itself(&self) -> bool {
        let Self::Edit {
            attach,
            update,
            delete,
            ..
        } = self
        else {
            return false;
        };
        let attached = |key: &&str| attach.iter().any(|(name, _)| name == key);
        let updated = |key: &&str| update.iter().any(|(name, _)| name == key);
        update.iter().any(|(key, _)| attached(key))
            || delete.iter().any(|key| attached(key) || updated(key))
    }

    /// The kind of the journal entry that it makes, if any.
    fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Edit {
                attach,
                update,
                delete,
                ..
            } => match (attach.is_empty(), update.is_empty(), delete.is_empty()) {
                (true, true, true) => None,
                (false, true, true) => Some("userData.attached"),
                (true, false, true) => Some("userData.updated"),
                (true, true, false) => Some("userData.deleted"),
                _ => Some("userData.edited"),
            },
            Self::Patch => Some("interaction.changed"),
            Self::Link(_) => Some("engagement.linked"),
            Self::Late => None,
        }
    }

    /// The parts of the entry's delta that repeat the request.
    fn parts(&self) -> Vec<(&'static str, Node)> {
        let Self::Edit {
            attach,
            update,
            delete,
            ..
        } = self
        else {
            return Vec::new();
        };
        let mut parts = Vec::new();
        if !attach.is_empty() {
            parts.push(("attach", object(attach)));
        }
        if !update.is_empty() {
            parts.push(("update", object(update)));
        }
        if !delete.is_empty() {
            parts.push((
                "delete",
                Node::List(delete.iter().map(|key| (*key).into()).collect()),
            ));
        }
        parts
    }
}

/// What a writer was told: the request, and the revision, moment and `UserData` after it.
struct Told {
    asked: Asked,
    id: String,
    revision: i64,
    at: String,
    user_data: Node,
}

async fn ask(
    server: &Server,
    id: &str,
    asked: &Asked,
    number: usize,
) -> Result<Option<Told>, TestCaseError> {
    let own = format!("/v1/interactions/{id}");
    let (status, answer) = match asked {
        Asked::Edit { attach, cargo, .. } => {
            let mut parts = asked.parts();
            if *cargo {
                parts.retain(|(name, _)| *name != "attach");
                let mut attach = attach.clone();
                attach.push(("jsonEvent", Node::Int(1)));
                parts.push(("attach", object(&attach)));
            }
            let body = object(&parts).written(number.is_multiple_of(2));
            send(server, "POST", &format!("{own}/user-data"), Some(body)).await
        }
        Asked::Patch => {
            let body = format!("{{\"subject\":\"subject {number}\"}}");
            send(server, "PATCH", &own, Some(body)).await
        }
        Asked::Link(members) => {
            let body = format!(
                "{{\"id\":\"{id}-{number}\",\"mediaType\":\"webengagement\",\"userData\":{}}}",
                object(members).written(false)
            );
            let (status, made) = send(server, "POST", "/v1/interactions", Some(body)).await;
            prop_assert_eq!(status, 201, "{:?}", made);
            let body = format!("{{\"parentId\":\"{id}-{number}\",\"copyUserData\":\"all\"}}");
            send(server, "POST", &format!("{own}/parent"), Some(body)).await
        }
        Asked::Late => {
            let response = server
                .request("PATCH", &own)
                .header("if-match", "\"0\"")
                .header("content-type", "application/json")
                .body("{\"subject\":\"too late\"}");
            let status = response.send().await.expect("the server answers").status();
            prop_assert_eq!(status.as_u16(), 412);
            return Ok(None);
        }
    };
    if asked.contradicts_itself() {
        prop_assert_eq!(status, 422, "{:?}", answer);
        return Ok(None);
    }
    prop_assert_eq!(status, 200, "{:?}", answer);
    if let Asked::Edit { cargo: true, .. } = asked {
        prop_assert_eq!(
            answer.at("droppedKeys"),
            &Node::List(vec!["jsonEvent".into()])
        );
    }
    if let Asked::Link(members) = asked {
        let given = members.iter().map(|(key, _)| *key);
        let copied: Vec<&str> = answer
            .at("copiedKeys")
            .elements()
            .iter()
            .map(Node::text)
            .collect();
        prop_assert!(
            copied
                .iter()
                .all(|key| given.clone().any(|other| other == *key))
        );
    }
    Ok(Some(Told {
        asked: asked.clone(),
        id: id.to_owned(),
        revision: answer.at("revision").int(),
        at: answer.at("modifiedDate").text().to_owned(),
        user_data: answer.at("userData").clone(),
    }))
}

/// All entries after a cursor, read a few at a time, and the next cursor.
pub async fn journal_after(
    server: &Server,
    mut after: String,
    limit: usize,
) -> (Vec<Node>, String) {
    let mut all = Vec::new();
    loop {
        let path = format!("/v1/changes?after={after}&limit={limit}");
        let (status, page) = send(server, "GET", &path, None).await;
        assert_eq!(status, 200, "{page:?}");
        page.at("next").text().clone_into(&mut after);
        all.extend_from_slice(page.at("items").elements());
        if page.at("items").elements().len() < limit {
            return (all, after);
        }
    }
}

fn moment(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text)
        .expect("RFC 3339")
        .to_utc()
}

/// Applies an entry; returns the values that it replaced or removed.
fn replay(delta: &Node, state: &mut Node) -> Node {
    if let Some(whole) = delta.find("userData") {
        *state = whole.clone();
    }
    let mut previous = Node::Object(Vec::new());
    for part in ["attach", "update"] {
        for (key, value) in delta.find(part).map_or(&[][..], Node::members) {
            if let Some(old) = state.find(key).cloned() {
                previous.set(key, old);
            }
            state.set(key, value.clone());
        }
    }
    for key in delta.find("delete").map_or(&[][..], Node::elements) {
        if let Some(old) = state.find(key.text()).cloned() {
            previous.set(key.text(), old);
        }
        state.remove(key.text());
    }
    previous
}

/// The replayed entries of one interaction: each state by its revision.
fn replayed(
    entries: &[&Node],
    told: &BTreeMap<i64, &Told>,
) -> Result<Vec<(String, Node)>, TestCaseError> {
    let mut moments: Vec<(String, Node)> = Vec::new();
    let mut state = Node::Null;
    for (index, entry) in entries.iter().enumerate() {
        let at = entry.at("at").text().to_owned();
        let delta = entry.at("delta");
        let previous = replay(delta, &mut state);
        if let Some((before, _)) = moments.last() {
            prop_assert!(moment(before) < moment(&at), "{} then {}", before, at);
            let revision = i64::try_from(index).expect("few") + 1;
            let Some(told) = told.get(&revision) else {
                return Err(TestCaseError::fail(format!("nobody was told of {entry:?}")));
            };
            prop_assert_eq!(Some(entry.at("kind").text()), told.asked.kind());
            prop_assert_eq!(&at, &told.at);
            prop_assert_eq!(&state, &told.user_data, "after {:?}", entry);
            for (name, part) in told.asked.parts() {
                prop_assert_eq!(delta.at(name), &part);
            }
            if matches!(told.asked, Asked::Edit { .. }) {
                let kept = delta
                    .find("previous")
                    .cloned()
                    .unwrap_or(Node::Object(Vec::new()));
                prop_assert_eq!(&kept, &previous, "what was there before {:?}", entry);
            }
        }
        moments.push((at, state.clone()));
    }
    Ok(moments)
}

async fn as_of(server: &Server, id: &str, at: &str) -> (u16, Node) {
    send(
        server,
        "GET",
        &format!("/v1/interactions/{id}/user-data?at={at}"),
        None,
    )
    .await
}

/// Records the interactions of a scenario, and a conversation that the first one led to.
async fn begin(server: &Server, documents: &[Node]) -> Result<Vec<String>, TestCaseError> {
    let mut ids: Vec<String> = Vec::new();
    for document in documents {
        let body = format!(
            "{{\"mediaType\":\"webengagement\",\"userData\":{}}}",
            document.written(false)
        );
        let (status, stored) = send(server, "POST", "/v1/interactions", Some(body)).await;
        prop_assert_eq!(status, 201, "{:?}", stored);
        ids.push(stored.at("id").text().to_owned());
    }
    let path = format!("/v1/interactions/{}/engagements", ids[0]);
    let body = "{\"mediaType\":\"chat\",\"copyUserData\":\"all\",\"userData\":{\"own\":1}}";
    let (status, child) = send(server, "POST", &path, Some(body.to_owned())).await;
    prop_assert_eq!(status, 201, "{:?}", child);
    ids.push(child.at("id").text().to_owned());
    Ok(ids)
}

/// Checks that the answers about an interaction, its journal, and its state now and at every moment
/// agree.
async fn one_agrees(server: &Server, id: &str, journal: &[Node], told: &[Told]) -> Held {
    let entries: Vec<&Node> = journal
        .iter()
        .filter(|entry| entry.at("interactionId").text() == id)
        .collect();
    let (changes, others): (Vec<&Told>, Vec<&Told>) = told
        .iter()
        .filter(|told| told.id == id)
        .partition(|told| told.asked.kind().is_some());
    let changes: BTreeMap<i64, &Told> = changes
        .into_iter()
        .map(|told| (told.revision, told))
        .collect();
    prop_assert_eq!(
        changes.len() + 1,
        entries.len(),
        "no revision is told twice"
    );
    let moments = replayed(&entries, &changes)?;
    for told in others {
        let index = usize::try_from(told.revision - 1).expect("from 1");
        prop_assert_eq!(
            &told.user_data,
            &moments[index].1,
            "a request for nothing changes nothing"
        );
    }
    let last = moments.len() - 1;
    let (_, now) = send(server, "GET", &format!("/v1/interactions/{id}"), None).await;
    prop_assert_eq!(now.at("userData"), &moments[last].1);
    prop_assert_eq!(now.at("modifiedDate").text(), &moments[last].0);
    for (index, (at, state)) in moments.iter().enumerate() {
        let revision = Node::Int(i64::try_from(index).expect("few") + 1);
        let (_, then) = as_of(server, id, at).await;
        prop_assert_eq!(
            (then.at("userData"), then.at("revision")),
            (state, &revision),
            "at {}",
            at
        );
        let before = moment(at) - TimeDelta::microseconds(1);
        let before = before.to_rfc3339_opts(SecondsFormat::Micros, true);
        let (status, then) = as_of(server, id, &before).await;
        match index.checked_sub(1) {
            None => prop_assert_eq!(status, 422, "before it was recorded"),
            Some(earlier) => prop_assert_eq!(
                then.at("userData"),
                &moments[earlier].1,
                "just before {}",
                at
            ),
        }
    }
    Ok(())
}

async fn told_and_replayed_agree(
    servers: &[&Server],
    (documents, writers): &Story,
    start: &str,
) -> Held {
    let ids = &begin(servers[0], documents).await?;
    let work = writers.iter().enumerate().map(|(writer, asks)| async move {
        let server = servers[writer % servers.len()];
        let mut told = Vec::new();
        for (turn, (which, asked)) in asks.iter().enumerate() {
            let id = match asked {
                // the conversation: it has no descendants that would follow
                Asked::Link(_) => &ids[ids.len() - 1],
                _ => &ids[which % ids.len()],
            };
            told.extend(ask(server, id, asked, writer * 100 + turn).await?);
        }
        Ok::<_, TestCaseError>(told)
    });
    let mut told = Vec::new();
    for one in join_all(work).await {
        told.extend(one?);
    }
    let (journal, _) = journal_after(servers[0], start.to_owned(), 7).await;
    let cursors: Vec<i64> = journal
        .iter()
        .map(|entry| entry.at("cursor").text().parse().expect("a number"))
        .collect();
    prop_assert!(cursors.is_sorted_by(|a, b| a < b), "{:?}", cursors);
    let changes = told.iter().filter(|told| told.asked.kind().is_some());
    let of_story = journal
        .iter()
        .filter(|entry| ids.iter().any(|id| entry.at("interactionId").text() == id));
    prop_assert_eq!(
        of_story.count(),
        ids.len() + changes.count(),
        "one entry each"
    );
    for id in ids {
        one_agrees(servers[0], id, &journal, &told).await?;
    }
    Ok(())
}

/// A clock that stands still more often than not, and sometimes goes back.
#[derive(Debug, Default)]
struct Stumbling(AtomicI64);

impl Clock for Stumbling {
    fn now(&self) -> Moment {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let back = if n % 7 == 3 { 2_000_000 } else { 0 };
        Moment::from_micros(1_772_000_000_000_000 + n / 5 - back).expect("a moment of our years")
    }
}

fn any_sequence(servers: &[&Server], cases: u32) {
    forall(cases, &work(), |story| async move {
        let (_, start) = journal_after(servers[0], "0".to_owned(), 1000).await;
        told_and_replayed_agree(servers, &story, &start).await
    });
}

both! {
    async fn any_sequence_of_edits_equals_the_replay_of_the_journal(db) {
        let clock = Arc::new(Stumbling::default());
        let server = Server::by(Arc::new(Place::new(db).await), clock, |_| {}).await;
        any_sequence(&[&server], 8);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_sequence_of_edits_by_two_servers_equals_the_replay_of_the_journal() {
    let place = Arc::new(Place::new(Db::Postgres).await);
    let one = Server::at(Arc::clone(&place), |_| {}).await;
    let other = Server::at(place, |_| {}).await;
    any_sequence(&[&one, &other], 4);
}
