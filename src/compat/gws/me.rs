//! `/api/v2/me`: the signed-in user, and what a client requests when it starts.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::answer::{Failure, base, done, text};
use super::collections::open;
use super::media::{MEDIA, Spelling, step};
use super::parameters::Parameters;
use super::place::is_on;
use super::question::Question;
use super::resource::View;
use super::sign_in::{ANYBODY, User};
use crate::web::App;

/// Operations of `POST /api/v2/me` that succeed without effect, since Annals keeps no presence.
const OF_PRESENCE: [&str; 4] = [
    "StartContactCenterSession",
    "EndContactCenterSession",
    "Ready",
    "NotReady",
];

/// The values of `subresources`.
const SUBRESOURCES: [&str; 5] = ["settings", "devices", "channels", "calls", "chats"];

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v2/me", get(me).post(operate))
        .route("/api/v2/me/devices", get(devices))
        .route("/api/v2/me/channels", get(channels))
        .route("/api/v2/users/{id}", get(user_named))
        .route("/api/v2/diagnostics/version", get(version))
}

/// The version of this server, which needs no sign-in.
async fn version() -> Response {
    done(&[("version", &text(env!("CARGO_PKG_VERSION")))])
}

/// The user as JSON text, with further members.
fn shown(user: &User, base: &str, more: &[(&str, String)]) -> String {
    let name = if *user.name == *ANYBODY {
        "anonymous"
    } else {
        &*user.name
    };
    let path = format!("/users/{}", step(name));
    let core = json!({
        "id": name,
        "userName": name,
        "firstName": "",
        "lastName": name,
        "roles": ["ROLE_AGENT"],
        "enabled": true,
        "changePasswordOnFirstLogin": false,
        "path": path,
    });
    let core = core.to_string();
    let core = core.strip_suffix('}').unwrap_or(&core);
    let mut out = format!("{core},\"uri\":\"{base}/api/v2{path}\"");
    for (name, value) in more {
        out += &format!(",\"{name}\":{value}");
    }
    out + "}"
}

async fn me(
    State(app): State<App>,
    user: User,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    let base = base(&headers, &app.config);
    let view = View {
        base: &base,
        settings: &app.config.gws,
        spelling: Spelling::Usual,
    };
    let mut more = Vec::new();
    for name in subresources(&uri)? {
        let value = match name {
            "settings" => "{}".to_owned(),
            "devices" | "channels" => "[]".to_owned(),
            collection => embedded(&app, &user, collection, view).await?,
        };
        more.push((name, value));
    }
    Ok(done(&[("user", &shown(&user, &base, &more))]))
}

/// Parses `subresources`.
fn subresources(uri: &Uri) -> Result<Vec<&'static str>, Failure> {
    let query = uri.query().unwrap_or_default();
    let mut wanted = Vec::new();
    for (parameter, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if parameter != "subresources" {
            // `fields` and parameters that clients add have no effect here
            continue;
        }
        for name in value.split(',').map(str::trim) {
            match SUBRESOURCES.iter().find(|known| **known == name) {
                _ if name == "*" => return Ok(SUBRESOURCES.to_vec()),
                Some(known) if wanted.contains(known) => {}
                Some(known) => wanted.push(*known),
                None if name.is_empty() => {}
                None => {
                    let shown: String = name.chars().take(64).collect();
                    let known = SUBRESOURCES.join(", ");
                    let message = format!("subresources names {shown:?}, which is none of {known}");
                    return Err(Failure::invalid(message));
                }
            }
        }
    }
    Ok(wanted)
}

/// A collection of the user in full; empty if its feature is off.
async fn embedded(
    app: &App,
    user: &User,
    collection: &str,
    view: View<'_>,
) -> Result<String, Failure> {
    let medium = MEDIA.iter().find(|medium| medium.collection == collection);
    let Some(medium) = medium.filter(|medium| is_on(app, medium.reading_needs)) else {
        return Ok("[]".to_owned());
    };
    let question = Question::of_everything(medium.shape.fields());
    let listed = open(app, user, medium, &[], &question, view).await?;
    Ok(listed.items())
}

async fn user_named(
    State(app): State<App>,
    user: User,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Path(id) = path.map_err(|_| Failure::nothing_here())?;
    // a user is not shown to other users
    if id != *user.name && !(*user.name == *ANYBODY && id == "anonymous") {
        return Err(Failure::nothing_here());
    }
    let base = base(&headers, &app.config);
    Ok(done(&[("user", &shown(&user, &base, &[]))]))
}

/// Devices: none, since Annals has no telephony.
async fn devices(_: User, uri: Uri) -> Result<Response, Failure> {
    none("devices", &uri)
}

/// Channels: none, since Annals keeps no presence.
async fn channels(_: User, uri: Uri) -> Result<Response, Failure> {
    none("channels", &uri)
}

fn none(name: &str, uri: &Uri) -> Result<Response, Failure> {
    let question = Question::of_list(uri, &["id", "uri", "path"])?;
    let name = if question.fields.is_some() {
        name
    } else {
        "uris"
    };
    Ok(done(&[(name, "[]")]))
}

async fn operate(
    State(app): State<App>,
    _: User,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let name = Parameters::of(&app, &headers, body)
        .await?
        .need("operationName")?;
    if OF_PRESENCE.contains(&name.as_str()) {
        return Ok(done(&[]));
    }
    let shown: String = name.chars().take(64).collect();
    Err(Failure::not_now(format!(
        "the operation {shown:?} is not valid here"
    )))
}
