//! Who asks: bearer tokens, bound to a tenant, with scopes.
//!
//! Where no token exists, everybody may do everything as tenant 1: on loopback, or where the operator said `insecure`. As soon as one exists, it is asked for.
//! A server that the world can reach and that has no token any more answers nobody.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::App;
use super::problem::Failure;
use crate::domain::Refusal;
use crate::domain::command::{Command, Repeatable, Submission};
use crate::store::{Reads, StoreError, Token};

/// The tenant of callers that need no token.
pub const DEFAULT_TENANT: i64 = 1;
/// How long the list of tokens is believed.
const BELIEVED: Duration = Duration::from_secs(1);
/// Paths that anybody may read.
const OPEN: [&str; 4] = ["/healthz", "/readyz", "/openapi.json", "/docs"];

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Ask.
    Read,
    /// Record and change.
    Write,
    /// Erase.
    Admin,
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// The one who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant.
    pub tenant: i64,
    /// The name in the journal.
    pub actor: Arc<str>,
    scopes: Arc<str>,
}

impl Caller {
    /// Refuses a caller whose token lacks the scope.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] naming the scope.
    pub fn may(&self, scope: Scope) -> Result<(), Refusal> {
        if self
            .scopes
            .split(' ')
            .any(|other| other == "admin" || other == scope.name())
        {
            Ok(())
        } else {
            Err(Refusal::Forbidden(format!(
                "the token lacks the scope {:?}",
                scope.name()
            )))
        }
    }

    /// A command of this caller.
    pub fn submission(&self, command: Command, repeatable: Option<Repeatable>) -> Submission {
        Submission {
            tenant: self.tenant,
            actor: Arc::clone(&self.actor),
            at: None,
            repeatable,
            command,
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Refusal::Unauthenticated("no caller is known".to_owned()).into())
    }
}

/// The tokens as last read.
pub struct Access {
    reads: Arc<dyn Reads>,
    known: RwLock<Known>,
    unsigned: Unsigned,
}

/// Who is let in while no token exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// Everybody: the operator said so.
    Anybody,
    /// Callers on this machine: the server listens on loopback.
    ThisMachine,
    /// Nobody: the server listens to the world.
    Nobody,
}

#[derive(Default)]
struct Known {
    read: Option<Instant>,
    tokens: Arc<HashMap<Vec<u8>, Caller>>,
}

/// SHA-256 of a token, which is all that is kept of it.
pub fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

impl Access {
    /// Over the store's tokens.
    pub fn new(reads: Arc<dyn Reads>, unsigned: Unsigned) -> Self {
        Self {
            reads,
            known: RwLock::default(),
            unsigned,
        }
    }

    async fn tokens(&self) -> Result<Arc<HashMap<Vec<u8>, Caller>>, StoreError> {
        let fresh = self.known.read().ok().and_then(|known| {
            known
                .read
                .filter(|read| read.elapsed() < BELIEVED)
                .map(|_| Arc::clone(&known.tokens))
        });
        if let Some(tokens) = fresh {
            return Ok(tokens);
        }
        let tokens: Arc<HashMap<Vec<u8>, Caller>> = Arc::new(
            self.reads
                .tokens()
                .await?
                .into_iter()
                .map(|token| (token.hash.clone(), caller(&token)))
                .collect(),
        );
        if let Ok(mut known) = self.known.write() {
            *known = Known {
                read: Some(Instant::now()),
                tokens: Arc::clone(&tokens),
            };
        }
        Ok(tokens)
    }

    async fn caller(&self, headers: &HeaderMap) -> Result<Caller, StoreError> {
        let tokens = self.tokens().await?;
        if tokens.is_empty() {
            match self.unsigned {
                Unsigned::Anybody => {}
                Unsigned::ThisMachine => want_local_host(headers)?,
                Unsigned::Nobody => {
                    return Err(Refusal::Unauthenticated(
                        "no token exists any more; make one with `annals token create`".to_owned(),
                    )
                    .into());
                }
            }
            return Ok(Caller {
                tenant: DEFAULT_TENANT,
                actor: "anonymous".into(),
                scopes: "admin".into(),
            });
        }
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| {
                Refusal::Unauthenticated("send Authorization: Bearer and a token".to_owned())
            })?;
        tokens
            .get(&hash(given))
            .cloned()
            .ok_or_else(|| Refusal::Unauthenticated("the token is not known".to_owned()).into())
    }
}

fn caller(token: &Token) -> Caller {
    Caller {
        tenant: token.tenant,
        actor: token.name.as_str().into(),
        scopes: token.scopes.as_str().into(),
    }
}

/// Without tokens the only guard is that the caller sits on this machine; a web page that had its own name point here does not.
fn want_local_host(headers: &HeaderMap) -> Result<(), Refusal> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost");
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|c| c.is_ascii_digit()) {
            name
        } else {
            host
        }
    });
    let local = name.eq_ignore_ascii_case("localhost")
        || name
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    if local {
        Ok(())
    } else {
        Err(Refusal::Forbidden(format!(
            "this server answers to localhost, not to {host:?}; make a token to serve other names"
        )))
    }
}

/// Finds out who asks, before anything else is done.
pub async fn middleware(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let open = OPEN.contains(&path)
        || path.starts_with("/docs/")
        || (path == "/metrics" && app.config.server.open_metrics);
    if !open {
        match app.access.caller(request.headers()).await {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
            }
            Err(error) => return Failure::from(error).into_response(),
        }
    }
    next.run(request).await
}
