//! Loads what the commands of a group refer to: one statement for each kind and tenant, however
//! many commands there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Queued;
use super::flush::INDEXED_CHARACTERS;
use super::ledger::{Held, Kept, LARGEST_MOVE, Ledger, Standing};
use super::web_event;
use crate::domain::change::Kind;
pub use crate::domain::command::REPLY_KEPT;
use crate::domain::command::{Command, KnownBy, Preparation};
use crate::domain::contact::{ContactRules, Folded, Rank};
use crate::domain::interaction::WEB_ENGAGEMENT;
use crate::domain::web_action::WebAction;
use crate::store::StoreError;
use crate::store::client;
use crate::store::contact::{self, CONTACT};
use crate::store::dialect::{Arg, Columns, Conn, Dialect, RowOf};
use crate::store::rows;
use crate::store::tables::qualified;
use crate::store::tables::reply::{REPLY, reply};

/// The largest number of web engagements examined for one visit.
const MOST_OF_A_VISIT: usize = 100;
/// The largest number of contacts examined for a rank that many people share, such as a first name.
const MOST_CANDIDATES: usize = 100;

#[derive(Default)]
struct Needs<'g> {
    interactions: BTreeSet<&'g str>,
    /// External identifiers, each with the media type.
    external: BTreeSet<(&'g str, &'g str)>,
    /// Interactions that get a parent: their descendants are loaded too.
    moved: BTreeSet<&'g str>,
    /// Parents that interactions get: their ancestors are loaded too.
    parents: BTreeSet<&'g str>,
    /// Values by which a conversation finds its web engagement: index in `link_by`, and value.
    visits: BTreeSet<(usize, &'g str)>,
    /// Contacts that are only referred to, and must exist.
    named: BTreeSet<&'g str>,
    /// Contacts to be loaded.
    contacts: BTreeSet<String>,
    /// Values that identify contacts.
    values: Vec<&'g Folded>,
    /// Path and key.
    replies: BTreeSet<(&'g str, &'g str)>,
    sessions: BTreeSet<&'g str>,
    /// Users whose choices of spellings are needed.
    choosers: BTreeSet<&'g str>,
    /// Users all of whose sessions change.
    choosing: BTreeSet<&'g str>,
    /// The oldest cursor that an answer reflects.
    answers_as_of: Option<i64>,
    /// Events of web actions, each with its fingerprint.
    web_events: Vec<(&'g WebAction, &'g [u8])>,
}

/// Loads everything into the ledger.
pub(super) async fn load<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    group: &[Queued],
) -> Result<(), StoreError> {
    let mut tenants: BTreeMap<i64, Needs<'_>> = BTreeMap::new();
    for queued in group {
        let needs = tenants.entry(queued.submission.tenant).or_default();
        needs.add(queued);
        if let Some(repeatable) = &queued.submission.repeatable {
            needs.replies.insert((&repeatable.path, &repeatable.key));
        }
    }
    for (tenant, mut needs) in tenants {
        interactions::<D>(ledger, conn, tenant, &needs).await?;
        by_external_id::<D>(ledger, conn, tenant, &needs.external).await?;
        if !needs.visits.is_empty() {
            // merges decide whether a conversation and a web engagement belong to the same person
            needs.contacts.extend(contacts_met(ledger, tenant, &needs));
        }
        needs
            .contacts
            .extend(candidates::<D>(&ledger.rules.contacts, conn, tenant, &needs.values).await?);
        contacts::<D>(ledger, conn, tenant, needs.contacts).await?;
        named::<D>(ledger, conn, tenant, &needs.named).await?;
        replies::<D>(ledger, conn, tenant, &needs.replies).await?;
        web_event::load::<D>(ledger, conn, tenant, &needs.web_events).await?;
        if let Some(as_of) = needs.answers_as_of {
            let erased = erased_after::<D>(conn, tenant, as_of).await?;
            ledger.erased.extend(erased.map(|cursor| (tenant, cursor)));
        }
        if !needs.sessions.is_empty() {
            let ids = needs.sessions.iter().map(|id| (*id).to_owned()).collect();
            let found = client::sessions::<D>(conn, ids).await?;
            ledger.load_sessions(found);
        }
        if !needs.choosing.is_empty() {
            let users = needs
                .choosing
                .iter()
                .map(|user| (*user).to_owned())
                .collect();
            let found = client::sessions_of::<D>(conn, tenant, users).await?;
            ledger.load_sessions(found);
        }
        if !needs.choosers.is_empty() {
            let users = needs
                .choosers
                .iter()
                .map(|user| (*user).to_owned())
                .collect();
            for (user, choice) in client::choices::<D>(conn, tenant, users).await? {
                let key = (
                    tenant,
                    user,
                    choice.sign_in.clone(),
                    choice.collection.clone(),
                );
                ledger.choices.insert(key, (choice, false));
            }
        }
    }
    Ok(())
}

impl<'g> Needs<'g> {
    fn add(&mut self, queued: &'g Queued) {
        match &queued.submission.command {
            Command::Record(new) | Command::Ensure { new, .. } | Command::Engage(new) => {
                if let Command::Ensure {
                    known_by: KnownBy::ExternalId,
                    ..
                } = &queued.submission.command
                {
                    let external = new.external_id.as_deref();
                    self.external
                        .extend(external.map(|id| (id, new.media_type.as_str())));
                }
                self.interactions.extend(
                    new.id
                        .as_deref()
                        .into_iter()
                        .chain(new.parent_id.as_deref()),
                );
                self.named.extend(new.contact_id.as_deref());
                if new.contact.is_some() {
                    self.values.push(&queued.ready.folded);
                }
                if new.parent_id.is_none() && new.may_be_engagement() {
                    self.visits.extend(of_visits(&queued.ready));
                }
            }
            Command::SetParent { id, parent, .. } => {
                self.interactions.extend([id.as_str(), parent]);
                self.moved.insert(id);
                self.parents.insert(parent);
            }
            Command::EditUserData { id, .. } | Command::Complete { id, .. } => {
                self.interactions.insert(id);
                if !queued.ready.visits.is_empty() {
                    self.moved.insert(id);
                    self.visits.extend(of_visits(&queued.ready));
                }
            }
            Command::Stop { id, .. } => {
                self.interactions.insert(id);
            }
            Command::Change { id, patch, .. } => {
                self.interactions.insert(id);
                if let Some(Some(parent)) = &patch.parent_id {
                    self.interactions.insert(parent);
                    self.moved.insert(id);
                    self.parents.insert(parent);
                }
                self.named
                    .extend(patch.contact_id.as_ref().and_then(Option::as_deref));
            }
            Command::CreateContact { id, .. } => self.contacts.extend(id.clone()),
            Command::ChangeContact { id, .. } => {
                self.contacts.insert(id.clone());
            }
            Command::IdentifyContact { .. } => self.values.push(&queued.ready.folded),
            Command::RecordWebAction(action) => {
                self.web_events.push((action, &queued.ready.fingerprint));
            }
            Command::Answer(answer) => {
                let oldest = self.answers_as_of.unwrap_or(i64::MAX);
                self.answers_as_of = Some(oldest.min(answer.as_of));
            }
            Command::EditSession(edit) => {
                self.sessions.insert(&edit.id);
            }
            Command::OpenSession(session) => {
                self.choosers.insert(&session.user);
            }
            Command::ChooseSpelling(choice) => {
                self.choosing.insert(&choice.user);
            }
            _ => {}
        }
    }
}

fn of_visits(ready: &Preparation) -> impl Iterator<Item = (usize, &str)> {
    let visits = ready.visits.iter();
    visits.map(|(place, value)| (*place, value.as_str()))
}

/// The contacts of the loaded interactions, and those named by the commands.
fn contacts_met(ledger: &Ledger<'_>, tenant: i64, needs: &Needs<'_>) -> Vec<String> {
    let loaded = ledger
        .interactions
        .iter()
        .filter(|((of, _), _)| *of == tenant);
    loaded
        .filter_map(|(_, held)| held.stored.interaction.contact_id.clone())
        .chain(needs.named.iter().map(|id| (*id).to_owned()))
        .collect()
}

/// The identifiers of the ancestors and descendants of interactions: for each, as many as may move
/// at once, and one more.
async fn relatives<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    needs: &Needs<'_>,
) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for (of, step) in [
        (&needs.parents, "i.id = r.parent_id"),
        (&needs.moved, "i.parent_id = r.id"),
    ] {
        if of.is_empty() {
            continue;
        }
        let sql = format!(
            "WITH RECURSIVE related (id, tenant_id, parent_id) AS ( \
                 SELECT id, tenant_id, parent_id FROM interaction WHERE tenant_id = $1 AND id IN {} \
                 UNION \
                 SELECT i.id, i.tenant_id, i.parent_id FROM related r CROSS JOIN interaction i \
                 WHERE {step} AND i.tenant_id = r.tenant_id \
             ) SELECT id FROM related LIMIT +$3",
            D::any_of(2)
        );
        let ids = of.iter().map(|id| (*id).to_owned()).collect();
        let rows = up_to::<D>(conn, &sql, vec![tenant.into()], ids, LARGEST_MOVE + 2).await?;
        for row in rows {
            found.push(Columns::<D>::of(&row).text()?);
        }
    }
    Ok(found)
}

/// Rows for each of several values, up to a limit per value. The last two arguments of the
/// statement are the values and the limit.
///
/// If the limit may have cut rows off, each value is queried separately, so that one with many rows
/// takes nothing from the others.
async fn up_to<D: Dialect>(
    conn: &mut Conn<D>,
    sql: &str,
    before: Vec<Arg>,
    values: Vec<String>,
    most: usize,
) -> Result<Vec<RowOf<D>>, StoreError> {
    let args = |values: Vec<String>| {
        let limit = i64::try_from(most.saturating_mul(values.len())).unwrap_or(i64::MAX);
        let mut args = before.clone();
        args.extend([Arg::Texts(values), limit.into()]);
        args
    };
    let rows = D::fetch(conn, sql.to_owned().into(), args(values.clone())).await?;
    if rows.len() < most.saturating_mul(values.len()) || values.len() == 1 {
        return Ok(rows);
    }
    let mut rows = Vec::new();
    for value in values {
        rows.extend(D::fetch(conn, sql.to_owned().into(), args(vec![value])).await?);
    }
    Ok(rows)
}

/// Web engagements with one of these values, newest first; indexed in the ledger by value.
async fn engagements<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    needs: &Needs<'_>,
) -> Result<Vec<String>, StoreError> {
    let mut by_key: BTreeMap<usize, BTreeMap<String, BTreeSet<&str>>> = BTreeMap::new();
    for (place, value) in &needs.visits {
        let cut = value.chars().take(INDEXED_CHARACTERS).collect();
        let values = by_key.entry(*place).or_default();
        values.entry(cut).or_default().insert(value);
    }
    let mut found = Vec::new();
    for (place, values) in by_key {
        let sql = format!(
            "SELECT x.text_value, x.interaction_id FROM user_data_index x \
             JOIN interaction i ON i.id = x.interaction_id AND i.tenant_id = x.tenant_id \
             WHERE x.tenant_id = $1 AND x.key = $2 AND x.text_value IN {} AND i.media_type = '{WEB_ENGAGEMENT}' \
             ORDER BY x.start_date DESC LIMIT +$4",
            D::any_of(3)
        );
        let key = ledger.rules.link_by[place].to_string();
        let before = vec![tenant.into(), key.into()];
        let cut = values.keys().cloned().collect();
        for row in up_to::<D>(conn, &sql, before, cut, MOST_OF_A_VISIT).await? {
            let mut row = Columns::<D>::of(&row);
            let (cut, id) = (row.text()?, row.text()?);
            for value in values.get(&cut).into_iter().flatten() {
                let key = (tenant, place, (*value).to_owned());
                ledger.visits.entry(key).or_default().push(id.clone());
            }
            found.push(id);
        }
    }
    Ok(found)
}

async fn interactions<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    needs: &Needs<'_>,
) -> Result<(), StoreError> {
    let mut wanted: BTreeSet<String> = needs
        .interactions
        .iter()
        .map(|id| (*id).to_owned())
        .collect();
    wanted.extend(relatives::<D>(conn, tenant, needs).await?);
    wanted.extend(engagements::<D>(ledger, conn, tenant, needs).await?);
    if wanted.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "{}i.tenant_id = $1 AND i.id IN {}",
        rows::select_placed(", i.fingerprint"),
        D::any_of(2)
    );
    let ids = wanted.into_iter().collect();
    for row in D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await? {
        hold::<D>(ledger, tenant, &row)?;
    }
    Ok(())
}

/// The oldest interaction for each external identifier and media type.
async fn by_external_id<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    wanted: &BTreeSet<(&str, &str)>,
) -> Result<(), StoreError> {
    for (external_id, media_type) in wanted {
        let sql = format!(
            "{}i.tenant_id = $1 AND i.external_id = $2 AND i.media_type = $3 \
             ORDER BY i.start_date, i.id LIMIT 1",
            rows::select_placed(", i.fingerprint")
        );
        let args = vec![tenant.into(), (*external_id).into(), (*media_type).into()];
        for row in D::fetch(conn, sql.into(), args).await? {
            hold::<D>(ledger, tenant, &row)?;
        }
    }
    Ok(())
}

/// Puts a stored interaction into the ledger.
fn hold<D: Dialect>(
    ledger: &mut Ledger<'_>,
    tenant: i64,
    row: &RowOf<D>,
) -> Result<(), StoreError> {
    let (seq, stored) = rows::placed::<D>(row)?;
    let fingerprint = D::bytes(row, rows::AFTER_PLACED)?.unwrap_or_default();
    ledger.interactions.insert(
        (tenant, stored.interaction.id.clone()),
        Held::loaded(stored, fingerprint, seq),
    );
    Ok(())
}

/// The contacts that share identifying values, for all commands of a group at once.
///
/// A rank of one attribute identifies a contact. A rank of several attributes, such as names, is
/// queried only for requests that may need it, and for at most [`MOST_CANDIDATES`] contacts per
/// command. A request does not need it if each of its attributes in ranks of one is known.
async fn candidates<D: Dialect>(
    rules: &ContactRules,
    conn: &mut Conn<D>,
    tenant: i64,
    given: &[&Folded],
) -> Result<BTreeSet<String>, StoreError> {
    let mut found = BTreeSet::new();
    if given.is_empty() {
        return Ok(found);
    }
    let ranks = rules.all_ranks();
    let (single, several): (Vec<&Rank>, Vec<&Rank>) =
        ranks.into_iter().partition(|rank| rank.len() == 1);
    let mut known: BTreeSet<(&str, String)> = BTreeSet::new();
    for rank in &single {
        let name = rank[0].as_str();
        let values: BTreeSet<String> = given
            .iter()
            .filter_map(|folded| folded.get(name))
            .flatten()
            .cloned()
            .collect();
        for (value, id) in having::<D>(conn, tenant, name, values).await? {
            known.insert((name, value));
            found.insert(id);
        }
    }
    let unknown: Vec<&Folded> = given
        .iter()
        .copied()
        .filter(|folded| {
            let mut alone = single
                .iter()
                .map(|rank| rank[0].as_str())
                .filter_map(|name| Some((name, folded.get(name)?)))
                .peekable();
            let unknown = |(name, values): (&str, &BTreeSet<String>)| {
                let mut values = values.iter();
                values.all(|value| !known.contains(&(name, value.clone())))
            };
            alone.peek().is_none() || alone.any(unknown)
        })
        .collect();
    for rank in several {
        found.extend(with_all::<D>(conn, tenant, rank, &unknown).await?);
    }
    Ok(found)
}

/// Contacts with one of these folded values, with the value.
async fn having<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    name: &str,
    values: BTreeSet<String>,
) -> Result<Vec<(String, String)>, StoreError> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT folded, contact_id FROM contact_attribute WHERE tenant_id = $1 AND name = $2 AND folded IN {} \
         ORDER BY contact_id",
        D::any_of(3)
    );
    let args = vec![
        tenant.into(),
        name.into(),
        Arg::Texts(values.into_iter().collect()),
    ];
    let rows = D::fetch(conn, sql.into(), args).await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::<D>::of(row);
            Ok((row.text()?, row.text()?))
        })
        .collect()
}

/// Contacts that share a value of each attribute of a rank with one of the requests.
async fn with_all<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    rank: &Rank,
    given: &[&Folded],
) -> Result<Vec<String>, StoreError> {
    let whole: Vec<&&Folded> = given
        .iter()
        .filter(|folded| rank.iter().all(|name| folded.contains_key(name)))
        .collect();
    if whole.is_empty() {
        return Ok(Vec::new());
    }
    let mut args: Vec<Arg> = vec![tenant.into()];
    let (mut from, mut tests) = (String::new(), Vec::new());
    for (place, name) in rank.iter().enumerate() {
        let values: BTreeSet<&String> = whole
            .iter()
            .filter_map(|folded| folded.get(name))
            .flatten()
            .collect();
        args.push(name.as_str().into());
        args.push(Arg::Texts(values.into_iter().cloned().collect()));
        let a = format!("a{place}");
        from += &if place == 0 {
            format!("contact_attribute {a}")
        } else {
            format!(
                " JOIN contact_attribute {a} ON {a}.contact_id = a0.contact_id AND {a}.tenant_id = a0.tenant_id"
            )
        };
        tests.push(format!(
            "{a}.tenant_id = $1 AND {a}.name = ${} AND {a}.folded IN {}",
            args.len() - 1,
            D::any_of(args.len())
        ));
    }
    let most = MOST_CANDIDATES.saturating_mul(whole.len());
    args.push(i64::try_from(most).unwrap_or(i64::MAX).into());
    let sql = format!(
        "SELECT DISTINCT a0.contact_id FROM {from} WHERE {} ORDER BY a0.contact_id LIMIT +${}",
        tests.join(" AND "),
        args.len()
    );
    let rows = D::fetch(conn, sql.into(), args).await?;
    rows.iter()
        .map(|row| Ok(Columns::<D>::of(row).text()?))
        .collect()
}

/// Loads contacts with all their merged identities: those that they were merged into, and those
/// merged into them. Only together do they tell who an address belongs to.
async fn contacts<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    mut wanted: BTreeSet<String>,
) -> Result<(), StoreError> {
    while !wanted.is_empty() {
        let sql = format!(
            "SELECT {}, c.fingerprint FROM contact c WHERE c.tenant_id = $1 AND c.id IN {}",
            qualified("c", CONTACT),
            D::any_of(2)
        );
        let ids: Vec<String> = std::mem::take(&mut wanted).into_iter().collect();
        let rows = D::fetch(
            conn,
            sql.into(),
            vec![tenant.into(), Arg::Texts(ids.clone())],
        )
        .await?;
        let mut attributes = contact::attributes::<D>(conn, tenant, ids.clone()).await?;
        for row in rows {
            let mut columns = Columns::<D>::of(&row);
            let mut contact = contact::contact::<D>(&mut columns)?;
            let fingerprint = columns.bytes()?;
            contact.attributes = attributes.remove(&contact.id).unwrap_or_default();
            wanted.extend(contact.merged_into.clone());
            ledger.hold(Arc::new(contact), fingerprint, Standing::Loaded);
        }
        wanted.extend(merged_into::<D>(conn, tenant, ids).await?);
        wanted.retain(|id| !ledger.contacts.contains_key(&(tenant, id.clone())));
    }
    Ok(())
}

/// The contacts that were merged into one of these.
async fn merged_into<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    ids: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "SELECT id FROM contact WHERE tenant_id = $1 AND merged_into IS NOT NULL AND merged_into IN {}",
        D::any_of(2)
    );
    let rows = D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await?;
    rows.iter()
        .map(|row| Ok(Columns::<D>::of(row).text()?))
        .collect()
}

/// Those of the named contacts that exist.
async fn named<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    named: &BTreeSet<&str>,
) -> Result<(), StoreError> {
    if named.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT id FROM contact WHERE tenant_id = $1 AND id IN {}",
        D::any_of(2)
    );
    let ids = named.iter().map(|id| (*id).to_owned()).collect();
    for row in D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(ids)]).await? {
        ledger
            .named
            .insert((tenant, Columns::<D>::of(&row).text()?));
    }
    Ok(())
}

/// The last deletion or erasure after a cursor.
async fn erased_after<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    cursor: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = format!(
        "SELECT MAX(cursor) FROM journal WHERE tenant_id = $1 AND cursor > $2 AND kind IN {}",
        D::any_of(3)
    );
    let kinds = Kind::TAKE_AWAY.map(|kind| kind.name().to_owned()).to_vec();
    let args = vec![tenant.into(), cursor.into(), Arg::Texts(kinds)];
    let rows = D::fetch(conn, sql.into(), args).await?;
    Ok(match rows.first() {
        Some(row) => Columns::<D>::of(row).maybe_int()?,
        None => None,
    })
}

async fn replies<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    tenant: i64,
    wanted: &BTreeSet<(&str, &str)>,
) -> Result<(), StoreError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let since = ledger.now().plus_micros(-REPLY_KEPT);
    let sql = format!(
        "SELECT path, key, {} FROM kept_reply \
         WHERE tenant_id = $1 AND path IN {} AND key IN {} AND created_date > $4",
        REPLY.join(", "),
        D::any_of(2),
        D::any_of(3)
    );
    let (paths, keys): (BTreeSet<&str>, BTreeSet<&str>) = wanted.iter().copied().unzip();
    let texts = |set: BTreeSet<&str>| Arg::Texts(set.into_iter().map(str::to_owned).collect());
    for row in D::fetch(
        conn,
        sql.into(),
        vec![tenant.into(), texts(paths), texts(keys), since.into()],
    )
    .await?
    {
        let mut row = Columns::<D>::of(&row);
        let place = (tenant, row.text()?, row.text()?);
        let (fingerprint, reply) = reply::<D>(&mut row)?;
        let kept = Kept {
            fingerprint,
            reply,
            interaction_id: None,
            contact_id: None,
            new_at: None,
        };
        ledger.replies.insert(place, kept);
    }
    Ok(())
}
