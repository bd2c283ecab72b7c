//! The fields of a `multipart/form-data` body as parameters.

/// The fields of a body, whose first line is the boundary. Files are left out, and so is what
/// follows a part that cannot be read.
pub fn fields(body: &[u8]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let Some((boundary, mut rest)) = split_once(body, b"\n") else {
        return fields;
    };
    let boundary = boundary.trim_ascii_end();
    while let Some((part, next)) = split_once(rest, boundary) {
        if let Some((name, value)) = parse_part(part) {
            fields.push((name, String::from_utf8_lossy(value).into_owned()));
        }
        // The line of the boundary ends here; that of the last one is `--`.
        let Some((_, next)) = split_once(next, b"\n") else {
            break;
        };
        rest = next;
    }
    fields
}

fn parse_part(part: &[u8]) -> Option<(String, &[u8])> {
    let (headers, value) = split_once(part, b"\r\n\r\n").or_else(|| split_once(part, b"\n\n"))?;
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    let headers = String::from_utf8_lossy(headers);
    let disposition = headers.lines().find(|line| {
        let (name, _) = line.split_once(':').unwrap_or_default();
        name.eq_ignore_ascii_case("content-disposition")
    })?;
    if disposition.contains("filename") {
        return None;
    }
    let (_, rest) = disposition.split_once("name=")?;
    let name = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?.0,
        None => rest.split(';').next()?.trim(),
    };
    Some((name.to_owned(), value))
}

fn split_once<'b>(bytes: &'b [u8], separator: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    if separator.is_empty() {
        return None;
    }
    let position = bytes
        .windows(separator.len())
        .position(|window| window == separator)?;
    let (before, rest) = bytes.split_at(position);
    Some((before, rest.split_at(separator.len()).1))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("\r\n")]
    #[case("\n")]
    fn the_fields_of_a_form_are_read(#[case] newline: &str) {
        let body = "--abc|Content-Disposition: form-data; name=\"click_id\"||x-1|--abc|\
                    content-disposition: form-data; name=txn_id; x=y|Content-Type: text/plain||\
                    A 1|--abc|Content-Disposition: form-data; name=\"f\"; filename=\"f\"||data|\
                    --abc|Content-Disposition: form-data; name=\"empty\"|||--abc--|";
        let body = body.replace('|', newline);
        let expected = [("click_id", "x-1"), ("txn_id", "A 1"), ("empty", "")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields(body.as_bytes()), expected);
    }

    #[rstest]
    #[case("--")]
    #[case("--\n")]
    #[case("--abc\nnothing")]
    #[case("--abc\n--abc\n--abc--")]
    #[case("--abc\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--abc--")]
    fn what_cannot_be_read_is_left_out(#[case] body: &str) {
        assert_eq!(fields(body.as_bytes()), []);
    }
}
