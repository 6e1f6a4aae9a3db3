//! `/v1/sql`: questions about history in SQL.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use datafusion::common::ScalarValue;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Scope};
use super::body::Posted;
use super::problem::{Failure, Problem};
use super::render;
use crate::domain::Refusal;
use crate::reports::{MOST_ROWS, ReportError};
use crate::web::accept::preferred;
use crate::web::{App, Cause, mark_negotiated};

/// The largest number of parameters of a statement.
const MOST_PARAMETERS: usize = 100;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(query))
}

/// A statement.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SqlBody {
    /// One `SELECT`, in the dialect of Postgres. The tables are `interactions`, `user_data`, `links`, `web_actions`, `contacts` and `contact_attributes`.
    #[schema(
        max_length = 65536,
        example = "SELECT media_type, count(*) AS n FROM interactions GROUP BY 1 ORDER BY 1"
    )]
    sql: String,
    /// The values of `$1`, `$2`, …: texts, numbers, booleans or null.
    #[schema(value_type = Option<Vec<Value>>, max_items = 100)]
    parameters: Option<Vec<Value>>,
    /// `json` or `csv`. When absent, `Accept` decides; JSON if it states no preference.
    #[schema(pattern = "^(json|csv)$")]
    format: Option<String>,
}

/// Answers a question in SQL.
///
/// It reads the tenant's history and nothing else. Times are in UTC. `user_data['key']` is the value
/// of a key as text.
#[utoipa::path(post, operation_id = "querySql", path = "/v1/sql", tag = "reports", request_body = SqlBody,
    responses((status = 200, content((super::schema::SqlAnswer = "application/json"), (String = "text/csv"))),
        (status = 404, description = "There are no reports on this server", body = Problem),
        (status = 413, description = "The answer has too many rows", body = Problem),
        (status = 422, body = Problem),
        (status = 503, description = "The query took too long or needs too much memory", body = Problem)))]
async fn query(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    posted: Posted<SqlBody>,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let body = posted.value;
    let csv = match body.format.as_deref() {
        None => preferred(&headers, &["application/json", "text/csv"]) == 1,
        Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Refusal::invalid("/format", "is neither json nor csv").into()),
    };
    let parameters = body.parameters.unwrap_or_default();
    if parameters.len() > MOST_PARAMETERS {
        let detail = format!("has more than {MOST_PARAMETERS} values");
        return Err(Refusal::invalid("/parameters", detail).into());
    }
    let parameters = parameters
        .iter()
        .enumerate()
        .map(|(n, value)| parameter(n, value));
    let parameters = parameters.collect::<Result<Vec<_>, _>>()?;
    let Some(reports) = &app.reports else {
        return Ok(none().into_response());
    };
    let answer = match reports.sql(caller.tenant, body.sql, parameters).await {
        Ok(answer) => answer,
        Err(error) => return failed(error),
    };
    let mut response = if csv {
        (
            [(header::CONTENT_TYPE, "text/csv; charset=utf-8")],
            answer.csv(),
        )
            .into_response()
    } else {
        render::json(answer.json())
    };
    mark_negotiated(&mut response);
    Ok(response)
}

/// The value of a placeholder.
fn parameter(n: usize, value: &Value) -> Result<ScalarValue, Refusal> {
    Ok(match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(value) => ScalarValue::from(*value),
        Value::String(text) => ScalarValue::from(text.as_str()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => ScalarValue::from(whole),
            (None, Some(real)) => ScalarValue::from(real),
            (None, None) => {
                return Err(Refusal::invalid(
                    format!("/parameters/{n}"),
                    "is out of range",
                ));
            }
        },
        Value::Array(_) | Value::Object(_) => {
            let at = format!("/parameters/{n}");
            return Err(Refusal::invalid(at, "is no text, number, boolean or null"));
        }
    })
}

/// The problem where there are no reports.
fn none() -> Problem {
    Problem {
        kind: "not-found",
        title: "Not found",
        status: 404,
        detail: "there are no reports on this server: [reports] enabled is false, or [reports] folder names no place for them".to_owned(),
        errors: Vec::new(),
    }
}

/// What the caller is told of a failure.
fn failed(error: ReportError) -> Result<Response, Failure> {
    let refusal = match error {
        ReportError::Refused(detail) => Refusal::invalid("/sql", detail),
        ReportError::TooLarge => Refusal::TooLarge(format!(
            "the answer has more than {MOST_ROWS} rows; add a LIMIT or group the rows"
        )),
        ReportError::TooLong(_) | ReportError::Exhausted(_) => Refusal::TimedOut(error.to_string()),
        ReportError::Store(error) => return Err(error.into()),
        ReportError::Columns(_) | ReportError::Engine(_) => {
            let mut response = Problem::internal().into_response();
            response.extensions_mut().insert(Cause(error.to_string()));
            return Ok(response);
        }
    };
    Err(refusal.into())
}
