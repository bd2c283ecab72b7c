//! The form that rules have in TOML files and in requests, and what is refused in it.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Deserialize;

use super::reason::BotReason;

/// The most rules and allowed user agents that an operator's file may have.
pub const MAX_OPERATOR_RULES: usize = 1_000;
const MAX_NAME_LEN: usize = 64;

/// A file of rules. The comment at the top of `rules.toml` explains its parts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    /// Names of rules, allowed user agents and entries of the crawler lists that are disabled.
    #[serde(default)]
    pub disable: Vec<String>,
    #[serde(default, rename = "rule")]
    pub rules: Vec<RuleConfig>,
    #[serde(default, rename = "allowed_user_agent")]
    pub allowed_user_agents: Vec<AllowedUserAgent>,
}

/// A rule. It matches if all of its conditions hold; a condition with several values holds if
/// one of the values does. `network` and `asn` are one condition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleConfig {
    pub name: String,
    pub reason: BotReason,
    /// Where the behaviour that the rule looks for is documented. It is for readers only.
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(default)]
    pub method: Vec<String>,
    #[serde(default)]
    pub user_agent: Vec<String>,
    #[serde(default)]
    pub header: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub missing_header: Vec<String>,
    #[serde(default)]
    pub network: Vec<IpNet>,
    #[serde(default)]
    pub asn: Vec<u32>,
}

/// User agents of people that the crawler lists take for bots'.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllowedUserAgent {
    pub name: String,
    /// Where the user agent is documented. It is for readers only.
    #[serde(rename = "source")]
    _source: Option<String>,
    pub user_agent: Vec<String>,
}

/// Why rules are refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBotRules {
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("the name {0:?} is used twice")]
    DuplicateName(String),
    #[error("{0:?} is not the name of a rule: 1 to {MAX_NAME_LEN} of a-z, 0-9, _ and -")]
    InvalidName(String),
    #[error("the rule {rule:?}: {problem}")]
    InvalidRule { rule: String, problem: &'static str },
    #[error("there are more than {MAX_OPERATOR_RULES} rules")]
    TooManyRules,
    #[error("`disable` has {0:?}, which is not the name of a rule")]
    UnknownDisabledRule(String),
}

pub(super) fn check_name(name: &str) -> Result<(), InvalidBotRules> {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if (1..=MAX_NAME_LEN).contains(&name.len()) && name.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err(InvalidBotRules::InvalidName(name.to_owned()))
    }
}
