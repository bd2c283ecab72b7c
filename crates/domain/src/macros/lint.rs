//! What is wrong, or likely not meant, in a template. The API says it when an
//! offer is saved and in the macro preview.

use url::{Host, Url, form_urlencoded};

use super::{
    Macro, Template,
    parameters::spells_out,
    token::{Token, tokens},
};

/// How bad a finding is. A template with an error is not saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// One thing to say about a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// For programs: `unknown_macro` and the like, see proto-docs/macros.md.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Finding {
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
        }
    }
}

/// All findings, errors first, then in the order of the template.
pub fn lint(text: &str) -> Vec<Finding> {
    let text = text.trim();
    let mut findings = Vec::new();
    if let Err(reason) = Template::parse(text) {
        findings.push(Finding::new(
            Severity::Error,
            reason.code(),
            sentence(&reason.to_string()),
        ));
    }
    let tokens = tokens(text);
    braces(&tokens, &mut findings);
    known_macros(&tokens, &mut findings);
    secrets(text, &mut findings);
    place(text, &mut findings);
    repeated_parameters(text, &mut findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// A capital and a full stop.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// What is in braces and no macro, and braces that are no pair.
fn braces(tokens: &[Token<'_>], findings: &mut Vec<Finding>) {
    for token in tokens {
        let Token::Text(mut rest) = *token else {
            continue;
        };
        while let Some(at) = rest.find(['{', '}']) {
            rest = rest.split_at(at).1;
            let len = unknown_macro_len(rest);
            if len > 0 {
                let (source, behind) = rest.split_at(len);
                findings.push(unknown(source));
                rest = behind;
            } else {
                let around: String = rest.chars().take(20).collect();
                findings.push(Finding::new(
                    Severity::Warning,
                    "unbalanced_brace",
                    format!("The brace at \"{around}\" belongs to no macro and goes out as it is."),
                ));
                rest = rest.trim_start_matches(['{', '}']);
            }
        }
    }
}

/// The length of `{...}` or `{{...}}` at the start of a text, else 0.
fn unknown_macro_len(text: &str) -> usize {
    let double = text.strip_prefix("{{").map(|inner| (inner, "}}"));
    let single = || text.strip_prefix('{').map(|inner| (inner, "}"));
    let Some((inner, close)) = double.or_else(single) else {
        return 0;
    };
    match inner.find(['{', '}', '&', '/', '?', '#', '=']) {
        Some(len) if len > 0 && inner.split_at(len).1.starts_with(close) => close.len() * 2 + len,
        _ => 0,
    }
}

fn unknown(source: &str) -> Finding {
    let name = source.trim_matches(['{', '}']).trim();
    let near = NAMES.iter().find(|known| is_near(known, name));
    let hint = near.map_or(String::new(), |known| {
        let single = Macro::parse_single_braces(known).is_some();
        let (open, close) = if single { ("{", "}") } else { ("{{", "}}") };
        format!(" Did you mean {open}{known}{close}?")
    });
    Finding::new(
        Severity::Warning,
        "unknown_macro",
        format!("{source} is not a macro of ours and stays as it is.{hint}"),
    )
}

/// Every name, for the hint of a misspelt one.
const NAMES: [&str; 28] = [
    "click_id",
    "transaction_id",
    "affiliate_id",
    "offer_id",
    "account_id",
    "sub1",
    "sub2",
    "sub3",
    "sub4",
    "sub5",
    "source",
    "creative",
    "cost",
    "ip",
    "user_agent",
    "datetime",
    "timestamp",
    "country_code",
    "link_id",
    "message_id",
    "list_id",
    "device",
    "os",
    "browser",
    "referrer",
    "messageId",
    "sendId",
    "contact.phone",
];

/// The same but for case, `_`, `-`, `.` and blanks.
fn is_near(known: &str, name: &str) -> bool {
    let letters = |text: &str| {
        text.chars()
            .filter(|c| c.is_ascii_alphanumeric())
            .map(|c| c.to_ascii_lowercase())
            .collect::<String>()
    };
    letters(known) == letters(name)
}

fn known_macros(tokens: &[Token<'_>], findings: &mut Vec<Finding>) {
    let macros = || {
        tokens.iter().filter_map(|token| match token {
            Token::Macro(token) => Some(token),
            Token::Text(_) => None,
        })
    };
    if !macros().any(|token| token.is_of_the_click()) {
        findings.push(Finding::new(
            Severity::Info,
            "parameters_appended",
            "The template has no macro of the click: click_id, sub1 to sub5 and source are \
             appended to the query where they have a value.",
        ));
    }
    for token in macros() {
        if matches!(token.name, Macro::ContactPhone | Macro::Ip) {
            findings.push(Finding::new(
                Severity::Warning,
                "personal_data",
                format!("{} sends personal data to the destination.", token.source),
            ));
        }
    }
}

/// Parameters whose value only the two servers should know.
const SECRET_NAMES: [&str; 10] = [
    "api_key",
    "apikey",
    "access_token",
    "auth_token",
    "password",
    "passwd",
    "postback_secret",
    "private_key",
    "secret",
    "security_token",
];

fn secrets(text: &str, findings: &mut Vec<Finding>) {
    let mut found = |what: &str| {
        findings.push(Finding::new(
            Severity::Warning,
            "secret_in_template",
            format!("{what} looks like a secret: everybody who clicks will see it."),
        ));
    };
    for (key, value) in form_urlencoded::parse(query_of(text).as_bytes()) {
        let name = key.to_ascii_lowercase().replace('-', "_");
        if SECRET_NAMES.contains(&name.as_str()) && !value.is_empty() && !value.starts_with('{') {
            found(&format!("The parameter {key}"));
        }
    }
    if text.contains("trk_") {
        found("A text that starts with trk_");
    }
}

fn query_of(text: &str) -> &str {
    let before_fragment = text.split('#').next().unwrap_or_default();
    before_fragment
        .split_once('?')
        .map_or("", |(_, query)| query)
}

/// Where it leads.
fn place(text: &str, findings: &mut Vec<Finding>) {
    let without_macros = text.split(['{', '?', '#']).next().unwrap_or_default();
    let Ok(url) = Url::parse(without_macros) else {
        return;
    };
    if url.scheme() == "http" {
        findings.push(Finding::new(
            Severity::Warning,
            "not_https",
            "The destination is not https: what the click carries can be read on the way.",
        ));
    }
    if matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_))) {
        findings.push(Finding::new(
            Severity::Warning,
            "ip_address_host",
            "The host is an IP address: message filters distrust such links.",
        ));
    }
    if url
        .host_str()
        .is_some_and(|host| host.split('.').any(|label| label.starts_with("xn--")))
    {
        findings.push(Finding::new(
            Severity::Warning,
            "internationalised_host",
            "The host has letters beyond ASCII and goes out as punycode: check that it is the one you mean.",
        ));
    }
}

fn repeated_parameters(text: &str, findings: &mut Vec<Finding>) {
    let query = query_of(text);
    let mut rest = query;
    let mut said: Vec<String> = Vec::new();
    while let Some((pair, behind)) = rest.split_once('&') {
        rest = behind;
        let Some((key, _)) = form_urlencoded::parse(pair.as_bytes()).next() else {
            continue;
        };
        if spells_out(behind, &key) && !said.iter().any(|name| *name == key) {
            findings.push(Finding::new(
                Severity::Warning,
                "repeated_parameter",
                format!("The parameter {key} stands more than once in the query."),
            ));
            said.push(key.into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The codes, in the order of the findings.
    fn codes(template: &str) -> String {
        let codes: Vec<_> = lint(template).iter().map(|finding| finding.code).collect();
        codes.join(" ")
    }

    #[rstest]
    #[case("https://e.com/lp?c={click_id}", "")]
    #[case("https://e.com/lp?c={{click_id}}", "")]
    #[case("https://e.com/lp", "parameters_appended")]
    #[case("https://e.com/?a={{sendId}}", "parameters_appended")]
    #[case("https://e.com/?c={click_id}&x={clickid}", "unknown_macro")]
    #[case("https://e.com/?c={click_id}&x={{first_name}}", "unknown_macro")]
    #[case("https://e.com/?c={click_id}&x={ sub1 }", "unknown_macro")]
    #[case("https://e.com/?c={click_id}&x={sub1", "unbalanced_brace")]
    #[case("https://e.com/?c={{click_id}}}", "unbalanced_brace")]
    #[case("https://e.com/?c={click_id}&p={{contact.phone}}", "personal_data")]
    #[case("https://e.com/?c={click_id}&ip={ip}", "personal_data")]
    #[case("https://e.com/?c={click_id}&api_key=abc", "secret_in_template")]
    #[case("https://e.com/?c={click_id}&API-Key=abc", "secret_in_template")]
    #[case("https://e.com/?c={click_id}&api_key={key}", "unknown_macro")]
    #[case("https://e.com/?c={click_id}&k=trk_abcdef", "secret_in_template")]
    #[case("http://e.com/?c={click_id}", "not_https")]
    #[case("https://192.0.2.1/?c={click_id}", "ip_address_host")]
    #[case("https://[2001:db8::1]/?c={click_id}", "ip_address_host")]
    #[case("https://bücher.example/?c={click_id}", "internationalised_host")]
    #[case(
        "https://xn--bcher-kva.example/?c={click_id}",
        "internationalised_host"
    )]
    #[case("https://e.com/?c={click_id}&c=1&c=2", "repeated_parameter")]
    #[case("https://{sub1}.e.com/?c={click_id}", "macro_before_path")]
    #[case("{scheme}://e.com", "not_http unknown_macro parameters_appended")]
    #[case("javascript:alert(1)", "not_http parameters_appended")]
    #[case("data:text/html,x", "not_http parameters_appended")]
    #[case("file:///etc/passwd", "not_http parameters_appended")]
    #[case("https://user:pw@e.com/?c={click_id}", "user_info")]
    #[case("https://e.com:99999/?c={click_id}", "not_a_url")]
    #[case("", "not_http parameters_appended")]
    fn findings_are_told_by_their_codes(#[case] template: &str, #[case] expected: &str) {
        assert_eq!(codes(template), expected);
    }

    #[test]
    fn a_misspelt_macro_is_answered_with_the_right_one() {
        let said = |template: &str| lint(template).remove(0).message;
        assert_eq!(
            said("https://e.com/{click_id}?x={ClickID}"),
            "{ClickID} is not a macro of ours and stays as it is. Did you mean {click_id}?"
        );
        assert_eq!(
            said("https://e.com/{click_id}?x={sendid}"),
            "{sendid} is not a macro of ours and stays as it is. Did you mean {{sendId}}?"
        );
        assert_eq!(
            said("https://e.com/{click_id}?x={nothing}"),
            "{nothing} is not a macro of ours and stays as it is."
        );
    }

    #[test]
    fn every_hint_is_a_macro() {
        for name in NAMES {
            assert!(Macro::parse_double_braces(name).is_some(), "{name}");
        }
    }
}
