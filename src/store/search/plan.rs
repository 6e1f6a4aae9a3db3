//! Chooses the plan of a search.

use super::Indexes;
use super::statement::Statement;
use crate::domain::filter::{Field, Filter, IndexedAttribute, Operand, Search, Test};
use crate::domain::user_data::KeyPath;
use crate::store::StoreError;
use crate::store::dialect::{Columns, Conn, Dialect};

/// Indexed attributes, the most selective first.
pub(super) const LEADERS: [&str; 9] = [
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
/// How many of [`LEADERS`] are selective: few interactions for each value.
pub(super) const TELLING: usize = 6;
/// Up to this many candidates are found first and sorted afterwards. If there are more, the list is
/// walked in its order.
const FEW: i64 = 5000;
/// Up to this many contacts are found first, and then their interactions.
const FEW_CONTACTS: usize = 200;

/// The plan of a search.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan<'s> {
    /// The attribute whose index is used; conditions on the others are tested row by row.
    pub leader: Option<&'static str>,
    /// The candidates are found first and then sorted.
    pub sorted_after: bool,
    /// The condition that gives the candidates, by the index of words or of a declared key.
    pub first: Option<&'s Filter>,
    /// The list is walked by identifier.
    pub by_id: bool,
    /// The index rows of this declared key with this operand are walked; they are in the order of
    /// the list.
    pub key: Option<(&'s KeyPath, &'s Operand)>,
    /// The index of this declared attribute is walked; it is in the order of the list.
    pub order: Option<IndexedAttribute>,
    /// The index of this declared attribute gives the candidates: those in the range that the
    /// filter requires.
    pub range: Option<IndexedAttribute>,
}

impl Plan<'_> {
    /// Whether no index of an attribute may be used, not even the tenant's.
    pub fn free(self) -> bool {
        let by_attribute = self.leader.is_some() || self.walked().is_some();
        !by_attribute && (self.sorted_after || self.by_id)
    }

    /// The declared attribute whose index is used.
    pub fn walked(self) -> Option<IndexedAttribute> {
        self.order.or(self.range)
    }

    /// Whether the index of this declared attribute is walked in its order.
    pub fn is_in_order_of(self, attribute: &str) -> bool {
        self.order.is_some_and(|order| order.name() == attribute)
    }

    /// Whether the list is walked in the order of `endDate`, what has no end last.
    pub fn ends_first(self, search: &Search) -> bool {
        self.is_in_order_of("endDate") && search.sort[0].by.name == "endDate"
    }

    /// Whether only a scan of all interactions finds the page: no index has its order, and none
    /// narrows the search.
    pub fn reads_all(self, search: &Search) -> bool {
        let by = search.sort.first().map(|key| key.by.name);
        let ordered = by.is_some_and(|by| ["startDate", "id"].contains(&by));
        let telling = LEADERS[..TELLING]
            .iter()
            .any(|name| self.leader == Some(name));
        !ordered && !telling && self.first.is_none() && self.walked().is_none()
    }

    /// Whether this condition gives the candidates.
    pub fn begins_with(self, filter: &Filter) -> bool {
        self.first.is_some_and(|first| std::ptr::eq(first, filter))
    }
}

impl<'s> Plan<'s> {
    /// Finds the candidates by this first, and sorts them.
    fn begin_with(&mut self, start: Option<Start<'s>>) {
        match start {
            Some(Start::Condition(condition)) => self.first = Some(condition),
            Some(Start::Range(attribute)) => self.range = Some(attribute),
            None => {}
        }
        self.sorted_after = start.is_some();
    }
}

/// Chooses the plan of a search.
pub(super) async fn plan<'s, D: Dialect>(
    conn: &mut Conn<D>,
    search: &'s Search,
    ready: &Indexes,
) -> Result<Plan<'s>, StoreError> {
    let mut found: Vec<(usize, bool)> = Vec::new();
    leaders(&search.filter, &mut found);
    let best = found.iter().min().copied();
    let first = search.sort.first().map(|key| key.by.name);
    let (by_start, by_id) = (first == Some("startDate"), first == Some("id"));
    let mut plan = Plan {
        leader: best.map(|(rank, _)| LEADERS[rank]),
        ..Plan::default()
    };
    if let Some((rank, several)) = best
        && rank < TELLING
    {
        // for one value, the index has interactions in the order of their start, and in no other
        plan.sorted_after = several || !by_start || LEADERS[rank] == "id";
        return Ok(plan);
    }
    if by_start {
        plan.key = leading(&search.filter, &ready.keys);
    }
    let by_declared = first
        .and_then(IndexedAttribute::of_name)
        .filter(|by| ready.attributes.contains(by));
    if plan.key.is_none() {
        let mut starts = starts(&search.filter, ready);
        starts.retain(|start| !matches!(start, Start::Range(of) if Some(*of) == by_declared));
        let ordered = by_start || by_id || by_declared.is_some();
        let start = if ordered || starts.len() > 1 {
            few::<D>(conn, search, &starts, ready).await?
        } else {
            None
        };
        let start = start.or(starts.first().copied().filter(|_| !ordered));
        plan.begin_with(start);
    }
    plan.by_id = by_id;
    if !plan.sorted_after {
        plan.order = by_declared;
        if by_id && requires_no_end(&search.filter) && ready.attributes.contains(&END) {
            // what has no end stands in the index of endDate by identifier
            (plan.by_id, plan.order) = (false, Some(END));
        }
    }
    if best.is_some_and(|(_, several)| several)
        || plan.sorted_after
        || plan.by_id
        || plan.key.is_some()
        || plan.order.is_some()
    {
        plan.leader = None;
    }
    Ok(plan)
}

/// The same search with the identifiers of its contacts, if they are few and the search has no more
/// selective condition.
pub(super) async fn contacts_first<D: Dialect>(
    conn: &mut Conn<D>,
    search: &Search,
) -> Result<Option<Search>, StoreError> {
    let mut found = Vec::new();
    leaders(&search.filter, &mut found);
    if found.iter().any(|(rank, _)| *rank < TELLING) {
        return Ok(None);
    }
    let parts = match &search.filter {
        Filter::And(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    for (place, part) in parts.iter().enumerate() {
        let Filter::Leaf(Field::Contact(name), test) = part else {
            continue;
        };
        if matches!(test, Test::Exists(_)) {
            continue;
        }
        let mut statement = Statement::<D>::new(&[]);
        statement.begin(search, Plan::default());
        let contacts = statement.contacts(name, test);
        let limit = statement.bind(i64::try_from(FEW_CONTACTS + 1).unwrap_or(i64::MAX).into());
        let sql = format!("{contacts} LIMIT +${limit}");
        let rows = D::fetch(conn, sql.into(), statement.args).await?;
        if rows.len() <= FEW_CONTACTS {
            let ids = rows
                .iter()
                .map(|row| Ok(Columns::<D>::of(row).text()?))
                .collect::<Result<_, StoreError>>()?;
            let mut parts = parts.to_vec();
            parts[place] = Filter::any_of("contactId", ids);
            return Ok(Some(Search {
                filter: Filter::And(parts),
                ..search.clone()
            }));
        }
    }
    Ok(None)
}

/// The attributes that must have one of certain values: their index in [`LEADERS`], and whether
/// there are several values.
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

/// Chooses the plan for counting the results of a search, where order does not matter.
pub(super) async fn counting<'s, D: Dialect>(
    conn: &mut Conn<D>,
    search: &'s Search,
    ready: &Indexes,
) -> Result<Plan<'s>, StoreError> {
    let mut found = Vec::new();
    leaders(&search.filter, &mut found);
    let best = found.iter().min().map(|(rank, _)| *rank);
    let starts = starts(&search.filter, ready);
    let mut plan = Plan::default();
    match best {
        Some(rank) if rank < TELLING || starts.is_empty() => plan.leader = Some(LEADERS[rank]),
        _ => {
            let start = match starts.as_slice() {
                [_, _, ..] => few::<D>(conn, search, &starts, ready).await?,
                _ => None,
            };
            plan.begin_with(start.or(starts.first().copied()));
        }
    }
    Ok(plan)
}

const END: IndexedAttribute = IndexedAttribute::EndDate;

/// Whether a filter finds only what has no end.
fn requires_no_end(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().any(requires_no_end),
        Filter::Leaf(Field::Core(of), Test::Exists(false)) => of.name == END.name(),
        _ => false,
    }
}

/// What may give the candidates of a search.
#[derive(Clone, Copy, Debug)]
enum Start<'s> {
    /// A condition: words, or a declared key.
    Condition(&'s Filter),
    /// All conditions on a declared attribute.
    Range(IndexedAttribute),
}

/// What must hold and has an index that gives the candidates: words and declared keys, then
/// declared attributes.
fn starts<'s>(filter: &'s Filter, ready: &Indexes) -> Vec<Start<'s>> {
    let mut starts: Vec<Start<'s>> = given(filter, &ready.keys)
        .into_iter()
        .map(Start::Condition)
        .collect();
    let ranges = ready.attributes.iter().copied();
    starts.extend(
        ranges
            .filter(|attribute| in_range(filter, *attribute))
            .map(Start::Range),
    );
    starts
}

/// Whether a filter requires a declared attribute to be in a range of its index.
fn in_range(filter: &Filter, attribute: IndexedAttribute) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().any(|part| in_range(part, attribute)),
        Filter::Leaf(Field::Core(of), _) => of.name == attribute.name(),
        _ => false,
    }
}

/// The conditions that must hold and whose candidates an index gives: words and declared keys.
fn given<'s>(filter: &'s Filter, ready: &[KeyPath]) -> Vec<&'s Filter> {
    match filter {
        Filter::And(parts) => parts.iter().flat_map(|part| given(part, ready)).collect(),
        Filter::Words(_) => vec![filter],
        Filter::Leaf(Field::UserData(path), test) if ready.contains(path) => match test {
            Test::In(values) if !values.is_empty() && !values.contains(&Operand::Null) => {
                vec![filter]
            }
            Test::Compare(_, Operand::Integer(_) | Operand::Number(_)) => vec![filter],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The first of these that leaves few candidates.
async fn few<'s, D: Dialect>(
    conn: &mut Conn<D>,
    search: &Search,
    starts: &[Start<'s>],
    ready: &Indexes,
) -> Result<Option<Start<'s>>, StoreError> {
    for start in starts {
        let mut statement = Statement::<D>::new(&ready.keys);
        let from = match start {
            Start::Condition(Filter::Words(query)) => {
                let n = statement.bind(D::word_query(query).into());
                let rows = D::word_rows(n);
                // counting the rows of a common word takes long, where the index returns all or
                // none
                let sql = format!("SELECT 1 FROM {rows}");
                let estimate = D::estimate(conn, sql, statement.args.clone()).await?;
                if estimate.is_some_and(|rows| rows > FEW) {
                    continue;
                }
                rows
            }
            Start::Condition(Filter::Leaf(Field::UserData(path), test)) => {
                statement.begin(search, Plan::default());
                match statement.index_rows(path, test) {
                    Some(rows) => rows,
                    None => continue,
                }
            }
            Start::Condition(_) => continue,
            Start::Range(attribute) => {
                let range = Some(*attribute);
                statement.begin(
                    search,
                    Plan {
                        range,
                        ..Plan::default()
                    },
                );
                let conditions = statement.range(&search.filter, *attribute);
                format!(
                    "interaction i WHERE i.tenant_id = ${} AND {}",
                    statement.tenant,
                    conditions.join(" AND ")
                )
            }
        };
        let limit = statement.bind((FEW + 1).into());
        let sql =
            format!("SELECT COUNT(*) FROM (SELECT 1 FROM {from} LIMIT +${limit}) AS candidates");
        let rows = D::fetch(conn, sql.into(), statement.args).await?;
        let count: Option<i64> = rows
            .first()
            .map(|row| Columns::<D>::of(row).int())
            .transpose()?;
        if count.unwrap_or_default() <= FEW {
            return Ok(Some(*start));
        }
    }
    Ok(None)
}

/// A declared key that must have one certain value: its index rows are already in the order of the
/// list.
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
