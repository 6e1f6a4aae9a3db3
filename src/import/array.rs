//! JSON files that are one large array, read element by element.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use serde::Deserializer as _;
use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::event::Gone;
use crate::json;

/// Receives an element: its index, from 0, and the parsed value.
pub type TakeElement<'t, T> = dyn FnMut(usize, Result<T, String>) -> Result<(), Gone> + 't;

/// Reads an array. An element that does not fit is reported, and reading continues.
///
/// # Errors
/// When the file is not an array, or is truncated.
pub fn read<T: DeserializeOwned>(
    from: impl Read,
    take: &mut TakeElement<'_, T>,
) -> Result<Result<(), Gone>, String> {
    let mut gone = false;
    let mut from = BufReader::new(from);
    skip_mark(&mut from).map_err(|error| format!("cannot be read: {error}"))?;
    let mut source = serde_json::Deserializer::from_reader(from);
    let result = source.deserialize_seq(Elements {
        each: &mut |number, raw: &RawValue| {
            let element = json::read(raw.get().as_bytes());
            let element = element.map_err(|refusal| refusal.to_string());
            gone = take(number, element).is_err();
            gone
        },
    });
    match result {
        _ if gone => Ok(Err(Gone)),
        Ok(()) => source.end().map(Ok).map_err(|error| told(&error)),
        Err(error) => Err(told(&error)),
    }
}

/// Skips a byte order mark.
fn skip_mark(from: &mut BufReader<impl Read>) -> io::Result<()> {
    let begun = from.fill_buf()?;
    let mark = begun.len() - json::without_mark(begun).len();
    from.consume(mark);
    Ok(())
}

/// Describes what is wrong with the whole file, in our own words.
fn told(error: &serde_json::Error) -> String {
    let line = error.line();
    if error.is_eof() {
        "is not a whole JSON list: it ends too early".to_owned()
    } else if error.is_io() {
        format!("cannot be read: {error}")
    } else {
        format!("is not a JSON list: line {line} cannot be read")
    }
}

/// The member names of the first element; `None` if the array is empty or the first element is not
/// an object.
///
/// # Errors
/// When the file is not an array.
pub fn first_members(from: impl Read) -> Result<Option<Vec<String>>, String> {
    let mut first = None;
    read::<serde_json::Map<String, serde_json::Value>>(from, &mut |_, element| {
        first = element
            .ok()
            .map(|element| element.keys().cloned().collect());
        Err(Gone)
    })
    .map(|_| first)
}

struct Elements<'e> {
    /// Returns true to stop.
    each: &'e mut dyn FnMut(usize, &RawValue) -> bool,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(raw) = list.next_element::<Box<RawValue>>()? {
            if (self.each)(number, &raw) {
                return Err(A::Error::custom("stopped"));
            }
            number += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_that_does_not_fit_does_not_stop_the_others() {
        let mut seen = Vec::new();
        read::<u8>(&b"[1, \"x\", 3]"[..], &mut |number, element| {
            seen.push((number, element.ok()));
            Ok(())
        })
        .unwrap()
        .unwrap();
        assert_eq!(seen, [(0, Some(1)), (1, None), (2, Some(3))]);
        assert!(read::<u8>(&b"[1, 2"[..], &mut |_, _| Ok(())).is_err());
        assert_eq!(
            first_members(&b"[{\"b\":1,\"a\":2}, nonsense"[..]),
            Ok(Some(vec!["b".to_owned(), "a".to_owned()]))
        );
        assert!(first_members(&b"{\"a\":1}"[..]).is_err());
    }

    #[test]
    fn a_mark_at_the_beginning_is_skipped_and_errors_are_in_our_words() {
        let told = |text: &[u8]| {
            let mut refused = Vec::new();
            let read = read::<Vec<u8>>(text, &mut |_, element| {
                refused.extend(element.err());
                Ok(())
            });
            refused.extend(read.err());
            refused
        };
        assert!(told(b"\xef\xbb\xbf[[1]]").is_empty());
        assert_eq!(told(b"[{}]"), ["it is an object, and must be a list"]);
        assert_eq!(
            told(b"[[1],"),
            ["is not a whole JSON list: it ends too early"]
        );
        assert_eq!(
            told(b"[[1]\n x"),
            ["is not a JSON list: line 2 cannot be read"]
        );
        assert_eq!(told(b"{}"), ["is not a JSON list: line 1 cannot be read"]);
    }
}
