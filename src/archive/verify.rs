//! Compares two stores, or a store with an archive.

use super::{Error, Source, WITHOUT_SECRET};
use crate::domain::archive::{Cell, Kind, Row};
use crate::domain::interaction::Interaction;

/// A difference. It omits the values, which are customer data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub kind: Kind,
    /// The identifiers by which an operator finds it.
    pub key: String,
    /// The columns that differ, or the side on which the row is missing.
    pub what: String,
}

/// Compares two sources row by row, reading each once in order. Returns the first differences, and
/// the number of equal rows.
///
/// Kinds of rows that one of the sources lacks are skipped, as are the secrets of webhooks that one
/// of them lacks, and the kept answers that quote them. A store is also compared with itself: the
/// columns by which it filters and sorts with the rows that they are derived from.
///
/// # Errors
/// When a source fails.
pub async fn verify(
    mut one: Source,
    mut other: Source,
    most: usize,
) -> Result<(Vec<Difference>, u64), Error> {
    let mut differences = Vec::new();
    let mut equal = 0;
    let secrets = one.holds(Kind::Webhook).1 && other.holds(Kind::Webhook).1;
    let shared = |row: &Row, one: &Source, other: &Source| {
        let both = one.holds(row.kind).0 && other.holds(row.kind).0;
        both && (secrets || !row.quotes_secret())
    };
    let (mut left, mut right) = (one.next_row().await?, other.next_row().await?);
    loop {
        for (source, name) in [(&mut one, "first"), (&mut other, "second")] {
            for (row, columns) in source.strays() {
                let columns = columns.join(", ");
                differences.push(difference(
                    &row,
                    format!("the columns {columns} of the {name} differ from the row itself"),
                ));
            }
        }
        if differences.len() >= most {
            differences.truncate(most);
            break;
        }
        let order = match (&left, &right) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(left), Some(right)) => left.place().cmp(&right.place()),
        };
        let (mut take_left, mut take_right) = (true, true);
        match order {
            std::cmp::Ordering::Equal => {
                if let (Some(left), Some(right)) = (&left, &right) {
                    let columns = differing(left, right, secrets);
                    if columns.is_empty() {
                        equal += 1;
                    } else {
                        differences.push(difference(
                            left,
                            format!("differs in {}", columns.join(", ")),
                        ));
                    }
                }
            }
            std::cmp::Ordering::Less => {
                take_right = false;
                if let Some(left) = left.as_ref().filter(|row| shared(row, &one, &other)) {
                    differences.push(difference(left, "is missing from the second".to_owned()));
                }
            }
            std::cmp::Ordering::Greater => {
                take_left = false;
                if let Some(right) = right.as_ref().filter(|row| shared(row, &one, &other)) {
                    differences.push(difference(right, "is missing from the first".to_owned()));
                }
            }
        }
        if take_left {
            left = one.next_row().await?;
        }
        if take_right {
            right = other.next_row().await?;
        }
    }
    Ok((differences, equal))
}

/// The columns in which two rows differ. A restore disables a webhook without a secret, so that is
/// no difference if one side lacks the secret.
fn differing(one: &Row, other: &Row, secrets: bool) -> Vec<&'static str> {
    let disabled = |row: &Row| row.text("disabled_reason") == WITHOUT_SECRET;
    let passed: &[&str] = match one.kind {
        Kind::Webhook if !secrets && (disabled(one) || disabled(other)) => {
            &["secrets", "enabled", "disabled_reason"]
        }
        Kind::Webhook if !secrets => &["secrets"],
        _ => &[],
    };
    let columns = one.kind.columns().iter();
    columns
        .map(|column| column.name)
        .filter(|name| one.cell(name) != other.cell(name) && !passed.contains(name))
        .collect()
}

/// The identifier and the tenant of an interaction.
fn identifier(row: &Row) -> Option<String> {
    let core: Interaction = serde_json::from_str(row.text("core")).ok()?;
    Some(format!("{} {}", core.id, core.tenant_id))
}

fn difference(row: &Row, what: String) -> Difference {
    let shown = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        Cell::Int(number) => number.to_string(),
        _ => String::new(),
    };
    let key: Vec<String> = match row.kind {
        // their keys are internal numbers
        Kind::Interaction => identifier(row).into_iter().collect(),
        Kind::WebAction => ["action_id", "tenant_id", "state"]
            .map(|name| shown(row.cell(name)))
            .into(),
        _ => row.key().into_iter().map(shown).collect(),
    };
    Difference {
        kind: row.kind,
        key: key.join(" "),
        what,
    }
}
