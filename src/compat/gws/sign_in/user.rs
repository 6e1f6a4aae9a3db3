//! The signed-in user, as the handlers receive it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::denied::Denied;
use crate::domain::command::{Command, Submission};
use crate::web::App;

/// The name of the user if sign-in is not required and the caller did not sign in. This user owns
/// everything.
pub const ANYBODY: &str = "";

/// The sign-in session of a request, which is a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// There is none.
    None,
    /// It came with the request.
    Came(Arc<str>),
    /// It starts with the response. Clients that keep no cookies start one with each request.
    Begins(Arc<str>),
}

impl SignIn {
    /// The session that the client is known to keep; empty if it may keep none.
    pub fn kept(&self) -> &str {
        match self {
            Self::Came(id) => id,
            Self::None | Self::Begins(_) => "",
        }
    }

    /// The session that the client's next requests will carry, if it keeps one.
    pub fn next(&self) -> &str {
        match self {
            Self::Came(id) | Self::Begins(id) => id,
            Self::None => "",
        }
    }
}

/// A signed-in user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The tenant whose history the user sees.
    pub tenant: i64,
    /// The name, which is also the `ownerId` of the user's interactions; [`ANYBODY`] if the caller
    /// did not sign in.
    pub name: Arc<str>,
    /// The sign-in session.
    pub sign_in: SignIn,
}

impl User {
    /// Whether an interaction of this owner belongs to the user. One without an owner belongs to
    /// everyone.
    pub fn owns(&self, owner: Option<&str>) -> bool {
        *self.name == *ANYBODY || owner.is_none_or(|owner| *owner == *self.name)
    }

    /// The `ownerId` of the user's interactions; `None` if the caller did not sign in.
    pub fn owner(&self) -> Option<String> {
        (*self.name != *ANYBODY).then(|| self.name.to_string())
    }

    /// A command of this user.
    pub fn submission(&self, command: Command) -> Submission {
        let actor = if *self.name == *ANYBODY {
            "anonymous".into()
        } else {
            Arc::clone(&self.name)
        };
        Submission {
            tenant: self.tenant,
            actor,
            at: None,
            repeatable: None,
            command,
        }
    }
}

impl FromRequestParts<App> for User {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Denied> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Denied::access("nobody signed in"))
    }
}
