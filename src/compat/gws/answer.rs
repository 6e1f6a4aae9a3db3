//! Answers. Every answer carries `statusCode`. If that is not 0, the only other member is
//! `statusMessage` (`docs.genesys.com/Documentation:GWS:API:ReturnValues`).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::config::Config;
use crate::domain::Refusal;
use crate::domain::requirement::Unmet;
use crate::store::StoreError;
use crate::store::writer::RETRY_AFTER;
use crate::web::Cause;

/// The published return codes that Annals uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// A parameter is missing.
    Missing = 1,
    /// Not valid in the current state; also an unknown operation.
    NotNow = 2,
    /// The operation is forbidden.
    Forbidden = 3,
    /// An internal error, here or in the database.
    Internal = 4,
    /// The user lacks permission.
    NotPermitted = 5,
    /// The resource does not exist.
    NotFound = 6,
    /// A value is invalid.
    Invalid = 10,
    /// The resource exists already.
    Exists = 18,
    /// The request is not authenticated.
    Unauthenticated = 20,
}

/// Why a request failed, as the caller sees it.
#[derive(Clone)]
pub struct Failure {
    status: StatusCode,
    code: Code,
    message: String,
    cause: Option<Cause>,
    again: bool,
}

impl Failure {
    /// A failure with its HTTP status.
    pub fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            cause: None,
            again: false,
        }
    }

    /// A missing parameter.
    pub fn missing(name: &str) -> Self {
        let message = format!("the parameter {name:?} is missing");
        Self::new(StatusCode::BAD_REQUEST, Code::Missing, message)
    }

    /// An invalid value.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::Invalid, message)
    }

    /// An operation that is not valid in the resource's state.
    pub fn not_now(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::NotNow, message)
    }

    /// No resource under this path.
    pub fn nothing_here() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Code::NotFound,
            "there is nothing under this path",
        )
    }

    /// An interaction that does not exist, is not the user's, or is in another collection.
    pub fn no_interaction(id: &str) -> Self {
        Refusal::no_interaction(id).into()
    }

    /// An error that a retry may resolve.
    pub fn later(message: &str, cause: Option<Cause>) -> Self {
        Self {
            cause,
            again: true,
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Internal, message)
        }
    }

    /// An internal error. Only the log contains its cause.
    pub fn internal(cause: String) -> Self {
        Self {
            cause: Some(Cause(cause)),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                Code::Internal,
                "internal error; the log has the details under this request's id",
            )
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match &refusal {
            Refusal::NotFound(..) => (StatusCode::NOT_FOUND, Code::NotFound),
            Refusal::Invalid(_) | Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, Code::Invalid),
            // an interaction of another user or medium is answered as if it did not exist
            Refusal::Unmet(id, Unmet::Owner | Unmet::MediaType) => return Self::no_interaction(id),
            Refusal::Unmet(_, Unmet::Status) => (StatusCode::BAD_REQUEST, Code::NotNow),
            Refusal::Conflict(_) => (StatusCode::CONFLICT, Code::Exists),
            Refusal::Stale(_) => (StatusCode::CONFLICT, Code::NotNow),
            Refusal::Forbidden(_) => (StatusCode::FORBIDDEN, Code::NotPermitted),
            Refusal::Unauthenticated(_) => (StatusCode::FORBIDDEN, Code::Unauthenticated),
            Refusal::Unsupported(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Invalid),
            Refusal::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, Code::Invalid),
            Refusal::TimedOut(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::Internal),
        };
        Self::new(status, code, refusal.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::Busy => Self::later(
                "the queue in front of the writer is full; nothing was written, try again",
                None,
            ),
            StoreError::Full => Self::later(
                "the database has no room left; nothing was written",
                Some(Cause(error.to_string())),
            ),
            StoreError::Away(_) => Self::later(
                "the database cannot be reached; nothing was written, try again",
                Some(Cause(error.to_string())),
            ),
            StoreError::Closed => Self::later(
                "the server is shutting down; nothing was written, try again",
                None,
            ),
            StoreError::Unfinished => Self::later(
                "the import of an archive is not finished; nothing was written, try again",
                None,
            ),
            StoreError::Unknown(_) => Self {
                message:
                    "the connection to the database was lost during the commit; check before you send again"
                        .to_owned(),
                ..Self::internal(error.to_string())
            },
            StoreError::Schema(_)
            | StoreError::Inconsistent(..)
            | StoreError::Settings(_)
            | StoreError::Driver(_) => Self::internal(error.to_string()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed<'a> {
    status_code: u8,
    status_message: &'a str,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = text(&Failed {
            status_code: self.code as u8,
            status_message: &self.message,
        });
        let mut response = (self.status, json(body)).into_response();
        if self.again {
            let seconds = HeaderValue::from(RETRY_AFTER.as_secs());
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

/// JSON text of anything serialisable.
pub fn text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// An answer with this JSON body.
pub fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Success, with further members, given as JSON text.
pub fn done(members: &[(&str, &str)]) -> Response {
    let mut body = "{\"statusCode\":0".to_owned();
    for (name, value) in members {
        body += &format!(",\"{name}\":{value}");
    }
    json(body + "}")
}

/// This server's address as the caller knows it, escaped for use inside JSON text. It is the
/// beginning of a `uri`.
pub fn base(headers: &HeaderMap, config: &Config) -> String {
    let set = config.gws.base_url.trim_end_matches('/');
    if !set.is_empty() {
        let quoted = text(set);
        return quoted[1..quoted.len() - 1].to_owned();
    }
    let plain = |host: &&str| {
        let known = |c: u8| c.is_ascii_alphanumeric() || b"-._:[]%".contains(&c);
        !host.is_empty() && host.bytes().all(known)
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .filter(plain);
    format!("http://{}", host.unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(failure: impl Into<Failure>) -> (u16, bool, serde_json::Value) {
        let response = failure.into().into_response();
        let again = response.headers().contains_key(header::RETRY_AFTER);
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await;
        let body = serde_json::from_slice(&body.unwrap()).unwrap();
        (status, again, body)
    }

    #[tokio::test]
    async fn a_failure_of_ours_tells_no_cause() {
        let (status, again, body) = told(StoreError::Schema("a secret".to_owned())).await;
        assert_eq!((status, again), (500, false));
        assert_eq!(body["statusCode"], 4);
        assert!(!body.to_string().contains("secret"));
        assert_eq!(body.as_object().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_may_go_better_later_says_when_to_come_again() {
        for error in [StoreError::Busy, StoreError::Full, StoreError::Closed] {
            let (status, again, body) = told(error).await;
            assert_eq!((status, again, &body["statusCode"]), (503, true, &4.into()));
        }
        let long: Failure = Refusal::TimedOut("too long".to_owned()).into();
        assert!(!told(long).await.1);
    }

    #[test]
    fn a_host_that_is_none_goes_nowhere() {
        let config = Config::load(None, std::iter::empty()).unwrap();
        let of = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            base(&headers, &config)
        };
        assert_eq!(of("desk.example.org:8090"), "http://desk.example.org:8090");
        assert_eq!(of("[::1]:80"), "http://[::1]:80");
        assert_eq!(of("a\"b"), "http://localhost");
    }
}
