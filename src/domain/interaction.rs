//! Interactions: one contact event each, with the attributes that UCS gives them.

use serde::{Deserialize, Deserializer, Serialize, de};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::contact::GivenAttributes;
use super::limits::{Limits, check_id, check_new_id, check_text};
use super::user_data::{Given, POINTER_MARK, Transience};
use super::{Fault, Moment, Refusal};

/// Where an interaction stands; the numbers are those of UCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Status {
    /// 0: known, not yet worked on.
    New,
    /// 1: waiting.
    Pending,
    /// 2: somebody or something works on it.
    InProcess,
    /// 3: over.
    Stopped,
}

/// What kind of record UCS keeps for an interaction; the numbers are those of UCS, which leaves out 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum EntityType {
    /// 0
    EmailIn,
    /// 1
    EmailOut,
    /// 2
    Chat,
    /// 3
    PhoneCall,
    /// 5
    Callback,
    /// 6
    CoBrowse,
    /// 7: open media.
    Interaction,
}

/// A value that is stored as a small number and shown by its name.
pub trait Coded: Copy + Sized + 'static {
    /// Every value, with its number and its name.
    const ALL: &'static [(Self, i64, &'static str)];

    /// The value of a number.
    fn of_code(code: i64) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, other, _)| *other == code)
            .map(|(value, ..)| *value)
    }

    /// The value of a name.
    fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(.., other)| *other == name)
            .map(|(value, ..)| *value)
    }
}

impl Coded for Status {
    const ALL: &'static [(Self, i64, &'static str)] = &[
        (Self::New, 0, "New"),
        (Self::Pending, 1, "Pending"),
        (Self::InProcess, 2, "InProcess"),
        (Self::Stopped, 3, "Stopped"),
    ];
}

impl Status {
    /// UCS's number.
    pub fn code(self) -> i64 {
        Self::ALL
            .iter()
            .find(|(value, ..)| *value == self)
            .map_or(0, |(_, code, _)| *code)
    }
}

impl Coded for EntityType {
    const ALL: &'static [(Self, i64, &'static str)] = &[
        (Self::EmailIn, 0, "EmailIn"),
        (Self::EmailOut, 1, "EmailOut"),
        (Self::Chat, 2, "Chat"),
        (Self::PhoneCall, 3, "PhoneCall"),
        (Self::Callback, 5, "Callback"),
        (Self::CoBrowse, 6, "CoBrowse"),
        (Self::Interaction, 7, "Interaction"),
    ];
}

impl EntityType {
    /// UCS's number.
    pub fn code(self) -> i64 {
        Self::ALL
            .iter()
            .find(|(value, ..)| *value == self)
            .map_or(7, |(_, code, _)| *code)
    }

    /// The kind of record that a media type has when nobody says otherwise.
    pub fn of_media(media_type: &str, kind: Option<&str>) -> Self {
        match media_type {
            "email" if kind == Some("Outbound") => Self::EmailOut,
            "email" => Self::EmailIn,
            "chat" => Self::Chat,
            "voice" => Self::PhoneCall,
            "webcallback" => Self::Callback,
            "cobrowsing" => Self::CoBrowse,
            _ => Self::Interaction,
        }
    }
}

/// The media type of a web engagement.
pub const WEB_ENGAGEMENT: &str = "webengagement";
/// What a web engagement may lead to.
pub const ENGAGEMENT_MEDIA: [&str; 2] = ["chat", "webcallback"];

/// The form in which a media type is kept: lower case, `call` as `voice`, `callback` as `webcallback`.
pub fn media_type(given: &str) -> String {
    match given.trim().to_lowercase().as_str() {
        "call" => "voice".to_owned(),
        "callback" => "webcallback".to_owned(),
        other => other.to_owned(),
    }
}

/// Someone who took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Participant {
    /// Who, in the words of the system that knew.
    pub participant_id: String,
    /// The name shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// `Customer`, `Agent`, `Supervisor`, `External`, …
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A stored interaction, without its long texts and its UserData.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interaction {
    /// Identifier, unique in its tenant.
    pub id: String,
    /// Tenant.
    pub tenant_id: i64,
    /// Media type, lower case.
    pub media_type: String,
    /// UCS's kind of record.
    pub entity_type: EntityType,
    /// `Inbound`, `Outbound`, `Internal`, `Consult`, …
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `InboundNew`, `OutboundReply`, …
    pub subtype: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// The customer.
    pub contact_id: Option<String>,
    /// The agent.
    pub owner_id: Option<String>,
    /// The interaction that it came from.
    pub parent_id: Option<String>,
    /// The thread it belongs to.
    pub thread_id: String,
    /// Whether others may name it as their parent.
    pub can_be_parent: bool,
    /// When it began.
    pub start_date: Moment,
    /// When it ended.
    pub end_date: Option<Moment>,
    /// When it was recorded.
    pub created_date: Moment,
    /// When it last changed, strictly later with each change.
    pub modified_date: Moment,
    /// Counts its changes, from 1.
    pub revision: i64,
    /// Subject line.
    pub subject: Option<String>,
    /// Queue.
    pub queue: Option<String>,
    /// Category.
    pub category_id: Option<String>,
    /// Identifier in another system.
    pub external_id: Option<String>,
    /// Why it was stopped.
    pub stopped_reason: Option<String>,
    /// Language.
    pub language: Option<String>,
}

/// The long texts of an interaction, kept beside the narrow row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LongTexts {
    /// Body or transcript as plain text.
    pub text: Option<String>,
    /// Body or transcript with its markup.
    pub structured_text: Option<String>,
    /// The agent's note.
    pub comment: Option<String>,
    /// Who took part.
    pub participants: Option<Vec<Participant>>,
}

impl LongTexts {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.text.is_none()
            && self.structured_text.is_none()
            && self.comment.is_none()
            && self.participants.is_none()
    }
}

/// An interaction to record. Only `mediaType` is required.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewInteraction {
    /// The caller's own identifier, up to 64 characters; made by the server when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Must be the caller's tenant where given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<i64>,
    /// `webengagement`, `chat`, `webcallback`, `sms`, `smssession`, `email`, `voice`, `workitem`, or any open media.
    #[schema(example = "webengagement")]
    pub media_type: String,
    /// UCS's kind of record; follows from the media type when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_type: Option<EntityType>,
    /// `Inbound`, `Outbound`, …
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `InboundNew`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtype: Option<String>,
    /// `New` when absent, `Stopped` when an end is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// A known contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// Identifies, or creates, the contact in the same commit; in place of `contactId`.
    #[serde(
        deserialize_with = "super::contact::maybe_given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Object>, example = json!({"EmailAddress": "ann@example.test"}))]
    pub contact: Option<GivenAttributes>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// The interaction it came from; its thread is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The thread; ignored when a parent is given, a new one when neither is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// True when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_be_parent: Option<bool>,
    /// Now when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start_date: Option<Moment>,
    /// Not before the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
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
    /// Who took part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participants: Option<Vec<Participant>>,
    /// An object, or a list of `{key, type, value}`.
    #[schema(value_type = Object)]
    pub user_data: Given,
}

/// Characters of the short attributes.
pub const SHORT: usize = 256;
/// Characters of a subject.
pub const LONGEST_SUBJECT: usize = 4_000;
/// Participants of one interaction.
pub const MOST_PARTICIPANTS: usize = 1_000;
/// What follows `/v1/interactions/` in paths that mean no interaction.
const NO_IDS: [&str; 2] = ["batch", "search"];

impl NewInteraction {
    /// Brings the interaction into the form in which it is kept: media type folded, transient keys out.
    ///
    /// Returns the dropped keys and the repeated ones.
    pub fn receive(&mut self, rules: &Transience, limits: &Limits) -> (Vec<String>, Vec<String>) {
        self.media_type = media_type(&self.media_type);
        (
            rules.apply(&mut self.user_data.document, limits, |_| false),
            std::mem::take(&mut self.user_data.repeated),
        )
    }

    /// Checks everything that can be said without looking into the store, but the size of UserData, which its JSON text tells.
    ///
    /// Returns roughly the bytes of memory that UserData takes.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault; [`Refusal::Forbidden`] when another tenant is named.
    pub fn check(&self, tenant: i64, limits: &Limits) -> Result<usize, Refusal> {
        if self.tenant_id.is_some_and(|named| named != tenant) {
            return Err(Refusal::Forbidden(
                "tenantId names a tenant that is not the caller's".to_owned(),
            ));
        }
        let mut faults = Vec::new();
        if self.media_type.is_empty() {
            faults.push(Fault::at("/mediaType", "is required"));
        }
        check_text("/mediaType", &self.media_type, 64, &mut faults);
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
        let user_data =
            super::user_data::check("/userData", &self.user_data.document, limits, &mut faults);
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
            + self.contact.as_ref().map_or(0, super::contact::weight)
    }

    /// A fingerprint of what was sent, the same for the same content whatever the order of its keys.
    pub fn fingerprint(&self) -> Vec<u8> {
        fingerprint(self)
    }
}

/// The first 16 bytes of SHA-256 over the content with its keys in order.
pub fn fingerprint(content: &impl Serialize) -> Vec<u8> {
    let mut value = serde_json::to_value(content).unwrap_or_default();
    value.sort_all_objects();
    Sha256::digest(value.to_string())[..16].to_vec()
}

/// Roughly the bytes of memory that participants take.
fn participants_weight(participants: &[Participant]) -> usize {
    let texts = |one: &Participant| {
        one.participant_id.len()
            + one.nickname.as_ref().map_or(0, String::len)
            + one.kind.as_ref().map_or(0, String::len)
    };
    size_of_val(participants) + participants.iter().map(texts).sum::<usize>()
}

struct ShortTexts<'a>([(&'static str, Option<&'a str>, usize); 8]);

impl<'a> From<&'a NewInteraction> for ShortTexts<'a> {
    fn from(new: &'a NewInteraction) -> Self {
        Self([
            ("/type", new.kind.as_deref(), SHORT),
            ("/subtype", new.subtype.as_deref(), SHORT),
            ("/subject", new.subject.as_deref(), LONGEST_SUBJECT),
            ("/queue", new.queue.as_deref(), SHORT),
            ("/categoryId", new.category_id.as_deref(), SHORT),
            ("/externalId", new.external_id.as_deref(), SHORT),
            ("/stoppedReason", new.stopped_reason.as_deref(), SHORT),
            ("/language", new.language.as_deref(), SHORT),
        ])
    }
}

fn check_attributes(texts: &ShortTexts<'_>, faults: &mut Vec<Fault>) {
    for (pointer, text, most) in texts.0 {
        if let Some(text) = text {
            check_text(pointer, text, most, faults);
        }
    }
}

fn check_long_texts(
    text: Option<&str>,
    structured: Option<&str>,
    comment: Option<&str>,
    participants: Option<&[Participant]>,
    faults: &mut Vec<Fault>,
) {
    for (pointer, text) in [
        ("/text", text),
        ("/structuredText", structured),
        ("/comment", comment),
    ] {
        if let Some(text) = text {
            check_text(pointer, text, usize::MAX, faults);
        }
    }
    let participants = participants.unwrap_or_default();
    if participants.len() > MOST_PARTICIPANTS {
        faults.push(Fault::at(
            "/participants",
            format!("names more than {MOST_PARTICIPANTS}"),
        ));
    }
    for (index, one) in participants.iter().enumerate().take(MOST_PARTICIPANTS) {
        let at = format!("/participants/{index}");
        check_text(&at, &one.participant_id, SHORT, faults);
        check_text(
            &at,
            one.nickname.as_deref().unwrap_or_default(),
            SHORT,
            faults,
        );
        check_text(&at, one.kind.as_deref().unwrap_or_default(), SHORT, faults);
    }
}

fn check_span(
    start: Option<Moment>,
    end: Option<Moment>,
    status: Option<Status>,
    faults: &mut Vec<Fault>,
) {
    if end.is_some() && status.is_some_and(|status| status != Status::Stopped) {
        faults.push(Fault::at(
            "/endDate",
            "is given for an interaction that is not Stopped",
        ));
    }
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        faults.push(Fault::at("/endDate", "is before startDate"));
    }
}

/// Tells an attribute that is absent from one that is null, in a merge patch.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Refuses null for an attribute that every interaction has, in a merge patch.
fn kept<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let given = Option::<T>::deserialize(deserializer)?;
    if given.is_none() {
        return Err(de::Error::custom(format!(
            "{POINTER_MARK}{POINTER_MARK}cannot be cleared"
        )));
    }
    Ok(given)
}

/// A JSON merge patch of core attributes: what is absent stays, null clears.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InteractionPatch {
    /// Media type; cannot be cleared.
    #[serde(deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// UCS's kind of record; cannot be cleared.
    #[serde(deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
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
    /// Where it stands; cannot be cleared.
    #[serde(deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The customer, who must be known.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub contact_id: Option<Option<String>>,
    /// The agent.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub owner_id: Option<Option<String>>,
    /// Whether others may name it as their parent; cannot be cleared.
    #[serde(deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
    pub can_be_parent: Option<bool>,
    /// When it began; cannot be cleared.
    #[serde(deserialize_with = "kept", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start_date: Option<Moment>,
    /// When it ended.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
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
    /// Who took part.
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
            check_text("/mediaType", media_type, 64, &mut faults);
        }
        for (pointer, id) in [
            ("/contactId", inner(&self.contact_id)),
            ("/ownerId", inner(&self.owner_id)),
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

    /// Whether it touches one of the long texts.
    pub fn touches_texts(&self) -> bool {
        self.text.is_some()
            || self.structured_text.is_some()
            || self.comment.is_some()
            || self.participants.is_some()
    }

    /// Applies the patch; neither revision nor modification date.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when the result would end before it began, or have an end without being stopped.
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
