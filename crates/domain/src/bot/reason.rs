//! Why a click is taken for a bot's.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a click is taken for a bot's.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BotReason {
    /// The user agent is a known bot's, or is a browser's while the headers are not a browser's.
    UaBot,
    /// The request has no user agent, or an empty one. Every browser sends one.
    UaMissing,
    /// A messaging app fetched the link to show a preview of it.
    LinkPreview,
    /// The method was `HEAD`. People do not ask for headers only.
    HeadMethod,
    /// The client said that it fetches the page before somebody clicks.
    Prefetch,
    /// The address belongs to a datacenter.
    DatacenterIp,
    /// The visitor's country is not one that the account sends to.
    BadCountry,
    /// There were too many clicks in a short time. The click worker finds this after the click.
    Burst,
}

impl BotReason {
    pub const ALL: [Self; 8] = [
        Self::UaBot,
        Self::UaMissing,
        Self::LinkPreview,
        Self::HeadMethod,
        Self::Prefetch,
        Self::DatacenterIp,
        Self::BadCountry,
        Self::Burst,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UaBot => "ua_bot",
            Self::UaMissing => "ua_missing",
            Self::LinkPreview => "link_preview",
            Self::HeadMethod => "head_method",
            Self::Prefetch => "prefetch",
            Self::DatacenterIp => "datacenter_ip",
            Self::BadCountry => "bad_country",
            Self::Burst => "burst",
        }
    }
}

impl fmt::Display for BotReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
