//! Finds files and recognises their formats.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::report::Format;
use super::yaml::Node;
use super::{array, banking, ndjson, simulator};
use crate::archive::Lines;
use crate::json;

/// The maximum size in bytes of a YAML file, which is read into memory.
const LONGEST_YAML: u64 = 64 * 1024 * 1024;

/// Why an archive is not read among other files.
pub const ARCHIVE: &str = "an archive: import it alone, by its own path";

/// Why a file is not read that was an archive.
const DAMAGED: &str = "an archive whose first line is damaged, or is not the first";

/// How many bytes of a file tell whether it was encoded, or was an archive.
const BEGIN_BYTES: u64 = 256;

/// The first bytes of files that would have to be decoded first, and what they are.
const ENCODINGS: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "compressed by gzip: decompress it first"),
    (
        b"\x28\xb5\x2f\xfd",
        "compressed by zstd: decompress it first",
    ),
    (b"PK\x03\x04", "a ZIP file: unpack it first"),
    (b"\xff\xfe", "UTF-16: convert it to UTF-8 first"),
    (b"\xfe\xff", "UTF-16: convert it to UTF-8 first"),
];

/// A file with its format.
pub struct Recognised {
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Whether it was named itself, or is only in a folder that was named.
    pub named: bool,
    /// Its format, or why it is not history.
    pub format: Result<Format, String>,
    /// The content of a YAML file.
    pub yaml: Option<Node>,
}

impl Recognised {
    /// Whether it is left out although it was meant: it was named itself, or is an archive.
    pub fn is_missed(&self) -> bool {
        let reason = self.format.as_ref().err();
        reason.is_some_and(|reason| self.named || [ARCHIVE, DAMAGED].contains(&reason.as_str()))
    }
}

/// A file to recognise: its path, its size, and whether it was named itself.
pub type Candidate = (PathBuf, u64, bool);

/// Finds all files. Folders are walked in order of name.
///
/// # Errors
/// The path that cannot be read.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Candidate>, (PathBuf, io::Error)> {
    let mut found = Vec::new();
    let mut left: Vec<(PathBuf, bool)> = paths
        .iter()
        .rev()
        .map(|path| (path.clone(), true))
        .collect();
    while let Some((path, named)) = left.pop() {
        let wrong = |error| (path.clone(), error);
        let what = std::fs::metadata(&path).map_err(wrong)?;
        if what.is_dir() {
            let mut inside = Vec::new();
            for entry in std::fs::read_dir(&path).map_err(wrong)? {
                let entry = entry.map_err(wrong)?;
                // a link to a folder could form a cycle
                let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                if !(linked && entry.path().is_dir()) {
                    inside.push(entry.path());
                }
            }
            inside.sort_unstable_by(|a, b| b.cmp(a));
            left.extend(inside.into_iter().map(|path| (path, false)));
        } else {
            found.push((path, what.len(), named));
        }
    }
    Ok(found)
}

/// Recognises the format of a file.
pub fn recognise((path, bytes, named): Candidate, longest_line: usize) -> Recognised {
    let mut yaml = None;
    let format = look(&path, bytes, longest_line, &mut yaml)
        .unwrap_or_else(|error| Err(format!("cannot be read: {error}")));
    Recognised {
        path,
        bytes,
        named,
        format,
        yaml,
    }
}

fn look(
    path: &Path,
    bytes: u64,
    longest_line: usize,
    yaml: &mut Option<Node>,
) -> io::Result<Result<Format, String>> {
    if !std::fs::metadata(path)?.is_file() {
        return Ok(Err("no file that could be read twice".to_owned()));
    }
    if Lines::is_archive(path)? {
        return Ok(Err(ARCHIVE.to_owned()));
    }
    let open = || File::open(path).map(BufReader::new);
    let mut begin = Vec::new();
    open()?.take(BEGIN_BYTES).read_to_end(&mut begin)?;
    if let Some((_, what)) = ENCODINGS.iter().find(|(mark, _)| begin.starts_with(mark)) {
        return Ok(Err((*what).to_owned()));
    }
    if json::without_mark(&begin)
        .trim_ascii_start()
        .starts_with(b"{\"annals\"")
    {
        return Ok(Err(DAMAGED.to_owned()));
    }
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
        .to_lowercase();
    Ok(match ending.as_str() {
        "ndjson" | "jsonl" => Ok(Format::Ndjson),
        "json" => match array::first_members(open()?) {
            Ok(Some(members)) => dialogues(&members),
            Ok(None) => Err("a JSON array without objects".to_owned()),
            Err(_) if is_ndjson(open()?, longest_line)? => Ok(Format::Ndjson),
            Err(_) => Err(
                "JSON that is neither a list of dialogues nor one interaction a line".to_owned(),
            ),
        },
        "csv" => banking::recognise(open()?).map(|()| Format::Banking),
        "yaml" | "yml" if bytes > LONGEST_YAML => {
            Err(format!("a YAML file larger than {LONGEST_YAML} bytes"))
        }
        "yaml" | "yml" => {
            let mut source = String::new();
            match open()?.read_to_string(&mut source) {
                Ok(_) => Node::read(&source).and_then(|node| {
                    let format = simulator::recognise(&node)?;
                    *yaml = Some(node);
                    Ok(format)
                }),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    Err("not UTF-8".to_owned())
                }
                Err(error) => return Err(error),
            }
        }
        _ if is_ndjson(open()?, longest_line)? => Ok(Format::Ndjson),
        "" => Err("no ending, and no interactions in JSON lines".to_owned()),
        other => Err(format!("no format of history ends in .{other}")),
    })
}

fn dialogues(members: &[String]) -> Result<Format, String> {
    let has = |member: &str| members.iter().any(|name| name == member);
    if has("convo_id") && has("original") {
        Ok(Format::Abcd)
    } else if has("dialogue_id") && has("turns") {
        Ok(Format::Sgd)
    } else {
        let first: Vec<&str> = members.iter().take(6).map(String::as_str).collect();
        Err(format!(
            "a JSON array of objects with {}; interactions are read one a line",
            first.join(", ")
        ))
    }
}

/// Whether the first line that is not blank is an interaction or a contact.
fn is_ndjson(mut from: impl io::BufRead, longest: usize) -> io::Result<bool> {
    let mut line = Vec::new();
    while let Some(whole) = ndjson::next_line(&mut from, longest, &mut line)? {
        let text = json::without_mark(&line).trim_ascii();
        if !text.is_empty() || !whole {
            return Ok(whole && ndjson::is_known(text));
        }
    }
    Ok(false)
}
