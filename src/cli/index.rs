//! `annals index`

use std::process::ExitCode;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failed, open_beside};
use crate::config::Config;
use crate::domain::command::{Command, Submission};
use crate::domain::user_data::KeyPath;
use crate::server::fill_index;

/// Declares, lists and drops indexed keys of UserData. Works beside a running server.
#[derive(Subcommand)]
pub enum Index {
    /// Declare a key and fill its index. Separate nested keys with dots; escape a dot in a key with
    /// a backslash
    Add {
        /// The key
        key: String,
    },
    /// List the declared keys
    List,
    /// Drop a key
    Drop {
        /// The key
        key: String,
    },
}

impl Index {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        let store = open_beside(config).await?;
        match self {
            Self::Add { key } => {
                let key = KeyPath::parse(&key);
                let total = store.reads.count(1).await?;
                let bar = progress(u64::try_from(total).unwrap_or(0), "interactions");
                let done =
                    fill_index(&store.writer, &key, |done| bar.set_position(done as u64)).await?;
                bar.finish_and_clear();
                println!("{key} is indexed; {done} interactions were scanned.");
            }
            Self::List => {
                for (key, ready) in store.reads.indexed_keys().await? {
                    println!("{key}\t{}", if ready { "ready" } else { "being filled" });
                }
            }
            Self::Drop { key } => {
                let key = KeyPath::parse(&key);
                let command = Command::DropKey(key.clone());
                let submission = Submission {
                    tenant: 1,
                    actor: "index".into(),
                    at: None,
                    repeatable: None,
                    command,
                };
                store.writer.submit(submission).await?;
                println!("{key} is no longer indexed.");
            }
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// A progress bar on standard error.
pub fn progress(total: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{bar:40} {human_pos}/{human_len} {msg}  {per_sec}  {eta} left",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(what)
}
