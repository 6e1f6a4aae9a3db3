//! Loads contacts: those that commands name, and those that share identifying values with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::contact::{ContactRules, Folded, Rank};
use crate::store::StoreError;
use crate::store::contact::{self, CONTACT};
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::tables::qualified;
use crate::store::writer::ledger::{Ledger, Standing};

/// The largest number of contacts examined for a rank that many people share, such as a first name.
const MOST_CANDIDATES: usize = 100;

/// The contacts that share identifying values, for all commands of a group at once.
///
/// A rank of one attribute identifies a contact. A rank of several attributes, such as names, is
/// queried only for requests that may need it, and for at most [`MOST_CANDIDATES`] contacts per
/// command. A request does not need it if each of its attributes in ranks of one is known.
pub(super) async fn candidates<D: Dialect>(
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
pub(super) async fn contacts<D: Dialect>(
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
pub(super) async fn named<D: Dialect>(
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
