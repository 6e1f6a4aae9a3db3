//! Writes a store as an archive.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Error, PAGE, line};
use crate::domain::Moment;
use crate::domain::archive::{Cell, Kind, VERSION};
use crate::store::archive::Snapshot;

/// What an archive includes besides history.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holds {
    /// The signing secrets of webhooks, and the kept answers that quote them.
    pub secrets: bool,
    /// The hashes of access tokens.
    pub tokens: bool,
}

impl Holds {
    /// The kinds of rows to write.
    pub fn kinds(self) -> impl Iterator<Item = Kind> {
        Kind::ALL
            .iter()
            .map(|(kind, _)| *kind)
            .filter(move |kind| *kind != Kind::Token || self.tokens)
    }
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The number of rows of each kind, by name.
    pub counts: BTreeMap<&'static str, u64>,
}

/// A writer that computes a checksum of the bytes it passes on.
struct Summed<'w> {
    out: &'w mut (dyn Write + Send),
    hash: Sha256,
}

impl Summed<'_> {
    fn line(&mut self, text: &str) -> Result<(), std::io::Error> {
        for bytes in [text.as_bytes(), b"\n"] {
            self.hash.update(bytes);
            self.out.write_all(bytes)?;
        }
        Ok(())
    }
}

/// Writes a snapshot of a store: a header, the rows of each kind, and an end with counts and a
/// checksum.
///
/// # Errors
/// When the store or the output fails.
pub async fn write(
    snapshot: &mut dyn Snapshot,
    holds: Holds,
    now: Moment,
    out: &mut (dyn Write + Send),
    mut progress: impl FnMut(u64),
) -> Result<Written, Error> {
    let mut out = Summed {
        out,
        hash: Sha256::new(),
    };
    let kinds: Vec<&str> = holds.kinds().map(Kind::name).collect();
    let header = json!({"annals": {
        "version": VERSION,
        "program": env!("CARGO_PKG_VERSION"),
        "written": now,
        "head": snapshot.head().await?,
        "holds": kinds,
        "secrets": holds.secrets,
    }});
    out.line(&header.to_string())?;
    let mut written = Written::default();
    let mut done = 0;
    for kind in holds.kinds() {
        let count = written.counts.entry(kind.name()).or_default();
        let mut after = None;
        loop {
            let page = snapshot.rows(kind, after.as_ref(), PAGE).await?;
            done += page.len() as u64;
            for row in &page {
                if row.quotes_secret() && !holds.secrets {
                    continue;
                }
                *count += 1;
                if kind == Kind::Webhook && !holds.secrets {
                    let mut bare = row.clone();
                    bare.set("secrets", Cell::Null);
                    out.line(&line::write(&bare))?;
                } else {
                    out.line(&line::write(row))?;
                }
            }
            progress(done);
            match page.into_iter().next_back() {
                Some(last) => after = Some(last),
                None => break,
            }
        }
    }
    let sum = hex::encode(out.hash.clone().finalize());
    let end = json!({"end": {"counts": written.counts, "sha256": sum}});
    out.line(&end.to_string())?;
    out.out.flush()?;
    Ok(written)
}
