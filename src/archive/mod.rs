//! Archives: export of a store, and restore into another.
//!
//! [`write()`] writes a whole store as lines of JSON, and [`Lines`] reads them. [`restore`] hands
//! them to a writer. [`verify`] compares stores and archives. `docs/archive.md` describes the
//! format. [`batch_form`] writes contacts and interactions alone, in the batch format.

pub mod batch_form;
mod line;
mod read;
mod restore;
mod verify;
mod write;

pub use read::{Checked, Header, Lines, Source};
pub use restore::{Mode, Progress, Report, Stage, WITHOUT_SECRET, restore};
pub use verify::{Difference, verify};
pub use write::{Holds, Written, write};

use std::fmt;

use crate::store::StoreError;

/// Why an archive could not be written, read or compared.
#[derive(Debug)]
pub enum Error {
    /// The store failed, or refused a command.
    Store(StoreError),
    /// A file could not be read or written.
    File(std::io::Error),
    /// The archive is invalid: the line, and what is wrong with it.
    Line(u64, String),
    /// The store failed while it processed these lines.
    Rows(u64, u64, StoreError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::File(error) => error.fmt(f),
            Self::Line(line, what) => write!(f, "line {line} {what}"),
            Self::Rows(first, last, error) => {
                write!(f, "lines {first} to {last} were not restored: {error}")
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}

/// The maximum number of rows in a page.
const PAGE: i64 = 500;
