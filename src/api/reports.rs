//! `/v1/reports`: predefined reports.
//!
//! `web-actions` counts the actions of an action map in each state. It adds the ratios that the
//! vendor's report of action maps publishes: offered of qualified, accepted of offered, engaged of
//! accepted (`help.mypurecloud.com/articles/action-maps-report`).

use std::collections::BTreeMap;

use axum::extract::State as Extracted;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Scope};
use super::params::{NoParams, Params};
use super::problem::{Failure, Problem};
use super::render;
use crate::domain::Refusal;
use crate::domain::period::Period;
use crate::domain::web_action::State;
use crate::store::{Count, CountsQuery};
use crate::web::accept::preferred;
use crate::web::{App, mark_negotiated};

/// The maximum number of rows in a report.
const MOST: usize = 100_000;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(all))
        .routes(routes!(web_actions))
}

/// The available reports, with their parameters.
#[utoipa::path(get, operation_id = "listReports", path = "/v1/reports", tag = "reports", responses((status = 200, body = super::schema::ReportList)))]
async fn all(caller: Caller, _: NoParams) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let periods: Vec<&str> = Period::ALL.iter().map(|(_, name)| *name).collect();
    let report = json!({
        "name": "web-actions",
        "description": "How many web actions were in each state, by action map and version, with the published ratios",
        "parameters": {
            "from": "events not before: a time, or a day in timeZone", "to": "events before: a time, or a day", "timeZone": "of the periods and days, such as Europe/Rome; UTC",
            "groupBy": {"default": DEFAULT_GROUPS, "any of": DIMENSIONS.map(|(name, _)| name), "and one of": periods},
            "actionMapId": "only of this map", "actionMediaType": "only of this media type", "format": ["json", "csv"],
        },
    });
    Ok(render::json(json!({"items": [report]}).to_string()))
}

/// A dimension by which counts may be grouped: its name, and its value for a count.
type Dimension = (&'static str, fn(&Count) -> Value);

const DIMENSIONS: [Dimension; 3] = [
    ("actionMapId", |count| json!(count.map_id)),
    ("actionMapVersion", |count| json!(count.map_version)),
    ("actionMediaType", |count| json!(count.media_type)),
];
/// The names of the dimensions.
pub fn dimensions() -> impl Iterator<Item = &'static str> {
    DIMENSIONS.into_iter().map(|(name, _)| name)
}

const DEFAULT_GROUPS: &str = "actionMapId,actionMapVersion";

/// The published ratios: name, numerator, denominator.
const RATIOS: [(&str, State, State); 3] = [
    ("offeredRatio", State::Offered, State::Qualified),
    ("acceptedRatio", State::Accepted, State::Offered),
    ("engagedRatio", State::Engaged, State::Accepted),
];

/// The dimensions by which a report is grouped.
struct Groups {
    dimensions: Vec<Dimension>,
    period: Option<Period>,
}

impl Groups {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut groups = Self {
            dimensions: Vec::new(),
            period: None,
        };
        for name in text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let dimension = DIMENSIONS.iter().find(|(other, _)| *other == name);
            let period = Period::ALL.iter().find(|(_, other)| *other == name);
            match (dimension, period) {
                (Some(dimension), _)
                    if !groups.dimensions.iter().any(|(other, _)| other == &name) =>
                {
                    groups.dimensions.push(*dimension);
                }
                (_, Some((period, _))) if groups.period.is_none() => groups.period = Some(*period),
                _ => {
                    return Err(Refusal::invalid(
                        "?groupBy",
                        format!("names {name:?}, which is repeated, a second period, or unknown"),
                    ));
                }
            }
        }
        Ok(groups)
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the parameters for OpenAPI; Params reads them"
)]
struct WebActionsParams {
    /// Events at or after this: a time, or a day, which starts in `timeZone`.
    from: Option<String>,
    /// Events before this: a time, or a day.
    to: Option<String>,
    /// The time zone of periods and days, such as `Europe/Rome`.
    #[param(default = "UTC")]
    time_zone: Option<String>,
    /// Any of `actionMapId`, `actionMapVersion`, `actionMediaType`, and one of `hour`, `day`,
    /// `week`, `month`.
    #[param(default = "actionMapId,actionMapVersion")]
    group_by: Option<String>,
    /// Only this map; repeated: any of them.
    action_map_id: Option<String>,
    /// Only this media type.
    action_media_type: Option<String>,
    /// `json` or `csv`. When absent, `Accept` decides; JSON if it states no preference.
    format: Option<String>,
}

/// The number of web actions in each state, by period if one is requested.
///
/// An action counts once in each state, at the time of that event.
#[utoipa::path(get, operation_id = "reportWebActions", path = "/v1/reports/web-actions", tag = "reports", params(WebActionsParams),
    responses((status = 200, content((super::schema::ReportRows = "application/json"), (String = "text/csv"))), (status = 422, body = Problem)))]
async fn web_actions(
    Extracted(app): Extracted<App>,
    caller: Caller,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let groups = params.take("groupBy");
    let groups = Groups::parse(groups.as_deref().unwrap_or(DEFAULT_GROUPS))?;
    let zone = params.time_zone()?;
    let csv = match params.take("format").as_deref() {
        None => preferred(&headers, &["application/json", "text/csv"]) == 1,
        Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Refusal::invalid("?format", "is neither json nor csv").into()),
    };
    let mut query = CountsQuery {
        from: params.moment_or_day("from", zone)?,
        to: params.moment_or_day("to", zone)?,
        by_time: groups.period.is_some(),
        ..CountsQuery::default()
    };
    for (name, column) in [("actionMapId", "map_id"), ("actionMediaType", "media_type")] {
        let mut given = params.take_all(name);
        if !given.is_empty() {
            if column == "media_type" {
                given = given.into_iter().map(|one| one.to_lowercase()).collect();
            }
            query.any_of.push((column, given));
        }
    }
    params.finish()?;
    let counts = app.reads.web_action_counts(caller.tenant, &query).await?;
    let rows = rows(&groups, zone, &counts);
    if rows.len() > MOST {
        return Err(Refusal::TooLarge(format!(
            "the report has more than {MOST} rows; ask for a shorter time or fewer groups"
        ))
        .into());
    }
    let mut response = if csv {
        written(&rows)?
    } else {
        render::json(json!({"items": rows}).to_string())
    };
    mark_negotiated(&mut response);
    Ok(response)
}

/// The sort key of a row. For each dimension: whether its value is null, the value as a number, and
/// as a string.
type Key = Vec<(bool, i64, String)>;

/// A row that is being summed up.
struct Group {
    row: Map<String, Value>,
    states: BTreeMap<State, i64>,
}

/// The rows of the report, in the order of their groups.
fn rows(groups: &Groups, zone: Tz, counts: &[Count]) -> Vec<Map<String, Value>> {
    let mut grouped: BTreeMap<Key, Group> = BTreeMap::new();
    for count in counts {
        let mut row = Map::new();
        let mut key = Vec::new();
        for (name, value) in &groups.dimensions {
            let value = value(count);
            let text = value.as_str().unwrap_or_default().to_owned();
            key.push((value.is_null(), value.as_i64().unwrap_or(0), text));
            row.insert((*name).to_owned(), value);
        }
        if let (Some(period), Some(from)) = (groups.period, count.from) {
            let begin = period.begin(from, zone);
            key.push((false, begin.timestamp(), String::new()));
            row.insert("from".to_owned(), json!(begin.to_rfc3339()));
        }
        let group = grouped.entry(key).or_insert_with(|| Group {
            row,
            states: BTreeMap::new(),
        });
        *group.states.entry(count.state).or_default() += count.count;
    }
    let finished = grouped.into_values().map(|Group { mut row, states }| {
        let many = |state| states.get(&state).copied().unwrap_or(0);
        for (state, name) in State::ALL {
            row.insert(name.to_owned(), json!(many(state)));
        }
        for (name, of, among) in RATIOS {
            row.insert(name.to_owned(), ratio(many(of), many(among)));
        }
        row
    });
    finished.collect()
}

/// A ratio, rounded to four digits; null if the denominator is zero.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below what a double holds exactly"
)]
fn ratio(of: i64, among: i64) -> Value {
    if among == 0 {
        return Value::Null;
    }
    json!((of as f64 / among as f64 * 10_000.0).round() / 10_000.0)
}

/// The rows as CSV, with a header.
fn written(rows: &[Map<String, Value>]) -> Result<Response, Refusal> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let failed =
        |error: csv::Error| Refusal::Malformed(format!("the report cannot be written: {error}"));
    if let Some(first) = rows.first() {
        csv.write_record(first.keys()).map_err(failed)?;
    }
    for row in rows {
        let cells = row.values().map(|value| match value {
            Value::Null => String::new(),
            // a spreadsheet would evaluate it as a formula
            Value::String(text) if text.starts_with(['=', '+', '-', '@']) => format!("'{text}"),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        csv.write_record(cells).map_err(failed)?;
    }
    let bytes = csv.into_inner().unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], bytes).into_response())
}
