//! Message authentication codes (HMAC-SHA-256). Only a holder of the secret can have written a text
//! with a valid MAC.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

fn mac(secret: &[u8], purpose: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    for part in ["annals gws\0", purpose, "\0", text] {
        mac.update(part.as_bytes());
    }
    mac
}

/// The MAC of a text, in characters that are allowed in cookies and headers. `purpose` must not
/// contain a NUL character.
pub fn seal(secret: &[u8], purpose: &str, text: &str) -> String {
    URL_SAFE_NO_PAD.encode(mac(secret, purpose, text).finalize().into_bytes())
}

/// Whether a MAC is valid for a text. Takes constant time.
pub fn holds(secret: &[u8], purpose: &str, text: &str, given: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(given)
        .is_ok_and(|given| mac(secret, purpose, text).verify_slice(&given).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_its_secret_purpose_and_text_alone() {
        let sealed = seal(b"secret", "a", "text");
        assert!(holds(b"secret", "a", "text", &sealed));
        assert!(!holds(b"other", "a", "text", &sealed));
        assert!(!holds(b"secret", "b", "text", &sealed));
        assert!(!holds(b"secret", "a", "texts", &sealed));
        assert!(!holds(b"secret", "a", "text", &sealed[1..]));
        assert!(!holds(b"secret", "a", "text", ""));
    }
}
