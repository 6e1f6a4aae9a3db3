//! Restores an archive: hands its rows to the writer in chunks.

use std::path::Path;

use rand::RngCore;

use super::{Checked, Error, Lines};
use crate::domain::archive::{Cell, Kind, LeftOut, Restore, Restored, Row};
use crate::domain::command::{Command, Outcome, Submission};
use crate::domain::webhook::{SECRET_BYTES, Secret};
use crate::store::{Store, StoreError};

/// The maximum number of rows in a chunk.
const CHUNK: usize = 500;
/// The approximate size in bytes at which a chunk is handed over.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// The reason for disabling a webhook that was restored without its secret.
pub const WITHOUT_SECRET: &str =
    "restored from an archive without its secret: it has a new one; rotate it and enable it again";

/// What an import is doing with the lines of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading them to the end, to verify the archive.
    Check,
    /// Comparing them with the store.
    Compare,
    /// Restoring them.
    Restore,
}

/// Reports the number of lines processed, and the total if it is known.
pub type Progress<'p> = &'p mut (dyn FnMut(Stage, u64, Option<u64>) + Send);

/// The result of an import.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rows restored by this run.
    pub rows: u64,
    /// Lines restored by an earlier run.
    pub resumed: u64,
    /// Whether the archive was already restored, so that nothing was left to do.
    pub already: bool,
    /// The newest cursor of the archive, and the cursor it became.
    pub head: (i64, i64),
    /// Rows that were left out and differ from the rows in their place.
    pub left_out: LeftOut,
}

/// Restores an archive into an empty store. With `merge` the store may have data, and rows that do
/// not collide with it are added. A run that was interrupted resumes where it stopped, in the mode
/// in which it started.
///
/// The archive is verified to its end first. If it is truncated or was modified, the store is left
/// unchanged.
///
/// # Errors
/// When the archive is invalid, or the store refuses it or fails.
pub async fn restore(
    store: &Store,
    path: &Path,
    merge: bool,
    progress: Progress<'_>,
) -> Result<Report, Error> {
    let checked = Lines::check(path, |lines| progress(Stage::Check, lines, None))?;
    let before = store.reads.restored().await?;
    let before = before.filter(|(archive, _)| *archive == checked.id);
    let mut report = Report::default();
    let done = match before {
        Some((_, state)) if state.finished && !merge => {
            report.already = true;
            return Ok(report);
        }
        Some((_, state)) if !state.finished => state.lines,
        _ => 0,
    };
    report.resumed = u64::try_from(done).unwrap_or(0);
    let mut run = Run {
        store,
        path,
        first: Restore {
            archive: checked.id.clone(),
            head: checked.head,
            merge,
            survey: true,
            after: done,
            upto: done,
            rows: Vec::new(),
            last: false,
        },
        checked,
        progress,
    };
    // repeat while a pass finds more: a row may precede the row it depends on, and that one may be
    // left out
    while done == 0 && run.pass(Stage::Compare).await?.0.noted > 0 {}
    run.first.survey = false;
    let (state, rows) = run.pass(Stage::Restore).await?;
    report.rows = rows;
    let moved = if state.unmoved { 0 } else { run.checked.head };
    report.head = (run.checked.head, moved + state.offset);
    report.left_out = state.left_out;
    Ok(report)
}

/// The import of one archive.
struct Run<'r, 'p> {
    store: &'r Store,
    path: &'r Path,
    /// The first chunk of a pass, without its rows.
    first: Restore,
    checked: Checked,
    progress: Progress<'p>,
}

impl Run<'_, '_> {
    /// Hands over all rows once. Returns the state of the restore, with the total that was noted,
    /// and the number of rows restored.
    async fn pass(&mut self, stage: Stage) -> Result<(Restored, u64), Error> {
        let mut lines = Lines::open(self.path)?;
        let skipped = u64::try_from(self.first.after).unwrap_or(0);
        let mut chunk = self.first.clone();
        let (mut bytes, mut rows, mut noted) = (0, 0, 0);
        loop {
            let row = lines.next_row()?;
            chunk.last = row.is_none();
            if let Some(row) = row {
                if lines.number() <= skipped || (chunk.survey && !is_compared(row.kind)) {
                    continue;
                }
                if !chunk.survey {
                    chunk.upto = i64::try_from(lines.number()).unwrap_or(i64::MAX);
                }
                bytes += weight(&row);
                chunk.rows.push(with_secret(row));
            }
            if !chunk.last && chunk.rows.len() < CHUNK && bytes < CHUNK_BYTES {
                continue;
            }
            let next = Restore {
                after: chunk.upto,
                upto: chunk.upto,
                ..self.first.clone()
            };
            let last = chunk.last;
            let mut state = hand_over(self.store, chunk, lines.number()).await?;
            noted += state.noted;
            rows += state.rows;
            (self.progress)(stage, lines.number(), Some(self.checked.lines));
            if last || (self.first.survey && !state.merging) {
                state.noted = noted;
                return Ok((state, rows));
            }
            chunk = next;
            bytes = 0;
        }
    }
}

/// Whether rows of this kind are compared before a merge. The others share the fate of a row that
/// is.
fn is_compared(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Contact | Kind::Interaction | Kind::WebAction | Kind::Change | Kind::Webhook
    )
}

async fn hand_over(store: &Store, chunk: Restore, last: u64) -> Result<Restored, Error> {
    let first = u64::try_from(chunk.after).unwrap_or(0) + 1;
    let submission = Submission {
        tenant: 1,
        actor: "import".into(),
        at: None,
        repeatable: None,
        command: Command::Restore(Box::new(chunk)),
    };
    let answer = store.writer.enqueue_waiting(submission).await?;
    match answer.wait().await {
        Ok(Outcome::Restored(state)) => Ok(state),
        Ok(_) => Err(StoreError::Closed.into()),
        Err(error) if error.is_of_one_command() => Err(Error::Rows(first, last, error)),
        Err(error) => Err(error.into()),
    }
}

/// Gives a webhook without a secret a new one, and disables it until the operator has attended to
/// it.
fn with_secret(mut row: Row) -> Row {
    if row.kind == Kind::Webhook && *row.cell("secrets") == Cell::Null {
        let mut bytes = [0; SECRET_BYTES];
        rand::rng().fill_bytes(&mut bytes);
        let secrets = serde_json::to_string(&[Secret::new(&bytes)]).unwrap_or_default();
        row.set("secrets", Cell::Text(secrets));
        row.set("enabled", Cell::Int(0));
        row.set("disabled_reason", Cell::Text(WITHOUT_SECRET.to_owned()));
    }
    row
}

/// The approximate size of a row in bytes.
fn weight(row: &Row) -> usize {
    let of = |cell: &Cell| match cell {
        Cell::Text(text) => text.len(),
        Cell::Bytes(bytes) => bytes.len(),
        _ => 8,
    };
    row.cells.iter().map(of).sum()
}
