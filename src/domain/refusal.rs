//! Why a command or a query is refused, worded for the caller.

use serde::Serialize;

use super::requirement::Unmet;

/// A fault and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON pointer into the request's body, or `?name` for a query parameter.
    pub pointer: String,
    /// A sentence without its subject: `is longer than 64 characters`.
    pub detail: String,
}

impl Fault {
    /// A fault at a pointer.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// A refusal. Nothing was written. Each surface translates it with one exhaustive match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The item does not exist: its kind and its identifier.
    NotFound(&'static str, String),
    /// The request is invalid.
    Invalid(Vec<Fault>),
    /// The request conflicts with stored data.
    Conflict(String),
    /// `If-Match` names a revision other than the stored one.
    Stale(String),
    /// The interaction with this identifier does not meet the command's requirement.
    Unmet(String, Unmet),
    /// The caller lacks permission.
    Forbidden(String),
    /// The caller is missing or unknown.
    Unauthenticated(String),
    /// The request exceeds a limit.
    TooLarge(String),
    /// Not JSON, or not of the declared type.
    Malformed(String),
    /// The body is in a form that is not supported.
    Unsupported(String),
    /// The query exceeded its time limit.
    TimedOut(String),
}

impl Refusal {
    /// One fault at one place.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault::at(pointer, detail)])
    }

    /// The same, with the fault inside a member of an object.
    #[must_use]
    pub fn under(self, member: &str) -> Self {
        let Self::Invalid(mut faults) = self else {
            return self;
        };
        for fault in &mut faults {
            let member = super::user_data::escape_pointer(member);
            fault.pointer = format!("/{member}{}", fault.pointer);
        }
        Self::Invalid(faults)
    }

    /// An interaction that does not exist.
    pub fn no_interaction(id: &str) -> Self {
        Self::NotFound("interaction", id.to_owned())
    }

    /// A contact that does not exist.
    pub fn no_contact(id: &str) -> Self {
        Self::NotFound("contact", id.to_owned())
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound(what, id) => write!(f, "there is no {what} {id:?}"),
            Self::Unmet(id, what) => write!(f, "the interaction {id:?} {what}"),
            Self::Invalid(faults) => {
                for (index, fault) in faults.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    // a fault of the whole request has no pointer
                    let subject = match fault.pointer.as_str() {
                        "" => "it",
                        pointer => pointer,
                    };
                    write!(f, "{separator}{subject} {}", fault.detail)?;
                }
                Ok(())
            }
            Self::Conflict(detail)
            | Self::Stale(detail)
            | Self::Forbidden(detail)
            | Self::Unauthenticated(detail)
            | Self::TooLarge(detail)
            | Self::Malformed(detail)
            | Self::Unsupported(detail)
            | Self::TimedOut(detail) => f.write_str(detail),
        }
    }
}

impl std::error::Error for Refusal {}
