//! The ways in which people and programs spell the same text.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The zeros of scripts with decimal digits of their own; the other nine follow each of them. NFKC
/// covers the wide and the mathematical digits.
const ZEROS: [char; 20] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}',
    '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}', '\u{f20}',
    '\u{1040}', '\u{17e0}', '\u{1810}', '\u{1946}',
];

/// Marks around a text that do not belong to it.
const QUOTES: [char; 10] = [
    '"', '\'', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201c}', '\u{201d}', '\u{201e}', '\u{ab}',
    '\u{bb}',
];

/// Whether a character cannot be seen: it sets the direction of writing, marks the order of bytes,
/// or allows or prevents a break. Those that change the shape of letters and emoji are not meant.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// A text without invisible characters and without blanks around it.
pub(super) fn visible(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    seen.trim().nfc().collect()
}

/// A text with the digits of all scripts as `0` to `9`, in the compatible form of Unicode.
pub(super) fn with_digits(text: &str) -> String {
    text.nfkc().map(digit).collect()
}

/// A text as words that are compared with other words: without case, accents and punctuation.
pub(super) fn words(text: &str) -> Vec<String> {
    let seen = visible(text).to_lowercase();
    let plain: String = seen
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .map(digit)
        .nfkc()
        .collect();
    plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn digit(c: char) -> char {
    ZEROS
        .iter()
        .filter_map(|zero| u32::from(c).checked_sub(u32::from(*zero)))
        .find(|value| *value < 10)
        .and_then(|value| char::from_digit(value, 10))
        .unwrap_or(c)
}

/// The address in a text such as `"Bob" <sip:bob@example.test>`, or the whole text.
///
/// Source: RFC 3261, section 20.10; RFC 5322, section 3.4 (`name-addr`).
pub(super) fn bare(text: &str) -> &str {
    let address = text.rsplit_once('<').and_then(|(_, inner)| {
        let (address, after) = inner.split_once('>')?;
        let parameters = after.trim_start();
        (parameters.is_empty() || parameters.starts_with(';')).then_some(address)
    });
    address
        .unwrap_or(text)
        .trim_matches(|c: char| c.is_whitespace() || QUOTES.contains(&c))
}
