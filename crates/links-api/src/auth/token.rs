//! Random tokens of 256 bits: of sessions, and of links that work once. The database has their
//! SHA-256 digests.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::CryptoRng;
use sha2::{Digest as _, Sha256};

/// A token in clear: 43 characters of base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretToken(String);

impl SecretToken {
    pub const LEN: usize = 43;

    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// `None` if the text cannot be a token, so that it need not be looked up.
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let is_well_formed = text.len() == Self::LEN && text.bytes().all(is_allowed);
        is_well_formed.then(|| Self(text.to_owned()))
    }

    /// The digest by which the token is stored and found.
    pub fn digest(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }

    /// What proves that a request of this session comes from a page that could read an answer
    /// of the API. It is derived from the token, so that it need not be stored, and does not
    /// reveal it.
    pub fn csrf_token(&self) -> String {
        let digest = Sha256::new()
            .chain_update("waypost csrf token\0")
            .chain_update(&self.0)
            .finalize();
        BASE64_URL_SAFE_NO_PAD.encode(digest)
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Shows nothing of the token, so that a log cannot have it.
impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken(...)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_random_and_are_parsed_again() {
        let token = SecretToken::generate(&mut rand::rng());
        assert_eq!(SecretToken::parse(token.reveal()).as_ref(), Some(&token));
        let other = SecretToken::generate(&mut rand::rng());
        assert_ne!(token.digest(), other.digest());
        assert_ne!(token.csrf_token(), other.csrf_token());
        assert!(!format!("{token:?}").contains(token.reveal()));
        for text in ["", "short", &"!".repeat(SecretToken::LEN)] {
            assert_eq!(SecretToken::parse(text), None, "{text}");
        }
    }
}
