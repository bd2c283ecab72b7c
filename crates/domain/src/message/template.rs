//! Parsing a message template, and filling it.

/// A piece of a message template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagePiece<'a> {
    Text(&'a str),
    /// A `{{linkN}}` placeholder, by its name `linkN`.
    Link(Placeholder<'a>),
    /// Any other `{{name}}` or `{{name|default}}`.
    Variable(Placeholder<'a>),
}

/// What stands in double braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placeholder<'a> {
    /// The braces and what is between them, as it is written.
    pub source: &'a str,
    pub name: &'a str,
    /// The text for a variable whose value is absent or blank. A link has none.
    pub default: Option<&'a str>,
}

impl<'a> MessagePiece<'a> {
    /// The piece as it is written in the template.
    pub fn source(self) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Link(placeholder) | Self::Variable(placeholder) => placeholder.source,
        }
    }
}

/// The pieces of a template in their order. Braces are text unless there is a name of
/// `A-Z a-z 0-9 _ .` between them, with or without blanks around it, or a name of a variable,
/// `|` and a default without braces.
pub fn parse_pieces(template: &str) -> Vec<MessagePiece<'_>> {
    let mut pieces = Vec::new();
    let mut text_start = 0;
    let mut search_start = 0;
    while let Some(offset) = template.split_at(search_start).1.find("{{") {
        let open = search_start + offset;
        let Some(piece) = placeholder_at_start(template.split_at(open).1) else {
            search_start = open + 1;
            continue;
        };
        if text_start < open {
            let (before, _) = template.split_at(open);
            pieces.push(MessagePiece::Text(before.split_at(text_start).1));
        }
        pieces.push(piece);
        text_start = open + piece.source().len();
        search_start = text_start;
    }
    if text_start < template.len() {
        pieces.push(MessagePiece::Text(template.split_at(text_start).1));
    }
    pieces
}

/// The link or variable at the start of `text`, which begins with two braces.
fn placeholder_at_start(text: &str) -> Option<MessagePiece<'_>> {
    let (_, inner) = text.split_at("{{".len());
    let (inner, _) = inner.split_once("}}")?;
    if inner.contains(['{', '}']) {
        return None;
    }
    let (name, default) = match inner.split_once('|') {
        Some((name, default)) => (name, Some(default.trim())),
        None => (inner, None),
    };
    let placeholder = Placeholder {
        source: text.split_at("{{".len() + inner.len() + "}}".len()).0,
        name: name.trim(),
        default,
    };
    match placeholder {
        Placeholder { name, .. } if !is_name(name) => None,
        Placeholder { name, default, .. } if is_link_placeholder(name) => {
            // Every link has a URL, so a default is a mistake.
            default.is_none().then_some(MessagePiece::Link(placeholder))
        }
        placeholder => Some(MessagePiece::Variable(placeholder)),
    }
}

fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// Whether the name is `link` and a number without leading zeros.
fn is_link_placeholder(name: &str) -> bool {
    name.strip_prefix("link").is_some_and(|number| {
        !number.is_empty()
            && !number.starts_with('0')
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The names of the template's link placeholders, each once, in the order of their first use.
pub fn link_placeholders(template: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for piece in parse_pieces(template) {
        if let MessagePiece::Link(link) = piece
            && !names.contains(&link.name)
        {
            names.push(link.name);
        }
    }
    names
}

/// The text of a message. `link` returns the URL of a placeholder and `variable` the value of a
/// variable; what they return is not searched for placeholders again. A value that is absent or
/// blank is replaced by the default. Fails with the name of the first variable that has neither.
pub fn render<'a, 'v>(
    pieces: &[MessagePiece<'a>],
    link: impl Fn(&str) -> &'v str,
    variable: impl Fn(&str) -> Option<&'v str>,
) -> Result<String, &'a str> {
    let mut text = String::with_capacity(256);
    for piece in pieces {
        match piece {
            MessagePiece::Text(piece) => text.push_str(piece),
            MessagePiece::Link(placeholder) => text.push_str(link(placeholder.name)),
            MessagePiece::Variable(placeholder) => {
                let value = value_or_default(*placeholder, variable(placeholder.name));
                text.push_str(value.ok_or(placeholder.name)?);
            }
        }
    }
    Ok(text)
}

/// What stands for a variable in a message; `None` if it has neither a value nor a default.
fn value_or_default<'t>(placeholder: Placeholder<'t>, value: Option<&'t str>) -> Option<&'t str> {
    let given = value.filter(|value| !value.trim().is_empty());
    given.or(placeholder.default).or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// The pieces as one text: links in angle brackets, variables in square ones.
    fn display(template: &str) -> String {
        let display_piece = |piece: &MessagePiece<'_>| match piece {
            MessagePiece::Text(text) => (*text).to_owned(),
            MessagePiece::Link(link) => format!("<{}>", link.name),
            MessagePiece::Variable(Placeholder { name, default, .. }) => {
                let default = default.map(|default| format!("|{default}"));
                format!("[{name}{}]", default.unwrap_or_default())
            }
        };
        parse_pieces(template).iter().map(display_piece).collect()
    }

    #[rstest]
    #[case("", "")]
    #[case("a {{link1}} b {{link12}}", "a <link1> b <link12>")]
    #[case("{{contact.first_name}}!", "[contact.first_name]!")]
    #[case(
        "{{link}} {{link0}} {{link01}} {{linkA}}",
        "[link] [link0] [link01] [linkA]"
    )]
    #[case("{{ link1 }} {link1} {{link1}", "<link1> {link1} {{link1}")]
    #[case("{{ first_name }} {{\tx}}", "[first_name] [x]")]
    #[case("Hi {{first_name|there}}!", "Hi [first_name|there]!")]
    #[case("{{ first_name | dear friend }}", "[first_name|dear friend]")]
    #[case("{{a|}} {{a| }} {{a|b|c}}", "[a|] [a|] [a|b|c]")]
    #[case("{{link1|x}} {{|x}} {{ }}", "{{link1|x}} {{|x}} {{ }}")]
    #[case("{{first name}} {{a-b}}", "{{first name}} {{a-b}}")]
    #[case("{{a|{{b}}}}", "{{a|[b]}}")]
    #[case("{{{link1}}}", "{<link1>}")]
    #[case("{{}} {{{{link1}}}}", "{{}} {{<link1>}}")]
    #[case("é{{link1}}é", "é<link1>é")]
    fn placeholders_and_variables_are_told_from_text(
        #[case] template: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(display(template), expected);
    }

    #[test]
    fn a_value_is_not_searched_for_placeholders() {
        let pieces = parse_pieces("{{a}} {{link1}}");
        let text = render(&pieces, |_| "{{a}}", |_| Some("{{link1}}"));
        assert_eq!(text.as_deref(), Ok("{{link1}} {{a}}"));
        assert_eq!(render(&pieces, |_| "", |_| None), Err("a"));
    }

    #[rstest]
    #[case("Hi {{name|there}}", Some("Ada"), Ok("Hi Ada"))]
    #[case("Hi {{name|there}}", None, Ok("Hi there"))]
    #[case("Hi {{name|there}}", Some(""), Ok("Hi there"))]
    #[case("Hi {{name|there}}", Some(" "), Ok("Hi there"))]
    #[case("Hi{{ name | }}", None, Ok("Hi"))]
    #[case("Hi {{ name }}", Some("Ada"), Ok("Hi Ada"))]
    #[case("Hi {{name}}", Some(""), Ok("Hi "))]
    #[case("Hi {{name}}", None, Err("name"))]
    fn a_default_stands_for_a_value_that_is_absent_or_blank(
        #[case] template: &str,
        #[case] value: Option<&str>,
        #[case] expected: Result<&str, &str>,
    ) {
        let pieces = parse_pieces(template);
        let text = render(&pieces, |_| "", |_| value);
        assert_eq!(text.as_deref().map_err(|name| *name), expected);
    }

    proptest! {
        #[test]
        fn the_pieces_make_up_the_whole_template(template in "[{}a-c1. |link]{0,40}") {
            let pieces = parse_pieces(&template);
            let joined: String = pieces.iter().map(|piece| piece.source()).collect();
            prop_assert_eq!(joined, template);
        }
    }
}
