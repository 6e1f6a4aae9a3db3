//! `annals demo`

use std::process::ExitCode;

use clap::Args;

use super::{Failed, open_beside};
use crate::config::Config;
use crate::demo::{Plan, fill};
use crate::domain::moment::SystemClock;
use crate::domain::{Clock, Moment};
use crate::store::Store;

/// Fills a store with an invented contact centre. The same arguments give the same data.
#[derive(Args)]
pub struct Demo {
    /// How many interactions
    #[arg(long, default_value_t = 20_000)]
    interactions: u64,
    /// The seed; any number. Another seed gives another contact centre
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The day or moment before which everything happens, such as 2026-06-30; today when absent
    #[arg(long, value_parser = until)]
    until: Option<Moment>,
    /// The tenant
    #[arg(long, default_value_t = 1)]
    tenant: i64,
}

/// Parses a day, as its first moment in UTC, or a moment.
fn until(text: &str) -> Result<Moment, String> {
    let whole = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    Moment::parse(&whole)
        .map_err(|_| "is neither a day, such as 2026-06-30, nor a time in RFC 3339".to_owned())
}

/// The first moment of the current day.
fn today() -> Moment {
    let now = SystemClock.now();
    let day = 24 * 3600 * 1_000_000;
    Moment::from_micros(now.micros().div_euclid(day) * day).unwrap_or(now)
}

impl Demo {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        let store = open_beside(config).await?;
        let plan = Plan {
            interactions: self.interactions,
            seed: self.seed,
            until: self.until.unwrap_or_else(today),
            tenant: self.tenant,
        };
        invent(&store, &plan).await?;
        store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// Fills the store with a progress bar, and prints the result.
async fn invent(store: &Store, plan: &Plan) -> Result<(), Failed> {
    let bar = super::index::progress(plan.interactions, "interactions");
    let done = fill(&store.writer, plan, &mut |done| bar.set_position(done)).await?;
    bar.finish_and_clear();
    if done.already_there > 0 {
        println!("The store already has this demo; nothing was written.");
    } else {
        println!(
            "Created {} interactions of {} contacts, and {} changes to them.",
            done.created, done.contacts, done.changes
        );
    }
    Ok(())
}

/// Fills an empty store with the demo that the README describes. A store with history is left
/// alone.
///
/// # Errors
/// When the store fails.
pub async fn fill_when_empty(store: &Store) -> Result<(), Failed> {
    if store.reads.head().await? > 0 {
        return Ok(());
    }
    invent(
        store,
        &Plan {
            interactions: 20_000,
            seed: 1,
            until: today(),
            tenant: 1,
        },
    )
    .await
}
