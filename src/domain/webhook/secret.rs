//! Secrets and signatures, by the Standard Webhooks convention
//! (<https://www.standardwebhooks.com>).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::SECOND;
use crate::domain::Moment;

/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;
/// The prefix of a secret.
const SECRET_MARK: &str = "whsec_";

/// A secret that signs deliveries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// `whsec_` and base64.
    text: String,
    /// When it stops signing; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
}

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: &[u8; SECRET_BYTES]) -> Self {
        Self {
            text: format!("{SECRET_MARK}{}", STANDARD.encode(bytes)),
            until: None,
        }
    }

    /// The text that its owner is shown once.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn sign(&self, signed: &str) -> Option<String> {
        let key = STANDARD.decode(self.text.strip_prefix(SECRET_MARK)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(signed.as_bytes());
        Some(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Puts a new secret in front of the others. Those sign until `until` at the latest. Expired ones
/// are dropped.
pub fn rotated(old: &[Secret], new: Secret, now: Moment, until: Moment) -> Vec<Secret> {
    let mut all = vec![new];
    for secret in old {
        let until = secret.until.map_or(until, |given| given.min(until));
        if until > now {
            all.push(Secret {
                text: secret.text.clone(),
                until: Some(until),
            });
        }
    }
    all
}

/// The signatures of a delivery by all secrets that sign at a moment, as `webhook-signature` lists
/// them.
pub fn signatures(secrets: &[Secret], id: &str, at: Moment, body: &str) -> String {
    let signed = format!("{id}.{}.{body}", at.micros().div_euclid(SECOND));
    let all: Vec<String> = secrets
        .iter()
        .filter(|secret| secret.until.is_none_or(|until| until > at))
        .filter_map(|secret| secret.sign(&signed))
        .collect();
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_secret_signs_until_its_time_is_over() {
        let at = |second: i64| Moment::from_micros(second * SECOND).unwrap();
        let (old, new) = (Secret::new(&[1; 32]), Secret::new(&[2; 32]));
        let both = rotated(std::slice::from_ref(&old), new.clone(), at(0), at(60));
        assert_eq!(signatures(&both, "m", at(59), "{}").split(' ').count(), 2);
        assert_eq!(
            signatures(&both, "m", at(60), "{}"),
            signatures(std::slice::from_ref(&new), "m", at(60), "{}")
        );
        assert_eq!(
            rotated(&[old], new.clone(), at(9), at(9)),
            std::slice::from_ref(&new)
        );
        // a second rotation does not extend the life of the first secret
        let third = rotated(&both, Secret::new(&[3; 32]), at(1), at(600));
        assert_eq!(signatures(&third, "m", at(60), "{}").split(' ').count(), 2);
        assert!(!format!("{new:?}").contains("AgIC"));
    }
}
