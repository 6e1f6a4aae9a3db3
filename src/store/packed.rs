//! Packs many rows into one text, for short reads.
//!
//! Each row that passes from the thread of a connection to its reader wakes the reader. So the
//! database joins the rows of a short read into one text (`Dialect::JOINED_ITEMS`). For each row it
//! holds the length of each column in bytes, then the columns. `concat` turns NULL into an empty
//! text, so the length of NULL is empty too.

use std::fmt::Write;

use super::StoreError;

/// An expression that packs these text columns of a row.
pub fn row(columns: &[&str]) -> String {
    let mut sql = String::from("concat(");
    for (n, column) in columns.iter().enumerate() {
        let comma = if n == 0 { "" } else { "',', " };
        write!(sql, "{comma}octet_length({column}), ").expect("a String takes all that is written");
    }
    sql += "':'";
    for column in columns {
        sql += ", ";
        sql += column;
    }
    sql + ")"
}

/// Unpacks rows of `N` columns.
pub fn unpack<const N: usize>(
    mut text: &str,
) -> impl Iterator<Item = Result<[Option<&str>; N], StoreError>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let row = take(&mut text);
        if row.is_none() {
            text = "";
        }
        Some(row.ok_or(StoreError::Inconsistent("a packed row", "length")))
    })
}

fn take<'t, const N: usize>(text: &mut &'t str) -> Option<[Option<&'t str>; N]> {
    let (lengths, mut rest) = text.split_once(':')?;
    let mut lengths = lengths.split(',');
    let mut columns = [None; N];
    for column in &mut columns {
        let length = lengths.next()?;
        if !length.is_empty() {
            let (value, after) = rest.split_at_checked(length.parse().ok()?)?;
            *column = Some(value);
            rest = after;
        }
    }
    *text = rest;
    lengths.next().is_none().then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::unpack;

    #[test]
    fn rows_come_apart_as_they_were_joined() {
        let rows: Result<Vec<[Option<&str>; 3]>, _> = unpack("2,,0:äb1,1,2::,:)").collect();
        // "ä" takes two bytes
        assert_eq!(
            rows.unwrap_err().to_string(),
            "a packed row.length holds an impossible value"
        );
        let rows: Result<Vec<[Option<&str>; 3]>, _> = unpack("3,,0:äb1,1,2::,:)").collect();
        assert_eq!(
            rows.unwrap(),
            [
                [Some("äb"), None, Some("")],
                [Some(":"), Some(","), Some(":)")]
            ]
        );
        assert_eq!(unpack::<1>("").count(), 0);
        assert!(unpack::<1>("9:abc").any(|row| row.is_err()));
    }
}
