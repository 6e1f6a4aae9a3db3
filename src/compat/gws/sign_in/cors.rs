//! Cross-origin requests (`docs.genesys.com`: GWS "`CSRFProtection`" of the deployment guide names
//! methods and headers).

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use crate::config::Gws;

/// How long a browser may cache a preflight answer.
const BELIEVED: Duration = Duration::from_secs(600);

/// The CORS rules for the configured web sites; `None` if there are none.
pub fn layer(gws: &Gws) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = gws
        .allow_origins
        .iter()
        .filter_map(|origin| origin.parse().ok())
        .collect();
    if origins.is_empty() {
        return None;
    }
    let name = HeaderName::from_static;
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(true)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
        ])
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            name("x-csrf-token"),
            name("contactcenterid"),
            name("ssid"),
            name("surl"),
        ])
        .expose_headers([name("x-csrf-header"), name("x-csrf-token")])
        .max_age(BELIEVED);
    Some(cors)
}
