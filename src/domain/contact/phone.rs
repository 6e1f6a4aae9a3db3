//! Telephone numbers, in the form in which a telephone network dials them.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use unicode_normalization::UnicodeNormalization;

/// Characters beyond which no text is a telephone number; what is longer is not parsed.
const LONGEST: usize = 64;

/// A region by its ISO 3166 code, such as `GB`.
pub(super) fn region(code: &str) -> Option<Region> {
    Region::from_code(&code.to_ascii_uppercase()).ok()
}

/// The number in E.164 form with its extension, such as `+442079460900;ext=6`; `None` for what is no number.
///
/// A number with its country code needs to be possible in its country. One without needs the default region, and to be
/// valid there: a short digit text is rather somebody's extension.
pub(super) fn number(text: &str, default: Option<Region>) -> Option<String> {
    let text: String = text.trim().nfkc().take(LONGEST + 1).collect();
    let digits = strip_scheme(&text);
    if text.chars().count() > LONGEST || !looks_dialable(digits) {
        return None;
    }
    // the international prefix of most of the world; libphonenumber takes it for one where the region says so
    let international =
        digits.starts_with('+') || digits.contains("phone-context=+") || is_double_zero(digits);
    let dialled = if is_double_zero(digits) {
        format!("+{}", digits.trim_start().trim_start_matches('0'))
    } else {
        text.clone()
    };
    let region = if international { None } else { Some(default?) };
    let parsed = PHONE_NUMBER_UTIL.parse(&dialled, region).ok()?;
    let fits = if international {
        PHONE_NUMBER_UTIL.is_possible_number(&parsed)
    } else {
        PHONE_NUMBER_UTIL.is_valid_number(&parsed)
    };
    if !fits {
        return None;
    }
    let mut form = PHONE_NUMBER_UTIL
        .format(&parsed, PhoneNumberFormat::E164)
        .into_owned();
    let extension = parsed.extension();
    if !extension.is_empty() {
        form.push_str(";ext=");
        form.push_str(extension);
    }
    Some(form)
}

fn strip_scheme(text: &str) -> &str {
    match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &text[4..],
        _ => text,
    }
}

/// `00` and a country code, which never begins with a zero.
fn is_double_zero(text: &str) -> bool {
    let mut digits = text.chars().filter(char::is_ascii_digit);
    text.starts_with("00")
        && digits.by_ref().take(2).all(|digit| digit == '0')
        && digits.next().is_some_and(|digit| digit != '0')
}

/// Whether the text begins as a number does, and has letters only where an extension or the letters of a telephone's keys
/// may stand. Texts in front, or a scheme such as `whatsapp:`, make it something else.
fn looks_dialable(text: &str) -> bool {
    let begins = text
        .chars()
        .next()
        .is_some_and(|c| c == '+' || c == '(' || c.is_numeric());
    let lower = text.to_lowercase();
    let number = ["extension", "ext", "x", "#", ";"]
        .iter()
        .filter_map(|mark| lower.find(mark))
        .min()
        .map_or(lower.as_str(), |end| &lower[..end]);
    begins && (lower.starts_with('+') || !number.chars().any(char::is_alphabetic))
}
