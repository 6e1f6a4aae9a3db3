//! `annals verify`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::{Failed, open_beside};
use crate::archive::{Lines, Source, verify};
use crate::config::Config;
use crate::store::Store;

/// Compares two stores, or a store with an archive, and names the first differences.
#[derive(Args)]
pub struct Verify {
    /// The URL of a store, or the path of an archive
    one: String,
    /// The other one; the configured store when absent
    other: Option<String>,
    /// The maximum number of differences to print
    #[arg(long, default_value_t = 10)]
    most: usize,
}

impl Verify {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        let (one, first) = source(&self.one, config).await?;
        let other = self.other.unwrap_or_else(|| config.database.url.clone());
        let (other, second) = source(&other, config).await?;
        let (differences, equal) = verify(one, other, self.most).await?;
        for store in [first, second].into_iter().flatten() {
            store.close().await;
        }
        if differences.is_empty() {
            println!("{equal} rows, all equal.");
            return Ok(ExitCode::SUCCESS);
        }
        for difference in &differences {
            println!(
                "{} {}: {}",
                difference.kind.name(),
                difference.key,
                difference.what
            );
        }
        Ok(ExitCode::from(1))
    }
}

/// Opens what a name refers to: the URL of a store, or a file.
async fn source(name: &str, config: &Config) -> Result<(Source, Option<Store>), Failed> {
    if !name.contains("://") {
        return Ok((Source::Lines(Box::new(Lines::open(Path::new(name))?)), None));
    }
    let mut config = config.clone();
    name.clone_into(&mut config.database.url);
    let store = open_beside(&config).await?;
    let snapshot = store.reads.snapshot().await?;
    let rules = store.writer.rules().contacts.clone();
    Ok((Source::of_store(snapshot, rules), Some(store)))
}
