//! Which link the path of a request names, also when something was put around the
//! link on its way: a full stop behind it in a text, a bracket, an invisible character,
//! a slash too many, an escape that nobody needed.

use std::{borrow::Cow, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{LinkCode, ShortId, TrackerToken};

/// A link by the path of its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPath {
    /// `/c/<token>`
    Tracker(TrackerToken),
    /// `/c/<code>`
    Code(LinkCode),
    /// `/<id>`
    Short(ShortId),
}

impl LinkPath {
    /// The link that exactly this path names.
    pub fn parse(path: &str) -> Option<Self> {
        if let Some(name) = path.strip_prefix("/c/") {
            return Self::parse_behind_c(name);
        }
        let id = path.strip_prefix('/')?;
        ShortId::parse(id).ok().map(Self::Short)
    }

    fn parse_behind_c(name: &str) -> Option<Self> {
        let token = TrackerToken::parse(name).ok().map(Self::Tracker);
        token.or_else(|| LinkCode::parse(name).ok().map(Self::Code))
    }
}

impl fmt::Display for LinkPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tracker(token) => write!(f, "/c/{token}"),
            Self::Code(code) => write!(f, "/c/{code}"),
            Self::Short(id) => write!(f, "/{id}"),
        }
    }
}

/// How the path that was asked for differs from the path of the link that was found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PathCorrection {
    /// Characters that need no percent-escape were escaped.
    EscapesDecoded,
    /// Something stood before the link's name: one more slash, or a mark.
    PrefixIgnored,
    /// Something followed the link's name: a mark, a slash, other text.
    SuffixIgnored,
    /// The name was written in upper or lower case where the link has the other.
    CaseIgnored,
    /// A correction of a later version.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

impl PathCorrection {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EscapesDecoded => "escapes_decoded",
            Self::PrefixIgnored => "prefix_ignored",
            Self::SuffixIgnored => "suffix_ignored",
            Self::CaseIgnored => "case_ignored",
            Self::Unknown => "unknown",
        }
    }
}

/// A link that a path may have meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectedPath {
    pub path: LinkPath,
    /// Never empty; each once, in their order.
    pub corrections: Vec<PathCorrection>,
}

/// The links that a path may mean which names none exactly, the likeliest first, at most
/// two: the longest run of id characters, with unneeded escapes decoded and whatever
/// stands around it left out; and the same without `_` and `-` at its end, which are
/// id characters and marks.
///
/// None for what browsers and crawlers ask of every host by themselves.
pub fn corrected_paths(path: &str) -> Vec<CorrectedPath> {
    if is_asked_of_every_host(path) {
        return Vec::new();
    }
    let decoded = decode_unreserved(path);
    let mut corrections = Vec::new();
    if matches!(decoded, Cow::Owned(_)) {
        corrections.push(PathCorrection::EscapesDecoded);
    }
    let (prefix, rest) = split_at_name(&decoded);
    let behind_c = rest
        .strip_prefix(['c', 'C'])
        .filter(|rest| rest.starts_with('/'));
    let (has_prefix, rest) = match behind_c {
        Some(rest) => {
            let (slashes, name) = split_at_name(rest);
            (prefix != "/" || slashes != "/", name)
        }
        None => (prefix != "/", rest),
    };
    if has_prefix {
        corrections.push(PathCorrection::PrefixIgnored);
    }
    let has_upper_c = behind_c.is_some() && !decoded.contains("c/");
    let run_len = rest.bytes().take_while(|&b| is_id_character(b)).count();
    let run = rest.get(..run_len).unwrap_or_default();
    let trimmed = run.trim_end_matches(['_', '-']);

    let mut found: Vec<CorrectedPath> = Vec::new();
    for name in [run, trimmed] {
        let path = match behind_c {
            Some(_) => LinkPath::parse_behind_c(name),
            None => ShortId::parse(name).ok().map(LinkPath::Short),
        };
        let Some(path) = path else { continue };
        let mut corrections = corrections.clone();
        if name.len() < rest.len() {
            corrections.push(PathCorrection::SuffixIgnored);
        }
        if has_upper_c {
            corrections.push(PathCorrection::CaseIgnored);
        }
        let is_new = found.iter().all(|other| other.path != path);
        if is_new && !corrections.is_empty() {
            found.push(CorrectedPath { path, corrections });
        }
    }
    found
}

fn is_asked_of_every_host(path: &str) -> bool {
    const FILES: [&str; 6] = [
        "/ads.txt",
        "/app-ads.txt",
        "/browserconfig.xml",
        "/favicon.ico",
        "/robots.txt",
        "/sitemap.xml",
    ];
    // `/.well-known/...` and hidden files; not `/./` and `/../`, which are slashes too many.
    let is_hidden = path
        .strip_prefix("/.")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
    is_hidden || FILES.contains(&path) || path.starts_with("/apple-touch-icon")
}

fn is_id_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// What stands before the first id character that is not part of an escape, and the rest.
fn split_at_name(path: &str) -> (&str, &str) {
    let bytes = path.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += match escaped_byte(bytes, at) {
            Some(_) => 3,
            None if is_id_character(byte) => break,
            None => 1,
        };
    }
    // In the middle of a character it can only be if the text ends there.
    path.split_at_checked(at).unwrap_or((path, ""))
}

/// The byte that a percent-escape at this place stands for.
fn escaped_byte(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match bytes.get(at..at + 3)? {
        [b'%', high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    }
}

/// The path with percent-escapes of unreserved characters decoded: by RFC 3986, section
/// 6.2.2.2, it is the same with them and without.
fn decode_unreserved(path: &str) -> Cow<'_, str> {
    let bytes = path.as_bytes();
    let unreserved = |at: usize| {
        escaped_byte(bytes, at).filter(|&byte| is_id_character(byte) || matches!(byte, b'.' | b'~'))
    };
    if !(0..bytes.len()).any(|at| unreserved(at).is_some()) {
        return Cow::Borrowed(path);
    }
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        decoded.push_str(before);
        match unreserved(path.len() - escape.len()) {
            Some(byte) => {
                decoded.push(char::from(byte));
                rest = escape.get(3..).unwrap_or_default();
            }
            None => {
                decoded.push('%');
                rest = escape.get(1..).unwrap_or_default();
            }
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Each path with its corrections: `<path> <corrections by initial>`.
    fn readings(path: &str) -> String {
        let show = |found: &CorrectedPath| {
            let corrections = found.corrections.iter();
            let initials = corrections.filter_map(|c| c.as_str().chars().next());
            format!("{} {}", found.path, initials.collect::<String>())
        };
        let found: Vec<_> = corrected_paths(path).iter().map(show).collect();
        found.join(", ")
    }

    #[rstest]
    // What is written behind a link in a text.
    #[case("/spring26.", "/spring26 s")]
    #[case("/spring26,", "/spring26 s")]
    #[case("/spring26...", "/spring26 s")]
    #[case("/spring26!?", "/spring26 s")]
    #[case("/spring26)", "/spring26 s")]
    #[case("/spring26%22", "/spring26 s")]
    #[case("/spring26'", "/spring26 s")]
    #[case("/spring26*", "/spring26 s")]
    #[case("/spring26;", "/spring26 s")]
    #[case("/spring26:", "/spring26 s")]
    #[case("/spring26%20", "/spring26 s")]
    #[case("/spring26%E2%80%8B", "/spring26 s")] // a zero-width space
    #[case("/spring26%E2%80%A6", "/spring26 s")] // …
    #[case("/spring26%EF%BC%8E", "/spring26 s")] // a full-width full stop
    #[case("/spring26%0A", "/spring26 s")]
    #[case("/spring26%", "/spring26 s")]
    #[case("/spring26%2", "/spring26 s")]
    #[case("/spring26&utm_source=x", "/spring26 s")]
    #[case("/spring26%3Futm_source=x", "/spring26 s")]
    #[case("/spring26=", "/spring26 s")]
    #[case("/spring26/", "/spring26 s")]
    #[case("/spring26/index.html", "/spring26 s")]
    #[case("/spring26.html", "/spring26 s")]
    // `_` and `-` are id characters, and marks.
    #[case("/spring26_", "/spring26 s")]
    #[case("/spring26--", "/spring26 s")]
    #[case("/spring26_.", "/spring26_ s, /spring26 s")]
    // Before it.
    #[case("//spring26", "/spring26 p")]
    #[case("/./spring26", "/spring26 p")]
    #[case("/%E2%80%8Bspring26", "/spring26 p")]
    #[case("/(spring26)", "/spring26 ps")]
    #[case("/%3Cspring26%3E", "/spring26 ps")]
    // The same URI by RFC 3986.
    #[case("/spring%32%36", "/spring26 e")]
    #[case("/%73pring26", "/spring26 e")]
    #[case("/spring%2D26", "/spring-26 e")]
    #[case("/spring%5f26", "/spring_26 e")]
    #[case("/spring26%2E", "/spring26 es")]
    #[case("/spring26%2532", "/spring26 s")] // decoded once
    #[case("//spring%32%36).", "/spring26 eps")]
    // The second kind of path.
    #[case("/c/x7kQ2mNp.", "/c/x7kQ2mNp s")]
    #[case("/c//x7kQ2mNp", "/c/x7kQ2mNp p")]
    #[case("//c/x7kQ2mNp", "/c/x7kQ2mNp p")]
    #[case("/C/x7kQ2mNp", "/c/x7kQ2mNp c")]
    #[case("/c/x7kQ%32mNp", "/c/x7kQ2mNp e")]
    #[case("/c/x7kQ2mNp_", "/c/x7kQ2mNp s")]
    #[case(
        "/c/a1b2c3d4-e5f6-4890-abcd-ef1234567890/",
        "/c/a1b2c3d4-e5f6-4890-abcd-ef1234567890 s"
    )]
    #[case("/c/x7kQ2mNpx.", "")]
    #[case("/c/.", "")]
    // What names a link exactly, or nothing at all.
    #[case("/spring26", "")]
    #[case("/c/x7kQ2mNp", "")]
    #[case("/", "")]
    #[case("", "")]
    #[case("/a.", "")]
    #[case("/...", "")]
    #[case("/%2e%2e/x", "")]
    #[case("/%E2%80%8B", "")]
    #[case("/favicon.ico", "")]
    #[case("/robots.txt", "")]
    #[case("/apple-touch-icon-120x120.png", "")]
    #[case("/.well-known/security.txt", "")]
    #[case("/.env", "")]
    fn what_stands_around_a_link_is_left_out(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(readings(path), expected);
    }

    #[test]
    fn a_name_that_is_too_long_is_none() {
        let (fits, too_long) = ("a".repeat(64), "a".repeat(65));
        assert_eq!(readings(&format!("/{fits}.")), format!("/{fits} s"));
        assert_eq!(readings(&format!("/{too_long}.")), "");
    }

    #[test]
    fn an_unknown_correction_does_not_stop_an_old_reader() {
        let read: Vec<PathCorrection> =
            serde_json::from_str(r#"["suffix_ignored", "added_later"]"#).unwrap();
        let expected = [PathCorrection::SuffixIgnored, PathCorrection::Unknown];
        assert_eq!(read, expected);
    }

    proptest! {
        #[test]
        fn any_path_can_be_read(path in ".{0,80}") {
            for found in corrected_paths(&path) {
                // What was found names itself, and needs no correction.
                let text = found.path.to_string();
                prop_assert_eq!(LinkPath::parse(&text), Some(found.path));
            }
        }

        #[test]
        fn marks_and_escapes_do_not_hide_a_link(
            id in "[A-Za-z0-9][A-Za-z0-9_-]{2,20}[A-Za-z0-9]",
            before in "[/.(<\\[\"*]{0,3}",
            after in "[.,;:!?)>\\]\"'*/& =@+~|\u{2026}\u{200b}\u{ff0e}]{0,4}",
        ) {
            let path = format!("/{before}{id}{after}");
            let expected = LinkPath::Short(ShortId::parse(&id).unwrap());
            let exact = LinkPath::parse(&path) == Some(expected.clone());
            prop_assume!(!is_asked_of_every_host(&path));
            let found = corrected_paths(&path).into_iter().any(|found| found.path == expected);
            prop_assert!(exact || found, "{}", path);
        }
    }
}
