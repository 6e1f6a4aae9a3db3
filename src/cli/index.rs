//! `annals index`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failed, open_beside};
use crate::config::Config;
use crate::domain::command::{Command, Submission};
use crate::domain::filter::IndexedAttribute;
use crate::domain::user_data::KeyPath;
use crate::server::fill_index;

/// Declares, lists and drops indexed keys of UserData and indexed attributes. Works beside a running
/// server.
#[derive(Subcommand)]
pub enum Index {
    /// Declare a key and fill its index. Separate nested keys with dots; escape a dot in a key with
    /// a backslash
    Add(Named),
    /// List the declared keys and attributes
    List,
    /// Drop a key
    Drop(Named),
}

/// What is indexed.
#[derive(Args)]
pub struct Named {
    /// KEY names an attribute, not a key of UserData: createdDate, endDate or modifiedDate
    #[arg(long)]
    attribute: bool,
    /// The key
    key: String,
}

impl Named {
    fn attribute(&self) -> Result<Option<IndexedAttribute>, Failed> {
        if !self.attribute {
            return Ok(None);
        }
        let parsed = IndexedAttribute::parse(&self.key);
        parsed
            .map(Some)
            .map_err(|detail| Failed(format!("{:?} {detail}", self.key)))
    }
}

impl Index {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        let attribute = match &self {
            Self::Add(named) | Self::Drop(named) => named.attribute()?,
            Self::List => None,
        };
        let store = open_beside(config).await?;
        match (self, attribute) {
            (Self::Add(_), Some(attribute)) => {
                store.indexes.declare(&store.writer, attribute).await?;
                store.indexes.build(&store.writer, attribute).await?;
                println!("{} is indexed.", attribute.name());
            }
            (Self::Drop(_), Some(attribute)) => {
                store.indexes.remove(&store.writer, attribute).await?;
                println!("{} is no longer indexed.", attribute.name());
            }
            (Self::Add(Named { key, .. }), None) => {
                let key = KeyPath::parse(&key);
                let total = store.reads.count(1).await?;
                let bar = progress(u64::try_from(total).unwrap_or(0), "interactions");
                let done =
                    fill_index(&store.writer, &key, |done| bar.set_position(done as u64)).await?;
                bar.finish_and_clear();
                println!("{key} is indexed; {done} interactions were scanned.");
            }
            (Self::List, _) => {
                for (key, ready) in store.reads.indexed_keys().await? {
                    println!("{key}\t{}", state(ready));
                }
                for (attribute, ready) in store.reads.indexed_attributes().await? {
                    println!("{}\t{}\tattribute", attribute.name(), state(ready));
                }
            }
            (Self::Drop(Named { key, .. }), None) => {
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

fn state(ready: bool) -> &'static str {
    if ready { "ready" } else { "being filled" }
}

/// A progress bar on standard error.
pub fn progress(total: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{bar:40} {human_pos}/{human_len} {msg}  {per_sec}  {eta} left",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(what)
}
