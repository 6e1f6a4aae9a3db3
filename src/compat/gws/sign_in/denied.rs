//! Why a caller is not admitted.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::compat::gws::answer::{Code, Failure};

/// A refusal to admit a caller. It carries no `WWW-Authenticate`, which would make a browser ask
/// for a password by itself.
pub enum Denied {
    /// Not signed in, sent by a page of another web site, or the store fails.
    Failed(Failure),
    /// Too many wrong passwords for the name; how long to wait.
    Later(Duration),
    /// The CSRF token is missing or wrong.
    Csrf,
}

impl Denied {
    /// Not signed in, with advice on how to.
    pub fn access(why: &str) -> Self {
        let message = format!("Access denied: {why}");
        Self::Failed(Failure::new(
            StatusCode::FORBIDDEN,
            Code::Unauthenticated,
            message,
        ))
    }

    /// A page of another web site made a browser send the request.
    pub fn foreign() -> Self {
        Self::Failed(Failure::new(
            StatusCode::FORBIDDEN,
            Code::Forbidden,
            "a page of another web site sent the request; [gws] allow_origins does not name it",
        ))
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Failed(failure) => failure.into_response(),
            Self::Later(wait) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let message =
                    format!("Access denied: too many wrong passwords; try again in {seconds} s");
                let status = StatusCode::TOO_MANY_REQUESTS;
                let mut response =
                    Failure::new(status, Code::Unauthenticated, message).into_response();
                let headers = response.headers_mut();
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
                response
            }
            Self::Csrf => (StatusCode::FORBIDDEN, "Missing or invalid Csrf token").into_response(),
        }
    }
}
