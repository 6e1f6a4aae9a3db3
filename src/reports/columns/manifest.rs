//! The manifest: which files are the columns, and the cursor that they stand for.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use super::part::Part;
use super::{Built, ColumnsError, Sheet, Snapshot};
use crate::store::columns::Tip;

/// Its name.
const NAME: &str = "manifest.json";
/// The form of the files. Columns of another form are built anew.
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Manifest {
    version: u32,
    /// The newest entry of the journal up to the cursor. Columns of another store, or of one that was
    /// put back, are built anew.
    tip: Option<Tip>,
    cursor: i64,
    built: Option<Built>,
    parts: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    sheet: String,
    file: String,
    /// The masked places: a serialized Roaring bitmap in base64.
    masked: String,
    /// Whether it must be rewritten, because it holds something that was deleted or erased.
    shred: bool,
}

/// Writes the manifest of a snapshot whose parts are all files, in place of the one that is there.
///
/// # Errors
/// If the disk is full.
pub fn write(folder: &Path, snapshot: &Snapshot, tip: Option<Tip>) -> Result<(), ColumnsError> {
    let mut parts = Vec::new();
    for (sheet, part) in snapshot.all() {
        if let Some(file) = part.file() {
            let mut masked = Vec::new();
            part.masked().serialize_into(&mut masked)?;
            parts.push(Entry {
                sheet: sheet.name().to_owned(),
                file: file.to_owned(),
                masked: STANDARD.encode(masked),
                shred: part.shred(),
            });
        }
    }
    let manifest = Manifest {
        version: VERSION,
        tip,
        cursor: snapshot.cursor,
        built: snapshot.built,
        parts,
    };
    let json =
        serde_json::to_vec(&manifest).map_err(|error| ColumnsError::Manifest(error.to_string()))?;
    let new = folder.join("manifest.new");
    let mut file = File::create(&new)?;
    file.write_all(&json)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(NAME))?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Reads the manifest and opens its files; `None` if there is no manifest of this form. Files that
/// it does not name are removed.
///
/// # Errors
/// If a file that it names cannot be read.
pub fn read(folder: &Path) -> Result<Option<(Snapshot, Option<Tip>)>, ColumnsError> {
    let manifest = match fs::read(folder.join(NAME)) {
        Ok(json) => serde_json::from_slice::<Manifest>(&json).ok(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let manifest = manifest.filter(|manifest| manifest.version == VERSION);
    let known = manifest.iter().flat_map(|manifest| &manifest.parts);
    let known: HashSet<&str> = known.map(|entry| entry.file.as_str()).collect();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_part = path
            .extension()
            .is_some_and(|extension| extension == "parquet");
        if is_part && !known.contains(name) {
            fs::remove_file(&path)?;
        }
    }
    let Some(manifest) = manifest else {
        return Ok(None);
    };
    let mut snapshot = Snapshot {
        cursor: manifest.cursor,
        built: manifest.built,
        ..Snapshot::default()
    };
    for entry in &manifest.parts {
        let wrong = || ColumnsError::Manifest(format!("the entry of {} is damaged", entry.file));
        let masked = STANDARD.decode(&entry.masked).map_err(|_| wrong())?;
        let masked = RoaringTreemap::deserialize_from(&masked[..]).map_err(|_| wrong())?;
        let sheet = Sheet::of_name(&entry.sheet).ok_or_else(wrong)?;
        let mut part = Part::open(&folder.join(&entry.file), masked)?;
        if entry.shred {
            part.mark();
        }
        snapshot.parts_mut(sheet).push(Arc::new(part));
    }
    Ok(Some((snapshot, manifest.tip)))
}

/// Removes the manifest. The files go when it is read next.
///
/// # Errors
/// If the folder cannot be written.
pub fn clear(folder: &Path) -> Result<(), ColumnsError> {
    match fs::remove_file(folder.join(NAME)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => read(folder).map(drop),
    }
}
