//! A change of core attributes as a JSON merge patch.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use super::check::{
    LONGEST_MEDIA_TYPE, LONGEST_SUBJECT, SHORT, ShortTexts, check_attributes, check_long_texts,
    check_span, participants_weight,
};
use super::{EntityType, Interaction, LongTexts, Participant, Status, media_type};
use crate::domain::limits::{Limits, check_id, check_text};
use crate::domain::{Fault, Moment, Refusal};

/// Distinguishes an absent attribute from null in a merge patch.
pub(in crate::domain) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Refuses null for an attribute that every interaction has.
fn kept<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let given = Option::<T>::deserialize(deserializer)?;
    if given.is_none() {
        return Err(de::Error::custom("cannot be cleared"));
    }
    Ok(given)
}

/// A JSON merge patch of core attributes: absent attributes stay, null clears one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InteractionPatch {
    /// Media type; cannot be cleared.
    #[serde(deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub media_type: Option<String>,
    /// UCS's kind of record; cannot be cleared. If absent, one that was derived from the media type
    /// is derived again.
    #[serde(deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub entity_type: Option<EntityType>,
    /// `Inbound`, …
    #[serde(
        rename = "type",
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub kind: Option<Option<String>>,
    /// `InboundNew`, …
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subtype: Option<Option<String>>,
    /// Status; cannot be cleared.
    #[serde(deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<Status>,
    /// The contact, which must exist.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub contact_id: Option<Option<String>>,
    /// The agent.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub owner_id: Option<Option<String>>,
    /// The interaction that led to it, which must exist. The interaction joins its parent's thread.
    /// Null removes the parent and keeps the thread.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub parent_id: Option<Option<String>>,
    /// Whether it may be the parent of others; cannot be cleared.
    #[serde(deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub can_be_parent: Option<bool>,
    /// When it began; cannot be cleared.
    #[serde(deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub start_date: Option<Moment>,
    /// When it ended.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Moment>)]
    pub end_date: Option<Option<Moment>>,
    /// Subject line.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub subject: Option<Option<String>>,
    /// Plain text.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub text: Option<Option<String>>,
    /// Text with its markup.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub structured_text: Option<Option<String>>,
    /// The agent's note.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub comment: Option<Option<String>>,
    /// Queue.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub queue: Option<Option<String>>,
    /// Category.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub category_id: Option<Option<String>>,
    /// Identifier in another system.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub external_id: Option<Option<String>>,
    /// Why it was stopped.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub stopped_reason: Option<Option<String>>,
    /// Language.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub language: Option<Option<String>>,
    /// The participants.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Participant>>)]
    pub participants: Option<Option<Vec<Participant>>>,
}

fn set<T: Clone>(target: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        target.clone_from(value);
    }
}

impl InteractionPatch {
    /// Checks lengths and characters. Returns roughly the bytes of memory that it takes.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault.
    pub fn check(&self, limits: &Limits) -> Result<usize, Refusal> {
        fn inner(text: &Option<Option<String>>) -> Option<&str> {
            text.as_ref().and_then(Option::as_deref)
        }
        let mut faults = Vec::new();
        if let Some(media_type) = &self.media_type {
            if media_type.trim().is_empty() {
                faults.push(Fault::at("/mediaType", "cannot be empty"));
            }
            check_text("/mediaType", media_type, LONGEST_MEDIA_TYPE, &mut faults);
        }
        for (pointer, id) in [
            ("/contactId", inner(&self.contact_id)),
            ("/ownerId", inner(&self.owner_id)),
            ("/parentId", inner(&self.parent_id)),
        ] {
            if let Some(id) = id {
                check_id(pointer, id, limits, &mut faults);
            }
        }
        let short = ShortTexts([
            ("/type", inner(&self.kind), SHORT),
            ("/subtype", inner(&self.subtype), SHORT),
            ("/subject", inner(&self.subject), LONGEST_SUBJECT),
            ("/queue", inner(&self.queue), SHORT),
            ("/categoryId", inner(&self.category_id), SHORT),
            ("/externalId", inner(&self.external_id), SHORT),
            ("/stoppedReason", inner(&self.stopped_reason), SHORT),
            ("/language", inner(&self.language), SHORT),
        ]);
        check_attributes(&short, &mut faults);
        let long = [&self.text, &self.structured_text, &self.comment].map(inner);
        let participants = self.participants.as_ref().and_then(Option::as_deref);
        check_long_texts(long[0], long[1], long[2], participants, &mut faults);
        if !faults.is_empty() {
            return Err(Refusal::Invalid(faults));
        }
        let short = short.0.into_iter().filter_map(|(_, text, _)| text);
        Ok(size_of::<Self>()
            + short
                .chain(long.into_iter().flatten())
                .map(str::len)
                .sum::<usize>()
            + participants.map_or(0, participants_weight))
    }

    /// Whether it changes a long text.
    pub fn touches_texts(&self) -> bool {
        self.text.is_some()
            || self.structured_text.is_some()
            || self.comment.is_some()
            || self.participants.is_some()
    }

    /// The patch of an interaction with the entity type that follows from it. An entity type that is
    /// derived from media type and type is derived again when one of them changes. Any other was
    /// given by a caller, and stays.
    pub fn with_entity_type(&self, of: &Interaction) -> Cow<'_, Self> {
        let before = EntityType::of_media(&of.media_type, of.kind.as_deref());
        if self.entity_type.is_some() || of.entity_type != before {
            return Cow::Borrowed(self);
        }
        let given = self.media_type.as_deref().map(media_type);
        let media = given.as_ref().unwrap_or(&of.media_type);
        let kind = self.kind.as_ref().unwrap_or(&of.kind);
        let after = EntityType::of_media(media, kind.as_deref());
        if after == before {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            entity_type: Some(after),
            ..self.clone()
        })
    }

    /// Applies the patch, except the parent, which the store looks up. Leaves the revision and the
    /// modification date alone.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the result would end before it began, or have an end without being
    /// stopped.
    pub fn apply(&self, to: &mut Interaction, texts: &mut LongTexts) -> Result<(), Refusal> {
        if let Some(given) = &self.media_type {
            to.media_type = media_type(given);
        }
        set(&mut to.entity_type, self.entity_type.as_ref());
        set(&mut to.kind, self.kind.as_ref());
        set(&mut to.subtype, self.subtype.as_ref());
        set(&mut to.status, self.status.as_ref());
        set(&mut to.contact_id, self.contact_id.as_ref());
        set(&mut to.owner_id, self.owner_id.as_ref());
        set(&mut to.can_be_parent, self.can_be_parent.as_ref());
        set(&mut to.start_date, self.start_date.as_ref());
        set(&mut to.end_date, self.end_date.as_ref());
        if self.end_date.is_none() && self.status.is_some_and(|status| status != Status::Stopped) {
            to.end_date = None;
        }
        set(&mut to.subject, self.subject.as_ref());
        set(&mut to.queue, self.queue.as_ref());
        set(&mut to.category_id, self.category_id.as_ref());
        set(&mut to.external_id, self.external_id.as_ref());
        set(&mut to.stopped_reason, self.stopped_reason.as_ref());
        set(&mut to.language, self.language.as_ref());
        set(&mut texts.text, self.text.as_ref());
        set(&mut texts.structured_text, self.structured_text.as_ref());
        set(&mut texts.comment, self.comment.as_ref());
        set(&mut texts.participants, self.participants.as_ref());
        let mut faults = Vec::new();
        check_span(
            Some(to.start_date),
            to.end_date,
            Some(to.status),
            &mut faults,
        );
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(faults))
        }
    }
}
