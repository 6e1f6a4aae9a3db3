//! Web Services v2, as agent desktops and integrations speak it (Genesys Web Services, `docs.genesys.com/Documentation/GWS`).
//!
//! What the documents leave open, and what we chose there, is one table in `docs/compat/gws.md`.

pub mod answer;
pub mod media;
pub mod notifications;
pub mod notify;
pub mod resource;
pub mod sign_in;

use std::sync::Arc;

use axum::Router;

use crate::web::App;

/// The routes of this surface.
pub fn router(app: App) -> Router {
    let notify = notify::Notify::new(Arc::clone(&app.reads));
    let hub = notifications::hub(&app, Arc::new(notify));
    Router::new()
        .merge(notifications::routes(hub))
        .with_state(app)
}
