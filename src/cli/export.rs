//! `annals export`

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Failed, open_beside};
use crate::config::Config;
use crate::export::{self, Exported};

/// Writes contacts and interactions as NDJSON.
#[derive(Args)]
pub struct Export {
    /// File to write; standard output when absent
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// The tenant
    #[arg(long, default_value_t = 1)]
    tenant: i64,
}

impl Export {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        let store = open_beside(config).await?;
        let total = u64::try_from(store.reads.count(self.tenant).await?).unwrap_or(0);
        let bar = super::index::progress(total, "interactions");
        let mut out: Box<dyn Write + Send> = match &self.output {
            Some(path) => {
                Box::new(BufWriter::new(File::create(path).map_err(|error| {
                    Failed(format!("{}: {error}", path.display()))
                })?))
            }
            None => Box::new(BufWriter::new(stdout())),
        };
        let Exported {
            contacts,
            interactions,
        } = export::ndjson(&*store.reads, self.tenant, &mut out, |done| {
            bar.set_position(done);
        })
        .await?;
        out.flush()?;
        bar.finish_and_clear();
        eprintln!("{contacts} contacts and {interactions} interactions written.");
        store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}
