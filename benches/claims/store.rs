//! The store alone.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annals::demo::{self, Plan};
use annals::domain::Moment;
use annals::domain::command::{Command, Outcome, Rules, Submission};
use annals::domain::interaction::NewInteraction;
use annals::domain::moment::SystemClock;
use annals::store::writer::QueueLimits;
use annals::store::{Schema, Settings, Store};

use crate::corpus::Corpus;
use crate::plain;
use crate::tell::{claim, median, processor_time, rate};

const ROUNDS: usize = 7;
/// Number of contacts for the claims about writing.
pub const CONTACTS: usize = 50_000;

/// Opens a store on a file.
pub async fn open(path: &Path) -> Store {
    open_url(&format!("sqlite://{}", path.display())).await
}

/// Opens a store by its URL.
pub async fn open_url(url: &str) -> Store {
    let settings = Settings {
        url: url.to_owned(),
        schema: Schema::Migrate,
        exclusive: true,
        rules: Rules::default(),
        queue: QueueLimits::default(),
        readers: 4,
        mapped: 0,
        memory: 64 << 20,
        log: 512 << 20,
        prepared: true,
        time_limit: Duration::from_secs(30),
        clock: Arc::new(SystemClock),
    };
    Store::open(settings).await.expect("the store opens")
}

/// Claim (f): the demo, which generates what it writes, compared with the store alone.
pub async fn demo_against_the_store(size: usize) {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let interactions = (size as u64 / 50).clamp(1000, 20_000);
    let (mut ratios, mut demo_rates) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS as u64 {
        let plan = Plan {
            interactions,
            seed: round,
            until: Moment::from_micros(1_767_225_600_000_000).expect("2026 is a year"),
            tenant: 1,
        };
        let invented: Vec<Submission> = demo::submissions(&plan).collect();
        let (ours, theirs) = (
            folder.path().join(format!("demo{round}.db")),
            folder.path().join(format!("store{round}.db")),
        );
        let store = open(&ours).await;
        let begun = Instant::now();
        let done = demo::fill(&store.writer, &plan, &mut |_| {})
            .await
            .expect("an empty store can be filled");
        let demo_took = begun.elapsed();
        store.close().await;
        assert_eq!(done.created, interactions);
        let made = usize::try_from(done.created).unwrap_or(usize::MAX);
        let store = open(&theirs).await;
        let begun = Instant::now();
        submit(&store, invented).await;
        let store_took = begun.elapsed();
        store.close().await;
        if round > 0 {
            demo_rates.push(rate(made, demo_took));
            ratios.push(store_took.as_secs_f64() / demo_took.as_secs_f64());
        }
    }
    println!(
        "demo      {:.0} interactions a second, with their contacts and changes",
        median(&demo_rates)
    );
    let ratio = median(&ratios);
    claim("(f) demo against the store", ratio, "0.50", ratio >= 0.5);
}

fn submission(command: Command) -> Submission {
    Submission {
        tenant: 1,
        actor: "bench".into(),
        at: None,
        repeatable: None,
        command,
    }
}

/// Submits commands as fast as the queue accepts them, and waits until the last is durable.
pub async fn write(store: &Store, commands: Vec<Command>) -> Vec<Outcome> {
    submit(store, commands.into_iter().map(submission).collect()).await
}

async fn submit(store: &Store, submissions: Vec<Submission>) -> Vec<Outcome> {
    let mut answers = Vec::with_capacity(submissions.len());
    for submission in submissions {
        let answer = store.writer.enqueue_waiting(submission).await;
        answers.push(answer.expect("the command is right in itself"));
    }
    let mut outcomes = Vec::with_capacity(answers.len());
    for answer in answers {
        outcomes.push(answer.wait().await.expect("the command is carried out"));
    }
    outcomes
}

/// The identifier of an interaction that was recorded.
pub fn recorded(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Recorded { stored, .. } => Some(stored.interaction.id.clone()),
        _ => None,
    }
}

/// Creates contacts and returns their identifiers.
pub async fn contacts(store: &Store, corpus: &mut Corpus, count: usize) -> Vec<String> {
    let commands = (0..count)
        .map(|number| Command::CreateContact {
            id: None,
            attributes: corpus.customer(number),
        })
        .collect();
    write(store, commands)
        .await
        .into_iter()
        .filter_map(|outcome| match outcome {
            Outcome::Contact(contact) | Outcome::ContactMade(contact) => Some(contact.id.clone()),
            _ => None,
        })
        .collect()
}

/// Claim (a): the store, with a thousand rows per commit, compared with plain multi-row inserts of
/// the same bytes.
pub async fn against_plain_inserts(size: usize) {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let (ours, theirs) = (
        folder.path().join("ours.db"),
        folder.path().join("theirs.db"),
    );
    let mut corpus = Corpus::new(1);
    let store = open(&ours).await;
    let known = contacts(&store, &mut corpus, CONTACTS.min(size)).await;
    store.close().await;
    std::fs::copy(&ours, &theirs).expect("the file can be copied");
    let store = open(&ours).await;
    // the second file has a store too, for the same checkpoints; its writer is idle
    let other = open(&theirs).await;
    let mut reading = plain::connect(&ours).await;
    let mut inserting = plain::connect(&theirs).await;

    let groups = (size / ROUNDS / plain::GROUP).clamp(1, 10);
    let count = groups * plain::GROUP;
    let (mut store_rates, mut plain_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut store_cpu, mut plain_cpu) = (Duration::ZERO, Duration::ZERO);
    let mut bytes = 0;
    for round in 0..=ROUNDS {
        let new: Vec<NewInteraction> = (0..count).map(|_| corpus.interaction(&known)).collect();
        let commands = new
            .into_iter()
            .map(|new| Command::Record(Box::new(new)))
            .collect();
        let before = store.reads.head().await.expect("the head can be read");
        let (begun, cpu) = (Instant::now(), processor_time("self"));
        write(&store, commands).await;
        let store_took = begun.elapsed();
        let cpu = processor_time("self").saturating_sub(cpu);

        let mut prebuilt = Vec::new();
        for group in 0..groups {
            let after = before + i64::try_from(group * plain::GROUP).unwrap_or(0);
            let until = after + i64::try_from(plain::GROUP).unwrap_or(0);
            prebuilt.push(plain::read_back(&mut reading, after, until).await);
        }
        if round == 1 {
            bytes = prebuilt.iter().map(|group| group.bytes).sum();
        }
        let (begun, other_cpu) = (Instant::now(), processor_time("self"));
        for group in prebuilt {
            plain::insert(&mut inserting, group).await;
        }
        let plain_took = begun.elapsed();
        let other_cpu = processor_time("self").saturating_sub(other_cpu);
        if round == 0 {
            continue; // statements are prepared, pages are warm
        }
        let (ours, theirs) = (rate(count, store_took), rate(count, plain_took));
        println!(
            "          round {round}: store {ours:.0} rows/s, plain {theirs:.0} rows/s, {:.2}",
            ours / theirs
        );
        store_rates.push(ours);
        plain_rates.push(theirs);
        ratios.push(ours / theirs);
        store_cpu += cpu;
        plain_cpu += other_cpu;
    }
    let rows = u32::try_from(count * ROUNDS).unwrap_or(u32::MAX);
    println!(
        "store     {:.0} rows/s, {:?} of processor a row; plain inserts {:.0} rows/s, {:?}; {} bytes a row",
        median(&store_rates),
        store_cpu / rows,
        median(&plain_rates),
        plain_cpu / rows,
        bytes / count
    );
    let ratio = median(&ratios);
    claim(
        "(a) store against plain inserts",
        ratio,
        "0.70",
        ratio >= 0.7,
    );
    drop((reading, inserting));
    store.close().await;
    other.close().await;
}
