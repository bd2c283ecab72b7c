use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use rstest::rstest;
use serde_json::json;

use super::*;

/// What was seen in the world, with where it is documented.
const CASES: &str = include_str!("cases.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    source: String,
    user_agent: Option<String>,
    #[serde(default = "get")]
    method: String,
    /// Headers beside those that a browser sends.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Headers of a browser that were not sent.
    #[serde(default)]
    without: Vec<String>,
    asn: Option<u32>,
    country: Option<String>,
    /// Reasons, separated by spaces; empty is a person.
    verdict: String,
    /// The rules that must have hit.
    #[serde(default)]
    rules: Option<Vec<String>>,
}

fn get() -> String {
    "GET".to_owned()
}

/// What every browser sends when it opens a page.
const BROWSER_HEADERS: [(&str, &str); 3] = [
    (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("accept-language", "en-US,en;q=0.9"),
    ("accept-encoding", "gzip, deflate, br"),
];

impl Case {
    fn verdict<'r>(&self, rules: &'r BotRules, agent: &'r UserAgentMatch) -> Verdict<'r> {
        let header = |name: &str| {
            let sent = BROWSER_HEADERS
                .iter()
                .find(|(key, _)| *key == name && !self.without.iter().any(|w| w == name))
                .map(|(_, value)| *value);
            match name {
                "user-agent" => self.user_agent.as_deref(),
                _ => self.headers.get(name).map(String::as_str).or(sent),
            }
        };
        let countries = CountryFilter {
            allowed: vec!["US".into(), "CA".into(), "RU".into()],
            blocked: vec!["RU".into()],
        };
        let signs = RequestSignals {
            method: &self.method,
            header: &header,
            ip: "198.51.100.7".parse().unwrap(),
            asn: self.asn,
            country: self.country.as_deref(),
            countries: &countries,
        };
        rules.verdict(&signs, agent)
    }
}

#[test]
fn real_requests_get_their_verdict() {
    let rules = BotRules::built_in();
    let cases: Cases = toml::from_str(CASES).unwrap();
    assert!(cases.case.len() >= 60, "{}", cases.case.len());
    let mut names = HashSet::new();
    let mut wrong = Vec::new();
    for case in &cases.case {
        assert!(names.insert(&case.name), "twice: {}", case.name);
        assert!(!case.source.is_empty(), "{} has no source", case.name);
        let agent = rules.match_user_agent(case.user_agent.as_deref());
        let verdict = case.verdict(&rules, &agent);
        let reasons: Vec<_> = verdict.reasons.iter().map(|r| r.as_str()).collect();
        let rules_hit: Vec<_> = verdict.rules.iter().map(|r| (*r).to_owned()).collect();
        let is_right = reasons.join(" ") == case.verdict
            && case.rules.as_ref().is_none_or(|rules| *rules == rules_hit)
            && reasons.is_empty() == rules_hit.is_empty();
        if !is_right {
            wrong.push(format!("{}: {reasons:?} {rules_hit:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn refused(text: &str) -> String {
    match BotRules::with_operator_rules(text) {
        Ok(_) => panic!("taken: {text}"),
        Err(error) => error.to_string(),
    }
}

/// A person on a phone, at an address.
fn hits(rules: &BotRules, user_agent: &str, ip: &str) -> Vec<String> {
    let agent = rules.match_user_agent(Some(user_agent));
    let header = |name: &str| match name {
        "user-agent" => Some("something"),
        "accept" | "accept-language" => Some("*"),
        "x-scan" => Some("By Example Scanner"),
        _ => None,
    };
    let signs = RequestSignals {
        method: "GET",
        header: &header,
        ip: ip.parse().unwrap(),
        asn: None,
        country: None,
        countries: &CountryFilter::default(),
    };
    let verdict = rules.verdict(&signs, &agent);
    verdict
        .rules
        .iter()
        .map(|rule| (*rule).to_owned())
        .collect()
}

#[test]
fn an_operator_adds_rules() {
    let rules = BotRules::with_operator_rules(
        r#"
        [[rule]]
        name = "our_monitor"
        reason = "ua_bot"
        user_agent = ["Example-Monitor"]

        [[rule]]
        name = "scanner"
        reason = "datacenter_ip"
        network = ["192.0.2.0/24", "2001:db8::/32"]
        header = { x-scan = ["example scanner"] }
        "#,
    )
    .unwrap();
    assert_eq!(
        hits(&rules, "the example-monitor 1", "198.51.100.7"),
        ["our_monitor"]
    );
    assert_eq!(hits(&rules, "a phone", "192.0.2.9"), ["scanner"]);
    assert_eq!(hits(&rules, "a phone", "2001:db8::9"), ["scanner"]);
    assert_eq!(hits(&rules, "a phone", "198.51.100.7"), [""; 0]);
}

#[test]
fn an_operator_switches_rules_off() {
    let bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    let ip = "198.51.100.7";
    let of_list = "crawler-user-agents:Googlebot/";
    assert_eq!(hits(&BotRules::built_in(), bot, ip), [of_list]);
    let without = BotRules::with_operator_rules(&format!("disable = [{of_list:?}]")).unwrap();
    assert_eq!(hits(&without, bot, ip), [""; 0]);
    let person = "[[person]]\nname = 'ours'\nuser_agent = ['googlebot']";
    assert_eq!(
        hits(&BotRules::with_operator_rules(person).unwrap(), bot, ip),
        [""; 0]
    );

    assert_eq!(
        hits(&BotRules::built_in(), "GoogleMessages", ip),
        ["google_messages"]
    );
    let without = BotRules::with_operator_rules("disable = ['google_messages', 'isbot']").unwrap();
    assert_eq!(hits(&without, "GoogleMessages", ip), [""; 0]);
}

#[test]
fn rules_that_cannot_be_meant_are_refused_and_named() {
    let rule = |text: &str| format!("[[rule]]\nname = 'x'\nreason = 'ua_bot'\n{text}");
    for (text, expected) in [
        (rule(""), "the rule \"x\": it has no condition"),
        (
            rule("user_agent = ['']"),
            "the rule \"x\": an empty text would hold for everybody",
        ),
        (
            rule("header = { a = [' '] }"),
            "the rule \"x\": an empty text would hold for everybody",
        ),
        (
            rule("asn = [1]").replace("ua_bot", "burst"),
            "the rule \"x\": burst is found by the worker, afterwards",
        ),
        (
            rule("asn = [1]").replace("'x'", "'head'"),
            "the rule \"head\" is there twice",
        ),
        (
            rule("asn = [1]").replace("'x'", "'a b'"),
            "\"a b\" is no name of a rule: 1 to 64 of a-z, 0-9, _ and -",
        ),
        (
            "disable = ['nothing']".to_owned(),
            "disable names \"nothing\", which is no rule",
        ),
    ] {
        assert_eq!(refused(&text), expected, "{text}");
    }
    for (text, part) in [
        (rule("network = ['10.0.0.0/99']"), "invalid"),
        (rule("user_agents = ['x']"), "unknown field `user_agents`"),
        (
            rule("asn = [1]").replace("ua_bot", "tired"),
            "unknown variant `tired`",
        ),
        ("[[rule]]\nname = 'x'".to_owned(), "missing field `reason`"),
        ("rule = 1".to_owned(), "invalid type"),
        ("]".to_owned(), "TOML parse error at line 1"),
    ] {
        assert!(refused(&text).contains(part), "{}", refused(&text));
    }
    let many: String = (0..=rules::MAX_RULES)
        .map(|i| format!("[[rule]]\nname = 'x{i}'\nreason = 'ua_bot'\nasn = [1]\n"))
        .collect();
    assert_eq!(refused(&many), "there are more than 1000 rules");
}

#[rstest]
#[case(json!({ "name": "r", "reason": "ua_bot", "user_agent": ["Scanner"] }), "a scanner/1.0", true)]
#[case(json!({ "name": "r", "reason": "ua_bot", "user_agent": ["Scanner"] }), "Safari", false)]
#[case(json!({ "name": "r", "reason": "datacenter_ip", "network": ["203.0.113.0/24"] }), "", true)]
#[case(json!({ "name": "r", "reason": "datacenter_ip", "network": ["198.51.100.0/24"] }), "", false)]
#[case(json!({ "name": "r", "reason": "datacenter_ip", "network": ["198.51.100.0/24"], "asn": [64496] }), "", true)]
#[case(json!({ "name": "r", "reason": "ua_bot", "user_agent": ["Safari"], "asn": [64497] }), "Safari", false)]
fn a_rule_can_judge_clicks_that_are_stored(
    #[case] rule: serde_json::Value,
    #[case] user_agent: &str,
    #[case] expected: bool,
) {
    let rule = StoredClickRule::parse(rule).unwrap();
    let ip = Some([203, 0, 113, 9].into());
    assert_eq!(rule.holds(Some(user_agent), ip, Some(64_496)), expected);
    assert!(!rule.holds(None, None, None));
}

#[rstest]
#[case(json!({ "name": "r", "reason": "head_method", "method": ["HEAD"] }), "not kept")]
#[case(json!({ "name": "r", "reason": "ua_bot", "missing_header": ["accept"] }), "not kept")]
#[case(json!({ "name": "r", "reason": "burst", "user_agent": ["a"] }), "burst")]
#[case(json!({ "name": "r", "reason": "ua_bot" }), "no condition")]
#[case(json!({ "name": "R!", "reason": "ua_bot", "user_agent": ["a"] }), "no name")]
#[case(json!({ "name": "r", "reason": "nonsense", "user_agent": ["a"] }), "unknown variant")]
#[case(json!({ "name": "r", "reason": "ua_bot", "user_agents": ["a"] }), "unknown field")]
fn a_rule_that_cannot_judge_later_is_refused(
    #[case] rule: serde_json::Value,
    #[case] problem: &str,
) {
    let refused = StoredClickRule::parse(rule).unwrap_err().to_string();
    assert!(refused.contains(problem), "{refused}");
}
