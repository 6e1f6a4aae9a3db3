//! Merges an archive into a store that already holds data.
//!
//! All rows are compared with the store before the first is restored ([`survey`]). If an identifier
//! exists already, the stored item wins, and the archived one is left out and noted in
//! `archive_left_out`. If an item was left out because its identifier means something else here,
//! everything that belongs to it is left out too: it would become part of another person's history.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::restore::core;
use crate::domain::archive::{Cell, Kind, LeftOut, Row, Standing};
use crate::domain::change;
use crate::store::archive::table;
use crate::store::bulk::{self, Many};
use crate::store::core::unpack;
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::{StoreError, rows};

/// The largest number of left-out items that are listed; further ones are only counted.
const NAMED: i64 = 20;

/// The largest number of entries of the journal that are looked up at once.
const ENTRIES: usize = 100;

/// What a row is or is about.
type Subject = (Kind, i64, String);

/// Notes left-out items. One that was noted before gets the more serious standing.
const NOTE: Many = Many::new(
    "INSERT INTO archive_left_out (kind, tenant_id, id, standing) VALUES",
    &[],
    4,
    " ON CONFLICT (kind, tenant_id, id) DO UPDATE SET standing = excluded.standing \
            WHERE excluded.standing > archive_left_out.standing",
);

/// Notes left-out items that are not noted yet.
const NOTE_NEW: Many = Many::new(
    "INSERT INTO archive_left_out (kind, tenant_id, id, standing) VALUES",
    &[],
    4,
    " ON CONFLICT (kind, tenant_id, id) DO NOTHING",
);

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

/// The cursors of deliveries whose entries of the journal were restored.
async fn entered<D: Dialect>(
    conn: &mut Conn<D>,
    deliveries: &[Row],
) -> Result<BTreeSet<i64>, StoreError> {
    let cursors: Vec<i64> = deliveries.iter().map(|row| row.int("cursor")).collect();
    let mut found = BTreeSet::new();
    for portion in cursors.chunks(ENTRIES) {
        let places: Vec<String> = (1..=portion.len()).map(|n| format!("${n}")).collect();
        let sql = format!(
            "SELECT cursor FROM journal WHERE cursor IN ({})",
            places.join(", ")
        );
        let args = portion.iter().map(|cursor| Arg::from(*cursor)).collect();
        for row in &D::fetch(conn, sql.into(), args).await? {
            found.insert(Columns::<D>::of(row).int()?);
        }
    }
    Ok(found)
}

/// Deletes the notes. Returns what was left out although it differs from the stored item.
pub async fn end<D: Dialect>(conn: &mut Conn<D>) -> Result<LeftOut, StoreError> {
    let sql = "SELECT COUNT(*) FROM archive_left_out WHERE standing > 0";
    let counted = D::fetch(conn, sql.into(), Vec::new()).await?;
    let mut left_out = LeftOut::default();
    if let Some(row) = counted.first() {
        left_out.count = u64::try_from(Columns::<D>::of(row).int()?).unwrap_or(0);
    }
    let sql = "SELECT kind, id, standing FROM archive_left_out WHERE standing > 0 \
               ORDER BY kind, tenant_id, id LIMIT +$1";
    for row in &D::fetch(conn, sql.into(), vec![NAMED.into()]).await? {
        let mut row = Columns::<D>::of(row);
        if let Some(kind) = Kind::of_name(&row.text()?) {
            let (id, standing) = (row.text()?, Standing::of_code(row.int()?));
            left_out.first.push((kind, id, standing));
        }
    }
    D::execute(conn, "DELETE FROM archive_left_out".into(), Vec::new()).await?;
    Ok(left_out)
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
        Kind::IndexedKey | Kind::Token => None,
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

/// Those of the contacts that were erased here: the journal says so, and they are not in the store.
/// A restore of them would undo the erasure.
async fn erased<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    ids: Vec<String>,
) -> Result<BTreeSet<String>, StoreError> {
    let sql = format!(
        "SELECT DISTINCT j.contact_id FROM journal j WHERE j.tenant_id = $1 AND j.contact_id IN {} AND j.interaction_id IS NULL AND j.kind = $3 \
         AND NOT EXISTS (SELECT 1 FROM contact c WHERE c.id = j.contact_id AND c.tenant_id = j.tenant_id)",
        D::any_of(2)
    );
    let kind = change::Kind::ContactErased.name();
    let args = vec![tenant.into(), Arg::Texts(ids), kind.into()];
    let rows = D::fetch(conn, sql.into(), args).await?;
    rows.iter()
        .map(|row| Ok(Columns::<D>::of(row).text()?))
        .collect()
}

/// How rows of a kind compare with the stored items of the same identifiers.
async fn compared<D: Dialect>(
    conn: &mut Conn<D>,
    kind: Kind,
    tenant: i64,
    all: &[(Subject, &Row)],
) -> Result<Vec<(Subject, Standing)>, StoreError> {
    let ids: BTreeSet<&String> = all.iter().map(|(subject, _)| &subject.2).collect();
    let ids = Arg::Texts(ids.into_iter().cloned().collect());
    let any = D::any_of(2);
    let sql = match kind {
        Kind::Interaction => format!(
            "SELECT i.id, i.fingerprint, j.core, j.user_data FROM interaction i{} WHERE i.tenant_id = $1 AND i.id IN {any}",
            rows::JOIN_JSON
        ),
        Kind::Contact => format!(
            "SELECT id, fingerprint, merged_into, revision FROM contact WHERE tenant_id = $1 AND id IN {any}"
        ),
        _ => format!(
            "SELECT action_id, fingerprint, state, event FROM web_action WHERE tenant_id = $1 AND action_id IN {any}"
        ),
    };
    let mut here: HashMap<String, Vec<Here>> = HashMap::new();
    for row in &D::fetch(conn, sql.into(), vec![tenant.into(), ids]).await? {
        let mut row = Columns::<D>::of(row);
        let (id, fingerprint, first) = (row.text()?, row.bytes()?, row.text()?);
        let second = if kind == Kind::Contact {
            row.int()?.to_string()
        } else {
            row.text()?
        };
        let one = Here {
            fingerprint,
            first,
            second,
        };
        here.entry(id).or_default().push(one);
    }
    let mut found = Vec::new();
    for (subject, row) in all {
        if let Some(here) = here.get(&subject.2) {
            found.push((subject.clone(), standing(row, here)?));
        }
    }
    Ok(found)
}

/// A stored item: the fingerprint, and the two columns that tell whether it is as in the archive.
struct Here {
    fingerprint: Vec<u8>,
    first: String,
    second: String,
}

fn standing(row: &Row, here: &[Here]) -> Result<Standing, StoreError> {
    let print = match row.cell("fingerprint") {
        Cell::Bytes(print) => print.as_slice(),
        _ => &[],
    };
    let mut standing = Standing::Another;
    for one in here {
        let equal = match row.kind {
            Kind::Interaction => {
                let stored = serde_json::from_str(&unpack(&one.first)?)
                    .map_err(|_| StoreError::inconsistent("interaction_json", "core"))?;
                core(row)? == stored && row.text("user_data") == one.second
            }
            Kind::Contact => {
                row.text("merged_into") == one.first
                    && row.int("revision").to_string() == one.second
            }
            _ => row.text("state") == one.first && row.text("event") == one.second,
        };
        let same = match (print == one.fingerprint, equal) {
            (true, true) => Standing::Same,
            (true, false) if !print.is_empty() => Standing::Changed,
            _ => Standing::Another,
        };
        standing = standing.min(same);
    }
    Ok(standing)
}

/// Notes left-out items; returns how many notes changed.
async fn note<D: Dialect>(
    conn: &mut Conn<D>,
    statement: &Many,
    all: impl IntoIterator<Item = (Subject, Standing)>,
) -> Result<u64, StoreError> {
    let mut args = Vec::new();
    for ((kind, tenant, id), standing) in all {
        args.extend([
            kind.name().into(),
            tenant.into(),
            id.into(),
            standing.code().into(),
        ]);
    }
    bulk::run::<D>(conn, statement, args).await
}

/// Subjects by kind and tenant, for one statement each.
fn grouped(all: BTreeSet<Subject>) -> BTreeMap<(Kind, i64), Vec<String>> {
    let mut groups: BTreeMap<(Kind, i64), Vec<String>> = BTreeMap::new();
    for (kind, tenant, id) in all {
        groups.entry((kind, tenant)).or_default().push(id);
    }
    groups
}

/// Those of the subjects that were noted, with their standing.
async fn left_out<D: Dialect>(
    conn: &mut Conn<D>,
    all: BTreeSet<Subject>,
) -> Result<HashMap<Subject, Standing>, StoreError> {
    let sql = format!(
        "SELECT id, standing FROM archive_left_out WHERE kind = $3 AND tenant_id = $1 AND id IN {}",
        D::any_of(2)
    );
    let mut found = HashMap::new();
    for ((kind, tenant), ids) in grouped(all) {
        let args = vec![tenant.into(), Arg::Texts(ids), kind.name().into()];
        for row in &D::fetch(conn, sql.clone().into(), args).await? {
            let mut row = Columns::<D>::of(row);
            let subject = (kind, tenant, row.text()?);
            found.insert(subject, Standing::of_code(row.int()?));
        }
    }
    Ok(found)
}

/// Those of the subjects that are in the store.
async fn existing<D: Dialect>(
    conn: &mut Conn<D>,
    all: &BTreeSet<Subject>,
) -> Result<BTreeSet<Subject>, StoreError> {
    let mut found = BTreeSet::new();
    for ((kind, tenant), ids) in grouped(all.clone()) {
        let id = if kind == Kind::WebAction {
            "action_id"
        } else {
            "id"
        };
        let sql = format!(
            "SELECT DISTINCT {id} FROM {} WHERE tenant_id = $1 AND {id} IN {}",
            table(kind),
            D::any_of(2)
        );
        for row in &D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await? {
            found.insert((kind, tenant, Columns::<D>::of(row).text()?));
        }
    }
    Ok(found)
}

/// Those of the subjects that are deleted both here and in the archive, and that the journal here
/// reports: a second merge must not report them again.
async fn told_before<D: Dialect>(
    conn: &mut Conn<D>,
    all: BTreeSet<Subject>,
    offset: i64,
) -> Result<BTreeSet<Subject>, StoreError> {
    let live = existing::<D>(conn, &all).await?;
    let gone = all.difference(&live).cloned().collect();
    let mut told = BTreeSet::new();
    for ((kind, tenant), ids) in grouped(gone) {
        let (column, alone) = match kind {
            Kind::Interaction => ("interaction_id", ""),
            Kind::WebAction => ("action_id", ""),
            _ => (
                "contact_id",
                " AND interaction_id IS NULL AND action_id IS NULL",
            ),
        };
        let sql = format!(
            "SELECT DISTINCT {column} FROM journal WHERE tenant_id = $1 AND {column} IN {} AND cursor <= $3{alone}",
            D::any_of(2)
        );
        let args = vec![tenant.into(), Arg::Texts(ids), offset.into()];
        for row in &D::fetch(conn, sql.into(), args).await? {
            told.insert((kind, tenant, Columns::<D>::of(row).text()?));
        }
    }
    Ok(told)
}
