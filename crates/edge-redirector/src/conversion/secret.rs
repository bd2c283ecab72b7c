//! Compares a text with secrets of which only the digests are known.

use domain::hex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Whether `text` is one of the secrets with these digests (SHA-256 in hexadecimal digits).
/// Each comparison takes constant time. If there are no digests, nothing matches.
pub fn secret_matches<'d>(text: &str, digests: impl Iterator<Item = &'d str>) -> bool {
    let text_digest = sha256_hex(text);
    let mut matches = subtle::Choice::from(0);
    for digest in digests {
        matches |= text_digest.as_bytes().ct_eq(digest.as_bytes());
    }
    matches.into()
}

fn sha256_hex(text: &str) -> String {
    hex::encode(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_secrets_no_text_matches() {
        let digests = [sha256_hex("secret")];
        let secrets = || digests.iter().map(String::as_str);
        assert!(secret_matches("secret", secrets()));
        assert!(!secret_matches("Secret", secrets()));
        assert!(!secret_matches("", secrets()));
        assert!(!secret_matches("", std::iter::empty()));
        assert!(!secret_matches("secret", std::iter::empty()));
    }
}
