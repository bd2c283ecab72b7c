//! The rules: what they are read from, and how they are asked.

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
};

use ipnet::IpNet;
use serde::Deserialize;

use super::{BotReason, RequestSignals, Verdict, crawlers, networks::Networks};

const BUILT_IN: &str = include_str!("rules.toml");

/// BotRules that an operator may add.
pub const MAX_RULES: usize = 1_000;
const MAX_NAME: usize = 64;

/// A file of rules, see `rules.toml` for what its parts mean.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Names of rules, or of entries of the lists, that are not to be used.
    #[serde(default)]
    disable: Vec<String>,
    #[serde(default)]
    rule: Vec<RuleText>,
    #[serde(default)]
    person: Vec<PersonText>,
}

/// All conditions that are given must hold; of one with several values, one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: String,
    reason: BotReason,
    /// Where the sign is documented; for readers.
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(default)]
    method: Vec<String>,
    #[serde(default)]
    user_agent: Vec<String>,
    #[serde(default)]
    header: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    missing_header: Vec<String>,
    #[serde(default)]
    network: Vec<IpNet>,
    #[serde(default)]
    asn: Vec<u32>,
}

/// User agents that are people's whatever the lists say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonText {
    name: String,
    #[serde(rename = "source")]
    _source: Option<String>,
    user_agent: Vec<String>,
}

/// Why a file of rules is refused.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBotRules {
    #[error("{0}")]
    NotToml(#[from] toml::de::Error),
    #[error("{0}")]
    NotJson(#[from] serde_json::Error),
    #[error("the rule {0:?} is there twice")]
    Twice(String),
    #[error("{0:?} is no name of a rule: 1 to {MAX_NAME} of a-z, 0-9, _ and -")]
    Name(String),
    #[error("the rule {rule:?}: {problem}")]
    Rule { rule: String, problem: &'static str },
    #[error("there are more than {MAX_RULES} rules")]
    TooMany,
    #[error("disable names {0:?}, which is no rule")]
    NoSuchRule(String),
}

#[derive(Debug)]
struct Rule {
    name: String,
    reason: BotReason,
    /// Upper case.
    method: Vec<String>,
    /// Lower case.
    user_agent: Vec<String>,
    /// Words in lower case, by header.
    header: Vec<(String, Vec<String>)>,
    missing_header: Vec<String>,
    network: Networks,
    asn: HashSet<u32>,
}

/// What tells people from bots. Compiled once, and asked for every click.
#[derive(Debug)]
pub struct BotRules {
    rules: Vec<Rule>,
    /// Lower case.
    people: Vec<String>,
    disabled: HashSet<String>,
}

/// What the rules say of a user agent. Long lists are searched for it, so that
/// the caller remembers it.
#[derive(Debug, Clone, Default)]
pub struct UserAgentMatch {
    /// The rules whose condition on the user agent holds.
    rules: Vec<usize>,
    listed: Option<(BotReason, &'static str)>,
}

impl UserAgentMatch {
    /// The entry of the lists of crawlers that knows the user agent.
    pub fn crawler_list_entry(&self) -> Option<&'static str> {
        self.listed.map(|(_, name)| name)
    }
}

impl BotRules {
    pub fn built_in() -> Self {
        Self::with_operator_rules("").expect("tested: our own rules are rules")
    }

    /// Our own rules, and the operator's from the text of a file.
    pub fn with_operator_rules(text: &str) -> Result<Self, InvalidBotRules> {
        let own: File = toml::from_str(BUILT_IN)?;
        let added: File = toml::from_str(text)?;
        if added.rule.len() + added.person.len() > MAX_RULES {
            return Err(InvalidBotRules::TooMany);
        }
        let mut names = HashSet::new();
        let rule_names = own.rule.iter().chain(&added.rule).map(|rule| &rule.name);
        let person_names = own.person.iter().chain(&added.person).map(|p| &p.name);
        for name in rule_names.chain(person_names) {
            check_name(name)?;
            if !names.insert(name.clone()) {
                return Err(InvalidBotRules::Twice(name.clone()));
            }
        }
        let disabled: HashSet<_> = added.disable.into_iter().collect();
        // The lists' entries have names with a colon, and come and go.
        if let Some(name) = disabled
            .iter()
            .find(|name| !names.contains(*name) && !name.contains(':') && *name != "isbot")
        {
            return Err(InvalidBotRules::NoSuchRule(name.clone()));
        }
        let is_enabled = |name: &str| !disabled.contains(name);
        let people = own.person.into_iter().chain(added.person);
        let people = people.filter(|person| is_enabled(&person.name));
        let rules = own.rule.into_iter().chain(added.rule);
        Ok(Self {
            people: people.flat_map(|person| lower(person.user_agent)).collect(),
            rules: rules
                .filter(|rule| is_enabled(&rule.name))
                .map(Rule::new)
                .collect::<Result<_, _>>()?,
            disabled,
        })
    }

    /// What can be said of a user agent alone; `None` is an absent one.
    pub fn match_user_agent(&self, user_agent: Option<&str>) -> UserAgentMatch {
        let user_agent = user_agent.map(str::trim).unwrap_or_default();
        let lower = user_agent.to_ascii_lowercase();
        let holds = |texts: &[String]| texts.iter().any(|text| lower.contains(text));
        let rules: Vec<_> = (0..self.rules.len())
            .filter(|&index| {
                let texts = &self.rules[index].user_agent;
                texts.is_empty() || holds(texts)
            })
            .collect();
        let is_named = rules
            .iter()
            .any(|&index| self.rules[index].is_about_the_user_agent());
        let listed = if user_agent.is_empty() || is_named || holds(&self.people) {
            None
        } else {
            crawlers::find(user_agent).filter(|(_, name)| !self.disabled.contains(*name))
        };
        UserAgentMatch { rules, listed }
    }

    /// The verdict on a click. `agent` must be these rules' own.
    pub fn verdict<'r>(
        &'r self,
        signs: &RequestSignals<'_>,
        agent: &'r UserAgentMatch,
    ) -> Verdict<'r> {
        let mut verdict = Verdict::default();
        let rules = agent
            .rules
            .iter()
            .filter_map(|&index| self.rules.get(index));
        for rule in rules.filter(|rule| rule.holds(signs)) {
            verdict.add(rule.reason, &rule.name);
        }
        if let Some((reason, name)) = agent.listed {
            verdict.add(reason, name);
        }
        if let Some(name) = signs.countries.refuse(signs.country) {
            verdict.add(BotReason::BadCountry, name);
        }
        verdict
    }
}

impl Rule {
    fn new(text: RuleText) -> Result<Self, InvalidBotRules> {
        let rule = Self {
            method: text.method.iter().map(|m| m.to_ascii_uppercase()).collect(),
            user_agent: lower(text.user_agent),
            header: text
                .header
                .into_iter()
                .map(|(name, words)| (name.to_ascii_lowercase(), lower(words)))
                .collect(),
            missing_header: lower(text.missing_header),
            network: Networks::new(&text.network),
            asn: text.asn.into_iter().collect(),
            name: text.name,
            reason: text.reason,
        };
        let problem = |problem| InvalidBotRules::Rule {
            rule: rule.name.clone(),
            problem,
        };
        let texts = rule.user_agent.iter().chain(&rule.missing_header);
        let words = rule.header.iter().flat_map(|(_, words)| words);
        if texts.chain(words).any(|text| text.trim().is_empty()) {
            return Err(problem("an empty text would hold for everybody"));
        }
        if rule.user_agent.is_empty() && rule.is_about_nothing_else() {
            return Err(problem("it has no condition"));
        }
        if rule.reason == BotReason::Burst {
            return Err(problem("burst is found by the worker, afterwards"));
        }
        Ok(rule)
    }

    /// Whether it asks for something of the request that is not kept.
    fn is_about_the_request(&self) -> bool {
        !self.method.is_empty() || !self.header.is_empty() || !self.missing_header.is_empty()
    }

    /// No condition but perhaps that on the user agent.
    fn is_about_nothing_else(&self) -> bool {
        self.method.is_empty()
            && self.header.is_empty()
            && self.missing_header.is_empty()
            && self.network.is_empty()
            && self.asn.is_empty()
    }

    /// It names a bot by its user agent: the lists need not be asked.
    fn is_about_the_user_agent(&self) -> bool {
        !self.user_agent.is_empty() && self.is_about_nothing_else()
    }

    /// All conditions but that on the user agent.
    fn holds(&self, signs: &RequestSignals<'_>) -> bool {
        let header = |name: &str| (signs.header)(name).map(str::trim).unwrap_or_default();
        if !self.method.is_empty() && !self.method.iter().any(|method| method == signs.method) {
            return false;
        }
        if !self.header.is_empty() {
            let says = |(name, words): &(String, Vec<String>)| {
                let value = header(name);
                !value.is_empty() && {
                    let value = value.to_ascii_lowercase();
                    words.iter().any(|word| value.contains(word))
                }
            };
            if !self.header.iter().any(says) {
                return false;
            }
        }
        if !self.missing_header.is_empty()
            && !self
                .missing_header
                .iter()
                .any(|name| header(name).is_empty())
        {
            return false;
        }
        if self.network.is_empty() && self.asn.is_empty() {
            return true;
        }
        self.network.contains(signs.ip) || signs.asn.is_some_and(|asn| self.asn.contains(&asn))
    }
}

/// A rule for clicks that are stored: about the user agent, the network, or the
/// autonomous system.
#[derive(Debug)]
pub struct StoredClickRule(Rule);

impl StoredClickRule {
    /// From JSON of the form that a rule has in a file.
    pub fn parse(json: serde_json::Value) -> Result<Self, InvalidBotRules> {
        let text: RuleText = serde_json::from_value(json)?;
        check_name(&text.name)?;
        let rule = Rule::new(text)?;
        if rule.is_about_the_request() {
            return Err(InvalidBotRules::Rule {
                rule: rule.name,
                problem: "method and headers of a click are not kept",
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

    /// Whether it holds for a click; what is not known is not held against it.
    pub fn holds(&self, user_agent: Option<&str>, ip: Option<IpAddr>, asn: Option<u32>) -> bool {
        let user_agent = user_agent.unwrap_or_default().to_ascii_lowercase();
        let is_named = self
            .0
            .user_agent
            .iter()
            .any(|text| user_agent.contains(text));
        if !self.0.user_agent.is_empty() && !is_named {
            return false;
        }
        if self.0.network.is_empty() && self.0.asn.is_empty() {
            return true;
        }
        ip.is_some_and(|ip| self.0.network.contains(ip))
            || asn.is_some_and(|asn| self.0.asn.contains(&asn))
    }
}

fn lower(texts: Vec<String>) -> Vec<String> {
    texts.iter().map(|text| text.to_ascii_lowercase()).collect()
}

fn check_name(name: &str) -> Result<(), InvalidBotRules> {
    let is_ours = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_ours) {
        Ok(())
    } else {
        Err(InvalidBotRules::Name(name.to_owned()))
    }
}
