//! Findings about a message template: characters that would become part of a link, and what only
//! looks like a placeholder.

use super::{
    lookalikes::lint_lookalikes,
    template::{MessagePiece, parse_pieces},
};
use crate::macros::{Finding, Severity};

/// Characters that may precede a link: messengers find a link that follows them.
const OPENING_MARKS: [char; 12] = ['(', '[', '{', '<', '"', '\'', '“', '‘', '„', '«', '‹', '「'];

/// A finding for each text or placeholder that touches the placeholder of a link, without a
/// blank between them. A messenger that turns the URLs of a text into links takes what follows
/// a URL as a part of it, full stops and brackets too, and may not find a URL that something
/// precedes. Then those about what only looks like a placeholder. Each is reported once.
pub fn lint(template: &str) -> Vec<Finding> {
    let pieces = parse_pieces(template);
    let mut findings = Vec::new();
    for (piece, next) in pieces.iter().zip(pieces.iter().skip(1)) {
        if let Some((code, problem)) = problem_between(*piece, *next) {
            let message = format!("{problem} Put a blank between them.");
            let finding = Finding::new(Severity::Warning, code, message);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings.extend(lint_lookalikes(template));
    findings
}

/// The code and the sentence of the problem of two adjacent pieces, if there is one.
fn problem_between(
    piece: MessagePiece<'_>,
    next: MessagePiece<'_>,
) -> Option<(&'static str, String)> {
    match (piece, next) {
        (MessagePiece::Link(link), MessagePiece::Link(next_link)) => Some((
            "link_behind_link",
            format!(
                "{} stands right behind {}: they would become one link.",
                next_link.source, link.source
            ),
        )),
        (MessagePiece::Link(link), MessagePiece::Variable(variable)) => Some((
            "variable_behind_link",
            format!(
                "{} stands right behind {}: messengers take its value into the link.",
                variable.source, link.source
            ),
        )),
        (MessagePiece::Link(link), MessagePiece::Text(text)) => {
            let mark = text.chars().next().filter(|mark| !mark.is_whitespace())?;
            Some((
                "mark_behind_link",
                format!(
                    "{mark:?} stands right behind {}: messengers take it into the link.",
                    link.source
                ),
            ))
        }
        (MessagePiece::Variable(variable), MessagePiece::Link(link)) => Some((
            "variable_before_link",
            format!(
                "{} stands right before {}: messengers may not find the link.",
                variable.source, link.source
            ),
        )),
        (MessagePiece::Text(text), MessagePiece::Link(link)) => {
            let mark = text
                .chars()
                .next_back()
                .filter(|mark| !mark.is_whitespace() && !OPENING_MARKS.contains(mark))?;
            Some((
                "mark_before_link",
                format!(
                    "{mark:?} stands right before {}: messengers may not find the link.",
                    link.source
                ),
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::alone("{{link1}}", "")]
    #[case::apart("Shop now: {{link1}} Reply STOP", "")]
    #[case::lines("Shop now:\n{{link1}}\nReply STOP", "")]
    #[case::other_blanks("a\u{a0}{{link1}}\u{3000}b", "")]
    #[case::full_stop("Shop at {{link1}}.", "mark_behind_link '.'")]
    #[case::comma("{{link1}}, or not", "mark_behind_link ','")]
    #[case::exclamation_mark("{{link1}}!", "mark_behind_link '!'")]
    #[case::question_mark("{{link1}}?", "mark_behind_link '?'")]
    #[case::slash("{{link1}}/", "mark_behind_link '/'")]
    #[case::brackets("({{link1}})", "mark_behind_link ')'")]
    #[case::quotes("\"{{link1}}\"", "mark_behind_link '\"'")]
    #[case::ellipsis("{{link1}}…", "mark_behind_link '…'")]
    #[case::wide_full_stop("{{link1}}。", "mark_behind_link '。'")]
    #[case::emoji("{{link1}}👇", "mark_behind_link '👇'")]
    #[case::letter("{{link1}}a", "mark_behind_link 'a'")]
    #[case::invisible("{{link1}}\u{200b}", "mark_behind_link '\\u{200b}'")]
    #[case::colon_before("now:{{link1}}", "mark_before_link ':'")]
    #[case::letter_before("é{{link1}}", "mark_before_link 'é'")]
    #[case::both("now:{{link1}}.", "mark_before_link ':' mark_behind_link '.'")]
    #[case::each_once("{{link1}}. {{link1}}.", "mark_behind_link '.'")]
    #[case::each("{{link1}}. {{link2}}.", "mark_behind_link '.' mark_behind_link '.'")]
    #[case::links("{{link1}}{{link2}}", "link_behind_link")]
    #[case::variable_behind("{{link1}}{{name}}", "variable_behind_link")]
    #[case::variable_before("{{name}}{{link1}}", "variable_before_link")]
    #[case::variables_alone("{{a}}.{{b}}", "")]
    #[case::braces("{{{link1}}}", "mark_behind_link '}'")]
    fn everything_that_touches_a_link_is_found(#[case] template: &str, #[case] expected: &str) {
        let findings = lint(template);
        let codes_and_marks: Vec<_> = findings
            .iter()
            .map(|finding| match finding.message.split_once(" stands") {
                Some((mark, _)) if finding.code.starts_with("mark") => {
                    format!("{} {mark}", finding.code)
                }
                _ => finding.code.to_owned(),
            })
            .collect();
        assert_eq!(codes_and_marks.join(" "), expected);
        assert!(
            findings
                .iter()
                .all(|finding| finding.severity == Severity::Warning)
        );
    }
}
