//! API keys: `trk_` and 32 alphanumerics, stored as a SHA-256 digest. A key is
//! 190 random bits, so a plain digest cannot be turned back, and the time that a look-up
//! by digest takes tells an attacker nothing.

use std::fmt;

use domain::id::random_base62;
use rand::CryptoRng;
use sha2::{Digest, Sha256};

const PREFIX: &str = "trk_";
const RANDOM_LEN: usize = 32;
/// How many of the random characters stay visible.
const VISIBLE_RANDOM_LEN: usize = 4;

/// An API key in clear, which is shown once and stored nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(format!("{PREFIX}{}", random_base62(rng, RANDOM_LEN)))
    }

    /// `None` if the text cannot be a key, so that it need not be looked up.
    pub fn parse(text: &str) -> Option<Self> {
        let is_well_formed = text.len() == PREFIX.len() + RANDOM_LEN && text.starts_with(PREFIX);
        is_well_formed.then(|| Self(text.to_owned()))
    }

    /// The digest by which the key is stored and found.
    pub fn digest(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }

    /// The start of the key, by which people tell their keys apart.
    pub fn visible_prefix(&self) -> &str {
        let len = self
            .0
            .floor_char_boundary(PREFIX.len() + VISIBLE_RANDOM_LEN);
        self.0.split_at(len).0
    }

    /// The whole key, for the one response that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Shows only the visible prefix, so that a log cannot hold a key.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}...)", self.visible_prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_well_formed_and_its_prefix_does_not_reveal_it() {
        let key = ApiKey::generate(&mut rand::rng());
        assert_eq!(ApiKey::parse(key.reveal()).as_ref(), Some(&key));
        let (prefix, random) = key.reveal().split_at(4);
        assert_eq!(prefix, "trk_");
        assert_eq!(random.len(), 32);
        assert!(random.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(key.visible_prefix(), key.reveal().split_at(8).0);
        let other = ApiKey::generate(&mut rand::rng());
        assert_ne!(key.digest(), other.digest());
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            "trk_",
            "trk_short",
            "key_0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(ApiKey::parse(text), None, "{text}");
        }
    }
}
