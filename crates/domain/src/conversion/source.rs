//! The endpoint that received a conversion.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The endpoint that received the conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConversionSource {
    /// `/conv`: a postback for a link or a click.
    Conv,
    /// `/conv/offer`: a postback for an offer, which needs no click.
    Offer,
    /// `/conv/coupon`: a postback for a coupon, which needs no click.
    Coupon,
    /// `/pixel/<link_id>.gif`: an image on a page that the visitor sees.
    Pixel,
    /// `/api/conversions`: the affiliate API.
    Api,
    /// `/api/v2/conversions/import`: a conversion that the account has imported.
    Import,
}

impl ConversionSource {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conv => "conv",
            Self::Offer => "offer",
            Self::Coupon => "coupon",
            Self::Pixel => "pixel",
            Self::Api => "api",
            Self::Import => "import",
        }
    }

    /// The source of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Conv,
            Self::Offer,
            Self::Coupon,
            Self::Pixel,
            Self::Api,
            Self::Import,
        ]
        .into_iter()
        .find(|source| source.as_str() == name)
    }
}
