//! Finds the request lines in the bytes of a connection and escapes them (see
//! `request_line`).
//!
//! ```text
//! request line -> header lines -> empty line -> body of Content-Length -> request line
//!                                     |
//!                                     +-> all further bytes unchanged: after
//!                                         Transfer-Encoding, Upgrade, CONNECT, and a
//!                                         request that the parser will refuse
//! ```
//!
//! This and the HTTP parser behind it must agree where a body ends. So only the
//! simple case is handled here, a body with a Content-Length. A request of any other form
//! becomes the last one of its connection: it gets a `Connection: close`, and the bytes
//! after it stay unchanged.

use super::request_line;

/// Longest line that is scanned, in bytes; a longer one is left to the parser, which
/// refuses it.
const MAX_LINE_BYTES: usize = 128 * 1024;
const CLOSE: &[u8] = b"Connection: close\r\n";

#[derive(Debug, Default)]
pub(super) struct RequestScanner {
    state: ScanState,
    /// The beginning of a line whose end has not arrived yet.
    unfinished_line: Vec<u8>,
}

/// What the next byte belongs to.
#[derive(Debug, Default)]
enum ScanState {
    #[default]
    RequestLine,
    Headers(BodyFraming),
    /// A body of which this many bytes are left.
    Body(u64),
    /// No further byte is scanned.
    PassThrough,
}

/// What the headers so far say about the end of the body.
#[derive(Debug, Default, Clone, Copy)]
struct BodyFraming {
    content_length: Option<u64>,
    /// The body ends in another way, or the parser will refuse the request.
    is_unsupported: bool,
}

impl RequestScanner {
    /// Scans bytes that arrived. Returns the bytes to read instead, or `None` if they stay
    /// unchanged.
    pub fn scan(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.unfinished_line.is_empty() {
            return self.scan_lines(bytes);
        }
        let mut joined = std::mem::take(&mut self.unfinished_line);
        joined.extend_from_slice(bytes);
        let replaced = self.scan_lines(&joined);
        Some(replaced.unwrap_or(joined))
    }

    /// Ends the scan at the end of the connection. Returns the bytes that were held back.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        self.state = ScanState::PassThrough;
        let unfinished_line = std::mem::take(&mut self.unfinished_line);
        (!unfinished_line.is_empty()).then_some(unfinished_line)
    }

    fn scan_lines(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut rewriter = Rewriter {
            input: bytes,
            n_copied: 0,
            output: None,
        };
        let mut offset = 0;
        loop {
            let unscanned = bytes.get(offset..).filter(|bytes| !bytes.is_empty());
            let Some(unscanned) = unscanned else { break };
            match &mut self.state {
                ScanState::PassThrough => break,
                ScanState::Body(n_left) => {
                    let n_left_usize = usize::try_from(*n_left).unwrap_or(usize::MAX);
                    let n_skipped = n_left_usize.min(unscanned.len());
                    *n_left -= n_skipped as u64;
                    offset += n_skipped;
                    if *n_left == 0 {
                        self.state = ScanState::RequestLine;
                    }
                    continue;
                }
                ScanState::RequestLine | ScanState::Headers(_) => {}
            }
            let Some(line_len) = memchr::memchr(b'\n', unscanned) else {
                if unscanned.len() <= MAX_LINE_BYTES {
                    self.unfinished_line = unscanned.to_vec();
                    rewriter.replace(offset..bytes.len(), &[]);
                } else {
                    self.state = ScanState::PassThrough;
                }
                break;
            };
            let line = unscanned.get(..line_len).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.scan_line(line, offset, &mut rewriter);
            offset += line_len + 1;
        }
        rewriter.finish()
    }

    /// Scans a line, without its end, that begins at `offset`.
    fn scan_line(&mut self, line: &[u8], offset: usize, rewriter: &mut Rewriter<'_>) {
        match &mut self.state {
            // The parser skips empty lines before a request too.
            ScanState::RequestLine if line.is_empty() => {}
            ScanState::RequestLine => {
                if let Some(escaped) = request_line::escape(line) {
                    rewriter.replace(offset..offset + line.len(), &escaped);
                }
                self.state = ScanState::Headers(BodyFraming {
                    content_length: None,
                    is_unsupported: line.starts_with(b"CONNECT "),
                });
            }
            ScanState::Headers(framing) if line.is_empty() => {
                self.state = match *framing {
                    BodyFraming {
                        is_unsupported: true,
                        ..
                    } => {
                        rewriter.replace(offset..offset, CLOSE);
                        ScanState::PassThrough
                    }
                    BodyFraming {
                        content_length: Some(n @ 1..),
                        ..
                    } => ScanState::Body(n),
                    _ => ScanState::RequestLine,
                };
            }
            ScanState::Headers(framing) => framing.add_header(line),
            ScanState::Body(_) | ScanState::PassThrough => {}
        }
    }
}

impl BodyFraming {
    fn add_header(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            return;
        };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(value).ok().filter(|_| is_number);
            let length = length.and_then(|value| value.parse().ok());
            self.is_unsupported |= self.content_length.is_some() || length.is_none();
            self.content_length = length;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding")
            || name.eq_ignore_ascii_case(b"upgrade")
        {
            self.is_unsupported = true;
        }
    }
}

/// Replaces ranges of the input, from left to right. Copies nothing if there are none.
struct Rewriter<'b> {
    input: &'b [u8],
    /// Bytes of the input that are copied to the output or replaced.
    n_copied: usize,
    output: Option<Vec<u8>>,
}

impl Rewriter<'_> {
    fn replace(&mut self, range: std::ops::Range<usize>, replacement: &[u8]) {
        let output = self
            .output
            .get_or_insert_with(|| Vec::with_capacity(self.input.len() + replacement.len()));
        output.extend_from_slice(
            self.input
                .get(self.n_copied..range.start)
                .unwrap_or_default(),
        );
        output.extend_from_slice(replacement);
        self.n_copied = range.end;
    }

    /// The output, or `None` if nothing was replaced.
    fn finish(self) -> Option<Vec<u8>> {
        let mut output = self.output?;
        output.extend_from_slice(self.input.get(self.n_copied..).unwrap_or_default());
        Some(output)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// The bytes that a parser reads when these pieces arrive on a connection.
    fn scan_all(pieces: &[&[u8]]) -> Vec<u8> {
        let mut scanner = RequestScanner::default();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(scanner.scan(piece).unwrap_or_else(|| piece.to_vec()));
        }
        out.extend(scanner.finish().unwrap_or_default());
        out
    }

    const END: &str = "Host: e.com\r\n\r\n";

    #[rstest]
    #[case::clean("GET /a HTTP/1.1\r\n{END}", "GET /a HTTP/1.1\r\n{END}")]
    #[case::unescaped("GET /\" HTTP/1.1\r\n{END}", "GET /%22 HTTP/1.1\r\n{END}")]
    #[case::empty_lines_before(
        "\r\n\nGET /\" HTTP/1.1\r\n{END}",
        "\r\n\nGET /%22 HTTP/1.1\r\n{END}"
    )]
    #[case::line_feeds(
        "GET /\" HTTP/1.1\nHost: e\n\nGET /> HTTP/1.1\n\n",
        "GET /%22 HTTP/1.1\nHost: e\n\nGET /%3E HTTP/1.1\n\n"
    )]
    #[case::headers_are_unchanged(
        "GET /a HTTP/1.1\r\nX: \"<\u{e9}>\r\n{END}",
        "GET /a HTTP/1.1\r\nX: \"<\u{e9}>\r\n{END}"
    )]
    #[case::several_requests(
        "GET /a HTTP/1.1\r\n{END}GET /\" HTTP/1.1\r\n{END}GET /b HTTP/1.1\r\n{END}GET /< HTTP/1.1\r\n{END}",
        "GET /a HTTP/1.1\r\n{END}GET /%22 HTTP/1.1\r\n{END}GET /b HTTP/1.1\r\n{END}GET /%3C HTTP/1.1\r\n{END}"
    )]
    #[case::a_body_is_unchanged(
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
    #[case::length_is_no_number(
        "POST / HTTP/1.1\r\nContent-Length: +1\r\n{END}x",
        "POST / HTTP/1.1\r\nContent-Length: +1\r\nHost: e.com\r\nConnection: close\r\n\r\nx"
    )]
    #[case::unfinished_line("GET /\"", "GET /\"")]
    #[case::not_http("\u{1}\u{2}\"\u{3}", "\u{1}\u{2}\"\u{3}")]
    fn only_request_lines_are_escaped(#[case] sent: &str, #[case] expected: &str) {
        let (sent, expected) = (sent.replace("{END}", END), expected.replace("{END}", END));
        let escaped = scan_all(&[sent.as_bytes()]);
        assert_eq!(String::from_utf8_lossy(&escaped), expected);
        // The pieces in which the bytes arrive make no difference.
        let bytes: Vec<_> = sent.as_bytes().chunks(1).collect();
        assert_eq!(String::from_utf8_lossy(&scan_all(&bytes)), expected);
        for offset in 0..sent.len() {
            let (first, second) = sent.as_bytes().split_at(offset);
            let escaped = scan_all(&[first, second]);
            assert_eq!(
                String::from_utf8_lossy(&escaped),
                expected,
                "cut at {offset}"
            );
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_left_to_the_parser() {
        let mut scanner = RequestScanner::default();
        let long = vec![b'x'; MAX_LINE_BYTES];
        assert_eq!(scanner.scan(&long), Some(Vec::new()));
        assert_eq!(
            scanner.scan(b"x").map(|bytes| bytes.len()),
            Some(MAX_LINE_BYTES + 1)
        );
        assert_eq!(scanner.scan(b"GET /\" HTTP/1.1\r\n"), None);
    }

    proptest! {
        #[test]
        fn the_pieces_of_any_bytes_make_no_difference(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6),
        ) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let whole = pieces.concat();
            prop_assert_eq!(scan_all(&pieces), scan_all(&[&whole]));
        }
    }
}
