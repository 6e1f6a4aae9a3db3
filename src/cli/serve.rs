//! `annals serve`

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failed, open_whole};
use crate::config::{Config, redacted};
use crate::domain::moment::SystemClock;
use crate::server;
use crate::store::{Schema, Store};
use crate::telemetry;

/// Serves the store.
#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Serve {
    /// Refuse to start while a migration is pending, instead of applying it
    #[arg(long)]
    no_migrate: bool,
    /// Serve on any address without sign-in [env: ANNALS_INSECURE]
    #[arg(long)]
    insecure: bool,
    /// First fill an empty store with 20,000 interactions of an invented contact centre
    #[arg(long)]
    demo: bool,
    /// Print the settings in force with their documentation, and exit
    #[arg(long)]
    print_config: bool,
}

impl Serve {
    /// Serves until SIGTERM or SIGINT.
    pub(super) async fn run(self, mut config: Config) -> Result<ExitCode, Failed> {
        config.server.insecure |= self.insecure;
        if self.print_config {
            print!("{}", config.printed());
            return Ok(ExitCode::SUCCESS);
        }
        telemetry::start(&config.log)?;
        let begun = Instant::now();
        let schema = if self.no_migrate {
            Schema::Require
        } else {
            Schema::Migrate
        };
        let clock = Arc::new(SystemClock);
        let store = open_whole(server::settings(&config, schema, true, clock.clone())).await?;
        want_sign_in(&config, &store).await?;
        if self.demo {
            super::demo::fill_when_empty(&store).await?;
        }
        let listener = TcpListener::bind(config.server.listen)
            .await
            .map_err(|error| {
                Failed(format!(
                    "cannot listen on {}: {error}",
                    config.server.listen
                ))
            })?;
        let address = listener.local_addr()?;
        println!("Annals listens on http://{address}  (documents: http://{address}/docs)");
        println!("The store is {}", redacted(&config.database.url));
        tracing::info!(%address, database = store.database, millis = begun.elapsed().as_millis(), "serving");
        server::serve(store, config, clock, listener, stop_signal()?).await?;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

/// Refuses to listen beyond this machine without sign-in.
async fn want_sign_in(config: &Config, store: &Store) -> Result<(), Failed> {
    if config.server.listen.ip().is_loopback()
        || config.server.insecure
        || !store.reads.tokens().await?.is_empty()
    {
        return Ok(());
    }
    Err(Failed(format!(
        "{} is not loopback and no token is configured: make one with `annals token create`, or pass --insecure if something else authenticates callers",
        config.server.listen
    )))
}

/// Completes at the first SIGTERM or SIGINT. A second one ends the process at once.
fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, Failed> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::warn!("stopped immediately by a second signal");
            std::process::exit(130);
        });
    })
}
