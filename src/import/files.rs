//! Finds files and recognises their formats.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::report::Format;
use super::yaml::Node;
use super::{array, banking, ndjson, simulator};
use crate::json;

/// The maximum size in bytes of a YAML file, which is read into memory.
const LONGEST_YAML: u64 = 64 * 1024 * 1024;

/// A file with its format.
pub struct Recognised {
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its format, or why it is not history.
    pub format: Result<Format, String>,
    /// The content of a YAML file.
    pub yaml: Option<Node>,
}

/// Finds all files. Folders are walked in order of name.
///
/// # Errors
/// The path that cannot be read.
pub fn find(paths: &[PathBuf]) -> Result<Vec<(PathBuf, u64)>, (PathBuf, io::Error)> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    while let Some(path) = left.pop() {
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
            left.extend(inside);
        } else {
            found.push((path, what.len()));
        }
    }
    Ok(found)
}

/// Recognises the format of a file.
pub fn recognise(path: PathBuf, bytes: u64, longest_line: usize) -> Recognised {
    let mut yaml = None;
    let format = look(&path, bytes, longest_line, &mut yaml)
        .unwrap_or_else(|error| Err(format!("cannot be read: {error}")));
    Recognised {
        path,
        bytes,
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
    let open = || File::open(path).map(BufReader::new);
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
