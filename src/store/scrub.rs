//! Overwrites remains of deleted data in the unused parts of SQLite's pages.
//!
//! With `secure_delete`, SQLite overwrites deleted data. But when a full B-tree page is split, the
//! rows that move to another page remain in the unused part of the old one, where no later deletion
//! finds them. After an erasure, this task goes through the file and overwrites the unused parts of
//! pages with zeros. It reads and writes through SQLite (`sqlite_dbpage`), in small ordinary
//! transactions, so that the server keeps running.
//!
//! The file format is documented at <https://sqlite.org/fileformat2.html#b_tree_pages>.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tokio::sync::Notify;

/// Pages read by one statement and written by one transaction.
const CHUNK: u32 = 256;
/// From this page number on, the first byte of a page no longer tells its type.
const MOST_PAGES: u32 = 1 << 25;
/// The pause between two passes, as a multiple of the time that a pass took.
const REST: u32 = 20;
/// How long to wait before a failed pass is retried.
const RETRY: Duration = Duration::from_secs(1);

/// Runs until it is aborted. `shred` is notified after an erasure; `renew` is notified when the log
/// must be reset.
pub async fn run(options: SqliteConnectOptions, shred: Arc<Notify>, renew: Arc<Notify>) {
    loop {
        shred.notified().await;
        renew.notify_one();
        let begun = Instant::now();
        loop {
            match pass(&options).await {
                Ok(scrubbed) => {
                    tracing::debug!(scrubbed, "unused parts of pages were overwritten");
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "overwriting unused parts of pages failed and will be tried again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        renew.notify_one();
        // erasures in quick succession share a pass
        tokio::time::sleep(begun.elapsed() * REST).await;
    }
}

/// Goes through all pages once; returns how many were overwritten.
async fn pass(options: &SqliteConnectOptions) -> Result<usize, sqlx::Error> {
    let mut conn = options.connect().await?;
    let pages: u32 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&mut conn)
        .await?;
    if pages >= MOST_PAGES {
        tracing::warn!(
            pages,
            "the file is too large for overwriting unused parts of pages"
        );
        return Ok(0);
    }
    let mut scrubbed = 0;
    for first in (1..=pages).step_by(CHUNK as usize) {
        let last = pages.min(first.saturating_add(CHUNK - 1));
        // most chunks are clean, and need no write transaction
        if unclean(&mut conn, first..last + 1).await?.is_empty() {
            continue;
        }
        let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
        for (page, data) in unclean(&mut transaction, first..last + 1).await? {
            sqlx::query("UPDATE sqlite_dbpage SET data = $1 WHERE pgno = $2")
                .bind(data)
                .bind(page)
                .execute(&mut *transaction)
                .await?;
            scrubbed += 1;
        }
        transaction.commit().await?;
    }
    conn.close().await?;
    Ok(scrubbed)
}

/// The pages of a range that need overwriting, in their new form.
async fn unclean(
    conn: &mut SqliteConnection,
    pages: Range<u32>,
) -> Result<Vec<(u32, Vec<u8>)>, sqlx::Error> {
    let sql = "WITH RECURSIVE n (page) AS (SELECT $1 UNION ALL SELECT page + 1 FROM n WHERE page + 1 < $2) \
               SELECT p.pgno, p.data FROM n CROSS JOIN sqlite_dbpage p ON p.pgno = n.page";
    let rows = sqlx::query(sql)
        .bind(pages.start)
        .bind(pages.end)
        .fetch_all(conn)
        .await?;
    let read = |row: &SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?));
    let all: Vec<(u32, Vec<u8>)> = rows.iter().map(read).collect::<Result<_, sqlx::Error>>()?;
    let cleaned = all.into_iter().filter_map(|(number, mut data)| {
        let header = if number == 1 { 100 } else { 0 };
        clean(&mut data, header).then_some((number, data))
    });
    Ok(cleaned.collect())
}

/// Overwrites the unused parts of a page whose header is at `header`; returns whether that changed
/// it. A page that is no B-tree page, or cannot be parsed, stays as it is.
fn clean(page: &mut [u8], header: usize) -> bool {
    let Some(unused) = unused(page, header) else {
        return false;
    };
    let mut changed = false;
    for range in unused {
        let part = &mut page[range];
        changed |= part.iter().any(|byte| *byte != 0);
        part.fill(0);
    }
    changed
}

/// The unused parts of a B-tree page: the gap between the cell pointers and the cells, and the free
/// blocks among the cells, except the four bytes that chain them.
fn unused(page: &[u8], header: usize) -> Option<Vec<Range<usize>>> {
    let number = |at: usize| -> Option<usize> {
        let bytes = page.get(at..at + 2)?;
        Some(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
    };
    let size = match page.get(header)? {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    let cells = number(header + 3)?;
    // a page of 64 KiB without cells cannot represent its own size, so 0 stands for it
    let content = match number(header + 5)? {
        0 => 65_536,
        content => content,
    };
    let pointers = header + size + 2 * cells;
    if content < pointers || content > page.len() {
        return None;
    }
    let mut parts = Vec::new();
    parts.push(pointers..content);
    let (mut block, mut end) = (number(header + 1)?, content);
    while block != 0 {
        let (next, length) = (number(block)?, number(block + 2)?);
        if block < end || length < 4 || block + length > page.len() {
            return None;
        }
        end = block + length;
        parts.push(block + 4..end);
        block = next;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index leaf with one cell, a free block behind it, and remains of deleted data.
    fn leaf() -> Vec<u8> {
        let mut page = vec![7; 64];
        page[..10].copy_from_slice(&[10, 0, 50, 0, 1, 0, 40, 0, 0, 40]);
        page[50..54].copy_from_slice(&[0, 0, 0, 14]);
        page
    }

    #[test]
    fn only_the_unused_parts_of_a_page_are_overwritten() {
        let mut page = leaf();
        assert!(clean(&mut page, 0));
        let mut wanted = leaf();
        wanted[10..40].fill(0);
        wanted[54..64].fill(0);
        assert_eq!(page, wanted);
        assert!(!clean(&mut page, 0), "a clean page is not written again");
    }

    #[test]
    fn what_is_not_understood_stays() {
        for (place, byte) in [
            (0, 0),
            (6, 9),
            (6, 65),
            (2, 39),
            (2, 62),
            (53, 3),
            (53, 15),
            (51, 40),
        ] {
            let mut page = leaf();
            page[place] = byte;
            let before = page.clone();
            assert!(!clean(&mut page, 0) && page == before, "{place}: {byte}");
        }
    }
}
