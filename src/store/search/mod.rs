//! Search: a [`Search`] becomes one statement.
//!
//! Every condition is true or false, never NULL, so that `not` negates it. The index of a UserData
//! key that is declared and ready narrows the candidates; the document decides. A page begins after
//! the sort values of the last item before it, so page 10,000 costs as much as page 1.
//!
//! The store chooses the plan itself (`plan`), and writes the statement so that both databases
//! follow it, whatever their statistics. Either an index gives the order of the list and the page
//! stops when it is full, or an index gives a few candidates, which are then sorted.

mod columns;
mod conditions;
mod needles;
mod plan;
mod short;
mod statement;

use super::StoreError;
use super::dialect::{Columns, Conn, Dialect};
use super::rows::{self, Found};
use crate::domain::filter::{
    Field, Filter, IndexedAttribute, Operand, Position, Search, SortKey, Test, attribute_named,
};
use crate::domain::interaction::Interaction;
use crate::domain::user_data::KeyPath;

pub use columns::{may_use_declared, reads_user_data};
pub(super) use conditions::plain;
use plan::Plan;
pub use short::{ShortPage, ShortPages};
use statement::Statement;
pub(super) use statement::{arg, bind, keyset};

/// A page of results.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the requested order.
    pub items: Vec<Found>,
    /// Where the next page begins, if there is one.
    pub next: Option<Position>,
    /// The total number of matches, if requested.
    pub count: Option<i64>,
}

/// The declared indexes that are ready.
#[derive(Clone, Debug, Default)]
pub struct Indexes {
    /// Of keys of UserData.
    pub keys: Vec<KeyPath>,
    /// Of attributes.
    pub attributes: Vec<IndexedAttribute>,
}

/// Runs a search.
pub async fn run<D: Dialect>(
    conn: &mut Conn<D>,
    search: &Search,
    ready: &Indexes,
) -> Result<Page, StoreError> {
    let by_contact = plan::contacts_first::<D>(conn, search).await?;
    let search = by_contact.as_ref().unwrap_or(search);
    let plan = plan::plan::<D>(conn, search, ready).await?;
    let found = if plan.ends_first(search) {
        ended_then_open::<D>(conn, search, ready, plan).await?
    } else {
        items::<D>(conn, search, ready, plan).await?
    };
    let mut page = page_of(search, found)?;
    if search.count {
        let plan = plan::counting::<D>(conn, search, ready).await?;
        as_planned::<D>(conn).await?;
        let mut statement = Statement::<D>::new(&ready.keys);
        let sql = statement.count(search, plan);
        let rows = D::fetch(conn, sql.into(), statement.args).await?;
        page.count = rows
            .first()
            .map(|row| Columns::<D>::of(row).int())
            .transpose()?;
    }
    Ok(page)
}

/// The items of a page, and one more if there is another page.
async fn items<'s, D: Dialect>(
    conn: &mut Conn<D>,
    search: &'s Search,
    ready: &'s Indexes,
    plan: Plan<'s>,
) -> Result<Vec<Found>, StoreError> {
    if plan.reads_all(search) {
        as_planned::<D>(conn).await?;
    }
    let mut statement = Statement::<D>::new(&ready.keys);
    let sql = statement.page(&rows::columns(search.long_texts), search, plan);
    D::fetch(conn, sql.into(), statement.args)
        .await?
        .iter()
        .map(|row| rows::found::<D>(row, search.long_texts))
        .collect()
}

/// The same in the order of `endDate`, from its index: those with an end, then those without. No
/// index has both in one order, because what has no end comes last in either direction.
async fn ended_then_open<D: Dialect>(
    conn: &mut Conn<D>,
    search: &Search,
    ready: &Indexes,
    plan: Plan<'_>,
) -> Result<Vec<Found>, StoreError> {
    let part = |ended| {
        let field = attribute_named("endDate").map(Field::Core);
        let leaf = field.map(|field| Filter::Leaf(field, Test::Exists(ended)));
        let mut parts = vec![search.filter.clone()];
        parts.extend(leaf);
        Search {
            filter: Filter::And(parts),
            ..search.clone()
        }
    };
    let after = search.after.as_ref().map(|after| after.0.as_slice());
    let (mut found, mut open_after) = (Vec::new(), None);
    if let Some([None, rest @ ..]) = after {
        open_after = Some(Position(rest.to_vec()));
    } else {
        let plan = Plan {
            order: plan.order,
            ..Plan::default()
        };
        found = items::<D>(conn, &part(true), ready, plan).await?;
    }
    if let Some(limit) = search.limit.checked_sub(found.len()) {
        let open = Search {
            sort: search.sort[1..].to_vec(),
            after: open_after,
            limit,
            ..part(false)
        };
        let plan = plan::plan::<D>(conn, &open, ready).await?;
        found.extend(items::<D>(conn, &open, ready, plan).await?);
    }
    Ok(found)
}

/// Lets the database plan the following statements, which read everything they find.
async fn as_planned<D: Dialect>(conn: &mut Conn<D>) -> Result<(), StoreError> {
    if !D::READS_ALL.is_empty() {
        D::command(conn, D::READS_ALL).await?;
    }
    Ok(())
}

/// Makes a page of the found items. One item more than the limit means that there is another page.
pub fn page_of(search: &Search, mut items: Vec<Found>) -> Result<Page, StoreError> {
    let more = items.len() > search.limit;
    items.truncate(search.limit);
    let next = match items.last() {
        Some(last) if more => Some(position(&last.interaction()?, &search.sort)),
        _ => None,
    };
    Ok(Page {
        items,
        next,
        count: None,
    })
}

/// The sort values of an item.
fn position(i: &Interaction, sort: &[SortKey]) -> Position {
    Position(
        sort.iter()
            .map(|key| match key.by.name {
                "startDate" => Some(Operand::Time(i.start_date)),
                "endDate" => i.end_date.map(Operand::Time),
                "createdDate" => Some(Operand::Time(i.created_date)),
                "modifiedDate" => Some(Operand::Time(i.modified_date)),
                _ => Some(Operand::Text(i.id.clone())),
            })
            .collect(),
    )
}
