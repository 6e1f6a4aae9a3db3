//! Interactions: single contact events, with the attributes of UCS.

mod check;
mod coded;
mod erasure;
mod life;
mod media;
mod new;
mod patch;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

pub use check::{LONGEST_MEDIA_TYPE, LONGEST_SUBJECT, MOST_PARTICIPANTS, SHORT};
pub use coded::{Coded, EntityType, Status};
pub use erasure::redact_user_data;
pub use life::index_words;
pub use media::{ENGAGEMENT_MEDIA, WEB_ENGAGEMENT, media_type};
pub use new::NewInteraction;
pub use patch::InteractionPatch;
pub(in crate::domain) use patch::given;

use super::Moment;

/// A participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Participant {
    /// Identifier in the source system.
    pub participant_id: String,
    /// The display name.
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
    /// Status.
    pub status: Status,
    /// The contact.
    pub contact_id: Option<String>,
    /// The agent.
    pub owner_id: Option<String>,
    /// The interaction that led to it.
    pub parent_id: Option<String>,
    /// The thread it belongs to.
    pub thread_id: String,
    /// Whether it may be the parent of others.
    pub can_be_parent: bool,
    /// When it began.
    pub start_date: Moment,
    /// When it ended.
    pub end_date: Option<Moment>,
    /// When it was recorded.
    pub created_date: Moment,
    /// When it last changed; each change has a later time.
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

/// The long texts of an interaction, stored apart from the narrow row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LongTexts {
    /// Body or transcript as plain text.
    pub text: Option<String>,
    /// Body or transcript with its markup.
    pub structured_text: Option<String>,
    /// The agent's note.
    pub comment: Option<String>,
    /// The participants.
    pub participants: Option<Vec<Participant>>,
}

impl LongTexts {
    /// Whether all texts are absent.
    pub fn is_empty(&self) -> bool {
        self.text.is_none()
            && self.structured_text.is_none()
            && self.comment.is_none()
            && self.participants.is_none()
    }
}

/// The first 16 bytes of the SHA-256 of the content with sorted keys.
pub fn fingerprint(content: &impl Serialize) -> Vec<u8> {
    let mut value = serde_json::to_value(content).unwrap_or_default();
    value.sort_all_objects();
    Sha256::digest(value.to_string())[..16].to_vec()
}
