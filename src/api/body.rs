//! Request bodies and headers, read within their limits.

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::params::digits;
use super::problem::{Failure, Problem};
use super::render;
use crate::domain::Refusal;
use crate::domain::command::Repeatable;
use crate::json;
use crate::web::App;
pub use crate::web::body::{read, want_json};
use crate::web::encoding;

/// The longest `Idempotency-Key`, in characters.
pub const LONGEST_KEY: usize = 255;

/// The path and the `Idempotency-Key` of a request.
pub struct Repeat {
    path: String,
    key: String,
}

impl Repeat {
    /// Reads the headers; `None` without an `Idempotency-Key`.
    ///
    /// # Errors
    /// When the key has a wrong form.
    pub fn of(path: &str, headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let key = idempotency_key(headers)?;
        Ok(key.map(|key| Self {
            path: path.to_owned(),
            key,
        }))
    }

    /// The whole request as a repeatable one, by the fingerprint of its body.
    pub fn whole(&self, fingerprint: Vec<u8>) -> Repeatable {
        Repeatable {
            path: self.path.clone(),
            key: self.key.clone(),
            fingerprint,
            render: render::reply,
        }
    }

    /// One of several parts of a request as a repeatable request of its own.
    pub fn part(&self, number: u64, fingerprint: Vec<u8>) -> Repeatable {
        let mut part = self.whole(fingerprint);
        part.key += &format!("#{number}");
        part
    }
}

/// A JSON body, with what is needed to make the request repeatable.
pub struct Posted<T> {
    /// The body.
    pub value: T,
    repeatable: Option<Repeatable>,
}

impl<T> Posted<T> {
    /// The repeatable request; `None` without an `Idempotency-Key`.
    pub fn repeatable(&self) -> Option<Repeatable> {
        self.repeatable.clone()
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Posted<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        Ok(PostedText::from_request(request, app).await?.read()?)
    }
}

/// A JSON body that is not parsed yet.
pub struct PostedText {
    body: Bytes,
    repeat: Option<Repeat>,
}

impl PostedText {
    /// The text, without a byte order mark or white space around it. A body of no bytes counts as an
    /// empty object; one of white space alone is no JSON.
    pub fn text(&self) -> &[u8] {
        if self.body.is_empty() {
            return b"{}";
        }
        json::without_mark(&self.body).trim_ascii()
    }

    /// What makes the request repeatable; `None` without an `Idempotency-Key`.
    pub fn repeat(&self) -> Option<&Repeat> {
        self.repeat.as_ref()
    }

    /// Parses the text.
    ///
    /// # Errors
    /// See [`json::read`].
    pub fn read<T: DeserializeOwned>(self) -> Result<Posted<T>, Refusal> {
        let (value, repeatable) = match &self.repeat {
            None => (json::read(self.text())?, None),
            Some(repeat) => {
                let (value, fingerprint) = json::read_with_fingerprint(self.text())?;
                (value, Some(repeat.whole(fingerprint)))
            }
        };
        Ok(Posted { value, repeatable })
    }
}

impl FromRequest<App> for PostedText {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        super::params::none_untaken(&parts)?;
        want_json(&parts.headers)?;
        let repeat = Repeat::of(parts.uri.path(), &parts.headers)?;
        let body = read(body, app.config.limits.body).await?;
        Ok(Self { body, repeat })
    }
}

/// Decodes the body of a request. Answers 415 for an unknown encoding.
pub async fn decode(State(app): State<App>, request: Request, next: Next) -> Response {
    let detail = match encoding::decoded(request, app.config.limits.body) {
        Ok(request) => return next.run(request).await,
        Err(detail) => detail,
    };
    let problem = Problem {
        kind: "unsupported-encoding",
        title: "Content-Encoding not supported",
        status: 415,
        detail,
        errors: Vec::new(),
    };
    let taken = [(header::ACCEPT_ENCODING, encoding::TAKEN)];
    (taken, problem).into_response()
}

/// The `Idempotency-Key`, if there is one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match key.to_str() {
        // printable ASCII; `to_str` takes tabs too
        Ok(key)
            if !key.is_empty() && key.len() <= LONGEST_KEY && !key.contains(char::is_control) =>
        {
            Ok(Some(key.to_owned()))
        }
        _ => Err(Refusal::Malformed(format!(
            "the Idempotency-Key is not 1 to {LONGEST_KEY} visible ASCII characters"
        ))),
    }
}

/// The revision in `If-Match`; `None` if the header is absent or `*`.
pub fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Refusal> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = match text.strip_prefix("W/").unwrap_or(text).strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"'),
        None => Some(text),
    };
    number
        .and_then(digits)
        .map(Some)
        .ok_or_else(|| Refusal::Malformed("If-Match names no revision, such as \"3\"".to_owned()))
}
