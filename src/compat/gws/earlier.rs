//! UserData as it was after changes that others followed.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::answer::text;
use crate::domain::Moment;
use crate::store::{ChangesQuery, Reads, StoreError, content};

/// Interactions whose past is read at the same time; the others wait, so that searches find connections.
const AT_ONCE: usize = 2;
/// Entries of the journal read at a time.
const PAGE: usize = 500;

/// Changes of one interaction that others followed; all of the life that it has now.
pub struct Earlier {
    /// The interaction.
    pub id: String,
    /// When the first of them was.
    pub at: Moment,
    /// Their cursors, in order.
    pub cursors: Vec<i64>,
}

/// UserData right after each of these changes, as JSON text under the cursor of the change. Of an interaction that was deleted meanwhile there is no entry; there is one
/// without a text where the past cannot be read and asking again would not help: one interaction does not hold up the news of all.
pub async fn states(
    reads: &dyn Reads,
    tenant: i64,
    wanted: Vec<Earlier>,
) -> Result<HashMap<i64, Option<String>>, StoreError> {
    let all: Vec<Vec<(i64, Option<String>)>> = stream::iter(wanted)
        .map(|earlier| of_one_or_none(reads, tenant, earlier))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(all.into_iter().flatten().collect())
}

async fn of_one_or_none(
    reads: &dyn Reads,
    tenant: i64,
    earlier: Earlier,
) -> Result<Vec<(i64, Option<String>)>, StoreError> {
    let cursors = earlier.cursors.clone();
    match of_one(reads, tenant, earlier).await {
        Ok(states) => Ok(states
            .into_iter()
            .map(|(cursor, state)| (cursor, Some(state)))
            .collect()),
        Err(error @ (StoreError::Refused(_) | StoreError::Inconsistent(..))) => {
            tracing::error!(%error, "UserData of an earlier moment could not be read; clients are told what it is now");
            Ok(cursors.into_iter().map(|cursor| (cursor, None)).collect())
        }
        Err(error) => Err(error),
    }
}

/// The states of one interaction: the first is read, the others follow from the entries after it, so that many changes of one cost two reads and not many.
async fn of_one(
    reads: &dyn Reads,
    tenant: i64,
    earlier: Earlier,
) -> Result<Vec<(i64, String)>, StoreError> {
    let Earlier { id, at, cursors } = earlier;
    let mut states = Vec::with_capacity(cursors.len());
    let (Some(first), Some(last)) = (cursors.first(), cursors.last()) else {
        return Ok(states);
    };
    let Some((mut document, _)) = reads.user_data_at(tenant, &id, at).await? else {
        return Ok(states);
    };
    states.push((*first, text(&document)));
    let mut wanted = cursors[1..].iter().copied().peekable();
    let mut after = *first;
    while after < *last {
        let query = ChangesQuery {
            after,
            limit: PAGE,
            interaction_id: Some(id.clone()),
            span: Some(last - after),
            ..ChangesQuery::default()
        };
        let page = reads.changes(tenant, &query).await?;
        for change in page.items {
            content::replay(&change.delta, &mut document)
                .map_err(|_| StoreError::inconsistent("journal", "delta"))?;
            if wanted.next_if_eq(&change.cursor).is_some() {
                states.push((change.cursor, text(&document)));
            }
        }
        if page.next <= after {
            break;
        }
        after = page.next;
    }
    Ok(states)
}
