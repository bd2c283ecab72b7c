//! The id of an offer.

use rand::CryptoRng;
use serde::Deserialize;

use super::InvalidId;
use crate::hex;

/// An SMS offer or a partnership offer: 12 random bytes, written as 24 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct OfferId([u8; 12]);
text_form!(OfferId, "^[0-9a-f]{24}$");

impl OfferId {
    /// Takes digits in upper case too; the id is written in lower case.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let bytes = hex::decode(text.as_bytes());
        bytes.map(Self).ok_or(InvalidId::OfferId)
    }

    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 12];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    fn with_text<T>(&self, use_text: impl FnOnce(&str) -> T) -> T {
        let mut text = [0; 24];
        for (digits, byte) in text.chunks_exact_mut(2).zip(self.0) {
            digits.copy_from_slice(&hex::lower_digits(byte));
        }
        use_text(str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("6789abcd1234ef5678901234", true)]
    #[case("6789ABCD1234EF5678901234", true)]
    #[case("6789abcd1234ef567890123", false)]
    #[case("6789abcd1234ef56789012345", false)]
    #[case("6789abcd1234ef567890123g", false)]
    #[case("+789abcd1234ef5678901234", false)]
    fn an_offer_id_is_24_hex_characters(#[case] text: &str, #[case] valid: bool) {
        let id = OfferId::parse(text);
        assert_eq!(id.is_ok(), valid);
        if let Ok(id) = id {
            assert_eq!(id.to_string(), text.to_lowercase());
        }
    }
}
