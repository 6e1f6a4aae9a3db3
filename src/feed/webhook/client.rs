//! Delivery attempts: sends a signed request and interprets the answer.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tower::Service;
use url::{Host, Url};

use crate::domain::Moment;
use crate::domain::address::is_public;
use crate::domain::change::Change;
use crate::domain::webhook::{PRIVATE, Webhook, check_url, message_id, signatures};

/// How long a receiver may take to answer.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long looking up a name may take while a caller waits.
const LOOK_UP: Duration = Duration::from_secs(2);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How much of an answer is read, so that its connection can be used again: bytes, and for how
/// long.
const DRAINED: (usize, Duration) = (64 * 1024, Duration::from_millis(500));
/// Characters of an error that are kept.
const LONGEST_ERROR: usize = 200;
/// The `User-Agent` header.
const USER_AGENT: &str = concat!("Annals/", env!("CARGO_PKG_VERSION"));

/// The result of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The HTTP status; `None` if there was no answer.
    pub status: Option<u16>,
    /// Why it failed; `None` if it succeeded.
    pub error: Option<String>,
    /// How long the receiver asked the sender to wait.
    pub retry_after: Option<Duration>,
}

impl Attempt {
    /// An attempt that failed without an answer.
    pub fn failed(error: impl Into<String>) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::default()
        }
    }

    /// Whether the receiver wants no more deliveries.
    pub fn is_gone(&self) -> bool {
        self.status == Some(StatusCode::GONE.as_u16())
    }
}

/// The request of a delivery: signed by the Standard Webhooks convention.
#[derive(Clone, Debug)]
pub struct Letter {
    /// `webhook-id`
    pub id: String,
    /// `webhook-timestamp`, seconds since 1970
    pub timestamp: i64,
    /// `webhook-signature`
    pub signature: String,
    /// JSON text
    pub body: String,
}

impl Letter {
    /// The request that reports a change to a webhook; `data` is the JSON text of its `data`
    /// member.
    pub fn new(webhook: &Webhook, change: &Change, at: Moment, data: &str) -> Self {
        let id = message_id(&webhook.id, change.cursor);
        let (kind, changed) = (&change.kind, &change.at);
        let body = format!("{{\"type\":\"{kind}\",\"timestamp\":\"{changed}\",\"data\":{data}}}");
        Self {
            signature: signatures(&webhook.secrets, &id, at, &body),
            timestamp: at.micros().div_euclid(1_000_000),
            id,
            body,
        }
    }
}

/// Settings of TLS that trust the certificate authorities of browsers and of this machine.
///
/// # Errors
/// If TLS cannot be set up.
pub fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    // certificates in the machine's list that cannot be read are skipped
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Sends to webhooks. It follows no redirects, keeps no cookies, and goes through no proxy.
pub struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    allow_private: bool,
}

impl Client {
    /// A client with the settings of [`tls`].
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new(allow_private: bool) -> Result<Self, rustls::Error> {
        let tls = tls()?;
        let mut connector = HttpConnector::new_with_resolver(Resolver { allow_private });
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self {
            http,
            allow_private,
        })
    }

    /// Makes one attempt.
    pub async fn send(&self, url: &str, letter: &Letter) -> Attempt {
        // a literal address is never looked up, and the setting may have changed since the webhook
        // was created
        if let Err(detail) = check_url(url, self.allow_private) {
            return Attempt::failed(format!("the URL {detail}"));
        }
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &letter.id)
            .header("webhook-timestamp", letter.timestamp)
            .header("webhook-signature", &letter.signature)
            .body(Full::from(letter.body.clone()));
        let Ok(request) = request else {
            return Attempt::failed("the URL is not valid for a request");
        };
        match tokio::time::timeout(TIMEOUT, self.http.request(request)).await {
            Err(_) => Attempt::failed(format!("no answer within {} s", TIMEOUT.as_secs())),
            Ok(Err(error)) => Attempt::failed(told(&error)),
            Ok(Ok(response)) => {
                let (head, body) = response.into_parts();
                let body = Limited::new(body, DRAINED.0).collect();
                let _ = tokio::time::timeout(DRAINED.1, body).await;
                understood(head.status, &head.headers)
            }
        }
    }
}

/// Interprets an answer.
fn understood(status: StatusCode, headers: &HeaderMap) -> Attempt {
    let error = if status.is_success() {
        None
    } else if status.is_redirection() {
        Some("redirects are not followed".to_owned())
    } else {
        Some(format!("answered {}", status.as_u16()))
    };
    let asks = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let seconds = headers
        .get(header::RETRY_AFTER)
        .filter(|_| asks.contains(&status))
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Attempt {
        status: Some(status.as_u16()),
        error,
        retry_after: seconds.map(Duration::from_secs),
    }
}

/// The innermost cause, which is the most specific: `Connection refused`, an unknown certificate, a
/// private address.
fn told(error: &legacy::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    if text == PRIVATE {
        return format!("the host {PRIVATE}");
    }
    let what = if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    let text: String = text.chars().take(LONGEST_ERROR).collect();
    format!("{what}: {text}")
}

/// Whether a host is known to lead into a private network. A host that cannot be looked up is not.
pub async fn is_private(url: &Url) -> bool {
    let Some(Host::Domain(name)) = url.host() else {
        return false;
    };
    let found = tokio::time::timeout(LOOK_UP, look_up(name, false)).await;
    matches!(found, Ok(Err(error)) if error.to_string() == PRIVATE)
}

/// All addresses of a name. If any is not public, all are refused, since the next lookup could
/// return that one.
async fn look_up(name: &str, allow_private: bool) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
    if !allow_private && found.iter().any(|address| !is_public(address.ip())) {
        return Err(io::Error::other(PRIVATE));
    }
    Ok(found)
}

/// Looks up names for connections, and refuses private addresses when one is about to be used.
#[derive(Clone, Debug)]
struct Resolver {
    allow_private: bool,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = look_up(name.as_str(), allow_private).await?;
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            id: "msg".to_owned(),
            timestamp: 0,
            signature: "v1,x".to_owned(),
            body: "{}".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_when_it_is_looked_up() {
        let error = look_up("localhost", false).await.unwrap_err();
        assert_eq!(error.to_string(), PRIVATE);
        assert!(look_up("localhost", true).await.is_ok());
    }

    #[tokio::test]
    async fn a_private_address_is_refused_at_each_attempt() {
        let client = Client::new(false).unwrap();
        for url in ["https://127.0.0.1:1/", "http://example.org/"] {
            let attempt = client.send(url, &letter()).await;
            assert!(
                attempt.status.is_none() && attempt.error.is_some(),
                "{attempt:?}"
            );
        }
        // a name passes the check of the URL's text; the resolver then refuses its address
        let request = Request::post("http://localhost:1/").body(Full::default());
        let error = client.http.request(request.unwrap()).await.unwrap_err();
        assert_eq!(told(&error), format!("the host {PRIVATE}"));
    }

    #[test]
    fn only_200_to_299_take_a_delivery() {
        for (status, taken) in [
            (200, true),
            (204, true),
            (299, true),
            (302, false),
            (404, false),
        ] {
            let attempt = understood(StatusCode::from_u16(status).unwrap(), &HeaderMap::new());
            assert_eq!(attempt.error.is_none(), taken, "{status}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, "7".parse().unwrap());
        let busy = understood(StatusCode::SERVICE_UNAVAILABLE, &headers);
        assert_eq!(busy.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(understood(StatusCode::OK, &headers).retry_after, None);
    }
}
