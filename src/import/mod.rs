//! Import: history from files.
//!
//! [`run`] takes files and folders, recognises each file by its extension and its content, and
//! records the items through the writer, as every API does. [`Format`] lists the formats. Whatever
//! cannot be imported is in the report with the reason. The identifier of every item is derived
//! from the input, so a second run finds the items of the first and writes nothing.
//!
//! A contact or a parent must be imported before the items that refer to it. The simulator's
//! contacts are therefore read first, then its interactions, parents before children. All other
//! files follow in the given order, those of a folder in order of name.
//!
//! A separate thread reads the files and waits for the writer, so memory does not grow with the
//! files. Only YAML is read into memory whole.

mod abcd;
mod array;
mod banking;
mod event;
mod files;
mod ndjson;
mod pairs;
mod report;
mod sgd;
mod simulator;
mod sink;
mod yaml;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::domain::Moment;
use crate::domain::interaction::NewInteraction;
use crate::domain::transcript::Transcript;
use crate::store::StoreError;
use crate::store::writer::Writer;
use event::{Found, Gone, Place, Take};
use files::Recognised;
pub use report::{Counts, FileReport, Format, Messages, Report, WarningKind};
pub use simulator::REST as SIMULATOR_DETAILS;
use sink::Sink;

/// The number of findings that may wait for the writer.
const WAITING: usize = 256;
/// The number of findings between progress reports.
const STEP: u32 = 500;

/// The options of an import.
#[derive(Clone, Debug)]
pub struct Options {
    /// Check everything that can be checked, and write nothing.
    pub dry_run: bool,
    /// The tenant to import into.
    pub tenant: i64,
    /// The actor in the journal.
    pub actor: Arc<str>,
    /// The current time, at which contacts are created.
    pub now: Moment,
}

/// Why an import ended early. Items that were already written remain, and the next run finds them.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A given path cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sends a finding with the index of its file.
type Sender = mpsc::Sender<(usize, Found)>;

/// Imports files and folders. `progress` periodically receives the number of bytes done, and the
/// total.
///
/// # Errors
/// When a given path does not exist, or the store fails. Problems inside a file are in the report.
pub async fn run(
    writer: &Writer,
    paths: &[PathBuf],
    options: &Options,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Report, ImportError> {
    let longest = writer.rules().limits.line;
    let found = files::find(paths).map_err(|(path, source)| ImportError::Path { path, source })?;
    let recognised = blocking(move || {
        let look = |candidate| files::recognise(candidate, longest);
        found.into_iter().map(look).collect::<Vec<_>>()
    })
    .await;
    let reports = recognised
        .iter()
        .map(|file| FileReport::new(file.path.clone(), file.format.clone(), file.is_missed()))
        .collect();
    let total = recognised.iter().map(|file| file.bytes).sum();
    let done = Arc::new(AtomicU64::new(0));
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let reading = {
        let done = Arc::clone(&done);
        tokio::task::spawn_blocking(move || read_all(recognised, longest, &sender, &done))
    };
    let mut sink = Sink::new(writer, options, reports);
    let mut step = 0;
    while let Some((file, found)) = receiver.recv().await {
        sink.take(file, found).await?;
        step += 1;
        if step % STEP == 0 {
            progress(done.load(Ordering::Relaxed).min(total), total);
        }
    }
    let joined = reading.await.unwrap_or_default();
    sink.finish().await?;
    for (file, many) in joined {
        sink.files[file].joined += many;
    }
    progress(total, total);
    Ok(Report {
        dry_run: options.dry_run,
        files: sink.files,
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Reads all files: first those of the simulator, which refer to each other, then one file after
/// another. Returns the number of elements of each file that were joined to another file's.
fn read_all(
    mut files: Vec<Recognised>,
    longest: usize,
    sender: &Sender,
    done: &Arc<AtomicU64>,
) -> Vec<(usize, u64)> {
    let (joined, mut result) = simulator(&mut files, sender);
    for (place, file) in files.iter().enumerate() {
        if result.is_err() {
            break;
        }
        match file.format {
            Ok(Format::Ndjson | Format::Abcd | Format::Sgd | Format::Banking) => {
                result = one(place, file, longest, sender, done);
            }
            _ => {
                done.fetch_add(file.bytes, Ordering::Relaxed);
            }
        }
    }
    joined
}

fn simulator(files: &mut [Recognised], sender: &Sender) -> (Vec<(usize, u64)>, Result<(), Gone>) {
    let mut interactions = simulator::Joined::default();
    let mut joined = Vec::new();
    let mut result = Ok(());
    for (place, file) in files.iter_mut().enumerate() {
        let (Ok(format), Some(node)) = (&file.format, file.yaml.take()) else {
            continue;
        };
        let mut take = send(place, sender);
        if *format == Format::SimulatorContacts {
            result = result.and_then(|()| simulator::contacts(&node, &mut take));
        } else {
            for refused in interactions.add(place, *format, node) {
                result = result.and_then(|()| take(refused));
            }
        }
    }
    for (id, told) in interactions.in_order() {
        let history = told.history.as_ref().map(|(file, _)| *file);
        let details = told.details.as_ref().map(|(file, _)| *file);
        if let (Some(history), Some(_)) = (history, details) {
            match joined.iter_mut().find(|(file, _)| *file == history) {
                Some((_, many)) => *many += 1,
                None => joined.push((history, 1)),
            }
        }
        if let Some(file) = details.or(history) {
            let mut take = send(file, sender);
            result = result.and_then(|()| simulator::interaction(&id, &told, &mut take));
        }
    }
    (joined, result)
}

fn send(file: usize, sender: &Sender) -> impl FnMut(Found) -> Result<(), Gone> {
    move |found| sender.blocking_send((file, found)).map_err(|_| Gone)
}

/// Streams one file.
fn one(
    place: usize,
    file: &Recognised,
    longest: usize,
    sender: &Sender,
    done: &Arc<AtomicU64>,
) -> Result<(), Gone> {
    let mut take = send(place, sender);
    let result = match File::open(&file.path) {
        Ok(open) => {
            let from = BufReader::with_capacity(64 * 1024, Counted { open, done });
            stream(file, from, longest, &mut take)
        }
        Err(error) => Err(error.to_string()),
    };
    result.unwrap_or_else(|reason| take(Found::Refused(Place::File, reason)))
}

fn stream(
    file: &Recognised,
    from: impl std::io::BufRead,
    longest: usize,
    take: &mut Take<'_>,
) -> Result<Result<(), Gone>, String> {
    match file.format {
        Ok(Format::Ndjson) => {
            ndjson::read(from, name(&file.path), longest, take).map_err(|error| error.to_string())
        }
        Ok(Format::Abcd) => abcd::read(from, take),
        Ok(Format::Sgd) => sgd::read(from, take),
        Ok(Format::Banking) => Ok(banking::read(from, take)),
        _ => Ok(Ok(())),
    }
}

/// A completed chat in English with a customer, known only by its transcript, as in `abcd` and
/// `sgd`. It ends with its last line.
fn dialogue(
    source: &str,
    name: impl std::fmt::Display,
    contact: &str,
    chat: &Transcript,
) -> NewInteraction {
    let length = chat.lines.last().map_or(0, |line| line.second);
    NewInteraction {
        id: Some(format!("{source}-{name}")),
        external_id: Some(format!("{source}:{name}")),
        media_type: "chat".to_owned(),
        kind: Some("Inbound".to_owned()),
        subtype: Some("InboundNew".to_owned()),
        contact_id: Some(contact.to_owned()),
        start_date: Some(chat.start),
        end_date: Some(chat.start.plus_micros(length * 1_000_000)),
        language: Some("English".to_owned()),
        text: Some(chat.text()),
        structured_text: Some(chat.xml()),
        ..NewInteraction::default()
    }
}

fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Counts the bytes read.
struct Counted<'d> {
    open: File,
    done: &'d AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let many = self.open.read(into)?;
        self.done
            .fetch_add(u64::try_from(many).unwrap_or(0), Ordering::Relaxed);
        Ok(many)
    }
}

#[cfg(test)]
mod tests;
