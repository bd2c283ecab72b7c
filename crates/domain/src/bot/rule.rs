//! One rule, compiled for matching.

use std::{collections::HashSet, net::IpAddr};

use super::{
    networks::Networks,
    reason::BotReason,
    rule_file::{InvalidBotRules, RuleConfig},
    verdict::RequestSignals,
};

/// A rule whose texts have the case in which they are compared.
#[derive(Debug)]
pub(super) struct Rule {
    pub name: String,
    pub reason: BotReason,
    /// In upper case.
    methods: Vec<String>,
    /// In lower case.
    user_agents: Vec<String>,
    /// Names of headers, and the texts that they may contain, in lower case.
    headers: Vec<(String, Vec<String>)>,
    /// In lower case.
    missing_headers: Vec<String>,
    networks: Networks,
    asns: HashSet<u32>,
}

impl Rule {
    /// Compiles a rule. Fails if the rule would match every click or never one.
    pub fn compile(config: RuleConfig) -> Result<Self, InvalidBotRules> {
        let rule = Self {
            methods: config
                .method
                .iter()
                .map(|method| method.to_ascii_uppercase())
                .collect(),
            user_agents: to_lower_case(&config.user_agent),
            headers: config
                .header
                .into_iter()
                .map(|(name, texts)| (name.to_ascii_lowercase(), to_lower_case(&texts)))
                .collect(),
            missing_headers: to_lower_case(&config.missing_header),
            networks: Networks::new(&config.network),
            asns: config.asn.into_iter().collect(),
            name: config.name,
            reason: config.reason,
        };
        let problem = |problem| InvalidBotRules::InvalidRule {
            rule: rule.name.clone(),
            problem,
        };
        let header_texts = rule.headers.iter().flat_map(|(_, texts)| texts);
        let texts = rule.user_agents.iter().chain(&rule.missing_headers);
        if texts.chain(header_texts).any(|text| text.trim().is_empty()) {
            return Err(problem("an empty text would match every click"));
        }
        if rule.user_agents.is_empty() && rule.has_only_user_agent_condition() {
            return Err(problem("it has no condition"));
        }
        if rule.reason == BotReason::Burst {
            return Err(problem("`burst` is found by the worker after the click"));
        }
        Ok(rule)
    }

    /// Whether the rule has a condition on the method or headers, which are not stored with a
    /// click.
    pub fn has_request_condition(&self) -> bool {
        !self.methods.is_empty() || !self.headers.is_empty() || !self.missing_headers.is_empty()
    }

    /// Whether the rule names a bot by the user agent alone.
    pub fn names_user_agent(&self) -> bool {
        !self.user_agents.is_empty() && self.has_only_user_agent_condition()
    }

    /// Whether all conditions other than that on the user agent are absent.
    fn has_only_user_agent_condition(&self) -> bool {
        !self.has_request_condition() && !self.has_network_condition()
    }

    fn has_network_condition(&self) -> bool {
        !self.networks.is_empty() || !self.asns.is_empty()
    }

    /// Whether the condition on the user agent holds. `user_agent` must be in lower case.
    pub fn matches_user_agent(&self, user_agent: &str) -> bool {
        holds_for_any(&self.user_agents, |text| user_agent.contains(text))
    }

    /// Whether the conditions on the request hold: all but that on the user agent.
    pub fn matches_request(&self, signals: &RequestSignals<'_>) -> bool {
        let header = |name: &str| (signals.header)(name).map(str::trim).unwrap_or_default();
        let header_contains = |(name, texts): &(String, Vec<String>)| {
            let value = header(name);
            !value.is_empty() && contains_any(&value.to_ascii_lowercase(), texts)
        };
        let is_missing = |name: &String| header(name).is_empty();
        holds_for_any(&self.methods, |method| method == signals.method)
            && holds_for_any(&self.headers, header_contains)
            && holds_for_any(&self.missing_headers, is_missing)
            && self.matches_network(Some(signals.ip), signals.asn)
    }

    /// Whether the condition on the network holds: the address is in one of the networks, or
    /// its autonomous system is one of the rule's. An unknown address or system matches none.
    pub fn matches_network(&self, ip: Option<IpAddr>, asn: Option<u32>) -> bool {
        !self.has_network_condition()
            || ip.is_some_and(|ip| self.networks.contains(ip))
            || asn.is_some_and(|asn| self.asns.contains(&asn))
    }
}

/// Whether a condition holds: it has no values, or one of its values passes.
fn holds_for_any<V>(values: &[V], passes: impl Fn(&V) -> bool) -> bool {
    values.is_empty() || values.iter().any(passes)
}

pub(super) fn contains_any(text: &str, parts: &[String]) -> bool {
    parts.iter().any(|part| text.contains(part))
}

pub(super) fn to_lower_case(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| text.to_ascii_lowercase()).collect()
}
