//! Merges an archive into a store that already holds data.
//!
//! All rows are compared with the store before the first is restored ([`survey`]). If an identifier
//! exists already, the stored item wins, and the archived one is left out and noted in
//! `archive_left_out`. If an item was left out because its identifier means something else here,
//! everything that belongs to it is left out too: it would become part of another person's history.
//!
//! Here is what follows from the notes. `stored` looks for archived items in the store, and `notes`
//! keeps what is left out.

mod notes;
mod stored;

use std::collections::{BTreeMap, BTreeSet};

use super::rows::core;
use crate::domain::archive::{Cell, Kind, Row, Standing};
use crate::store::StoreError;
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use notes::{NOTE, NOTE_NEW, left_out, note};
use stored::{compared, entered, erased, existing, told_before};

pub use notes::end;

/// What a row is or is about.
type Subject = (Kind, i64, String);

/// Compares rows with the store, and notes what is left out. Returns how many notes are new. Rows
/// may come before the left-out item that they belong to, so they are compared again until no note
/// is new.
pub async fn survey<D: Dialect>(conn: &mut Conn<D>, all: &[Row]) -> Result<u64, StoreError> {
    let mut by_kind: BTreeMap<(Kind, i64), Vec<(Subject, &Row)>> = BTreeMap::new();
    for row in all {
        if let Some(subject) = subject(row)? {
            let of = (row.kind, subject.1);
            by_kind.entry(of).or_default().push((subject, row));
        }
    }
    let mut noted = 0;
    for ((kind, tenant), rows) in &by_kind {
        if *kind == Kind::Change {
            // the archive has only the journal of an item deleted there: a stored item is a
            // different one
            let subjects: BTreeSet<Subject> = rows.iter().map(|(of, _)| of.clone()).collect();
            let there = existing::<D>(conn, &subjects).await?;
            let another = there.into_iter().map(|of| (of, Standing::Another));
            noted += note::<D>(conn, &NOTE_NEW, another).await?;
            continue;
        }
        if *kind == Kind::Webhook {
            // a webhook of the store stays as it is, and is told nothing that it was not owed
            let ids = rows.iter().map(|((_, _, id), _)| id.clone()).collect();
            let sql = format!("SELECT id FROM webhook WHERE id IN {}", D::any_of(1));
            let mut same = Vec::new();
            for row in &D::fetch(conn, sql.into(), vec![Arg::Texts(ids)]).await? {
                let subject = (Kind::Webhook, *tenant, Columns::<D>::of(row).text()?);
                same.push((subject, Standing::Same));
            }
            noted += note::<D>(conn, &NOTE_NEW, same).await?;
            continue;
        }
        let mut standings: BTreeMap<Subject, Standing> = BTreeMap::new();
        if *kind == Kind::Contact {
            let ids = rows.iter().map(|((_, _, id), _)| id.clone()).collect();
            for id in erased::<D>(conn, *tenant, ids).await? {
                standings.insert((Kind::Contact, *tenant, id), Standing::Another);
            }
        }
        let here = compared::<D>(conn, *kind, *tenant, rows).await?;
        for (subject, standing) in here {
            let graver = standings.entry(subject).or_insert(standing);
            *graver = standing.max(*graver);
        }
        noted += note::<D>(conn, &NOTE, standings).await?;
        let mut belongs: Vec<(Subject, Vec<Subject>)> = Vec::with_capacity(rows.len());
        for (subject, row) in rows {
            belongs.push((subject.clone(), owners(row)?));
        }
        let owners = belongs.iter().flat_map(|(_, owners)| owners.clone());
        let left_out = left_out::<D>(conn, owners.collect()).await?;
        let strayed = belongs.into_iter().filter_map(|(subject, owners)| {
            let another = |owner: &Subject| left_out.get(owner) == Some(&Standing::Another);
            let strayed = owners.iter().any(another);
            strayed.then_some((subject, Standing::Another))
        });
        let strayed: BTreeMap<Subject, Standing> = strayed.collect();
        noted += note::<D>(conn, &NOTE, strayed).await?;
    }
    Ok(noted)
}

/// The rows to restore. Noted items are left out, with their journal.
pub async fn admitted<D: Dialect>(
    conn: &mut Conn<D>,
    kind: Kind,
    rows: Vec<Row>,
    offset: i64,
) -> Result<Vec<Row>, StoreError> {
    let mut subjects = Vec::with_capacity(rows.len());
    for row in &rows {
        subjects.push(subject(row)?);
    }
    let about = rows.iter().filter_map(contact_of);
    let all = subjects.iter().flatten().cloned().chain(about).collect();
    let noted = left_out::<D>(conn, all).await?;
    let known_gone = if kind == Kind::Change {
        let left = subjects
            .iter()
            .flatten()
            .filter(|of| !noted.contains_key(*of));
        told_before::<D>(conn, left.cloned().collect(), offset).await?
    } else {
        BTreeSet::new()
    };
    let told = if kind == Kind::Delivery {
        entered::<D>(conn, &rows).await?
    } else {
        BTreeSet::new()
    };
    let mut kept = Vec::with_capacity(rows.len());
    for (mut row, subject) in rows.into_iter().zip(subjects) {
        let contact = contact_of(&row).and_then(|of| noted.get(&of).copied());
        if let Some(subject) = &subject {
            let standing = noted.get(subject).copied();
            // an answer about an item that is the same here is still right
            let goes = match kind {
                Kind::Reply => standing.is_some_and(|standing| standing > Standing::Same),
                _ => standing.is_some(),
            };
            if goes || known_gone.contains(subject) {
                continue;
            }
        }
        if kind == Kind::Delivery && !told.contains(&row.int("cursor")) {
            continue;
        }
        if contact == Some(Standing::Another) {
            // the interaction once belonged to that contact; here the identifier means somebody
            // else
            row.set("contact_id", Cell::Null);
        }
        kept.push(row);
    }
    Ok(kept)
}

/// The item that a row is or is about, if the store may have an item with that identifier.
fn subject(row: &Row) -> Result<Option<Subject>, StoreError> {
    let of = |kind: Kind, name: &str| {
        let id = row.text(name);
        (!id.is_empty()).then(|| (kind, row.int("tenant_id"), id.to_owned()))
    };
    Ok(match row.kind {
        Kind::Interaction => {
            let core = core(row)?;
            Some((Kind::Interaction, core.tenant_id, core.id))
        }
        Kind::Contact => of(Kind::Contact, "id"),
        Kind::ContactAttribute => of(Kind::Contact, "contact_id"),
        Kind::Link => of(Kind::Interaction, "child_id"),
        Kind::WebAction => of(Kind::WebAction, "action_id"),
        Kind::Change | Kind::Reply => of(Kind::Interaction, "interaction_id")
            .or_else(|| of(Kind::WebAction, "action_id"))
            .or_else(|| of(Kind::Contact, "contact_id")),
        // the identifiers of webhooks are unique among all tenants, and deliveries name no tenant
        Kind::Webhook => Some((Kind::Webhook, 0, row.text("id").to_owned())),
        Kind::Delivery => Some((Kind::Webhook, 0, row.text("webhook_id").to_owned())),
        Kind::IndexedKey | Kind::IndexedAttribute | Kind::Token => None,
    })
}

/// The contact that an entry about an interaction names.
fn contact_of(row: &Row) -> Option<Subject> {
    let id = row.text("contact_id");
    (row.kind == Kind::Change && !id.is_empty() && !row.text("interaction_id").is_empty())
        .then(|| (Kind::Contact, row.int("tenant_id"), id.to_owned()))
}

/// The items that a row belongs to.
fn owners(row: &Row) -> Result<Vec<Subject>, StoreError> {
    Ok(match row.kind {
        Kind::Interaction => {
            let core = core(row)?;
            let tenant = core.tenant_id;
            let contact = core.contact_id.map(|id| (Kind::Contact, tenant, id));
            let parent = core.parent_id.map(|id| (Kind::Interaction, tenant, id));
            let thread =
                (core.thread_id != core.id).then_some((Kind::Interaction, tenant, core.thread_id));
            [contact, parent, thread].into_iter().flatten().collect()
        }
        Kind::Contact | Kind::WebAction => {
            let (kind, name) = if row.kind == Kind::Contact {
                (Kind::Contact, "merged_into")
            } else {
                (Kind::Interaction, "reference")
            };
            match row.text(name) {
                "" => Vec::new(),
                id => vec![(kind, row.int("tenant_id"), id.to_owned())],
            }
        }
        _ => Vec::new(),
    })
}
