//! The report of an import, for people and programs. It stays small: everything is counted, and
//! only a few items are quoted.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::event::Place;

/// The number of messages of one kind that are quoted for each file. The others are only counted.
pub const QUOTED: usize = 50;

/// The formats that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Interactions and contacts, one JSON object a line.
    Ndjson,
    /// Contacts of the agent API simulator.
    SimulatorContacts,
    /// The contact history of the agent API simulator.
    SimulatorHistory,
    /// The interactions of the agent API simulator with their `UserData`.
    SimulatorDetails,
    /// Action-Based Conversations Dataset.
    Abcd,
    /// Schema-Guided Dialogue.
    Sgd,
    /// Customer messages with an intent.
    Banking,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ndjson => "NDJSON",
            Self::SimulatorContacts => "simulator contacts",
            Self::SimulatorHistory => "simulator history",
            Self::SimulatorDetails => "simulator details",
            Self::Abcd => "ABCD chats",
            Self::Sgd => "SGD dialogues",
            Self::Banking => "messages with intents",
        })
    }
}

/// Kinds of oddities. The items were imported nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WarningKind {
    /// A pair list repeats a key; the last value is kept.
    RepeatedKey,
    /// A value does not have its declared type; it was kept.
    TypeMismatch,
    /// Two sources disagree; the report says which one was used.
    Contradiction,
    /// A part of the file is not history and was not stored.
    LeftOut,
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RepeatedKey => "repeated keys",
            Self::TypeMismatch => "type mismatches",
            Self::Contradiction => "contradictions",
            Self::LeftOut => "left out",
        })
    }
}

/// Counts of one kind of item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Found in the file.
    pub read: u64,
    /// Written; in a dry run, those that would be, as far as the input shows.
    pub created: u64,
    /// Already stored, or repeated in the input.
    pub already_there: u64,
}

/// Messages of one kind. All are counted, the first ones quoted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// The total number.
    pub count: u64,
    /// The first ones: place and text.
    pub quoted: Vec<(String, String)>,
}

impl Messages {
    pub(super) fn add(&mut self, place: &Place, text: String) {
        self.count += 1;
        if self.quoted.len() < QUOTED {
            self.quoted.push((place.to_string(), text));
        }
    }
}

/// The result for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// Its path.
    pub path: PathBuf,
    /// Its format, or why it is not history.
    pub format: Result<Format, String>,
    /// Whether it has no format although it was meant: it was named itself, or is an archive.
    pub missed: bool,
    /// Interactions.
    pub interactions: Counts,
    /// Contacts.
    pub contacts: Counts,
    /// Elements with further details of another file's interactions.
    pub joined: u64,
    /// Items that could not be stored, with the reason.
    pub refused: Messages,
    /// Oddities of the stored items.
    pub warnings: BTreeMap<WarningKind, Messages>,
    /// Transient keys that were not stored, by name.
    pub dropped_keys: BTreeMap<String, u64>,
    /// In a dry run: references to parents and contacts that are not in the input, and so must be
    /// in the store.
    pub elsewhere: u64,
}

impl FileReport {
    pub(super) fn new(path: PathBuf, format: Result<Format, String>, missed: bool) -> Self {
        Self {
            path,
            format,
            missed,
            interactions: Counts::default(),
            contacts: Counts::default(),
            joined: 0,
            refused: Messages::default(),
            warnings: BTreeMap::new(),
            dropped_keys: BTreeMap::new(),
            elsewhere: 0,
        }
    }

    pub(super) fn warn(&mut self, kind: WarningKind, place: &Place, text: String) {
        self.warnings.entry(kind).or_default().add(place, text);
    }
}

/// The result of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Whether it was a dry run, in which nothing is written.
    pub dry_run: bool,
    /// All given or found files, in the order in which they were read.
    pub files: Vec<FileReport>,
}

impl Report {
    /// Interactions of all files.
    pub fn interactions(&self) -> Counts {
        self.sum(|file| file.interactions)
    }

    /// Contacts of all files.
    pub fn contacts(&self) -> Counts {
        self.sum(|file| file.contacts)
    }

    /// The number of items that could not be stored.
    pub fn refused(&self) -> u64 {
        self.files.iter().map(|file| file.refused.count).sum()
    }

    /// The files that were meant, and of which nothing was imported.
    pub fn missed(&self) -> impl Iterator<Item = &FileReport> {
        self.files.iter().filter(|file| file.missed)
    }

    fn sum(&self, of: impl Fn(&FileReport) -> Counts) -> Counts {
        self.files
            .iter()
            .map(of)
            .fold(Counts::default(), |a, b| Counts {
                read: a.read + b.read,
                created: a.created + b.created,
                already_there: a.already_there + b.already_there,
            })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            write!(f, "{}: ", file.path.display())?;
            match &file.format {
                Ok(format) => writeln!(f, "{format}")?,
                Err(reason) if file.missed => {
                    writeln!(f, "not imported: {reason}")?;
                    continue;
                }
                Err(reason) => {
                    writeln!(f, "not history: {reason}")?;
                    continue;
                }
            }
            counts(f, "interactions", &file.interactions, self.dry_run)?;
            counts(f, "contacts", &file.contacts, self.dry_run)?;
            if file.joined > 0 {
                writeln!(
                    f,
                    "  {} joined to interactions of another file",
                    file.joined
                )?;
            }
            for (key, times) in &file.dropped_keys {
                writeln!(f, "  transient key {key:?} not stored, {times} times")?;
            }
            if file.elsewhere > 0 {
                writeln!(
                    f,
                    "  {} parents or contacts named that are not in the input",
                    file.elsewhere
                )?;
            }
            for (kind, messages) in &file.warnings {
                quote(f, &kind.to_string(), messages)?;
            }
            quote(f, "refused", &file.refused)?;
        }
        writeln!(
            f,
            "{}",
            if self.dry_run {
                "all files, nothing was written"
            } else {
                "all files"
            }
        )?;
        counts(f, "interactions", &self.interactions(), self.dry_run)?;
        counts(f, "contacts", &self.contacts(), self.dry_run)?;
        writeln!(f, "  refused: {}", self.refused())
    }
}

fn counts(f: &mut fmt::Formatter<'_>, what: &str, counts: &Counts, dry: bool) -> fmt::Result {
    if *counts == Counts::default() {
        return Ok(());
    }
    let created = if dry { "would be created" } else { "created" };
    writeln!(
        f,
        "  {what}: {} read, {} {created}, {} already there",
        counts.read, counts.created, counts.already_there
    )
}

fn quote(f: &mut fmt::Formatter<'_>, what: &str, messages: &Messages) -> fmt::Result {
    if messages.count == 0 {
        return Ok(());
    }
    writeln!(f, "  {what}: {}", messages.count)?;
    for (place, text) in &messages.quoted {
        writeln!(f, "    {place}: {text}")?;
    }
    let more = messages.count - u64::try_from(messages.quoted.len()).unwrap_or(0);
    if more > 0 {
        writeln!(f, "    … and {more} more")?;
    }
    Ok(())
}
