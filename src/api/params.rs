//! Query parameters: each is taken by its name, and one that nobody took is refused.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::App;
use crate::domain::{Fault, Moment, Refusal};

/// The parameters of a request, in order.
pub struct Params(Vec<(String, String)>);

impl FromRequestParts<App> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        ))
    }
}

impl Params {
    /// The value of a parameter; of a repeated one the last.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let mut value = None;
        while let Some(place) = self.0.iter().position(|(other, _)| other == name) {
            value = Some(self.0.remove(place).1);
        }
        value
    }

    /// The first value of a parameter that may be repeated; call again for the next.
    pub fn take_first(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(place).1)
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

    /// A moment.
    pub fn moment(&mut self, name: &str) -> Result<Option<Moment>, Refusal> {
        self.take(name)
            .map(|text| {
                Moment::parse(&text).map_err(|detail| Refusal::invalid(format!("?{name}"), detail))
            })
            .transpose()
    }

    /// Adds a parameter where the caller gave none of that name.
    pub fn default(&mut self, name: &str, value: &str) {
        if self.0.iter().all(|(other, _)| other != name) {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    /// All that is left.
    pub fn rest(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.0)
    }

    /// Refuses what nobody took.
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
