//! History in columns: a second form of it, for questions about much of it.
//!
//! There is a sheet for interactions, for events of web actions, and for contacts ([`rows`]). A sheet
//! consists of parts ([`part`]): Parquet files, and batches in memory for what is new. What a row is
//! about stands in one part; its rows in others are masked. Its place finds it, for an interaction
//! the cursor of the journal entry that recorded it. Parts hold a column for each attribute, and for
//! each frequent key of UserData ([`documents`]).
//!
//! [`Keeper`] follows the journal. A manifest names the files and the cursor that
//! they stand for; after a start, the keeper goes on from there. Nothing here is the only copy of
//! anything.

pub mod documents;
mod keeper;
mod manifest;
pub mod part;
pub mod rows;

use std::sync::Arc;

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

pub use keeper::Keeper;
use part::Part;
pub use rows::Sheet;

/// The columns at one cursor of the journal. It never changes.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The cursor.
    pub cursor: i64,
    /// While the columns are built for the first time, how far they are.
    pub built: Option<Built>,
    /// The parts of each sheet, oldest rows first.
    sheets: [Vec<Arc<Part>>; Sheet::ALL.len()],
}

/// How far the first build is: a sheet, and the place in it. The sheets before it are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    sheet: usize,
    place: i64,
}

impl Snapshot {
    /// The parts of a sheet.
    pub fn parts(&self, sheet: Sheet) -> &[Arc<Part>] {
        &self.sheets[sheet as usize]
    }

    fn parts_mut(&mut self, sheet: Sheet) -> &mut Vec<Arc<Part>> {
        &mut self.sheets[sheet as usize]
    }

    /// All parts with their sheets.
    fn all(&self) -> impl Iterator<Item = (Sheet, &Arc<Part>)> {
        Sheet::ALL
            .into_iter()
            .flat_map(|(sheet, _)| self.parts(sheet).iter().map(move |part| (sheet, part)))
    }

    /// Marks the parts that hold rows of places, masked or not: none of these rows may stay.
    fn mark(&mut self, sheet: Sheet, gone: &RoaringTreemap) {
        for part in self.parts_mut(sheet) {
            if part.holds(gone) {
                Arc::make_mut(part).mark();
            }
        }
    }

    /// Masks the rows of places.
    fn mask(&mut self, sheet: Sheet, gone: &RoaringTreemap) {
        for part in self.parts_mut(sheet) {
            if part.overlaps(gone) {
                Arc::make_mut(part).mask(gone);
            }
        }
    }
}

/// Why the columns could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ColumnsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A file or the folder failed.
    #[error("the folder of the reports failed: {0}")]
    Io(#[from] std::io::Error),
    /// Another server uses the folder.
    #[error("another server keeps its columns in this folder; each needs its own")]
    Taken,
    /// A file is no Parquet file, or not one of these.
    #[error("a file of the reports cannot be read: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A computation over columns failed.
    #[error("columns could not be computed: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The manifest is not one of these.
    #[error("the manifest of the reports cannot be read: {0}")]
    Manifest(String),
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};

    use super::*;

    #[test]
    fn a_part_that_holds_a_masked_row_of_something_erased_is_marked_too() {
        let part = |places: Vec<i64>| {
            let array: ArrayRef = Arc::new(Int64Array::from(places));
            Arc::new(Part::of(
                RecordBatch::try_from_iter([(rows::PLACE, array)]).unwrap(),
            ))
        };
        let mut snapshot = Snapshot::default();
        snapshot.parts_mut(Sheet::Interactions).extend([
            part(vec![1, 2, 3]),
            part(vec![4, 5]),
            part(vec![2]),
        ]);
        let erased = RoaringTreemap::from([2]);
        Arc::make_mut(&mut snapshot.parts_mut(Sheet::Interactions)[0]).mask(&erased);
        snapshot.mark(Sheet::Interactions, &erased);
        let marked: Vec<bool> = snapshot
            .parts(Sheet::Interactions)
            .iter()
            .map(|part| part.shred())
            .collect();
        assert_eq!(marked, [true, false, true]);
    }
}
