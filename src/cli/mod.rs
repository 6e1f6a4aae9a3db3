//! The commands of the binary, one file each.

mod demo;
mod export;
mod gws_user;
mod healthcheck;
mod import;
mod index;
mod migrate;
mod openapi;
mod serve;
mod sql;
mod token;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::domain::moment::SystemClock;
use crate::server;
use crate::store::{Schema, Settings, Store, StoreError};

/// Annals, a contact-history server.
#[derive(Parser)]
#[command(name = "annals", version, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command. Each can also be set as an environment variable.
#[derive(Args, Clone)]
pub struct Common {
    /// Settings file (TOML) [env: ANNALS_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "URL of the store: sqlite://annals.db or postgres://… [env: ANNALS_DATABASE_URL]"
    )]
    database_url: Option<String>,
    /// Address and port [env: ANNALS_LISTEN]
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<std::net::SocketAddr>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the store over HTTP
    Serve(serve::Serve),
    /// Bring the schema up to date
    Migrate(migrate::Migrate),
    /// Fill a store with an invented contact centre
    Demo(demo::Demo),
    /// Import history from files
    Import(import::Import),
    /// Write all interactions as NDJSON, in the form that import and batch read
    Export(export::Export),
    Verify(verify::Verify),
    /// Write the OpenAPI document
    Openapi,
    /// Ask a running server whether it is ready; for containers
    Healthcheck(healthcheck::Healthcheck),
    /// Ask a running server a question in SQL
    Sql(sql::Question),
    /// Indexed keys of UserData
    #[command(subcommand)]
    Index(index::Index),
    /// Access tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Hash a password for a user of Web Services v2
    #[command(name = "gws-user")]
    GwsUser(gws_user::GwsUser),
}

/// Why a command failed, as a sentence for the operator.
#[derive(Debug)]
pub struct Failed(pub String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<crate::archive::Error> for Failed {
    fn from(error: crate::archive::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<String> for Failed {
    fn from(error: String) -> Self {
        Self(error)
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl Common {
    /// Loads the settings: defaults < file < environment < flags.
    ///
    /// # Errors
    /// A sentence that names the invalid setting.
    pub fn settings(&self) -> Result<Config, Failed> {
        let file = self
            .config
            .clone()
            .or_else(|| std::env::var_os("ANNALS_CONFIG").map(PathBuf::from));
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let mut config = Config::load(file.as_deref(), environment)?;
        if let Some(url) = &self.database_url {
            config.database.url.clone_from(url);
        }
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        Ok(config)
    }
}

/// Opens the store for a command that may run beside a server.
///
/// # Errors
/// When the database cannot be reached, its schema does not match, or an archive is restored in it
/// only in part.
pub async fn open_beside(config: &Config) -> Result<Store, Failed> {
    let mut settings = server::settings(config, Schema::Migrate, false, Arc::new(SystemClock));
    settings.rules = config.import_rules();
    open_whole(settings).await
}

/// Opens a store, unless an archive is restored in it only in part.
///
/// # Errors
/// When an archive is, or the store does not open.
pub async fn open_whole(settings: Settings) -> Result<Store, Failed> {
    let store = Store::open(settings).await?;
    let restored = store.reads.restored().await?;
    if restored.is_some_and(|(_, state)| !state.finished) {
        store.close().await;
        return Err(StoreError::Unfinished.into());
    }
    Ok(store)
}

/// Opens the store to import an archive, which needs exclusive access and may go on with a restore.
///
/// # Errors
/// When a server has the file open, the database cannot be reached, or its schema does not match.
pub async fn open_alone(config: &Config) -> Result<Store, Failed> {
    let mut settings = server::settings(config, Schema::Migrate, true, Arc::new(SystemClock));
    settings.rules = config.import_rules();
    Ok(Store::open(settings).await?)
}

/// Runs a command.
///
/// # Errors
/// A sentence for the operator.
pub fn run(cli: Cli) -> Result<ExitCode, Failed> {
    if let Command::GwsUser(user) = cli.command {
        return user.run();
    }
    let config = cli.common.settings()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(async {
        match cli.command {
            Command::Serve(serve) => serve.run(config).await,
            Command::Migrate(migrate) => migrate.run(&config).await,
            Command::Demo(demo) => demo.run(&config).await,
            Command::Import(import) => import.run(&config).await,
            Command::Export(export) => export.run(&config).await,
            Command::Verify(verify) => verify.run(&config).await,
            Command::Openapi => openapi::run(),
            Command::Healthcheck(healthcheck) => healthcheck.run(&config).await,
            Command::Sql(sql) => sql.run(&config).await,
            Command::Index(index) => index.run(&config).await,
            Command::Token(token) => token.run(&config).await,
            Command::GwsUser(user) => user.run(),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    code
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
