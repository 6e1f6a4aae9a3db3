//! Exports history as NDJSON in the form that `import` reads: contacts, their merges, then
//! interactions, parents before children.
//!
//! The journal is not included, and neither are the policies by which UserData was propagated. A
//! child's UserData is complete without them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::Error;
use crate::domain::command::Stored;
use crate::domain::user_data;
use crate::store::Reads;

/// How many items were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Contacts.
    pub contacts: u64,
    /// Interactions.
    pub interactions: u64,
}

/// Attributes that the server assigns, and that an import assigns anew.
const MADE_BY_SERVER: [&str; 3] = ["createdDate", "modifiedDate", "revision"];

/// Writes a tenant's contacts and interactions.
///
/// # Errors
/// When the store or the output fails.
pub async fn ndjson(
    reads: &dyn Reads,
    tenant: i64,
    out: &mut (dyn Write + Send),
    mut progress: impl FnMut(u64),
) -> Result<Exported, Error> {
    let mut done = Exported::default();
    let mut merged = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = reads.contacts(tenant, &after, 500).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for contact in page {
            writeln!(
                out,
                "{}",
                json!({"id": contact.id, "attributes": contact.attributes})
            )?;
            done.contacts += 1;
            if let Some(into) = contact.merged_into {
                merged.insert(contact.id, into);
            }
        }
    }
    for (id, into) in in_order(&merged) {
        writeln!(out, "{}", json!({"merge": {"id": id, "into": into}}))?;
    }
    let mut place = 0;
    loop {
        let page = reads.recorded(tenant, place, 500).await?;
        let Some((last, _)) = page.last() else {
            return Ok(done);
        };
        place = *last;
        for (_, stored) in &page {
            writeln!(out, "{}", line(stored)?)?;
            done.interactions += 1;
        }
        progress(done.interactions);
    }
}

/// Orders merges so that they can be replayed: a contact absorbs others before it is itself merged.
fn in_order(merged: &BTreeMap<String, String>) -> Vec<(&String, &String)> {
    let depth = |id: &String| {
        let up = std::iter::successors(merged.get(id), |into| merged.get(*into));
        up.take(merged.len()).count()
    };
    let mut all: Vec<_> = merged.iter().collect();
    all.sort_by_cached_key(|(id, _)| std::cmp::Reverse(depth(id)));
    all
}

/// An interaction in the form in which it is recorded.
fn line(stored: &Stored) -> Result<String, io::Error> {
    let mut object = Map::new();
    for part in [
        serde_json::to_value(&stored.interaction)?,
        serde_json::to_value(&stored.texts)?,
    ] {
        if let Value::Object(part) = part {
            object.extend(part);
        }
    }
    object.retain(|name, value| !value.is_null() && !MADE_BY_SERVER.contains(&name.as_str()));
    let user_data = user_data::read(&stored.user_data)?;
    object.insert("userData".into(), user_data.into());
    Ok(Value::Object(object).to_string())
}
