//! The verdict on a click, and what it is made from.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::reason::BotReason;

/// The reasons why a click is taken for a bot's, and the names of the rules that matched. A
/// verdict without a reason is a person's click.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict<'r> {
    /// Each reason once, in the order of [`BotReason`].
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

    pub(super) fn add(&mut self, reason: BotReason, rule: &'r str) {
        if let Err(index) = self.reasons.binary_search(&reason) {
            self.reasons.insert(index, reason);
        }
        self.rules.push(rule);
    }
}

/// What the rules look at besides the user agent.
#[derive(Clone, Copy)]
pub struct RequestSignals<'a> {
    pub method: &'a str,
    /// Returns the text of a header by its name in lower case; `None` where it is absent.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    pub ip: IpAddr,
    /// The number of the autonomous system that announces the address.
    pub asn: Option<u32>,
    /// ISO 3166-1 alpha-2 in upper case.
    pub country: Option<&'a str>,
    pub countries: &'a CountryFilter,
}

/// The countries that an account sends messages to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountryFilter {
    /// ISO 3166-1 alpha-2 in upper case. Unless the list is empty, clicks from all other
    /// countries are taken for bots'.
    pub allowed: Vec<String>,
    /// Clicks from these countries are taken for bots'.
    pub blocked: Vec<String>,
}

impl CountryFilter {
    /// The name of the rule by which clicks from `country` are taken for bots'. An unknown
    /// country violates no rule: without a GeoIP database all countries are unknown.
    pub(super) fn violated_rule(&self, country: Option<&str>) -> Option<&'static str> {
        let country = country?;
        let is_in = |countries: &[String]| countries.iter().any(|other| other == country);
        if is_in(&self.blocked) {
            Some("blocked_countries")
        } else if !self.allowed.is_empty() && !is_in(&self.allowed) {
            Some("allowed_countries")
        } else {
            None
        }
    }
}
