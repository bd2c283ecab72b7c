//! Percent-encoding, of values and of a template's own text.

/// Appends a value so that it is data wherever it lands: all but RFC 3986's
/// unreserved characters is percent-encoded. That is right in a path segment,
/// in a query's key or value and in a fragment alike, and leaves nothing that
/// ends one of them.
pub(super) fn push_value(out: &mut String, value: &str) {
    push_escaped(out, value, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')
    });
}

/// Appends a template's own text: what a URL cannot carry raw is encoded, all
/// else (escapes, unknown macros) stays as it was written.
pub(super) fn push_text(out: &mut String, text: &str) {
    push_escaped(out, text, |b| {
        b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'|')
    });
}

/// `stays` must hold for ASCII only.
fn push_escaped(out: &mut String, text: &str, stays: impl Fn(u8) -> bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|&&b| stays(b)).count();
        if run > 0 {
            out.push_str(text.get(at..at + run).unwrap_or_default());
            at += run;
        } else {
            let byte = bytes[at];
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
            at += 1;
        }
    }
}

/// A path segment of `.` or `..` (or their escapes) is not data to any URL
/// parser: it removes segments. A value that makes one is escaped twice, which
/// is the only way to send it. `path_start` is where the path begins in `out`.
pub(super) fn escape_dot_segments(out: &mut String, path_start: usize) {
    let path = out.get(path_start..).unwrap_or_default();
    if !path.split('/').any(is_dot_segment) {
        return;
    }
    let path = out.split_off(path_start);
    for (i, segment) in path.split('/').enumerate() {
        if i > 0 {
            out.push('/');
        }
        if is_dot_segment(segment) {
            let dots = segment.to_ascii_lowercase().replace("%2e", ".").len();
            out.push_str(&"%252E".repeat(dots));
        } else {
            out.push_str(segment);
        }
    }
}

pub(super) fn is_dot_segment(segment: &str) -> bool {
    matches!(
        segment.to_ascii_lowercase().as_str(),
        "." | "%2e" | ".." | ".%2e" | "%2e." | "%2e%2e"
    )
}
