//! `annals export`

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Failed, open_beside};
use crate::archive::batch_form::{self, Exported};
use crate::archive::{Holds, write};
use crate::config::Config;
use crate::domain::Clock;
use crate::domain::archive::Kind;
use crate::domain::moment::SystemClock;
use crate::store::Store;

/// Writes history as NDJSON: contacts and interactions in the batch format, or with --all an
/// archive of the whole store.
#[derive(Args)]
pub struct Export {
    /// File to write; standard output when absent
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// The tenant whose contacts and interactions to write
    #[arg(long, default_value_t = 1, conflicts_with = "all")]
    tenant: i64,
    /// Everything, for all tenants: an archive that `annals import` restores
    #[arg(long)]
    all: bool,
    /// With --all: also the signing secrets of webhooks
    #[arg(long, requires = "all")]
    with_secrets: bool,
    /// With --all: also the hashes of access tokens
    #[arg(long, requires = "all")]
    with_tokens: bool,
}

impl Export {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        let store = open_beside(config).await?;
        let mut out: Box<dyn Write + Send> = match self.output.as_deref() {
            Some(path) if path != Path::new("-") => {
                let mut options = File::options();
                options.write(true).create(true).truncate(true);
                if self.all {
                    // the file holds customer data, and may hold secrets
                    options.mode(0o600);
                }
                let file = options.open(path);
                Box::new(BufWriter::new(file.map_err(|error| {
                    Failed(format!("{}: {error}", path.display()))
                })?))
            }
            _ => Box::new(BufWriter::new(stdout())),
        };
        if self.all {
            self.archive(&store, &mut out).await?;
        } else {
            self.batch(&store, &mut out).await?;
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    }

    async fn archive(&self, store: &Store, out: &mut (dyn Write + Send)) -> Result<(), Failed> {
        let holds = Holds {
            secrets: self.with_secrets,
            tokens: self.with_tokens,
        };
        let mut snapshot = store.reads.snapshot().await?;
        let mut total = 0;
        for kind in holds.kinds() {
            total += u64::try_from(snapshot.count(kind).await?).unwrap_or(0);
        }
        let bar = super::index::progress(total, "rows");
        let progress = |done| bar.set_position(done);
        let written = write(&mut *snapshot, holds, SystemClock.now(), out, progress).await?;
        bar.finish_and_clear();
        let counts: Vec<String> = Kind::ALL
            .iter()
            .filter_map(|(_, name)| Some(format!("{} {name}", written.counts.get(name)?)))
            .collect();
        eprintln!("Written: {}.", counts.join(", "));
        Ok(())
    }

    async fn batch(&self, store: &Store, out: &mut (dyn Write + Send)) -> Result<(), Failed> {
        let total = u64::try_from(store.reads.count(self.tenant).await?).unwrap_or(0);
        let bar = super::index::progress(total, "interactions");
        let Exported {
            contacts,
            interactions,
        } = batch_form::ndjson(&*store.reads, self.tenant, out, |done| {
            bar.set_position(done);
        })
        .await?;
        out.flush()?;
        bar.finish_and_clear();
        eprintln!("{contacts} contacts and {interactions} interactions written.");
        Ok(())
    }
}
