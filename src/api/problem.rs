//! Errors on the wire: `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::requirement::Unmet;
use crate::domain::{Fault, Refusal};
use crate::store::StoreError;
use crate::store::writer::RETRY_AFTER;
use crate::web::Cause;

/// An error, as the caller sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A short name for programs.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The same for people.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What went wrong in this case.
    pub detail: String,
    /// Each invalid place: a JSON pointer into the body, or `?name` for a query parameter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub errors: Vec<Fault>,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let (status, kind, title) = match &refusal {
            Refusal::NotFound(..) => (404, "not-found", "Not found"),
            Refusal::Invalid(_) | Refusal::Unmet(_, Unmet::MediaType) => {
                (422, "invalid", "The request is not valid")
            }
            Refusal::Conflict(_) | Refusal::Unmet(_, Unmet::Status) => {
                (409, "conflict", "It conflicts with what is stored")
            }
            Refusal::Stale(_) => (412, "stale", "It was changed meanwhile"),
            Refusal::Forbidden(_) | Refusal::Unmet(_, Unmet::Owner) => {
                (403, "forbidden", "Not allowed")
            }
            Refusal::Unauthenticated(_) => (401, "unauthenticated", "Sign-in is needed"),
            Refusal::TooLarge(_) => (413, "too-large", "Too large"),
            Refusal::Malformed(_) => (400, "malformed", "Not understood"),
            Refusal::Unsupported(_) => (415, "unsupported-charset", "Charset not supported"),
            Refusal::TimedOut(_) => (503, "query-timeout", "The query took too long"),
        };
        let errors = match refusal {
            Refusal::Invalid(faults) => faults,
            Refusal::Unmet(_, unmet @ Unmet::MediaType) => vec![Fault::at("", unmet.to_string())],
            _ => Vec::new(),
        };
        Self {
            kind,
            title,
            status,
            detail,
            errors,
        }
    }
}

impl Problem {
    fn unavailable(kind: &'static str, title: &'static str, detail: &str) -> Self {
        Self {
            kind,
            title,
            status: 503,
            detail: detail.to_owned(),
            errors: Vec::new(),
        }
    }

    /// The problem of an internal error. It does not reveal the cause.
    pub fn internal() -> Self {
        Self {
            kind: "internal",
            title: "Internal error",
            status: 500,
            detail: "internal error; the log has the details under this request's id".to_owned(),
            errors: Vec::new(),
        }
    }

    /// The problem of a store error, and its cause if only the log may contain it.
    pub fn of_store(error: StoreError) -> (Self, Option<Cause>) {
        match error {
            StoreError::Refused(refusal) => (refusal.into(), None),
            StoreError::Busy => (
                Self::unavailable(
                    "busy",
                    "Too busy",
                    "the queue in front of the writer is full; nothing was written, try again",
                ),
                None,
            ),
            StoreError::Full => (
                Self::unavailable(
                    "full",
                    "No room left",
                    "the database has no room left; nothing was written",
                ),
                Some(Cause("the database has no room left".to_owned())),
            ),
            StoreError::Away(_) => (
                Self::unavailable(
                    "unavailable",
                    "Database cannot be reached",
                    "the database cannot be reached; nothing was written, try again",
                ),
                Some(Cause(error.to_string())),
            ),
            StoreError::Unknown(_) => (
                Self {
                    kind: "unknown",
                    title: "It is not known whether it was written",
                    detail: "the connection to the database was lost during the commit; check before you send again, or repeat the request with the same id or Idempotency-Key"
                        .to_owned(),
                    ..Self::internal()
                },
                Some(Cause(error.to_string())),
            ),
            StoreError::Closed => (
                Self::unavailable(
                    "closing",
                    "Going down",
                    "the server is shutting down; nothing was written, try again",
                ),
                None,
            ),
            StoreError::Unfinished => (
                Self::unavailable(
                    "importing",
                    "An archive is being imported",
                    "the import of an archive is not finished; nothing was written, try again",
                ),
                None,
            ),
            StoreError::Schema(_)
            | StoreError::Inconsistent(..)
            | StoreError::Settings(_)
            | StoreError::Driver(_) => (Self::internal(), Some(Cause(error.to_string()))),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (
            status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response();
        let headers = response.headers_mut();
        // a query that timed out would time out again
        if self.status == 503 && self.kind != "query-timeout" {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(RETRY_AFTER.as_secs()),
            );
        }
        if self.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Any error that a handler returns.
pub struct Failure(StoreError);

impl<E: Into<StoreError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (problem, cause) = Problem::of_store(self.0);
        let mut response = problem.into_response();
        if let Some(cause) = cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_go_better_later_says_when_to_come_again() {
        let headed = |error: StoreError| {
            let response = Failure::from(error).into_response();
            assert_eq!(response.status(), 503);
            response.headers().contains_key(header::RETRY_AFTER)
        };
        assert!(headed(StoreError::Busy) && headed(StoreError::Closed) && headed(StoreError::Full));
        assert!(!headed(Refusal::TimedOut("too long".to_owned()).into()));
    }
}
