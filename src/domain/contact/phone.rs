//! Telephone numbers in the form in which networks dial them.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use unicode_normalization::UnicodeNormalization;

/// No telephone number has more characters; longer texts are not parsed.
const LONGEST: usize = 64;
/// The country code of North America, where all numbers have ten digits.
const NORTH_AMERICA: i32 = 1;

/// A region by its ISO 3166 code, such as `GB`.
pub(super) fn region(code: &str) -> Option<Region> {
    Region::from_code(&code.to_ascii_uppercase()).ok()
}

/// The number in E.164 form with its extension, such as `+442079460900;ext=6`; `None` if the text
/// is no number.
///
/// With a country code, the number must be possible in that country. Without one, it needs the
/// default region and must be valid there: a short text of digits is more likely an internal
/// extension.
pub(super) fn number(text: &str, default: Option<Region>) -> Option<String> {
    let text: String = text.trim().nfkc().take(LONGEST + 1).collect();
    if text.chars().count() > LONGEST {
        return None;
    }
    let dialled = strip_scheme(&text);
    let (main, tail) = split(dialled);
    let letters = main.chars().filter(|c| c.is_alphabetic()).count();
    if !begins_as_number(main) || !is_extension(tail) {
        return None;
    }
    // `00` is the international prefix in most of the world; the library knows it only for regions
    // that dial it
    let unbracketed = dialled.trim_start_matches('(');
    let double_zero = is_double_zero(unbracketed);
    let international = dialled.starts_with('+') || double_zero || tail.contains("phone-context=+");
    let written = if double_zero {
        format!("+{}", unbracketed.trim_start_matches('0'))
    } else {
        text.clone()
    };
    let region = if international { None } else { Some(default?) };
    let parsed = PHONE_NUMBER_UTIL.parse(&written, region).ok()?;
    // The library drops one or two letters, and maps more to digits by the keypad, so that "+49 30
    // 1112 Bob" and "+49 30 1112 Anc" would be one number. Where all numbers have the same length,
    // a name makes the number too long.
    if letters > 0 && (letters < 3 || parsed.country_code != NORTH_AMERICA) {
        return None;
    }
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

/// Splits a text into the number and what follows it: an extension or the parameters of a `tel:`
/// address.
fn split(text: &str) -> (&str, &str) {
    let lower = text.to_ascii_lowercase();
    let end = ["ext", "x", "#", ";"]
        .iter()
        .filter_map(|mark| lower.find(mark))
        .min()
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Whether the text begins like a number. It does not if it has a scheme such as `whatsapp:`, or
/// letters and no country code.
fn begins_as_number(text: &str) -> bool {
    let begins = text
        .chars()
        .next()
        .is_some_and(|c| c == '+' || c == '(' || c.is_numeric());
    begins && (text.starts_with('+') || !text.chars().any(char::is_alphabetic))
}

/// Whether the rest after a number keeps it a public number: it is empty, an extension, or
/// parameters. A `phone-context` with a domain makes it a number of a private network (RFC 3966,
/// section 5.1.5).
fn is_extension(tail: &str) -> bool {
    let lower = tail.to_ascii_lowercase();
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if let Some(parameters) = lower.strip_prefix(';') {
        return parameters
            .split(';')
            .all(|parameter| match parameter.trim().split_once('=') {
                Some(("ext", value)) => digits(value),
                Some(("phone-context", value)) => value.starts_with('+'),
                Some(("isub", _)) => true,
                _ => false,
            });
    }
    if lower.is_empty() {
        return true;
    }
    let mark = ["extension", "extn", "ext", "x", "#"]
        .iter()
        .find_map(|mark| lower.strip_prefix(mark));
    mark.is_some_and(|rest| digits(rest.trim_start_matches([' ', '.', ':', '=', '#', '-'])))
}

/// Whether the text begins with `00` and a country code, which never begins with a zero.
fn is_double_zero(text: &str) -> bool {
    let mut digits = text.chars().filter(char::is_ascii_digit);
    text.starts_with("00") && digits.nth(2).is_some_and(|digit| digit != '0')
}
