//! `annals import`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failed, open_alone, open_beside};
use crate::archive::{Lines, Mode, Report, Stage, restore};
use crate::config::Config;
use crate::domain::Clock;
use crate::domain::archive::Standing;
use crate::domain::moment::SystemClock;
use crate::import::{Options, run};

/// Imports history: an archive of `annals export --all`, NDJSON in the batch format, and the public
/// data sets that the guide lists. A second run of the same import writes nothing, and an
/// interrupted import resumes.
#[derive(Args)]
pub struct Import {
    /// Files and folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Check everything that can be checked, and write nothing. With --merge, say what a merge would
    /// do
    #[arg(long)]
    dry_run: bool,
    /// Merge an archive into a store that is not empty: restore what does not collide with existing
    /// data
    #[arg(long)]
    merge: bool,
    /// The tenant
    #[arg(long, default_value_t = 1)]
    tenant: i64,
}

impl Import {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        if let [path] = self.paths.as_slice()
            && (self.merge || path.is_file())
            && is_archive(path)?
        {
            return self.archive(path, config).await;
        }
        if self.merge {
            return Err(Failed("--merge only works with an archive".to_owned()));
        }
        for path in self.paths.iter().filter(|path| path.is_file()) {
            if is_archive(path)? {
                let name = path.display();
                return Err(Failed(format!("{name} is an archive: import it alone")));
            }
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
        let missed = report.missed().count();
        if missed > 0 {
            eprintln!("{missed} of the given files were not imported; the report says why");
        }
        Ok(if report.refused() == 0 && missed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(2)
        })
    }

    /// Restores an archive, or says what a merge would do. The store is opened exclusively, and
    /// restored changes are not announced to listeners.
    async fn archive(&self, path: &Path, config: &Config) -> Result<ExitCode, Failed> {
        let mut bars = Bars::default();
        if self.dry_run && !self.merge {
            let checked = Lines::check(path, |lines| bars.show(Stage::Check, lines, None));
            bars.clear();
            let lines = checked?.lines;
            println!("{lines} lines, complete and intact.");
            return Ok(ExitCode::SUCCESS);
        }
        let mode = match (self.merge, self.dry_run) {
            (false, _) => Mode::Fill,
            (true, false) => Mode::Merge,
            (true, true) => Mode::DryMerge,
        };
        let store = open_alone(config).await?;
        let mut progress = |stage, lines, all| bars.show(stage, lines, all);
        let restored = restore(&store, path, mode, &mut progress).await;
        bars.clear();
        store.close().await;
        Ok(told(&restored?, self.dry_run))
    }
}

fn is_archive(path: &Path) -> Result<bool, Failed> {
    Lines::is_archive(path).map_err(|error| Failed(format!("{}: {error}", path.display())))
}

/// Prints the result of an archive import, or of its rehearsal.
fn told(report: &Report, dry_run: bool) -> ExitCode {
    let (old, new) = report.head;
    if report.already {
        println!("This archive was restored before; nothing was written.");
        return ExitCode::SUCCESS;
    }
    let (would, is) = if dry_run {
        ("would be ", "would be")
    } else {
        ("", "is")
    };
    if report.resumed > 0 {
        println!("Resumed after line {}.", report.resumed);
    }
    println!("{} rows {would}restored.", report.rows);
    for (kind, id, standing) in &report.left_out.first {
        let why = match standing {
            Standing::Same | Standing::Changed => "it exists, and one of the two was changed since",
            Standing::Another => "another exists, it was erased, or it belongs to such a one",
        };
        println!("{would}left out: {} {id}: {why}", kind.name());
    }
    let more = report.left_out.count - report.left_out.first.len() as u64;
    if more > 0 {
        println!("and {more} more");
    }
    println!("The head of the journal was {old} and {is} {new}.");
    if dry_run {
        println!("Nothing was written.");
    }
    if report.left_out.count == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    }
}

/// A progress bar for each stage of an import.
#[derive(Default)]
struct Bars(Option<(Stage, ProgressBar)>);

impl Bars {
    fn show(&mut self, stage: Stage, lines: u64, all: Option<u64>) {
        if self.0.as_ref().is_none_or(|(of, _)| *of != stage) {
            self.clear();
            let what = match stage {
                Stage::Check => "lines checked",
                Stage::Compare => "lines compared",
                Stage::Restore => "lines",
            };
            let bar = match all {
                Some(all) => super::index::progress(all, what),
                None => ProgressBar::new_spinner().with_message(what).with_style(
                    ProgressStyle::with_template("{spinner} {human_pos} {msg}  {per_sec}")
                        .unwrap_or_else(|_| ProgressStyle::default_spinner()),
                ),
            };
            self.0 = Some((stage, bar));
        }
        if let Some((_, bar)) = &self.0 {
            bar.set_position(lines);
        }
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
