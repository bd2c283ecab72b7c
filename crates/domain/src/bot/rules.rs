//! All rules together: the built-in ones, an operator's, and the crawler lists behind them.

use std::collections::HashSet;

use super::{
    crawlers,
    reason::BotReason,
    rule::{Rule, contains_any, to_lower_case},
    rule_file::{InvalidBotRules, MAX_OPERATOR_RULES, RuleFile, check_name},
    verdict::{RequestSignals, Verdict},
};

const BUILT_IN: &str = include_str!("rules.toml");

/// The rules that tell bots from people. They are compiled once and used for every click.
#[derive(Debug)]
pub struct BotRules {
    rules: Vec<Rule>,
    /// Texts in lower case. A user agent that contains one is not looked up in the crawler
    /// lists.
    allowed_user_agents: Vec<String>,
    disabled: HashSet<String>,
}

/// What the rules and the crawler lists say about a user agent. It takes long to find, so
/// callers keep it for the next click with the same user agent.
#[derive(Debug, Clone, Default)]
pub struct UserAgentMatch {
    /// The indexes of the rules whose condition on the user agent holds.
    rules: Vec<usize>,
    crawler_list_match: Option<(BotReason, &'static str)>,
}

impl UserAgentMatch {
    /// The name of the entry in the crawler lists that knows the user agent.
    pub fn crawler_list_entry(&self) -> Option<&'static str> {
        self.crawler_list_match.map(|(_, name)| name)
    }
}

impl BotRules {
    pub fn built_in() -> Self {
        Self::with_operator_rules("").expect("the tests parse the built-in rules")
    }

    /// The built-in rules, and the operator's from the text of a TOML file.
    pub fn with_operator_rules(text: &str) -> Result<Self, InvalidBotRules> {
        let built_in: RuleFile = toml::from_str(BUILT_IN)?;
        let operator: RuleFile = toml::from_str(text)?;
        if operator.rules.len() + operator.allowed_user_agents.len() > MAX_OPERATOR_RULES {
            return Err(InvalidBotRules::TooManyRules);
        }
        let rules = built_in.rules.into_iter().chain(operator.rules);
        let rules: Vec<_> = rules.collect();
        let allowed_user_agents = built_in
            .allowed_user_agents
            .into_iter()
            .chain(operator.allowed_user_agents);
        let allowed_user_agents: Vec<_> = allowed_user_agents.collect();

        let mut names = HashSet::new();
        let rule_names = rules.iter().map(|rule| &rule.name);
        let allowed_names = allowed_user_agents.iter().map(|allowed| &allowed.name);
        for name in rule_names.chain(allowed_names) {
            check_name(name)?;
            if !names.insert(name.clone()) {
                return Err(InvalidBotRules::DuplicateName(name.clone()));
            }
        }
        let disabled: HashSet<_> = operator.disable.into_iter().collect();
        let unknown = disabled
            .iter()
            .find(|name| !names.contains(*name) && !is_crawler_list_name(name));
        if let Some(name) = unknown {
            return Err(InvalidBotRules::UnknownDisabledRule(name.clone()));
        }
        Ok(Self {
            rules: rules
                .into_iter()
                .filter(|rule| !disabled.contains(&rule.name))
                .map(Rule::compile)
                .collect::<Result<_, _>>()?,
            allowed_user_agents: allowed_user_agents
                .into_iter()
                .filter(|allowed| !disabled.contains(&allowed.name))
                .flat_map(|allowed| to_lower_case(&allowed.user_agent))
                .collect(),
            disabled,
        })
    }

    /// What the rules say about a user agent alone. `None` is an absent user agent.
    ///
    /// The crawler lists are asked only if no rule names the user agent as a bot's, since what
    /// the rules say is more exact.
    pub fn match_user_agent(&self, user_agent: Option<&str>) -> UserAgentMatch {
        let user_agent = user_agent.map(str::trim).unwrap_or_default();
        let lower_case = user_agent.to_ascii_lowercase();
        let rules: Vec<_> = (0..self.rules.len())
            .filter(|&index| self.rules[index].matches_user_agent(&lower_case))
            .collect();
        let is_named_by_rule = rules
            .iter()
            .any(|&index| self.rules[index].names_user_agent());
        let is_allowed = contains_any(&lower_case, &self.allowed_user_agents);
        let crawler_list_match = if user_agent.is_empty() || is_named_by_rule || is_allowed {
            None
        } else {
            crawlers::find(user_agent).filter(|(_, name)| !self.disabled.contains(*name))
        };
        UserAgentMatch {
            rules,
            crawler_list_match,
        }
    }

    /// The verdict on a click. `user_agent_match` must come from these rules.
    pub fn verdict<'r>(
        &'r self,
        signals: &RequestSignals<'_>,
        user_agent_match: &'r UserAgentMatch,
    ) -> Verdict<'r> {
        let mut verdict = Verdict::default();
        let rules = user_agent_match
            .rules
            .iter()
            .filter_map(|&index| self.rules.get(index));
        for rule in rules.filter(|rule| rule.matches_request(signals)) {
            verdict.add(rule.reason, &rule.name);
        }
        if let Some((reason, name)) = user_agent_match.crawler_list_match {
            verdict.add(reason, name);
        }
        if let Some(name) = signals.countries.violated_rule(signals.country) {
            verdict.add(BotReason::BadCountry, name);
        }
        verdict
    }
}

/// Whether a name that is disabled may be that of an entry of the crawler lists. Such names
/// have a colon. They are not looked up, since entries come and go with new lists, and an
/// operator's file must not stop working then.
fn is_crawler_list_name(name: &str) -> bool {
    name.contains(':') || name == crawlers::ISBOT_NAME
}
