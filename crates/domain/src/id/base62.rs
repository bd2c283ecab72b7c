//! Ids of base62 characters: those of links and campaigns that stand in URLs.

use rand::{CryptoRng, RngExt};
use serde::Deserialize;

use super::InvalidId;

/// The path of a short link: generated (7 characters of base62), or a slug that the sender
/// chose (3 to 64 of `[A-Za-z0-9_-]`). Upper and lower case differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ShortId(String);
text_form!(ShortId, "^[A-Za-z0-9_-]{3,64}$");

impl ShortId {
    pub const GENERATED_LEN: usize = 7;

    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (3..=64).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::ShortId)
        }
    }

    /// Each of the 62^7 = 3.5e12 ids is equally likely.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(random_base62(rng, Self::GENERATED_LEN))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn with_text<T>(&self, use_text: impl FnOnce(&str) -> T) -> T {
        use_text(&self.0)
    }
}

/// A campaign: `camp_` and 1 to 32 characters of base62; a generated id has 12.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct CampaignId(String);
text_form!(CampaignId, "^camp_[A-Za-z0-9]{1,32}$");

impl CampaignId {
    const GENERATED_LEN: usize = 12;

    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let name = text.strip_prefix("camp_").ok_or(InvalidId::CampaignId)?;
        if (1..=32).contains(&name.len()) && is_base62(name) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::CampaignId)
        }
    }

    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(format!("camp_{}", random_base62(rng, Self::GENERATED_LEN)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn with_text<T>(&self, use_text: impl FnOnce(&str) -> T) -> T {
        use_text(&self.0)
    }
}

/// The code of a campaign link: 8 characters of base62. The link's id is `lnk_` and the
/// code, its URL is `https://<click host>/c/<code>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct LinkCode(String);
text_form!(LinkCode, "^[A-Za-z0-9]{8}$");

impl LinkCode {
    const LEN: usize = 8;

    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if text.len() == Self::LEN && is_base62(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::LinkCode)
        }
    }

    /// Parses the link's id, which is `lnk_` and the code.
    pub fn parse_link_id(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text.strip_prefix("lnk_").ok_or(InvalidId::LinkCode)?)
    }

    pub fn link_id(&self) -> String {
        format!("lnk_{}", self.0)
    }

    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(random_base62(rng, Self::LEN))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn with_text<T>(&self, use_text: impl FnOnce(&str) -> T) -> T {
        use_text(&self.0)
    }
}

fn is_base62(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `len` characters of `[0-9A-Za-z]`, each equally likely.
pub fn random_base62(rng: &mut impl CryptoRng, len: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    (0..len)
        .map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]))
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Ab3kX9", true)] // shorter than a generated id
    #[case("Ab3kX9q", true)]
    #[case("spring-sale_26", true)]
    #[case("ab", false)]
    #[case("", false)]
    #[case("a/b", false)]
    #[case("abc.", false)]
    #[case("äbc", false)]
    fn a_short_id_is_3_to_64_characters_of_its_alphabet(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(ShortId::parse(text).is_ok(), valid);
    }

    #[test]
    fn a_slug_has_at_most_64_characters() {
        assert!(ShortId::parse(&"a".repeat(64)).is_ok());
        assert!(ShortId::parse(&"a".repeat(65)).is_err());
    }

    #[test]
    fn generated_short_ids_have_seven_characters_of_base62_and_differ() {
        let mut rng = StdRng::seed_from_u64(1);
        let ids: std::collections::HashSet<_> =
            (0..10_000).map(|_| ShortId::generate(&mut rng)).collect();
        assert_eq!(ids.len(), 10_000);
        let is_generated_form = |id: &ShortId| id.0.len() == 7 && is_base62(&id.0);
        assert!(ids.iter().all(is_generated_form));
    }

    #[rstest]
    #[case("camp_abc123", true)]
    #[case("camp_", false)]
    #[case("camp_abc-123", false)]
    #[case("abc123", false)]
    fn a_campaign_id_starts_with_its_prefix(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(CampaignId::parse(text).is_ok(), valid);
        let generated = CampaignId::generate(&mut StdRng::seed_from_u64(1));
        assert_eq!(CampaignId::parse(generated.as_str()), Ok(generated));
    }

    #[rstest]
    #[case("lnk_x7kQ2mNp", true)]
    #[case("lnk_a1b2c3", false)]
    #[case("x7kQ2mNp", false)]
    #[case("lnk_x7kQ2mN-", false)]
    fn the_id_of_a_campaign_link_is_its_code_with_a_prefix(
        #[case] text: &str,
        #[case] valid: bool,
    ) {
        let code = LinkCode::parse_link_id(text);
        assert_eq!(code.is_ok(), valid);
        if let Ok(code) = code {
            assert_eq!(code.link_id(), text);
        }
    }
}
