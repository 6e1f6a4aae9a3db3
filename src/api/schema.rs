//! Shapes of bodies as OpenAPI shows them, where they are not written by serde as they are.

#![expect(
    dead_code,
    reason = "described, not built: these bodies are written from stored text"
)]

use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::interaction::{EntityType, NewInteraction, Participant, Status};

/// An interaction as stored.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct InteractionBody {
    id: String,
    tenant_id: i64,
    media_type: String,
    entity_type: EntityType,
    #[schema(rename = "type")]
    kind: Option<String>,
    subtype: Option<String>,
    status: Status,
    contact_id: Option<String>,
    owner_id: Option<String>,
    parent_id: Option<String>,
    thread_id: String,
    can_be_parent: bool,
    #[schema(format = DateTime)]
    start_date: String,
    #[schema(format = DateTime)]
    end_date: Option<String>,
    #[schema(format = DateTime)]
    created_date: String,
    #[schema(format = DateTime)]
    modified_date: String,
    revision: i64,
    subject: Option<String>,
    queue: Option<String>,
    category_id: Option<String>,
    external_id: Option<String>,
    stopped_reason: Option<String>,
    language: Option<String>,
    /// Not in lists, unless `fields` names it.
    #[schema(required = false)]
    text: Option<String>,
    /// Not in lists, unless `fields` names it.
    #[schema(required = false)]
    structured_text: Option<String>,
    /// Not in lists, unless `fields` names it.
    #[schema(required = false)]
    comment: Option<String>,
    /// Not in lists, unless `fields` names it.
    #[schema(required = false)]
    participants: Option<Vec<Participant>>,
    #[schema(value_type = Object)]
    user_data: (),
    /// Transient keys that were not stored.
    #[schema(required = false)]
    dropped_keys: Option<Vec<String>>,
    /// Keys that a pair list named twice; the last value won.
    #[schema(required = false)]
    repeated_keys: Option<Vec<String>>,
    /// Keys copied from the parent.
    #[schema(required = false)]
    copied_keys: Option<Vec<String>>,
}

/// A page of interactions.
#[derive(ToSchema)]
pub struct InteractionList {
    items: Vec<InteractionBody>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
    /// How many there are in all, where `count=true` asked.
    #[schema(required = false)]
    count: Option<i64>,
}

/// UserData after a change.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct EditedUserData {
    #[schema(value_type = Object)]
    user_data: (),
    revision: i64,
    #[schema(format = DateTime)]
    modified_date: String,
    #[schema(required = false)]
    dropped_keys: Option<Vec<String>>,
    #[schema(required = false)]
    repeated_keys: Option<Vec<String>>,
}

/// UserData as of a moment.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct UserDataAt {
    #[schema(value_type = Object)]
    user_data: (),
    #[schema(format = DateTime)]
    at: String,
    revision: i64,
}

/// A family of interactions.
#[derive(ToSchema)]
pub struct Lineage {
    /// The oldest ancestor.
    root: String,
    nodes: Vec<InteractionBody>,
    links: Vec<LineageLink>,
}

/// A step from parent to child.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct LineageLink {
    parent_id: String,
    child_id: String,
    copy_user_data: Option<String>,
    copied_keys: Vec<String>,
    #[schema(format = DateTime)]
    created_date: String,
}

/// A contact.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ContactBody {
    id: String,
    tenant_id: i64,
    merged_into: Option<String>,
    #[schema(format = DateTime)]
    created_date: String,
    #[schema(format = DateTime)]
    modified_date: String,
    revision: i64,
    /// Names with their values, the primary one first.
    #[schema(value_type = Object)]
    attributes: (),
}

/// An entry of the journal.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ChangeBody {
    /// Opaque.
    cursor: String,
    #[schema(format = DateTime)]
    at: String,
    kind: String,
    interaction_id: Option<String>,
    contact_id: Option<String>,
    actor: String,
    #[schema(value_type = Object)]
    delta: (),
}

/// A page of the journal.
#[derive(ToSchema)]
pub struct ChangeList {
    items: Vec<ChangeBody>,
    /// The point to resume from.
    next: String,
}

macro_rules! engagement {
    ($($(#[$meta:meta])* $name:ident: $kind:ty,)*) => {
        /// The child of a web engagement: an interaction, and what it takes along.
        #[derive(Default, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        pub struct EngagementBody {
            /// `all`, `no`, or keys separated by semicolons; absent, the server's setting counts.
            copy_user_data: Option<String>,
            $($(#[$meta])* $name: $kind,)*
        }

        impl EngagementBody {
            /// The child, and the policy.
            pub fn split(self) -> (NewInteraction, Option<String>) {
                (NewInteraction { $($name: self.$name,)* ..NewInteraction::default() }, self.copy_user_data)
            }
        }
    };
}

engagement! {
    id: Option<String>,
    tenant_id: Option<i64>,
    /// `chat` or `webcallback`.
    #[schema(example = "chat")]
    media_type: String,
    entity_type: Option<EntityType>,
    #[serde(rename = "type")]
    kind: Option<String>,
    subtype: Option<String>,
    status: Option<Status>,
    contact_id: Option<String>,
    #[serde(deserialize_with = "crate::domain::contact::maybe_given")]
    #[schema(value_type = Option<Object>)]
    contact: Option<crate::domain::contact::GivenAttributes>,
    owner_id: Option<String>,
    can_be_parent: Option<bool>,
    start_date: Option<crate::domain::Moment>,
    end_date: Option<crate::domain::Moment>,
    subject: Option<String>,
    text: Option<String>,
    structured_text: Option<String>,
    comment: Option<String>,
    queue: Option<String>,
    category_id: Option<String>,
    external_id: Option<String>,
    stopped_reason: Option<String>,
    language: Option<String>,
    participants: Option<Vec<Participant>>,
    #[schema(value_type = Object)]
    user_data: crate::domain::user_data::Given,
}

/// A state of an action, as the Events methods have it, flat; further keys are kept.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct WebActionEvent {
    #[schema(example = "a0a1b2c3-0000-4000-8000-000000000001")]
    action_id: String,
    /// One of the fourteen published states.
    #[schema(example = "offered")]
    action_state: String,
    #[schema(required = false, example = "webchat")]
    action_media_type: Option<String>,
    #[schema(required = false)]
    action_map_id: Option<String>,
    #[schema(required = false)]
    action_map_version: Option<i64>,
    #[schema(required = false)]
    customer_id: Option<String>,
    #[schema(required = false)]
    customer_id_type: Option<String>,
    #[schema(required = false)]
    session_id: Option<String>,
    /// A whole number, or a text.
    #[schema(required = false, value_type = Object)]
    error_code: (),
    #[schema(required = false)]
    error_message: Option<String>,
    /// The time of receipt when absent.
    #[schema(required = false, format = DateTime)]
    event_date: Option<String>,
}

/// A page of events.
#[derive(ToSchema)]
pub struct WebActionList {
    items: Vec<WebActionEvent>,
    next: Option<String>,
}

/// The life of an action.
#[derive(ToSchema)]
pub struct WebActionLife {
    /// In the order of the lifecycle.
    items: Vec<WebActionEvent>,
    /// What is odd: `unexpected` or `contradicted`.
    #[schema(value_type = Vec<Object>)]
    flags: (),
    /// Whether nothing can follow.
    terminal: bool,
}
