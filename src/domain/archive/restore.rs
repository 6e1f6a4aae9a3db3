//! The writer's input and results when an archive is restored.

use std::fmt::Debug;
use std::pin::Pin;

use super::{Kind, Row};

/// The next rows of an archive for the writer.
#[derive(Clone, Debug)]
pub struct Restore {
    /// Identifies the archive: its checksum.
    pub archive: String,
    /// The newest cursor of the store that was archived.
    pub head: i64,
    /// Whether the store may already hold data.
    pub merge: bool,
    /// Whether these rows are only compared with the store. A merge compares all rows before it
    /// restores the first.
    pub survey: bool,
    /// Lines restored before these rows.
    pub after: i64,
    /// Lines restored once these rows are.
    pub upto: i64,
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether these are the last rows.
    pub last: bool,
}

/// The chunks of a restore that is only rehearsed: all of them go into one transaction, which is
/// rolled back in the end.
pub trait Chunks: Debug + Send + Sync {
    /// Takes the state after the last chunk, and returns the next chunk; `None` at the end.
    fn next(&self, last: Option<Restored>) -> NextChunk<'_>;
}

/// The next chunk, when it is known.
pub type NextChunk<'c> = Pin<Box<dyn Future<Output = Option<Restore>> + Send + 'c>>;

/// How an archived item compares with the stored item of the same identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Both are the same.
    Same,
    /// Both are the same item, but one of them was changed since.
    Changed,
    /// A different item, or one with a different owner.
    Another,
}

impl Standing {
    /// The number in the store.
    pub fn code(self) -> i64 {
        match self {
            Self::Same => 0,
            Self::Changed => 1,
            Self::Another => 2,
        }
    }

    /// The standing with a number in the store.
    pub fn of_code(code: i64) -> Self {
        match code {
            0 => Self::Same,
            1 => Self::Changed,
            _ => Self::Another,
        }
    }
}

/// What a merge left out although it differs from the stored item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub count: u64,
    /// The first of them: kind, identifier, and comparison.
    pub first: Vec<(Kind, String, Standing)>,
}

/// The progress of a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Lines restored.
    pub lines: i64,
    /// The number added to each cursor of the archive.
    pub offset: i64,
    /// Whether it merges into existing data.
    pub merging: bool,
    /// Whether it has finished.
    pub finished: bool,
    /// Whether it has finished and restored nothing at all, so that the head of the journal is where
    /// it was.
    pub unmoved: bool,
    /// Rows of this chunk that were restored.
    pub rows: u64,
    /// What was left out; known when it has finished.
    pub left_out: LeftOut,
    /// How many items a survey noted for the first time.
    pub noted: u64,
}
