//! The entries that record interactions. Most are stored empty: what they say follows from the
//! interaction as it is now and from its later entries, which are undone. Every reader of deltas gets
//! them whole from here.
//!
//! A statement sees one state of the store, and two statements may see different ones. So each reads
//! the entry itself too: if it was written whole in the meantime, that text is the answer. Each
//! further entry is one revision, so as many are undone as the state has revisions.

use std::collections::{BTreeSet, HashMap};

use super::content::{Provenance, TextsTold};
use super::core::unpack;
use super::dialect::{Arg, Columns, Conn, Dialect};
use super::rows::{JOIN_JSON, JOIN_TEXTS};
use super::tables::journal::DELTAS;
use super::undo::Undone;
use super::{StoreError, bulk};
use crate::domain::change::{Change, Kind};
use crate::domain::interaction::Interaction;

/// Makes the empty ones of these deltas whole; each comes with the cursor of its entry.
pub async fn fill<D: Dialect>(
    conn: &mut Conn<D>,
    deltas: Vec<(i64, &mut String)>,
) -> Result<(), StoreError> {
    let empty = deltas.into_iter().filter(|(_, delta)| delta.is_empty());
    let mut empty: HashMap<i64, &mut String> = empty.collect();
    let cursors: Vec<i64> = empty.keys().copied().collect();
    for (cursor, delta) in deltas_of::<D>(conn, &cursors, "").await? {
        if let Some(place) = empty.remove(&cursor) {
            *place = delta;
        }
    }
    if empty.is_empty() {
        Ok(())
    } else {
        Err(StoreError::inconsistent("journal", "delta"))
    }
}

/// As [`fill`], for entries as readers get them.
pub async fn fill_changes<D: Dialect>(
    conn: &mut Conn<D>,
    changes: &mut [Change],
) -> Result<(), StoreError> {
    let deltas = changes.iter_mut();
    let deltas = deltas.map(|change| (change.cursor, &mut change.delta));
    fill::<D>(conn, deltas.collect()).await
}

/// Writes the empty ones of these entries whole.
pub async fn write_whole<D: Dialect>(
    conn: &mut Conn<D>,
    cursors: &[i64],
) -> Result<(), StoreError> {
    let whole = deltas_of::<D>(conn, cursors, " AND e.delta = ''").await?;
    let rows = whole
        .into_iter()
        .flat_map(|(cursor, delta)| [cursor.into(), delta.into()])
        .collect();
    bulk::run::<D>(conn, &DELTAS, rows).await?;
    Ok(())
}

/// How the interaction of an entry is now.
struct Now {
    state: Undone,
    texts: TextsTold,
    /// The link of an engagement: policy, keys as JSON text, and origin.
    link: Option<(Option<String>, String, String)>,
}

impl Now {
    fn recorded(self) -> Result<String, StoreError> {
        let keys: Vec<String> = match &self.link {
            Some((_, keys, _)) => serde_json::from_str(keys)
                .map_err(|_| StoreError::inconsistent("link", "copied_keys"))?,
            None => Vec::new(),
        };
        let provenance = self.link.as_ref().map(|(copy, _, linked_by)| Provenance {
            copy_user_data: copy.as_deref(),
            copied_keys: &keys,
            linked_by,
        });
        self.state
            .recorded(&self.texts, provenance.as_ref())
            .map_err(|_| StoreError::inconsistent("journal", "before"))
    }
}

/// The whole deltas of entries that record interactions, by cursor; of those alone that meet a
/// further condition.
async fn deltas_of<D: Dialect>(
    conn: &mut Conn<D>,
    cursors: &[i64],
    condition: &str,
) -> Result<Vec<(i64, String)>, StoreError> {
    let mut whole = Vec::with_capacity(cursors.len());
    if cursors.is_empty() {
        return Ok(whole);
    }
    let sql = format!(
        "SELECT e.cursor, e.delta, e.kind, j.core, j.user_data, t.comment, t.participants, \
         CAST(length(t.text) AS BIGINT), CAST(length(t.structured_text) AS BIGINT), \
         l.copy_user_data, l.copied_keys, l.linked_by \
         FROM {} CROSS JOIN journal e \
         LEFT JOIN interaction i ON i.seq = e.cursor AND i.id = e.interaction_id AND i.tenant_id = e.tenant_id{JOIN_JSON}{JOIN_TEXTS} \
         LEFT JOIN link l ON l.child_id = i.id AND l.tenant_id = i.tenant_id \
         WHERE e.cursor = CAST(k.value AS BIGINT){condition}",
        D::listed(1)
    );
    let mut revised = HashMap::new();
    for row in &D::fetch(conn, sql.into(), vec![listed(cursors)]).await? {
        let mut row = Columns::<D>::of(row);
        let (cursor, delta, kind) = (row.int()?, row.text()?, row.text()?);
        if !delta.is_empty() {
            whole.push((cursor, delta));
            continue;
        }
        let (Some(core), Some(user_data)) = (row.maybe_text()?, row.maybe_text()?) else {
            return Err(StoreError::inconsistent("journal", "delta"));
        };
        let interaction: Interaction = serde_json::from_str(&unpack(&core)?)
            .map_err(|_| StoreError::inconsistent("interaction_json", "core"))?;
        let (comment, participants) = (row.maybe_text()?, row.maybe_text()?);
        let (text, structured) = (row.maybe_int()?, row.maybe_int()?);
        let length = |length: Option<i64>| length.and_then(|length| usize::try_from(length).ok());
        let link = (row.maybe_text()?, row.maybe_text()?, row.maybe_text()?);
        let link = match (Kind::of_name(&kind), link) {
            (Some(Kind::EngagementCreated), (copy, Some(keys), Some(linked_by))) => {
                Some((copy, keys, linked_by))
            }
            (Some(Kind::EngagementCreated), _) => {
                return Err(StoreError::inconsistent("link", "linked_by"));
            }
            _ => None,
        };
        let whose = (interaction.tenant_id, interaction.id.clone());
        let now = Now {
            state: Undone::from(interaction, user_data),
            texts: TextsTold {
                comment,
                participants,
                text_length: length(text),
                structured_text_length: length(structured),
            },
            link,
        };
        if now.state.revision() == 1 {
            whole.push((cursor, now.recorded()?));
        } else {
            revised.insert(cursor, (whose, now));
        }
    }
    whole.extend(undone::<D>(conn, revised).await?);
    Ok(whole)
}

/// Tenant and identifier of an interaction.
type Whose = (i64, String);

/// The deltas of entries whose interactions changed since.
///
/// The entries of these interactions are read by their identifiers alone. A join of the journal with
/// itself would leave the order of the joins to Postgres, which took seconds without statistics.
async fn undone<D: Dialect>(
    conn: &mut Conn<D>,
    revised: HashMap<i64, (Whose, Now)>,
) -> Result<Vec<(i64, String)>, StoreError> {
    if revised.is_empty() {
        return Ok(Vec::new());
    }
    let ids: BTreeSet<&String> = revised.values().map(|((_, id), _)| id).collect();
    let ids = ids.into_iter().cloned().collect();
    let sql = format!(
        "SELECT f.tenant_id, f.interaction_id, f.cursor, f.delta, f.before FROM journal f \
         WHERE {} AND f.interaction_id <> ''",
        D::is_any("f.interaction_id", 1)
    );
    let mut entries: HashMap<Whose, Vec<(i64, String, Option<String>)>> = HashMap::new();
    for row in &D::fetch(conn, sql.into(), vec![Arg::Texts(ids)]).await? {
        let mut row = Columns::<D>::of(row);
        let whose = (row.int()?, row.text()?);
        let entry = (row.int()?, row.text()?, row.maybe_text()?);
        entries.entry(whose).or_default().push(entry);
    }
    for of in entries.values_mut() {
        of.sort_unstable_by_key(|(cursor, ..)| *cursor);
    }
    let mut whole = Vec::with_capacity(revised.len());
    for (cursor, (whose, mut now)) in revised {
        let all = entries.get(&whose).map_or(&[][..], Vec::as_slice);
        // an identifier that was deleted may have been recorded again
        let of = &all[all.partition_point(|(at, ..)| *at < cursor)..];
        let revision = usize::try_from(now.state.revision()).unwrap_or_default();
        let Some(of) = of.get(..revision) else {
            return Err(StoreError::inconsistent("interaction", "revision"));
        };
        let (own, later) = (&of[0].1, &of[1..]);
        if !own.is_empty() {
            whole.push((cursor, own.clone()));
            continue;
        }
        for (_, delta, before) in later.iter().rev() {
            now.state
                .undo(delta, before.as_deref())
                .map_err(|_| StoreError::inconsistent("journal", "before"))?;
        }
        whole.push((cursor, now.recorded()?));
    }
    Ok(whole)
}

fn listed(cursors: &[i64]) -> Arg {
    Arg::Texts(cursors.iter().map(ToString::to_string).collect())
}
