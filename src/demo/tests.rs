use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::store::Store;

fn plan(interactions: u64, seed: u64) -> Plan {
    Plan {
        interactions,
        seed,
        until: Moment::parse("2026-06-30T16:00:00Z").unwrap(),
        tenant: 1,
    }
}

/// The content of an event without its type.
fn told(event: &Event) -> String {
    format!("{} {} {:?}", event.at, event.actor, event.command)
}

#[test]
fn the_same_plan_tells_the_same_history_and_another_seed_another() {
    let history = |seed| {
        History::new(&plan(400, seed))
            .map(|event| told(&event))
            .collect::<Vec<_>>()
    };
    let first = history(7);
    assert!(first == history(7));
    assert!(first != history(8));
}

#[test]
fn history_goes_forwards_ends_in_time_and_has_exactly_what_was_asked_for() {
    for interactions in [0, 1, 2, 17, 3_000] {
        let plan = plan(interactions, 1);
        let mut last = Moment::from_micros(0).unwrap();
        let mut recorded = HashSet::new();
        let mut known = HashSet::new();
        for event in History::new(&plan) {
            assert!(event.at > last && event.at < plan.until, "{}", event.at);
            last = event.at;
            let new = match &event.command {
                Command::CreateContact { id, .. } => {
                    assert!(known.insert(id.clone().unwrap()));
                    continue;
                }
                Command::Record(new) | Command::Engage(new) => new,
                Command::EditUserData { id, .. }
                | Command::Change { id, .. }
                | Command::Stop { id, .. } => {
                    assert!(recorded.contains(id));
                    continue;
                }
                other => panic!("{other:?}"),
            };
            let id = new.id.clone().unwrap();
            assert!(id.len() == 16 && id.bytes().all(|c| c.is_ascii_alphanumeric()));
            assert!(new.start_date.unwrap() <= event.at);
            assert!(new.end_date.is_none_or(|end| end <= event.at));
            assert!(new.contact_id.as_ref().is_none_or(|id| known.contains(id)));
            assert!(
                new.parent_id
                    .as_ref()
                    .is_none_or(|id| recorded.contains(id))
            );
            assert!(recorded.insert(id));
        }
        assert_eq!(u64::try_from(recorded.len()).unwrap(), interactions);
    }
}

#[test]
fn a_small_history_shows_every_kind_of_thing() {
    let mut media = BTreeMap::<String, u32>::new();
    let mut languages = HashSet::new();
    let (mut policies, mut refused, mut transient) = (HashSet::new(), 0, 0);
    for event in History::new(&plan(5_000, 1)) {
        match event.command {
            Command::Record(new) => {
                *media.entry(new.media_type.clone()).or_default() += 1;
                languages.extend(new.language.clone());
                transient += u32::from(new.user_data.document.contains_key("jsonEvent"));
            }
            Command::Engage(child) => {
                *media.entry(child.media_type.clone()).or_default() += 1;
                policies.insert(child.copy_user_data);
            }
            Command::EditUserData { edit, .. } => {
                refused += u32::from(edit.attach.document.contains_key("noEngageCode"));
            }
            _ => {}
        }
    }
    for name in [
        "webengagement",
        "chat",
        "webcallback",
        "sms",
        "smssession",
        "email",
        "voice",
        "workitem",
    ] {
        assert!(
            media.get(name).is_some_and(|many| *many > 20),
            "{name}: {media:?}"
        );
    }
    assert_eq!(languages.len(), 6);
    assert!(policies.len() > 5, "{policies:?}");
    assert!(refused > 200 && transient == media["webengagement"]);
}

#[tokio::test]
async fn a_store_is_filled_once_and_a_second_time_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::of_test(folder.path()).await;
    let mut told = 0;
    let first = fill(&store.writer, &plan(600, 5), &mut |done| told = done)
        .await
        .unwrap();
    assert_eq!((first.created, first.already_there, told), (600, 0, 600));
    assert_eq!(store.reads.count(1).await.unwrap(), 600);
    let head = store.reads.head().await.unwrap();
    assert_eq!(
        u64::try_from(head).unwrap(),
        first.created + first.contacts + first.changes
    );
    let second = fill(&store.writer, &plan(600, 5), &mut |_| {})
        .await
        .unwrap();
    assert_eq!(
        (second.created, second.already_there, second.changes),
        (0, 600, 0)
    );
    assert_eq!(store.reads.head().await.unwrap(), head);
    store.close().await;
}

#[tokio::test]
async fn a_filling_that_was_interrupted_is_finished_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::of_test(folder.path()).await;
    for Event { at, actor, command } in History::new(&plan(300, 5)).take(333) {
        let submission = Submission {
            tenant: 1,
            actor,
            at: Some(at),
            repeatable: None,
            command,
        };
        store.writer.enqueue_waiting(submission).await.unwrap();
    }
    let rest = fill(&store.writer, &plan(300, 5), &mut |_| {})
        .await
        .unwrap();
    assert!(rest.created > 0 && rest.already_there > 0 && rest.changes > 0);
    let whole = History::new(&plan(300, 5)).count();
    let head = store.reads.head().await.unwrap();
    assert_eq!(usize::try_from(head).unwrap(), whole);
    store.close().await;
}
