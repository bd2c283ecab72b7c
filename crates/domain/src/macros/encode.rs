//! Percent-encoding of values and of a template's own text.

use crate::hex;

/// Appends a value so that it stays data wherever the template puts it: everything but RFC
/// 3986's unreserved characters is percent-encoded. That is right in a path segment, in a
/// query's key or value and in a fragment alike, since nothing that ends one of these is left.
pub(super) fn push_value(out: &mut String, value: &str) {
    push_encoded(out, value, is_unreserved);
}

/// Appends a name or value of a raw query as [`push_value`] would append its decoded form.
/// The bytes that it stands for stay the same, also where they are not UTF-8.
pub(super) fn push_reencoded(out: &mut String, raw: &str) {
    let mut unread = raw.as_bytes();
    while let Some((byte, after)) = decode_first_byte(unread) {
        match is_unreserved(byte) {
            true => out.push(char::from(byte)),
            false => push_escape(out, byte),
        }
        unread = after;
    }
}

/// The first byte that a raw query stands for, and what follows it. A `%` that starts no
/// escape stands for itself. `None` at the end.
fn decode_first_byte(raw: &[u8]) -> Option<(u8, &[u8])> {
    if let [b'%', high, low, after @ ..] = raw
        && let Some(byte) = hex::decode_byte(*high, *low)
    {
        return Some((byte, after));
    }
    let (first, after) = raw.split_first()?;
    let byte = match first {
        b'+' => b' ',
        byte => *byte,
    };
    Some((byte, after))
}

/// Appends a template's own text: what a URL cannot contain is encoded, everything else
/// (escapes, unknown macros) stays as it was written.
pub(super) fn push_text(out: &mut String, text: &str) {
    push_encoded(out, text, |byte| {
        byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'|')
    });
}

/// Appends the text with all bytes escaped that `may_stay` is false for. It must be false for
/// all that is not ASCII.
fn push_encoded(out: &mut String, text: &str, may_stay: impl Fn(u8) -> bool) {
    let mut unread = text;
    while !unread.is_empty() {
        let n_kept = unread.bytes().take_while(|&byte| may_stay(byte)).count();
        let (kept, rest) = unread.split_at(n_kept);
        out.push_str(kept);
        let mut rest_chars = rest.chars();
        if let Some(escaped) = rest_chars.next() {
            let mut utf8 = [0; 4];
            for byte in escaped.encode_utf8(&mut utf8).bytes() {
                push_escape(out, byte);
            }
        }
        unread = rest_chars.as_str();
    }
}

fn push_escape(out: &mut String, byte: u8) {
    out.push('%');
    out.extend(hex::upper_digits(byte).map(char::from));
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Escapes the path segments `.` and `..` (or their escapes) of `out` twice; `path_start` is
/// where its path begins. URL parsers do not read them as data but remove segments, and a
/// double escape is the only way to send them.
pub(super) fn escape_dot_segments(out: &mut String, path_start: usize) {
    let path = out.get(path_start..).unwrap_or_default();
    if !path.split('/').any(is_dot_segment) {
        return;
    }
    let path = out.split_off(path_start);
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        if is_dot_segment(segment) {
            let n_dots = segment.to_ascii_lowercase().replace("%2e", ".").len();
            out.push_str(&"%252E".repeat(n_dots));
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
