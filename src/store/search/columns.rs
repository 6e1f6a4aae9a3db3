//! The columns of the core attributes, and which other tables a filter reads.

use std::collections::BTreeSet;

use crate::domain::filter::{Attribute, Field, Filter};

/// Whether a search reads UserData, and so needs the list of indexed keys.
pub fn reads_user_data(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(reads_user_data),
        Filter::Not(inner) => reads_user_data(inner),
        Filter::Leaf(field, _) => matches!(field, Field::UserData(_)),
        Filter::Words(_) => false,
    }
}

/// The keys of UserData at which the paths of a filter begin.
pub(super) fn first_keys<'f>(filter: &'f Filter, keys: &mut BTreeSet<&'f str>) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            for part in parts {
                first_keys(part, keys);
            }
        }
        Filter::Not(inner) => first_keys(inner, keys),
        Filter::Leaf(Field::UserData(path), _) => keys.extend(path.0.first().map(String::as_str)),
        Filter::Leaf(..) | Filter::Words(_) => {}
    }
}

/// Whether a filter reads the long texts.
pub(super) fn reads_texts(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(reads_texts),
        Filter::Not(inner) => reads_texts(inner),
        Filter::Leaf(field, _) => matches!(field, Field::Core(attribute) if attribute.long),
        Filter::Words(_) => false,
    }
}

/// The column of an attribute.
pub(super) fn column(attribute: &Attribute) -> &'static str {
    match attribute.name {
        "tenantId" => "i.tenant_id",
        "mediaType" => "i.media_type",
        "entityType" => "i.entity_type",
        "type" => "i.kind",
        "subtype" => "i.subtype",
        "status" => "i.status",
        "contactId" => "i.contact_id",
        "ownerId" => "i.owner_id",
        "parentId" => "i.parent_id",
        "threadId" => "i.thread_id",
        "canBeParent" => "i.can_be_parent",
        "startDate" => "i.start_date",
        "endDate" => "i.end_date",
        "createdDate" => "i.created_date",
        "modifiedDate" => "i.modified_date",
        "revision" => "i.revision",
        "subject" => "i.subject",
        "queue" => "i.queue",
        "categoryId" => "i.category_id",
        "externalId" => "i.external_id",
        "stoppedReason" => "i.stopped_reason",
        "language" => "i.language",
        "text" => "t.text",
        "structuredText" => "t.structured_text",
        "comment" => "t.comment",
        _ => "i.id",
    }
}
