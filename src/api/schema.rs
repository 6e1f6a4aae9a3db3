//! OpenAPI schemas of bodies whose form differs from what serde derives.

#![expect(
    dead_code,
    reason = "described, not built: these bodies are written from stored text"
)]

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::problem::Problem;
use crate::domain::Moment;
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
    /// Omitted in lists, unless `fields` names it.
    #[schema(required = false)]
    text: Option<String>,
    /// Omitted in lists, unless `fields` names it.
    #[schema(required = false)]
    structured_text: Option<String>,
    /// Omitted in lists, unless `fields` names it.
    #[schema(required = false)]
    comment: Option<String>,
    /// Omitted in lists, unless `fields` names it.
    #[schema(required = false)]
    participants: Option<Vec<Participant>>,
    #[schema(value_type = Object)]
    user_data: (),
    /// Transient keys that were not stored.
    #[schema(required = false)]
    dropped_keys: Option<Vec<String>>,
    /// Keys that a pair list holds twice; the last value is kept.
    #[schema(required = false)]
    repeated_keys: Option<Vec<String>>,
    /// Keys copied from the parent.
    #[schema(required = false)]
    copied_keys: Option<Vec<String>>,
    /// Given attributes that the contact lacks and that were not added to it.
    #[schema(required = false, nullable = false)]
    unkept_attributes: Option<Vec<String>>,
    /// With `include=children`: its children, oldest first, at most 500.
    #[schema(required = false)]
    children: Option<Vec<InteractionItem>>,
    /// With `include=parent`.
    #[schema(required = false)]
    parent: Option<InteractionItem>,
    /// With `include=contact`.
    #[schema(required = false)]
    contact: Option<ContactBody>,
}

/// An interaction in a list: the fields that `fields` names, or all except the long texts when it
/// is absent.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct InteractionItem {
    #[schema(required = false, nullable = false)]
    id: Option<String>,
    #[schema(required = false, nullable = false)]
    tenant_id: Option<i64>,
    #[schema(required = false, nullable = false)]
    media_type: Option<String>,
    #[schema(required = false, nullable = false)]
    entity_type: Option<EntityType>,
    #[schema(required = false, rename = "type")]
    kind: Option<String>,
    #[schema(required = false)]
    subtype: Option<String>,
    #[schema(required = false, nullable = false)]
    status: Option<Status>,
    #[schema(required = false)]
    contact_id: Option<String>,
    #[schema(required = false)]
    owner_id: Option<String>,
    #[schema(required = false)]
    parent_id: Option<String>,
    #[schema(required = false, nullable = false)]
    thread_id: Option<String>,
    #[schema(required = false, nullable = false)]
    can_be_parent: Option<bool>,
    #[schema(required = false, nullable = false, format = DateTime)]
    start_date: Option<String>,
    #[schema(required = false, format = DateTime)]
    end_date: Option<String>,
    #[schema(required = false, nullable = false, format = DateTime)]
    created_date: Option<String>,
    #[schema(required = false, nullable = false, format = DateTime)]
    modified_date: Option<String>,
    #[schema(required = false, nullable = false)]
    revision: Option<i64>,
    #[schema(required = false)]
    subject: Option<String>,
    #[schema(required = false)]
    queue: Option<String>,
    #[schema(required = false)]
    category_id: Option<String>,
    #[schema(required = false)]
    external_id: Option<String>,
    #[schema(required = false)]
    stopped_reason: Option<String>,
    #[schema(required = false)]
    language: Option<String>,
    #[schema(required = false)]
    text: Option<String>,
    #[schema(required = false)]
    structured_text: Option<String>,
    #[schema(required = false)]
    comment: Option<String>,
    #[schema(required = false)]
    participants: Option<Vec<Participant>>,
    #[schema(required = false, value_type = Object)]
    user_data: (),
    /// With `include=webActions`: the web actions that led to it.
    #[schema(required = false, nullable = false)]
    web_actions: Option<Vec<WebActionTrail>>,
}

/// A web action that led to an interaction.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct WebActionTrail {
    action_id: String,
    action_media_type: Option<String>,
    /// The interaction it led to.
    interaction_id: String,
    /// The key that links them: `interactionId`, `conversationId`, or the key of the visit.
    by: String,
    /// In the order of the lifecycle.
    states: Vec<WebActionMoment>,
    /// Whether no further state can follow.
    terminal: bool,
}

/// A state of a web action, with its time.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct WebActionMoment {
    action_state: String,
    #[schema(format = DateTime)]
    event_date: String,
}

/// A page of interactions.
#[derive(ToSchema)]
pub struct InteractionList {
    items: Vec<InteractionItem>,
    /// The cursor of the next page; null on the last page.
    next: Option<String>,
    /// The total number of matches, with `count=true`.
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

/// A change of UserData, or pairs to attach.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum UserDataRequest {
    /// A change.
    Edit(super::user_data_body::UserDataEdit),
    /// Pairs to attach.
    Pairs(Vec<crate::domain::schema::Pair>),
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
#[schema(rename_all = "camelCase")]
pub struct Lineage {
    /// The oldest ancestor.
    root: String,
    /// Each member without UserData and long texts, parents before children.
    nodes: Vec<InteractionItem>,
    links: Vec<LineageLink>,
    /// The web actions that led to members of the family.
    web_actions: Vec<WebActionTrail>,
}

/// A link from parent to child.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct LineageLink {
    parent_id: String,
    child_id: String,
    copy_user_data: Option<String>,
    copied_keys: Vec<String>,
    /// How the link came about: `engagement` (by `…/engagements`), `parentId` (recorded with its
    /// parent), `parent` (linked later), or the key that linked the two, such as
    /// `userData.visitID`. Null if the child is not an engagement.
    linked_by: Option<String>,
    /// When the link was made.
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
    attributes: BTreeMap<String, Vec<String>>,
}

/// A page of contacts.
#[derive(ToSchema)]
pub struct ContactList {
    items: Vec<ContactBody>,
    /// The cursor of the next page; null on the last page.
    next: Option<String>,
    /// The total number of matches, with `count=true`.
    #[schema(required = false)]
    count: Option<i64>,
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

/// The chat or web callback that a web engagement led to: a new interaction whose parent the path
/// names.
pub struct NewEngagement;

impl ToSchema for NewEngagement {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        NewInteraction::schemas(schemas);
    }
}

impl PartialSchema for NewEngagement {
    fn schema() -> RefOr<Schema> {
        let mut schema = NewInteraction::schema();
        if let RefOr::T(Schema::Object(new)) = &mut schema {
            let description = "The chat or web callback that a web engagement led to.";
            new.description = Some(description.to_owned());
            let nothing = ObjectBuilder::new()
                .schema_type(Type::Null)
                .description(Some("The path names the parent."));
            new.properties.insert("parentId".to_owned(), nothing.into());
            if let Some(RefOr::T(Schema::Object(media))) = new.properties.get_mut("mediaType") {
                let description = "`chat`, `webcallback` or `callback`, in upper or lower case.";
                media.description = Some(description.to_owned());
                media.example = Some("chat".into());
            }
        }
        schema
    }
}

/// A state of an action, with the members of the Events methods in one flat object; further members
/// are kept.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebActionEvent {
    #[schema(example = "a0a1b2c3-0000-4000-8000-000000000001")]
    action_id: String,
    /// One of the fourteen published states.
    #[schema(example = "offered")]
    action_state: String,
    /// In upper or lower case; kept in lower case.
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
    /// The interaction that it led to.
    #[schema(required = false)]
    interaction_id: Option<String>,
    /// The conversation that it led to.
    #[schema(required = false)]
    conversation_id: Option<String>,
    #[schema(required = false)]
    error_code: Option<TextOrNumber>,
    #[schema(required = false)]
    error_message: Option<TextOrNumber>,
    /// The time of receipt when absent.
    #[schema(required = false, value_type = Option<Moment>)]
    event_date: Option<String>,
}

/// A string or a number.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum TextOrNumber {
    /// A string.
    Text(String),
    /// A number.
    Number(f64),
}

/// An irregularity of a web action.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct WebActionFlag {
    action_state: String,
    /// `unexpected`: the state cannot follow the previous one. `contradicted`: a later copy of the
    /// event had another value for a field.
    flag: String,
}

/// One event, several events, or the form for pages that cannot set headers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum WebActionRequest {
    /// One event.
    One(Box<WebActionEvent>),
    /// Up to 1,000 events.
    Many(Vec<WebActionEvent>),
    /// Events with the page's token.
    Page(WebActionPage),
}

/// Events with the token of the page that sends them.
#[derive(Serialize, ToSchema)]
pub struct WebActionPage {
    /// A token of the scope `publish`.
    key: String,
    events: Vec<WebActionEvent>,
}

/// Confirms that one event is stored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebActionRecorded {
    action_id: String,
    /// True if the event added fields to the stored one.
    #[schema(required = false, nullable = false)]
    enriched: Option<bool>,
    /// True if a field of the event differs from the stored one.
    #[schema(required = false, nullable = false)]
    contradicts: Option<bool>,
}

/// The answer for one event, or for each of several.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum WebActionAnswer {
    /// For one.
    One(WebActionRecorded),
    /// For each of several.
    Many(WebActionReplies),
}

/// A page of events.
#[derive(ToSchema)]
pub struct WebActionList {
    items: Vec<WebActionEvent>,
    next: Option<String>,
}

/// The lifecycle of an action.
#[derive(ToSchema)]
pub struct WebActionLife {
    /// In the order of the lifecycle.
    items: Vec<WebActionEvent>,
    /// The irregularities.
    flags: Vec<WebActionFlag>,
    /// Whether no further state can follow.
    terminal: bool,
}

/// The identified contact.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Identified {
    /// The oldest match; null if there is none and none was created.
    contact_id: Option<String>,
    /// Whether it was created.
    created: bool,
    /// All matches, oldest first.
    candidates: Vec<String>,
    /// Given attributes that the contact lacks and that were not added to it.
    #[schema(required = false, nullable = false)]
    unkept_attributes: Option<Vec<String>>,
}

/// What an erasure affected.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Erased {
    /// The contact and its merged identities.
    contacts: Vec<String>,
    /// How many interactions lost their content.
    interactions: i64,
    /// Interactions that belong to another person as well; they lost the keys listed.
    shared: Vec<SharedInteraction>,
}

/// An interaction without a contact that belongs to this person and to another.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SharedInteraction {
    interaction_id: String,
    /// The keys of its UserData that were copied to this person's interactions, or from them.
    keys: Vec<String>,
}

/// Everything stored about a person.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct PersonExport {
    /// The contact and its merged identities.
    contacts: Vec<ContactBody>,
    /// Their interactions in full, oldest first, with the anonymous ones of their families.
    interactions: Vec<InteractionItem>,
    /// The links to those from their parents.
    links: Vec<LineageLink>,
    /// The events of the web actions that led to those, grouped by action.
    web_actions: Vec<WebActionEvent>,
    /// The journal of the contacts, then of each interaction, oldest entry first.
    changes: Vec<ChangeBody>,
    /// Interactions that belong to another person as well. Their content is not shown.
    shared: Vec<SharedInteraction>,
}

/// The fields that can be filtered and sorted by.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct FieldList {
    items: Vec<FieldBody>,
    combiners: Vec<String>,
    /// UserData keys that are declared as indexed.
    indexed_keys: Vec<IndexedKey>,
    /// Attributes that are declared as indexed.
    indexed_attributes: Vec<IndexedAttribute>,
}

/// A field.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct FieldBody {
    field: String,
    /// `string`, `time`, `integer`, `boolean`, `name` or `any`.
    #[schema(rename = "type")]
    kind: String,
    operators: Vec<String>,
    sortable: bool,
    /// Whether lists show it when `fields` is absent.
    in_lists: bool,
}

/// A declared UserData key.
#[derive(ToSchema)]
pub struct IndexedKey {
    key: String,
    /// Whether its index is complete.
    ready: bool,
}

/// A declared attribute.
#[derive(ToSchema)]
pub struct IndexedAttribute {
    /// `createdDate`, `endDate` or `modifiedDate`.
    field: String,
    /// Whether its index is complete.
    ready: bool,
}

/// The available reports.
#[derive(ToSchema)]
pub struct ReportList {
    items: Vec<ReportBody>,
}

/// A report.
#[derive(ToSchema)]
pub struct ReportBody {
    name: String,
    description: String,
    /// Its parameters, each with its meaning, its choices or its default.
    #[schema(value_type = Object)]
    parameters: (),
}

/// The answer to a question in SQL.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SqlAnswer {
    /// The cursor of the journal that it stands for.
    as_of: String,
    /// Whether it reflects everything that was committed before the question.
    complete: bool,
    /// Its columns, in their order.
    columns: Vec<AnswerColumn>,
    /// One object per row.
    #[schema(value_type = Vec<HashMap<String, Value>>)]
    items: (),
}

/// A column of an answer.
#[derive(ToSchema)]
pub struct AnswerColumn {
    name: String,
    /// `integer`, `number`, `string`, `boolean`, `time`, `date`, `object` or `list`.
    #[schema(rename = "type")]
    kind: String,
}

/// The rows of a report.
#[derive(ToSchema)]
pub struct ReportRows {
    /// One object per row: its dimensions, its counts and its ratios.
    #[schema(value_type = Vec<HashMap<String, Value>>)]
    items: (),
}

/// The result for each web action of a request, in order.
#[derive(Serialize, ToSchema)]
pub struct WebActionReplies {
    items: Vec<WebActionReply>,
}

/// The result for one web action.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebActionReply {
    /// Its index in the request.
    index: i64,
    /// 201; 200 if the event was already stored; or the status of the problem.
    status: u16,
    #[schema(required = false, nullable = false)]
    action_id: Option<String>,
    /// True if the event added fields to the stored one.
    #[schema(required = false, nullable = false)]
    enriched: Option<bool>,
    /// True if a field of the event differs from the stored one.
    #[schema(required = false, nullable = false)]
    contradicts: Option<bool>,
    #[schema(required = false, nullable = false)]
    problem: Option<Problem>,
}

/// The number of deliveries that are sent again.
#[derive(ToSchema)]
pub struct Replayed {
    deliveries: i64,
}

/// The state of the process.
#[derive(ToSchema)]
pub struct Health {
    status: String,
    version: String,
}

/// The state of the database.
#[derive(ToSchema)]
pub struct Readiness {
    /// `ready` or `not ready`.
    status: String,
    /// `sqlite` or `postgres`.
    database: String,
}
