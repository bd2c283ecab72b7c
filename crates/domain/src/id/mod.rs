//! The types of all ids: their text form, and how a new one is generated.
//!
//! `parse` and `generate` are the only ways to get an id that is a text, so that code that
//! has one need not check it again. Randomness and time come in as arguments.

/// Implements the conversions of an id that is a text. They use the id's `with_text`, which
/// passes the text on without an allocation, since every click writes several ids.
macro_rules! text_form {
    ($name:ident, $pattern:literal) => {
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.with_text(|text| serializer.serialize_str(text))
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.with_text(|text| f.write_str(text))
            }
        }
        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

mod base62;
mod number;
mod offer;
mod uuid;

pub use self::{
    base62::{CampaignId, LinkCode, ShortId, random_base62},
    number::{AccountId, CouponId, CreativeId, LinkKey, ListId},
    offer::OfferId,
    uuid::{AuditId, ClickId, ConversionId, PostbackId, TrackerToken},
};

/// Why a text is not an id. Each sentence gives the form that the id must have.
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
    #[error("a postback id is a UUID of version 7")]
    PostbackId,
    #[error("an id of the audit trail is a UUID of version 7")]
    AuditId,
    #[error("a tracker token is a UUID of version 4")]
    TrackerToken,
    #[error("a campaign id is `camp_` and up to 32 of A-Z, a-z and 0-9")]
    CampaignId,
    #[error("a link code is 8 characters of A-Z, a-z and 0-9")]
    LinkCode,
}
