//! Which URLs deliveries may be sent to.

use url::{Host, Url};

use crate::domain::address::is_public;

/// The largest number of characters of a URL.
pub const LONGEST_URL: usize = 2000;

/// Checks the text of a webhook's URL. The client checks the addresses of its host name when it
/// connects.
///
/// # Errors
/// A sentence without its subject.
pub fn check_url(text: &str, allow_private: bool) -> Result<Url, String> {
    if text.is_empty() {
        return Err("is required".to_owned());
    }
    if text.chars().count() > LONGEST_URL {
        return Err(format!("is longer than {LONGEST_URL} characters"));
    }
    let url = Url::parse(text)
        .map_err(|error| format!("is no URL, such as https://example.org/hook: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        "http" => {
            return Err("is not https, which is wanted unless the server's setting [webhooks] allow_private is on".to_owned());
        }
        _ => return Err("is not https".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "holds a user or a password; deliveries are signed with the secret instead".to_owned(),
        );
    }
    if url.port() == Some(0) {
        return Err("names port 0".to_owned());
    }
    let is_private = match url.host() {
        None => return Err("names no host".to_owned()),
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
    };
    if is_private && !allow_private {
        return Err(PRIVATE.to_owned());
    }
    Ok(url)
}

/// The error for a private address.
pub const PRIVATE: &str = "leads into a private network or to this machine, which the server's setting [webhooks] allow_private allows";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_everybodys_are_refused_however_they_are_written() {
        for url in [
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://[::1]/",
            "https://[::ffff:192.168.0.1]/",
            "https://169.254.169.254/latest",
        ] {
            assert_eq!(check_url(url, false), Err(PRIVATE.to_owned()), "{url}");
            assert!(check_url(url, true).is_ok(), "{url}");
        }
        for url in [
            "http://example.org/",
            "ftp://example.org/",
            "https://u:p@example.org/",
            "https://",
            "example.org",
            "https://example.org:0/",
        ] {
            assert!(check_url(url, false).is_err(), "{url}");
        }
        assert!(check_url("https://example.org/hook?x=1", false).is_ok());
    }
}
