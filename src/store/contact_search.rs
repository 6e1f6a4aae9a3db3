//! Lists and searches of contacts.
//!
//! As with interactions, the store chooses the plan. If an attribute leaves few contacts, they are
//! found first and then sorted. Otherwise an index gives the order of the list, and each contact
//! along the way is tested.

use std::collections::BTreeSet;

use super::StoreError;
use super::contact;
use super::dialect::{Arg, Columns, Conn, Dialect};
use super::search::{arg, bind, keyset, plain};
use crate::domain::contact::Contact;
use crate::domain::filter::{Attribute, Field, Filter, Operand, Position, Search, Test};

/// Up to this many attribute values are looked up first. If more match, the list is walked in its
/// order.
const FEW: usize = 5000;

/// A page of contacts.
#[derive(Clone, Debug)]
pub struct ContactPage {
    /// The contacts, with their attributes.
    pub items: Vec<Contact>,
    /// Where the next page begins.
    pub next: Option<Position>,
    /// The total number of matches, if requested.
    pub count: Option<i64>,
}

/// A page of the contacts that a search finds.
pub async fn run<D: Dialect>(
    conn: &mut Conn<D>,
    search: &Search,
) -> Result<ContactPage, StoreError> {
    let few = few::<D>(conn, search).await?;
    let by_id = search.sort.first().is_some_and(|key| key.by.name == "id");
    let unindexed = |column: String, otherwise: bool| {
        if otherwise {
            D::unindexed(&column)
        } else {
            column
        }
    };
    let tenant = unindexed("c.tenant_id".to_owned(), few.is_some() || by_id);
    let sorted_after = few.is_some() || names_few(&search.filter);
    let mut sql = Sql::<D>::of(search.tenant);
    let mut condition = sql.filter(&search.filter);
    if let Some(ids) = few {
        let n = sql.bind(Arg::Texts(ids));
        condition += &format!(" AND {}", D::is_any("c.id", n));
    }
    let count = if search.count {
        let counted = format!("SELECT COUNT(*) FROM contact c WHERE {tenant} = $1 AND {condition}");
        let rows = D::fetch(conn, counted.into(), sql.args.clone()).await?;
        rows.first()
            .map(|row| Columns::<D>::of(row).int())
            .transpose()?
    } else {
        None
    };
    let keys: Vec<(String, bool)> = search
        .sort
        .iter()
        .map(|key| (unindexed(column(key.by), sorted_after), key.descending))
        .collect();
    let mut text = format!("{}{tenant} = $1 AND {condition}", contact::select());
    if let Some(after) = &search.after {
        let places: Vec<usize> = after
            .0
            .iter()
            .map(|value| sql.bind(value.as_ref().map_or(Arg::Text(None), arg)))
            .collect();
        text += &format!(" AND {}", keyset(&keys, &places));
    }
    let order: Vec<String> = keys
        .iter()
        .map(|(key, descending)| format!("{key}{}", if *descending { " DESC" } else { "" }))
        .collect();
    let limit = i64::try_from(search.limit).unwrap_or(i64::MAX - 1);
    let limit = sql.bind((limit + 1).into());
    text += &format!(" ORDER BY {} LIMIT +${limit}", order.join(", "));
    let rows = D::fetch(conn, text.into(), sql.args).await?;
    let mut items = rows
        .iter()
        .map(|row| contact::contact::<D>(&mut Columns::<D>::of(row)))
        .collect::<Result<Vec<Contact>, _>>()?;
    let more = items.len() > search.limit;
    items.truncate(search.limit);
    let ids = items.iter().map(|contact| contact.id.clone()).collect();
    let mut attributes = contact::attributes::<D>(conn, search.tenant, ids).await?;
    for contact in &mut items {
        contact.attributes = attributes.remove(&contact.id).unwrap_or_default();
    }
    let next = items.last().filter(|_| more).map(|last| {
        let values = search.sort.iter().map(|key| {
            Some(match key.by.name {
                "createdDate" => Operand::Time(last.created_date),
                "modifiedDate" => Operand::Time(last.modified_date),
                _ => Operand::Text(last.id.clone()),
            })
        });
        Position(values.collect())
    });
    Ok(ContactPage { items, next, count })
}

/// The contacts that have an attribute which passes a required test, if they are few.
async fn few<D: Dialect>(
    conn: &mut Conn<D>,
    search: &Search,
) -> Result<Option<Vec<String>>, StoreError> {
    for part in required(&search.filter) {
        let Filter::Leaf(Field::Contact(name), test) = part else {
            continue;
        };
        if matches!(test, Test::Exists(_)) {
            continue;
        }
        let mut sql = Sql::<D>::of(search.tenant);
        let values = sql.values(name, test);
        let limit = sql.bind(i64::try_from(FEW + 1).unwrap_or(i64::MAX).into());
        let rows = D::fetch(conn, format!("{values} LIMIT +${limit}").into(), sql.args).await?;
        if rows.len() <= FEW {
            let ids: BTreeSet<String> = rows
                .iter()
                .map(|row| Columns::<D>::of(row).text())
                .collect::<sqlx::Result<_>>()?;
            return Ok(Some(ids.into_iter().collect()));
        }
    }
    Ok(None)
}

/// Whether the filter names contacts, or asks for those merged into given ones.
fn names_few(filter: &Filter) -> bool {
    required(filter).into_iter().any(|part| {
        matches!(part, Filter::Leaf(Field::Core(attribute), Test::In(_)) if ["id", "mergedInto"].contains(&attribute.name))
    })
}

/// The conditions that must hold.
fn required(filter: &Filter) -> Vec<&Filter> {
    match filter {
        Filter::And(parts) => parts.iter().flat_map(required).collect(),
        other => vec![other],
    }
}

fn column(attribute: &Attribute) -> String {
    let name = match attribute.name {
        "tenantId" => "tenant_id",
        "mergedInto" => "merged_into",
        "createdDate" => "created_date",
        "modifiedDate" => "modified_date",
        other => other,
    };
    format!("c.{name}")
}

/// A statement being built. Every condition is true or false, never NULL.
struct Sql<D: Dialect> {
    args: Vec<Arg>,
    dialect: std::marker::PhantomData<D>,
}

impl<D: Dialect> Sql<D> {
    fn of(tenant: i64) -> Self {
        Self {
            args: vec![tenant.into()],
            dialect: std::marker::PhantomData,
        }
    }

    fn bind(&mut self, arg: Arg) -> usize {
        bind(&mut self.args, arg)
    }

    fn filter(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::And(parts) | Filter::Or(parts) => {
                let (word, none) = match filter {
                    Filter::And(_) => (" AND ", "1 = 1"),
                    _ => (" OR ", "1 = 0"),
                };
                if parts.is_empty() {
                    return none.to_owned();
                }
                let parts: Vec<String> = parts.iter().map(|part| self.filter(part)).collect();
                format!("({})", parts.join(word))
            }
            Filter::Not(inner) => format!("NOT ({})", self.filter(inner)),
            Filter::Leaf(field, Test::Exists(false)) => {
                let there = Filter::Leaf(field.clone(), Test::Exists(true));
                format!("NOT ({})", self.filter(&there))
            }
            Filter::Leaf(Field::Core(attribute), test) => {
                let column = column(attribute);
                let test = plain::<D>(&mut self.args, &column, test);
                format!("({column} IS NOT NULL AND {test})")
            }
            Filter::Leaf(Field::Contact(name), test) => {
                let values = self.values(name, test);
                // CASE evaluates the list once, and keeps the databases from starting with it
                format!("CASE WHEN c.id IN ({values}) THEN TRUE ELSE FALSE END")
            }
            // filters of contacts cannot contain these
            Filter::Words(_) | Filter::Leaf(Field::UserData(_), _) => "1 = 0".to_owned(),
        }
    }
    /// The contacts that have an attribute which passes a test, one row for each value that does.
    fn values(&mut self, name: &str, test: &Test) -> String {
        let name = self.bind(name.into());
        let test = match test {
            Test::Folded(values) => {
                let values = values.iter().cloned().map(Operand::Text).collect();
                plain::<D>(&mut self.args, "a.folded", &Test::In(values))
            }
            test => plain::<D>(&mut self.args, "a.value", test),
        };
        format!(
            "SELECT a.contact_id FROM contact_attribute a \
             WHERE a.tenant_id = $1 AND a.name = ${name} AND {test}"
        )
    }
}
