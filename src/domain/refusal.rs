//! Why a command or a question is refused, in words for the one who asked.

use serde::Serialize;

use super::requirement::Unmet;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON pointer into the request's body, or `?name` for a query parameter.
    pub pointer: String,
    /// A sentence without its subject: `is longer than 64 characters`.
    pub detail: String,
}

impl Fault {
    /// A fault at a place.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// A refusal. Nothing was written; every surface turns it into its own words by one exhaustive match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The thing asked for is not there: its kind and its identifier.
    NotFound(&'static str, String),
    /// The request says something that does not hold or does not fit.
    Invalid(Vec<Fault>),
    /// What is stored already stands against it.
    Conflict(String),
    /// `If-Match` names another revision than the stored one.
    Stale(String),
    /// The interaction of this identifier is not what the command requires.
    Unmet(String, Unmet),
    /// The caller may not.
    Forbidden(String),
    /// No caller was named, or one that is not known.
    Unauthenticated(String),
    /// Larger than the limit.
    TooLarge(String),
    /// Not JSON, or not what the header says.
    Malformed(String),
    /// The question ran into its time limit.
    TimedOut(String),
}

impl Refusal {
    /// One thing wrong at one place.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault::at(pointer, detail)])
    }

    /// The same, where what is wrong is inside a member of an object.
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

    /// An interaction that is not there.
    pub fn no_interaction(id: &str) -> Self {
        Self::NotFound("interaction", id.to_owned())
    }

    /// A contact that is not there.
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
                    // what is wrong with the whole has no place to name
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
            | Self::TimedOut(detail) => f.write_str(detail),
        }
    }
}

impl std::error::Error for Refusal {}
