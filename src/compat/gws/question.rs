//! The parameters of a GET: `fields`, `limit`, and filters named like a field.

use axum::http::Uri;

use super::answer::Failure;

/// The default number of items in a list.
const DEFAULT_LIMIT: usize = 500;
/// The maximum number of items in a list.
const MOST: usize = 5_000;

/// The parameters of a GET.
pub struct Question {
    /// The fields to show; only addresses if `None`.
    pub fields: Option<Vec<&'static str>>,
    /// The maximum number of items.
    pub limit: usize,
    filters: Vec<(&'static str, String)>,
}

impl Question {
    /// Parses the parameters of a list of resources with these fields.
    ///
    /// # Errors
    /// Naming the unknown parameter or field.
    pub fn of_list(uri: &Uri, names: &[&'static str]) -> Result<Self, Failure> {
        let mut question = Self {
            fields: None,
            limit: DEFAULT_LIMIT,
            filters: Vec::new(),
        };
        for (name, value) in parameters(uri) {
            match name.as_str() {
                "fields" => question.fields = Some(fields(&value, names)?),
                "limit" => question.limit = limit(&value)?,
                _ => {
                    let field = named(&name, names).ok_or_else(|| unknown(&name))?;
                    question.filters.push((field, value));
                }
            }
        }
        Ok(question)
    }

    /// Requests full resources, as many as a list may show.
    pub fn of_everything(names: &[&'static str]) -> Self {
        Self {
            fields: Some(names.to_vec()),
            limit: DEFAULT_LIMIT,
            filters: Vec::new(),
        }
    }

    /// Parses the parameters of one resource with these fields. All fields are shown if none is
    /// named.
    ///
    /// # Errors
    /// Naming the unknown parameter or field.
    pub fn of_one(uri: &Uri, names: &[&'static str]) -> Result<Vec<&'static str>, Failure> {
        let mut shown = names.to_vec();
        for (name, value) in parameters(uri) {
            if name != "fields" {
                return Err(unknown(&name));
            }
            shown = fields(&value, names)?;
        }
        Ok(shown)
    }

    /// The fields that are shown or filtered by.
    pub fn looks_at(&self) -> impl Iterator<Item = &'static str> + '_ {
        let shown = self.fields.iter().flatten().copied();
        shown.chain(self.filters.iter().map(|(name, _)| *name))
    }

    /// Whether a resource passes all filters, given its fields as JSON text.
    pub fn keeps(&self, field: impl Fn(&str) -> Option<String>) -> bool {
        self.filters.iter().all(|(name, wanted)| {
            field(name).is_some_and(|json| {
                // a string is compared without its quotes, other values as written
                serde_json::from_str::<String>(&json)
                    .map_or(json == *wanted, |text| text == *wanted)
            })
        })
    }
}

/// The parameters, except those that only prevent caching.
fn parameters(uri: &Uri) -> Vec<(String, String)> {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .filter(|(name, _)| !name.starts_with('_'))
        .collect()
}

fn named(name: &str, names: &[&'static str]) -> Option<&'static str> {
    names.iter().find(|known| **known == name).copied()
}

fn fields(value: &str, names: &[&'static str]) -> Result<Vec<&'static str>, Failure> {
    let mut shown = Vec::new();
    for name in value.split(',').map(str::trim) {
        match named(name, names) {
            _ if name == "*" => return Ok(names.to_vec()),
            Some(name) if shown.contains(&name) => {}
            Some(name) => shown.push(name),
            None if name.is_empty() => {}
            None => {
                let shown: String = name.chars().take(64).collect();
                let known = names.join(", ");
                let message = format!("fields names {shown:?}, which is none of {known}");
                return Err(Failure::invalid(message));
            }
        }
    }
    Ok(if shown.is_empty() {
        names.to_vec()
    } else {
        shown
    })
}

fn limit(value: &str) -> Result<usize, Failure> {
    let number = value.parse().ok();
    number
        .filter(|number| (1..=MOST).contains(number))
        .ok_or_else(|| Failure::invalid(format!("limit is no whole number from 1 to {MOST}")))
}

fn unknown(name: &str) -> Failure {
    let shown: String = name.chars().take(64).collect();
    Failure::invalid(format!("the parameter {shown:?} names no field"))
}
