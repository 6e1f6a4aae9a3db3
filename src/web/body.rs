//! Request bodies, read within their limits.

use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::domain::Refusal;

/// How long to drain a refused body at most.
const READ_OFF: Duration = Duration::from_secs(5);

/// Refuses a body that does not declare itself as JSON, or declares another charset than UTF-8. A
/// web page may send other types across origins without a preflight request.
///
/// # Errors
/// [`Refusal::Malformed`] for another type, [`Refusal::Unsupported`] for another charset.
pub fn want_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let text = kind.to_str().unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    if kind == "application/json" || kind == "application/x-ndjson" || kind.ends_with("+json") {
        want_utf8(text)
    } else {
        Err(Refusal::Malformed(format!(
            "the Content-Type is {kind:?}; send application/json"
        )))
    }
}

/// Refuses a media type with a charset other than UTF-8 or its part US-ASCII.
///
/// # Errors
/// [`Refusal::Unsupported`] naming the charset.
pub fn want_utf8(kind: &str) -> Result<(), Refusal> {
    let parameters = kind.split(';').skip(1);
    for (name, value) in parameters.filter_map(|one| one.split_once('=')) {
        let charset = value.trim().trim_matches('"').to_ascii_lowercase();
        let known = ["utf-8", "utf8", "us-ascii", "ascii"].contains(&charset.as_str());
        if name.trim().eq_ignore_ascii_case("charset") && !known {
            let shown: String = charset.chars().take(64).collect();
            return Err(Refusal::Unsupported(format!(
                "the charset {shown:?} is not supported; send UTF-8"
            )));
        }
    }
    Ok(())
}

/// Why the rest of a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The client disconnected.
    #[error("the body broke off")]
    BrokenOff,
    /// It cannot be decoded.
    #[error("the body is not what its Content-Encoding says, or is not whole")]
    Encoding,
    /// The decoded body is larger than this.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
}

/// The refusal of a body that cannot be read to its end.
pub fn refusal(error: &axum::Error) -> Refusal {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        if let Some(why) = error.downcast_ref::<Unreadable>() {
            return match why {
                Unreadable::TooLarge(_) => Refusal::TooLarge(why.to_string()),
                _ => Refusal::Malformed(why.to_string()),
            };
        }
        cause = error.source();
    }
    Refusal::Malformed(Unreadable::BrokenOff.to_string())
}

/// Drains the rest of a refused body, so that a client that is still writing can read the response.
pub(super) async fn read_off<E>(stream: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin)) {
    let rest = async { while let Some(Ok(_)) = stream.next().await {} };
    let _ = tokio::time::timeout(READ_OFF, rest).await;
}

/// Reads a body up to a limit.
pub async fn read(body: Body, most: usize) -> Result<Bytes, Refusal> {
    let mut stream = body.into_data_stream();
    let mut first: Option<Bytes> = None;
    let mut all: Vec<u8> = Vec::new();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|error| refusal(&error))?;
        let so_far = first.as_ref().map_or(all.len(), Bytes::len);
        if so_far + part.len() > most {
            read_off(&mut stream).await;
            return Err(Refusal::TooLarge(Unreadable::TooLarge(most).to_string()));
        }
        if first.is_none() && all.is_empty() {
            first = Some(part);
        } else {
            if let Some(first) = first.take() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&part);
        }
    }
    Ok(first.unwrap_or_else(|| all.into()))
}
