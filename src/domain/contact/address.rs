//! The form in which values of attributes are compared.

use unicode_normalization::UnicodeNormalization;

/// E-mail addresses, names and most attributes: trimmed and lower-cased.
pub(super) fn text(value: &str) -> String {
    value.trim().nfc().collect::<String>().to_lowercase()
}

/// A value of a telephone attribute that is no telephone number: compared as text. The scheme and
/// the host of a SIP address are case-insensitive; the user part is not.
///
/// Source: RFC 3261, section 19.1.4; RFC 3966, section 5 (`phone-context` is case-insensitive).
pub(super) fn other(value: &str) -> String {
    let value: String = value.trim().nfc().collect();
    let value = value
        .strip_prefix('<')
        .and_then(|inner| inner.strip_suffix('>'))
        .unwrap_or(&value);
    let Some((scheme, rest)) = scheme(value) else {
        return match value.rsplit_once('@') {
            Some((user, host)) => format!("{user}@{}", host.to_lowercase()),
            None => value.to_owned(),
        };
    };
    let scheme = scheme.to_lowercase();
    match scheme.as_str() {
        "sip" | "sips" => match rest.rsplit_once('@') {
            Some((user, host)) => format!("{scheme}:{user}@{}", host.to_lowercase()),
            None => format!("{scheme}:{}", rest.to_lowercase()),
        },
        "tel" => format!("{scheme}:{}", rest.to_lowercase()),
        _ => format!("{scheme}:{rest}"),
    }
}

/// The scheme of a URI such as `sip:`, and what follows it.
pub(super) fn scheme(value: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = value.split_once(':')?;
    let mut letters = scheme.chars();
    let valid = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    valid.then_some((scheme, rest))
}
