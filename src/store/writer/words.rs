//! Rebuilds the full-text index after the rules for words have changed.

use crate::domain::command::Outcome;
use crate::domain::interaction::index_words;
use crate::domain::words::VERSION;
use crate::store::dialect::{Columns, Conn, Dialect};
use crate::store::{StoreError, bulk, rows};

/// Interactions per transaction.
const CHUNK: usize = 500;

/// Indexes the next interactions; does nothing if the index already follows the rules.
///
/// The progress is stored, so that it continues after a restart. The store accepts no other writes
/// before it is done: to remove words, SQLite must be given exactly the words in the index.
pub async fn reindex<D: Dialect>(conn: &mut Conn<D>) -> Result<Outcome, StoreError> {
    let sql = "SELECT version, done FROM word_index WHERE id = 1";
    let state = D::fetch(conn, sql.into(), Vec::new()).await?;
    let row = state
        .first()
        .ok_or_else(|| StoreError::inconsistent("word_index", "id"))?;
    let mut row = Columns::<D>::of(row);
    let (version, after) = (row.int()?, row.int()?);
    if version == VERSION {
        return Ok(Outcome::Filled {
            last: None,
            done: 0,
        });
    }
    if after == 0 {
        D::execute(conn, D::CLEAR_WORDS.into(), Vec::new()).await?;
    }
    let sql = format!(
        "{}i.seq > $1 ORDER BY i.seq LIMIT +$2",
        rows::select_placed("")
    );
    let limit = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    let found = D::fetch(conn, sql.into(), vec![after.into(), limit.into()]).await?;
    let (mut words, mut last) = (Vec::new(), after);
    for row in &found {
        let (seq, stored) = rows::placed::<D>(row)?;
        let cut = index_words(&stored.interaction, &stored.texts.unwrap_or_default());
        if !cut.is_empty() {
            words.extend([
                stored.interaction.id.into(),
                stored.interaction.tenant_id.into(),
                D::words(&cut).into(),
            ]);
        }
        last = seq;
    }
    bulk::run::<D>(conn, &D::ADD_WORDS, words).await?;
    let more = found.len() == CHUNK;
    let (version, done) = if more { (version, last) } else { (VERSION, 0) };
    let sql = "UPDATE word_index SET version = $1, done = $2 WHERE id = 1";
    D::execute(conn, sql.into(), vec![version.into(), done.into()]).await?;
    Ok(Outcome::Filled {
        last: more.then(String::new),
        done: found.len(),
    })
}
