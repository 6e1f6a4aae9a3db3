//! `annals import`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failed, open_beside};
use crate::config::Config;
use crate::domain::Clock;
use crate::domain::moment::SystemClock;
use crate::import::{Options, run};

/// Brings history in: NDJSON in the form of the batch, and the public data sets that the guide names. May be run twice; the second time writes nothing.
#[derive(Args)]
pub struct Import {
    /// Files and folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Check everything that can be checked, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// The tenant
    #[arg(long, default_value_t = 1)]
    tenant: i64,
}

impl Import {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        let store = open_beside(config).await?;
        let options = Options {
            dry_run: self.dry_run,
            tenant: self.tenant,
            actor: "import".into(),
            now: SystemClock.now(),
        };
        let style = ProgressStyle::with_template(
            "{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(0).with_style(style);
        let mut progress = |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        };
        let report = run(&store.writer, &self.paths, &options, &mut progress).await;
        bar.finish_and_clear();
        store.close().await;
        let report = report.map_err(|error| Failed(error.to_string()))?;
        print!("{report}");
        Ok(if report.refused() == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(2)
        })
    }
}
