//! History out of a store and into another one.
//!
//! [`write()`] writes a store whole, as lines of JSON; [`Lines`] reads them again; [`restore`] hands them to a writer, and
//! [`verify`] compares two. `docs/archive.md` has the format. [`batch_form`] writes contacts and interactions alone, in the
//! form of a batch.

pub mod batch_form;
mod line;
mod read;
mod restore;
mod verify;
mod write;

pub use read::{Header, Lines, Source};
pub use restore::{Progress, Report, restore};
pub use verify::{Difference, verify};
pub use write::{Holds, Written, write};

use std::fmt;

use crate::store::StoreError;

/// Why an archive could not be written, read or compared.
#[derive(Debug)]
pub enum Error {
    /// The store failed, or refused.
    Store(StoreError),
    /// A file failed.
    File(std::io::Error),
    /// The archive is not what it should be: the line, and what is wrong with it.
    Line(u64, String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::File(error) => error.fmt(f),
            Self::Line(line, what) => write!(f, "line {line} {what}"),
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

/// Rows that are read, or handed over, at a time.
const PAGE: i64 = 500;
