//! Measures the README's claims about speed, each next to its limit.
//!
//! Every claim is a ratio of two things measured alternately within one run, so that a slow or
//! noisy machine slows both. The median of several rounds counts. `ANNALS_BENCH_SIZE` shrinks the
//! history for a trial; `TMPDIR` selects the disk.

mod corpus;
mod http;
mod load;
mod notify;
mod plain;
mod server;
mod standin;
mod store;
mod sustained;
mod tell;
mod web_actions;
mod webhooks;

use std::error::Error;

/// Interactions of the large history.
fn size() -> usize {
    std::env::var("ANNALS_BENCH_SIZE")
        .ok()
        .and_then(|size| size.parse().ok())
        .unwrap_or(1_000_000)
}

/// Whether a claim is requested: all are, unless `ANNALS_BENCH_CLAIMS` lists some by their letters.
fn asked(letters: &str) -> bool {
    std::env::var("ANNALS_BENCH_CLAIMS")
        .map_or(true, |asked| asked.contains(|c| letters.contains(c)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if let Some(file) = server::answers() {
        return Ok(runtime.block_on(server::serve_answers(&file))?);
    }
    if let Some(url) = standin::database() {
        return Ok(runtime.block_on(standin::serve(&url))?);
    }
    runtime.block_on(async {
        tell::machine().await;
        if asked("a") {
            store::against_plain_inserts(size()).await;
        }
        if asked("b") {
            http::posts_against_the_store(size()).await;
        }
        if asked("f") {
            store::demo_against_the_store(size()).await;
        }
        if asked("cde") {
            http::reads(size()).await;
        }
        if asked("g") {
            notify::changes_to_subscribers().await;
        }
        if asked("h") {
            web_actions::events_against_plain_inserts(size()).await;
        }
        if asked("i") {
            webhooks::events_to_a_receiver().await;
        }
        if asked("jkl") {
            sustained::loads().await;
        }
    });
    Ok(())
}
