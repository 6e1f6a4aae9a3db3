//! The form in which values of attributes are compared.

use super::spelling::{bare, visible};

/// E-mail addresses without the name of their owner, trimmed and lower-cased.
pub(super) fn email(value: &str) -> String {
    bare(&visible(value)).to_lowercase()
}

/// Names and most attributes: trimmed and lower-cased.
pub(super) fn text(value: &str) -> String {
    visible(value).to_lowercase()
}

/// A value of a telephone attribute that is no telephone number: compared as text. The scheme and
/// the host of a SIP address are case-insensitive; the user part is not.
///
/// Source: RFC 3261, section 19.1.4; RFC 3966, section 5 (`phone-context` is case-insensitive).
pub(super) fn other(value: &str) -> String {
    let value = visible(value);
    let value = bare(&value);
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

/// What identifies the owner in an address such as `sip:bob@example.test;transport=tcp`.
pub(super) struct Parts<'a> {
    /// The user, such as `bob`, or all of an address without a host.
    pub user: &'a str,
    /// The host, such as `example.test`; may be empty.
    pub host: &'a str,
    /// Whether the address has a scheme.
    pub schemed: bool,
}

impl<'a> Parts<'a> {
    pub fn of(address: &'a str) -> Self {
        let scheme = scheme(address);
        let rest = scheme.map_or(address, |(_, rest)| rest);
        let (user, host) = rest.split_once('@').unwrap_or((rest, ""));
        Self {
            user: user.split(';').next().unwrap_or_default(),
            host: host.split([';', '?', ':']).next().unwrap_or_default(),
            schemed: scheme.is_some(),
        }
    }
}

/// The scheme of a URI such as `sip:`, and what follows it.
fn scheme(value: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = value.split_once(':')?;
    let mut letters = scheme.chars();
    let valid = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    valid.then_some((scheme, rest))
}
