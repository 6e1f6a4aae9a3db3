//! Placeholder values, such as "anonymous", that identify nobody.

use unicode_normalization::UnicodeNormalization;

/// Words and numbers that telephone networks, forms and other systems send for an unknown value.
/// They are compared without regard to case, surrounding punctuation, and the kind of blanks
/// between words.
///
/// The numbers are those that Twilio sends for withheld caller IDs ("What do the special caller IDs
/// mean"): ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE, typed on a telephone's keypad.
pub const PLACEHOLDERS: [&str; 49] = [
    "anonymous caller",
    "anonymous",
    "blocked number",
    "blocked",
    "caller id withheld",
    "empty",
    "hidden number",
    "hidden",
    "id unavailable",
    "missing",
    "n/a",
    "na",
    "nil",
    "no caller id",
    "no email",
    "no name",
    "no number",
    "no phone number",
    "no phone",
    "no reply",
    "none",
    "noreply",
    "not applicable",
    "not available",
    "not given",
    "not known",
    "not provided",
    "null",
    "number withheld",
    "out of area",
    "private caller",
    "private number",
    "private",
    "restricted number",
    "restricted",
    "tba",
    "tbd",
    "test",
    "unavailable",
    "undefined",
    "undisclosed",
    "unknown caller",
    "unknown number",
    "unknown",
    "withheld",
    "+266696687",
    "+7378742833",
    "+2562533",
    "+8656696",
];

/// The form in which placeholders are compared: lower case, one blank between words, no surrounding
/// punctuation.
pub(super) fn plain(text: &str) -> String {
    let lower: String = text.nfkc().collect::<String>().to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || "_-/.".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let joined = words.join(" ");
    let trimmed = joined.trim_matches(|c: char| !c.is_alphanumeric() && c != '+');
    trimmed.trim().to_owned()
}

/// Whether a text cannot identify anybody: it has no letter, and no digit other than zero.
pub(super) fn says_nothing(text: &str) -> bool {
    text.nfkc().all(|c| c == '0' || !c.is_alphanumeric())
}
