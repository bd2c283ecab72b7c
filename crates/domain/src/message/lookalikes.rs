//! What looks like a placeholder and is none: it would be sent as it stands.

use super::template::{MessagePiece, parse_pieces};
use crate::macros::{Finding, Severity};

/// How other platforms write placeholders: what stands before and behind the name.
const OTHER_DELIMITERS: [(&str, &str); 6] = [
    ("*|", "|*"),
    ("{", "}"),
    ("[", "]"),
    ("%", "%"),
    ("<", ">"),
    ("#", "#"),
];

/// Stands for a placeholder in the text that is searched, as what is not text.
const PLACEHOLDER: char = '\u{fffc}';

/// A finding for each `{name}`, `[name]`, `%name%` and the like, for each `{{...}}` that is no
/// placeholder, and one for braces that have no partner. Each is reported once.
pub(super) fn lint_lookalikes(template: &str) -> Vec<Finding> {
    let pieces = parse_pieces(template);
    let text: String = pieces
        .iter()
        .map(|piece| match piece {
            MessagePiece::Text(text) => (*text).to_owned(),
            MessagePiece::Link(_) | MessagePiece::Variable(_) => PLACEHOLDER.to_string(),
        })
        .collect();
    let mut findings = Vec::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.chars().next() {
        let finding = double_braces(rest).or_else(|| other_delimiters(rest));
        let len = match finding {
            Some((lookalike, finding)) => {
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
                lookalike.len()
            }
            None => start.len_utf8(),
        };
        rest = rest.split_at(len).1;
    }
    if has_lonely_brace(&text) {
        let message = "A brace has no partner, and is sent as it stands. A link is {{link1}}, a \
                       variable {{first_name}}.";
        let finding = Finding::new(Severity::Warning, "unbalanced_braces", message);
        findings.push(finding);
    }
    findings
}

/// Double braces at the start of the text. They are no placeholder, since those are replaced.
fn double_braces(text: &str) -> Option<(&str, Finding)> {
    let inner = text.strip_prefix("{{")?;
    let (inner, _) = inner.split_once("}}")?;
    if inner.contains(['{', '}', PLACEHOLDER]) {
        return None;
    }
    let lookalike = text.split_at(inner.len() + "{{}}".len()).0;
    let message = format!(
        "{lookalike} is no placeholder, and is sent as it stands: a name has letters, digits, _ \
         and . only, as in {{{{first_name}}}}, and a link has no default."
    );
    let finding = Finding::new(Severity::Warning, "invalid_placeholder", message);
    Some((lookalike, finding))
}

/// A name at the start of the text between the delimiters of another platform.
fn other_delimiters(text: &str) -> Option<(&str, Finding)> {
    OTHER_DELIMITERS.iter().find_map(|(open, close)| {
        let (inner, _) = text.strip_prefix(open)?.split_once(close)?;
        let name = inner.split('|').next().unwrap_or_default();
        // Elsewhere a blank tells prose from names: "20% or 30%".
        let name = match *open {
            "{" => name.trim(),
            _ => name,
        };
        if !is_name(name) {
            return None;
        }
        let lookalike = text.split_at(open.len() + inner.len() + close.len()).0;
        let message = format!(
            "{lookalike} is no placeholder, and is sent as it stands. Write {{{{{name}}}}} if it \
             is meant to be one."
        );
        let finding = Finding::new(Severity::Warning, "looks_like_placeholder", message);
        Some((lookalike, finding))
    })
}

/// Whether a text could be the name of a variable: `first_name`, `FNAME`, `contact.phone`.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    text.len() > 1
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(is_allowed)
}

fn has_lonely_brace(text: &str) -> bool {
    let mut n_open = 0_usize;
    for c in text.chars() {
        match c {
            '{' => n_open += 1,
            '}' => match n_open.checked_sub(1) {
                Some(n) => n_open = n,
                None => return true,
            },
            _ => {}
        }
    }
    n_open > 0
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::placeholders("Hi {{first_name|there}}, {{ link1 }}", "")]
    #[case::single_braces("Hi {first_name}", "looks_like_placeholder {first_name}")]
    #[case::blanks_in_single_braces("Hi { name }", "looks_like_placeholder { name }")]
    #[case::dollar("Hi ${name}", "looks_like_placeholder {name}")]
    #[case::default("{name|you}", "looks_like_placeholder {name|you}")]
    #[case::square_brackets("Hi [name]", "looks_like_placeholder [name]")]
    #[case::percent_signs("Hi %name%", "looks_like_placeholder %name%")]
    #[case::capitals("Hi %FIRSTNAME%", "looks_like_placeholder %FIRSTNAME%")]
    #[case::angle_brackets("Hi <name>", "looks_like_placeholder <name>")]
    #[case::bars("Hi *|FNAME|*", "looks_like_placeholder *|FNAME|*")]
    #[case::number_signs("Hi #name#", "looks_like_placeholder #name#")]
    #[case::blank_in_name("Hi {{first name}}", "invalid_placeholder {{first name}}")]
    #[case::hyphen_in_name("Hi {{first-name}}", "invalid_placeholder {{first-name}}")]
    #[case::empty("Hi {{}} {{ }}", "invalid_placeholder {{}}, invalid_placeholder {{ }}")]
    #[case::link_with_default("{{link1|x}}", "invalid_placeholder {{link1|x}}")]
    #[case::missing_close("Hi {{name}", "looks_like_placeholder {name}, unbalanced_braces A")]
    #[case::missing_open("Hi name}}", "unbalanced_braces A")]
    #[case::never_closed("Hi {{name", "unbalanced_braces A")]
    #[case::wrong_order("}} {{", "unbalanced_braces A")]
    #[case::each_once(
        "{name} {name} {other}",
        "looks_like_placeholder {name}, looks_like_placeholder {other}"
    )]
    #[case::braces_around("{{{link1}}}", "")]
    #[case::nested_default("{{a|{{b}}}}", "")]
    #[case::percents("Save 20% or 30%", "")]
    #[case::percents_and_a_word("100% free, 20% off", "")]
    #[case::note_in_brackets("[1] (ad) [A] [Sale now]", "")]
    #[case::numbers("{1} #1# <3", "")]
    #[case::tags("#sale #deal", "")]
    #[case::hearts("I <3 you, 5 > 4", "")]
    #[case::emoji("{😀} [é]", "")]
    fn what_only_looks_like_a_placeholder_is_found(#[case] template: &str, #[case] expected: &str) {
        let findings = lint_lookalikes(template);
        let found: Vec<_> = findings
            .iter()
            .map(|finding| {
                let message = &finding.message;
                let end = message.find(" is no placeholder");
                let what = end.map_or("A", |end| message.split_at(end).0);
                format!("{} {what}", finding.code)
            })
            .collect();
        assert_eq!(found.join(", "), expected);
    }
}
