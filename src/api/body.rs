//! Bodies and headers of requests, read with their limits.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::problem::Failure;
use crate::domain::Refusal;
use crate::domain::command::{Outcome, Repeatable, Reply};
use crate::domain::user_data::POINTER_MARK;
use crate::web::App;
pub use crate::web::body::{read, want_json};

/// Characters of an `Idempotency-Key`.
pub const LONGEST_KEY: usize = 255;

/// A JSON body, and what makes the request repeatable.
pub struct Posted<T> {
    /// The body.
    pub value: T,
    repeat: Option<(String, String, Vec<u8>)>,
}

impl<T> Posted<T> {
    /// The repeatable request, answered by `render`; `None` without an `Idempotency-Key`.
    pub fn repeatable(&self, render: fn(&Outcome) -> Reply) -> Option<Repeatable> {
        let (path, key, fingerprint) = self.repeat.clone()?;
        Some(Repeatable {
            path,
            key,
            fingerprint,
            render,
        })
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Posted<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        super::params::none_untaken(&parts)?;
        want_json(&parts.headers)?;
        let key = idempotency_key(&parts.headers)?;
        let body = read(body, app.config.limits.body).await?;
        let body: &[u8] = if body.is_empty() { b"{}" } else { &body };
        let value = parse(body)?;
        let repeat = key.map(|key| {
            let fingerprint = Sha256::digest(body)[..16].to_vec();
            (parts.uri.path().to_owned(), key, fingerprint)
        });
        Ok(Self { value, repeat })
    }
}

/// The `Idempotency-Key`, where there is one.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match key.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= LONGEST_KEY => Ok(Some(key.to_owned())),
        _ => Err(Refusal::Malformed(format!(
            "the Idempotency-Key is not 1 to {LONGEST_KEY} visible ASCII characters"
        ))),
    }
}

/// The revision named by `If-Match`; `None` without one, or for `*`.
pub fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Refusal> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    text.trim_start_matches("W/")
        .trim_matches('"')
        .parse()
        .map(Some)
        .map_err(|_| Refusal::Malformed("If-Match names no revision, such as \"3\"".to_owned()))
}

/// Reads JSON: what is no JSON is malformed, what is wrong JSON is invalid at a place.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        _ if error.to_string().starts_with("recursion limit") => {
            Refusal::invalid("", "is nested deeper than 128 levels")
        }
        serde_json::error::Category::Data => located::<T>(body),
        _ => Refusal::Malformed(format!("the body is no JSON: {error}")),
    })
}

/// Reads once more, slower, to learn the place.
fn located<T: DeserializeOwned>(body: &[u8]) -> Refusal {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        return Refusal::Malformed("the body is no JSON".to_owned());
    };
    let mut pointer = String::new();
    for step in error.path() {
        use serde_path_to_error::Segment;
        let step = match step {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => crate::domain::user_data::escape_pointer(key),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => break,
        };
        pointer.push('/');
        pointer += &step;
    }
    let message = error.inner().to_string();
    // serde ends with the place in the text, which the pointer tells better
    let message = message.split(" at line ").next().unwrap_or_default();
    if let Some((inner, detail)) = message
        .strip_prefix(POINTER_MARK)
        .and_then(|rest| rest.split_once(POINTER_MARK))
    {
        // the path may lead into UserData already; the inner pointer begins at its root
        let within = inner.rsplit_once('/').map_or("", |(within, _)| within);
        let root = pointer.strip_suffix(within).unwrap_or(&pointer);
        return Refusal::invalid(format!("{root}{inner}"), detail);
    }
    for (start, detail) in [
        ("unknown field `", "is no field here"),
        ("duplicate field `", "is given twice"),
    ] {
        if let Some((name, _)) = message
            .strip_prefix(start)
            .and_then(|rest| rest.split_once('`'))
        {
            let name = crate::domain::user_data::escape_pointer(name);
            if !pointer.ends_with(&format!("/{name}")) {
                pointer = format!("{pointer}/{name}");
            }
            return Refusal::invalid(pointer, detail);
        }
    }
    Refusal::invalid(pointer, format!("does not fit: {message}"))
}
