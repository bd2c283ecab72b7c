//! The form of every id, and how one is made.
//!
//! Ids are types: the only way in is `parse` or a generator, so that nothing
//! inside is checked twice. Randomness and time come in as arguments.

use std::{fmt, str::FromStr};

use rand::{CryptoRng, Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

/// What is wrong with a text that should have been an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    #[error("a short id is 3 to 64 characters of A-Z, a-z, 0-9, _ and -")]
    ShortId,
    #[error("an offer id is 24 hexadecimal characters")]
    OfferId,
    #[error("a click id is a UUID of version 7")]
    ClickId,
    #[error("a conversion id is a UUID of version 7")]
    ConversionId,
    #[error("a tracker token is a UUID of version 4")]
    TrackerToken,
    #[error("a campaign id is `camp_` and up to 32 of A-Z, a-z and 0-9")]
    CampaignId,
    #[error("a link code is 8 characters of A-Z, a-z and 0-9")]
    LinkCode,
}

/// The forms of an id that is a text; `with_text` gives it without allocating,
/// since every click writes some.
macro_rules! text_form {
    ($name:ident, $pattern:literal) => {
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.with_text(|text| serializer.serialize_str(text))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.with_text(|text| f.write_str(text))
            }
        }
        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

number_id!(
    /// A tenant.
    AccountId
);
number_id!(
    /// A sending list.
    ListId
);
number_id!(
    /// A message template.
    CreativeId
);
number_id!(
    /// The row of a link. Short ids are unique per short domain only, so rows
    /// and events refer to a link by this number.
    LinkKey
);

/// The path of a short link: generated (7 characters of base62) or a slug
/// (3 to 64 of `[A-Za-z0-9_-]`). Case matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ShortId(String);
text_form!(ShortId, "^[A-Za-z0-9_-]{3,64}$");

impl ShortId {
    pub const GENERATED_LEN: usize = 7;

    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (3..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::ShortId)
        }
    }

    /// 7 characters of base62, each equally likely: 3.5e12 ids per domain.
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

/// A campaign: `camp_` and base62, 12 characters where we make it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct CampaignId(String);
text_form!(CampaignId, "^camp_[A-Za-z0-9]{1,32}$");

impl CampaignId {
    const GENERATED_LEN: usize = 12;

    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let name = text.strip_prefix("camp_").ok_or(InvalidId::CampaignId)?;
        if (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric()) {
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

/// The code of a campaign link: 8 characters of base62. Its id is `lnk_` and
/// the code, its URL `https://<click host>/c/<code>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct LinkCode(String);
text_form!(LinkCode, "^[A-Za-z0-9]{8}$");

impl LinkCode {
    const LEN: usize = 8;

    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if text.len() == Self::LEN && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::LinkCode)
        }
    }

    /// The code in a link's id, `lnk_` before it.
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

/// `len` characters of `[0-9A-Za-z]`, each equally likely.
pub fn random_base62(rng: &mut impl CryptoRng, len: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    (0..len)
        .map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]))
        .collect()
}

/// An SMS offer or a partnership offer: 12 bytes, written as 24 hexadecimal
/// characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct OfferId([u8; 12]);
text_form!(OfferId, "^[0-9a-f]{24}$");

impl OfferId {
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let bytes = text.as_bytes();
        if bytes.len() != 24 {
            return Err(InvalidId::OfferId);
        }
        let digit = |b: u8| char::from(b).to_digit(16).ok_or(InvalidId::OfferId);
        let mut id = [0; 12];
        for (byte, pair) in id.iter_mut().zip(bytes.chunks_exact(2)) {
            let value = digit(pair[0])? * 16 + digit(pair[1])?;
            *byte = u8::try_from(value).map_err(|_| InvalidId::OfferId)?;
        }
        Ok(Self(id))
    }

    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut id = [0; 12];
        rng.fill_bytes(&mut id);
        Self(id)
    }

    fn with_text<T>(&self, use_text: impl FnOnce(&str) -> T) -> T {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 24];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        use_text(str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

/// An id that carries its time: UUID of version 7, whose first 48 bits are Unix
/// milliseconds; 74 further bits are random.
macro_rules! time_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Uuid);
        text_form!(
            $name,
            "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
        );

        impl $name {
            pub fn generate(unix_ms: u64, rng: &mut impl Rng) -> Self {
                let mut random = [0; 10];
                rng.fill_bytes(&mut random);
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
            }

            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let id = parse_hyphenated(text).ok_or(InvalidId::$name)?;
                Self::from_uuid(id)
            }

            pub fn from_uuid(id: Uuid) -> Result<Self, InvalidId> {
                if id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122 {
                    Ok(Self(id))
                } else {
                    Err(InvalidId::$name)
                }
            }

            pub fn as_uuid(&self) -> Uuid {
                self.0
            }

            fn with_text<T>(&self, use_text: impl FnOnce(&str) -> T) -> T {
                with_hyphenated(self.0, use_text)
            }

            /// Its time, in Unix milliseconds.
            pub fn unix_ms(&self) -> i64 {
                let ms = self.0.as_u128() >> 80;
                i64::try_from(ms).expect("48 bits fit into 63")
            }

            /// Its time. Milliseconds are all the precision there is.
            pub fn time(&self) -> jiff::Timestamp {
                jiff::Timestamp::from_millisecond(self.unix_ms()).unwrap_or(jiff::Timestamp::MAX)
            }
        }
    };
}

time_id!(
    /// A click, and its time. It is the idempotency key of the whole pipeline.
    ClickId
);
time_id!(
    /// A conversion, and when it was received.
    ConversionId
);

/// The secret in a click tracker URL: UUID of version 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct TrackerToken(Uuid);
text_form!(
    TrackerToken,
    "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
);

impl TrackerToken {
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut random = [0; 16];
        rng.fill_bytes(&mut random);
        Self(uuid::Builder::from_random_bytes(random).into_uuid())
    }

    /// Only the hyphenated form is a token: one URL, one link.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let id = parse_hyphenated(text).ok_or(InvalidId::TrackerToken)?;
        Self::from_uuid(id)
    }

    pub fn from_uuid(id: Uuid) -> Result<Self, InvalidId> {
        if id.get_version_num() == 4 && id.get_variant() == uuid::Variant::RFC4122 {
            Ok(Self(id))
        } else {
            Err(InvalidId::TrackerToken)
        }
    }

    pub fn as_uuid(&self) -> Uuid {
        self.0
    }

    fn with_text<T>(&self, use_text: impl FnOnce(&str) -> T) -> T {
        with_hyphenated(self.0, use_text)
    }
}

fn with_hyphenated<T>(id: Uuid, use_text: impl FnOnce(&str) -> T) -> T {
    let mut buffer = Uuid::encode_buffer();
    use_text(id.hyphenated().encode_lower(&mut buffer))
}

/// `Uuid::parse_str` also reads the simple, braced and URN forms.
fn parse_hyphenated(text: &str) -> Option<Uuid> {
    if text.len() == uuid::fmt::Hyphenated::LENGTH {
        Uuid::parse_str(text).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Ab3kX9", true)] // the seed's example, older than its 7-character rule
    #[case("Ab3kX9q", true)]
    #[case("spring-sale_26", true)]
    #[case("ab", false)]
    #[case("", false)]
    #[case("a/b", false)]
    #[case("abc.", false)]
    #[case("äbc", false)]
    fn a_short_id_has_its_alphabet_and_length(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(ShortId::parse(text).is_ok(), valid);
    }

    #[rstest]
    #[case("camp_abc123", true)] // the seed's
    #[case("camp_", false)]
    #[case("camp_abc-123", false)]
    #[case("abc123", false)]
    fn a_campaign_id_has_its_prefix(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(CampaignId::parse(text).is_ok(), valid);
        let own = CampaignId::generate(&mut StdRng::seed_from_u64(1));
        assert_eq!(CampaignId::parse(own.as_str()), Ok(own));
    }

    #[rstest]
    #[case("lnk_x7kQ2mNp", true)] // the seed's
    #[case("lnk_a1b2c3", false)]
    #[case("x7kQ2mNp", false)]
    #[case("lnk_x7kQ2mN-", false)]
    fn a_campaign_links_id_is_its_code_with_a_prefix(#[case] text: &str, #[case] valid: bool) {
        let code = LinkCode::parse_link_id(text);
        assert_eq!(code.is_ok(), valid);
        if let Ok(code) = code {
            assert_eq!(code.link_id(), text);
        }
    }

    #[test]
    fn a_slug_ends_at_64_characters() {
        assert!(ShortId::parse(&"a".repeat(64)).is_ok());
        assert!(ShortId::parse(&"a".repeat(65)).is_err());
    }

    #[test]
    fn generated_short_ids_are_seven_of_base62_and_differ() {
        let mut rng = StdRng::seed_from_u64(1);
        let ids: std::collections::HashSet<_> =
            (0..10_000).map(|_| ShortId::generate(&mut rng)).collect();
        assert_eq!(ids.len(), 10_000);
        let shape =
            |id: &ShortId| id.0.len() == 7 && id.0.bytes().all(|b| b.is_ascii_alphanumeric());
        assert!(ids.iter().all(shape));
    }

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

    #[test]
    fn a_click_id_carries_its_time() {
        let mut rng = StdRng::seed_from_u64(1);
        let id = ClickId::generate(1_795_000_000_123, &mut rng);
        assert_eq!(id.unix_ms(), 1_795_000_000_123);
        assert_eq!(ClickId::parse(&id.to_string()), Ok(id));
        assert_eq!(id.time().as_millisecond(), 1_795_000_000_123);
    }

    #[rstest]
    #[case("a1b2c3d4-e5f6-4890-abcd-ef1234567890", true)]
    #[case("a1b2c3d4-e5f6-7890-abcd-ef1234567890", false)] // version 7
    #[case("a1b2c3d4e5f64890abcdef1234567890", false)] // not hyphenated
    #[case("{a1b2c3d4-e5f6-4890-abcd-ef1234567890}", false)]
    fn a_tracker_token_is_a_hyphenated_uuid_v4(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(TrackerToken::parse(text).is_ok(), valid);
    }
}
