//! Restores an archive: hands its rows to the writer, a chunk at a time.

use rand::RngCore;

use super::{Error, Lines};
use crate::domain::archive::{Cell, Kind, Restore, Restored, Row};
use crate::domain::command::{Command, Outcome, Submission};
use crate::domain::webhook::{SECRET_BYTES, Secret};
use crate::store::{Store, StoreError};

/// Rows of a chunk.
const CHUNK: usize = 500;
/// Bytes of a chunk's texts, roughly, past which it is handed over.
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// Why a webhook is disabled that came without its secret.
const WITHOUT_SECRET: &str =
    "restored from an archive without its secret: it has a new one; rotate it and enable it again";

/// Told of the lines that are restored.
pub type Progress<'p> = &'p mut (dyn FnMut(u64) + Send);

/// What became of an archive.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rows restored in this run.
    pub rows: u64,
    /// Lines that an earlier run restored.
    pub resumed: u64,
    /// The newest cursor of the archive, and what it became.
    pub head: (i64, i64),
    /// What was left out, because something else stands in its place.
    pub left_out: Vec<(Kind, String)>,
}

/// Restores an archive into a store that is empty, or with `merge` adds what does not collide. Goes on where an earlier run
/// was cut off.
///
/// # Errors
/// When the archive is not as it should be, the store refuses it, or fails.
pub async fn restore(
    store: &Store,
    mut lines: Lines,
    merge: bool,
    progress: Progress<'_>,
) -> Result<Report, Error> {
    let mut report = Report::default();
    let before = store.reads.restored().await?;
    let done = match &before {
        Some((archive, state)) if *archive == lines.id && !state.finished => state.lines,
        _ => 0,
    };
    report.resumed = u64::try_from(done).unwrap_or(0);
    let mut chunk = Restore {
        archive: lines.id.clone(),
        head: lines.header.head,
        merge,
        after: done,
        upto: done,
        rows: Vec::with_capacity(CHUNK),
        last: false,
    };
    let mut bytes = 0;
    loop {
        let row = lines.next_row()?;
        chunk.last = row.is_none();
        if let Some(row) = row {
            if lines.number() <= report.resumed {
                continue;
            }
            chunk.upto = i64::try_from(lines.number()).unwrap_or(i64::MAX);
            bytes += weight(&row);
            chunk.rows.push(with_secret(row));
        }
        if !chunk.last && chunk.rows.len() < CHUNK && bytes < CHUNK_BYTES {
            continue;
        }
        report.rows += chunk.rows.len() as u64;
        let next = Restore {
            rows: Vec::with_capacity(CHUNK),
            after: chunk.upto,
            ..chunk.clone()
        };
        let last = chunk.last;
        let state = hand_over(store, chunk).await?;
        report.left_out.extend(state.left_out);
        report.head = (next.head, next.head + state.offset);
        progress(lines.number());
        if last {
            return Ok(report);
        }
        chunk = next;
        bytes = 0;
    }
}

async fn hand_over(store: &Store, chunk: Restore) -> Result<Restored, Error> {
    let submission = Submission {
        tenant: 1,
        actor: "import".into(),
        at: None,
        repeatable: None,
        command: Command::Restore(Box::new(chunk)),
    };
    match store
        .writer
        .enqueue_waiting(submission)
        .await?
        .wait()
        .await?
    {
        Outcome::Restored(state) => Ok(state),
        _ => Err(StoreError::Closed.into()),
    }
}

/// A webhook that came without its secret gets a new one, and is disabled until somebody has seen to it.
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

/// Roughly the bytes of a row.
fn weight(row: &Row) -> usize {
    let of = |cell: &Cell| match cell {
        Cell::Text(text) => text.len(),
        Cell::Bytes(bytes) => bytes.len(),
        _ => 8,
    };
    row.cells.iter().map(of).sum()
}
