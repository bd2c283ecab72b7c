//! Findings about a template: what is wrong, or probably a mistake. The API shows them when an
//! offer is saved and in the macro preview.

use url::{Host, Url, form_urlencoded};

use super::{
    Macro, Template,
    parameters::query_has_key,
    token::{MacroToken, Token, tokens},
};

/// How bad a finding is. A template with an error is not saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// One finding about a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// The code for programs, such as `unknown_macro`; proto-docs/macros.md has all of them.
    pub code: &'static str,
    /// The sentence for people.
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

    fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }
}

/// All findings: errors first, and each severity in the order of the checks below.
pub fn lint(text: &str) -> Vec<Finding> {
    let text = text.trim();
    let mut findings = Vec::new();
    if let Err(error) = Template::parse(text) {
        let message = to_sentence(&error.to_string());
        findings.push(Finding::new(Severity::Error, error.code(), message));
    }
    let tokens = tokens(text);
    check_braces(&tokens, &mut findings);
    check_macros(&tokens, &mut findings);
    check_secrets(text, &mut findings);
    check_destination(text, &mut findings);
    check_repeated_parameters(text, &mut findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Adds a capital letter and a full stop.
fn to_sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// Finds texts in braces that are not a macro, and braces without a counterpart.
fn check_braces(tokens: &[Token<'_>], findings: &mut Vec<Finding>) {
    for token in tokens {
        let Token::Text(mut unread) = *token else {
            continue;
        };
        while let Some(brace) = unread.find(['{', '}']) {
            unread = unread.split_at(brace).1;
            let len = unknown_macro_len(unread);
            if len > 0 {
                let (source, after) = unread.split_at(len);
                findings.push(unknown_macro(source));
                unread = after;
            } else {
                let excerpt: String = unread.chars().take(20).collect();
                findings.push(Finding::warning(
                    "unbalanced_brace",
                    format!("The brace at \"{excerpt}\" belongs to no macro and stays as it is."),
                ));
                unread = unread.trim_start_matches(['{', '}']);
            }
        }
    }
}

/// The length of `{...}` or `{{...}}` at the start of a text, or 0.
fn unknown_macro_len(text: &str) -> usize {
    let in_double_braces = text.strip_prefix("{{").map(|inner| (inner, "}}"));
    let in_single_braces = || text.strip_prefix('{').map(|inner| (inner, "}"));
    let Some((inner, close)) = in_double_braces.or_else(in_single_braces) else {
        return 0;
    };
    match inner.find(['{', '}', '&', '/', '?', '#', '=']) {
        Some(len) if len > 0 && inner.split_at(len).1.starts_with(close) => close.len() * 2 + len,
        _ => 0,
    }
}

fn unknown_macro(source: &str) -> Finding {
    let name = source.trim_matches(['{', '}']).trim();
    let similar_name = MACRO_NAMES
        .iter()
        .find(|macro_name| is_similar(macro_name, name));
    let hint = similar_name.map_or(String::new(), |macro_name| {
        let (open, close) = match Macro::parse_single_braces(macro_name) {
            Some(_) => ("{", "}"),
            None => ("{{", "}}"),
        };
        format!(" Did you mean {open}{macro_name}{close}?")
    });
    Finding::warning(
        "unknown_macro",
        format!("{source} is not one of our macros and stays as it is.{hint}"),
    )
}

/// The names that are suggested for a misspelt one.
const MACRO_NAMES: [&str; 28] = [
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

/// Whether two names have the same letters and digits, in any case.
fn is_similar(macro_name: &str, name: &str) -> bool {
    let letters = |text: &str| {
        text.chars()
            .filter(|letter| letter.is_ascii_alphanumeric())
            .map(|letter| letter.to_ascii_lowercase())
            .collect::<String>()
    };
    letters(macro_name) == letters(name)
}

/// Finds macros that send personal data, and tells whether parameters are appended.
fn check_macros(tokens: &[Token<'_>], findings: &mut Vec<Finding>) {
    let macros = || tokens.iter().filter_map(Token::as_macro);
    if !macros().any(MacroToken::disables_appending) {
        findings.push(Finding::new(
            Severity::Info,
            "parameters_appended",
            "The template has no macro of the click: click_id, sub1 to sub5 and source are \
             appended to the query where they have a value.",
        ));
    }
    for token in macros() {
        if matches!(token.name, Macro::ContactPhone | Macro::Ip) {
            findings.push(Finding::warning(
                "personal_data",
                format!("{} sends personal data to the destination.", token.source),
            ));
        }
    }
}

/// Names of parameters whose value must be known to the two servers only.
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

/// Finds secrets in the query, and API keys of ours anywhere.
fn check_secrets(text: &str, findings: &mut Vec<Finding>) {
    let mut add = |subject: &str| {
        findings.push(Finding::warning(
            "secret_in_template",
            format!("{subject} looks like a secret: everybody who clicks will see it."),
        ));
    };
    for (key, value) in form_urlencoded::parse(query_of(text).as_bytes()) {
        let name = key.to_ascii_lowercase().replace('-', "_");
        if SECRET_NAMES.contains(&name.as_str()) && !value.is_empty() && !value.starts_with('{') {
            add(&format!("The parameter {key}"));
        }
    }
    if text.contains("trk_") {
        add("A text that starts with trk_");
    }
}

fn query_of(text: &str) -> &str {
    let before_fragment = text.split('#').next().unwrap_or_default();
    before_fragment
        .split_once('?')
        .map_or("", |(_, query)| query)
}

/// Finds destinations that visitors or message filters may distrust.
fn check_destination(text: &str, findings: &mut Vec<Finding>) {
    let before_macros = text.split(['{', '?', '#']).next().unwrap_or_default();
    let Ok(url) = Url::parse(before_macros) else {
        return;
    };
    if url.scheme() == "http" {
        findings.push(Finding::warning(
            "not_https",
            "The destination is not https: others can read on the way what the click carries.",
        ));
    }
    if matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_))) {
        findings.push(Finding::warning(
            "ip_address_host",
            "The host is an IP address: message filters distrust such links.",
        ));
    }
    if url
        .host_str()
        .is_some_and(|host| host.split('.').any(|label| label.starts_with("xn--")))
    {
        findings.push(Finding::warning(
            "internationalised_host",
            "The host has letters beyond ASCII and is sent as punycode: check that it is the one \
             you mean.",
        ));
    }
}

/// Finds names that the query has more than once.
fn check_repeated_parameters(text: &str, findings: &mut Vec<Finding>) {
    let mut unread = query_of(text);
    let mut repeated: Vec<String> = Vec::new();
    while let Some((parameter, after)) = unread.split_once('&') {
        unread = after;
        let Some((key, _)) = form_urlencoded::parse(parameter.as_bytes()).next() else {
            continue;
        };
        if query_has_key(after, &key) && !repeated.iter().any(|name| *name == key) {
            findings.push(Finding::warning(
                "repeated_parameter",
                format!("The query has the parameter {key} more than once."),
            ));
            repeated.push(key.into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The codes in the order of the findings.
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
    fn a_template_has_these_findings(#[case] template: &str, #[case] expected: &str) {
        assert_eq!(codes(template), expected);
    }

    #[test]
    fn the_right_name_is_suggested_for_a_misspelt_macro() {
        let message = |template: &str| lint(template).remove(0).message;
        assert_eq!(
            message("https://e.com/{click_id}?x={ClickID}"),
            "{ClickID} is not one of our macros and stays as it is. Did you mean {click_id}?"
        );
        assert_eq!(
            message("https://e.com/{click_id}?x={sendid}"),
            "{sendid} is not one of our macros and stays as it is. Did you mean {{sendId}}?"
        );
        assert_eq!(
            message("https://e.com/{click_id}?x={nothing}"),
            "{nothing} is not one of our macros and stays as it is."
        );
    }

    #[test]
    fn every_suggested_name_is_a_macro() {
        for name in MACRO_NAMES {
            assert!(Macro::parse_double_braces(name).is_some(), "{name}");
        }
    }
}
