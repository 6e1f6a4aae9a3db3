//! The columns of the core attributes, and which other tables a filter reads.

use std::collections::BTreeSet;

use crate::domain::filter::{Attribute, Field, Filter};

/// Calls `visit` for the field of each leaf of a filter.
fn each_field<'f>(filter: &'f Filter, visit: &mut impl FnMut(&'f Field)) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            for part in parts {
                each_field(part, visit);
            }
        }
        Filter::Not(inner) => each_field(inner, visit),
        Filter::Leaf(field, _) => visit(field),
        Filter::Words(_) => {}
    }
}

/// Whether a search reads UserData, and so needs the list of indexed keys.
pub fn reads_user_data(filter: &Filter) -> bool {
    let mut reads = false;
    each_field(filter, &mut |field| {
        reads |= matches!(field, Field::UserData(_));
    });
    reads
}

/// The keys of UserData at which the paths of a filter begin.
pub(super) fn first_keys(filter: &Filter) -> BTreeSet<&str> {
    let mut keys = BTreeSet::new();
    each_field(filter, &mut |field| {
        if let Field::UserData(path) = field {
            keys.extend(path.0.first().map(String::as_str));
        }
    });
    keys
}

/// Whether a filter reads the long texts.
pub(super) fn reads_texts(filter: &Filter) -> bool {
    let mut reads = false;
    each_field(filter, &mut |field| {
        reads |= matches!(field, Field::Core(attribute) if attribute.long);
    });
    reads
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
