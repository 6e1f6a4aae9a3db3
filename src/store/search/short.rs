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
            for ((tenant, column, descending, limit, after), numbers) in shapes {
                let (way, than) = if descending {
                    (" DESC", "<")
                } else {
                    ("", ">")
                };
                let values = numbers.iter().map(|n| asked[*n].value.clone()).collect();
                let more = i64::try_from(limit + 1).unwrap_or(i64::MAX);
                let mut args = vec![tenant.into(), Arg::Texts(values), more.into()];
                let mut from = String::new();
                if let Some((start, id)) = after {
                    from = format!(" AND (i.start_date, i.id) {than} ($4, $5)");
                    args.push(Arg::Time(Moment::from_micros(*start)));
                    args.push(id.as_str().into());
                }
                let contact = if column == CONTACT {
                    ", (SELECT COUNT(*) FROM contact c WHERE c.tenant_id = $1 AND c.id = k.value), \
                     (SELECT COUNT(*) FROM contact c WHERE c.tenant_id = $1 AND c.merged_into = k.value)"
                } else {
                    ""
                };
                let sql = format!(
                    "SELECT k.place, (SELECT {} FROM (SELECT {} AS item FROM interaction i{} \
                     WHERE i.tenant_id = $1 AND {column} IS NOT NULL AND {column} = k.value{from} \
                     ORDER BY i.start_date{way}, i.id{way} LIMIT +$3) AS page){contact} FROM {} ORDER BY k.place",
                    D::JOINED_ITEMS,
                    packed::row(&rows::JSON_COLUMNS),
                    rows::JOIN_JSON,
                    D::listed(2)
                );
                for (row, number) in D::fetch(conn, sql.into(), args).await?.iter().zip(numbers) {
                    let mut row = Columns::<D>::of(row);
                    let _place = row.int()?;
                    let answer = &mut answers[number];
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
