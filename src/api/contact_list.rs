//! `GET /v1/contacts` and `POST /v1/contacts/search`: contacts by any attribute.

use axum::extract::State;
use axum::response::Response;
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Caller, Scope};
use super::body::Posted;
use super::filter_params;
use super::find::{self, DEFAULT_LIMIT, MOST};
use super::params::{Params, time_zone};
use super::problem::{Failure, Problem};
use super::render;
use super::schema::ContactList;
use crate::domain::filter::{
    Filter, Search, Searched, Size, SortKey, parse_filter_in, parse_sort_in,
};
use crate::web::App;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(search))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "describes the parameters for OpenAPI; Params reads them"
)]
struct ListParams {
    /// `createdDate`, `modifiedDate` or `id`, with `-` for descending order; `-createdDate` when
    /// absent.
    sort: Option<String>,
    #[param(default = 50, minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// `next` of the previous page.
    cursor: Option<String>,
    /// Whether to count all matches.
    count: Option<bool>,
    /// The time zone of dates without a time, such as `Europe/Rome`.
    #[param(rename = "timeZone", default = "UTC")]
    time_zone: Option<String>,
}

struct FilterParams;

impl IntoParams for FilterParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        filter_params::of(
            Searched::Contacts,
            "`attributes.<name>`: an attribute of the contact, such as \
             `?attributes.EmailAddress=a@b.example`. What identifies is compared as identification \
             compares it.",
        )
    }
}

/// The start and the size of a page of contacts.
struct Page {
    limit: usize,
    cursor: Option<String>,
    count: bool,
    /// Where errors in `cursor` are reported: `?` or `/`.
    place: &'static str,
}

/// Lists contacts by filters in the query string, newest first.
#[utoipa::path(get, operation_id = "listContacts", path = "/v1/contacts", tag = "contacts", params(ListParams, FilterParams),
    responses((status = 200, body = ContactList), (status = 422, body = Problem)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    mut params: Params,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let sort = params.take("sort").unwrap_or_default();
    let sort = sort.split(',').map(str::trim);
    let sort = parse_sort_in(Searched::Contacts, "?sort", sort)?;
    let page = Page {
        limit: params.number("limit", DEFAULT_LIMIT, MOST)?,
        cursor: params.take("cursor"),
        count: params.flag("count")?,
        place: "?",
    };
    let mut size = Size::in_zone(params.time_zone()?).over(Searched::Contacts);
    let parts = find::parameter_filters(params.rest(), &app.config.contacts.phones, &mut size)?;
    answer(&app, &caller, Filter::And(parts), sort, page).await
}

/// A search for contacts, for filters that a query string cannot express.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ContactSearch {
    /// `and`, `or`, `not`, or a `field` (`attributes.<name>`, `id`, `createdDate`, `modifiedDate`,
    /// `mergedInto`, `revision`) with operators.
    #[schema(value_type = Option<super::filter_schema::ContactFilter>)]
    #[serde(deserialize_with = "crate::domain::user_data::strict")]
    filter: Option<Value>,
    /// The time zone of dates without a time, such as `Europe/Rome`; UTC when absent.
    time_zone: Option<String>,
    /// `-createdDate` when absent.
    sort: Option<Vec<String>>,
    /// 1 to 500; 50 when absent.
    limit: Option<usize>,
    /// `next` of the previous page.
    cursor: Option<String>,
    /// Whether to count all matches.
    count: Option<bool>,
}

/// Finds contacts by a filter.
#[utoipa::path(post, operation_id = "searchContacts", path = "/v1/contacts/search", tag = "contacts", request_body = ContactSearch,
    responses((status = 200, body = ContactList), (status = 422, body = Problem), (status = 503, description = "The query took too long", body = Problem)))]
async fn search(
    State(app): State<App>,
    caller: Caller,
    posted: Posted<ContactSearch>,
) -> Result<Response, Failure> {
    caller.may(Scope::Read)?;
    let body = posted.value;
    let zone = match &body.time_zone {
        None => Tz::UTC,
        Some(name) => time_zone("/timeZone", name)?,
    };
    let filter = match &body.filter {
        None | Some(Value::Null) => Filter::And(Vec::new()),
        Some(filter) => {
            let size = Size::in_zone(zone).over(Searched::Contacts);
            parse_filter_in("/filter", filter, size)?
        }
    };
    let keys = body.sort.iter().flatten().map(String::as_str);
    let sort = parse_sort_in(Searched::Contacts, "/sort", keys)?;
    let page = Page {
        limit: find::limit(body.limit)?,
        cursor: body.cursor,
        count: body.count.unwrap_or(false),
        place: "/",
    };
    answer(&app, &caller, filter, sort, page).await
}

async fn answer(
    app: &App,
    caller: &Caller,
    filter: Filter,
    sort: Vec<SortKey>,
    page: Page,
) -> Result<Response, Failure> {
    let after = page
        .cursor
        .map(|text| find::read_cursor(&format!("{}cursor", page.place), &sort, &text))
        .transpose()?;
    let search = Search {
        tenant: caller.tenant,
        contact: None,
        filter,
        sort,
        limit: page.limit,
        after,
        count: page.count,
        long_texts: false,
    };
    let found = app.reads.search_contacts(&search).await?;
    let next = found
        .next
        .as_ref()
        .map(|position| find::write_cursor(&search.sort, position));
    Ok(render::json(render::list(
        found.items.iter(),
        |out, contact| out.push_str(&render::text(contact)),
        found.items.len() * 256,
        next.as_deref(),
        found.count,
    )))
}
