//! The session cookie. It holds the user and the expiry, authenticated by a MAC with the user's
//! secret.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite};

use super::mac;
use crate::config::Gws;

/// The name of the cookie, which clients expect.
const NAME: &str = "JSESSIONID";
/// Seconds without a request after which a session ends (`docs.genesys.com`: GWS
/// "`ConfigurationPremise`").
const LASTS: i64 = 1800;
/// The purpose of the MAC, so that no other MAC passes for a cookie.
const SESSION: &str = "session";

/// The session of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Identifier: 128 random bits.
    pub id: String,
    /// The user.
    pub user: Arc<str>,
    /// Seconds since 1970 at which it ends.
    expires: i64,
}

impl Session {
    /// A new session.
    pub fn new(user: Arc<str>, now: i64) -> Self {
        Self {
            id: hex::encode(rand::random::<[u8; 16]>()),
            user,
            expires: now + LASTS,
        }
    }

    /// The first valid session cookie. Others on the same host may use the same name. `secret`
    /// returns the secret of an existing user.
    pub fn find<'s>(
        headers: &HeaderMap,
        now: i64,
        secret: impl Fn(&str) -> Option<&'s [u8]>,
    ) -> Option<Self> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .filter(|cookie| cookie.name() == NAME)
            .find_map(|cookie| Self::read(cookie.value(), now, &secret))
    }

    fn read<'s>(value: &str, now: i64, secret: impl Fn(&str) -> Option<&'s [u8]>) -> Option<Self> {
        let (said, sealed) = value.rsplit_once('.')?;
        let [id, expires, user] = said.split('.').collect::<Vec<_>>().try_into().ok()?;
        let user = String::from_utf8(URL_SAFE_NO_PAD.decode(user).ok()?).ok()?;
        let expires: i64 = expires.parse().ok()?;
        let good = mac::holds(secret(&user)?, SESSION, said, sealed) && now < expires;
        good.then(|| Self {
            id: id.to_owned(),
            user: user.into(),
            expires,
        })
    }

    /// Whether it is time to renew the session.
    pub fn is_half_over(&self, now: i64) -> bool {
        self.expires - now <= LASTS / 2
    }

    /// The same session with its full lifetime ahead.
    #[must_use]
    pub fn renewed(self, now: i64) -> Self {
        Self {
            expires: now + LASTS,
            ..self
        }
    }

    fn value(&self, secret: &[u8]) -> String {
        let user = URL_SAFE_NO_PAD.encode(self.user.as_bytes());
        let said = format!("{}.{}.{user}", self.id, self.expires);
        let sealed = mac::seal(secret, SESSION, &said);
        format!("{said}.{sealed}")
    }

    /// The value of `Set-Cookie`. A page of another web site gets cookies back only over TLS, and
    /// only if they are marked for such pages.
    pub fn cookie(&self, secret: &[u8], gws: &Gws) -> String {
        let for_others = gws
            .allow_origins
            .iter()
            .any(|origin| origin.starts_with("https:"));
        let secure = for_others || gws.base_url.starts_with("https:");
        let same_site = if for_others {
            SameSite::None
        } else {
            SameSite::Lax
        };
        Cookie::build((NAME, self.value(secret)))
            .path("/")
            .http_only(true)
            .same_site(same_site)
            .secure(secure)
            .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn secret(user: &str) -> Option<&'static [u8]> {
        [("ann", &b"one"[..]), ("bob", b"two")]
            .into_iter()
            .find_map(|(name, secret)| (name == user).then_some(secret))
    }

    #[test]
    fn a_session_is_good_until_it_ends_and_keeps_its_name_when_renewed() {
        let session = Session::new("ann".into(), NOW);
        let value = session.value(b"one");
        let read = |value: &str, now| Session::read(value, now, secret);
        assert_eq!(read(&value, NOW + LASTS - 1), Some(session.clone()));
        assert_eq!(read(&value, NOW + LASTS), None);
        assert!(
            !session.is_half_over(NOW + LASTS / 2 - 1) && session.is_half_over(NOW + LASTS / 2)
        );
        let renewed = session.clone().renewed(NOW + 1000);
        assert_eq!(renewed.id, session.id);
        let again = read(&renewed.value(b"one"), NOW + LASTS + 999);
        assert_eq!(again, Some(renewed));
    }

    #[test]
    fn nothing_of_a_cookie_can_be_changed() {
        let value = Session::new("ann".into(), NOW).value(b"one");
        let bob = URL_SAFE_NO_PAD.encode("bob");
        let ann = URL_SAFE_NO_PAD.encode("ann");
        let later = (NOW + LASTS).to_string();
        let stretched = (NOW + LASTS + 9).to_string();
        for changed in [
            value.replace(&ann, &bob),
            value.replace(&later, &stretched),
            value[1..].to_owned(),
            value[..value.len() - 1].to_owned(),
            format!("0{value}"),
            String::new(),
            "...".to_owned(),
        ] {
            assert_ne!(changed, value);
            assert_eq!(Session::read(&changed, NOW, secret), None, "{changed}");
        }
        assert_eq!(
            Session::read(&value, NOW, |_| Some(b"another")),
            None,
            "the password was changed"
        );
        assert_eq!(
            Session::read(&value, NOW, |_| None),
            None,
            "the user is gone"
        );
    }
}
