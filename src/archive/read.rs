//! Reads the rows of an archive, or of a store.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Error, PAGE, line};
use crate::domain::archive::{Kind, Place, Row, VERSION};
use crate::domain::contact::ContactRules;
use crate::json;
use crate::store::archive::Snapshot;

/// The longest line in bytes; an interaction with all its texts is far shorter.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;

/// How many bytes of a file tell whether it is an archive.
const BEGIN_BYTES: u64 = 16;

/// The number of lines between progress reports.
const EVERY: u64 = 500;

/// The content of the first line.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// The version of the format.
    pub version: u64,
    /// The newest cursor of the archived store.
    pub head: i64,
    /// The names of the kinds of rows in the archive.
    pub holds: Vec<String>,
    /// Whether webhooks include their secrets.
    #[serde(default)]
    pub secrets: bool,
}

#[derive(Deserialize)]
struct End {
    counts: BTreeMap<String, u64>,
    sha256: String,
}

/// An archive that was read to its end, and is complete and intact.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Identifies the archive: its checksum.
    pub id: String,
    /// The number of lines before the end.
    pub lines: u64,
    /// The newest cursor of the archived store.
    pub head: i64,
}

/// The lines of an archive.
pub struct Lines {
    from: BufReader<File>,
    hash: Sha256,
    number: u64,
    /// The content of the first line.
    pub header: Header,
    counts: BTreeMap<String, u64>,
    last: Option<Place>,
    ended: bool,
}

impl Lines {
    /// Whether a file starts like an archive.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_archive(path: &Path) -> Result<bool, std::io::Error> {
        let mut begin = Vec::new();
        std::io::Read::read_to_end(
            &mut std::io::Read::take(File::open(path)?, BEGIN_BYTES),
            &mut begin,
        )?;
        Ok(json::without_mark(&begin).starts_with(b"{\"annals\":"))
    }

    /// Opens an archive and reads its header.
    ///
    /// # Errors
    /// When the file cannot be read, or is not an archive of a known version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Line(1, what.to_owned());
        let mut from = BufReader::with_capacity(1024 * 1024, File::open(path)?);
        let mut hash = Sha256::new();
        let first = next(&mut from, 1)?.ok_or_else(|| wrong("is missing: the file is empty"))?;
        // editors and Windows put a byte order mark there; it is not part of the archive
        let first = json::without_mark(&first);
        hash.update(first);
        let (name, value) = line::named(text(first, 1)?).map_err(|what| Error::Line(1, what))?;
        if name != "annals" {
            return Err(wrong("is no header of an archive"));
        }
        let header: Header =
            serde_json::from_str(value.get()).map_err(|_| wrong("is no header of an archive"))?;
        if !(1..=VERSION).contains(&header.version) {
            return Err(Error::Line(
                1,
                format!(
                    "says version {}, and this program reads versions up to {VERSION}",
                    header.version
                ),
            ));
        }
        Ok(Self {
            from,
            hash,
            number: 1,
            header,
            counts: BTreeMap::new(),
            last: None,
            ended: false,
        })
    }

    /// Reads an archive to its end and verifies it.
    ///
    /// # Errors
    /// Naming the line that is invalid.
    pub fn check(path: &Path, mut progress: impl FnMut(u64)) -> Result<Checked, Error> {
        let mut lines = Self::open(path)?;
        while lines.next_row()?.is_some() {
            if lines.number % EVERY == 0 {
                progress(lines.number);
            }
        }
        Ok(Checked {
            id: hex::encode(lines.hash.finalize()),
            lines: lines.number,
            head: lines.header.head,
        })
    }

    /// The number of lines read so far.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next row, or `None` at the end. The checksum is verified there.
    ///
    /// # Errors
    /// Naming the line that is invalid.
    pub fn next_row(&mut self) -> Result<Option<Row>, Error> {
        if self.ended {
            return Ok(None);
        }
        let number = self.number + 1;
        let wrong = |what: String| Error::Line(number, what);
        let Some(bytes) = next(&mut self.from, number)? else {
            return Err(wrong("is missing: the archive is truncated".to_owned()));
        };
        let (name, value) = line::named(text(&bytes, number)?).map_err(wrong)?;
        if name == "end" {
            self.end(value.get(), number)?;
            return Ok(None);
        }
        self.hash.update(&bytes);
        self.number = number;
        let kind = Kind::of_name(&name)
            .ok_or_else(|| wrong(format!("holds a {name:?}, which is not known")))?;
        let row = line::read(kind, &value, self.header.head).map_err(wrong)?;
        let place = row.place();
        if self.last.as_ref().is_some_and(|last| *last >= place) {
            return Err(wrong("is out of order, or repeated".to_owned()));
        }
        self.last = Some(place);
        *self.counts.entry(name).or_default() += 1;
        Ok(Some(row))
    }

    /// Compares the counts and the checksum at the end with what was read.
    fn end(&mut self, end: &str, number: u64) -> Result<(), Error> {
        let wrong = |what: &str| Error::Line(number, what.to_owned());
        let end: End = serde_json::from_str(end).map_err(|_| wrong("is no end of an archive"))?;
        if end.sha256 != hex::encode(self.hash.clone().finalize()) {
            return Err(wrong("has a wrong checksum: the archive was modified"));
        }
        let counted = end.counts.into_iter().filter(|(_, count)| *count > 0);
        if counted.collect::<BTreeMap<_, _>>() != self.counts {
            return Err(wrong("has counts that differ from the rows"));
        }
        if next(&mut self.from, number + 1)?.is_some() {
            return Err(Error::Line(number + 1, "stands after the end".to_owned()));
        }
        self.ended = true;
        Ok(())
    }
}

fn text(bytes: &[u8], number: u64) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::Line(number, "is no UTF-8".to_owned()))
}

/// The next line, including its line end.
fn next(from: &mut impl BufRead, number: u64) -> Result<Option<Vec<u8>>, Error> {
    let mut line = Vec::new();
    let mut limited = std::io::Read::take(from, LONGEST_LINE);
    limited.read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(Error::Line(number, "is truncated, or too long".to_owned()));
    }
    Ok(Some(line))
}

/// A store or an archive, row by row.
pub enum Source {
    /// An archive.
    Lines(Box<Lines>),
    /// A snapshot of a store, which is read page by page.
    Store {
        /// The snapshot.
        snapshot: Box<dyn Snapshot>,
        /// The remaining kinds, the current one last.
        kinds: Vec<Kind>,
        /// The unread rows of the page, the next one last.
        page: Vec<Row>,
        /// The last row of the current kind that was read.
        after: Option<Row>,
        /// How contacts' values are folded in this store.
        rules: Box<ContactRules>,
        /// The rows read since the last [`Source::strays`] whose columns differ from the row itself.
        strays: Vec<(Row, Vec<&'static str>)>,
    },
}

impl Source {
    /// The rows of a store.
    pub fn of_store(snapshot: Box<dyn Snapshot>, rules: ContactRules) -> Self {
        let mut kinds: Vec<Kind> = Kind::ALL.iter().map(|(kind, _)| *kind).collect();
        kinds.reverse();
        Self::Store {
            snapshot,
            kinds,
            page: Vec::new(),
            after: None,
            rules: Box::new(rules),
            strays: Vec::new(),
        }
    }

    /// Whether it has rows of this kind, and whether its webhooks include their secrets.
    pub fn holds(&self, kind: Kind) -> (bool, bool) {
        match self {
            Self::Lines(lines) => (
                lines.header.holds.iter().any(|name| name == kind.name()),
                lines.header.secrets,
            ),
            Self::Store { .. } => (true, true),
        }
    }

    /// Takes the rows of the pages read so far whose columns for filters and sorts differ from the
    /// row itself. An archive has no such columns.
    pub fn strays(&mut self) -> Vec<(Row, Vec<&'static str>)> {
        match self {
            Self::Lines(_) => Vec::new(),
            Self::Store { strays, .. } => std::mem::take(strays),
        }
    }

    /// The next row.
    ///
    /// # Errors
    /// When the store fails, or the archive is invalid.
    pub async fn next_row(&mut self) -> Result<Option<Row>, Error> {
        match self {
            Self::Lines(lines) => lines.next_row(),
            Self::Store {
                snapshot,
                kinds,
                page,
                after,
                rules,
                strays,
            } => loop {
                if let Some(row) = page.pop() {
                    return Ok(Some(row));
                }
                let Some(kind) = kinds.last().copied() else {
                    return Ok(None);
                };
                let mut next = snapshot.rows(kind, after.as_ref(), PAGE).await?;
                for (place, columns) in snapshot.strays(rules, after.as_ref(), &next).await? {
                    strays.push((next[place].clone(), columns));
                }
                *after = next.last().cloned();
                if next.is_empty() {
                    kinds.pop();
                }
                next.reverse();
                *page = next;
            },
        }
    }
}
