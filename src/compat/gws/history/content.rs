//! `GetInteractionContent`: one interaction with its UserData and, for a chat, its messages.

use super::list::archive;
use super::messages::messages;
use super::row::{document, row};
use super::{Asker, Told};
use crate::compat::gws::answer::{Failure, text};
use crate::compat::gws::parameters::Parameters;
use crate::domain::Refusal;
use crate::domain::interaction::Interaction;
use crate::store::{Found, StoreError};

/// Its message format.
pub const TOLD: Told = Told {
    message_type: Some("GetInteractionContentMessage"),
    failed: "",
};

/// The media types whose interactions have messages.
const TALKED: [&str; 5] = ["chat", "facebooksession", "sms", "smsession", "smssession"];

/// A request for one interaction.
pub struct Content {
    id: String,
    archive: bool,
}

impl Content {
    /// Parses the parameters.
    ///
    /// # Errors
    /// Naming the one that is wrong.
    pub fn read(parameters: &Parameters, id: String) -> Result<Self, Failure> {
        let archive = archive(parameters)?;
        Ok(Self { id, archive })
    }

    /// Runs the query.
    ///
    /// # Errors
    /// When the interaction does not exist, or the store fails.
    pub async fn run(self, asker: Asker) -> Result<String, StoreError> {
        let there = if self.archive {
            None
        } else {
            let reads = &asker.app.reads;
            reads.interaction(asker.user.tenant, &self.id).await?
        };
        let found = there.ok_or_else(|| Refusal::no_interaction(&self.id))?;
        let of = found.interaction()?;
        let mut more = vec![
            ("customAttributes", "{}".to_owned()),
            ("userData", found.user_data.clone()),
        ];
        if of.media_type == "voice" {
            more.push(("phoneNumber", text(&phone_number(&found)?)));
            more.push(("callDuration", text(&duration(&of))));
        }
        let more: Vec<(&str, &str)> = more.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let mut members = format!("\"interaction\":{}", row(&found, &of, asker.view(), &more));
        if TALKED.contains(&of.media_type.as_str()) {
            let said = found
                .texts
                .as_ref()
                .map(|texts| messages(texts, of.start_date))
                .unwrap_or_default();
            members += &format!(",\"messages\":{}", text(&said));
        }
        Ok(members)
    }
}

/// The customer's number: that of a participant who is not an agent, or the one that media servers
/// store in UserData.
fn phone_number(found: &Found) -> Result<Option<String>, StoreError> {
    let participants = found
        .texts
        .as_ref()
        .and_then(|texts| texts.participants.as_deref())
        .unwrap_or_default();
    let customer = participants.iter().find(|one| {
        let kind = one.kind.as_deref().unwrap_or_default();
        !["Agent", "Supervisor"].contains(&kind)
    });
    if let Some(customer) = customer {
        return Ok(Some(customer.participant_id.clone()));
    }
    let document = document(found)?;
    Ok(["PhoneNumber", "ANI"]
        .iter()
        .find_map(|key| document.get(*key)?.as_str())
        .map(str::to_owned))
}

/// Seconds from the start to the end; `None` while the interaction is open.
fn duration(of: &Interaction) -> Option<i64> {
    Some((of.end_date?.micros() - of.start_date.micros()) / 1_000_000)
}
