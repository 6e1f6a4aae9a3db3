//! Short pages, which share statements.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;

use super::columns::column;
use super::plan::LEADERS;
use crate::domain::Moment;
use crate::domain::filter::{Field, Filter, Operand, Search, Test};
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::grouped::Kind;
use crate::store::rows::{self, Found};
use crate::store::{StoreError, packed};

/// Largest page that may share a statement.
const SHORT: usize = 50;

/// A page that an index gives in the requested order, such as the newest interactions of a contact.
/// It costs only its own items, so it needs no time limit, and it may share a statement with pages
/// that differ only in the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShortPage {
    tenant: i64,
    column: &'static str,
    descending: bool,
    limit: usize,
    /// Start and identifier of the last item before it.
    after: Option<(i64, String)>,
    value: String,
}

/// What pages that share a statement have in common: everything but the value.
type Shape<'p> = (i64, &'static str, bool, usize, Option<&'p (i64, String)>);

impl ShortPage {
    /// The short page for a search, if the search qualifies.
    pub fn of(search: &Search) -> Option<Self> {
        let mut filter = &search.filter;
        while let Filter::And(parts) = filter
            && let [only] = parts.as_slice()
        {
            filter = only;
        }
        let (column, value) = match (filter, &search.contact) {
            (Filter::And(parts), Some(contact)) if parts.is_empty() => (CONTACT, contact),
            (Filter::Leaf(Field::Core(attribute), Test::In(values)), None)
                if attribute.name != "id" && LEADERS.contains(&attribute.name) =>
            {
                let [Operand::Text(value)] = values.as_slice() else {
                    return None;
                };
                (column(attribute), value)
            }
            _ => return None,
        };
        let plain = !search.count && !search.long_texts;
        let after = match search.after.as_ref().map(|after| after.0.as_slice()) {
            None => None,
            Some([Some(Operand::Time(start)), Some(Operand::Text(id))]) => {
                Some((start.micros(), id.clone()))
            }
            Some(_) => return None,
        };
        let [by_start, by_id] = search.sort.as_slice() else {
            return None;
        };
        let in_order = by_start.by.name == "startDate"
            && by_id.by.name == "id"
            && by_start.descending == by_id.descending;
        (plain && in_order && search.limit <= SHORT).then(|| Self {
            tenant: search.tenant,
            column,
            descending: by_start.descending,
            limit: search.limit,
            after,
            value: value.clone(),
        })
    }

    fn shape(&self) -> Shape<'_> {
        (
            self.tenant,
            self.column,
            self.descending,
            self.limit,
            self.after.as_ref(),
        )
    }
}

/// The result of a short page.
#[derive(Clone, Debug, Default)]
pub struct Short {
    /// The items, with one more if there is another page.
    pub items: Vec<Found>,
    /// For a contact: whether others were merged into it; `None` if there is no such contact.
    pub merged: Option<bool>,
}

/// The column of the contact.
const CONTACT: &str = "i.contact_id";

/// Reads short pages.
pub struct ShortPages;

impl<D: Dialect> Kind<D> for ShortPages {
    type Ask = ShortPage;
    type Answer = Short;
    const LARGEST: usize = 16;

    fn read<'a>(
        conn: &'a mut Conn<D>,
        asked: &'a [ShortPage],
    ) -> BoxFuture<'a, Result<Vec<Short>, StoreError>> {
        Box::pin(async move {
            let mut shapes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
            for (number, page) in asked.iter().enumerate() {
                shapes.entry(page.shape()).or_default().push(number);
            }
            let mut answers = vec![Short::default(); asked.len()];
            for (shape, numbers) in shapes {
                let (tenant, column, _, limit, after) = shape;
                let more = i64::try_from(limit + 1).unwrap_or(i64::MAX);
                let mut args: Vec<Arg> = vec![tenant.into(), more.into()];
                if let Some((start, id)) = after {
                    args.push(Arg::Time(Moment::from_micros(*start)));
                    args.push(id.as_str().into());
                }
                let before = args.len();
                let pages = numbers.len().next_power_of_two();
                let values = numbers.iter().map(|n| asked[*n].value.as_str());
                args.extend(values.map(Arg::from));
                args.resize_with(before + pages, || Arg::Text(None));
                let sql = statement::<D>(shape, before, pages);
                for row in &D::fetch(conn, sql.into(), args).await? {
                    let mut row = Columns::<D>::of(row);
                    let place = usize::try_from(row.int()?).ok();
                    let Some(number) = place.and_then(|place| numbers.get(place)) else {
                        continue;
                    };
                    let answer = &mut answers[*number];
                    answer.items = packed::unpack(&row.maybe_text()?.unwrap_or_default())
                        .map(|row| Found::unpacked(row?))
                        .collect::<Result<_, _>>()?;
                    if column == CONTACT && row.int()? > 0 {
                        answer.merged = Some(row.int()? > 0);
                    }
                }
            }
            Ok(answers)
        })
    }
}

/// The statement for some pages of a shape. The arguments before the values are the tenant, the
/// limit, and the last item before the page, if given. A value of NULL has an empty page.
///
/// It has a `SELECT` for each page. One for all, with the page as a subquery that depends on the
/// value, takes as long, but a distributed Postgres does not run it. Callers ask for 1, 2, 4, 8 or
/// 16 pages, so that few statements are prepared.
fn statement<D: Dialect>(shape: Shape<'_>, before: usize, pages: usize) -> String {
    let (_, column, descending, _, after) = shape;
    let (way, than) = if descending {
        (" DESC", "<")
    } else {
        ("", ">")
    };
    let from = if after.is_some() {
        format!(" AND (i.start_date, i.id) {than} ($3, $4)")
    } else {
        String::new()
    };
    let (joined, item) = (D::JOINED_ITEMS, packed::row(&rows::JSON_COLUMNS));
    let page = |place: usize| {
        let value = before + place + 1;
        let contact = if column == CONTACT {
            format!(
                ", (SELECT COUNT(*) FROM contact c WHERE c.tenant_id = $1 AND c.id = ${value}), \
                 (SELECT COUNT(*) FROM contact c WHERE c.tenant_id = $1 AND c.merged_into = ${value})"
            )
        } else {
            String::new()
        };
        format!(
            "SELECT CAST({place} AS BIGINT), {joined}{contact} FROM (SELECT {item} AS item FROM interaction i{} \
             WHERE i.tenant_id = $1 AND {column} IS NOT NULL AND {column} = ${value}{from} \
             ORDER BY i.start_date{way}, i.id{way} LIMIT +$2) AS page",
            rows::JOIN_JSON
        )
    };
    (0..pages).map(page).collect::<Vec<_>>().join(" UNION ALL ")
}
