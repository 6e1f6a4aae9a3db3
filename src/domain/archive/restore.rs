//! What the writer is handed of an archive, and what it answers.

use super::{Kind, Row};

/// The next rows of an archive, for the writer.
#[derive(Clone, Debug)]
pub struct Restore {
    /// Tells one archive from another: its checksum.
    pub archive: String,
    /// The newest cursor of the store that it came from.
    pub head: i64,
    /// Whether the store may hold something already.
    pub merge: bool,
    /// Whether these rows are only compared with what is there. A merge compares all rows before it
    /// restores the first.
    pub survey: bool,
    /// The lines that were restored before these rows.
    pub after: i64,
    /// The lines that are restored with them.
    pub upto: i64,
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether these are the last.
    pub last: bool,
}

/// How something in an archive compares with what has its identifier in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is the same.
    Same,
    /// It is the same, but one of the two was changed since.
    Changed,
    /// It is something else, or belongs to something else.
    Another,
}

impl Standing {
    /// The number that is stored.
    pub fn code(self) -> i64 {
        match self {
            Self::Same => 0,
            Self::Changed => 1,
            Self::Another => 2,
        }
    }

    /// The standing of a number.
    pub fn of_code(code: i64) -> Self {
        match code {
            0 => Self::Same,
            1 => Self::Changed,
            _ => Self::Another,
        }
    }
}

/// What a merge left out although it is not the same as what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub count: u64,
    /// The first of them: what, which, and how it compares.
    pub first: Vec<(Kind, String, Standing)>,
}

/// How far the restoring of an archive has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Lines restored.
    pub lines: i64,
    /// What is added to each cursor of the archive.
    pub offset: i64,
    /// Whether it is merged into what was there.
    pub merging: bool,
    /// Whether it is over.
    pub finished: bool,
    /// Rows of this chunk that were restored.
    pub rows: u64,
    /// What was left out; known when it is over.
    pub left_out: LeftOut,
    /// What a survey noted for the first time.
    pub noted: u64,
}
