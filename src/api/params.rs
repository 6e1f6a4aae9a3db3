//! Query parameters. A handler takes each one by its name; a parameter that no handler takes is
//! refused. This file also refuses malformed paths and queries.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono_tz::Tz;
use percent_encoding::percent_decode_str;

use super::problem::Failure;
use crate::domain::moment::text::day;
use crate::domain::{Fault, Moment, Refusal};
use crate::web::App;

/// The most digits of a cursor or revision; every such number fits an `i64`.
pub const MOST_DIGITS: usize = 18;

/// The parameters of a request, in order.
pub struct Params(Vec<(String, String)>);

/// A marker on requests whose handler takes [`Params`].
#[derive(Clone, Copy)]
struct Taken;

impl FromRequestParts<App> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        parts.extensions.insert(Taken);
        Ok(Self::of(&parts.uri))
    }
}

/// An extractor that refuses every parameter, for handlers without parameters.
pub struct NoParams;

impl FromRequestParts<App> for NoParams {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        Ok(Params::of(&parts.uri).finish().map(|()| Self)?)
    }
}

/// Parses a cursor of the journal; `place` is where it was given.
///
/// # Errors
/// [`Refusal::Invalid`] naming the place.
pub fn cursor(place: &str, text: &str) -> Result<i64, Refusal> {
    digits(text).ok_or_else(|| Refusal::invalid(place, "is no cursor of this journal"))
}

/// Parses 1 to 18 decimal digits, the form of cursors and revisions.
pub fn digits(text: &str) -> Option<i64> {
    let fits = text.len() <= MOST_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Refuses any parameter, unless the handler takes [`Params`].
///
/// # Errors
/// [`Refusal::Invalid`] naming each parameter.
pub fn none_untaken(parts: &Parts) -> Result<(), Refusal> {
    if parts.extensions.get::<Taken>().is_some() {
        return Ok(());
    }
    Params::of(&parts.uri).finish()
}

/// Refuses a path or query that is not UTF-8 or holds a NUL character, which Postgres cannot store.
pub async fn middleware(request: Request, next: Next) -> Response {
    match want_text(request.uri()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => Failure::from(refusal).into_response(),
    }
}

fn want_text(uri: &Uri) -> Result<(), Refusal> {
    let decoded = |name: &str, text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.contains('\0')),
        Err(_) => Err(Refusal::Malformed(format!("the {name} is no UTF-8"))),
    };
    if decoded("path", uri.path())? {
        return Err(Refusal::invalid("path", "holds a NUL character"));
    }
    if decoded("query", uri.query().unwrap_or_default())? {
        let holds: Vec<Fault> = Params::of(uri)
            .0
            .into_iter()
            .filter(|(name, value)| name.contains('\0') || value.contains('\0'))
            .map(|(name, _)| {
                let name = name.replace('\0', "");
                Fault::at(format!("?{name}"), "holds a NUL character")
            })
            .collect();
        return Err(Refusal::Invalid(holds));
    }
    Ok(())
}

/// Parses the name of a time zone.
///
/// # Errors
/// [`Refusal::Invalid`] at the place where it was given.
pub fn time_zone(place: &str, name: &str) -> Result<Tz, Refusal> {
    name.parse()
        .map_err(|_| Refusal::invalid(place, "is no time zone, such as Europe/Rome"))
}

impl Params {
    fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The value of a parameter; the last one if it is repeated.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.take_all(name).pop()
    }

    /// Whether a parameter is given.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    /// The values of a parameter that may be repeated.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        self.0
            .extract_if(.., |(other, _)| other == name)
            .map(|(_, value)| value)
            .collect()
    }

    /// `true` or `false`; false when absent.
    pub fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(_) => Err(Refusal::invalid(
                format!("?{name}"),
                "is neither true nor false",
            )),
        }
    }

    /// A whole number from 1 to `most`.
    pub fn number(&mut self, name: &str, default: usize, most: usize) -> Result<usize, Refusal> {
        match self.take(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .ok()
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| {
                    Refusal::invalid(
                        format!("?{name}"),
                        format!("is no whole number from 1 to {most}"),
                    )
                }),
        }
    }

    /// A time, as a string or as milliseconds since 1970.
    pub fn moment(&mut self, name: &str) -> Result<Option<Moment>, Refusal> {
        self.time(name, |_| None)
    }

    /// A time, or the start of a day in a time zone.
    pub fn moment_or_day(&mut self, name: &str, zone: Tz) -> Result<Option<Moment>, Refusal> {
        self.time(name, |text| Some(Moment::begin_of(day(text)?, zone)))
    }

    fn time(
        &mut self,
        name: &str,
        otherwise: impl Fn(&str) -> Option<Result<Moment, String>>,
    ) -> Result<Option<Moment>, Refusal> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        let read = match text.parse() {
            Ok(millis) => Moment::from_millis(millis),
            Err(_) => otherwise(&text).unwrap_or_else(|| Moment::parse(&text)),
        };
        read.map(Some)
            .map_err(|detail| Refusal::invalid(format!("?{name}"), detail))
    }

    /// The time zone of dates, `timeZone`; UTC when absent.
    pub fn time_zone(&mut self) -> Result<Tz, Refusal> {
        let name = self.take("timeZone");
        name.map_or(Ok(Tz::UTC), |name| time_zone("?timeZone", &name))
    }

    /// Sets a parameter if the caller did not.
    pub fn default(&mut self, name: &str, value: &str) {
        if !self.has(name) {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The parameters that are not taken yet.
    pub fn rest(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.0)
    }

    /// Refuses parameters that no handler took.
    pub fn finish(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut names: Vec<String> = self.0.into_iter().map(|(name, _)| name).collect();
        names.dedup();
        Err(Refusal::Invalid(
            names
                .into_iter()
                .map(|name| Fault::at(format!("?{name}"), "is no parameter here"))
                .collect(),
        ))
    }
}
