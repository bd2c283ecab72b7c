//! Which link the path of a request names. Texts and programs change links on their way to the
//! visitor: they add a full stop, a bracket, an invisible character or a slash, or escape
//! characters that need no escape. This module finds the link that was meant.

use std::{borrow::Cow, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    hex,
    id::{LinkCode, ShortId, TrackerToken},
};

/// The path of a link's URL.
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
    /// The link that has exactly this path.
    pub fn parse(path: &str) -> Option<Self> {
        if let Some(name) = path.strip_prefix("/c/") {
            return Self::parse_token_or_code(name);
        }
        let id = path.strip_prefix('/')?;
        ShortId::parse(id).ok().map(Self::Short)
    }

    /// Parses what follows `/c/`: a token or a code.
    fn parse_token_or_code(name: &str) -> Option<Self> {
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

/// How the requested path differs from the path of the link that was found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PathCorrection {
    /// The path had percent-escapes for characters that need none.
    EscapesDecoded,
    /// The path had something before the link's name: a slash too many, or a mark.
    PrefixIgnored,
    /// The path had something behind the link's name: a mark, a slash, or other text.
    SuffixIgnored,
    /// The path had upper case where the link has lower case, or the other way round.
    CaseIgnored,
    /// A correction that a later version of the redirector wrote.
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

/// A link that a requested path may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectedPath {
    pub path: LinkPath,
    /// Never empty. Each correction is there once, in the order of [`PathCorrection`].
    pub corrections: Vec<PathCorrection>,
}

/// The links that a path may mean if it is not exactly the path of one: at most two, the most
/// likely first. The first is the longest run of id characters, after unneeded escapes are
/// decoded and everything around the run is left out. The second is the same without `_` and
/// `-` at its end, which can be part of an id and can be marks of the text around the link.
///
/// The list is empty for paths that browsers and crawlers request of every host.
pub fn corrected_paths(path: &str) -> Vec<CorrectedPath> {
    if is_requested_of_every_host(path) {
        return Vec::new();
    }
    let decoded = decode_unreserved(path);
    let mut corrections = Vec::new();
    if matches!(decoded, Cow::Owned(_)) {
        corrections.push(PathCorrection::EscapesDecoded);
    }
    let (prefix, after_prefix) = split_at_name(&decoded);
    // A click host's path is `/c/<name>`.
    let after_c = after_prefix
        .strip_prefix(['c', 'C'])
        .filter(|after_c| after_c.starts_with('/'));
    let (has_prefix, name_and_suffix) = match after_c {
        Some(after_c) => {
            let (slashes, name_and_suffix) = split_at_name(after_c);
            (prefix != "/" || slashes != "/", name_and_suffix)
        }
        None => (prefix != "/", after_prefix),
    };
    if has_prefix {
        corrections.push(PathCorrection::PrefixIgnored);
    }
    let has_upper_case_c = after_c.is_some() && !decoded.contains("c/");
    let run_len = name_and_suffix
        .bytes()
        .take_while(|&byte| is_id_character(byte))
        .count();
    let run = name_and_suffix.get(..run_len).unwrap_or_default();
    let trimmed_run = run.trim_end_matches(['_', '-']);

    let mut corrected_paths: Vec<CorrectedPath> = Vec::new();
    for name in [run, trimmed_run] {
        let path = match after_c {
            Some(_) => LinkPath::parse_token_or_code(name),
            None => ShortId::parse(name).ok().map(LinkPath::Short),
        };
        let Some(path) = path else { continue };
        let mut corrections = corrections.clone();
        if name.len() < name_and_suffix.len() {
            corrections.push(PathCorrection::SuffixIgnored);
        }
        if has_upper_case_c {
            corrections.push(PathCorrection::CaseIgnored);
        }
        let is_new = corrected_paths.iter().all(|other| other.path != path);
        if is_new && !corrections.is_empty() {
            corrected_paths.push(CorrectedPath { path, corrections });
        }
    }
    corrected_paths
}

fn is_requested_of_every_host(path: &str) -> bool {
    const FILES: [&str; 6] = [
        "/ads.txt",
        "/app-ads.txt",
        "/browserconfig.xml",
        "/favicon.ico",
        "/robots.txt",
        "/sitemap.xml",
    ];
    // `/.well-known/...` and hidden files. `/./` and `/../` are only slashes too many.
    let is_hidden = path
        .strip_prefix("/.")
        .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphanumeric()));
    is_hidden || FILES.contains(&path) || path.starts_with("/apple-touch-icon")
}

fn is_id_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The text before the first id character that is not part of an escape, and the text from there
/// on.
fn split_at_name(path: &str) -> (&str, &str) {
    let bytes = path.as_bytes();
    let mut name_start = 0;
    while let Some(&byte) = bytes.get(name_start) {
        name_start += match escaped_byte(bytes, name_start) {
            Some(_) => 3,
            None if is_id_character(byte) => break,
            None => 1,
        };
    }
    // The index is not inside of a character unless the text ends with that character.
    path.split_at_checked(name_start).unwrap_or((path, ""))
}

/// The byte that the percent-escape at this index stands for, if there is one.
fn escaped_byte(bytes: &[u8], index: usize) -> Option<u8> {
    match bytes.get(index..index + 3)? {
        [b'%', high, low] => hex::decode_byte(*high, *low),
        _ => None,
    }
}

/// Decodes the percent-escapes of unreserved characters. By RFC 3986, section 6.2.2.2, the path is
/// the same with them and without.
fn decode_unreserved(path: &str) -> Cow<'_, str> {
    let bytes = path.as_bytes();
    let escaped_unreserved = |index: usize| {
        escaped_byte(bytes, index)
            .filter(|&byte| is_id_character(byte) || matches!(byte, b'.' | b'~'))
    };
    if !(0..bytes.len()).any(|index| escaped_unreserved(index).is_some()) {
        return Cow::Borrowed(path);
    }
    let mut decoded = String::with_capacity(path.len());
    let mut unread = path;
    while let Some(percent) = unread.find('%') {
        let (before, escape) = unread.split_at(percent);
        decoded.push_str(before);
        match escaped_unreserved(path.len() - escape.len()) {
            Some(byte) => {
                decoded.push(char::from(byte));
                unread = escape.get(3..).unwrap_or_default();
            }
            None => {
                decoded.push('%');
                unread = escape.get(1..).unwrap_or_default();
            }
        }
    }
    decoded.push_str(unread);
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// The links that the path may mean, each as `<path> <initials of the corrections>`.
    fn display_corrected(path: &str) -> String {
        let display = |corrected: &CorrectedPath| {
            let corrections = corrected.corrections.iter();
            let initials = corrections.filter_map(|correction| correction.as_str().chars().next());
            format!("{} {}", corrected.path, initials.collect::<String>())
        };
        let corrected: Vec<_> = corrected_paths(path).iter().map(display).collect();
        corrected.join(", ")
    }

    #[rstest]
    // Marks that follow a link in a text.
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
    // `_` and `-` can be part of an id, and can be marks.
    #[case("/spring26_", "/spring26 s")]
    #[case("/spring26--", "/spring26 s")]
    #[case("/spring26_.", "/spring26_ s, /spring26 s")]
    // Marks before a link.
    #[case("//spring26", "/spring26 p")]
    #[case("/./spring26", "/spring26 p")]
    #[case("/%E2%80%8Bspring26", "/spring26 p")]
    #[case("/(spring26)", "/spring26 ps")]
    #[case("/%3Cspring26%3E", "/spring26 ps")]
    // Escapes that RFC 3986 reads as the same URI.
    #[case("/spring%32%36", "/spring26 e")]
    #[case("/%73pring26", "/spring26 e")]
    #[case("/spring%2D26", "/spring-26 e")]
    #[case("/spring%5f26", "/spring_26 e")]
    #[case("/spring26%2E", "/spring26 es")]
    #[case("/spring26%2532", "/spring26 s")] // escapes are decoded once
    #[case("//spring%32%36).", "/spring26 eps")]
    // Paths of click hosts.
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
    // Paths that are exactly a link's, or mean none.
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
    fn everything_around_a_link_is_left_out(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(display_corrected(path), expected);
    }

    #[test]
    fn a_name_of_more_than_64_characters_is_no_link() {
        let (fits, too_long) = ("a".repeat(64), "a".repeat(65));
        assert_eq!(
            display_corrected(&format!("/{fits}.")),
            format!("/{fits} s")
        );
        assert_eq!(display_corrected(&format!("/{too_long}.")), "");
    }

    #[test]
    fn an_old_reader_accepts_an_unknown_correction() {
        let parsed: Vec<PathCorrection> =
            serde_json::from_str(r#"["suffix_ignored", "added_later"]"#).unwrap();
        let expected = [PathCorrection::SuffixIgnored, PathCorrection::Unknown];
        assert_eq!(parsed, expected);
    }

    proptest! {
        #[test]
        fn a_corrected_path_is_exactly_a_links_path(path in ".{0,80}") {
            for corrected in corrected_paths(&path) {
                let text = corrected.path.to_string();
                prop_assert_eq!(LinkPath::parse(&text), Some(corrected.path));
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
            let is_exact = LinkPath::parse(&path) == Some(expected.clone());
            prop_assume!(!is_requested_of_every_host(&path));
            let is_found = corrected_paths(&path)
                .into_iter()
                .any(|corrected| corrected.path == expected);
            prop_assert!(is_exact || is_found, "{}", path);
        }
    }
}
