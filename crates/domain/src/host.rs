//! Host names in one spelling, so that they can be compared and looked up.

/// A `Host` header or a configured domain in the spelling that is stored and looked up: in lower
/// case, without the port and without the dot at the end. `localhost` keeps its port, see
/// [`is_local`].
///
/// `None` if the text is not a host name: if it is empty, longer than 253 bytes, has a character
/// that no host name has, or is an IPv6 literal without its closing bracket.
pub fn normalise(host: &str) -> Option<String> {
    let host = host.trim();
    if is_local(host) {
        return Some(host.to_ascii_lowercase());
    }
    let name = without_port(host)?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_ipv6_literal = name.starts_with('[');
    let has_valid_labels =
        name.bytes().all(is_allowed) && !name.starts_with('.') && !name.contains("..");
    let is_valid = !name.is_empty() && name.len() <= 253 && (is_ipv6_literal || has_valid_labels);
    is_valid.then(|| name.to_ascii_lowercase())
}

/// Whether a host is `localhost:PORT` or `NAME.localhost:PORT`: the development machine itself,
/// which browsers find without a name server. There the port tells a redirector from others.
pub fn is_local(host: &str) -> bool {
    let Some((name, port)) = host.split_once(':') else {
        return false;
    };
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(is_allowed)
    };
    let name = name.to_ascii_lowercase();
    let is_name = name == "localhost" || name.strip_suffix(".localhost").is_some_and(is_label);
    is_name && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The URL of a normalised host, without a path. Only the development machine has no TLS.
pub fn origin(host: &str) -> String {
    let scheme = if is_local(host) { "http" } else { "https" };
    format!("{scheme}://{host}")
}

fn without_port(host: &str) -> Option<&str> {
    if let Some(literal) = host.strip_prefix('[') {
        let (address, _) = literal.split_once(']')?;
        let is_allowed = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        let is_valid = address.bytes().all(is_allowed);
        return is_valid.then(|| host.split_at(address.len() + 2).0);
    }
    match host.split_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(name),
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
    #[case("LocalHost:8090", Some("localhost:8090"))]
    #[case("click.localhost:8090", Some("click.localhost:8090"))]
    #[case("localhost", Some("localhost"))]
    #[case("evil.localhost.example:80", Some("evil.localhost.example"))]
    #[case("notlocalhost:80", Some("notlocalhost"))]
    #[case("a.b.localhost:80", Some("a.b.localhost"))]
    #[case("localhost:0", Some("localhost"))]
    #[case("localhost:99999", Some("localhost"))]
    #[case("", None)]
    #[case(".", None)]
    #[case("a..b", None)]
    #[case("evil.com/path", None)]
    #[case("evil.com@good.com", None)]
    #[case("a b", None)]
    #[case("good.com:80:80", None)]
    #[case("[::1", None)]
    fn a_host_name_has_one_spelling(#[case] host: &str, #[case] expected: Option<&str>) {
        assert_eq!(normalise(host).as_deref(), expected);
    }
    #[rstest]
    #[case("yourdomain.com", "https://yourdomain.com")]
    #[case("localhost:8090", "http://localhost:8090")]
    #[case("click.localhost:8090", "http://click.localhost:8090")]
    #[case("localhost", "https://localhost")]
    fn only_the_development_machine_has_no_tls(#[case] host: &str, #[case] expected: &str) {
        assert_eq!(origin(host), expected);
    }
}
