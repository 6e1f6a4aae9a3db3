//! `/api/v2/features` and `/api/v2/system/features`: the enabled features, and all that exist.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;

use super::answer::{Failure, base, done, text};
use super::place::is_on;
use super::question::Question;
use super::sign_in::User;
use crate::web::App;

/// A feature: its name, and a description for people.
struct Feature {
    id: &'static str,
    display_name: &'static str,
    description: &'static str,
}

const fn feature(
    id: &'static str,
    display_name: &'static str,
    description: &'static str,
) -> Feature {
    Feature {
        id,
        display_name,
        description,
    }
}

/// All features. The names are the published ones; the descriptions are ours.
const FEATURES: [Feature; 7] = [
    feature(
        "api-multimedia",
        "Multimedia",
        "Operations on chats, SMS sessions, e-mail, work items and open media",
    ),
    feature(
        "api-multimedia-chat",
        "Chat",
        "Reading chats and SMS sessions, and their history",
    ),
    feature(
        "api-multimedia-email",
        "E-mail",
        "Reading e-mail, and its history",
    ),
    feature(
        "api-multimedia-facebook",
        "Facebook",
        "The history of Facebook interactions",
    ),
    feature(
        "api-multimedia-twitter",
        "Twitter",
        "The history of Twitter interactions",
    ),
    feature(
        "api-voice",
        "Voice",
        "Reading calls, and operations on them",
    ),
    feature("api-ucs-voice", "Voice history", "The history of calls"),
];

const FIELDS: [&str; 5] = ["id", "displayName", "description", "uri", "path"];

impl Feature {
    fn field(&self, name: &str, base: &str) -> Option<String> {
        let path = format!("/features/{}", self.id);
        match name {
            "id" => Some(text(self.id)),
            "displayName" => Some(text(self.display_name)),
            "description" => Some(text(self.description)),
            "uri" => Some(format!("\"{base}/api/v2{path}\"")),
            "path" => Some(text(&path)),
            _ => None,
        }
    }

    fn shown(&self, fields: &[&str], base: &str) -> String {
        let members: Vec<String> = fields
            .iter()
            .filter_map(|name| Some(format!("\"{name}\":{}", self.field(name, base)?)))
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v2/features", get(switched_on))
        .route("/api/v2/features/{id}", get(one))
        .route("/api/v2/system/features", get(all))
}

async fn switched_on(
    State(app): State<App>,
    _: User,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    listed(&app, &headers, &uri, |feature| is_on(&app, feature.id))
}

async fn all(
    State(app): State<App>,
    _: User,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    listed(&app, &headers, &uri, |_| true)
}

fn listed(
    app: &App,
    headers: &HeaderMap,
    uri: &Uri,
    among: impl Fn(&Feature) -> bool,
) -> Result<Response, Failure> {
    let question = Question::of_list(uri, &FIELDS)?;
    let base = base(headers, &app.config);
    let shown: Vec<String> = FEATURES
        .iter()
        .filter(|feature| among(feature) && question.keeps(|name| feature.field(name, &base)))
        .take(question.limit)
        .filter_map(|feature| match &question.fields {
            Some(fields) => Some(feature.shown(fields, &base)),
            None => feature.field("uri", &base),
        })
        .collect();
    let name = if question.fields.is_some() {
        "features"
    } else {
        "uris"
    };
    Ok(done(&[(name, &format!("[{}]", shown.join(",")))]))
}

async fn one(
    State(app): State<App>,
    _: User,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    let Path(id) = path.map_err(|_| Failure::nothing_here())?;
    let feature = FEATURES
        .iter()
        .find(|feature| feature.id == id && is_on(&app, feature.id))
        .ok_or_else(Failure::nothing_here)?;
    let fields = Question::of_one(&uri, &FIELDS)?;
    let shown = feature.shown(&fields, &base(&headers, &app.config));
    Ok(done(&[("feature", &shown)]))
}
