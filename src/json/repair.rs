//! Repairs errors in a text that have only one possible correction.

/// A text without the byte order mark at its beginning.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// The text with each unpaired half of a surrogate pair replaced by U+FFFD; `None` if there is
/// none. Such halves appear when a text is cut in the middle of an emoji.
pub(super) fn repaired(text: &[u8]) -> Option<Vec<u8>> {
    let mut repaired: Option<Vec<u8>> = None;
    let mut place = 0;
    let next = |from: usize| {
        let rest = text.get(from..)?;
        Some(from + rest.iter().position(|byte| *byte == b'\\')?)
    };
    while let Some(found) = next(place) {
        place = found;
        let Some(unit) = escaped(text, place) else {
            // another escape: skip the character after the backslash, which starts none
            place += 2;
            continue;
        };
        match unit {
            0xd800..=0xdbff if matches!(escaped(text, place + 6), Some(0xdc00..=0xdfff)) => {
                place += 12;
                continue;
            }
            0xd800..=0xdfff => {
                let copy = repaired.get_or_insert_with(|| text.to_vec());
                copy[place + 2..place + 6].copy_from_slice(b"fffd");
            }
            _ => {}
        }
        place += 6;
    }
    repaired
}

/// The code unit of the escape `\uXXXX` at a place.
fn escaped(text: &[u8], place: usize) -> Option<u32> {
    let digits = text.get(place..place + 6)?.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_halves_are_replaced() {
        let of = |text: &str| {
            repaired(text.as_bytes()).map(|text| String::from_utf8(text).unwrap_or_default())
        };
        for whole in [
            "",
            r"\",
            r"\ud83d\ude00",
            r"\uD83D\uDE00",
            r"\\ud83d",
            r"\\\\ud83d",
            r"\u0041\n",
            r"\ud83",
            r"\ud8zz",
        ] {
            assert_eq!(of(whole), None, "{whole}");
        }
        for (given, wanted) in [
            (r"\ud83d", r"\ufffd"),
            (r"\ude00\ud83d", r"\ufffd\ufffd"),
            (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
            (r"\ud83d\n", r"\ufffd\n"),
            (r"\\\ud83d", r"\\\ufffd"),
            (r"\ud83d\\ude00", r"\ufffd\\ude00"),
            (r"é\uDBFFé", r"é\ufffdé"),
        ] {
            assert_eq!(of(given).as_deref(), Some(wanted), "{given}");
        }
    }
}
