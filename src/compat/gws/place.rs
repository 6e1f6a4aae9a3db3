//! The target of a request: a collection, and an interaction in it that belongs to the user.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::answer::Failure;
use super::media::{self, Medium, OPEN_MEDIA, Spelling};
use super::sign_in::User;
use crate::domain::Requirement;
use crate::domain::interaction::{ENGAGEMENT_MEDIA, WEB_ENGAGEMENT};
use crate::store::Found;
use crate::web::App;

/// The target of a route.
#[derive(Clone, Copy)]
pub struct Route {
    /// The medium.
    pub medium: &'static Medium,
    /// The spelling in its path.
    pub spelling: Spelling,
}

/// The target that a path names.
pub struct Place {
    /// The medium.
    pub medium: &'static Medium,
    /// The spelling that the client chose.
    pub spelling: Spelling,
    /// For open media: the media types that the path may stand for, the configured one first; empty
    /// if the path names none.
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
            // Postgres could not search for it
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

/// Whether a feature is enabled.
pub fn is_on(app: &App, feature: &str) -> bool {
    app.config.gws.features.iter().any(|on| on == feature)
}

impl Place {
    /// Refuses to show the resources of a disabled feature.
    ///
    /// # Errors
    /// 404, as if there were none.
    pub fn want_readable(&self, app: &App) -> Result<(), Failure> {
        if is_on(app, self.medium.reading_needs) {
            Ok(())
        } else {
            Err(Failure::nothing_here())
        }
    }

    /// Refuses an operation of a disabled feature.
    ///
    /// # Errors
    /// As for an unknown operation.
    pub fn want_operable(&self, app: &App) -> Result<(), Failure> {
        let needed = self.medium.operations_need;
        if is_on(app, needed) {
            Ok(())
        } else {
            let message = format!("the operation is not valid: the feature {needed} is off");
            Err(Failure::not_now(message))
        }
    }

    /// The condition on the interaction that the path names: it belongs to the user and to the
    /// medium.
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

    /// The interaction that the path names, for reading.
    ///
    /// # Errors
    /// The same failure if it does not exist or belongs to another medium or user, so that a user
    /// learns nothing about the interactions of others.
    pub async fn found(&self, app: &App, user: &User) -> Result<Arc<Found>, Failure> {
        let found = app.reads.interaction(user.tenant, &self.id).await?;
        let found = found.ok_or_else(|| Failure::no_interaction(&self.id))?;
        self.requirement(user).check(&found.interaction()?)?;
        Ok(found)
    }

    /// The media type of an interaction that is created here: that of the path for open media, else
    /// that of the medium. The plural of a type that this server knows means that type, since the
    /// server's own URIs have the plural.
    pub fn new_type(&self) -> &str {
        let known =
            |name: &&String| *name == WEB_ENGAGEMENT || ENGAGEMENT_MEDIA.contains(&name.as_str());
        match self.types.iter().find(known).or(self.types.first()) {
            Some(named) if self.medium.collection == OPEN_MEDIA => named,
            _ => self.medium.media_types.first().copied().unwrap_or_default(),
        }
    }
}
