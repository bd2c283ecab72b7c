//! Tests of the verdict: the cases of `cases.toml`, and rules of an operator.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use rstest::rstest;
use serde_json::json;

use super::*;

/// Requests as they occur, each with the place where it is documented.
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
    #[serde(default = "method_get")]
    method: String,
    /// Headers that are sent besides those of a browser.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Headers of a browser that are not sent.
    #[serde(default)]
    without: Vec<String>,
    asn: Option<u32>,
    country: Option<String>,
    /// The expected reasons, separated by spaces. A person has none.
    verdict: String,
    /// The rules that must have matched, if the case names them.
    #[serde(default)]
    rules: Option<Vec<String>>,
}

fn method_get() -> String {
    "GET".to_owned()
}

/// The headers that every browser sends when it opens a page.
const BROWSER_HEADERS: [(&str, &str); 3] = [
    (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("accept-language", "en-US,en;q=0.9"),
    ("accept-encoding", "gzip, deflate, br"),
];

impl Case {
    fn verdict<'r>(
        &self,
        rules: &'r BotRules,
        user_agent_match: &'r UserAgentMatch,
    ) -> Verdict<'r> {
        let header = |name: &str| {
            let browser_header = BROWSER_HEADERS
                .iter()
                .find(|(key, _)| *key == name && !self.without.iter().any(|other| other == name))
                .map(|(_, value)| *value);
            match name {
                "user-agent" => self.user_agent.as_deref(),
                _ => self
                    .headers
                    .get(name)
                    .map(String::as_str)
                    .or(browser_header),
            }
        };
        let countries = CountryFilter {
            allowed: vec!["US".into(), "CA".into(), "RU".into()],
            blocked: vec!["RU".into()],
        };
        let signals = RequestSignals {
            method: &self.method,
            header: &header,
            ip: "198.51.100.7".parse().unwrap(),
            asn: self.asn,
            country: self.country.as_deref(),
            countries: &countries,
        };
        rules.verdict(&signals, user_agent_match)
    }
}

#[test]
fn requests_as_they_occur_get_their_verdict() {
    let rules = BotRules::built_in();
    let cases: Cases = toml::from_str(CASES).unwrap();
    assert!(cases.case.len() >= 60, "{}", cases.case.len());
    let mut names = HashSet::new();
    let mut wrong = Vec::new();
    for case in &cases.case {
        assert!(names.insert(&case.name), "twice: {}", case.name);
        assert!(!case.source.is_empty(), "{} has no source", case.name);
        let user_agent_match = rules.match_user_agent(case.user_agent.as_deref());
        let verdict = case.verdict(&rules, &user_agent_match);
        let reasons: Vec<_> = verdict.reasons.iter().map(|r| r.as_str()).collect();
        let matching_rules: Vec<_> = verdict.rules.iter().map(|r| (*r).to_owned()).collect();
        let is_expected = reasons.join(" ") == case.verdict
            && case
                .rules
                .as_ref()
                .is_none_or(|rules| *rules == matching_rules)
            && reasons.is_empty() == matching_rules.is_empty();
        if !is_expected {
            wrong.push(format!("{}: {reasons:?} {matching_rules:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The sentence with which a file is refused.
fn error_text(text: &str) -> String {
    match BotRules::with_operator_rules(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

/// The rules that match a click with this user agent from this address.
fn matching_rules(rules: &BotRules, user_agent: &str, ip: &str) -> Vec<String> {
    let user_agent_match = rules.match_user_agent(Some(user_agent));
    let header = |name: &str| match name {
        "user-agent" => Some("something"),
        "accept" | "accept-language" => Some("*"),
        "x-scan" => Some("By Example Scanner"),
        _ => None,
    };
    let signals = RequestSignals {
        method: "GET",
        header: &header,
        ip: ip.parse().unwrap(),
        asn: None,
        country: None,
        countries: &CountryFilter::default(),
    };
    let verdict = rules.verdict(&signals, &user_agent_match);
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
        matching_rules(&rules, "the example-monitor 1", "198.51.100.7"),
        ["our_monitor"]
    );
    assert_eq!(matching_rules(&rules, "a phone", "192.0.2.9"), ["scanner"]);
    assert_eq!(
        matching_rules(&rules, "a phone", "2001:db8::9"),
        ["scanner"]
    );
    assert_eq!(matching_rules(&rules, "a phone", "198.51.100.7"), [""; 0]);
}

#[test]
fn an_operator_disables_rules_and_list_entries() {
    let bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    let ip = "198.51.100.7";
    let list_entry = "crawler-user-agents:Googlebot/";
    assert_eq!(matching_rules(&BotRules::built_in(), bot, ip), [list_entry]);
    let without = BotRules::with_operator_rules(&format!("disable = [{list_entry:?}]")).unwrap();
    assert_eq!(matching_rules(&without, bot, ip), [""; 0]);
    let allowed = "[[allowed_user_agent]]\nname = 'ours'\nuser_agent = ['googlebot']";
    assert_eq!(
        matching_rules(&BotRules::with_operator_rules(allowed).unwrap(), bot, ip),
        [""; 0]
    );

    assert_eq!(
        matching_rules(&BotRules::built_in(), "GoogleMessages", ip),
        ["google_messages"]
    );
    let without = BotRules::with_operator_rules("disable = ['google_messages', 'isbot']").unwrap();
    assert_eq!(matching_rules(&without, "GoogleMessages", ip), [""; 0]);
}

#[test]
fn rules_that_cannot_be_meant_are_refused_with_their_name() {
    let rule = |text: &str| format!("[[rule]]\nname = 'x'\nreason = 'ua_bot'\n{text}");
    for (text, expected) in [
        (rule(""), "the rule \"x\": it has no condition"),
        (
            rule("user_agent = ['']"),
            "the rule \"x\": an empty text would match every click",
        ),
        (
            rule("header = { a = [' '] }"),
            "the rule \"x\": an empty text would match every click",
        ),
        (
            rule("asn = [1]").replace("ua_bot", "burst"),
            "the rule \"x\": `burst` is found by the worker after the click",
        ),
        (
            rule("asn = [1]").replace("'x'", "'head'"),
            "the name \"head\" is used twice",
        ),
        (
            rule("asn = [1]").replace("'x'", "'a b'"),
            "\"a b\" is not the name of a rule: 1 to 64 of a-z, 0-9, _ and -",
        ),
        (
            "disable = ['nothing']".to_owned(),
            "`disable` has \"nothing\", which is not the name of a rule",
        ),
    ] {
        assert_eq!(error_text(&text), expected, "{text}");
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
        assert!(error_text(&text).contains(part), "{}", error_text(&text));
    }
    let too_many: String = (0..=MAX_OPERATOR_RULES)
        .map(|i| format!("[[rule]]\nname = 'x{i}'\nreason = 'ua_bot'\nasn = [1]\n"))
        .collect();
    assert_eq!(error_text(&too_many), "there are more than 1000 rules");
}

#[rstest]
#[case(json!({ "name": "r", "reason": "ua_bot", "user_agent": ["Scanner"] }), "a scanner/1.0", true)]
#[case(json!({ "name": "r", "reason": "ua_bot", "user_agent": ["Scanner"] }), "Safari", false)]
#[case(json!({ "name": "r", "reason": "datacenter_ip", "network": ["203.0.113.0/24"] }), "", true)]
#[case(json!({ "name": "r", "reason": "datacenter_ip", "network": ["198.51.100.0/24"] }), "", false)]
#[case(json!({ "name": "r", "reason": "datacenter_ip", "network": ["198.51.100.0/24"], "asn": [64496] }), "", true)]
#[case(json!({ "name": "r", "reason": "ua_bot", "user_agent": ["Safari"], "asn": [64497] }), "Safari", false)]
fn a_rule_matches_stored_clicks(
    #[case] rule: serde_json::Value,
    #[case] user_agent: &str,
    #[case] expected: bool,
) {
    let rule = StoredClickRule::parse(rule).unwrap();
    let ip = Some([203, 0, 113, 9].into());
    assert_eq!(rule.matches(Some(user_agent), ip, Some(64_496)), expected);
    assert!(!rule.matches(None, None, None));
}

#[rstest]
#[case(json!({ "name": "r", "reason": "head_method", "method": ["HEAD"] }), "not stored")]
#[case(json!({ "name": "r", "reason": "ua_bot", "missing_header": ["accept"] }), "not stored")]
#[case(json!({ "name": "r", "reason": "burst", "user_agent": ["a"] }), "burst")]
#[case(json!({ "name": "r", "reason": "ua_bot" }), "no condition")]
#[case(json!({ "name": "R!", "reason": "ua_bot", "user_agent": ["a"] }), "is not the name")]
#[case(json!({ "name": "r", "reason": "nonsense", "user_agent": ["a"] }), "unknown variant")]
#[case(json!({ "name": "r", "reason": "ua_bot", "user_agents": ["a"] }), "unknown field")]
fn a_rule_that_stored_clicks_cannot_match_is_refused(
    #[case] rule: serde_json::Value,
    #[case] problem: &str,
) {
    let error = StoredClickRule::parse(rule).unwrap_err().to_string();
    assert!(error.contains(problem), "{error}");
}
