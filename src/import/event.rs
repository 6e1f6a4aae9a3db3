//! What a reader finds in a file, and where.

use std::fmt;

use crate::domain::contact::GivenAttributes;
use crate::domain::interaction::NewInteraction;

use super::report::WarningKind;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line, counted from 1.
    Line(u64),
    /// An element by its kind and its name or number.
    Element(&'static str, String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("file"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Element(kind, name) => write!(f, "{kind} {name}"),
        }
    }
}

/// Something to store.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A contact with the identifier that it keeps.
    Contact {
        /// Identifier.
        id: String,
        /// What is known.
        attributes: GivenAttributes,
    },
    /// One contact is merged into another.
    Merge {
        /// Which.
        id: String,
        /// Into which.
        into: String,
    },
    /// An interaction; its identifier is always given, so that reading it again makes no second one.
    Interaction(Box<NewInteraction>),
}

/// What a reader finds.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Something to store.
    Item(Place, Item),
    /// Something that cannot be stored, and why.
    Refused(Place, String),
    /// Something to know.
    Warning(WarningKind, Place, String),
}

/// Nobody takes what is found any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Takes what is found.
pub type Take<'t> = dyn FnMut(Found) -> Result<(), Gone> + 't;
