//! Where a request goes: a collection, and an interaction in it that belongs to the user.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::answer::Failure;
use super::media::{self, Medium, OPEN_MEDIA, Spelling};
use super::sign_in::User;
use crate::domain::Requirement;
use crate::store::Found;
use crate::web::App;

/// What a route leads to.
#[derive(Clone, Copy)]
pub struct Route {
    /// The medium.
    pub medium: &'static Medium,
    /// The spelling that its path has.
    pub spelling: Spelling,
}

/// What a path names.
pub struct Place {
    /// The medium.
    pub medium: &'static Medium,
    /// The spelling that the client chose.
    pub spelling: Spelling,
    /// For open media, the media types that the path may mean, the one as configured first; empty where it names none.
    pub types: Vec<String>,
    /// The interaction; empty for a collection.
    pub id: String,
}

impl FromRequestParts<App> for Place {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Route { medium, spelling } = parts
            .extensions
            .get::<Route>()
            .copied()
            .ok_or_else(Failure::nothing_here)?;
        let params = RawPathParams::from_request_parts(parts, app)
            .await
            .map_err(|_| Failure::nothing_here())?;
        let mut place = Self {
            medium,
            spelling,
            types: Vec::new(),
            id: String::new(),
        };
        for (name, value) in &params {
            // Postgres could not even look for it
            if value.contains('\0') {
                return Err(Failure::nothing_here());
            }
            if name == "id" {
                value.clone_into(&mut place.id);
            } else {
                place.types = media::types_meant(value);
                if place.types.is_empty() {
                    return Err(Failure::nothing_here());
                }
            }
        }
        Ok(place)
    }
}

/// Whether a feature is on.
pub fn is_on(app: &App, feature: &str) -> bool {
    app.config.gws.features.iter().any(|on| on == feature)
}

impl Place {
    /// Refuses to show what a feature that is off would show.
    ///
    /// # Errors
    /// 404, as if it were not there.
    pub fn want_readable(&self, app: &App) -> Result<(), Failure> {
        if is_on(app, self.medium.reading_needs) {
            Ok(())
        } else {
            Err(Failure::nothing_here())
        }
    }

    /// Refuses an operation of a feature that is off.
    ///
    /// # Errors
    /// As for an operation that there is not.
    pub fn want_operable(&self, app: &App) -> Result<(), Failure> {
        let needed = self.medium.operations_need;
        if is_on(app, needed) {
            Ok(())
        } else {
            let message = format!("the operation is not valid: the feature {needed} is off");
            Err(Failure::not_now(message))
        }
    }

    /// What must hold of the interaction that the path names: it is the user's, and of the medium.
    pub fn requirement(&self, user: &User) -> Requirement {
        let media_types = if self.types.is_empty() {
            let named = self.medium.media_types.iter();
            named.map(|name| (*name).to_owned()).collect()
        } else {
            self.types.clone()
        };
        Requirement {
            owner: user.owner(),
            media_types,
            ..Requirement::default()
        }
    }

    /// The interaction that the path names, to be shown.
    ///
    /// # Errors
    /// The same failure for one that does not exist, of another medium, or of another user: a user
    /// is not told of what belongs to others.
    pub async fn found(&self, app: &App, user: &User) -> Result<Arc<Found>, Failure> {
        let found = app.reads.interaction(user.tenant, &self.id).await?;
        let found = found.ok_or_else(|| Failure::no_interaction(&self.id))?;
        self.requirement(user).check(&found.interaction()?)?;
        Ok(found)
    }

    /// The media type of an open media interaction that is to be made here, or of the medium's.
    pub fn new_type(&self) -> &str {
        match self.types.first() {
            Some(named) if self.medium.collection == OPEN_MEDIA => named,
            _ => self.medium.media_types.first().copied().unwrap_or_default(),
        }
    }
}
