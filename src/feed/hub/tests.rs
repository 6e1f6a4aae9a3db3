use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use super::*;
use crate::domain::change::Change;
use crate::domain::client::{Answer, ClientSession};
use crate::domain::interaction::NewInteraction;
use crate::domain::moment::SystemClock;
use crate::feed::Message;
use crate::store::Store;

/// Makes a message of every change, after waiting for permission.
struct Slow {
    leave: Semaphore,
    asked: AtomicBool,
}

impl Translate for Slow {
    fn messages<'a>(
        &'a self,
        _: i64,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        Box::pin(async move {
            self.asked.store(true, Ordering::SeqCst);
            let _leave = self.leave.acquire().await;
            let told = changes.iter().map(|change| Message {
                cursor: change.cursor,
                user: change.owner_id.clone(),
                is_answer: false,
                channel: "/a".to_owned(),
                twin: None,
                data: "{}".to_owned(),
            });
            Ok(told.collect())
        })
    }
}

fn row(user: &str) -> ClientSession {
    ClientSession {
        id: format!("session of {user}"),
        tenant_id: 1,
        user: user.to_owned(),
        subscriptions: vec!["/**".to_owned()],
        cursor: 0,
        holder: "another server".to_owned(),
        sign_in: String::new(),
        choices: Vec::new(),
    }
}

/// A hub over its own store, and its translator.
fn hub(store: &Store) -> (Hub, Arc<Slow>) {
    let slow = Arc::new(Slow {
        leave: Semaphore::new(0),
        asked: AtomicBool::new(false),
    });
    let hub = Hub::new(Parts {
        writer: store.writer.clone(),
        reads: Arc::clone(&store.reads),
        feed: Feed::default(),
        translate: Arc::clone(&slow) as Arc<dyn Translate>,
        clock: Arc::new(SystemClock),
        tenant: 1,
        anybody: "",
        channels: &["/a"],
        limits: Limits {
            timeout: Duration::from_secs(10),
            max_interval: Duration::from_secs(60),
            queue: 10,
            behind: 1000,
        },
        shared: false,
        stopping: CancellationToken::new(),
    });
    (hub, slow)
}

async fn record(hub: &Hub, owner: Option<&str>) {
    let new = NewInteraction {
        media_type: "chat".to_owned(),
        owner_id: owner.map(str::to_owned),
        ..NewInteraction::default()
    };
    hub.submit(Command::Record(Box::new(new))).await.unwrap();
}

fn connect(acknowledged: i64, seconds: u64) -> Connect {
    Connect {
        acknowledged: Some(acknowledged),
        hold: Duration::from_secs(seconds),
    }
}

fn cursors(ended: &Ended) -> Vec<i64> {
    match ended {
        Ended::With(batch) => batch
            .messages
            .iter()
            .map(|one| one.message.cursor)
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_comes_while_its_users_changes_are_passed_over_gets_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::of_test(folder.path()).await;
    let (hub, slow) = hub(&store);
    for user in ["ann", "bob"] {
        let open = Command::OpenSession(Box::new(row(user)));
        hub.submit(open).await.unwrap();
    }
    let running = tokio::spawn(hub.clone().run());
    // only ann has a session when the step begins
    let ann = hub.connect("ann", "session of ann", connect(0, 0)).await;
    let begun = match ann.unwrap() {
        Ended::With(batch) => batch.cursor,
        other => panic!("{other:?}"),
    };
    record(&hub, None).await;
    record(&hub, Some("bob")).await;
    let head = store.reads.head().await.unwrap();
    hub.parts().feed.head.send_replace(head);
    while !slow.asked.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    let bob = {
        let hub = hub.clone();
        tokio::spawn(async move {
            hub.connect("bob", "session of bob", connect(begun, 20))
                .await
        })
    };
    while hub.here("bob", "session of bob").unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    slow.leave.add_permits(1000);
    let told = cursors(&bob.await.unwrap().unwrap());
    // its own change, and the one without a user; its arrival is no change
    assert_eq!(told.len(), 2, "{told:?} of {head}");
    let ann = hub
        .connect("ann", "session of ann", connect(begun, 20))
        .await;
    assert_eq!(cursors(&ann.unwrap()).len(), 1);
    hub.parts().stopping.cancel();
    running.await.unwrap();
    // the writer ends when its last handle is dropped
    drop(hub);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_served_before_it_is_known_where_the_journal_stands() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::of_test(folder.path()).await;
    let (hub, slow) = hub(&store);
    slow.leave.add_permits(1000);
    let open = Command::OpenSession(Box::new(row("ann")));
    hub.submit(open).await.unwrap();
    record(&hub, None).await;
    let early = {
        let hub = hub.clone();
        tokio::spawn(async move { hub.connect("ann", "session of ann", connect(0, 0)).await })
    };
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!early.is_finished());
    let running = tokio::spawn(hub.clone().run());
    assert_eq!(cursors(&early.await.unwrap().unwrap()).len(), 1);
    hub.parts().stopping.cancel();
    running.await.unwrap();
    // the writer ends when its last handle is dropped
    drop(hub);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_found_before_an_erasure_and_given_after_it_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::of_test(folder.path()).await;
    let (hub, _) = hub(&store);
    let new = NewInteraction {
        id: Some("gone".to_owned()),
        media_type: "chat".to_owned(),
        ..NewInteraction::default()
    };
    hub.submit(Command::Record(Box::new(new))).await.unwrap();
    let answer = |as_of| {
        Command::Answer(Box::new(Answer {
            user: "ann".to_owned(),
            channel: "/a".to_owned(),
            reference_id: 7,
            data: "{\"text\":\"a secret\"}".to_owned(),
            as_of,
        }))
    };
    let before = store.reads.head().await.unwrap();
    let gone = Command::Delete {
        id: "gone".to_owned(),
        cascade: false,
        if_match: None,
    };
    hub.submit(gone).await.unwrap();
    let after = store.reads.head().await.unwrap();
    for as_of in [before, after] {
        hub.submit(answer(as_of)).await.unwrap();
    }
    let news = store.reads.news(1, (0, 100), None).await.unwrap();
    let told: Vec<&str> = news
        .answers
        .iter()
        .map(|(_, one)| one.data.as_str())
        .collect();
    assert!(
        told[0].contains("errorMessage") && !told[0].contains("secret"),
        "{told:?}"
    );
    assert!(told[1].contains("a secret"), "{told:?}");
}
