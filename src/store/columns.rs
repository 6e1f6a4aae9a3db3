//! What the columns of the reports read: interactions as they are now, in the order of their places.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::dialect::{Arg, Columns, Conn, Dialect, RowOf};
use super::{StoreError, contact, core, journal, lineage, rows};
use crate::domain::Moment;
use crate::domain::change::Kind;
use crate::domain::contact::Contact;
use crate::domain::interaction::Interaction;

/// An interaction as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its place: the cursor of the entry that recorded it.
    pub place: i64,
    /// The interaction.
    pub interaction: Interaction,
    /// Its UserData as JSON text.
    pub user_data: String,
    /// How it was linked to its parent, if it is an engagement.
    pub link: Option<Link>,
}

/// How an engagement was linked to its web engagement.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The policy as requested, or the server's.
    pub copy_user_data: Option<String>,
    /// The copied keys as a JSON list.
    pub copied_keys: String,
    /// Its origin.
    pub linked_by: String,
    /// When it was created.
    pub created_date: Moment,
}

/// An event of a web action as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Its place: the cursor of the entry that recorded it.
    pub place: i64,
    /// Tenant.
    pub tenant: i64,
    /// The action.
    pub action_id: String,
    /// The state.
    pub state: String,
    /// The media type.
    pub media_type: Option<String>,
    /// The action map.
    pub map_id: Option<String>,
    /// The version of the map.
    pub map_version: Option<i64>,
    /// The visitor.
    pub customer_id: Option<String>,
    /// The visit.
    pub session_id: Option<String>,
    /// The interaction or conversation that it led to.
    pub reference: Option<String>,
    /// The error.
    pub error_code: Option<String>,
    /// When it happened.
    pub event_date: Moment,
    /// Whether a copy contradicted it.
    pub contradicted: bool,
    /// The event as JSON text.
    pub event: String,
}

/// A contact as it is now, with a number that the columns gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// The number.
    pub place: i64,
    /// The contact.
    pub contact: Contact,
    /// Its attributes as JSON text.
    pub attributes: String,
}

impl Numbered {
    /// A contact with its number.
    pub fn new(place: i64, contact: Contact) -> Self {
        Self {
            place,
            attributes: serde_json::to_string(&contact.attributes).unwrap_or_default(),
            contact,
        }
    }
}

/// What changed after a cursor.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Entries up to this cursor were examined.
    pub until: i64,
    /// The newest entry. If it is [`Touched::until`], what is here is the state at that cursor.
    pub head: i64,
    /// Interactions that were recorded or changed, as they are now.
    pub interactions: Vec<Placed>,
    /// Places whose interactions are gone.
    pub gone: Vec<i64>,
    /// Events of web actions that were recorded or changed, as they are now.
    pub actions: Vec<Action>,
    /// Contacts that were created or changed, as they are now.
    pub contacts: Vec<Contact>,
    /// Contacts that are gone: tenant and identifier.
    pub gone_contacts: Vec<(i64, String)>,
    /// Whether something was deleted or erased, of which no copy may be kept.
    pub takes_away: bool,
}

/// Entries of the journal that an answer examines at most.
const SPAN: i64 = 20_000;

const COLUMNS: &str =
    "i.seq, j.core, j.user_data, l.copy_user_data, l.copied_keys, l.linked_by, l.created_date";

fn select() -> String {
    format!(
        "SELECT {COLUMNS} FROM interaction i{} \
         LEFT JOIN link l ON l.child_id = i.id AND l.tenant_id = i.tenant_id WHERE ",
        rows::JOIN_JSON
    )
}

fn placed<D: Dialect>(row: &RowOf<D>) -> Result<Placed, StoreError> {
    let mut row = Columns::<D>::of(row);
    let (place, packed, user_data) = (row.int()?, row.text()?, row.text()?);
    let interaction = serde_json::from_str(&core::unpack(&packed)?)
        .map_err(|_| StoreError::inconsistent("interaction_json", "core"))?;
    let copy_user_data = row.maybe_text()?;
    let link = match (row.maybe_text()?, row.maybe_text()?, row.maybe_time()?) {
        (Some(copied_keys), Some(linked_by), Some(created_date)) => Some(Link {
            copy_user_data,
            copied_keys,
            linked_by,
            created_date,
        }),
        _ => None,
    };
    Ok(Placed {
        place,
        interaction,
        user_data,
        link,
    })
}

/// Interactions of all tenants with places after one and up to another, in the order of their
/// places.
pub async fn recorded<D: Dialect>(
    conn: &mut Conn<D>,
    after: i64,
    until: i64,
    limit: i64,
) -> Result<Vec<Placed>, StoreError> {
    let sql = select() + "i.seq > $1 AND i.seq <= $2 ORDER BY i.seq LIMIT +$3";
    let args = vec![after.into(), until.into(), limit.into()];
    let found = D::fetch(conn, sql.into(), args).await?;
    found.iter().map(placed::<D>).collect()
}

/// What changed after a cursor. The statements must see one state of the store.
pub async fn touched<D: Dialect>(conn: &mut Conn<D>, after: i64) -> Result<Touched, StoreError> {
    let head = journal::head::<D>(conn).await?;
    let mut touched = Touched {
        until: head.min(after.saturating_add(SPAN)).max(after),
        head,
        ..Touched::default()
    };
    let sql = "SELECT tenant_id, kind, interaction_id, contact_id, action_id FROM journal \
               WHERE cursor > $1 AND cursor <= $2 ORDER BY cursor";
    let args = vec![after.into(), touched.until.into()];
    let mut changed: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    let mut deleted: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    let mut actions: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    let mut contacts: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for row in &D::fetch(conn, sql.into(), args).await? {
        let mut row = Columns::<D>::of(row);
        let (tenant, kind, id) = (row.int()?, row.text()?, row.text()?);
        let kind = Kind::of_name(&kind);
        touched.takes_away |= kind.is_some_and(|kind| Kind::TAKE_AWAY.contains(&kind));
        let (contact, action) = (row.maybe_text()?, row.maybe_text()?);
        if let Some(action) = action {
            actions.entry(tenant).or_default().insert(action);
        }
        if id.is_empty() {
            if let Some(contact) = contact {
                contacts.entry(tenant).or_default().insert(contact);
            }
            continue;
        }
        match kind {
            Some(Kind::InteractionRecorded | Kind::EngagementCreated) => {}
            Some(Kind::InteractionDeleted) => {
                deleted.entry(tenant).or_default().insert(id);
            }
            _ => {
                changed.entry(tenant).or_default().insert(id);
            }
        }
    }
    touched.interactions = recorded::<D>(conn, after, touched.until, i64::MAX).await?;
    let new: HashSet<(i64, String)> = touched
        .interactions
        .iter()
        .map(|one| (one.interaction.tenant_id, one.interaction.id.clone()))
        .collect();
    for (tenant, ids) in changed {
        let ids = ids
            .into_iter()
            .filter(|id| !new.contains(&(tenant, id.clone())));
        let ids: Vec<String> = ids.collect();
        for chunk in ids.chunks(lineage::CHUNK) {
            let mut sql = select();
            let args = lineage::one_of::<D>(&mut sql, tenant, "i.id", chunk);
            for row in &D::fetch(conn, sql.into(), args).await? {
                touched.interactions.push(placed::<D>(row)?);
            }
        }
    }
    for (tenant, ids) in deleted {
        let sql = format!(
            "SELECT e.cursor FROM journal e WHERE {} AND e.interaction_id <> '' AND e.tenant_id = $2 \
             AND e.kind IN ($3, $4) AND NOT EXISTS (SELECT 1 FROM interaction i WHERE i.seq = e.cursor)",
            D::is_any("e.interaction_id", 1)
        );
        let args = vec![
            Arg::Texts(ids.into_iter().collect()),
            tenant.into(),
            Kind::InteractionRecorded.name().into(),
            Kind::EngagementCreated.name().into(),
        ];
        for row in &D::fetch(conn, sql.into(), args).await? {
            touched.gone.push(Columns::<D>::of(row).int()?);
        }
    }
    for (tenant, ids) in actions {
        let sql = format!(
            "SELECT {ACTION} FROM web_action WHERE tenant_id = $1 AND {}",
            D::is_any("action_id", 2)
        );
        let args = vec![tenant.into(), Arg::Texts(ids.into_iter().collect())];
        for row in &D::fetch(conn, sql.into(), args).await? {
            touched.actions.push(action::<D>(row)?);
        }
    }
    for (tenant, ids) in contacts {
        let ids: Vec<String> = ids.into_iter().collect();
        let mut found = contact::several::<D>(conn, tenant, ids.clone()).await?;
        let known: HashSet<&str> = found.iter().map(|one| one.id.as_str()).collect();
        let gone = ids.iter().filter(|id| !known.contains(id.as_str()));
        touched
            .gone_contacts
            .extend(gone.map(|id| (tenant, id.clone())));
        touched.contacts.append(&mut found);
    }
    Ok(touched)
}

const ACTION: &str = "seq, tenant_id, action_id, state, media_type, map_id, map_version, customer_id, session_id, \
                      reference, error_code, event_date, contradicted, event";

fn action<D: Dialect>(row: &RowOf<D>) -> Result<Action, StoreError> {
    let mut row = Columns::<D>::of(row);
    Ok(Action {
        place: row.int()?,
        tenant: row.int()?,
        action_id: row.text()?,
        state: row.text()?,
        media_type: row.maybe_text()?,
        map_id: row.maybe_text()?,
        map_version: row.maybe_int()?,
        customer_id: row.maybe_text()?,
        session_id: row.maybe_text()?,
        reference: row.maybe_text()?,
        error_code: row.maybe_text()?,
        event_date: row.time()?,
        contradicted: row.int()? != 0,
        event: row.text()?,
    })
}

/// Events of web actions of all tenants with places after one and up to another, in the order of
/// their places.
pub async fn actions<D: Dialect>(
    conn: &mut Conn<D>,
    after: i64,
    until: i64,
    limit: i64,
) -> Result<Vec<Action>, StoreError> {
    let sql = format!(
        "SELECT {ACTION} FROM web_action WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT +$3"
    );
    let args = vec![after.into(), until.into(), limit.into()];
    let found = D::fetch(conn, sql.into(), args).await?;
    found.iter().map(action::<D>).collect()
}

/// Contacts of all tenants after one, by tenant and identifier.
pub async fn contacts<D: Dialect>(
    conn: &mut Conn<D>,
    (mut tenant, mut id): (i64, String),
    limit: i64,
) -> Result<Vec<Contact>, StoreError> {
    let mut found = Vec::new();
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    loop {
        found.append(&mut contact::page::<D>(conn, tenant, &id, limit).await?);
        if found.len() >= most {
            return Ok(found);
        }
        let sql = "SELECT MIN(tenant_id) FROM contact WHERE tenant_id > $1";
        let rows = D::fetch(conn, sql.into(), vec![tenant.into()]).await?;
        let next = rows.first().map(|row| Columns::<D>::of(row).maybe_int());
        match next.transpose()?.flatten() {
            Some(next) => (tenant, id) = (next, String::new()),
            None => return Ok(found),
        }
    }
}

/// What identifies the history up to a cursor: the newest entry there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tip {
    /// The cursor of the entry.
    pub cursor: i64,
    /// When it was made.
    pub at: Moment,
    /// Its kind.
    pub kind: String,
}

/// The newest entry up to a cursor.
pub async fn tip<D: Dialect>(conn: &mut Conn<D>, until: i64) -> Result<Option<Tip>, StoreError> {
    let sql =
        "SELECT cursor, at, kind FROM journal WHERE cursor <= $1 ORDER BY cursor DESC LIMIT 1";
    let rows = D::fetch(conn, sql.into(), vec![until.into()]).await?;
    let tip = rows.first().map(|row| {
        let mut row = Columns::<D>::of(row);
        Ok(Tip {
            cursor: row.int()?,
            at: row.time()?,
            kind: row.text()?,
        })
    });
    tip.transpose()
}
