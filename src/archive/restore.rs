//! Restores an archive: hands its rows to the writer in chunks.

use std::path::Path;
use std::sync::Arc;

use rand::RngCore;
use tokio::sync::{Mutex, mpsc};

use super::{Checked, Error, Lines};
use crate::domain::archive::{Cell, Chunks, Kind, LeftOut, NextChunk, Restore, Restored, Row};
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

/// How an archive is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Into an empty store.
    Fill,
    /// Into a store that may have data: rows that do not collide with it are added.
    Merge,
    /// As a merge that is rolled back, to learn what it would do.
    DryMerge,
}

/// Restores an archive. A run that was interrupted resumes where it stopped, in the mode in which it
/// started. A dry merge writes nothing.
///
/// The archive is verified to its end first. If it is truncated or was modified, the store is left
/// unchanged.
///
/// # Errors
/// When the archive is invalid, or the store refuses it or fails.
pub async fn restore(
    store: &Store,
    path: &Path,
    mode: Mode,
    progress: Progress<'_>,
) -> Result<Report, Error> {
    let checked = Lines::check(path, |lines| progress(Stage::Check, lines, None))?;
    let before = store.reads.restored().await?;
    let before = before.filter(|(archive, _)| *archive == checked.id);
    let done = match before {
        Some((_, state)) if state.finished && mode == Mode::Fill => {
            return Ok(Report {
                already: true,
                ..Report::default()
            });
        }
        Some((_, state)) if !state.finished => state.lines,
        _ => 0,
    };
    let mut run = Run {
        hand: Hand::Committed(store),
        path,
        first: Restore {
            archive: checked.id.clone(),
            head: checked.head,
            merge: mode != Mode::Fill,
            survey: true,
            after: done,
            upto: done,
            rows: Vec::new(),
            last: false,
        },
        checked,
        progress,
    };
    if mode != Mode::DryMerge {
        return run.all().await;
    }
    let (chunks, handed) = mpsc::channel(1);
    let (told, states) = mpsc::channel(1);
    let command = Command::Rehearse(Arc::new(Handed {
        chunks: Mutex::new(handed),
        states: told,
    }));
    let rehearsal = store.writer.enqueue_waiting(submission(command)).await?;
    run.hand = Hand::Rehearsed { chunks, states };
    let report = run.all().await;
    // without further chunks the rehearsal ends
    drop(run);
    match (report, rehearsal.wait().await) {
        (Err(Error::Rows(first, last, _)), Err(error)) if error.is_of_one_command() => {
            Err(Error::Rows(first, last, error))
        }
        (_, Err(error)) => Err(error.into()),
        (report, Ok(_)) => report,
    }
}

/// The import of one archive.
struct Run<'r, 'p> {
    hand: Hand<'r>,
    path: &'r Path,
    /// The first chunk of a pass, without its rows.
    first: Restore,
    checked: Checked,
    progress: Progress<'p>,
}

/// Where chunks go.
enum Hand<'s> {
    /// To the store, each in a transaction of its own.
    Committed(&'s Store),
    /// To one transaction, which is rolled back at the end.
    Rehearsed {
        chunks: mpsc::Sender<Restore>,
        states: mpsc::Receiver<Restored>,
    },
}

/// The other end of [`Hand::Rehearsed`].
#[derive(Debug)]
struct Handed {
    chunks: Mutex<mpsc::Receiver<Restore>>,
    states: mpsc::Sender<Restored>,
}

impl Chunks for Handed {
    fn next(&self, last: Option<Restored>) -> NextChunk<'_> {
        Box::pin(async move {
            if let Some(state) = last {
                self.states.send(state).await.ok()?;
            }
            self.chunks.lock().await.recv().await
        })
    }
}

impl Run<'_, '_> {
    /// Compares all rows, if there is anything to compare with, and restores them.
    async fn all(&mut self) -> Result<Report, Error> {
        let done = self.first.after;
        // repeat while a pass finds more: a row may precede the row it depends on, and that one may
        // be left out
        while done == 0 && self.pass(Stage::Compare).await?.0.noted > 0 {}
        self.first.survey = false;
        let (state, rows) = self.pass(Stage::Restore).await?;
        let moved = if state.unmoved { 0 } else { self.checked.head };
        Ok(Report {
            rows,
            resumed: u64::try_from(done).unwrap_or(0),
            already: false,
            head: (self.checked.head, moved + state.offset),
            left_out: state.left_out,
        })
    }

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
            let mut state = self.hand.over(chunk, lines.number()).await?;
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

impl Hand<'_> {
    /// Hands over the rows up to the line `last`; returns the state after them.
    async fn over(&mut self, chunk: Restore, last: u64) -> Result<Restored, Error> {
        let first = u64::try_from(chunk.after).unwrap_or(0) + 1;
        let closed = || Error::Rows(first, last, StoreError::Closed);
        match self {
            Self::Committed(store) => {
                let command = Command::Restore(Box::new(chunk));
                let answer = store.writer.enqueue_waiting(submission(command)).await?;
                match answer.wait().await {
                    Ok(Outcome::Restored(state)) => Ok(state),
                    Ok(_) => Err(StoreError::Closed.into()),
                    Err(error) if error.is_of_one_command() => Err(Error::Rows(first, last, error)),
                    Err(error) => Err(error.into()),
                }
            }
            Self::Rehearsed { chunks, states } => {
                // where the rehearsal fails, its own answer says why
                chunks.send(chunk).await.map_err(|_| closed())?;
                states.recv().await.ok_or_else(closed)
            }
        }
    }
}

fn submission(command: Command) -> Submission {
    Submission {
        tenant: 1,
        actor: "import".into(),
        at: None,
        repeatable: None,
        command,
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
