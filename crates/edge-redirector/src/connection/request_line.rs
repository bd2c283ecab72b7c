//! The request line, with what may not stand in it raw percent-escaped.
//!
//! By RFC 3986 a URL has none of these bytes. Old WebViews send them all the same, and so
//! do networks that fill macros without escaping, and a click should not be lost to that.

use domain::hex;

/// Bytes that a target may have: more are not parsed.
const MAX_TARGET_BYTES: usize = 65_534;

/// Whether a byte may stand in a target as it is: what the HTTP parser takes in a path or in
/// a query, but for `"` and for `#`, behind which it would forget everything.
fn may_stay(byte: u8, is_in_query: bool) -> bool {
    match byte {
        b'"' | b'#' | b'<' | b'>' => false,
        b'`' => is_in_query,
        _ => byte.is_ascii_graphic(),
    }
}

/// The line with its target escaped; `None` where that needs none, or where it is no
/// request line. `line` is without its end.
pub(super) fn escaped(line: &[u8]) -> Option<Vec<u8>> {
    let (method, rest) = split_at_byte(line, b' ')?;
    let (target, version) = split_version(rest)?;
    let (path, query) = match split_at_byte(target, b'?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let is_clean = path.iter().all(|&byte| may_stay(byte, false))
        && query.is_none_or(|query| query.iter().all(|&byte| may_stay(byte, true)));
    if is_clean {
        return None;
    }
    let mut escaped_target = Vec::with_capacity(target.len() * 2);
    push_escaped(&mut escaped_target, path, false);
    if let Some(query) = query {
        escaped_target.push(b'?');
        push_escaped(&mut escaped_target, query, true);
    }
    cut(&mut escaped_target);
    Some([method, b" ", &escaped_target, b" ", version].concat())
}

fn push_escaped(out: &mut Vec<u8>, text: &[u8], is_in_query: bool) {
    for &byte in text {
        if may_stay(byte, is_in_query) {
            out.push(byte);
        } else {
            out.push(b'%');
            out.extend(hex::upper_digits(byte));
        }
    }
}

/// What became too long only by escaping loses the parameters that do not fit: of a long
/// query the rest is not read in any case.
fn cut(target: &mut Vec<u8>) {
    if target.len() > MAX_TARGET_BYTES {
        let fits = target.get(..=MAX_TARGET_BYTES).unwrap_or_default();
        let end = fits.iter().rposition(|byte| matches!(byte, b'&' | b'?'));
        if let Some(end) = end {
            target.truncate(end);
        }
    }
}

/// What stands before the first such byte, and behind it.
fn split_at_byte(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&b| b == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The target and the version behind it: a target may have spaces.
fn split_version(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|&byte| byte == b' ')?;
    let (target, version) = (text.get(..at)?, text.get(at + 1..)?);
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
    fn what_may_not_stand_raw_is_escaped(#[case] target: &str, #[case] expected: &str) {
        let line = format!("GET {target} HTTP/1.1");
        let found = escaped(line.as_bytes());
        let expected = format!("GET {expected} HTTP/1.1").into_bytes();
        assert_eq!(
            found,
            (target.as_bytes() != &expected[4..expected.len() - 9]).then_some(expected)
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped_one_by_one() {
        let found = escaped(b"GET /a?s=\xe9\xff HTTP/1.0").unwrap();
        assert_eq!(found, b"GET /a?s=%E9%FF HTTP/1.0");
    }

    #[test]
    fn what_is_no_request_line_stays() {
        for line in [
            "",
            "GET",
            "GET ",
            "GET /\"",
            "GET /\" HTTP/2",
            "GET  HTTP/1.1",
            "\u{e9}",
        ] {
            assert_eq!(escaped(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_query_that_gets_too_long_is_cut_between_parameters() {
        let target = format!("/a?s=1&t={}&u=2", "\u{4e2d}".repeat(10_000));
        let found = escaped(format!("GET {target} HTTP/1.1").as_bytes()).unwrap();
        assert_eq!(found, b"GET /a?s=1 HTTP/1.1");
    }

    proptest! {
        #[test]
        fn a_line_once_escaped_stays_and_can_be_parsed(
            target in proptest::collection::vec(any::<u8>().prop_filter("ends", |b| *b != b'\n'), 0..100),
        ) {
            let line = [b"GET /".as_slice(), &target, b" HTTP/1.1"].concat();
            let once = escaped(&line).unwrap_or(line);
            prop_assert_eq!(escaped(&once), None);
            let text = std::str::from_utf8(&once[4..once.len() - 9]).unwrap();
            prop_assert!(text.parse::<actix_http::Uri>().is_ok(), "{}", text);
        }
    }
}
