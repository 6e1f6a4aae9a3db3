//! Taking erased words out of the page boundaries of SQLite's full-text index.
//!
//! FTS5 overwrites deleted entries (`secure-delete`), but where a word was the first of a page, it
//! or its beginning stays in `interaction_words_idx`, which says where each page begins. A boundary
//! must lie above the last word of the page before and not above the first word of its page. Since
//! the erased word is in no page any more, the next word that is takes its place.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::SqliteConnection;

/// Beginnings of words of fewer bytes are left: they are no one's.
const SHORTEST: usize = 4;
/// Beginnings of words that one statement looks for.
const CHUNK: usize = 5000;
/// What FTS5 puts before each word.
const MAIN: u8 = b'0';

/// Replaces boundaries that tell one of these words, unless it is still in the index.
pub async fn forget(
    conn: &mut SqliteConnection,
    words: &BTreeSet<String>,
) -> Result<(), sqlx::Error> {
    if words.is_empty() {
        return Ok(());
    }
    // what was deleted in this transaction may wait in memory
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

/// The boundaries that are one of these beginnings, each with its segment.
async fn boundaries(
    conn: &mut SqliteConnection,
    beginnings: &[&str],
) -> Result<Vec<(i64, String)>, sqlx::Error> {
    // the segments first, which are few: the key of the table begins with them
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
        // a word that is still there begins so
        Some(next) if next.starts_with(boundary) => return Ok(()),
        Some(next) => between(boundary.as_bytes(), next.as_bytes()),
        // above every word
        None => vec![u8::MAX],
    };
    let marked = |word: &[u8]| [&[MAIN], word].concat();
    // pages stay in the order of their boundaries
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

/// The shortest beginning of `next` that lies above `boundary`, which lies below it.
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
