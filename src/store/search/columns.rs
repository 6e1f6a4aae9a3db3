//! The columns of the core attributes, and which other tables a filter reads.

use std::collections::BTreeSet;

use super::needles::{Needles, needles};
use crate::domain::filter::{Attribute, Field, Filter, Test};

/// Calls `visit` for each leaf of a filter.
fn each_leaf<'f>(filter: &'f Filter, visit: &mut impl FnMut(&'f Field, &'f Test)) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            for part in parts {
                each_leaf(part, visit);
            }
        }
        Filter::Not(inner) => each_leaf(inner, visit),
        Filter::Leaf(field, test) => visit(field, test),
        Filter::Words(_) => {}
    }
}

/// Whether a search reads UserData, and so needs the list of indexed keys.
pub fn reads_user_data(filter: &Filter) -> bool {
    let mut reads = false;
    each_leaf(filter, &mut |field, _| {
        reads |= matches!(field, Field::UserData(_));
    });
    reads
}

/// The needles of each test of UserData in a filter. If a document lacks some of each test's, it
/// passes none of them.
pub(super) fn all_needles(filter: &Filter) -> BTreeSet<Needles> {
    let mut all = BTreeSet::new();
    each_leaf(filter, &mut |field, test| {
        if let Field::UserData(path) = field {
            all.insert(needles(path, test));
        }
    });
    all
}

/// Whether a filter reads the long texts.
pub(super) fn reads_texts(filter: &Filter) -> bool {
    let mut reads = false;
    each_leaf(filter, &mut |field, _| {
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
