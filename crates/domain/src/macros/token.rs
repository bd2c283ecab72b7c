//! Splitting a template into text and macros.

use super::name::Macro;

/// A piece of a template's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Text(&'a str),
    Macro(MacroToken<'a>),
}

impl<'a> Token<'a> {
    pub fn as_macro(&self) -> Option<&MacroToken<'a>> {
        match self {
            Self::Macro(token) => Some(token),
            Self::Text(_) => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MacroToken<'a> {
    pub name: Macro,
    pub has_double_braces: bool,
    /// The macro as it was written, with its braces.
    pub source: &'a str,
}

impl MacroToken<'_> {
    /// Whether no parameters are appended to a template with this macro. That is so for every
    /// macro in single braces, and for `{{click_id}}`: who writes these places the click's
    /// parameters by hand. The other names in double braces are those of message templates.
    pub fn disables_appending(&self) -> bool {
        !self.has_double_braces || self.source == "{{click_id}}"
    }
}

/// The tokens of a template. Double braces are tried before single ones. Braces around a name
/// that is not a macro's are text.
pub(super) fn tokens(template: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut unread = template;
    // The text in front of `unread` that is not among the tokens yet.
    let mut text = template;
    let mut text_len = 0;
    while let Some(first) = unread.chars().next() {
        let (len, macro_token) = braces_at_start(unread).unwrap_or((first.len_utf8(), None));
        unread = unread.split_at(len).1;
        let Some(macro_token) = macro_token else {
            text_len += len;
            continue;
        };
        if text_len > 0 {
            tokens.push(Token::Text(text.split_at(text_len).0));
        }
        tokens.push(Token::Macro(macro_token));
        text = unread;
        text_len = 0;
    }
    if text_len > 0 {
        tokens.push(Token::Text(text.split_at(text_len).0));
    }
    tokens
}

/// A `{{name}}` or `{name}` at the start of `text`: its length, and the macro if it is the name
/// of one.
fn braces_at_start(text: &str) -> Option<(usize, Option<MacroToken<'_>>)> {
    let (len, macro_name, has_double_braces) = match name_between(text, "{{", "}}") {
        Some(name) => (name.len() + 4, Macro::parse_double_braces(name), true),
        None => {
            let name = name_between(text, "{", "}")?;
            (name.len() + 2, Macro::parse_single_braces(name), false)
        }
    };
    let macro_token = macro_name.map(|name| MacroToken {
        name,
        has_double_braces,
        source: text.split_at(len).0,
    });
    Some((len, macro_token))
}

/// The name of `A-Z a-z 0-9 _ .` between `open` and `close` at the start of `text`.
fn name_between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let inner = text.strip_prefix(open)?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let len = inner.bytes().position(|byte| !is_allowed(byte))?;
    let (name, after) = inner.split_at(len);
    (len > 0 && after.starts_with(close)).then_some(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The tokens as one text, with the macros in angle brackets.
    fn display(template: &str) -> String {
        let display_token = |token: &Token<'_>| match token {
            Token::Text(text) => (*text).to_owned(),
            Token::Macro(token) => format!("<{:?}>", token.name),
        };
        tokens(template).iter().map(display_token).collect()
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
    #[case("{sendId}", "{sendId}")] // this name exists in double braces only
    #[case("{unknown}", "{unknown}")]
    #[case("{{unknown}}", "{{unknown}}")]
    #[case("{Click_Id}", "{Click_Id}")] // upper and lower case differ
    #[case("{ click_id }", "{ click_id }")]
    #[case("{click_id", "{click_id")]
    #[case("{{click_id}", "{<ClickId>")]
    #[case("{click_id}}", "<ClickId>}")]
    #[case("{{{click_id}}}", "{<ClickId>}")]
    #[case("{}{{}}", "{}{{}}")]
    #[case("é{sub1}é{sub5}", "é<Sub(0)>é<Sub(4)>")]
    fn macros_are_told_from_text_in_braces(#[case] template: &str, #[case] expected: &str) {
        assert_eq!(display(template), expected);
    }
}
