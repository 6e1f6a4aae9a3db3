//! Queries: lists by query parameters, searches by a filter, threads, and the available fields.

use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Scope};
use super::body::Posted;
use super::linked::{self, Led};
use super::params::{NoParams, Params, time_zone};
use super::problem::{Failure, Problem};
use super::render::{self, Projection};
use crate::domain::filter::{
    ATTRIBUTES, AttributeType, Field, Filter, MOST_PARTS, Operand, Position, Search, Size, SortKey,
    loose_operands, parse_filter, parse_sort, parse_test, parse_words,
};
use crate::domain::{Moment, Refusal};
use crate::store::{Found, StoreError};
use crate::web::App;

/// The default number of items in a page.
pub const DEFAULT_LIMIT: usize = 50;
/// The maximum number of items in a page.
pub const MOST: usize = 500;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(search))
        .routes(routes!(thread))
        .routes(routes!(fields))
}

/// The position of a page, which the caller sees as opaque text: the sort order it belongs to, and
/// the sort values.
#[derive(Serialize, Deserialize)]
struct Token(String, Vec<Value>);

fn order_name(sort: &[SortKey]) -> String {
    let names: Vec<String> = sort
        .iter()
        .map(|key| format!("{}{}", if key.descending { "-" } else { "" }, key.by.name))
        .collect();
    names.join(",")
}

/// Encodes a cursor.
pub fn write_cursor(sort: &[SortKey], position: &Position) -> String {
    let values = position
        .0
        .iter()
        .map(|value| match value {
            Some(Operand::Time(at)) => json!(at.micros()),
            Some(Operand::Text(text)) => json!(text),
            _ => Value::Null,
        })
        .collect();
    URL_SAFE_NO_PAD.encode(render::text(&Token(order_name(sort), values)))
}

/// Decodes a cursor of this sort order.
pub fn read_cursor(pointer: &str, sort: &[SortKey], text: &str) -> Result<Position, Refusal> {
    let refuse = || Refusal::invalid(pointer, "is no cursor of this list and order");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
    let Token(order, values) = serde_json::from_slice(&bytes).map_err(|_| refuse())?;
    if order != order_name(sort) || values.len() != sort.len() {
        return Err(refuse());
    }
    sort.iter()
        .zip(values)
        .map(|(key, value)| match (key.by.kind, value) {
            (AttributeType::Time, Value::Null) if key.by.name == "endDate" => Ok(None),
            (AttributeType::Time, value) => {
                let at = value
                    .as_i64()
                    .and_then(Moment::from_micros)
                    .ok_or_else(refuse)?;
                Ok(Some(Operand::Time(at)))
            }
            (_, Value::String(id)) if !id.contains('\0') => Ok(Some(Operand::Text(id))),
            _ => Err(refuse()),
        })
        .collect::<Result<_, _>>()
        .map(Position)
}

/// The parameters of a list or search besides its filter and order.
pub struct Question {
    /// The maximum number of items.
    pub limit: usize,
    /// The cursor to continue from.
    pub cursor: Option<String>,
    /// Whether to count all matches.
    pub count: bool,
    /// The fields to show.
    pub fields: Option<Vec<String>>,
    /// Where errors in `cursor` and `fields` are reported: `?` or `/`.
    pub place: &'static str,
    /// The contact whose history is listed.
    pub contact: Option<String>,
    /// Whether to show the web actions that led to each interaction.
    pub web_actions: bool,
}

/// The scope of a list, which its path determines.
pub enum Of {
    /// All interactions.
    All,
    /// The history of a contact.
    Contact(String),
    /// The interactions of a thread.
    Thread(String),
}

/// Runs the query and renders a page.
pub async fn answer(
    app: &App,
    caller: &Caller,
    filter: Filter,
    sort: Vec<SortKey>,
    question: Question,
) -> Result<Response, Failure> {
    let Question {
        limit,
        cursor,
        count,
        fields,
        place,
        contact,
        web_actions,
    } = question;
    let projection = fields
        .map(|names| Projection::parse(&format!("{place}fields"), &names))
        .transpose()?;
    let after = cursor
        .map(|text| read_cursor(&format!("{place}cursor"), &sort, &text))
        .transpose()?;
    let long_texts = projection.as_ref().is_some_and(Projection::long_texts);
    let search = Search {
        tenant: caller.tenant,
        contact,
        filter,
        sort,
        limit,
        after,
        count,
        long_texts,
    };
    let page = app.reads.search(&search).await?;
    let next = page
        .next
        .as_ref()
        .map(|position| write_cursor(&search.sort, position));
    let bytes = page
        .items
        .iter()
        .map(|found| found.core.len() + found.user_data.len() + 16)
        .sum();
    let led_to = if web_actions {
        Some(led_to(app, caller.tenant, &page.items).await?)
    } else {
        None
    };
    Ok(render::json(render::list(
        page.items.iter().enumerate(),
        |out, (index, found)| {
            match &projection {
                Some(projection) => out.push_str(&projection.of(found)),
                None => render::add(out, found),
            }
            if let Some(led_to) = &led_to {
                render::add_member(out, "webActions", &format!("[{}]", led_to[index]));
            }
        },
        bytes,
        next.as_deref(),
        page.count,
    )))
}

/// The web actions that led to each of these interactions, as JSON texts joined with commas.
async fn led_to(app: &App, tenant: i64, found: &[Found]) -> Result<Vec<String>, StoreError> {
    let cores: Result<Vec<_>, StoreError> = found.iter().map(Found::interaction).collect();
    let cores = cores?;
    let led: Vec<Led<'_>> = cores
        .iter()
        .zip(found)
        .map(|(interaction, found)| Led {
            interaction,
            user_data: &found.user_data,
        })
        .collect();
    let mut all = linked::web_actions(app, tenant, &led).await?;
    let of_each = cores
        .iter()
        .map(|core| all.remove(&core.id).unwrap_or_default().join(","));
    Ok(of_each.collect())
}

/// Lists by query parameters: filters, order, page.
pub async fn list_by(
    app: &App,
    caller: &Caller,
    mut params: Params,
    of: Of,
) -> Result<Response, Failure> {
    let (contact, mut parts) = match of {
        Of::All => (None, Vec::new()),
        Of::Contact(id) => (Some(id), Vec::new()),
        Of::Thread(id) => (None, vec![Filter::any_of("threadId", vec![id])]),
    };
    let sort_by = params.take("sort").unwrap_or_default();
    let sort = parse_sort("?sort", sort_by.split(',').map(str::trim))?;
    let web_actions = match params.take("include").as_deref() {
        None => false,
        Some("webActions") => true,
        Some(_) => return Err(Refusal::invalid("?include", "is not webActions").into()),
    };
    let question = Question {
        web_actions,
        limit: params.number("limit", DEFAULT_LIMIT, MOST)?,
        cursor: params.take("cursor"),
        count: params.flag("count")?,
        fields: params.take("fields").map(|names| {
            names
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect()
        }),
        place: "?",
        contact,
    };
    let mut size = Size::in_zone(params.time_zone()?);
    if let Some(words) = params.take("q") {
        parts.push(parse_words("?q", &words, &mut size)?);
    }
    parts.extend(parameter_filters(
        params.rest(),
        &app.config.contacts.phones,
        &mut size,
    )?);
    answer(app, caller, Filter::And(parts), sort, question).await
}

/// The filters that query parameters express. A repeated parameter matches any of its values.
/// `phones` are the attributes of contacts that hold telephone numbers.
pub fn parameter_filters(
    params: Vec<(String, String)>,
    phones: &[String],
    size: &mut Size,
) -> Result<Vec<Filter>, Refusal> {
    if params.len() > MOST_PARTS {
        return Err(Refusal::invalid(
            "?",
            format!("holds more than {MOST_PARTS} parameters"),
        ));
    }
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in params {
        match groups.iter_mut().find(|(other, _)| *other == name) {
            Some((_, values)) => values.push(value),
            None => groups.push((name, vec![value])),
        }
    }
    groups
        .into_iter()
        .map(|(name, values)| parameter_filter(&name, values, phones, size))
        .collect()
}

/// Puts back the `+` of a telephone number. In a query string an unescaped `+` means a blank, and a
/// number with its country code can begin with nothing else.
fn with_plus(number: String) -> String {
    match number.strip_prefix(' ') {
        Some(rest) if rest.starts_with(|c| ('1'..='9').contains(&c)) => format!("+{rest}"),
        _ => number,
    }
}

fn parameter_filter(
    name: &str,
    mut values: Vec<String>,
    phones: &[String],
    size: &mut Size,
) -> Result<Filter, Refusal> {
    let at = format!("?{name}");
    if let Some((attribute, bound @ ("from" | "to"))) = name.rsplit_once('.')
        && let Ok(field @ Field::Core(core)) = size.field(attribute)
        && core.kind == AttributeType::Time
    {
        let [value] = values.as_slice() else {
            return Err(Refusal::invalid(at, "is given twice"));
        };
        let value = loose_operands(&field, value).remove(0);
        return parse_test(&at, &field, bound, &value, size);
    }
    let field = size
        .field(name)
        .map_err(|detail| Refusal::invalid(&at, format!("is no parameter here: it {detail}")))?;
    if matches!(&field, Field::Contact(name) if phones.contains(name)) {
        values = values.into_iter().map(with_plus).collect();
    }
    let any: Vec<Value> = values
        .iter()
        .flat_map(|value| loose_operands(&field, value))
        .collect();
    parse_test(&at, &field, "in", &Value::Array(any), size).map_err(|refusal| match refusal {
        // a pointer into a filter that the caller did not write would confuse
        Refusal::Invalid(faults) => Refusal::Invalid(
            faults
                .into_iter()
                .map(|fault| crate::domain::Fault {
                    pointer: at.clone(),
                    ..fault
                })
                .collect(),
        ),
        other => other,
    })
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "describes the parameters for OpenAPI; Params reads them"
)]
pub struct ListParams {
    /// Full text over subject and text: words, "phrases", prefixes*.
    q: Option<String>,
    /// `-startDate`, `id`, …; nulls come last.
    sort: Option<String>,
    #[param(default = 50, minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// `next` of the previous page.
    cursor: Option<String>,
    /// Whether to count all matches.
    count: Option<bool>,
    /// Fields to show, joined with commas: `id,mediaType,userData.rule`.
    fields: Option<String>,
    /// The time zone of dates without a time, such as `Europe/Rome`.
    #[param(rename = "timeZone", default = "UTC")]
    time_zone: Option<String>,
    /// `webActions` adds the web actions that led to each interaction.
    include: Option<String>,
}

/// Lists interactions by filters in the query string, newest first.
#[utoipa::path(get, operation_id = "listInteractions", path = "/v1/interactions", tag = "finding", params(ListParams, super::filter_params::FilterParams),
    responses((status = 200, body = super::schema::InteractionList), (status = 422, body = Problem), (status = 503, description = "The query took too long", body = Problem)))]
async fn list(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    list_by(&app, &caller, params, Of::All).await
}

/// A search, for filters that a query string cannot express.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct SearchBody {
    /// `and`, `or`, `not`, `q`, or a `field` with operators. If a leaf has several operators, all
    /// must match.
    #[schema(value_type = Option<super::filter_schema::Filter>)]
    #[serde(deserialize_with = "crate::domain::user_data::strict")]
    filter: Option<Value>,
    /// The time zone of dates without a time, such as `Europe/Rome`; UTC when absent.
    #[serde(rename = "timeZone")]
    time_zone: Option<String>,
    /// `-startDate` when absent.
    sort: Option<Vec<String>>,
    /// Fields to show; all except long texts when absent.
    fields: Option<Vec<String>>,
    /// 1 to 500; 50 when absent.
    limit: Option<usize>,
    /// `next` of the previous page.
    cursor: Option<String>,
    /// Whether to count all matches.
    count: Option<bool>,
}

/// The page size from the body of a search.
pub fn limit(given: Option<usize>) -> Result<usize, Refusal> {
    match given.unwrap_or(DEFAULT_LIMIT) {
        limit if (1..=MOST).contains(&limit) => Ok(limit),
        _ => Err(Refusal::invalid(
            "/limit",
            format!("is no whole number from 1 to {MOST}"),
        )),
    }
}

/// Finds interactions by a filter.
#[utoipa::path(post, operation_id = "searchInteractions", path = "/v1/interactions/search", tag = "finding", request_body = SearchBody,
    responses((status = 200, body = super::schema::InteractionList), (status = 422, body = Problem), (status = 503, description = "The query took too long", body = Problem)))]
async fn search(
    State(app): State<App>,
    caller: Caller,
    posted: Posted<SearchBody>,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let body = posted.value;
    let zone = match &body.time_zone {
        None => Tz::UTC,
        Some(name) => time_zone("/timeZone", name)?,
    };
    let filter = match &body.filter {
        None | Some(Value::Null) => Filter::And(Vec::new()),
        Some(filter) => parse_filter("/filter", filter, zone)?,
    };
    let sort = parse_sort("/sort", body.sort.iter().flatten().map(String::as_str))?;
    let question = Question {
        web_actions: false,
        limit: limit(body.limit)?,
        cursor: body.cursor,
        count: body.count.unwrap_or(false),
        fields: body.fields,
        place: "/",
        contact: None,
    };
    answer(&app, &caller, filter, sort, question).await
}

/// The interactions of a thread, oldest first unless `sort` says otherwise.
#[utoipa::path(get, operation_id = "getThread", path = "/v1/threads/{id}", tag = "finding", params(("id" = String, Path), ListParams, super::filter_params::FilterParams),
    responses((status = 200, body = super::schema::InteractionList), (status = 404, body = Problem)))]
async fn thread(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let filter = Filter::any_of("threadId", vec![id.clone()]);
    let probe = Search::oldest_first(caller.tenant, filter, 1);
    if app.reads.search(&probe).await?.items.is_empty() {
        return Err(Refusal::NotFound("thread", id).into());
    }
    params.default("sort", "startDate");
    list_by(&app, &caller, params, Of::Thread(id)).await
}

/// The fields to filter and sort by, with their types and operators.
#[utoipa::path(get, operation_id = "listFields", path = "/v1/fields", tag = "finding", responses((status = 200, body = super::schema::FieldList)))]
async fn fields(State(app): State<App>, caller: Caller, _: NoParams) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let ordered = [
        "eq", "ne", "in", "gt", "gte", "lt", "lte", "from", "to", "exists",
    ];
    let text = [
        "eq", "ne", "in", "gt", "gte", "lt", "lte", "from", "to", "contains", "prefix", "exists",
    ];
    let plain = ["eq", "ne", "in", "exists"];
    let mut all: Vec<Value> = ATTRIBUTES
        .iter()
        .map(|attribute| {
            let (kind, operators) = match attribute.kind {
                AttributeType::Text => ("string", &text[..]),
                AttributeType::Time => ("time", &ordered[..]),
                AttributeType::Integer => ("integer", &ordered[..]),
                AttributeType::Boolean => ("boolean", &plain[..]),
                AttributeType::Coded => ("name", &plain[..]),
            };
            json!({"field": attribute.name, "type": kind, "operators": operators, "sortable": attribute.sortable, "inLists": !attribute.long})
        })
        .collect();
    all.push(json!({"field": "userData.<key>", "type": "any", "operators": text, "sortable": false, "inLists": true}));
    all.push(json!({"field": "contact.<attribute>", "type": "string", "operators": text, "sortable": false, "inLists": false}));
    let indexed: Vec<Value> = app
        .reads
        .indexed_keys()
        .await?
        .into_iter()
        .map(|(key, ready)| json!({"key": key.to_string(), "ready": ready}))
        .collect();
    let attributes: Vec<Value> = app
        .reads
        .indexed_attributes()
        .await?
        .into_iter()
        .map(|(attribute, ready)| json!({"field": attribute.name(), "ready": ready}))
        .collect();
    let fields = json!({
        "items": all,
        "combiners": ["and", "or", "not", "q"],
        "indexedKeys": indexed,
        "indexedAttributes": attributes,
    });
    Ok(render::json(fields.to_string()))
}
