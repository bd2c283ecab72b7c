//! Splitting a template into text and macros.

use super::name::Macro;

/// A piece of a template's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Text(&'a str),
    Macro(MacroToken<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MacroToken<'a> {
    pub name: Macro,
    pub double_braces: bool,
    /// As written, with its braces.
    pub source: &'a str,
}

impl MacroToken<'_> {
    /// A macro of the click turns the appending of parameters off: every
    /// single-brace one, and `{{click_id}}`.
    pub fn is_of_the_click(&self) -> bool {
        !self.double_braces || self.source == "{{click_id}}"
    }
}

/// The tokens of a template. Double braces are read before single ones; what
/// is in braces but has no known name is text, braces and all.
pub(super) fn tokens(mut rest: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut text = rest;
    let mut text_len = 0;
    while !rest.is_empty() {
        match braced(rest) {
            Some((len, Some(found))) => {
                if text_len > 0 {
                    tokens.push(Token::Text(text.split_at(text_len).0));
                }
                tokens.push(Token::Macro(found));
                rest = rest.split_at(len).1;
                text = rest;
                text_len = 0;
            }
            Some((len, None)) => {
                rest = rest.split_at(len).1;
                text_len += len;
            }
            None => {
                let len = rest.chars().next().map_or(0, char::len_utf8);
                rest = rest.split_at(len).1;
                text_len += len;
            }
        }
    }
    if text_len > 0 {
        tokens.push(Token::Text(text.split_at(text_len).0));
    }
    tokens
}

/// A `{{name}}` or `{name}` at the start of `text`: its length, and its macro
/// if the name is known.
fn braced(text: &str) -> Option<(usize, Option<MacroToken<'_>>)> {
    if let Some(name) = named_between(text, "{{", "}}") {
        let len = name.len() + 4;
        let known = Macro::parse_double_braces(name);
        return Some((len, token(known, true, text.split_at(len).0)));
    }
    let name = named_between(text, "{", "}")?;
    let len = name.len() + 2;
    let known = Macro::parse_single_braces(name);
    Some((len, token(known, false, text.split_at(len).0)))
}

fn token(name: Option<Macro>, double_braces: bool, source: &str) -> Option<MacroToken<'_>> {
    name.map(|name| MacroToken {
        name,
        double_braces,
        source,
    })
}

fn named_between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(open)?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
    let len = rest.bytes().position(|b| !allowed(b))?;
    let (name, rest) = rest.split_at(len);
    (len > 0 && rest.starts_with(close)).then_some(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The tokens in a form that reads well: macros in angle brackets.
    fn shown(template: &str) -> String {
        let show = |token: &Token<'_>| match token {
            Token::Text(text) => (*text).to_owned(),
            Token::Macro(token) => format!("<{:?}>", token.name),
        };
        tokens(template).iter().map(show).collect()
    }

    #[rstest]
    #[case("", "")]
    #[case("a{click_id}b", "a<ClickId>b")]
    #[case("{transaction_id}", "<ClickId>")]
    #[case("{{click_id}}", "<ClickId>")]
    #[case(
        "{{sendId}}{{messageId}}{message_id}",
        "<MessageId><MessageId><MessageId>"
    )]
    #[case("{{contact.phone}}", "<ContactPhone>")]
    #[case("{sendId}", "{sendId}")] // double braces only
    #[case("{unknown}", "{unknown}")]
    #[case("{{unknown}}", "{{unknown}}")]
    #[case("{Click_Id}", "{Click_Id}")] // case matters
    #[case("{ click_id }", "{ click_id }")]
    #[case("{click_id", "{click_id")]
    #[case("{{click_id}", "{<ClickId>")]
    #[case("{click_id}}", "<ClickId>}")]
    #[case("{{{click_id}}}", "{<ClickId>}")]
    #[case("{}{{}}", "{}{{}}")]
    #[case("é{sub1}é{sub5}", "é<Sub(0)>é<Sub(4)>")]
    fn braces_are_read(#[case] template: &str, #[case] expected: &str) {
        assert_eq!(shown(template), expected);
    }
}
