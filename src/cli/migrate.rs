//! `annals migrate`

use std::process::ExitCode;

use clap::Args;

use super::Failed;
use crate::config::Config;
use crate::store::{migrate_database, pending_migrations};

/// Brings the schema up to date, all or nothing.
#[derive(Args)]
pub struct Migrate {
    /// Only list the pending migrations
    #[arg(long)]
    dry_run: bool,
}

impl Migrate {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        if self.dry_run {
            let pending = pending_migrations(&config.database.url).await?;
            if pending.is_empty() {
                println!("Nothing is pending.");
            }
            for name in pending {
                println!("pending: {name}");
            }
        } else {
            let count = migrate_database(&config.database.url).await?;
            println!("{count} migrations applied.");
        }
        Ok(ExitCode::SUCCESS)
    }
}
