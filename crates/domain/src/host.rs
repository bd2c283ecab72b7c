//! One spelling for each host name.

/// A `Host` header or a configured domain in the one spelling that is stored
/// and looked up: lower case, without port and without the trailing dot.
///
/// `None` where there is no host name in it: empty, with a character that no
/// host name has, over 253 bytes, or an unfinished IPv6 literal.
pub fn normalise(host: &str) -> Option<String> {
    let name = without_port(host.trim())?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let literal = name.starts_with('[');
    let valid = !name.is_empty()
        && name.len() <= 253
        && (literal || name.bytes().all(allowed) && !name.starts_with('.') && !name.contains(".."));
    valid.then(|| name.to_ascii_lowercase())
}

fn without_port(host: &str) -> Option<&str> {
    if let Some(rest) = host.strip_prefix('[') {
        let (address, _) = rest.split_once(']')?;
        let valid = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
        let is_valid = address.bytes().all(valid);
        return is_valid.then(|| host.split_at(address.len() + 2).0);
    }
    match host.split_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => Some(name),
        Some(_) => None,
        None => Some(host),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("yourdomain.com", Some("yourdomain.com"))]
    #[case("YourDomain.COM", Some("yourdomain.com"))]
    #[case("yourdomain.com.", Some("yourdomain.com"))]
    #[case("yourdomain.com:8080", Some("yourdomain.com"))]
    #[case("yourdomain.com.:8080", Some("yourdomain.com"))]
    #[case("[::1]:8080", Some("[::1]"))]
    #[case("127.0.0.1:80", Some("127.0.0.1"))]
    #[case("xn--bcher-kva.example", Some("xn--bcher-kva.example"))]
    #[case("", None)]
    #[case(".", None)]
    #[case("a..b", None)]
    #[case("evil.com/path", None)]
    #[case("evil.com@good.com", None)]
    #[case("a b", None)]
    #[case("good.com:80:80", None)]
    #[case("[::1", None)]
    fn hosts_have_one_spelling(#[case] host: &str, #[case] expected: Option<&str>) {
        assert_eq!(normalise(host).as_deref(), expected);
    }
}
