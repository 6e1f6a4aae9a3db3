//! Durability: after a kill, acknowledged writes are present, and others are complete or absent.

mod clients;
#[cfg(target_os = "linux")]
mod traced;
mod whole;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::both;
use crate::support::Place;
use crate::support::process::{PATIENCE, Process};
use clients::{Client, Kept};
use whole::History;

/// Concurrent clients.
const CLIENTS: usize = 64;

/// How often the server is killed; `script/kill9` sets a larger number.
fn rounds() -> usize {
    let given = std::env::var("ANNALS_TEST_KILL_ROUNDS").ok();
    given.map_or(5, |rounds| rounds.parse().expect("a number of rounds"))
}

/// Lets all clients write to a server until it is killed meanwhile; returns what was acknowledged.
async fn until_killed(process: Process, round: usize) -> Vec<Kept> {
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = Client::new(&process.http, round, number, Arc::clone(&acknowledged));
            tokio::spawn(client.write_until_cut_off())
        })
        .collect();
    let seed = u64::try_from(round).expect("few rounds");
    let enough = 100 + ChaCha12Rng::seed_from_u64(seed).random_range(0..700);
    let begun = Instant::now();
    while acknowledged.load(Ordering::Relaxed) < enough {
        assert!(begun.elapsed() < PATIENCE, "too slow: {}", process.told());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    process.kill().await;
    let mut kept = Vec::new();
    for client in clients {
        kept.extend(client.await.expect("no client met a wrong answer"));
    }
    kept
}

both! {
    async fn a_killed_server_keeps_all_it_acknowledged_and_nothing_by_halves(db) {
        let place = Arc::new(Place::new(db).await);
        let mut history = History::default();
        let mut acknowledged = 0;
        for round in 0..rounds() {
            let kept = until_killed(Process::serve(&place).await, round).await;
            acknowledged += kept.len();
            let process = Process::serve(&place).await;
            history.read_on(&process).await;
            for kept in &kept {
                history.has(&process, kept).await;
            }
            for number in 0..CLIENTS {
                history.finds(&process, &clients::word(round, number)).await;
            }
            history.agrees_with(&place).await;
            process.kill().await;
        }
        println!("{db:?}: {acknowledged} acknowledged interactions in {} rounds; the journal has {} entries", rounds(), history.entries);
    }
}
