//! What an operation is asked with: `operationName` and its parameters. What no operation knows is ignored, because clients send it.

use axum::body::Body;
use axum::http::HeaderMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::answer::Failure;
use crate::domain::user_data::{Given, POINTER_MARK};
use crate::web::App;
use crate::web::body::{read, want_json};

type Raw = Option<Box<RawValue>>;

/// The parameters of all operations; each is read when it is asked for, so that only what is used can be wrong.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    operation_name: Raw,
    user_data: Raw,
    // null is no list, and on a call not the leave to delete all
    #[serde(deserialize_with = "given")]
    keys: Raw,
    key: Raw,
    disposition: Raw,
    disposition_key: Raw,
    queue_uri: Raw,
    parent_id: Raw,
    thread_id: Raw,
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// Where it is too large, or no JSON object.
    pub async fn of(app: &App, headers: &HeaderMap, body: Body) -> Result<Self, Failure> {
        want_json(headers)?;
        let body = read(body, app.config.limits.body).await?;
        let text = body.trim_ascii();
        if text.is_empty() {
            return Ok(Self::default());
        }
        if !text.starts_with(b"{") {
            return Err(Failure::invalid("the body is no JSON object"));
        }
        serde_json::from_slice(text)
            .map_err(|error| Failure::invalid(format!("the body is no JSON object: {error}")))
    }

    /// `operationName`.
    ///
    /// # Errors
    /// Where it is missing or no text.
    pub fn operation(&self) -> Result<String, Failure> {
        wanted("operationName", self.operation_name.as_deref())
    }

    /// `userData`, an object or a pair list, where it is given.
    ///
    /// # Errors
    /// Where it is something else, or names a key twice.
    pub fn maybe_user_data(&self) -> Result<Option<Given>, Failure> {
        let Some(raw) = self.user_data.as_deref() else {
            return Ok(None);
        };
        serde_json::from_str(raw.get()).map(Some).map_err(|error| {
            let message = error.to_string();
            // serde ends with the place in the text, which means nothing to the caller
            let message = message.split(" at line ").next().unwrap_or_default();
            let marked = message
                .strip_prefix(POINTER_MARK)
                .and_then(|rest| rest.split_once(POINTER_MARK));
            Failure::invalid(match marked {
                Some((pointer, detail)) => format!("/userData{pointer} {detail}"),
                None => format!("userData {message}"),
            })
        })
    }

    /// `userData`.
    ///
    /// # Errors
    /// Where it is missing, something else, or names a key twice.
    pub fn user_data(&self) -> Result<Given, Failure> {
        self.maybe_user_data()?
            .ok_or_else(|| Failure::missing("userData"))
    }

    /// `keys`, where they are given; null is as good as none in the list.
    ///
    /// # Errors
    /// Where they are no list of texts.
    pub fn maybe_keys(&self) -> Result<Option<Vec<String>>, Failure> {
        let keys: Option<Option<Vec<String>>> = maybe("keys", self.keys.as_deref())?;
        Ok(keys.map(Option::unwrap_or_default))
    }

    /// `key`.
    ///
    /// # Errors
    /// Where it is missing or no text.
    pub fn key(&self) -> Result<String, Failure> {
        wanted("key", self.key.as_deref())
    }

    /// `disposition`, and `dispositionKey` where it is given.
    ///
    /// # Errors
    /// Where `disposition` is missing, or one of the two no text.
    pub fn disposition(&self) -> Result<(String, Option<String>), Failure> {
        Ok((
            wanted("disposition", self.disposition.as_deref())?,
            maybe("dispositionKey", self.disposition_key.as_deref())?,
        ))
    }

    /// `queueUri`.
    ///
    /// # Errors
    /// Where it is missing or no text.
    pub fn queue_uri(&self) -> Result<String, Failure> {
        wanted("queueUri", self.queue_uri.as_deref())
    }

    /// `parentId`, where it is given.
    ///
    /// # Errors
    /// Where it is no text.
    pub fn parent(&self) -> Result<Option<String>, Failure> {
        maybe("parentId", self.parent_id.as_deref())
    }

    /// `threadId`, where it is given.
    ///
    /// # Errors
    /// Where it is no text.
    pub fn thread(&self) -> Result<Option<String>, Failure> {
        maybe("threadId", self.thread_id.as_deref())
    }
}

/// Tells a member that is null from one that is absent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

fn maybe<T: DeserializeOwned>(name: &str, raw: Option<&RawValue>) -> Result<Option<T>, Failure> {
    let Some(raw) = raw else { return Ok(None) };
    serde_json::from_str(raw.get()).map(Some).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        Failure::invalid(format!("{name} does not fit: {message}"))
    })
}

fn wanted<T: DeserializeOwned>(name: &str, raw: Option<&RawValue>) -> Result<T, Failure> {
    maybe(name, raw)?.ok_or_else(|| Failure::missing(name))
}
