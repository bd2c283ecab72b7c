//! Parsing a message template, and filling it.

/// A piece of a message template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagePiece<'a> {
    Text(&'a str),
    /// A `{{linkN}}` placeholder, by its name `linkN`.
    Link(&'a str),
    /// Any other `{{name}}`, by its name.
    Variable(&'a str),
}

/// The pieces of a template in their order. Braces are text unless there is a name of
/// `A-Z a-z 0-9 _ .` between them.
pub fn parse_pieces(template: &str) -> Vec<MessagePiece<'_>> {
    let mut pieces = Vec::new();
    let mut text_start = 0;
    let mut search_start = 0;
    while let Some(offset) = template.split_at(search_start).1.find("{{") {
        let open = search_start + offset;
        let Some(name) = name_at_start(template.split_at(open + 2).1) else {
            search_start = open + 1;
            continue;
        };
        if text_start < open {
            let (before, _) = template.split_at(open);
            pieces.push(MessagePiece::Text(before.split_at(text_start).1));
        }
        pieces.push(match is_link_placeholder(name) {
            true => MessagePiece::Link(name),
            false => MessagePiece::Variable(name),
        });
        text_start = open + "{{".len() + name.len() + "}}".len();
        search_start = text_start;
    }
    if text_start < template.len() {
        pieces.push(MessagePiece::Text(template.split_at(text_start).1));
    }
    pieces
}

/// The name at the start of `text`, if `}}` follows it.
fn name_at_start(text: &str) -> Option<&str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let len = text.bytes().position(|byte| !is_allowed(byte))?;
    let (name, after) = text.split_at(len);
    (len > 0 && after.starts_with("}}")).then_some(name)
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
        if let MessagePiece::Link(name) = piece
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// The text of a message. `link` returns the URL of a placeholder and `variable` the value of a
/// variable; what they return is not searched for placeholders again. Fails with the name of
/// the first variable that has no value.
pub fn render<'a, 'v>(
    pieces: &[MessagePiece<'a>],
    link: impl Fn(&str) -> &'v str,
    variable: impl Fn(&str) -> Option<&'v str>,
) -> Result<String, &'a str> {
    let mut text = String::with_capacity(256);
    for piece in pieces {
        text.push_str(match *piece {
            MessagePiece::Text(text) => text,
            MessagePiece::Link(name) => link(name),
            MessagePiece::Variable(name) => variable(name).ok_or(name)?,
        });
    }
    Ok(text)
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
            MessagePiece::Link(name) => format!("<{name}>"),
            MessagePiece::Variable(name) => format!("[{name}]"),
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
    #[case("{{ link1 }} {link1} {{link1}", "{{ link1 }} {link1} {{link1}")]
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

    proptest! {
        #[test]
        fn the_pieces_make_up_the_whole_template(template in "[{}a-c1. link]{0,40}") {
            let joined: String = parse_pieces(&template)
                .iter()
                .map(|piece| match piece {
                    MessagePiece::Text(text) => (*text).to_owned(),
                    MessagePiece::Link(name) | MessagePiece::Variable(name) => {
                        format!("{{{{{name}}}}}")
                    }
                })
                .collect();
            prop_assert_eq!(joined, template);
        }
    }
}
