//! Percent-encoding, of values and of a template's own text.

/// Appends a value so that it is data wherever it lands: all but RFC 3986's
/// unreserved characters is percent-encoded. That is right in a path segment,
/// in a query's key or value and in a fragment alike, and leaves nothing that
/// ends one of them.
pub(super) fn push_value(out: &mut String, value: &str) {
    push_escaped(out, value, is_unreserved);
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn push_escape(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// Appends a raw part of a query as [`push_value`] would append what it means: the bytes
/// are the same afterwards, also where they are not UTF-8.
pub(super) fn push_reencoded(out: &mut String, raw: &str) {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut rest = raw.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, after @ ..] => {
                let byte = digit(*high).zip(digit(*low));
                byte.map(|(high, low)| (high * 16 + low, after))
            }
            _ => None,
        };
        let unescaped = match first {
            b'+' => b' ',
            byte => *byte,
        };
        let (byte, after) = escaped.unwrap_or((unescaped, after));
        match is_unreserved(byte) {
            true => out.push(char::from(byte)),
            false => push_escape(out, byte),
        }
        rest = after;
    }
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
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|&&b| stays(b)).count();
        if run > 0 {
            out.push_str(text.get(at..at + run).unwrap_or_default());
            at += run;
        } else {
            push_escape(out, bytes[at]);
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
