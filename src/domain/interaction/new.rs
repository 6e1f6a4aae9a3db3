//! An interaction as a caller records it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check::{
    LONGEST_MEDIA_TYPE, ShortTexts, check_attributes, check_long_texts, check_span,
    participants_weight,
};
use super::{ENGAGEMENT_MEDIA, EntityType, Participant, Status, fingerprint, media_type};
use crate::domain::contact::GivenAttributes;
use crate::domain::limits::{Limits, check_id, check_new_id, check_text};
use crate::domain::user_data::{Given, Transience};
use crate::domain::{Fault, Moment, Refusal};

/// An interaction to record. Only `mediaType` is required.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewInteraction {
    /// The caller's own identifier, up to 64 characters; generated if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Must be the caller's tenant if given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<i64>,
    /// `webengagement`, `chat`, `webcallback`, `sms`, `smssession`, `email`, `voice`, `workitem`,
    /// or any open media type.
    #[schema(example = "webengagement")]
    pub media_type: String,
    /// UCS's kind of record; derived from the media type if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_type: Option<EntityType>,
    /// `Inbound`, `Outbound`, …
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `InboundNew`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtype: Option<String>,
    /// If absent: `Stopped` if an end is given, otherwise `New`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// An existing contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// Identifies or creates the contact in the same commit; replaces `contactId`.
    #[serde(
        deserialize_with = "crate::domain::contact::maybe_given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<HashMap<String, crate::domain::schema::AttributeValue>>, example = json!({"EmailAddress": "ann@example.test"}))]
    pub contact: Option<GivenAttributes>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// The interaction that led to it. The new interaction joins its thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// What a `chat` or `webcallback` copies from the UserData of its parent, a `webengagement`:
    /// `all`, `no`, or keys separated by semicolons. If absent, the server's `[engagement]
    /// copy_user_data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_user_data: Option<String>,
    /// The thread; ignored if a parent is given. If both are absent, a new thread begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// True if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_be_parent: Option<bool>,
    /// Now if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Moment>,
    /// Must not be before the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Moment>,
    /// Up to 4,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Body or transcript as plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Body or transcript with its markup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_text: Option<String>,
    /// The agent's note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_id: Option<String>,
    /// Identifier in another system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Why it was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_reason: Option<String>,
    /// Language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The participants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participants: Option<Vec<Participant>>,
    /// An object, or a list of `{key, type, value}`.
    #[schema(value_type = Option<crate::domain::schema::NewUserData>)]
    pub user_data: Given,
}

/// Path segments after `/v1/interactions/` that are no identifiers.
const NO_IDS: [&str; 2] = ["batch", "search"];

impl NewInteraction {
    /// Normalises the interaction for storage: folds the media type and removes transient keys.
    ///
    /// Returns the dropped keys and the repeated ones.
    pub fn receive(&mut self, rules: &Transience, limits: &Limits) -> (Vec<String>, Vec<String>) {
        // the limit applies to the text as it was sent
        if self.media_type.chars().count() <= LONGEST_MEDIA_TYPE {
            self.media_type = media_type(&self.media_type);
        }
        (
            rules.apply(&mut self.user_data.document, limits, |_| false),
            std::mem::take(&mut self.user_data.repeated),
        )
    }

    /// Checks everything that needs no access to the store, except the size of UserData, which is
    /// known from its JSON text.
    ///
    /// Returns roughly the bytes of memory that UserData takes.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault; [`Refusal::Forbidden`] if another tenant is named.
    pub fn check(&self, tenant: i64, limits: &Limits) -> Result<usize, Refusal> {
        if self.tenant_id.is_some_and(|named| named < 0) {
            return Err(Refusal::invalid("/tenantId", "is no tenant"));
        }
        if self.tenant_id.is_some_and(|named| named != tenant) {
            return Err(Refusal::Forbidden(
                "tenantId names a tenant that is not the caller's".to_owned(),
            ));
        }
        let mut faults = Vec::new();
        if self.media_type.is_empty() {
            faults.push(Fault::at("/mediaType", "is required"));
        }
        check_text(
            "/mediaType",
            &self.media_type,
            LONGEST_MEDIA_TYPE,
            &mut faults,
        );
        if let Some(id) = &self.id {
            check_new_id("/id", id, &NO_IDS, limits, &mut faults);
        }
        for (pointer, id) in [
            ("/contactId", &self.contact_id),
            ("/ownerId", &self.owner_id),
            ("/parentId", &self.parent_id),
            ("/threadId", &self.thread_id),
        ] {
            if let Some(id) = id {
                check_id(pointer, id, limits, &mut faults);
            }
        }
        if let Some(copy) = &self.copy_user_data {
            check_text("/copyUserData", copy, usize::MAX, &mut faults);
        }
        check_attributes(&ShortTexts::from(self), &mut faults);
        check_long_texts(
            self.text.as_deref(),
            self.structured_text.as_deref(),
            self.comment.as_deref(),
            self.participants.as_deref(),
            &mut faults,
        );
        if self.contact.is_some() && self.contact_id.is_some() {
            faults.push(Fault::at(
                "/contact",
                "cannot be given together with contactId",
            ));
        }
        check_span(self.start_date, self.end_date, self.status, &mut faults);
        let user_data = crate::domain::user_data::check(
            "/userData",
            &self.user_data.document,
            limits,
            &mut faults,
        );
        if faults.is_empty() {
            Ok(user_data)
        } else {
            Err(Refusal::Invalid(faults))
        }
    }

    /// Roughly the bytes of memory that it takes, without its UserData.
    pub fn weight(&self) -> usize {
        let texts = [
            &self.id,
            &self.kind,
            &self.subtype,
            &self.contact_id,
            &self.owner_id,
            &self.parent_id,
            &self.copy_user_data,
            &self.thread_id,
            &self.subject,
            &self.text,
            &self.structured_text,
            &self.comment,
            &self.queue,
            &self.category_id,
            &self.external_id,
            &self.stopped_reason,
            &self.language,
        ];
        size_of::<Self>()
            + self.media_type.len()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
            + self.participants.as_deref().map_or(0, participants_weight)
            + self
                .contact
                .as_ref()
                .map_or(0, crate::domain::contact::weight)
    }

    /// Whether a web engagement may lead to it.
    pub fn may_be_engagement(&self) -> bool {
        ENGAGEMENT_MEDIA.contains(&self.media_type.as_str())
    }

    /// A fingerprint of the request: equal for equal content, whatever the order of its keys.
    pub fn fingerprint(&self) -> Vec<u8> {
        fingerprint(self)
    }
}
