//! Interactions and contacts, one JSON object a line: the batch format of
//! `POST /v1/interactions/batch`, with contacts among them.
//!
//! A line with `mediaType` is an interaction. A line with `attributes`, and optionally an `id`, is
//! a contact. A line with `merge` merges a contact into an earlier one. An item without `id` gets
//! one that is derived from its content. For an interaction it also depends on the file's name and
//! the line's number. A second run thus finds the items of the first.

use std::io::{self, BufRead};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::event::{Found, Gone, Item, Place, Take};
use crate::domain::Refusal;
use crate::domain::contact::GivenAttributes;
use crate::domain::interaction::NewInteraction;
use crate::json;

/// The members that determine the type of a line.
const TELLING: [&str; 3] = ["mediaType", "attributes", "merge"];

/// Whether this reader understands a line.
pub(super) fn is_known(line: &[u8]) -> bool {
    json::with(line, |node| Ok(TELLING.iter().any(|name| node.has(name)))).unwrap_or(false)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactLine {
    id: Option<String>,
    attributes: GivenAttributes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MergeLine {
    merge: Merge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    id: String,
    into: String,
}

/// Reads a file one line at a time, each of at most `longest` bytes.
pub fn read(
    mut from: impl BufRead,
    file: &str,
    longest: usize,
    take: &mut Take<'_>,
) -> io::Result<Result<(), Gone>> {
    let mut line = Vec::new();
    let mut number = 0;
    while let Some(whole) = next_line(&mut from, longest, &mut line)? {
        number += 1;
        let place = Place::Line(number);
        let marked = line.len() - json::without_mark(&line).len();
        line.drain(..marked);
        let found = if !whole {
            Found::Refused(place, format!("is longer than {longest} bytes"))
        } else if line.trim_ascii().is_empty() {
            continue;
        } else {
            match item(&line, file, number) {
                Ok(item) => Found::Item(place, item),
                Err(reason) => Found::Refused(place, reason),
            }
        };
        if take(found).is_err() {
            return Ok(Err(Gone));
        }
    }
    Ok(Ok(()))
}

fn item(line: &[u8], file: &str, number: u64) -> Result<Item, String> {
    let item = json::with(line, |node| {
        let [interaction, contact, merge] = TELLING.map(|name| node.has(name));
        if interaction {
            let mut new: NewInteraction = node.read()?;
            if new.id.is_none() {
                let of = [file.as_bytes(), &number.to_be_bytes(), line];
                new.id = Some(format!("line-{}", digest(&of)));
            }
            Ok(Item::Interaction(Box::new(new)))
        } else if contact {
            let ContactLine { id, attributes } = node.read()?;
            let id = id.unwrap_or_else(|| {
                let content = serde_json::to_vec(&attributes).unwrap_or_default();
                format!("contact-{}", digest(&[&content]))
            });
            Ok(Item::Contact { id, attributes })
        } else if merge || !node.is_object() {
            let MergeLine { merge } = node.read()?;
            Ok(Item::Merge {
                id: merge.id,
                into: merge.into,
            })
        } else {
            Err(Refusal::invalid(
                "",
                "has neither mediaType, as an interaction, nor attributes, as a contact, nor merge",
            ))
        }
    });
    item.map_err(|refusal| refusal.to_string())
}

/// A hash of the content, 32 characters long.
fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}

/// Reads the next line without its line end. Returns false if it was longer than allowed, and
/// `None` at the end of the file.
pub(super) fn next_line(
    from: &mut impl BufRead,
    longest: usize,
    line: &mut Vec<u8>,
) -> io::Result<Option<bool>> {
    line.clear();
    let mut any = false;
    let mut whole = true;
    loop {
        let part = match from.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if part.is_empty() {
            return Ok(any.then_some(whole));
        }
        any = true;
        let end = part.iter().position(|byte| *byte == b'\n');
        let here = &part[..end.unwrap_or(part.len())];
        if line.len() + here.len() > longest {
            whole = false;
        } else if whole {
            line.extend_from_slice(here);
        }
        let used = end.map_or(part.len(), |end| end + 1);
        from.consume(used);
        if end.is_some() {
            return Ok(Some(whole));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Found> {
        let mut found = Vec::new();
        let mut take = |one| {
            found.push(one);
            Ok(())
        };
        read(
            io::BufReader::with_capacity(7, text.as_bytes()),
            "f",
            120,
            &mut take,
        )
        .unwrap()
        .unwrap();
        found
    }

    #[test]
    fn a_bad_line_is_refused_with_its_number_and_the_rest_goes_on() {
        let long = format!(
            "{{\"mediaType\":\"chat\",\"subject\":\"{}\"}}",
            "x".repeat(120)
        );
        let text = format!(
            "\u{feff}{{\"attributes\":{{\"LastName\":\"Rossi\"}},\"id\":\"c1\"}}\r\n\n  \n{{\"mediaType\":\"chat\",\"id\":\"i1\"}}\nnonsense\n{long}\n\
             {{\"id\":\"x\"}}\n{{\"mediaType\":\"chat\",\"colour\":1}}\n{{\"mediaType\":\"chat\",\"userData\":{{\"a\":{{\"b\":1,\"b\":2}}}}}}\n{{\"mediaType\":\"voice\"}}"
        );
        let found = all(&text);
        assert!(
            matches!(&found[0], Found::Item(Place::Line(1), Item::Contact { id, .. }) if id == "c1")
        );
        assert!(matches!(
            &found[1],
            Found::Item(Place::Line(4), Item::Interaction(_))
        ));
        let refused = |place: usize| match &found[place] {
            Found::Refused(Place::Line(line), reason) => (*line, reason.as_str()),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(2).0, 5);
        assert_eq!(refused(3), (6, "is longer than 120 bytes"));
        assert_eq!(refused(4).0, 7);
        assert!(refused(5).1.contains("colour"), "{}", refused(5).1);
        assert!(
            refused(6).1.starts_with("/userData/a/b is given twice"),
            "{}",
            refused(6).1
        );
        assert!(
            matches!(&found[7], Found::Item(Place::Line(10), Item::Interaction(new)) if new.id.as_ref().unwrap().len() == 37)
        );
        assert_eq!(found.len(), 8);
    }

    #[test]
    fn a_line_is_read_as_a_body_is() {
        let reason = |text: &str| match all(text).remove(0) {
            Found::Refused(_, reason) => reason,
            Found::Item(..) => "taken".to_owned(),
            other @ Found::Warning(..) => panic!("{other:?}"),
        };
        for (text, told) in [
            (
                "[\"x\",null,\"chat\"]",
                "it is a list, and must be an object",
            ),
            (
                "{\"mediaType\":\"chat\",\"status\":3}",
                "/status is a number, and must be one of New, Pending, InProcess, Stopped",
            ),
            (
                "{\"mediaType\":\"chat\",\"participants\":[[\"Ann\"]]}",
                "/participants/0 is a list, and must be an object",
            ),
            (
                "{\"attributes\":{\"PhoneNumber\":49}}",
                "/attributes/PhoneNumber is a number, and must be a text or a list of texts",
            ),
            (
                "{\"merge\":[\"a\",\"b\"]}",
                "/merge is a list, and must be an object",
            ),
            ("{\"mediaType\":\"chat\",\"text\":\"bye \\ud83d\"}", "taken"),
            (
                "{\"mediaType\":\"chat\",\"startDate\":\"2026-03-01 09:30:00 +0000\"}",
                "taken",
            ),
        ] {
            assert_eq!(reason(text), told, "{text}");
        }
    }

    #[test]
    fn identifiers_that_are_made_are_the_same_at_the_next_reading() {
        let text =
            "{\"mediaType\":\"chat\"}\n{\"mediaType\":\"chat\"}\n{\"attributes\":{\"A\":\"b\"}}\n";
        let found = all(text);
        assert_eq!(found, all(text));
        let (Found::Item(_, Item::Interaction(first)), Found::Item(_, Item::Interaction(second))) =
            (&found[0], &found[1])
        else {
            panic!("{found:?}");
        };
        assert_ne!(first.id, second.id);
    }
}
