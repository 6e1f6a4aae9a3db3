//! Messages of bank customers, each with its intent, from a CSV file with the columns `text` and
//! `category`.
//!
//! Each row becomes an inbound e-mail with the text as its body, the beginning of the text as its
//! subject, and the key `intent` in `UserData`. Its identifier is derived from the row number and
//! the content. Equal rows thus remain separate e-mails, and a second run finds both. The dataset
//! has no times, so the e-mails are five minutes apart, from 2020-01-06T08:00:00Z on.

use std::io::Read;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::event::{Found, Gone, Item, Place, Take};
use crate::domain::Moment;
use crate::domain::interaction::NewInteraction;
use crate::domain::user_data::Document;

/// 2020-01-06T08:00:00Z in microseconds.
const BEGIN: i64 = 1_578_297_600_000_000;
const APART: i64 = 5 * 60_000_000;
/// The maximum length of a subject in characters.
const SUBJECT: usize = 60;

#[derive(Deserialize)]
struct Row {
    text: String,
    category: String,
}

/// Checks that the file has the columns.
///
/// # Errors
/// The columns that the file has instead.
pub fn recognise(from: impl Read) -> Result<(), String> {
    let mut reader = csv::Reader::from_reader(from);
    let columns = reader.headers().map_err(|error| error.to_string())?;
    if ["text", "category"]
        .iter()
        .all(|wanted| columns.iter().any(|column| column == *wanted))
    {
        Ok(())
    } else {
        let columns: Vec<&str> = columns.iter().take(8).collect();
        Err(format!(
            "a CSV file without the columns text and category, but with {}",
            columns.join(", ")
        ))
    }
}

/// Emits the e-mails.
pub fn read(from: impl Read, take: &mut Take<'_>) -> Result<(), Gone> {
    let mut reader = csv::Reader::from_reader(from);
    let mut number = 0;
    let headers = reader.headers().cloned().unwrap_or_default();
    for record in reader.records() {
        number += 1;
        let row = record.and_then(|record| {
            let line = record.position().map_or(0, csv::Position::line);
            record
                .deserialize::<Row>(Some(&headers))
                .map(|row| (line, row))
        });
        match row {
            Ok((line, row)) => take(Found::Item(
                Place::Line(line),
                Item::Interaction(Box::new(email(number, row))),
            ))?,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                take(Found::Refused(Place::Line(line), error.to_string()))?;
            }
        }
    }
    Ok(())
}

fn email(number: i64, row: Row) -> NewInteraction {
    let hash = Sha256::digest(format!("{}\n{}", row.category, row.text));
    let at = Moment::new(chrono::DateTime::UNIX_EPOCH).plus_micros(BEGIN + (number - 1) * APART);
    let mut user_data = Document::new();
    user_data.insert("intent".to_owned(), row.category.into());
    NewInteraction {
        id: Some(format!("banking-{number:06}-{}", hex::encode(&hash[..8]))),
        external_id: Some(format!("banking:{number}")),
        media_type: "email".to_owned(),
        kind: Some("Inbound".to_owned()),
        subtype: Some("InboundNew".to_owned()),
        start_date: Some(at),
        end_date: Some(at),
        subject: Some(beginning(&row.text)),
        language: Some("English".to_owned()),
        text: Some(row.text),
        user_data: user_data.into(),
        ..NewInteraction::default()
    }
}

/// The first words of a text, on one line.
fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((cut, _)) = line.char_indices().nth(SUBJECT) else {
        return line;
    };
    let whole = if line[cut..].starts_with(' ') {
        cut
    } else {
        line[..cut].rfind(' ').unwrap_or(cut)
    };
    format!("{} …", &line[..whole])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_stay_two_and_a_broken_one_is_refused() {
        let source = "text,category\nCard lost,lost\nCard lost,lost\nonly one\n\"Why, after two weeks of waiting and \n waiting, has my card not arrived at the place where I live?\",late\n";
        assert_eq!(recognise(source.as_bytes()), Ok(()));
        assert!(recognise(&b"a,b\n1,2\n"[..]).unwrap_err().contains("a, b"));
        let mut found = Vec::new();
        read(source.as_bytes(), &mut |one| {
            found.push(one);
            Ok(())
        })
        .unwrap();
        let mails: Vec<&NewInteraction> = found
            .iter()
            .filter_map(|one| match one {
                Found::Item(_, Item::Interaction(new)) => Some(&**new),
                _ => None,
            })
            .collect();
        assert_eq!(mails.len(), 3);
        assert_ne!(mails[0].id, mails[1].id);
        assert_eq!(
            mails[2].subject.as_deref(),
            Some("Why, after two weeks of waiting and waiting, has my card not …")
        );
        assert!(matches!(&found[2], Found::Refused(Place::Line(4), _)));
    }
}
