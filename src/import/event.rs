//! What a reader finds in a file, with its place.

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
    /// A contact with its own identifier.
    Contact {
        /// Identifier.
        id: String,
        /// Its attributes.
        attributes: GivenAttributes,
    },
    /// One contact is merged into another.
    Merge {
        /// The contact that is merged.
        id: String,
        /// The contact that remains.
        into: String,
    },
    /// An interaction. Its identifier is always set, so that importing it again creates no second
    /// one.
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

/// The receiver of the findings is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Receives the findings.
pub type Take<'t> = dyn FnMut(Found) -> Result<(), Gone> + 't;
