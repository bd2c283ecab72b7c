//! The verdict on a click: a suspected bot, with every reason there is and
//! the rule that found it.
//!
//! What tells a bot is data: [`BotRules`] are read from `rules.toml` and from an
//! operator's file of the same form, which can add rules and switch ours off.
//! Behind the rules about user agents stand the lists of crawlers that others
//! maintain.

mod crawlers;
mod networks;
mod rules;

#[cfg(test)]
mod tests;

use std::{fmt, net::IpAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crawlers::is_browser;
pub use rules::{BotRules, InvalidBotRules, StoredClickRule, UserAgentMatch};

/// Why a click is taken for a bot's.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BotReason {
    /// The user agent is a known bot's, or claims a browser that would have
    /// sent other headers.
    UaBot,
    /// No user agent, or an empty one: every browser sends one.
    UaMissing,
    /// A messaging app that fetches the link to show a preview.
    LinkPreview,
    /// `HEAD`: people do not ask for headers only.
    HeadMethod,
    /// The client says that it fetches ahead of a click.
    Prefetch,
    /// The address belongs to a datacenter.
    DatacenterIp,
    /// The country is one that the account does not send to.
    BadCountry,
    /// Too many clicks at once; set afterwards, by the click worker.
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

/// What the verdict looks at.
#[derive(Clone, Copy)]
pub struct RequestSignals<'a> {
    pub method: &'a str,
    /// A header's text by its name in lower case; `None` where it is absent.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    pub ip: IpAddr,
    /// The autonomous system that the address belongs to.
    pub asn: Option<u32>,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<&'a str>,
    pub countries: &'a CountryFilter,
}

/// The countries that an account's messages go to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountryFilter {
    /// ISO 3166-1 alpha-2, upper case. If there are any, all others are bad.
    pub allowed: Vec<String>,
    /// These are bad.
    pub blocked: Vec<String>,
}

impl CountryFilter {
    /// The name of the rule by which a country is bad. An unknown country is
    /// not: every click would be, where there is no GeoIP database.
    fn refuse(&self, country: Option<&str>) -> Option<&'static str> {
        let is_in = |countries: &[String]| countries.iter().any(|c| Some(c.as_str()) == country);
        if country.is_none() {
            None
        } else if is_in(&self.blocked) {
            Some("blocked_countries")
        } else if !self.allowed.is_empty() && !is_in(&self.allowed) {
            Some("allowed_countries")
        } else {
            None
        }
    }
}

/// Every reason once, in the order of [`BotReason`], and the rules that hit.
/// No reason is a person's click.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict<'r> {
    pub reasons: Vec<BotReason>,
    pub rules: Vec<&'r str>,
}

impl<'r> Verdict<'r> {
    pub fn is_bot(&self) -> bool {
        !self.reasons.is_empty()
    }

    pub fn is_link_preview(&self) -> bool {
        self.reasons.contains(&BotReason::LinkPreview)
    }

    fn add(&mut self, reason: BotReason, rule: &'r str) {
        if let Err(place) = self.reasons.binary_search(&reason) {
            self.reasons.insert(place, reason);
        }
        self.rules.push(rule);
    }
}
