//! Access control: bearer tokens, bound to a tenant, with scopes.
//!
//! Without any tokens, a caller on this machine may do everything as tenant 1. With `insecure` a
//! remote caller may too, except for a page of another web site. Once a token exists, every request
//! needs one. A server that is reachable from other machines needs a token even after the last one
//! was revoked.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, Method, header};
use sha2::{Digest, Sha256};

use crate::domain::Refusal;
use crate::domain::command::{Command, Repeatable, Submission};
use crate::store::{Reads, StoreError, Token};

/// The tenant of callers that need no token.
pub const DEFAULT_TENANT: i64 = 1;
/// How long the list of tokens is cached.
const BELIEVED: Duration = Duration::from_secs(1);
/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Read.
    Read,
    /// Record web actions, and nothing else. Such a token is the public key in a web site's pages.
    Publish,
    /// Record and change.
    Write,
    /// Erase.
    Admin,
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// The caller of a request.
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
        let allows = |other: &str| {
            other == "admin"
                || other == scope.name()
                || (scope == Scope::Publish && other == Scope::Write.name())
        };
        if self.scopes.split(' ').any(allows) {
            Ok(())
        } else {
            Err(Refusal::Forbidden(format!(
                "the token lacks the scope {:?}",
                scope.name()
            )))
        }
    }

    /// Whether the token only allows web actions, as the public key in a web site's pages does.
    pub fn only_publishes(&self) -> bool {
        *self.scopes == *Scope::Publish.name()
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

/// Who is admitted while no token exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Callers on this machine. No others can reach the server.
    Local,
    /// Everyone, because the operator allowed it.
    Insecure,
    /// No one.
    TokenRequired,
}

/// The tokens, as last loaded.
pub struct Access {
    reads: Arc<dyn Reads>,
    known: RwLock<Known>,
    door: Door,
}

#[derive(Default)]
struct Known {
    read: Option<Instant>,
    tokens: Arc<HashMap<Vec<u8>, Caller>>,
}

/// SHA-256 of a token. The token itself is not stored.
pub fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

impl Access {
    /// Access control by the tokens of the store.
    pub fn new(reads: Arc<dyn Reads>, door: Door) -> Self {
        Self {
            reads,
            known: RwLock::default(),
            door,
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

    /// Whether the caller needs no credentials, because no token exists and only this machine can
    /// reach the server.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a page of another web site.
    pub async fn is_local(&self, headers: &HeaderMap) -> Result<bool, StoreError> {
        if self.door != Door::Local || !self.tokens().await?.is_empty() {
            return Ok(false);
        }
        want_local(headers)?;
        Ok(true)
    }

    /// The caller that these headers identify.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`] without a known token, [`Refusal::Forbidden`] for a page of
    /// another web site.
    pub async fn caller(&self, method: &Method, headers: &HeaderMap) -> Result<Caller, StoreError> {
        let tokens = self.tokens().await?;
        if tokens.is_empty() {
            match self.door {
                Door::Local => {
                    want_local(headers)?;
                    return Ok(anonymous());
                }
                Door::Insecure => {
                    want_own_page(method, headers)?;
                    return Ok(anonymous());
                }
                Door::TokenRequired => {}
            }
        }
        Ok(known(&tokens, bearer(headers))?)
    }

    /// The sender of web actions, given its token from a header or a body. Pages of web sites that
    /// the operator `listed` are admitted. While no token exists, other pages are admitted as for
    /// any other request. Once one exists, only this server's own pages are.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`] without a known token, [`Refusal::Forbidden`] for a page of
    /// another web site.
    pub async fn publisher(
        &self,
        method: &Method,
        headers: &HeaderMap,
        token: Option<&str>,
        listed: bool,
    ) -> Result<Caller, StoreError> {
        let tokens = self.tokens().await?;
        let none = tokens.is_empty() && self.door != Door::TokenRequired;
        if listed && none {
            return Ok(anonymous());
        }
        if none {
            return self.caller(method, headers).await;
        }
        if !listed {
            want_same_origin(headers)?;
        }
        Ok(known(&tokens, token)?)
    }

    /// Whether a page of this origin needs no permission: it is served from this machine, and only
    /// this machine can reach the server.
    pub fn serves_page(&self, origin: &HeaderValue) -> bool {
        let host = origin.to_str().ok().and_then(origin_host);
        self.door == Door::Local && host.is_some_and(|name| is_local(&name))
    }
}

/// The token in an `Authorization` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
}

fn known(tokens: &HashMap<Vec<u8>, Caller>, given: Option<&str>) -> Result<Caller, Refusal> {
    let given = given.ok_or_else(|| {
        Refusal::Unauthenticated("send Authorization: Bearer and a token".to_owned())
    })?;
    tokens
        .get(&hash(given))
        .cloned()
        .ok_or_else(|| Refusal::Unauthenticated("the token is not known".to_owned()))
}

fn anonymous() -> Caller {
    Caller {
        tenant: DEFAULT_TENANT,
        actor: "anonymous".into(),
        scopes: "admin".into(),
    }
}

fn caller(token: &Token) -> Caller {
    Caller {
        tenant: token.tenant,
        actor: token.name.as_str().into(),
        scopes: token.scopes.as_str().into(),
    }
}

/// The text of a header; empty if it is absent or not text.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or_default())
}

/// The name in a `Host` header, without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The host in an `Origin` header; `None` for an opaque origin.
fn origin_host(origin: &str) -> Option<String> {
    let url = url::Url::parse(origin).ok()?;
    url.host_str().map(str::to_owned)
}

fn is_local(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn foreign_page(origin: &str) -> Refusal {
    Refusal::Forbidden(format!(
        "a page of {origin:?} sent the request; without tokens this server answers no pages of other web sites"
    ))
}

/// Refuses requests that do not come from this machine. A server on loopback asks for no
/// credentials, so a web site must not be able to use a browser on this machine to reach it. `Host`
/// reveals a web site whose name was pointed at this machine. `Origin` reveals any other.
///
/// A page of this machine may have another name or port than the server, such as
/// `http://localhost:3000` and `http://127.0.0.1:8080`. A browser calls that `cross-site`, so
/// `Sec-Fetch-Site` counts only if there is no `Origin`.
fn want_local(headers: &HeaderMap) -> Result<(), Refusal> {
    let host = text(headers, "host").unwrap_or("localhost");
    if !is_local(without_port(host)) {
        return Err(Refusal::Forbidden(format!(
            "this server answers to localhost, not to {host:?}; create a token to serve other names"
        )));
    }
    match text(headers, "origin") {
        Some(origin) if origin_host(origin).is_some_and(|name| is_local(&name)) => Ok(()),
        Some(origin) => Err(foreign_page(origin)),
        None if text(headers, "sec-fetch-site") == Some("cross-site") => Err(foreign_page("")),
        None => Ok(()),
    }
}

/// Refuses a page of a web site that the operator has not allowed. The browser states the origin of
/// a page; clients that are not pages send no such headers and are admitted.
fn want_same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    // a proxy may have put its own name into Host
    let site = text(headers, "sec-fetch-site");
    if matches!(site, Some("same-origin" | "none")) {
        return Ok(());
    }
    let Some(origin) = text(headers, "origin") else {
        return match site {
            Some(_) => Err(unlisted("")),
            None => Ok(()),
        };
    };
    let at = |url: &str| {
        let url = url::Url::parse(url).ok()?;
        Some((url.host_str()?.to_owned(), url.port_or_known_default()))
    };
    let scheme = origin.split(':').next().unwrap_or_default();
    let host = text(headers, "host").unwrap_or_default();
    if at(origin).is_some() && at(origin) == at(&format!("{scheme}://{host}")) {
        Ok(())
    } else {
        Err(unlisted(origin))
    }
}

fn unlisted(origin: &str) -> Refusal {
    Refusal::Forbidden(format!(
        "a page of {origin:?} sent the request; [web_actions] allow_origins does not name it"
    ))
}

/// Protects callers that the operator admits without a token: a page of another web site must not
/// use their browser.
///
/// What the browser says about the site takes precedence, since a proxy may have put its own name
/// into `Host`.
fn want_own_page(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let site = text(headers, "sec-fetch-site");
    if matches!(site, Some("same-origin" | "none")) {
        return Ok(());
    }
    let host = text(headers, "host").map(without_port).unwrap_or_default();
    match text(headers, "origin") {
        Some(origin)
            if !origin_host(origin).is_some_and(|name| name.eq_ignore_ascii_case(host)) =>
        {
            Err(foreign_page(origin))
        }
        // following a link from another site sends no origin
        None if site == Some("cross-site") && !method.is_safe() => Err(foreign_page("")),
        _ => Ok(()),
    }
}
