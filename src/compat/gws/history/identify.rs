//! `IdentifyUCSContact`: the customer's contact, which is created if it does not exist
//! (`docs.genesys.com`: GWS "`UCSIVIdentifyUCSContent`").

use super::{Asker, Told};
use crate::compat::gws::answer::{Failure, text};
use crate::compat::gws::parameters::Parameters;
use crate::domain::Refusal;
use crate::domain::command::{Command, Outcome};
use crate::domain::contact::{GivenAttributes, OneOrMany};
use crate::store::StoreError;

/// Its message format. The documents name no type.
pub const TOLD: Told = Told {
    message_type: None,
    failed: "",
};

/// The parameters with the contact attributes they stand for. `userData` may also hold keys named
/// like the attributes.
const ATTRIBUTES: [(&str, &str); 5] = [
    ("emailAddress", "EmailAddress"),
    ("phoneNumber", "PhoneNumber"),
    ("firstName", "FirstName"),
    ("lastName", "LastName"),
    ("title", "Title"),
];

/// The attributes by which to identify the contact.
pub struct Identify {
    attributes: GivenAttributes,
    create: bool,
}

impl Identify {
    /// Parses the parameters.
    ///
    /// # Errors
    /// Naming the one that is wrong, or all of them if none is given.
    pub fn read(parameters: &Parameters) -> Result<Self, Failure> {
        let user_data = parameters
            .user_data("userData")?
            .unwrap_or_default()
            .document;
        let mut attributes = GivenAttributes::new();
        for (parameter, attribute) in ATTRIBUTES {
            let in_user_data = || {
                let text = user_data.get(attribute)?.as_str()?;
                (!text.trim().is_empty()).then(|| text.to_owned())
            };
            if let Some(value) = parameters.word(parameter)?.or_else(in_user_data) {
                attributes.insert(attribute.to_owned(), OneOrMany::One(value));
            }
        }
        if attributes.is_empty() {
            return Err(Failure::missing("emailAddress"));
        }
        Ok(Self {
            attributes,
            create: parameters.flag("createContactEnabled")?.unwrap_or(true),
        })
    }

    /// Finds the contact or creates it.
    ///
    /// # Errors
    /// When none matches and none may be created, or the store fails.
    pub async fn run(self, asker: Asker) -> Result<String, StoreError> {
        let command = Command::IdentifyContact {
            attributes: self.attributes,
            media_type: None,
            create: self.create,
        };
        let outcome = asker.submit(command).await?;
        match outcome {
            Outcome::Identified {
                contact_id: Some(id),
                ..
            } => Ok(format!("\"contactId\":{}", text(&id))),
            _ => Err(Refusal::Conflict("no contact fits".to_owned()).into()),
        }
    }
}
