//! UserData as it was after changes that were followed by others.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::answer::text;
use crate::domain::Moment;
use crate::store::{ChangesQuery, Reads, StoreError, content};

/// Interactions whose past is read concurrently. Others wait, which leaves connections for
/// searches.
const AT_ONCE: usize = 2;
/// Entries of the journal read at a time.
const PAGE: usize = 500;

/// Changes of one interaction that were followed by others, all since it was last recorded.
pub struct Earlier {
    /// The interaction.
    pub id: String,
    /// The time of the first of them.
    pub at: Moment,
    /// Their cursors, in ascending order.
    pub cursors: Vec<i64>,
}

/// UserData right after each of these changes, as JSON text by the cursor of the change.
///
/// An interaction that was deleted meanwhile has no entry. An entry is `None` if the past cannot be
/// read and a retry would not help, so that one interaction does not block the notifications of
/// all.
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
            tracing::error!(%error, "UserData of an earlier moment could not be read; clients receive its current state");
            Ok(cursors.into_iter().map(|cursor| (cursor, None)).collect())
        }
        Err(error) => Err(error),
    }
}

/// The states of one interaction. The first is read, and the others are derived from the journal
/// entries after it. Many changes of one interaction thus cost two reads.
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
