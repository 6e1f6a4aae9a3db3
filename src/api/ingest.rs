//! Web actions that browsers send: which sites may send, with which key, and at which rate.
//!
//! A page sends its key in the `Authorization` header, or in the body as
//! `{"key": "…", "events": [ … ]}`. A browser sends the second form as plain text, without a
//! preflight request, and also when the user leaves the page. This layer identifies the caller and
//! passes the events on to the handler as JSON. The key is not passed on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::auth::Caller;
use super::body::read;
use super::problem::{Failure, Problem};
use crate::domain::Refusal;
use crate::json;
use crate::store::StoreError;
use crate::web::App;
use crate::web::access::bearer;
use crate::web::body::want_utf8;

/// The path that receives events.
pub const PATH: &str = "/v1/web-actions";
/// How long a browser may cache a preflight answer.
const BELIEVED: Duration = Duration::from_secs(600);

/// Whether a request carries events.
pub fn is_meant(request: &Request) -> bool {
    request.method() == Method::POST && request.uri().path() == PATH
}

/// The CORS rules for pages of the configured web sites. Preflight requests are answered without
/// sign-in.
pub fn cors(app: &App) -> CorsLayer {
    let known = app.clone();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            known.access.serves_page(origin) || is_listed(&known, origin)
        }))
        .allow_methods([Method::POST, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER])
        .max_age(BELIEVED)
}

/// Applies the CORS rules to requests that carry events, and to no others.
pub async fn middleware(State(cors): State<CorsLayer>, request: Request, next: Next) -> Response {
    let asked =
        is_meant(&request) || (request.method() == Method::OPTIONS && request.uri().path() == PATH);
    if !asked {
        return next.run(request).await;
    }
    match cors.layer(next).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn is_listed(app: &App, origin: &HeaderValue) -> bool {
    let listed = &app.config.web_actions.allow_origins;
    listed.iter().any(|one| one.as_bytes() == origin.as_bytes())
}

/// A body that holds its key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keyed<'b> {
    key: String,
    #[serde(borrow)]
    events: &'b RawValue,
}

/// Parses a body that holds its key; `None` if it has another form.
fn keyed(body: &[u8]) -> Option<Keyed<'_>> {
    let text = json::without_mark(body).trim_ascii();
    // serde would read a list by position
    if !text.starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(text).ok()
}

/// Authenticates the sender of events and applies the rate limit. Returns the request in the form
/// that the handler expects.
///
/// # Errors
/// The response to a request that is not admitted.
pub async fn admit(app: &App, request: Request) -> Result<Request, Response> {
    let (mut parts, body) = request.into_parts();
    let refused = |error: StoreError| Failure::from(error).into_response();
    let caller = known(app, &parts).await.map_err(refused)?;
    let most = match &caller {
        Some(caller) if !caller.only_publishes() => app.config.limits.body,
        _ => app.config.web_actions.largest,
    };
    let body = read(body, most)
        .await
        .map_err(|error| refused(error.into()))?;
    let keyed = keyed(&body);
    if is_plain(&parts.headers) {
        if keyed.is_none() {
            let detail = "plain text is only accepted in the form {\"key\": \"…\", \"events\": […]}; send application/json";
            return Err(refused(Refusal::Malformed(detail.to_owned()).into()));
        }
        let kind = parts.headers.get(header::CONTENT_TYPE);
        want_utf8(kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default())
            .map_err(|refusal| refused(refusal.into()))?;
        let json = HeaderValue::from_static("application/json");
        parts.headers.insert(header::CONTENT_TYPE, json);
    }
    let caller = match caller {
        Some(caller) => caller,
        None => by_key(app, &parts, keyed.as_ref()).await.map_err(refused)?,
    };
    let events = keyed.map_or_else(
        || body.clone(),
        |keyed| body.slice_ref(keyed.events.get().as_bytes()),
    );
    if caller.only_publishes() {
        let client = client(app, &parts);
        app.rate
            .take(client, count(&events), Instant::now())
            .map_err(too_many)?;
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.extensions.insert(caller);
    Ok(Request::from_parts(parts, Body::from(events)))
}

/// The caller that the headers identify; `None` if the body may identify it.
async fn known(app: &App, parts: &Parts) -> Result<Option<Caller>, StoreError> {
    let token = bearer(&parts.headers);
    let found = publisher(app, parts, token).await;
    match found {
        Err(StoreError::Refused(Refusal::Unauthenticated(_)))
            if !parts.headers.contains_key(header::AUTHORIZATION) =>
        {
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// The caller that the key in a body identifies. Pages are public, so a token with further scopes
/// is refused there.
async fn by_key(app: &App, parts: &Parts, keyed: Option<&Keyed<'_>>) -> Result<Caller, StoreError> {
    let key = keyed.map(|keyed| keyed.key.as_str());
    let caller = publisher(app, parts, key).await?;
    if caller.only_publishes() {
        Ok(caller)
    } else {
        Err(Refusal::Forbidden(
            "a token with scopes other than publish must not be sent in a body; revoke it if a page contains it".to_owned(),
        )
        .into())
    }
}

async fn publisher(app: &App, parts: &Parts, token: Option<&str>) -> Result<Caller, StoreError> {
    let origin = parts.headers.get(header::ORIGIN);
    let listed = origin.is_some_and(|origin| is_listed(app, origin));
    app.access
        .publisher(&parts.method, &parts.headers, token, listed)
        .await
}

fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/plain"))
}

/// The number of events. The handler reports errors in the events themselves.
fn count(events: &Bytes) -> usize {
    let events = json::without_mark(events);
    serde_json::from_slice::<Vec<IgnoredAny>>(events).map_or(1, |events| events.len().max(1))
}

/// The address of the sender: the peer of the connection, or the client that a trusted proxy names.
fn client(app: &App, parts: &Parts) -> IpAddr {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip());
    if !app.config.web_actions.trust_forwarded {
        return peer;
    }
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
    forwarded
        .and_then(|value| address(value.to_str().ok()?.rsplit(',').next()?.trim()))
        .unwrap_or(peer)
}

/// Parses an address. Some proxies append the port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(with_port)
}

fn too_many(wait: Duration) -> Response {
    let problem = Problem {
        kind: "too-many",
        title: "Too many events",
        status: 429,
        detail: "this client exceeds its rate limit; nothing was written, try again".to_owned(),
        errors: Vec::new(),
    };
    let mut response = problem.into_response();
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, seconds.max(1).into());
    response
}
