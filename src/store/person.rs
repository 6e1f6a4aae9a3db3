//! Persons: a contact with all its merged identities, and the interactions that belong to them by
//! the rule of [`crate::domain::person`].

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::dialect::{Arg, Columns, Conn, Dialect};
use super::interaction::FamilyLink;
use super::lineage::{self, CHUNK, Kin, Way};
use super::{StoreError, contact};
use crate::domain::Moment;
use crate::domain::person::{Relative, Relatives, Shared};

/// The person behind a contact, and their interactions.
#[derive(Clone, Debug)]
pub struct Person {
    /// The contact that all identities were merged into, then the identities.
    pub contacts: Vec<String>,
    /// Their interactions, oldest first.
    pub interactions: Vec<String>,
    /// Anonymous interactions that belong to somebody else as well.
    pub shared: Vec<Shared>,
}

/// The person behind a contact; `None` if there is no such contact.
///
/// The families are walked level by level. Only what the rule needs is kept of each interaction.
pub async fn of_contact<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Option<Person>, StoreError> {
    let contacts = contact::person::<D>(conn, tenant, id).await?;
    if contacts.is_empty() {
        return Ok(None);
    }
    let Walk { found, starts } = walk::<D>(conn, tenant, &contacts).await?;
    let relatives = Relatives::of(&contacts.iter().cloned().collect(), found);
    let copied = copied_keys::<D>(conn, tenant, relatives.linked()).await?;
    let mut theirs: Vec<(Moment, &str)> = relatives.theirs().map(|id| (starts[id], id)).collect();
    theirs.sort_unstable();
    let interactions = theirs.into_iter().map(|(_, id)| id.to_owned()).collect();
    Ok(Some(Person {
        interactions,
        shared: relatives.exchanged(&copied),
        contacts,
    }))
}

/// Interactions found so far, and when each began.
#[derive(Default)]
struct Walk {
    found: Vec<Relative>,
    starts: HashMap<String, Moment>,
}

impl Walk {
    /// Adds interactions; returns the places of those found for the first time.
    fn meet(&mut self, all: Vec<Kin>) -> Range<usize> {
        let before = self.found.len();
        for kin in all {
            if self.starts.insert(kin.of.id.clone(), kin.start).is_none() {
                self.found.push(kin.of);
            }
        }
        before..self.found.len()
    }
}

/// The interactions of these contacts, and the members of their families that can be reached
/// through anonymous interactions, up to and including the next ones of known contacts.
async fn walk<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    contacts: &[String],
) -> Result<Walk, StoreError> {
    let mut walk = Walk::default();
    walk.meet(own::<D>(conn, tenant, contacts).await?);
    let own: Vec<String> = walk.found.iter().map(|one| one.id.clone()).collect();
    let led_to = walk.found.iter().filter_map(|one| one.parent.as_ref());
    let parents: HashSet<String> = led_to
        .filter(|parent| !walk.starts.contains_key(*parent))
        .cloned()
        .collect();
    // up to the first ancestor with a contact
    let is_anonymous = |kin: &Kin| kin.of.contact.is_none();
    let up = lineage::walk::<D>(conn, tenant, Way::Up, parents, usize::MAX, is_anonymous).await?;
    let ancestors = walk.meet(up);
    let anonymous: HashSet<&str> = walk.found[ancestors.clone()]
        .iter()
        .filter(|one| one.contact.is_none())
        .map(|one| one.id.as_str())
        .collect();
    let is_top = |one: &&Relative| {
        let parent = one.parent.as_deref();
        one.contact.is_none() && !parent.is_some_and(|parent| anonymous.contains(parent))
    };
    let tops = walk.found[ancestors].iter().filter(is_top);
    let from: Vec<String> = own
        .into_iter()
        .chain(tops.map(|one| one.id.clone()))
        .collect();
    // down through anonymous interactions
    let below = lineage::walk::<D>(conn, tenant, Way::Down, from, usize::MAX, is_anonymous).await?;
    walk.meet(below);
    Ok(walk)
}

/// The interactions of these contacts.
async fn own<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    contacts: &[String],
) -> Result<Vec<Kin>, StoreError> {
    let sql = format!(
        "SELECT {} FROM interaction i WHERE i.tenant_id = $1 AND i.contact_id IN {}",
        lineage::COLUMNS,
        D::any_of(2)
    );
    let mut found = Vec::new();
    for chunk in contacts.chunks(CHUNK) {
        let args = vec![tenant.into(), Arg::Texts(chunk.to_vec())];
        for row in &D::fetch(conn, sql.clone().into(), args).await? {
            found.push(lineage::kin::<D>(row, 0)?);
        }
    }
    Ok(found)
}

/// The keys that children received from their parents, by child.
async fn copied_keys<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    children: Vec<String>,
) -> Result<HashMap<String, Vec<String>>, StoreError> {
    let sql = format!(
        "SELECT child_id, copied_keys FROM link WHERE tenant_id = $1 AND child_id IN {}",
        D::any_of(2)
    );
    let mut found = HashMap::new();
    for chunk in children.chunks(CHUNK) {
        let args = vec![tenant.into(), Arg::Texts(chunk.to_vec())];
        for row in &D::fetch(conn, sql.clone().into(), args).await? {
            let mut row = Columns::<D>::of(row);
            let (child, keys) = (row.text()?, row.text()?);
            let keys = serde_json::from_str(&keys)
                .map_err(|_| StoreError::inconsistent("link", "copied_keys"))?;
            found.insert(child, keys);
        }
    }
    Ok(found)
}

/// The links from parents to these interactions, oldest child first.
pub async fn links<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    children: Vec<String>,
) -> Result<Vec<FamilyLink>, StoreError> {
    let sql = format!(
        "SELECT i.parent_id, i.id, l.copy_user_data, l.copied_keys, l.linked_by, COALESCE(l.created_date, i.created_date) FROM interaction i \
         LEFT JOIN link l ON l.child_id = i.id AND l.tenant_id = i.tenant_id \
         WHERE i.tenant_id = $1 AND i.id IN {} AND {} IS NOT NULL ORDER BY {}, i.id",
        D::any_of(2),
        D::unindexed("i.parent_id"),
        D::unindexed("i.start_date")
    );
    let rows = D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(children)]).await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::<D>::of(row);
            Ok(FamilyLink {
                parent: row.text()?,
                child: row.text()?,
                copy_user_data: row.maybe_text()?,
                copied_keys: row.maybe_text()?.unwrap_or_else(|| "[]".to_owned()),
                linked_by: row.maybe_text()?,
                created_date: row.time()?,
            })
        })
        .collect()
}
