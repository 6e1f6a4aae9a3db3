//! The limits of bodies and parameters, as the OpenAPI document states them. Each is one that the
//! server enforces: it refuses what a schema forbids. It may also refuse what a schema allows.

use std::collections::BTreeSet;

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{ArrayItems, Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr, Schema};

use super::{find, forms, web_actions};
use crate::domain::change::Kind;
use crate::domain::command::Rules;
use crate::domain::contact::MOST_ATTRIBUTES;
use crate::domain::filter::{LONGEST_WORDS, Searched};
use crate::domain::interaction::{
    ENGAGEMENT_MEDIA, LONGEST_MEDIA_TYPE, LONGEST_SUBJECT, MOST_PARTICIPANTS, SHORT,
};
use crate::domain::limits::Limits;
use crate::domain::period::Period;
use crate::domain::web_action::{self, MEDIA_TYPES};
use crate::domain::webhook::{DeliveryState, LONGEST_DESCRIPTION, LONGEST_OVERLAP, LONGEST_URL};

/// No largest size.
const UNLIMITED: usize = usize::MAX;

/// A limit on a value.
enum Bound {
    /// The least and the most: characters of a text, items of a list, or a number itself.
    Size(usize, usize),
    /// The most characters of each item of a list.
    Items(usize),
    /// The names that a text may be, or each item of a list. Neither may be null.
    Names(Vec<&'static str>),
    /// The pattern of a text, or of each item of a list.
    Form(String),
    /// The least and the most characters of an object's names, and the most members.
    Members(usize, usize, usize),
}

use Bound::{Form, Items, Members, Names, Size};

/// The maximum lengths of an interaction's strings in characters, by attribute name.
fn longest(limits: &Limits) -> [(&'static str, usize); 14] {
    [
        ("id", limits.id),
        ("contactId", limits.id),
        ("ownerId", limits.id),
        ("parentId", limits.id),
        ("threadId", limits.id),
        ("mediaType", LONGEST_MEDIA_TYPE),
        ("type", SHORT),
        ("subtype", SHORT),
        ("queue", SHORT),
        ("categoryId", SHORT),
        ("externalId", SHORT),
        ("stoppedReason", SHORT),
        ("language", SHORT),
        ("subject", LONGEST_SUBJECT),
    ]
}

/// Schemas of interaction data that callers send.
const OF_INTERACTIONS: [&str; 4] = [
    "NewInteraction",
    "NewEngagement",
    "InteractionPatch",
    "Stop",
];

/// Bounds of other properties: the schema, the property, and the bound.
fn properties(limits: &Limits) -> Vec<(&'static str, &'static str, Bound)> {
    let attributes = || Members(1, limits.id, MOST_ATTRIBUTES);
    let id = || Size(1, limits.id);
    let overlap = usize::try_from(LONGEST_OVERLAP).unwrap_or(UNLIMITED);
    let sort = forms::sort_key;
    // null is allowed too, so this is no list of names
    let replayed = forms::whole(&forms::one_of(["dead", "waiting"]));
    let mut all = vec![
        ("NewInteraction", "contact", attributes()),
        ("NewEngagement", "contact", attributes()),
        ("NewEngagement", "mediaType", Form(engagement_media())),
        ("Participant", "participantId", Size(0, SHORT)),
        ("Participant", "nickname", Size(0, SHORT)),
        ("Participant", "type", Size(0, SHORT)),
        ("Pair", "key", Size(0, limits.key)),
        ("UserDataEdit", "delete", Size(0, limits.keys)),
        ("UserDataEdit", "delete", Items(limits.key)),
        ("Parent", "parentId", id()),
        ("NoEngage", "code", Size(1, limits.user_data)),
        ("SearchBody", "limit", Size(1, find::MOST)),
        ("SearchBody", "sort", Form(sort(Searched::Interactions))),
        ("SearchBody", "fields", Form(forms::shown_field())),
        ("SearchBody", "cursor", Form(forms::page_cursor())),
        ("ContactSearch", "limit", Size(1, find::MOST)),
        ("ContactSearch", "sort", Form(sort(Searched::Contacts))),
        ("ContactSearch", "cursor", Form(forms::page_cursor())),
        ("NewContact", "id", id()),
        ("NewContact", "attributes", attributes()),
        ("Identify", "attributes", attributes()),
        ("Merge", "into", id()),
        ("Rotation", "overlapSeconds", Size(0, overlap)),
        ("Replay", "state", Form(replayed)),
        ("WebActionPage", "events", Size(0, web_actions::MOST)),
    ];
    for schema in ["NewWebhook", "WebhookPatch"] {
        all.extend([
            (schema, "url", Size(1, LONGEST_URL)),
            (schema, "kinds", Size(1, Kind::ALL.len())),
            (schema, "kinds", Names(Kind::filters())),
            (schema, "mediaType", Size(1, LONGEST_MEDIA_TYPE)),
            (schema, "description", Size(0, LONGEST_DESCRIPTION)),
        ]);
    }
    let event = "WebActionEvent";
    for property in [
        "actionId",
        "actionMapId",
        "customerId",
        "customerIdType",
        "sessionId",
        "interactionId",
        "conversationId",
    ] {
        all.push((event, property, id()));
    }
    let media = forms::whole(&forms::any_case(&MEDIA_TYPES));
    all.extend([
        (event, "actionState", Names(states())),
        (event, "actionMediaType", Form(media)),
        (event, "actionMapVersion", Size(0, UNLIMITED)),
    ]);
    all
}

/// The media types of engagements, as a caller may write them.
fn engagement_media() -> String {
    // `callback` is kept as `webcallback`
    let names = [&ENGAGEMENT_MEDIA[..], &["callback"]].concat();
    forms::whole(&forms::trimmed(&forms::any_case(&names)))
}

fn states() -> Vec<&'static str> {
    web_action::State::names().collect()
}

/// Bounds of a parameter of an operation.
fn parameter(operation: &str, name: &str, place: &ParameterIn) -> Vec<Bound> {
    let form = |form: String| vec![Form(form)];
    let searched = if operation == "listContacts" {
        Searched::Contacts
    } else {
        Searched::Interactions
    };
    match (operation, name) {
        (_, "id" | "actionId") if *place == ParameterIn::Path => {
            vec![Size(1, UNLIMITED), Form(forms::whole(forms::ANY))]
        }
        (_, "after" | "before") | ("replayDelivery" | "listWebActions", "cursor") => {
            form(forms::digits())
        }
        (_, "cursor") => form(forms::page_cursor()),
        (_, "sort") => form(forms::sort_keys(searched)),
        (_, "fields") => form(forms::shown_fields()),
        ("getInteraction", "include") => {
            let part = forms::one_of(["children", "parent", "contact"]);
            form(forms::joined(&format!("{part}?")))
        }
        (_, "include") => vec![Names(vec!["webActions"])],
        (_, "q") => vec![Size(1, LONGEST_WORDS)],
        (_, "kind") => form(forms::joined(&forms::one_of(Kind::filters()))),
        ("listInteractionChanges", "limit") => vec![Size(1, super::changes::LIMITS.1)],
        ("listWebActions", "actionState") => vec![Names(states())],
        ("listWebActions", "actionMapVersion") => vec![Size(0, UNLIMITED)],
        ("listDeliveries", "state") => {
            vec![Names(DeliveryState::ALL.map(|(_, name, _)| name).to_vec())]
        }
        ("recordInteractionBatch", "reply") => vec![Names(vec!["all", "errors"])],
        ("reportWebActions", "format") => vec![Names(vec!["json", "csv"])],
        ("reportWebActions", "groupBy") => {
            let periods = Period::ALL.iter().map(|(_, name)| *name);
            let part = forms::one_of(super::reports::dimensions().chain(periods));
            form(forms::joined(&forms::trimmed(&format!("{part}?"))))
        }
        _ => Vec::new(),
    }
}

/// Sets the bounds of an operation's parameters.
pub fn set_parameters(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    for of in operation.parameters.iter_mut().flatten() {
        let Parameter {
            name,
            parameter_in,
            schema: Some(schema),
            ..
        } = of
        else {
            continue;
        };
        for bound in parameter(&id, name, parameter_in) {
            bound.set(schema);
        }
    }
}

/// Sets the bounds of all schemas.
pub fn set(document: &mut OpenApi, rules: &Rules) {
    let limits = &rules.limits;
    let longest = longest(limits);
    let properties = properties(limits);
    for (name, schema) in document
        .components
        .iter_mut()
        .flat_map(|all| &mut all.schemas)
    {
        match (name.as_str(), &mut *schema) {
            ("UserData", RefOr::T(Schema::OneOf(forms))) => {
                for form in &mut forms.items {
                    user_data(rules, false).set(form);
                }
            }
            ("NewUserData", RefOr::T(Schema::OneOf(forms))) => {
                for form in &mut forms.items {
                    user_data(rules, true).set(form);
                }
            }
            ("WebActionRequest", RefOr::T(Schema::OneOf(forms))) => {
                for form in &mut forms.items {
                    if let RefOr::T(Schema::Array(_)) = form {
                        Size(0, web_actions::MOST).set(form);
                    }
                }
            }
            _ => {}
        }
        let RefOr::T(Schema::Object(schema)) = schema else {
            continue;
        };
        if let Some(RefOr::T(Schema::Object(media_type))) = schema.properties.get("mediaType")
            && media_type.default == Some("".into())
        {
            schema.required.push("mediaType".to_owned());
        }
        let of_interaction = OF_INTERACTIONS.contains(&name.as_str());
        for (property, of) in &mut schema.properties {
            forget_default(of);
            if of_interaction {
                set_longest(property, of, &longest);
            }
            for (schema, named, bound) in &properties {
                if *schema == name.as_str() && *named == property.as_str() {
                    bound.set(of);
                }
            }
        }
    }
}

/// The bounds of UserData as an object. Transient keys do not count, so that there may be more keys
/// than are stored. An edit has no limit of its own: it may name every key of UserData that is beyond
/// the limit already.
fn user_data(rules: &Rules, is_new: bool) -> Bound {
    let transient: BTreeSet<&String> = rules.transience.keys.iter().collect();
    let lengths = transient.iter().map(|key| key.chars().count());
    let longest = lengths.chain([rules.limits.key]).max().unwrap_or(UNLIMITED);
    let keys = rules.limits.keys + transient.len();
    Members(0, longest, if is_new { keys } else { UNLIMITED })
}

fn is(of: &Object, kind: &Type) -> bool {
    match &of.schema_type {
        SchemaType::Type(only) => only == kind,
        SchemaType::Array(any) => any.contains(kind),
        SchemaType::AnyValue => false,
    }
}

impl Bound {
    fn set(&self, of: &mut RefOr<Schema>) {
        let limited = |most: usize| (most < UNLIMITED).then_some(most);
        match (self, of) {
            (Size(least, most), RefOr::T(Schema::Object(of))) => {
                if is(of, &Type::Integer) {
                    of.minimum = Some((*least).into());
                    of.maximum = limited(*most).map(Into::into);
                } else if is(of, &Type::String) {
                    of.min_length = (*least > 0).then_some(*least);
                    of.max_length = limited(*most);
                }
            }
            (Size(least, most), RefOr::T(Schema::Array(of))) => {
                of.min_items = (*least > 0).then_some(*least);
                of.max_items = limited(*most);
            }
            (Names(names), RefOr::T(Schema::Object(of))) => {
                of.enum_values = Some(names.iter().map(|name| (*name).into()).collect());
            }
            (Form(form), RefOr::T(Schema::Object(of))) => of.pattern = Some(form.clone()),
            (Members(least, most, members), RefOr::T(Schema::Object(of)))
                if is(of, &Type::Object) =>
            {
                let name = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length((*least > 0).then_some(*least))
                    .max_length(limited(*most));
                of.property_names = Some(Box::new(Schema::Object(name.build())));
                of.max_properties = limited(*members);
            }
            (Items(_) | Names(_) | Form(_), RefOr::T(Schema::Array(of))) => {
                let ArrayItems::RefOrSchema(item) = &mut of.items else {
                    return;
                };
                match self {
                    Items(most) => Size(0, *most).set(item),
                    other => other.set(item),
                }
            }
            _ => {}
        }
    }
}

fn set_longest(property: &str, of: &mut RefOr<Schema>, longest: &[(&'static str, usize)]) {
    match of {
        RefOr::T(Schema::Object(text)) if is(text, &Type::String) => {
            if let Some((name, most)) = longest.iter().find(|(name, _)| *name == property) {
                text.max_length = Some(*most);
                let names = name.ends_with("Id") || ["id", "mediaType"].contains(name);
                text.min_length =
                    (names && *name != "externalId" && *name != "categoryId").then_some(1);
            }
        }
        RefOr::T(Schema::Array(list)) if property == "participants" => {
            list.max_items = Some(MOST_PARTICIPANTS);
        }
        _ => {}
    }
}

/// Removes a default that serde fills in for an absent property and that a caller could not send.
fn forget_default(property: &mut RefOr<Schema>) {
    match property {
        RefOr::T(Schema::Object(of)) => of.default = None,
        RefOr::T(Schema::Array(of)) => of.default = None,
        RefOr::T(Schema::OneOf(of)) => of.default = None,
        _ => {}
    }
}
