//! Percent-escapes the bytes of a request line that the HTTP parser would refuse.
//!
//! By RFC 3986 a URL has none of these bytes. Old WebViews send them all the same, and so
//! do networks that fill in macros without escaping; such a click must not be lost.

use domain::hex;

/// Longest target that the parser accepts, in bytes.
const MAX_TARGET_BYTES: usize = 65_534;

/// Whether a byte of a target stays unescaped: the bytes that the HTTP parser accepts in a
/// path or in a query, except `"`, and `#`, which would make it ignore the bytes after it.
fn stays_unescaped(byte: u8, is_in_query: bool) -> bool {
    match byte {
        b'"' | b'#' | b'<' | b'>' => false,
        b'`' => is_in_query,
        _ => byte.is_ascii_graphic(),
    }
}

/// Returns the line with its target escaped, or `None` if no byte needs escaping or it is
/// no request line. `line` has no line end.
pub(super) fn escape(line: &[u8]) -> Option<Vec<u8>> {
    let (method, target_and_version) = split_at_byte(line, b' ')?;
    let (target, version) = split_version(target_and_version)?;
    let (path, query) = match split_at_byte(target, b'?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let needs_no_escaping = path.iter().all(|&byte| stays_unescaped(byte, false))
        && query.is_none_or(|query| query.iter().all(|&byte| stays_unescaped(byte, true)));
    if needs_no_escaping {
        return None;
    }
    let mut escaped_target = Vec::with_capacity(target.len() * 2);
    push_escaped(&mut escaped_target, path, false);
    if let Some(query) = query {
        escaped_target.push(b'?');
        push_escaped(&mut escaped_target, query, true);
    }
    truncate_to_limit(&mut escaped_target);
    Some([method, b" ", &escaped_target, b" ", version].concat())
}

fn push_escaped(out: &mut Vec<u8>, text: &[u8], is_in_query: bool) {
    for &byte in text {
        if stays_unescaped(byte, is_in_query) {
            out.push(byte);
        } else {
            out.push(b'%');
            out.extend(hex::upper_digits(byte));
        }
    }
}

/// Removes the last parameters of a target that became too long by escaping: the end of a
/// long query is not read in any case.
fn truncate_to_limit(target: &mut Vec<u8>) {
    if target.len() > MAX_TARGET_BYTES {
        let within_limit = target.get(..=MAX_TARGET_BYTES).unwrap_or_default();
        let end = within_limit
            .iter()
            .rposition(|byte| matches!(byte, b'&' | b'?'));
        if let Some(end) = end {
            target.truncate(end);
        }
    }
}

/// The text before the first `byte`, and the text after it.
fn split_at_byte(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let index = text.iter().position(|&b| b == byte)?;
    Some((text.get(..index)?, text.get(index + 1..)?))
}

/// Splits a target, which may have spaces, from the HTTP version after it.
fn split_version(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let index = text.iter().rposition(|&byte| byte == b' ')?;
    let (target, version) = (text.get(..index)?, text.get(index + 1..)?);
    (version.starts_with(b"HTTP/1.") && !target.is_empty()).then_some((target, version))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/a?b=c", "/a?b=c")]
    #[case("/a|b{c}[d]'(e)~!*;,%zz+\\^", "/a|b{c}[d]'(e)~!*;,%zz+\\^")]
    #[case("/a?|{}[]'()~!*;,%zz+\\^`?/&&=", "/a?|{}[]'()~!*;,%zz+\\^`?/&&=")]
    #[case("/a\"<b>`", "/a%22%3Cb%3E%60")]
    #[case("/a?s=\"<x>\"", "/a?s=%22%3Cx%3E%22")]
    #[case("/\u{e9}?s=\u{e9}\u{200b}", "/%C3%A9?s=%C3%A9%E2%80%8B")]
    #[case("/a?s=New York City", "/a?s=New%20York%20City")]
    #[case("/a b", "/a%20b")]
    #[case("/a?t=#tid#&s=1", "/a?t=%23tid%23&s=1")]
    #[case("/a#top", "/a%23top")]
    #[case("/a?s=\t\u{1}\u{7f}", "/a?s=%09%01%7F")]
    #[case("http://e.com/<?>", "http://e.com/%3C?%3E")]
    fn bytes_that_a_url_may_not_have_are_escaped(#[case] target: &str, #[case] expected: &str) {
        let line = format!("GET {target} HTTP/1.1");
        let escaped = escape(line.as_bytes());
        let expected = format!("GET {expected} HTTP/1.1").into_bytes();
        assert_eq!(
            escaped,
            (target.as_bytes() != &expected[4..expected.len() - 9]).then_some(expected)
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_escaped_one_by_one() {
        let escaped = escape(b"GET /a?s=\xe9\xff HTTP/1.0").unwrap();
        assert_eq!(escaped, b"GET /a?s=%E9%FF HTTP/1.0");
    }

    #[test]
    fn other_lines_are_unchanged() {
        for line in [
            "",
            "GET",
            "GET ",
            "GET /\"",
            "GET /\" HTTP/2",
            "GET  HTTP/1.1",
            "\u{e9}",
        ] {
            assert_eq!(escape(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_query_that_becomes_too_long_is_cut_between_parameters() {
        let target = format!("/a?s=1&t={}&u=2", "\u{4e2d}".repeat(10_000));
        let escaped = escape(format!("GET {target} HTTP/1.1").as_bytes()).unwrap();
        assert_eq!(escaped, b"GET /a?s=1 HTTP/1.1");
    }

    proptest! {
        #[test]
        fn an_escaped_line_needs_no_escaping_and_can_be_parsed(
            target in proptest::collection::vec(any::<u8>().prop_filter("no line end", |b| *b != b'\n'), 0..100),
        ) {
            let line = [b"GET /".as_slice(), &target, b" HTTP/1.1"].concat();
            let escaped = escape(&line).unwrap_or(line);
            prop_assert_eq!(escape(&escaped), None);
            let text = std::str::from_utf8(&escaped[4..escaped.len() - 9]).unwrap();
            prop_assert!(text.parse::<actix_http::Uri>().is_ok(), "{}", text);
        }
    }
}
