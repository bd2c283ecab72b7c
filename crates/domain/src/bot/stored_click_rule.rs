//! A rule that reclassifies clicks after they were stored.

use std::net::IpAddr;

use super::{
    reason::BotReason,
    rule::Rule,
    rule_file::{InvalidBotRules, RuleConfig, check_name},
};

/// A rule with conditions on the user agent, the network and the autonomous system only: these
/// are stored with a click, and method and headers are not.
#[derive(Debug)]
pub struct StoredClickRule(Rule);

impl StoredClickRule {
    /// Parses JSON of the form that a rule has in a file. Fails if the rule has a condition on
    /// the method or on headers, or is refused in a file too.
    pub fn parse(json: serde_json::Value) -> Result<Self, InvalidBotRules> {
        let config: RuleConfig = serde_json::from_value(json)?;
        check_name(&config.name)?;
        let rule = Rule::compile(config)?;
        if rule.has_request_condition() {
            return Err(InvalidBotRules::InvalidRule {
                rule: rule.name,
                problem: "the method and headers of a click are not stored",
            });
        }
        Ok(Self(rule))
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub fn reason(&self) -> BotReason {
        self.0.reason
    }

    /// Whether the rule matches a click. A condition on a value that is not known does not
    /// hold.
    pub fn matches(&self, user_agent: Option<&str>, ip: Option<IpAddr>, asn: Option<u32>) -> bool {
        let user_agent = user_agent.unwrap_or_default().to_ascii_lowercase();
        self.0.matches_user_agent(&user_agent) && self.0.matches_network(ip, asn)
    }
}
