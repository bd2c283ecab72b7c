//! Ids that are UUIDs: clicks and conversions, which carry their time, and tracker tokens.

use rand::{CryptoRng, Rng};
use serde::Deserialize;
use uuid::Uuid;

use super::InvalidId;

/// Declares an id that is a UUID of one version. Its only text form is the hyphenated one,
/// so that one URL names one link.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, version = $version:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Uuid);
        text_form!($name, $pattern);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let uuid = parse_hyphenated(text).ok_or(InvalidId::$name)?;
                Self::from_uuid(uuid)
            }

            /// Refuses a UUID of another version.
            pub fn from_uuid(uuid: Uuid) -> Result<Self, InvalidId> {
                let is_rfc_4122 = uuid.get_variant() == uuid::Variant::RFC4122;
                if uuid.get_version_num() == $version && is_rfc_4122 {
                    Ok(Self(uuid))
                } else {
                    Err(InvalidId::$name)
                }
            }

            pub fn as_uuid(&self) -> Uuid {
                self.0
            }

            fn with_text<T>(&self, use_text: impl FnOnce(&str) -> T) -> T {
                let mut buffer = Uuid::encode_buffer();
                use_text(self.0.hyphenated().encode_lower(&mut buffer))
            }
        }
    };
}

/// Declares a [`uuid_id!`] that carries its time: a UUID of version 7, whose first 48 bits
/// are Unix milliseconds; 74 of the other bits are random.
macro_rules! time_id {
    ($(#[$doc:meta])* $name:ident) => {
        uuid_id!(
            $(#[$doc])*
            $name,
            version = 7,
            "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
        );

        impl $name {
            pub fn generate(unix_ms: u64, rng: &mut impl Rng) -> Self {
                let mut random = [0; 10];
                rng.fill_bytes(&mut random);
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
            }

            /// The id with the same random bits and another time.
            pub fn with_unix_ms(self, unix_ms: u64) -> Self {
                let [_, _, _, _, _, _, random @ ..] = self.0.into_bytes();
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
            }

            /// The id's time in Unix milliseconds.
            pub fn unix_ms(&self) -> i64 {
                let ms = self.0.as_u128() >> 80;
                i64::try_from(ms).expect("48 bits fit into 63")
            }

            /// The id's time, to the millisecond.
            pub fn time(&self) -> jiff::Timestamp {
                jiff::Timestamp::from_millisecond(self.unix_ms()).unwrap_or(jiff::Timestamp::MAX)
            }
        }
    };
}

time_id!(
    /// A click, and its time. It is the click's idempotency key from the redirector's spool
    /// to the database.
    ClickId
);
time_id!(
    /// A conversion, and the time at which it was received. It is the conversion's
    /// idempotency key, as a click's id is.
    ConversionId
);
time_id!(
    /// A postback in the log of postbacks, and the time at which it was received. It is the
    /// entry's idempotency key.
    PostbackId
);

time_id!(
    /// A row of the audit trail, and its time.
    AuditId
);

uuid_id!(
    /// The secret in a click tracker URL: a UUID of version 4.
    TrackerToken,
    version = 4,
    "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
);

impl TrackerToken {
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut random = [0; 16];
        rng.fill_bytes(&mut random);
        Self(uuid::Builder::from_random_bytes(random).into_uuid())
    }
}

/// Unlike `Uuid::parse_str` it refuses the simple, braced and URN forms.
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

    #[test]
    fn a_click_id_carries_its_time() {
        let mut rng = StdRng::seed_from_u64(1);
        let id = ClickId::generate(1_795_000_000_123, &mut rng);
        assert_eq!(id.unix_ms(), 1_795_000_000_123);
        assert_eq!(ClickId::parse(&id.to_string()), Ok(id));
        assert_eq!(id.time().as_millisecond(), 1_795_000_000_123);
        let later = id.with_unix_ms(1_795_000_000_124);
        assert_eq!(later.unix_ms(), 1_795_000_000_124);
        assert_eq!(later.with_unix_ms(1_795_000_000_123), id);
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
