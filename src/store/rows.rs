//! How interactions and contacts stand in their rows.

use super::StoreError;
use super::dialect::{Arg, Columns, Dialect, RowOf};
use crate::domain::command::Stored;
use crate::domain::interaction::{Coded, Interaction, LongTexts, Status};

/// The columns of `interaction i`, as [`interaction`] reads them.
pub const INTERACTION: &str = "i.id, i.tenant_id, i.media_type, i.entity_type, i.kind, i.subtype, i.status, i.contact_id, i.owner_id, \
     i.parent_id, i.thread_id, i.can_be_parent, i.start_date, i.end_date, i.created_date, i.modified_date, i.revision, i.subject, i.queue, \
     i.category_id, i.external_id, i.stopped_reason, i.language";

/// The columns of `interaction_text t`, as [`texts`] reads them.
pub const TEXTS: &str = "t.text, t.structured_text, t.comment, t.participants";

/// The first column after [`INTERACTION`], `u.document` and [`TEXTS`].
pub const AFTER_TEXTS: usize = 28;

/// Joins UserData as `u` to `interaction i`.
pub const JOIN_USER_DATA: &str =
    " LEFT JOIN user_data u ON u.interaction_id = i.id AND u.tenant_id = i.tenant_id";

/// Joins the long texts as `t` to `interaction i`.
pub const JOIN_TEXTS: &str =
    " LEFT JOIN interaction_text t ON t.interaction_id = i.id AND t.tenant_id = i.tenant_id";

/// Reads the columns of [`INTERACTION`].
pub fn interaction<D: Dialect>(row: &mut Columns<'_, D>) -> Result<Interaction, StoreError> {
    Ok(Interaction {
        id: row.text()?,
        tenant_id: row.int()?,
        media_type: row.text()?,
        entity_type: coded(row.int()?, "entity_type")?,
        kind: row.maybe_text()?,
        subtype: row.maybe_text()?,
        status: coded::<Status>(row.int()?, "status")?,
        contact_id: row.maybe_text()?,
        owner_id: row.maybe_text()?,
        parent_id: row.maybe_text()?,
        thread_id: row.text()?,
        can_be_parent: row.int()? != 0,
        start_date: row.time()?,
        end_date: row.maybe_time()?,
        created_date: row.time()?,
        modified_date: row.time()?,
        revision: row.int()?,
        subject: row.maybe_text()?,
        queue: row.maybe_text()?,
        category_id: row.maybe_text()?,
        external_id: row.maybe_text()?,
        stopped_reason: row.maybe_text()?,
        language: row.maybe_text()?,
    })
}

/// Reads the columns of [`TEXTS`].
pub fn texts<D: Dialect>(row: &mut Columns<'_, D>) -> Result<LongTexts, StoreError> {
    Ok(LongTexts {
        text: row.maybe_text()?,
        structured_text: row.maybe_text()?,
        comment: row.maybe_text()?,
        participants: match row.maybe_text()? {
            None => None,
            Some(json) => Some(
                serde_json::from_str(&json)
                    .map_err(|_| StoreError::inconsistent("interaction_text", "participants"))?,
            ),
        },
    })
}

/// Reads UserData; an interaction without a row has none.
pub fn user_data<D: Dialect>(row: &mut Columns<'_, D>) -> Result<String, StoreError> {
    Ok(row.maybe_text()?.unwrap_or_else(|| "{}".to_owned()))
}

/// Reads [`INTERACTION`], `u.document` and, where asked for, [`TEXTS`].
pub fn stored<D: Dialect>(row: &RowOf<D>, with_texts: bool) -> Result<Stored, StoreError> {
    let mut row = Columns::<D>::of(row);
    Ok(Stored {
        interaction: interaction(&mut row)?,
        user_data: user_data(&mut row)?,
        texts: if with_texts {
            Some(texts(&mut row)?)
        } else {
            None
        },
    })
}

fn coded<T: Coded>(code: i64, column: &'static str) -> Result<T, StoreError> {
    T::of_code(code).ok_or_else(|| StoreError::inconsistent("interaction", column))
}

/// The long texts as they stand in their row, after the identifier and the tenant.
pub fn text_args(id: &str, tenant: i64, texts: &LongTexts) -> [Arg; 6] {
    let participants = texts
        .participants
        .as_ref()
        .map(|all| serde_json::to_string(all).unwrap_or_default());
    [
        id.into(),
        tenant.into(),
        texts.text.as_deref().into(),
        texts.structured_text.as_deref().into(),
        texts.comment.as_deref().into(),
        participants.into(),
    ]
}

/// The mutable columns of an interaction, in the order of the update statement.
pub fn interaction_args(interaction: &Interaction) -> [Arg; 20] {
    [
        interaction.id.as_str().into(),
        interaction.tenant_id.into(),
        interaction.media_type.as_str().into(),
        interaction.entity_type.code().into(),
        interaction.kind.as_deref().into(),
        interaction.subtype.as_deref().into(),
        interaction.status.code().into(),
        interaction.contact_id.as_deref().into(),
        interaction.owner_id.as_deref().into(),
        i64::from(interaction.can_be_parent).into(),
        interaction.start_date.into(),
        Arg::Time(interaction.end_date),
        interaction.modified_date.into(),
        interaction.revision.into(),
        interaction.subject.as_deref().into(),
        interaction.queue.as_deref().into(),
        interaction.category_id.as_deref().into(),
        interaction.external_id.as_deref().into(),
        interaction.stopped_reason.as_deref().into(),
        interaction.language.as_deref().into(),
    ]
}
