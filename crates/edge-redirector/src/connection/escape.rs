//! Finds the request lines of a connection, so that they can be escaped.
//!
//! ```text
//! request line -> header lines -> empty line -> body of Content-Length -> request line
//!                                     |
//!                                     +-> the rest as it is: Transfer-Encoding, Upgrade,
//!                                         CONNECT, and whatever the parser will refuse
//! ```
//!
//! Where a body ends must be the same to this and to the HTTP parser behind it. So only the
//! simple case is read here, a body of a Content-Length. A request of any other form is the
//! last of its connection: it gets a `Connection: close`, and what follows stays as it is.

use super::request_line;

/// Bytes that a line may have before it is left to the parser, which refuses it.
const MAX_LINE_BYTES: usize = 128 * 1024;
const CLOSE: &[u8] = b"Connection: close\r\n";

#[derive(Debug, Default)]
pub(super) struct RequestLines {
    position: Position,
    /// The beginning of a line whose end has not come yet.
    unfinished: Vec<u8>,
}

#[derive(Debug, Default)]
enum Position {
    /// Before a request line.
    #[default]
    Start,
    Headers(Framing),
    /// Inside of a body, this many bytes before its end.
    Body(u64),
    /// Nothing that follows is looked at.
    Rest,
}

/// What the headers said so far of the body.
#[derive(Debug, Default, Clone, Copy)]
struct Framing {
    content_length: Option<u64>,
    /// The body ends in another way, or the parser will refuse the request.
    is_other: bool,
}

impl RequestLines {
    /// What is to be read instead of these bytes that came; `None`: they stay.
    pub fn escape(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.unfinished.is_empty() {
            return self.walk(bytes);
        }
        let mut joined = std::mem::take(&mut self.unfinished);
        joined.extend_from_slice(bytes);
        let replaced = self.walk(&joined);
        Some(replaced.unwrap_or(joined))
    }

    /// What is to be read instead of the end of the connection, if anything is.
    pub fn end(&mut self) -> Option<Vec<u8>> {
        self.position = Position::Rest;
        let unfinished = std::mem::take(&mut self.unfinished);
        (!unfinished.is_empty()).then_some(unfinished)
    }

    fn walk(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut replaced = Replaced {
            bytes,
            n_taken: 0,
            instead: None,
        };
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).filter(|rest| !rest.is_empty());
            let Some(rest) = rest else { break };
            match &mut self.position {
                Position::Rest => break,
                Position::Body(left) => {
                    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= n as u64;
                    at += n;
                    if *left == 0 {
                        self.position = Position::Start;
                    }
                    continue;
                }
                Position::Start | Position::Headers(_) => {}
            }
            let Some(len) = memchr::memchr(b'\n', rest) else {
                if rest.len() <= MAX_LINE_BYTES {
                    self.unfinished = rest.to_vec();
                    replaced.instead_of(at..bytes.len(), &[]);
                } else {
                    self.position = Position::Rest;
                }
                break;
            };
            let line = rest.get(..len).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.line(line, at, &mut replaced);
            at += len + 1;
        }
        replaced.finish()
    }

    /// Reads a line, without its end, that begins at `at`.
    fn line(&mut self, line: &[u8], at: usize, replaced: &mut Replaced<'_>) {
        match &mut self.position {
            // Empty lines before a request are skipped by the parser too.
            Position::Start if line.is_empty() => {}
            Position::Start => {
                if let Some(escaped) = request_line::escaped(line) {
                    replaced.instead_of(at..at + line.len(), &escaped);
                }
                self.position = Position::Headers(Framing {
                    content_length: None,
                    is_other: line.starts_with(b"CONNECT "),
                });
            }
            Position::Headers(framing) if line.is_empty() => {
                self.position = match *framing {
                    Framing { is_other: true, .. } => {
                        replaced.instead_of(at..at, CLOSE);
                        Position::Rest
                    }
                    Framing {
                        content_length: Some(n @ 1..),
                        ..
                    } => Position::Body(n),
                    _ => Position::Start,
                };
            }
            Position::Headers(framing) => framing.header(line),
            Position::Body(_) | Position::Rest => {}
        }
    }
}

impl Framing {
    fn header(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            return;
        };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(value).ok().filter(|_| is_number);
            let length = length.and_then(|value| value.parse().ok());
            self.is_other |= self.content_length.is_some() || length.is_none();
            self.content_length = length;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding")
            || name.eq_ignore_ascii_case(b"upgrade")
        {
            self.is_other = true;
        }
    }
}

/// Bytes of which some are replaced, in their order.
struct Replaced<'b> {
    bytes: &'b [u8],
    n_taken: usize,
    instead: Option<Vec<u8>>,
}

impl Replaced<'_> {
    fn instead_of(&mut self, range: std::ops::Range<usize>, new: &[u8]) {
        let instead = self
            .instead
            .get_or_insert_with(|| Vec::with_capacity(self.bytes.len() + new.len()));
        instead.extend_from_slice(
            self.bytes
                .get(self.n_taken..range.start)
                .unwrap_or_default(),
        );
        instead.extend_from_slice(new);
        self.n_taken = range.end;
    }

    fn finish(self) -> Option<Vec<u8>> {
        let mut instead = self.instead?;
        instead.extend_from_slice(self.bytes.get(self.n_taken..).unwrap_or_default());
        Some(instead)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// What is read of a connection on which these pieces arrive.
    fn read(pieces: &[&[u8]]) -> Vec<u8> {
        let mut lines = RequestLines::default();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(lines.escape(piece).unwrap_or_else(|| piece.to_vec()));
        }
        out.extend(lines.end().unwrap_or_default());
        out
    }

    const END: &str = "Host: e.com\r\n\r\n";

    #[rstest]
    #[case::clean("GET /a HTTP/1.1\r\n{END}", "GET /a HTTP/1.1\r\n{END}")]
    #[case::raw("GET /\" HTTP/1.1\r\n{END}", "GET /%22 HTTP/1.1\r\n{END}")]
    #[case::empty_lines_before(
        "\r\n\nGET /\" HTTP/1.1\r\n{END}",
        "\r\n\nGET /%22 HTTP/1.1\r\n{END}"
    )]
    #[case::line_feeds(
        "GET /\" HTTP/1.1\nHost: e\n\nGET /> HTTP/1.1\n\n",
        "GET /%22 HTTP/1.1\nHost: e\n\nGET /%3E HTTP/1.1\n\n"
    )]
    #[case::headers_stay(
        "GET /a HTTP/1.1\r\nX: \"<\u{e9}>\r\n{END}",
        "GET /a HTTP/1.1\r\nX: \"<\u{e9}>\r\n{END}"
    )]
    #[case::several(
        "GET /a HTTP/1.1\r\n{END}GET /\" HTTP/1.1\r\n{END}GET /b HTTP/1.1\r\n{END}GET /< HTTP/1.1\r\n{END}",
        "GET /a HTTP/1.1\r\n{END}GET /%22 HTTP/1.1\r\n{END}GET /b HTTP/1.1\r\n{END}GET /%3C HTTP/1.1\r\n{END}"
    )]
    #[case::a_body_stays(
        "POST /\" HTTP/1.1\r\ncontent-LENGTH:  16 \r\n{END}GET /\" HTTP/1.1GET /\" HTTP/1.1\r\n{END}",
        "POST /%22 HTTP/1.1\r\ncontent-LENGTH:  16 \r\n{END}GET /\" HTTP/1.1GET /%22 HTTP/1.1\r\n{END}"
    )]
    #[case::no_body(
        "POST /a HTTP/1.1\r\nContent-Length: 0\r\n{END}GET /\" HTTP/1.1\r\n{END}",
        "POST /a HTTP/1.1\r\nContent-Length: 0\r\n{END}GET /%22 HTTP/1.1\r\n{END}"
    )]
    #[case::chunked(
        "POST /\" HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{END}0\r\n\r\nGET /\" HTTP/1.1\r\n{END}",
        "POST /%22 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: e.com\r\nConnection: close\r\n\r\n0\r\n\r\nGET /\" HTTP/1.1\r\n{END}"
    )]
    #[case::two_lengths(
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n{END}x",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\nHost: e.com\r\nConnection: close\r\n\r\nx"
    )]
    #[case::no_number(
        "POST / HTTP/1.1\r\nContent-Length: +1\r\n{END}x",
        "POST / HTTP/1.1\r\nContent-Length: +1\r\nHost: e.com\r\nConnection: close\r\n\r\nx"
    )]
    #[case::unfinished("GET /\"", "GET /\"")]
    #[case::not_http("\u{1}\u{2}\"\u{3}", "\u{1}\u{2}\"\u{3}")]
    fn request_lines_are_escaped_and_nothing_else(#[case] sent: &str, #[case] expected: &str) {
        let (sent, expected) = (sent.replace("{END}", END), expected.replace("{END}", END));
        let found = read(&[sent.as_bytes()]);
        assert_eq!(String::from_utf8_lossy(&found), expected);
        // However it is cut into pieces.
        let bytes: Vec<_> = sent.as_bytes().chunks(1).collect();
        assert_eq!(String::from_utf8_lossy(&read(&bytes)), expected);
        for at in 0..sent.len() {
            let (first, second) = sent.as_bytes().split_at(at);
            let found = read(&[first, second]);
            assert_eq!(String::from_utf8_lossy(&found), expected, "cut at {at}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_left_to_the_parser() {
        let mut lines = RequestLines::default();
        let long = vec![b'x'; MAX_LINE_BYTES];
        assert_eq!(lines.escape(&long), Some(Vec::new()));
        assert_eq!(
            lines.escape(b"x").map(|bytes| bytes.len()),
            Some(MAX_LINE_BYTES + 1)
        );
        assert_eq!(lines.escape(b"GET /\" HTTP/1.1\r\n"), None);
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_pass(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6),
        ) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let whole = pieces.concat();
            prop_assert_eq!(read(&pieces), read(&[&whole]));
        }
    }
}
