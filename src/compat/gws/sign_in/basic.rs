//! HTTP Basic credentials (RFC 7617).

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::denied::Denied;

/// A name and a password. It has no `Debug`, so that the password cannot be logged.
pub struct Basic {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl Basic {
    /// The credentials in these headers. Schemes other than Basic count as none.
    ///
    /// # Errors
    /// [`Denied`] when they are malformed.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Denied> {
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Ok(None);
        };
        let unreadable = || Denied::access("the Basic credentials cannot be read");
        let value = value.to_str().map_err(|_| unreadable())?;
        let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("basic") {
            return Ok(None);
        }
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| unreadable())?;
        // older clients send ISO 8859-1
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
        let (name, password) = text.split_once(':').ok_or_else(unreadable)?;
        Ok(Some(Self {
            name: name.to_owned(),
            password: password.to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` if it is malformed.
    fn read(value: &str) -> Option<Option<(String, String)>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        let basic = Basic::of(&headers).ok()?;
        Some(basic.map(|basic| (basic.name, basic.password)))
    }

    #[test]
    fn credentials_are_read_in_both_encodings_and_a_password_may_hold_colons() {
        for (bytes, name, password) in [
            ("ann:a:b".as_bytes(), "ann", "a:b"),
            ("zoë:é".as_bytes(), "zoë", "é"),
            (b"zo\xeb:\xe9", "zoë", "é"),
            (b":", "", ""),
        ] {
            let value = format!("bAsIc {}", STANDARD.encode(bytes));
            let wanted = Some((name.to_owned(), password.to_owned()));
            assert_eq!(read(&value).unwrap(), wanted);
        }
        assert_eq!(read("Bearer x"), Some(None));
        for broken in ["Basic", "Basic !", "Basic YW5u"] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
