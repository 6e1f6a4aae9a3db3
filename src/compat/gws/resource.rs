//! An interaction as a resource of its medium. UserData is sent as the text in which it is stored.

use std::borrow::Cow;

use serde_json::json;

use super::answer::text;
use super::media::{Medium, Shape, Spelling, State, of_type};
use crate::config::{Capabilities, Gws};
use crate::domain::Moment;
use crate::domain::interaction::{Interaction, LongTexts, Participant};
use crate::domain::user_data::{self, Document};
use crate::store::{Found, StoreError};

/// How resources are shown to a client.
#[derive(Clone, Copy)]
pub struct View<'v> {
    /// The address of this server, escaped for JSON text.
    pub base: &'v str,
    /// The settings of this API.
    pub settings: &'v Gws,
    /// The spelling that the client chose.
    pub spelling: Spelling,
}

/// An interaction to render.
pub struct Resource<'r> {
    /// Its medium.
    pub medium: &'static Medium,
    /// The core attributes.
    pub interaction: Interaction,
    /// The long texts, where they were loaded.
    pub texts: Option<&'r LongTexts>,
    /// UserData as JSON text.
    pub user_data: &'r str,
    /// How it is rendered.
    pub view: View<'r>,
}

/// A moment in the format of Web Services, in UTC.
pub fn moment(at: Moment) -> String {
    at.utc().format("%Y-%m-%d %H:%M:%S%.3f+0000").to_string()
}

impl Shape {
    /// The names of all fields, in order.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Session => &[
                "id",
                "state",
                "uri",
                "path",
                "capabilities",
                "participants",
                "userData",
            ],
            Self::OpenMedia => &[
                "id",
                "state",
                "uri",
                "path",
                "capabilities",
                "mediaType",
                "openmediaType",
                "receivedDate",
                "ucsContent",
                "userData",
            ],
            Self::Workitem => &[
                "id",
                "state",
                "uri",
                "path",
                "capabilities",
                "workitemType",
                "receivedDate",
                "userData",
            ],
            Self::Email => &[
                "id",
                "state",
                "uri",
                "path",
                "capabilities",
                "contactId",
                "from",
                "to",
                "cc",
                "bcc",
                "subject",
                "receivedDate",
                "body",
                "bodyAsPlainText",
                "mime",
                "attachments",
                "userData",
            ],
            Self::Call => &[
                "id",
                "state",
                "uri",
                "path",
                "capabilities",
                "callUuid",
                "connId",
                "callType",
                "participants",
                "duration",
                "userData",
            ],
        }
    }

    /// The fields that a message carries, as in the published messages: `path` only for calls, and
    /// `ucsContent` of open media only if the message is about the status (`OpenMediaAPIAttachUD`,
    /// `OpenMediaAPIAddContent`).
    pub fn told(self, of_status: bool) -> Vec<&'static str> {
        let told = |name: &&str| match *name {
            "path" => self == Self::Call,
            "ucsContent" => of_status,
            _ => true,
        };
        self.fields().iter().copied().filter(told).collect()
    }

    /// Whether a field shows one of the long texts.
    pub fn is_long(self, field: &str) -> bool {
        ["participants", "body", "bodyAsPlainText", "mime"].contains(&field)
    }
}

impl<'r> Resource<'r> {
    /// The resource of a stored interaction.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when the stored text is corrupt.
    pub fn of(found: &'r Found, view: View<'r>) -> Result<Self, StoreError> {
        let interaction = found.interaction()?;
        Ok(Self {
            medium: of_type(&interaction.media_type),
            interaction,
            texts: found.texts.as_ref(),
            user_data: &found.user_data,
            view,
        })
    }

    /// Its state.
    pub fn state(&self) -> &'static State {
        self.medium.state(&self.interaction)
    }

    /// Its absolute address, escaped for JSON text.
    pub fn uri(&self) -> String {
        let path = self.path();
        format!(
            "\"{}/api/v2{}{path}\"",
            self.view.base, self.medium.uri_under
        )
    }

    /// Its path, which needs no escapes in JSON text.
    fn path(&self) -> String {
        self.medium.path(&self.interaction, self.view.spelling)
    }

    fn capabilities(&self) -> Cow<'static, [&'static str]> {
        let settings = self.view.settings;
        match settings.capabilities {
            Capabilities::Published => self.state().capabilities.into(),
            Capabilities::Possible => {
                let needed = self.medium.operations_need;
                if settings.features.iter().any(|on| on == needed) {
                    self.medium.possible(self.interaction.status).into()
                } else {
                    Cow::Borrowed(&[])
                }
            }
        }
    }

    /// These fields, as JSON text.
    pub fn shown(&self, fields: &[&str]) -> String {
        let mut out = String::with_capacity(self.user_data.len() + 512);
        for name in fields {
            if let Some(value) = self.field(name) {
                out.push(if out.is_empty() { '{' } else { ',' });
                out += &format!("\"{name}\":{value}");
            }
        }
        if out.is_empty() {
            out.push('{');
        }
        out + "}"
    }

    /// One field as JSON text; `None` if it has no value.
    pub fn field(&self, name: &str) -> Option<String> {
        let of = &self.interaction;
        let kind = || of.kind.as_deref().unwrap_or("Inbound");
        Some(match name {
            "id" | "callUuid" => text(&of.id),
            "state" => text(self.state().name),
            "uri" => self.uri(),
            "path" => format!("\"{}\"", self.path()),
            "capabilities" => text(&self.capabilities()),
            "userData" => self.user_data.to_owned(),
            "participants" if self.medium.shape == Shape::Call => {
                let all: Vec<_> = self.participants().iter().map(caller).collect();
                text(&all)
            }
            "participants" => text(self.participants()),
            "mediaType" => text(&of.media_type),
            "openmediaType" | "workitemType" | "callType" => text(kind()),
            "receivedDate" => text(&moment(of.start_date)),
            // Annals stores whatever it shows
            "ucsContent" => text("Available"),
            "connId" => text(of.external_id.as_deref()?),
            "duration" => {
                let micros = of.end_date?.micros() - of.start_date.micros();
                text(&(micros / 1_000_000).to_string())
            }
            "contactId" => text(of.contact_id.as_deref()?),
            "subject" => text(of.subject.as_deref()?),
            "from" => text(&address(&self.document(), "FromAddress")?),
            "to" => addresses(&self.document(), "To"),
            "cc" => addresses(&self.document(), "Cc"),
            "bcc" => addresses(&self.document(), "Bcc"),
            "body" => {
                let texts = self.texts?;
                text(texts.structured_text.as_ref().or(texts.text.as_ref())?)
            }
            "bodyAsPlainText" => text(self.texts?.text.as_ref()?),
            "mime" => {
                let texts = self.texts?;
                let html = texts.structured_text.is_some();
                texts.structured_text.as_ref().or(texts.text.as_ref())?;
                text(if html { "text/html" } else { "text/plain" })
            }
            "attachments" => "[]".to_owned(),
            _ => return None,
        })
    }

    fn participants(&self) -> &[Participant] {
        let texts = self.texts;
        texts
            .and_then(|texts| texts.participants.as_deref())
            .unwrap_or_default()
    }

    fn document(&self) -> Document {
        user_data::read(self.user_data).unwrap_or_default()
    }
}

/// A participant of a call: the number in all the forms that clients look for.
fn caller(one: &Participant) -> serde_json::Value {
    let number = &one.participant_id;
    json!({"digits": number, "e164Number": number, "formattedPhoneNumber": number, "phoneNumber": number})
}

/// An address, which media servers store in UserData.
fn address(document: &Document, key: &str) -> Option<String> {
    document.get(key)?.as_str().map(str::to_owned)
}

/// Addresses, separated by commas or semicolons.
fn addresses(document: &Document, key: &str) -> String {
    let joined = address(document, key).unwrap_or_default();
    let all: Vec<&str> = joined
        .split([',', ';'])
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .collect();
    text(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_to_the_millisecond_in_utc() {
        let at = Moment::parse("2014-03-26T16:02:22.0409+02:00").unwrap();
        assert_eq!(moment(at), "2014-03-26 14:02:22.040+0000");
    }
}
