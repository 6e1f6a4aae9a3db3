//! What the README claims about speed, measured in one run beside its limit.
//!
//! Every claim is a ratio of two things measured in turns within one run, so that a slow or noisy machine slows both; the median of several
//! rounds counts. `ANNALS_BENCH_SIZE` makes the history smaller for a trial, `TMPDIR` says on which disk it is built.

mod corpus;
mod plain;
mod store;
mod tell;

use std::error::Error;

/// Interactions of the large history.
fn size() -> usize {
    std::env::var("ANNALS_BENCH_SIZE")
        .ok()
        .and_then(|size| size.parse().ok())
        .unwrap_or(1_000_000)
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tell::machine();
        store::against_plain_inserts(size()).await;
    });
    Ok(())
}
