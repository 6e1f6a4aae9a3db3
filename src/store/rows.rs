//! How interactions are stored as rows.
//!
//! What an answer sends is stored as JSON text (`interaction_json`, its core packed by
//! [`core`](super::core)), so that a list can pass it on. Filters, orders and indexes use the
//! columns of `interaction`. Both are written from the same [`Interaction`] in the same transaction.

use super::StoreError;
use super::core;
use super::dialect::{Columns, Dialect, RowOf};
use crate::domain::command::Stored;
use crate::domain::interaction::{Interaction, LongTexts};

/// An interaction as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The core attributes as JSON text, an [`Interaction`].
    pub core: String,
    /// UserData as JSON text.
    pub user_data: String,
    /// The long texts, if requested.
    pub texts: Option<LongTexts>,
}

impl Found {
    /// From the values of [`JSON_COLUMNS`].
    pub(super) fn unpacked(columns: [Option<&str>; 2]) -> Result<Self, StoreError> {
        let [Some(core), Some(user_data)] = columns else {
            return Err(StoreError::inconsistent("interaction_json", "core"));
        };
        Ok(Self {
            core: core::unpack(core)?,
            user_data: user_data.to_owned(),
            texts: None,
        })
    }

    /// The parsed core attributes.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] if the stored text is invalid.
    pub fn interaction(&self) -> Result<Interaction, StoreError> {
        serde_json::from_str(&self.core)
            .map_err(|_| StoreError::inconsistent("interaction_json", "core"))
    }
}

/// The columns of `interaction_json j`.
pub const JSON_COLUMNS: [&str; 2] = ["j.core", "j.user_data"];

/// The columns of `interaction_text t`.
pub const TEXT_COLUMNS: [&str; 4] = ["t.text", "t.structured_text", "t.comment", "t.participants"];

/// Both lists of columns, or the first only, as [`found`] reads them.
pub fn columns(with_texts: bool) -> String {
    let texts = if with_texts { &TEXT_COLUMNS[..] } else { &[] };
    [&JSON_COLUMNS, texts].concat().join(", ")
}

/// A `SELECT` of whole interactions, as [`placed`] reads them, without a condition. `more` adds
/// columns of `interaction i`, each after a comma, from [`AFTER_PLACED`] on.
pub fn select_placed(more: &str) -> String {
    format!(
        "SELECT {}, i.seq{more} FROM interaction i{JOIN_JSON}{JOIN_TEXTS} WHERE ",
        columns(true)
    )
}

/// The index of the first column after those that [`placed`] reads.
pub const AFTER_PLACED: usize = JSON_COLUMNS.len() + TEXT_COLUMNS.len() + 1;

/// Joins the JSON as `j` to `interaction i`. Every interaction has it; the outer join keeps SQLite
/// from starting with it.
pub const JOIN_JSON: &str = " LEFT JOIN interaction_json j ON j.seq = i.seq AND j.interaction_id = i.id AND j.tenant_id = i.tenant_id";

/// Joins the long texts as `t` to `interaction i`.
pub const JOIN_TEXTS: &str = " LEFT JOIN interaction_text t ON t.seq = i.seq AND t.interaction_id = i.id AND t.tenant_id = i.tenant_id";

/// Reads [`TEXT_COLUMNS`].
fn texts<D: Dialect>(row: &mut Columns<'_, D>) -> Result<LongTexts, StoreError> {
    let columns = [
        row.maybe_text()?,
        row.maybe_text()?,
        row.maybe_text()?,
        row.maybe_text()?,
    ];
    texts_of(columns.each_ref().map(Option::as_deref))
}

/// The long texts from the values of their columns.
pub fn texts_of(columns: [Option<&str>; 4]) -> Result<LongTexts, StoreError> {
    let [text, structured_text, comment, participants] = columns;
    Ok(LongTexts {
        text: text.map(str::to_owned),
        structured_text: structured_text.map(str::to_owned),
        comment: comment.map(str::to_owned),
        participants: participants
            .map(serde_json::from_str)
            .transpose()
            .map_err(|_| StoreError::inconsistent("interaction_text", "participants"))?,
    })
}

/// Reads [`columns`].
pub fn found<D: Dialect>(row: &RowOf<D>, with_texts: bool) -> Result<Found, StoreError> {
    let mut row = Columns::<D>::of(row);
    Ok(Found {
        core: core::unpack(&row.text()?)?,
        user_data: row.text()?,
        texts: if with_texts {
            Some(texts(&mut row)?)
        } else {
            None
        },
    })
}

/// Reads [`columns`], and parses the core attributes.
pub fn stored<D: Dialect>(row: &RowOf<D>, with_texts: bool) -> Result<Stored, StoreError> {
    let found = found::<D>(row, with_texts)?;
    Ok(Stored {
        interaction: found.interaction()?,
        user_data: found.user_data,
        texts: found.texts,
    })
}

/// Reads [`select_placed`]: an interaction with its place.
pub fn placed<D: Dialect>(row: &RowOf<D>) -> Result<(i64, Stored), StoreError> {
    let seq = D::int(row, AFTER_PLACED - 1)?.unwrap_or_default();
    Ok((seq, stored::<D>(row, true)?))
}
