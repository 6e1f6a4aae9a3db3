//! Removes erased words from the page boundaries of SQLite's full-text index.
//!
//! FTS5 overwrites deleted entries (`secure-delete`). But if a word was the first of a page, the
//! word or its prefix remains in `interaction_words_idx`, which records where each page begins. A
//! boundary must be above the last word of the previous page and not above the first word of its
//! own page. Since no page contains the erased word any more, the next existing word replaces it.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::SqliteConnection;

/// Shorter prefixes, in bytes, stay: they identify nobody.
const SHORTEST: usize = 4;
/// Prefixes that one statement looks for.
const CHUNK: usize = 5000;
/// The byte that FTS5 puts before each word.
const MAIN: u8 = b'0';

/// Replaces boundaries that reveal one of these words, unless the word is still in the index.
pub async fn forget(
    conn: &mut SqliteConnection,
    words: &BTreeSet<String>,
) -> Result<(), sqlx::Error> {
    if words.is_empty() {
        return Ok(());
    }
    // this transaction's deletions may still be in memory
    sqlx::query("INSERT INTO interaction_words (interaction_words) VALUES ('flush')")
        .execute(&mut *conn)
        .await?;
    let mut beginnings = BTreeSet::new();
    for word in words {
        let ends = word.char_indices().map(|(at, one)| at + one.len_utf8());
        let ends = ends.filter(|end| *end >= SHORTEST);
        beginnings.extend(ends.map(|end| &word[..end]));
    }
    let beginnings: Vec<&str> = beginnings.into_iter().collect();
    for chunk in beginnings.chunks(CHUNK) {
        for (segment, boundary) in boundaries(conn, chunk).await? {
            replace(conn, segment, &boundary).await?;
        }
    }
    Ok(())
}

/// The boundaries that equal one of these prefixes, each with its segment.
async fn boundaries(
    conn: &mut SqliteConnection,
    beginnings: &[&str],
) -> Result<Vec<(i64, String)>, sqlx::Error> {
    // the few segments first: the key of the table begins with them
    let sql = "WITH RECURSIVE s (segment) AS ( \
                   SELECT MIN(segid) FROM interaction_words_idx \
                   UNION ALL \
                   SELECT (SELECT MIN(segid) FROM interaction_words_idx WHERE segid > s.segment) \
                   FROM s WHERE s.segment IS NOT NULL \
               ) SELECT s.segment, w.value FROM s CROSS JOIN json_each($1) w CROSS JOIN interaction_words_idx i \
               WHERE i.segid = s.segment AND i.term = CAST('0' || w.value AS BLOB)";
    sqlx::query_as(sql)
        .bind(Value::from(beginnings.to_vec()).to_string())
        .fetch_all(conn)
        .await
}

async fn replace(
    conn: &mut SqliteConnection,
    segment: i64,
    boundary: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("CREATE VIRTUAL TABLE IF NOT EXISTS temp.live_words USING fts5vocab('main', 'interaction_words', 'row')")
        .execute(&mut *conn)
        .await?;
    let next: Option<String> = sqlx::query_scalar(
        "SELECT term FROM temp.live_words WHERE term >= $1 ORDER BY term LIMIT 1",
    )
    .bind(boundary)
    .fetch_optional(&mut *conn)
    .await?;
    let new = match &next {
        // an existing word begins with this prefix
        Some(next) if next.starts_with(boundary) => return Ok(()),
        Some(next) => between(boundary.as_bytes(), next.as_bytes()),
        // above every word
        None => vec![u8::MAX],
    };
    let marked = |word: &[u8]| [&[MAIN], word].concat();
    // the new boundary must keep the order of pages
    let sql = "UPDATE interaction_words_idx SET term = $3 WHERE segid = $1 AND term = $2 \
               AND NOT EXISTS (SELECT 1 FROM interaction_words_idx WHERE segid = $1 AND term > $2 AND term <= $3)";
    sqlx::query(sql)
        .bind(segment)
        .bind(marked(boundary.as_bytes()))
        .bind(marked(&new))
        .execute(conn)
        .await?;
    Ok(())
}

/// The shortest prefix of `next` that is above `boundary`, which is below `next`.
fn between(boundary: &[u8], next: &[u8]) -> Vec<u8> {
    let same = boundary.iter().zip(next).take_while(|(a, b)| a == b);
    next[..next.len().min(same.count() + 1)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_the_shortest_above_the_old_one() {
        for (boundary, next, wanted) in [
            ("secret", "sun", "su"),
            ("secret", "word", "w"),
            ("secret", "secu", "secu"),
            ("secret", "secs", "secs"),
        ] {
            let new = between(boundary.as_bytes(), next.as_bytes());
            assert_eq!(new, wanted.as_bytes(), "{boundary} {next}");
            assert!(boundary.as_bytes() < &new[..] && &new[..] <= next.as_bytes());
        }
    }
}
