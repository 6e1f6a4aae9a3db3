//! `annals token`

use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Subcommand, ValueEnum};
use rand::TryRngCore;
use rand::rngs::OsRng;

use super::{Failed, open_beside};
use crate::config::Config;
use crate::domain::command::{Command, NewToken, Submission};
use crate::web::access::hash;

/// Creates, lists and revokes access tokens. Works beside a running server, which notices changes
/// within a second.
#[derive(Subcommand)]
pub enum Token {
    /// Create a token and print it, this once
    Create {
        /// A name for people; the journal shows it as the actor
        #[arg(long, default_value = "token")]
        name: String,
        /// The tenant that the token is bound to
        #[arg(long, default_value_t = 1)]
        tenant: i64,
        /// What it allows; admin allows everything
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = [ScopeName::Read, ScopeName::Write])]
        scope: Vec<ScopeName>,
    },
    /// List tokens, without their secrets
    List,
    /// Revoke a token
    Revoke {
        /// Its id, as listed
        id: String,
    },
}

/// What a token allows.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScopeName {
    /// Read
    Read,
    /// Send web actions from the pages of a web site, where everyone can read the token; cannot be
    /// combined
    Publish,
    /// Record and change
    Write,
    /// Everything, including erasure
    Admin,
}

impl ScopeName {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], Failed> {
    let mut bytes = [0; N];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| Failed(format!("no randomness: {error}")))?;
    Ok(bytes)
}

impl Token {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode, Failed> {
        let store = open_beside(config).await?;
        let submission = |tenant, command| Submission {
            tenant,
            actor: "token".into(),
            at: None,
            repeatable: None,
            command,
        };
        match self {
            Self::Create {
                name,
                tenant,
                scope,
            } => {
                if name.trim().is_empty()
                    || name.chars().count() > 100
                    || name.chars().any(char::is_control)
                {
                    return Err(Failed(
                        "--name requires 1 to 100 visible characters".to_owned(),
                    ));
                }
                if scope.len() > 1 && scope.contains(&ScopeName::Publish) {
                    return Err(Failed(
                        "--scope publish cannot be combined with other scopes, since everyone can read a page's token"
                            .to_owned(),
                    ));
                }
                let id = hex::encode(random::<6>()?);
                let token = format!("annals_{id}_{}", URL_SAFE_NO_PAD.encode(random::<32>()?));
                let mut scopes: Vec<&str> = scope.into_iter().map(ScopeName::name).collect();
                scopes.dedup();
                let new = NewToken {
                    id: id.clone(),
                    name,
                    tenant,
                    hash: hash(&token),
                    scopes: scopes.join(" "),
                };
                store
                    .writer
                    .submit(submission(tenant, Command::CreateToken(new)))
                    .await?;
                eprintln!("Token {id}. It is shown only this once, and only its hash is stored:");
                println!("{token}");
            }
            Self::List => {
                for token in store.reads.tokens().await? {
                    println!(
                        "{}\ttenant {}\t{}\t{}\t{}",
                        token.id, token.tenant, token.scopes, token.created_date, token.name
                    );
                }
            }
            Self::Revoke { id } => {
                store
                    .writer
                    .submit(submission(1, Command::RevokeToken(id.clone())))
                    .await?;
                println!("Token {id} is revoked.");
            }
        }
        store.close().await;
        Ok(ExitCode::SUCCESS)
    }
}
