//! Finding: a [`Search`] becomes one statement.
//!
//! Every condition is either true or false, never NULL, so that `not` means not. A key of UserData that the operator declared and that is ready
//! narrows the candidates by its index rows; the document has the last word. A page begins after the sort values of the last item before it, so page 10,000 costs what page 1 does.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;

use super::StoreError;
use super::dialect::{Arg, Columns, Conn, Dialect, JsonTest};
use super::grouped::Kind;
use super::packed;
use super::rows::{self, Found};
use super::writer::INDEXED_CHARACTERS;
use crate::domain::Moment;
use crate::domain::filter::{
    Attribute, Field, Filter, Operand, Order, Position, Search, SortKey, Test,
};
use crate::domain::interaction::Interaction;
use crate::domain::user_data::KeyPath;

/// A page of what was found.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order asked for.
    pub items: Vec<Found>,
    /// Where the next page begins, if there is one.
    pub next: Option<Position>,
    /// How many there are in all, where that was asked.
    pub count: Option<i64>,
}

/// Runs a search.
pub async fn run<D: Dialect>(
    conn: &mut Conn<D>,
    search: &Search,
    ready: &[KeyPath],
) -> Result<Page, StoreError> {
    let plan = plan::<D>(conn, search, ready).await?;
    let mut statement = Statement::<D>::new(ready);
    let sql = statement.page(&rows::columns(search.long_texts), search, plan);
    let found = D::fetch(conn, sql.into(), statement.args)
        .await?
        .iter()
        .map(|row| rows::found::<D>(row, search.long_texts))
        .collect::<Result<_, _>>()?;
    let mut page = page_of(search, found)?;
    if search.count {
        let mut statement = Statement::<D>::new(ready);
        let sql = statement.count(search, plan);
        let rows = D::fetch(conn, sql.into(), statement.args).await?;
        page.count = rows
            .first()
            .map(|row| Columns::<D>::of(row).int())
            .transpose()?;
    }
    Ok(page)
}

/// The page of what was found; one more than its items says that there is another.
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

/// Items that a page may have to share a statement with others.
const SHORT: usize = 50;

/// A page of what an index holds in the order asked for, such as the newest interactions of a contact. It costs its own items and no more, so that
/// no time limit need watch it, and it may share a statement with others that differ in the value only.
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

/// What pages have in common that share a statement: all but the value.
type Shape<'p> = (i64, &'static str, bool, usize, Option<&'p (i64, String)>);

impl ShortPage {
    /// The short page that a search is, if it is one.
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

/// What a short page found.
#[derive(Clone, Debug, Default)]
pub struct Short {
    /// With one item more where there is another page.
    pub items: Vec<Found>,
    /// For a contact: whether others were merged into it; `None` where there is no such contact.
    pub merged: Option<bool>,
}

/// The column of contacts.
const CONTACT: &str = "i.contact_id";

/// Short pages.
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

/// Whether a search looks into UserData, and so wants to know which keys are indexed.
pub fn reads_user_data(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(reads_user_data),
        Filter::Not(inner) => reads_user_data(inner),
        Filter::Leaf(field, _) => matches!(field, Field::UserData(_)),
        Filter::Words(_) => false,
    }
}

fn reads_texts(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(reads_texts),
        Filter::Not(inner) => reads_texts(inner),
        Filter::Leaf(field, _) => matches!(field, Field::Core(attribute) if attribute.long),
        Filter::Words(_) => false,
    }
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

fn column(attribute: &Attribute) -> &'static str {
    match attribute.name {
        "tenantId" => "i.tenant_id",
        "mediaType" => "i.media_type",
        "entityType" => "i.entity_type",
        "type" => "i.kind",
        "subtype" => "i.subtype",
        "status" => "i.status",
        "contactId" => "i.contact_id",
        "ownerId" => "i.owner_id",
        "parentId" => "i.parent_id",
        "threadId" => "i.thread_id",
        "canBeParent" => "i.can_be_parent",
        "startDate" => "i.start_date",
        "endDate" => "i.end_date",
        "createdDate" => "i.created_date",
        "modifiedDate" => "i.modified_date",
        "revision" => "i.revision",
        "subject" => "i.subject",
        "queue" => "i.queue",
        "categoryId" => "i.category_id",
        "externalId" => "i.external_id",
        "stoppedReason" => "i.stopped_reason",
        "language" => "i.language",
        "text" => "t.text",
        "structuredText" => "t.structured_text",
        "comment" => "t.comment",
        _ => "i.id",
    }
}

/// Attributes by which an index leads, the most telling first. Up to `ownerId` a value has few interactions.
const LEADERS: [&str; 9] = [
    "id",
    "externalId",
    "parentId",
    "threadId",
    "contactId",
    "ownerId",
    "mediaType",
    "status",
    "entityType",
];
/// How many of [`LEADERS`] have few interactions a value.
const TELLING: usize = 6;
/// As many candidates are sorted without a second thought; of more, the order of the list is walked instead.
const FEW: i64 = 5000;

/// How a statement is to be carried out, where the database is to be told: SQLite keeps no figures about its columns.
#[derive(Clone, Copy, Debug, Default)]
struct Plan<'s> {
    /// The attribute whose index leads; conditions on the others are tested on the way.
    leader: Option<&'static str>,
    /// The candidates are few: find them, then sort them.
    sorted_after: bool,
    /// The list is walked in the order of identifiers.
    by_id: bool,
    /// The index rows of a declared key lead, in the order of the list: key and operand.
    key: Option<(&'s KeyPath, &'s Operand)>,
}

impl Plan<'_> {
    /// Whether no index of an attribute is to be sought, the tenant's neither: something else leads.
    fn free(self) -> bool {
        self.leader.is_none() && (self.sorted_after || self.by_id)
    }
}

async fn plan<'s, D: Dialect>(
    conn: &mut Conn<D>,
    search: &'s Search,
    ready: &[KeyPath],
) -> Result<Plan<'s>, StoreError> {
    let mut found: Vec<(usize, bool)> = Vec::new();
    leaders(&search.filter, &mut found);
    let best = found.iter().min().copied();
    let mut plan = Plan {
        leader: best.map(|(rank, _)| LEADERS[rank]),
        ..Plan::default()
    };
    if let Some((rank, several)) = best
        && rank < TELLING
    {
        plan.sorted_after = several;
        return Ok(plan);
    }
    let by_start = search
        .sort
        .first()
        .is_some_and(|key| key.by.name == "startDate");
    if by_start {
        plan.key = leading(&search.filter, ready);
    }
    if plan.key.is_none() && D::WANTS_PLAN {
        plan.sorted_after = few::<D>(conn, search, ready).await?;
    }
    plan.by_id = search.sort.first().is_some_and(|key| key.by.name == "id");
    if best.is_some_and(|(_, several)| several)
        || plan.sorted_after
        || plan.by_id
        || plan.key.is_some()
    {
        plan.leader = None;
    }
    Ok(plan)
}

/// The attributes that must have one of certain values, by their place in [`LEADERS`], and whether there are several values.
fn leaders(filter: &Filter, found: &mut Vec<(usize, bool)>) {
    match filter {
        Filter::And(parts) => parts.iter().for_each(|part| leaders(part, found)),
        Filter::Leaf(Field::Core(attribute), Test::In(values)) => {
            if let Some(rank) = LEADERS.iter().position(|name| *name == attribute.name) {
                found.push((rank, values.len() > 1));
            }
        }
        _ => {}
    }
}

/// Whether full text, or the range of a declared key, leaves few candidates.
async fn few<D: Dialect>(
    conn: &mut Conn<D>,
    search: &Search,
    ready: &[KeyPath],
) -> Result<bool, StoreError> {
    let mut parts: Vec<&Filter> = vec![&search.filter];
    while let Some(part) = parts.pop() {
        let mut statement = Statement::<D>::new(ready);
        statement.begin(search, Plan::default());
        let from = match part {
            Filter::And(inner) => {
                parts.extend(inner);
                continue;
            }
            Filter::Words(query) => {
                let n = statement.bind(D::word_query(query).into());
                format!("interaction_words WHERE $1 = $1 AND interaction_words MATCH ${n}")
            }
            Filter::Leaf(Field::UserData(path), test) => match statement.index_rows(path, test) {
                Some(rows) => rows,
                None => continue,
            },
            _ => continue,
        };
        let limit = statement.bind((FEW + 1).into());
        let sql =
            format!("SELECT COUNT(*) FROM (SELECT 1 FROM {from} LIMIT +${limit}) AS candidates");
        let rows = D::fetch(conn, sql.into(), statement.args).await?;
        if rows
            .first()
            .map(|row| Columns::<D>::of(row).int())
            .transpose()?
            .unwrap_or_default()
            <= FEW
        {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn arg(operand: &Operand) -> Arg {
    match operand {
        Operand::Text(text) => text.as_str().into(),
        Operand::Integer(number) => (*number).into(),
        Operand::Number(number) => Arg::Real(Some(*number)),
        Operand::Boolean(value) => i64::from(*value).into(),
        Operand::Time(at) => (*at).into(),
        Operand::Null => Arg::Text(None),
    }
}

/// The condition that a row comes after the one whose sort values are bound: each key with whether the largest comes
/// first, and the places of the values.
pub(super) fn keyset(keys: &[(String, bool)], places: &[usize]) -> String {
    let same_way = keys.iter().all(|(_, descending)| *descending == keys[0].1);
    if same_way {
        let left: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
        let right: Vec<String> = places.iter().map(|n| format!("${n}")).collect();
        let than = if keys[0].1 { "<" } else { ">" };
        return format!("({}) {than} ({})", left.join(", "), right.join(", "));
    }
    let mut ways = Vec::new();
    for (index, (key, descending)) in keys.iter().enumerate() {
        let mut way: Vec<String> = keys[..index]
            .iter()
            .zip(places)
            .map(|((key, _), n)| format!("{key} = ${n}"))
            .collect();
        way.push(format!(
            "{key} {} ${}",
            if *descending { "<" } else { ">" },
            places[index]
        ));
        ways.push(format!("({})", way.join(" AND ")));
    }
    format!("({})", ways.join(" OR "))
}

pub(super) fn sign(order: Order) -> &'static str {
    match order {
        Order::Gt => ">",
        Order::Gte => ">=",
        Order::Lt => "<",
        Order::Lte => "<=",
    }
}

struct Statement<'s, D> {
    args: Vec<Arg>,
    tenant: usize,
    ready: &'s [KeyPath],
    plan: Plan<'s>,
    dialect: PhantomData<D>,
}

impl<'s, D: Dialect> Statement<'s, D> {
    fn new(ready: &'s [KeyPath]) -> Self {
        Self {
            args: Vec::new(),
            tenant: 0,
            ready,
            plan: Plan::default(),
            dialect: PhantomData,
        }
    }

    /// Begins a search: what follows is of its tenant and after its plan.
    fn begin(&mut self, search: &Search, plan: Plan<'s>) {
        self.tenant = self.bind(search.tenant.into());
        self.plan = plan;
    }

    fn bind(&mut self, arg: Arg) -> usize {
        self.args.push(arg);
        self.args.len()
    }

    /// A page of these columns.
    fn page(&mut self, columns: &str, search: &'s Search, plan: Plan<'s>) -> String {
        self.begin(search, plan);
        let mut sql = format!("SELECT {columns}");
        sql += &self.tables_and_conditions(search, true);
        let keys: Vec<(String, bool)> = self.sort_keys(&search.sort);
        if let Some(after) = &search.after {
            let condition = self.after(&keys, &search.sort, after);
            sql += " AND ";
            sql += &condition;
        }
        sql += " ORDER BY ";
        for (index, (key, descending)) in keys.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(
                sql,
                "{comma}{key}{}",
                if *descending { " DESC" } else { "" }
            )
            .expect("a String takes all that is written");
        }
        let limit = self.bind(i64::try_from(search.limit + 1).unwrap_or(i64::MAX).into());
        sql += &format!(" LIMIT +${limit}");
        sql
    }

    fn count(&mut self, search: &'s Search, plan: Plan<'s>) -> String {
        self.begin(search, plan);
        format!(
            "SELECT COUNT(*){}",
            self.tables_and_conditions(search, false)
        )
    }

    fn tables_and_conditions(&mut self, search: &'s Search, documents: bool) -> String {
        let mut sql = String::new();
        let mut condition = String::new();
        if let Some((key, operand)) = self.plan.key {
            sql += " FROM user_data_index x CROSS JOIN interaction i";
            let key = self.bind(key.to_string().into());
            let value = self.index_value("x", operand);
            condition = format!(
                "x.tenant_id = ${0} AND x.key = ${key} AND {value} AND i.id = x.interaction_id AND i.tenant_id = ${0} AND ",
                self.tenant
            );
        } else {
            sql += " FROM interaction i";
        }
        if documents || reads_user_data(&search.filter) {
            sql += rows::JOIN_JSON;
        }
        if search.long_texts || reads_texts(&search.filter) {
            sql += rows::JOIN_TEXTS;
        }
        let filter = self.filter(&search.filter);
        let tenant = if self.plan.free() {
            D::unindexed("i.tenant_id")
        } else {
            "i.tenant_id".to_owned()
        };
        format!(
            "{sql} WHERE {condition}{tenant} = ${} AND {filter}",
            self.tenant
        )
    }

    /// The expressions to sort by, none of them ever NULL.
    fn sort_keys(&mut self, sort: &[SortKey]) -> Vec<(String, bool)> {
        let mut keys = Vec::new();
        for key in sort {
            match key.by.name {
                "endDate" => {
                    let epoch = self.bind(Arg::Time(Moment::from_micros(0)));
                    keys.push((
                        "CASE WHEN i.end_date IS NULL THEN 1 ELSE 0 END".to_owned(),
                        false,
                    ));
                    keys.push((format!("COALESCE(i.end_date, ${epoch})"), key.descending));
                }
                "startDate" if self.plan.key.is_some() => {
                    keys.push(("x.start_date".to_owned(), key.descending));
                }
                "id" if self.plan.key.is_some() => {
                    keys.push(("x.interaction_id".to_owned(), key.descending));
                }
                _ if self.plan.sorted_after => {
                    keys.push((D::unindexed(column(key.by)), key.descending));
                }
                _ => keys.push((column(key.by).to_owned(), key.descending)),
            }
        }
        keys
    }

    fn after(&mut self, keys: &[(String, bool)], sort: &[SortKey], after: &Position) -> String {
        let mut values = Vec::new();
        for (key, value) in sort.iter().zip(&after.0) {
            if key.by.name == "endDate" {
                values.push(i64::from(value.is_none()).into());
                values.push(
                    value
                        .as_ref()
                        .map_or(Arg::Time(Moment::from_micros(0)), arg),
                );
            } else {
                values.push(value.as_ref().map_or(Arg::Text(None), arg));
            }
        }
        let places: Vec<usize> = values.into_iter().map(|value| self.bind(value)).collect();
        keyset(keys, &places)
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
            Filter::Words(query) => {
                let n = self.bind(D::word_query(query).into());
                D::finds_words(n)
            }
            Filter::Leaf(field, Test::Exists(false)) => {
                format!(
                    "NOT ({})",
                    self.filter(&Filter::Leaf(field.clone(), Test::Exists(true)))
                )
            }
            Filter::Leaf(Field::Core(attribute), test) => self.core(attribute, test),
            Filter::Leaf(Field::UserData(path), test) => self.user_data(path, test),
            Filter::Leaf(Field::Contact(name), test) => {
                let name = self.bind(name.as_str().into());
                let test = match test {
                    Test::Folded(values) => {
                        let values = values.iter().cloned().map(Operand::Text).collect();
                        self.plain("a.folded", &Test::In(values))
                    }
                    test => self.plain("a.value", test),
                };
                format!(
                    "(i.contact_id IS NOT NULL AND i.contact_id IN (WITH RECURSIVE f (id) AS ( \
                     SELECT a.contact_id FROM contact_attribute a WHERE a.tenant_id = ${0} AND a.name = ${name} AND {test} \
                     UNION SELECT c.id FROM contact c JOIN f ON c.merged_into = f.id WHERE c.tenant_id = ${0}) SELECT id FROM f))",
                    self.tenant
                )
            }
        }
    }

    fn core(&mut self, attribute: &Attribute, test: &Test) -> String {
        let column = column(attribute);
        let rank = LEADERS.iter().position(|name| *name == attribute.name);
        let led_by_another = self
            .plan
            .leader
            .is_some_and(|leader| leader != attribute.name);
        let several = matches!(test, Test::In(values) if values.len() > 1);
        let on_the_way = rank
            .is_some_and(|rank| led_by_another || self.plan.free() || (several && rank >= TELLING));
        let test = if on_the_way {
            self.plain(&D::unindexed(column), test)
        } else {
            self.plain(column, test)
        };
        format!("({column} IS NOT NULL AND {test})")
    }

    /// A test of a column that is not NULL.
    fn plain(&mut self, column: &str, test: &Test) -> String {
        match test {
            Test::In(values) => match values.as_slice() {
                [] => "1 = 0".to_owned(),
                [one] => format!("{column} = ${}", self.bind(arg(one))),
                several => {
                    let places: Vec<String> = several
                        .iter()
                        .map(|value| format!("${}", self.bind(arg(value))))
                        .collect();
                    format!("{column} IN ({})", places.join(", "))
                }
            },
            Test::Compare(order, value) => {
                format!("{column} {} ${}", sign(*order), self.bind(arg(value)))
            }
            Test::Contains(part) => {
                let n = self.bind(part.as_str().into());
                format!("{} > 0", D::position(column, &format!("${n}")))
            }
            Test::Prefix(part) => {
                let n = self.bind(part.as_str().into());
                format!("{} = 1", D::position(column, &format!("${n}")))
            }
            // made for attributes of the contact alone, and taken apart above
            Test::Folded(_) => "1 = 0".to_owned(),
            Test::Exists(_) => "1 = 1".to_owned(),
        }
    }

    fn user_data(&mut self, path: &KeyPath, test: &Test) -> String {
        let steps: Vec<usize> = path
            .0
            .iter()
            .map(|step| self.bind(step.as_str().into()))
            .collect();
        let tests: Vec<JsonTest> = match test {
            // made for attributes of the contact alone
            Test::Folded(_) => Vec::new(),
            Test::Exists(_) => vec![JsonTest::Exists],
            Test::Contains(part) => vec![JsonTest::Contains(self.bind(part.as_str().into()))],
            Test::Prefix(part) => vec![JsonTest::Prefix(self.bind(part.as_str().into()))],
            Test::Compare(order, value) => vec![self.json_test(sign(*order), value)],
            Test::In(values) => values
                .iter()
                .map(|value| self.json_test("=", value))
                .collect(),
        };
        if tests.is_empty() {
            return "1 = 0".to_owned();
        }
        let held: Vec<String> = tests
            .iter()
            .map(|test| D::inside("j.user_data", &steps, test))
            .collect();
        let held = format!("({})", held.join(" OR "));
        match self.narrowed(path, test) {
            Some(narrowed) => format!("({narrowed} AND {held})"),
            None => held,
        }
    }

    fn json_test(&mut self, order: &'static str, value: &Operand) -> JsonTest {
        match value {
            Operand::Text(_) | Operand::Time(_) => JsonTest::Text(order, self.bind(arg(value))),
            Operand::Integer(_) => JsonTest::Integer(order, self.bind(arg(value))),
            Operand::Number(_) => JsonTest::Number(order, self.bind(arg(value))),
            Operand::Boolean(value) => JsonTest::Is(*value),
            Operand::Null => JsonTest::IsNull,
        }
    }

    /// The candidates by the index rows of a declared key.
    fn narrowed(&mut self, path: &KeyPath, test: &Test) -> Option<String> {
        if self.plan.key.is_some_and(|(key, _)| key == path) {
            return None;
        }
        let rows = self.index_rows(path, test)?;
        Some(format!("i.id IN (SELECT x.interaction_id FROM {rows})"))
    }

    /// The index rows that may fit a test of a declared key, from `user_data_index x` on.
    fn index_rows(&mut self, path: &KeyPath, test: &Test) -> Option<String> {
        if !self.ready.contains(path) {
            return None;
        }
        // nothing is bound before it is certain that the statement speaks of it: one text of a statement has one number of parameters
        let held = match test {
            Test::In(values)
                if !values.is_empty()
                    && values.iter().all(|value| !matches!(value, Operand::Null)) =>
            {
                let any: Vec<String> = values
                    .iter()
                    .map(|value| self.index_value("x", value))
                    .collect();
                any.join(" OR ")
            }
            Test::Compare(order, value @ (Operand::Integer(_) | Operand::Number(_))) => {
                // a double may be rounded: one step too many is put right by the document
                let way = if matches!(order, Order::Gt | Order::Gte) {
                    ">="
                } else {
                    "<="
                };
                let n = self.bind(Arg::Real(number(value)));
                format!("x.number_value {way} ${n}")
            }
            _ => return None,
        };
        let key = self.bind(path.to_string().into());
        Some(format!(
            "user_data_index x WHERE x.tenant_id = ${} AND x.key = ${key} AND ({held})",
            self.tenant
        ))
    }

    fn index_value(&mut self, x: &str, value: &Operand) -> String {
        match value {
            Operand::Integer(_) | Operand::Number(_) => {
                let n = self.bind(Arg::Real(number(value)));
                format!("{x}.number_value = ${n}")
            }
            Operand::Boolean(value) => {
                let n = self.bind(value.to_string().into());
                format!("{x}.text_value = ${n}")
            }
            Operand::Text(text) => {
                let cut: String = text.chars().take(INDEXED_CHARACTERS).collect();
                let n = self.bind(cut.into());
                format!("{x}.text_value = ${n}")
            }
            Operand::Time(_) | Operand::Null => "1 = 1".to_owned(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the index keeps doubles; the document has the last word"
)]
fn number(value: &Operand) -> Option<f64> {
    match value {
        Operand::Integer(number) => Some(*number as f64),
        Operand::Number(number) => Some(*number),
        _ => None,
    }
}

/// A declared key that must have one certain value: its index rows stand in the order of the list already.
fn leading<'f>(filter: &'f Filter, ready: &[KeyPath]) -> Option<(&'f KeyPath, &'f Operand)> {
    match filter {
        Filter::And(parts) => parts.iter().find_map(|part| leading(part, ready)),
        Filter::Leaf(Field::UserData(path), Test::In(values)) if ready.contains(path) => {
            match values.as_slice() {
                [
                    value @ (Operand::Text(_)
                    | Operand::Integer(_)
                    | Operand::Number(_)
                    | Operand::Boolean(_)),
                ] => Some((path, value)),
                _ => None,
            }
        }
        _ => None,
    }
}
