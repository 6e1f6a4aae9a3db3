//! The OpenAPI document: what the handlers declare, and what applies to all of them.
//!
//! Handlers describe their own parameters, bodies and responses. This file adds what every
//! operation shares: authentication, the errors that any request may get, and the media type of
//! errors.

use std::collections::HashSet;

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Content, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Required, Response, ResponseBuilder,
    Schema, SecurityRequirement,
};

use super::body::LONGEST_KEY;
use super::bounds;
use crate::domain::command::Rules;

/// Errors of every operation.
const ANY: [(&str, &str); 6] = [
    ("400", "The request is malformed"),
    ("405", "The path does not support this method"),
    ("414", "The address is too long"),
    ("422", "The request is invalid; `errors` names each place"),
    (
        "500",
        "The server failed; its log has the cause under the request's id",
    ),
    ("503", "The server cannot answer now; see `Retry-After`"),
];
/// Errors of operations that need a token.
const SIGNED_IN: [(&str, &str); 2] = [
    ("401", "A token is needed"),
    (
        "403",
        "The token does not allow this, or another tenant is named",
    ),
];
/// Errors of operations that take a body.
const WITH_BODY: [(&str, &str); 2] = [
    ("413", "The body is larger than the limit"),
    (
        "415",
        "The body is of another type or encoding than the operation takes",
    ),
];
/// Errors of operations on a single resource.
const OF_ONE: [(&str, &str); 1] = [("404", "The resource does not exist")];

/// Completes the handlers' document with what all operations share, and the limits in force.
pub fn finished(document: OpenApi, rules: &Rules) -> OpenApi {
    let mut document: OpenApi = OpenApiBuilder::from(document)
        .security(Some([
            SecurityRequirement::default(),
            SecurityRequirement::new("token", Vec::<String>::new()),
        ]))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme(
            "token",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
    bounds::set(&mut document, rules);
    let empty_will_do = without_required(&document);
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            add_errors(path, operation);
            bounds::set_parameters(operation);
            if let Some(body) = &mut operation.request_body
                && let Some(Content {
                    schema: Some(RefOr::Ref(of)),
                    ..
                }) = body.content.get("application/json")
                && empty_will_do.contains(&of.ref_location)
            {
                body.required = Some(Required::False);
            }
        }
    }
    document
}

/// References to the schemas that an empty object satisfies. A request with such a body may omit
/// it.
fn without_required(document: &OpenApi) -> HashSet<String> {
    let schemas = document.components.iter().flat_map(|all| &all.schemas);
    schemas
        .filter(|(_, schema)| {
            matches!(schema, RefOr::T(Schema::Object(object)) if object.required.is_empty())
        })
        .map(|(name, _)| Ref::from_schema_name(name).ref_location)
        .collect()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

/// Statuses of operations that take a certain header.
const BY_HEADER: [(&str, &str, &str); 2] = [
    (
        "Idempotency-Key",
        "409",
        "The key or identifier was used before with other content",
    ),
    ("If-Match", "412", "`If-Match` names another revision"),
];

/// Formats of headers: the maximum length in characters, and a pattern.
const HEADERS: [(&str, usize, &str); 3] = [
    ("Idempotency-Key", LONGEST_KEY, "^[!-~]([ -~]*[!-~])?$"),
    ("If-Match", 22, "^(\\*|(W/)?\"[0-9]{1,18}\"|[0-9]{1,18})$"),
    ("Last-Event-ID", 18, "^[0-9]{1,18}$"),
];

fn add_errors(path: &str, operation: &mut Operation) {
    let open = operation.security.is_some();
    let mut errors: Vec<(&str, &str)> = ANY.to_vec();
    if !open {
        errors.extend(SIGNED_IN);
    }
    if operation.request_body.is_some() {
        errors.extend(WITH_BODY);
    }
    if path.contains('{') {
        errors.extend(OF_ONE);
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let Some((_, most, pattern)) = HEADERS.iter().find(|(name, ..)| *name == parameter.name)
        {
            let text = ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(*most))
                .pattern(Some(*pattern));
            parameter.schema = Some(Schema::Object(text.build()).into());
        }
        let by = BY_HEADER.iter().find(|(name, ..)| *name == parameter.name);
        errors.extend(by.map(|(_, status, description)| (*status, *description)));
    }
    let responses = &mut operation.responses.responses;
    for (status, description) in errors {
        responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(problem(description)));
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
        {
            as_problem(status, response);
        }
    }
}

fn problem(description: &str) -> Response {
    ResponseBuilder::new()
        .description(description)
        .content(
            "application/problem+json",
            Content::new(Some(Ref::from_schema_name("Problem"))),
        )
        .build()
}

/// Handlers name the schema of an error; the media type is the same everywhere.
fn as_problem(status: &str, response: &mut Response) {
    let names_problem =
        |content: &Content| content.schema == Some(RefOr::Ref(Ref::from_schema_name("Problem")));
    if response
        .content
        .get("application/json")
        .is_some_and(names_problem)
        && let Some(content) = response.content.shift_remove("application/json")
    {
        response
            .content
            .insert("application/problem+json".to_owned(), content);
    }
    if response.description.is_empty() {
        let known = ANY
            .iter()
            .chain(&SIGNED_IN)
            .chain(&WITH_BODY)
            .chain(&OF_ONE)
            .chain(&[
                ("409", "It conflicts with what is stored"),
                ("412", "`If-Match` names another revision"),
                ("429", "Too many requests; see `Retry-After`"),
            ])
            .find(|(known, _)| *known == status);
        if let Some((_, description)) = known {
            (*description).clone_into(&mut response.description);
        }
    }
}
