//! `annals import`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failed, open_alone, open_beside};
use crate::archive::{Lines, Report, restore};
use crate::config::Config;
use crate::domain::Clock;
use crate::domain::moment::SystemClock;
use crate::import::{Options, run};

/// Collisions that are named; the others are counted.
const MOST_NAMED: usize = 20;

/// Brings history in: an archive of `annals export --all`, NDJSON in the form of the batch, and the public data sets that the guide names. May be run twice; the second time writes nothing. One that was cut off goes on.
#[derive(Args)]
pub struct Import {
    /// Files and folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Check everything that can be checked, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Into a store that is not empty: restore what of an archive does not collide with what is there
    #[arg(long)]
    merge: bool,
    /// The tenant
    #[arg(long, default_value_t = 1)]
    tenant: i64,
}

impl Import {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        if let [path] = self.paths.as_slice()
            && path.is_file()
            && Lines::is_archive(path)?
        {
            return self.archive(path, config).await;
        }
        if self.merge {
            return Err(Failed("--merge is for an archive alone".to_owned()));
        }
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

    /// Restores an archive. Nobody writes beside it: what is restored is no news for those who listen.
    async fn archive(&self, path: &Path, config: &Config) -> Result<ExitCode, Failed> {
        let lines = Lines::open(path)?;
        if self.dry_run {
            let mut lines = lines;
            while lines.next_row()?.is_some() {}
            println!("{} lines, whole and as they were written.", lines.number());
            return Ok(ExitCode::SUCCESS);
        }
        let store = open_alone(config).await?;
        let bar = ProgressBar::new_spinner().with_style(
            ProgressStyle::with_template("{spinner} {human_pos} lines  {per_sec}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        let mut progress = |lines| bar.set_position(lines);
        let restored = restore(&store, lines, self.merge, &mut progress).await;
        bar.finish_and_clear();
        store.close().await;
        let Report {
            rows,
            resumed,
            head: (old, new),
            left_out,
        } = restored?;
        if resumed > 0 {
            println!("Went on after line {resumed}.");
        }
        println!("{rows} rows restored. The head of the journal was {old} and is {new}.");
        for (kind, id) in left_out.iter().take(MOST_NAMED) {
            println!("left out, because another is there: {} {id}", kind.name());
        }
        if left_out.len() > MOST_NAMED {
            println!("and {} more", left_out.len() - MOST_NAMED);
        }
        Ok(if left_out.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(2)
        })
    }
}
