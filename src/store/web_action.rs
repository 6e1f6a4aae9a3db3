//! Reads web actions.

use super::StoreError;
use super::dialect::{Arg, Columns, Conn, Dialect};
pub use super::tables::web_action::state;
use super::tables::web_action::{RECORDED, recorded};
use crate::domain::Moment;
use crate::domain::web_action::{Recorded, State};

/// The version of the action map, as a text.
pub const MAP_VERSION: &str = "CAST(map_version AS TEXT)";

/// A query for events; all given conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct WebActionsQuery {
    /// After this place.
    pub after: i64,
    /// The largest number of events.
    pub limit: usize,
    /// Columns with their allowed values: `action_id`, `customer_id`, `session_id`, `map_id`,
    /// `state`, `media_type`, `reference`, `conversation_id`, `error_code`, or [`MAP_VERSION`].
    pub any_of: Vec<(&'static str, Vec<String>)>,
    /// At this time or later.
    pub from: Option<Moment>,
    /// Before this time.
    pub to: Option<Moment>,
}

/// Columns whose index has the events of one value in the order of recording.
const IN_ORDER: [&str; 5] = [
    "reference",
    "conversation_id",
    "customer_id",
    "session_id",
    "error_code",
];
/// Other indexed columns.
const INDEXED: [&str; 2] = ["action_id", "map_id"];
/// Up to this many events are found first and sorted afterwards. If there are more, all are walked
/// in their order.
const FEW: i64 = 5000;

/// The plan for a page of events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By the index of this column, in the order of the page.
    InOrder(&'static str),
    /// By any index; the results are sorted.
    SortedAfter,
    /// All events in their order, tested one by one.
    Walk,
}

/// Events in the order of recording.
pub async fn page<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    query: &WebActionsQuery,
) -> Result<Vec<Recorded>, StoreError> {
    let way = way::<D>(conn, tenant, query).await?;
    let (conditions, mut args) = conditions::<D>(tenant, query, way);
    let seq = match way {
        Way::SortedAfter => D::unindexed("seq"),
        _ => "seq".to_owned(),
    };
    args.push(query.after.into());
    let after = args.len();
    args.push(i64::try_from(query.limit).unwrap_or(i64::MAX).into());
    let limit = args.len();
    let sql = format!(
        "SELECT {} FROM web_action WHERE {conditions} AND {seq} > ${after} ORDER BY {seq} LIMIT +${limit}",
        RECORDED.join(", ")
    );
    let rows = D::fetch(conn, sql.into(), args).await?;
    rows.iter()
        .map(|row| recorded::<D>(&mut Columns::<D>::of(row)))
        .collect()
}

async fn way<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    query: &WebActionsQuery,
) -> Result<Way, StoreError> {
    let one = query
        .any_of
        .iter()
        .find(|(column, values)| IN_ORDER.contains(column) && values.len() == 1);
    if let Some((column, _)) = one {
        return Ok(Way::InOrder(column));
    }
    let has_index = |column: &&str| IN_ORDER.contains(column) || INDEXED.contains(column);
    let mut indexed = query.clone();
    indexed.any_of.retain(|(column, _)| has_index(column));
    if indexed.any_of.is_empty() && query.from.is_none() && query.to.is_none() {
        return Ok(Way::Walk);
    }
    let (conditions, mut args) = conditions::<D>(tenant, &indexed, Way::SortedAfter);
    args.push((FEW + 1).into());
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM web_action WHERE {conditions} LIMIT +${}) AS found",
        args.len()
    );
    let rows = D::fetch(conn, sql.into(), args).await?;
    let count = rows.first().map(|row| Columns::<D>::of(row).int());
    let few = count.transpose()?.unwrap_or_default() <= FEW;
    Ok(if few { Way::SortedAfter } else { Way::Walk })
}

/// The conditions of a query except its place, and their arguments.
fn conditions<D: Dialect>(tenant: i64, query: &WebActionsQuery, way: Way) -> (String, Vec<Arg>) {
    let mut args: Vec<Arg> = vec![tenant.into()];
    let unindexed = |column: &str, leads: bool| {
        if leads {
            column.to_owned()
        } else {
            D::unindexed(column)
        }
    };
    let mut sql = format!("{} = $1", unindexed("tenant_id", way != Way::Walk));
    for (column, values) in &query.any_of {
        let leads = way == Way::SortedAfter || way == Way::InOrder(column);
        let column = unindexed(column, leads);
        if let [value] = values.as_slice() {
            args.push(value.as_str().into());
            sql += &format!(" AND {column} = ${}", args.len());
        } else {
            args.push(Arg::Texts(values.clone()));
            sql += &format!(" AND {}", D::is_any(&column, args.len()));
        }
    }
    let date = unindexed("event_date", way == Way::SortedAfter);
    for (test, at) in [(">=", query.from), ("<", query.to)] {
        if let Some(at) = at {
            args.push(at.into());
            sql += &format!(" AND {date} {test} ${}", args.len());
        }
    }
    (sql, args)
}

/// A query for counts.
#[derive(Clone, Debug, Default)]
pub struct CountsQuery {
    /// Events at this time or later.
    pub from: Option<Moment>,
    /// Events before this time.
    pub to: Option<Moment>,
    /// Columns with their allowed values, as in [`WebActionsQuery`].
    pub any_of: Vec<(&'static str, Vec<String>)>,
    /// Whether to count by time as well.
    pub by_time: bool,
}

/// The number of actions of one kind in one state.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// The action map.
    pub map_id: Option<String>,
    /// Its version.
    pub map_version: Option<i64>,
    /// The media type.
    pub media_type: Option<String>,
    /// The state.
    pub state: State,
    /// The beginning of the quarter hour, if counted by time.
    pub from: Option<Moment>,
    /// How many.
    pub count: i64,
}

/// Counts actions by map, version, media type and state, and by quarter hour if requested.
pub async fn counts<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    query: &CountsQuery,
) -> Result<Vec<Count>, StoreError> {
    let quarter = if query.by_time {
        D::quarter("event_date")
    } else {
        "CAST(0 AS BIGINT)".to_owned()
    };
    let mut sql = format!(
        "SELECT map_id, map_version, media_type, state, quarter, COUNT(*) FROM ( \
             SELECT map_id, map_version, media_type, state, {quarter} AS quarter FROM web_action WHERE tenant_id = $1"
    );
    let mut args: Vec<Arg> = vec![tenant.into()];
    for (column, values) in &query.any_of {
        args.push(Arg::Texts(values.clone()));
        sql += &format!(" AND {}", D::is_any(column, args.len()));
    }
    for (test, at) in [(">=", query.from), ("<", query.to)] {
        if let Some(at) = at {
            args.push(at.into());
            sql += &format!(" AND event_date {test} ${}", args.len());
        }
    }
    sql += ") AS events GROUP BY map_id, map_version, media_type, state, quarter \
            ORDER BY map_id, map_version, media_type, quarter, state";
    let rows = D::fetch(conn, sql.into(), args).await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::<D>::of(row);
            let map_id = row.maybe_text()?;
            let map_version = row.maybe_int()?;
            let media_type = row.maybe_text()?;
            let state = state(&row.text()?)?;
            let quarter = row.int()?;
            Ok(Count {
                map_id,
                map_version,
                media_type,
                state,
                from: query
                    .by_time
                    .then(|| Moment::from_micros(quarter.saturating_mul(900_000_000)))
                    .flatten(),
                count: row.int()?,
            })
        })
        .collect()
}
