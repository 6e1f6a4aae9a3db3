//! Writes interactions with their content: JSON, long texts, words, and the index of declared keys.

use std::collections::HashSet;

use crate::domain::command::Stored;
use crate::domain::interaction::{LongTexts, index_words};
use crate::domain::user_data::{self, KeyPath};
use crate::store::dialect::{Arg, Conn, Dialect};
use crate::store::tables::Batch;
use crate::store::tables::interaction::{
    self, INDEX, IndexRow, InteractionRow, Interactions, Json, JsonRow, Texts, TextsRow,
    UserDataIndex,
};
use crate::store::writer::ledger::{Extent, Held, Key, Words};
use crate::store::{StoreError, bulk};

/// The number of characters of a text value that its index row holds.
pub const INDEXED_CHARACTERS: usize = 200;

/// The rows of `interaction`.
pub(super) struct Rows {
    new: Batch<Interactions>,
    changed: Batch<Interactions>,
    revised: Batch<Interactions>,
}

impl Rows {
    pub fn of(held: &[(Key, Held)]) -> Self {
        let made = held.iter().filter(|(_, held)| held.entry().is_some());
        let mut rows = Self {
            new: interaction::NEW.batch(made.count()),
            changed: interaction::CHANGED.batch(0),
            revised: interaction::REVISED.batch(0),
        };
        for (_, held) in held {
            let batch = match held.dirty.row {
                Extent::New => &mut rows.new,
                Extent::Core => &mut rows.changed,
                Extent::Revision => &mut rows.revised,
                Extent::Nothing => continue,
            };
            batch.push(&InteractionRow {
                seq: held.seq,
                fingerprint: &held.fingerprint,
                of: &held.stored.interaction,
            });
        }
        rows
    }

    pub async fn write<D: Dialect>(self, conn: &mut Conn<D>) -> Result<(), StoreError> {
        self.new.write::<D>(conn).await?;
        self.changed.write::<D>(conn).await?;
        self.revised.write::<D>(conn).await
    }
}

/// Rewrites stored interactions, each with its place.
pub async fn rewrite<D: Dialect>(
    conn: &mut Conn<D>,
    all: &[(i64, Stored)],
) -> Result<(), StoreError> {
    let mut rows = interaction::CHANGED.batch(all.len());
    let mut json = interaction::CHANGED_JSON.batch(all.len());
    for (seq, stored) in all {
        rows.push(&InteractionRow::there(&stored.interaction));
        json.push(&json_row(*seq, stored));
    }
    rows.write::<D>(conn).await?;
    json.write::<D>(conn).await
}

fn json_row(seq: i64, stored: &Stored) -> JsonRow<'_> {
    JsonRow {
        seq,
        of: &stored.interaction,
        user_data: &stored.user_data,
    }
}

/// Restores interactions at an archive's places, each with its place and its stored fingerprint.
pub async fn place<D: Dialect>(
    conn: &mut Conn<D>,
    keys: &[KeyPath],
    all: &[(i64, Vec<u8>, Stored)],
) -> Result<(), StoreError> {
    let none = LongTexts::default();
    let mut new = interaction::NEW.batch(all.len());
    let mut json = interaction::NEW_JSON.batch(all.len());
    let (mut texts, mut index) = (D::long_texts().batch(0), INDEX.batch(0));
    let mut words = Vec::new();
    for (seq, fingerprint, stored) in all {
        let of = &stored.interaction;
        let seq = *seq;
        new.push(&InteractionRow {
            seq,
            fingerprint,
            of,
        });
        json.push(&json_row(seq, stored));
        let long = stored.texts.as_ref().unwrap_or(&none);
        if !long.is_empty() {
            let texts_row = TextsRow {
                seq,
                of,
                texts: long,
            };
            texts.push(&texts_row);
        }
        let found = index_words(of, long);
        if !found.is_empty() {
            let id = of.id.as_str();
            words.extend([id.into(), of.tenant_id.into(), D::words(&found).into()]);
        }
        self::index(&mut index, keys, stored);
    }
    new.write::<D>(conn).await?;
    json.write::<D>(conn).await?;
    texts.write::<D>(conn).await?;
    bulk::run::<D>(conn, &D::ADD_WORDS, words).await?;
    index.write::<D>(conn).await
}

/// The rows of the tables with the content of interactions.
pub(super) struct Contents {
    new_json: Batch<Json>,
    changed_json: Batch<Json>,
    texts: Batch<Texts>,
    old_words: Vec<Arg>,
    new_words: Vec<Arg>,
    index: Batch<UserDataIndex>,
    /// Interactions whose rows in the index of declared keys are rewritten.
    indexed_before: Vec<Key>,
}

impl Contents {
    pub fn of<D: Dialect>(keys: &[KeyPath], held: &[(Key, Held)]) -> Self {
        let mut new_json = interaction::NEW_JSON.batch(held.len());
        let mut changed_json = interaction::CHANGED_JSON.batch(0);
        let (mut texts, mut index) = (D::long_texts().batch(0), INDEX.batch(0));
        let mut old_words = Vec::new();
        let mut new_words = Vec::new();
        let mut indexed_before: Vec<Key> = Vec::new();
        for (key, held) in held {
            let (tenant, id) = (key.0, key.1.as_str());
            let new = held.entry().is_some();
            let json = if new {
                &mut new_json
            } else {
                &mut changed_json
            };
            json.push(&json_row(held.seq, &held.stored));
            if held.dirty.index && !keys.is_empty() {
                if !new {
                    indexed_before.push(key.clone());
                }
                self::index(&mut index, keys, &held.stored);
            }
            if held.dirty.texts {
                let none = LongTexts::default();
                texts.push(&TextsRow {
                    seq: held.seq,
                    of: &held.stored.interaction,
                    texts: held.stored.texts.as_ref().unwrap_or(&none),
                });
            }
            if let Some(Words { indexed, current }) = &held.dirty.words
                && indexed != current
            {
                if !indexed.is_empty() {
                    old_words.extend([id.into(), tenant.into(), D::words(indexed).into()]);
                }
                if !current.is_empty() {
                    new_words.extend([id.into(), tenant.into(), D::words(current).into()]);
                }
            }
        }
        Self {
            new_json,
            changed_json,
            texts,
            old_words,
            new_words,
            index,
            indexed_before,
        }
    }

    /// Writes all but the JSON, which it returns.
    pub async fn write<D: Dialect>(
        self,
        conn: &mut Conn<D>,
    ) -> Result<[Batch<Json>; 2], StoreError> {
        self.texts.write::<D>(conn).await?;
        bulk::run::<D>(conn, &D::REMOVE_WORDS, self.old_words).await?;
        bulk::run::<D>(conn, &D::ADD_WORDS, self.new_words).await?;
        for portion in self.indexed_before.chunk_by(|a, b| a.0 == b.0) {
            let sql = format!(
                "DELETE FROM user_data_index WHERE tenant_id = $1 AND interaction_id IN {}",
                D::any_of(2)
            );
            let ids = portion.iter().map(|key| key.1.clone()).collect();
            D::execute(conn, sql.into(), vec![portion[0].0.into(), Arg::Texts(ids)]).await?;
        }
        self.index.write::<D>(conn).await?;
        Ok([self.new_json, self.changed_json])
    }
}

/// Adds the index rows of an interaction under the given keys: one for a value, and for a list one
/// for each distinct element, so that a walk over the index meets an interaction once.
pub fn index(rows: &mut Batch<UserDataIndex>, keys: &[KeyPath], stored: &Stored) {
    let Ok(document) = user_data::read(&stored.user_data) else {
        return;
    };
    for key in keys {
        let Some(value) = key.find(&document) else {
            continue;
        };
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        let name = key.to_string();
        let mut seen = HashSet::new();
        for (text, number) in values.iter().filter_map(indexed) {
            if !seen.insert((text.clone(), number.map(f64::to_bits))) {
                continue;
            }
            rows.push(&IndexRow {
                of: &stored.interaction,
                key: &name,
                place: seen.len() - 1,
                text: text.as_deref(),
                number,
            });
        }
    }
}

/// The text or the number of an index row.
fn indexed(value: &serde_json::Value) -> Option<(Option<String>, Option<f64>)> {
    use serde_json::Value;
    match value {
        Value::String(text) => Some((Some(text.chars().take(INDEXED_CHARACTERS).collect()), None)),
        // 0.0 and -0.0 are the same number
        Value::Number(number) => Some((None, number.as_f64().map(|number| number + 0.0))),
        Value::Bool(value) => Some((Some(value.to_string()), None)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
