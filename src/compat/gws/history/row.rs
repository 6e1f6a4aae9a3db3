//! An interaction as history shows it (`CHInteractionResource`).

use serde_json::json;

use crate::compat::gws::answer::text;
use crate::compat::gws::media::{Spelling, of_type, step};
use crate::compat::gws::resource::{View, moment};
use crate::domain::interaction::Interaction;
use crate::domain::user_data::{self, Document};
use crate::store::{Found, StoreError};

/// An interaction as JSON text, with further members, given as JSON text.
pub fn row(found: &Found, of: &Interaction, view: View<'_>, more: &[(&str, &str)]) -> String {
    let path = format!("/interactions/{}", step(&of.id));
    let comment = found
        .texts
        .as_ref()
        .and_then(|texts| texts.comment.as_deref());
    let owner = of
        .owner_id
        .as_ref()
        .map(|owner| json!({"id": owner, "userName": owner, "firstName": "", "lastName": owner}));
    let core = json!({
        "id": of.id,
        "path": path,
        "mediaType": media_type(&of.media_type, view.spelling),
        // UCS's name for the kind of open media
        "mediaTypeId": of.media_type,
        "typeId": of.kind.as_deref().unwrap_or("Unknown"),
        "state": of.status,
        "startDate": moment(of.start_date),
        "endDate": of.end_date.map(moment),
        "subject": of.subject,
        "contactId": of.contact_id,
        "parentId": of.parent_id,
        "threadId": of.thread_id,
        "comment": comment.unwrap_or_default(),
        "ownerInformation": owner,
    });
    let core = core.to_string();
    let mut row = core.strip_suffix('}').unwrap_or(&core).to_owned();
    row += &format!(",\"uri\":\"{}/api/v2{path}\"", view.base);
    for (name, value) in more {
        row += &format!(",\"{name}\":{value}");
    }
    row + "}"
}

/// The name of a media type in history.
fn media_type(kept: &str, spelling: Spelling) -> &'static str {
    let medium = of_type(kept);
    if medium.twin.is_some() {
        return medium.names(spelling).1;
    }
    let documented = super::list::MEDIA[..super::list::DOCUMENTED].iter();
    documented
        .filter(|(_, types)| types.contains(&kept))
        .map(|(name, _)| *name)
        .next()
        .unwrap_or("openmedia")
}

/// The values of these keys of UserData, as JSON text; absent keys are left out.
///
/// # Errors
/// [`StoreError::Inconsistent`] when the stored text is corrupt.
pub fn attributes(found: &Found, names: &[String]) -> Result<String, StoreError> {
    if names.is_empty() {
        return Ok("{}".to_owned());
    }
    let kept = document(found)?;
    let shown: Document = names
        .iter()
        .filter_map(|name| Some((name.clone(), kept.get(name)?.clone())))
        .collect();
    Ok(text(&shown))
}

/// Parses UserData.
///
/// # Errors
/// [`StoreError::Inconsistent`] when the stored text is corrupt.
pub fn document(found: &Found) -> Result<Document, StoreError> {
    user_data::read(&found.user_data)
        .map_err(|_| StoreError::inconsistent("interaction_json", "user_data"))
}
