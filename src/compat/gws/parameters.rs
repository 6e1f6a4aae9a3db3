//! `operationName` and the parameters of an operation. Unknown members are ignored, because clients
//! send them. Null is the same as absent.

use axum::body::Body;
use axum::http::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::compat::gws::answer::Failure;
use crate::domain::user_data::Given;
use crate::json::{self, Members};
use crate::web::App;
use crate::web::body::{read, want_json};

/// The members of the body. Each is parsed when it is requested, so members that are not used may
/// have any form.
pub struct Parameters(Members);

impl Parameters {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is too large, or is not a JSON object.
    pub async fn of(app: &App, headers: &HeaderMap, body: Body) -> Result<Self, Failure> {
        want_json(headers)?;
        let body = read(body, app.config.limits.body).await?;
        if json::without_mark(&body).trim_ascii().is_empty() {
            return Ok(Self(Members::default()));
        }
        let members = Members::split(&body);
        members
            .map(Self)
            .map_err(|refusal| Failure::invalid(format!("the body is no JSON object: {refusal}")))
    }

    /// Whether a parameter is given, even as null.
    pub fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }

    fn maybe<T: DeserializeOwned>(&self, name: &str, what: &str) -> Result<Option<T>, Failure> {
        self.0
            .read(name)
            .map_err(|_| Failure::invalid(format!("{name} is no {what}")))
    }

    /// A string. A NUL character is refused, since no database could search for it.
    ///
    /// # Errors
    /// When it has another type.
    pub fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        let text: Option<String> = self.maybe(name, "text")?;
        match text {
            Some(text) if text.contains('\0') => {
                Err(Failure::invalid(format!("{name} holds a NUL character")))
            }
            text => Ok(text),
        }
    }

    /// A string; an empty one counts as absent.
    ///
    /// # Errors
    /// When it has another type.
    pub fn word(&self, name: &str) -> Result<Option<String>, Failure> {
        Ok(self.text(name)?.filter(|text| !text.trim().is_empty()))
    }

    /// A required string.
    ///
    /// # Errors
    /// When it is missing or has another type.
    pub fn need(&self, name: &str) -> Result<String, Failure> {
        self.word(name)?.ok_or_else(|| Failure::missing(name))
    }

    /// One of several known words, in any case.
    ///
    /// # Errors
    /// Naming the known words.
    pub fn one_of<T: Copy>(&self, name: &str, known: &[(&str, T)]) -> Result<Option<T>, Failure> {
        let Some(word) = self.word(name)? else {
            return Ok(None);
        };
        let found = known
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(word.trim()));
        if let Some((_, value)) = found {
            return Ok(Some(*value));
        }
        let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let shown: String = word.chars().take(64).collect();
        Err(Failure::invalid(format!(
            "{name} is {shown:?}, which is none of {}",
            known.join(", ")
        )))
    }

    /// A whole number, possibly as a string.
    ///
    /// # Errors
    /// When it has another type, or is out of range.
    pub fn number(
        &self,
        name: &str,
        within: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, Failure> {
        let wrong = || {
            Failure::invalid(format!(
                "{name} is no whole number from {} to {}",
                within.start(),
                within.end()
            ))
        };
        let number = match self.maybe(name, "whole number")? {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_i64().ok_or_else(wrong)?,
            Some(Value::String(text)) => text.trim().parse().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
        };
        if within.contains(&number) {
            Ok(Some(number))
        } else {
            Err(wrong())
        }
    }

    /// A boolean, possibly as a string.
    ///
    /// # Errors
    /// When it has another type.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        let wrong = || Failure::invalid(format!("{name} is neither true nor false"));
        match self.maybe(name, "text") {
            Ok(None) => Ok(None),
            Ok(Some(Value::Bool(flag))) => Ok(Some(flag)),
            Ok(Some(Value::String(text))) => {
                let folded = text.trim().to_ascii_lowercase();
                folded.parse().map(Some).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }

    /// A list of strings; empty if absent.
    ///
    /// # Errors
    /// When it has another type, or is longer than `most`.
    pub fn names(&self, name: &str, most: usize) -> Result<Vec<String>, Failure> {
        let names: Vec<String> = self.maybe(name, "list of texts")?.unwrap_or_default();
        if names.len() > most {
            return Err(Failure::invalid(format!("{name} names more than {most}")));
        }
        Ok(names)
    }

    /// UserData as an object or a pair list, if given.
    ///
    /// # Errors
    /// When it has another type, or holds a key twice.
    pub fn user_data(&self, name: &str) -> Result<Option<Given>, Failure> {
        Ok(self.0.read(name)?)
    }
}
