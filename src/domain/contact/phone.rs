//! Telephone numbers in the form in which networks dial them.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

use super::{extension, spelling};

/// No telephone number has more characters; longer texts are not parsed.
const LONGEST: usize = 64;
/// The country code of North America, where all numbers have ten digits.
const NORTH_AMERICA: i32 = 1;
/// No country code has more digits.
const LONGEST_COUNTRY: usize = 3;
/// Words and schemes before a number.
const BEFORE: [&str; 8] = [
    "tel",
    "tel.",
    "telephone",
    "phone",
    "mobile",
    "cell",
    "callto",
    "sms",
];
/// Words in brackets after a number.
const AFTER: [&str; 8] = [
    "work", "office", "home", "mobile", "cell", "main", "direct", "private",
];

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
    let text = spelled(text)?;
    let written = Written::of(without_words(&text))?;
    let parsed = parse(&written.number, default)?;
    if !letters_are_keys(&written.number, &parsed) {
        return None;
    }
    let mut form = PHONE_NUMBER_UTIL
        .format(&parsed, PhoneNumberFormat::E164)
        .into_owned();
    let extension = written.extension.or(parsed.extension.as_deref());
    if let Some(extension) = extension.filter(|digits| !digits.is_empty()) {
        form.push_str(";ext=");
        form.push_str(extension);
    }
    Some(form)
}

/// Whether a text is a sign with a few digits: a country code by itself, or a number below zero
/// such as the `-1` of some programs.
pub(super) fn is_sign_alone(text: &str) -> bool {
    let text = spelling::with_digits(&spelling::visible(text));
    text.starts_with(['+', '-'])
        && !text.chars().any(char::is_alphabetic)
        && text.chars().filter(char::is_ascii_digit).count() <= LONGEST_COUNTRY
}

/// A text in the characters in which numbers are read; `None` if it is too long for a number.
fn spelled(text: &str) -> Option<String> {
    let text = spelling::visible(text);
    let text = spelling::bare(&text);
    if text.chars().count() > LONGEST {
        return None;
    }
    let joiners = ['\u{200c}', '\u{200d}'];
    // dots between groups of digits
    let dots = ['\u{b7}', '\u{2022}', '\u{2219}', '\u{22c5}', '\u{30fb}'];
    let text = text.replace(joiners, "").replace(dots, " ");
    Some(spelling::with_digits(&text).trim().to_owned())
}

/// A text without what [`BEFORE`] and [`AFTER`] name.
fn without_words(text: &str) -> &str {
    let is_one = |words: &[&str], word: &str| {
        words
            .iter()
            .any(|other| word.trim().eq_ignore_ascii_case(other))
    };
    let text = match text.split_once(':') {
        Some((word, rest)) if is_one(&BEFORE, word) => rest.trim_start_matches(['/', ' ']),
        _ => text,
    };
    let note = text
        .strip_suffix(')')
        .and_then(|inner| inner.rsplit_once('('));
    match note {
        Some((number, word)) if is_one(&AFTER, word) => number.trim_end(),
        _ => text,
    }
}

/// A number and its extension as they are written.
struct Written<'t> {
    number: String,
    extension: Option<&'t str>,
}

impl<'t> Written<'t> {
    /// Reads a text, with the parameters that a `tel:` address may have; `None` if it does not
    /// begin as a number, or has other parameters. An ISDN subaddress and the `user` of SIP say
    /// nothing about the number. A `phone-context` with a domain makes it a number of a private
    /// network.
    ///
    /// Source: RFC 3966, sections 3 and 5.1.5; RFC 3261, section 19.1.1 (`user`).
    fn of(text: &'t str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (number, mut extension) = extension::split(parts.next()?);
        let mut number = number.to_owned();
        for parameter in parts.filter(|part| !part.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "ext" if extension.is_none() && extension::is_extension(value) => {
                    extension = Some(value);
                }
                "phone-context" if value.starts_with('+') => {
                    if !number.starts_with('+') {
                        number.insert_str(0, value);
                    }
                }
                "isub" | "user" => {}
                _ => return None,
            }
        }
        let begins = number.starts_with(|c: char| c == '+' || c == '(' || c.is_ascii_digit());
        begins.then_some(Self { number, extension })
    }
}

/// Reads a number. A valid number goes before one that is only possible.
fn parse(number: &str, default: Option<Region>) -> Option<PhoneNumber> {
    let read = |text: &str, region| PHONE_NUMBER_UTIL.parse(text, region).ok();
    let unbracketed = number.trim_start_matches(['(', ' ']);
    if unbracketed.starts_with('+') {
        return read(unbracketed, None)
            .filter(|parsed| PHONE_NUMBER_UTIL.is_possible_number(parsed));
    }
    // The region comes first: it may have longer international prefixes, as Korea has 002.
    let valid = |parsed: &PhoneNumber| PHONE_NUMBER_UTIL.is_valid_number(parsed);
    let at_home = default
        .and_then(|region| read(number, Some(region)))
        .filter(valid);
    if at_home.is_some() || !is_double_zero(unbracketed) {
        return at_home;
    }
    // `00` is the international prefix in most of the world
    let international = format!("+{}", unbracketed.trim_start_matches('0'));
    read(&international, None).filter(|parsed| PHONE_NUMBER_UTIL.is_possible_number(parsed))
}

/// Whether a number has no letters, or letters that stand for the keys of a telephone.
///
/// The library drops one or two letters, and maps more to digits by the keypad, so that "+49 30
/// 1112 Bob" and "+49 30 1112 Anc" would be one number. Where all numbers have the same length, a
/// name makes the number too long. Without a country code, only a toll-free number such as
/// 1-800-FLOWERS has letters, and they do not follow a digit: `user800abc` and `800abc` are names.
fn letters_are_keys(number: &str, parsed: &PhoneNumber) -> bool {
    let letters = number.chars().filter(|c| c.is_alphabetic()).count();
    if letters == 0 {
        return true;
    }
    if letters < 3 || parsed.country_code != NORTH_AMERICA {
        return false;
    }
    let before = number.split(char::is_alphabetic).next();
    let behind_digit = before.is_some_and(|text| text.ends_with(|c: char| c.is_ascii_digit()));
    number.starts_with('+')
        || (!behind_digit && PHONE_NUMBER_UTIL.get_number_type(parsed) == PhoneNumberType::TollFree)
}

/// Whether the text begins with `00` and a country code, which never begins with a zero.
fn is_double_zero(text: &str) -> bool {
    let mut digits = text.chars().filter(char::is_ascii_digit);
    text.starts_with("00") && digits.nth(2).is_some_and(|digit| digit != '0')
}
