//! The visitor's address behind proxies.

use std::net::IpAddr;

use ipnet::IpNet;

/// The header by which trusted proxies name the address of their client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, or `Forwarded` in a request without it.
    Either,
    XForwardedFor,
    /// `Forwarded` of RFC 7239.
    Forwarded,
}

/// The visitor's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp {
    pub ip: IpAddr,
    /// Whether a trusted proxy wrote an entry that is neither an address nor says that the
    /// proxy does not know one.
    pub has_unreadable_entry: bool,
}

/// The visitor's address: that of the socket's peer, or, if the peer is a trusted proxy, the
/// one that the proxies name in the header `proxy_header`.
///
/// The addresses in the header are read from the right for as long as the one before belongs
/// to a trusted proxy. So a visitor cannot choose an address by sending the header.
///
/// An entry without an address is skipped. The proxy that wrote it is trusted and says that it
/// does not know its client; whoever is named further left is more likely the visitor than
/// the proxy in front of us, which is the same for all visitors.
pub fn client_ip<'h>(
    peer: IpAddr,
    proxy_header: ProxyHeader,
    x_forwarded_for: impl DoubleEndedIterator<Item = &'h [u8]> + Clone,
    forwarded: impl DoubleEndedIterator<Item = &'h [u8]>,
    trusted: &[IpNet],
) -> ClientIp {
    let has_x_forwarded_for = x_forwarded_for.clone().next().is_some();
    let uses_forwarded = match proxy_header {
        ProxyHeader::Either => !has_x_forwarded_for,
        ProxyHeader::XForwardedFor => false,
        ProxyHeader::Forwarded => true,
    };
    if uses_forwarded {
        let entries = forwarded
            .rev()
            .flat_map(|value| split_outside_quotes(value, b',').into_iter().rev())
            .map(parse_forwarded_element);
        follow_proxies(peer, entries, trusted)
    } else {
        let entries = x_forwarded_for
            .rev()
            .flat_map(|value| value.rsplit(|&byte| byte == b','))
            .map(ProxyEntry::parse);
        follow_proxies(peer, entries, trusted)
    }
}

/// Follows the entries of the header, of which the last comes first, up to the first address
/// that is not a trusted proxy's.
fn follow_proxies(
    peer: IpAddr,
    entries: impl Iterator<Item = ProxyEntry>,
    trusted: &[IpNet],
) -> ClientIp {
    let mut client = ClientIp {
        ip: peer.to_canonical(),
        has_unreadable_entry: false,
    };
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(&ip));
    if !is_trusted(client.ip) {
        return client;
    }
    for entry in entries {
        match entry {
            ProxyEntry::Address(ip) => client.ip = ip.to_canonical(),
            ProxyEntry::Unknown => {}
            ProxyEntry::Unreadable => client.has_unreadable_entry = true,
        }
        if !is_trusted(client.ip) {
            break;
        }
    }
    client
}

/// What one proxy wrote about its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProxyEntry {
    Address(IpAddr),
    /// The entry is empty or `unknown`, or has a name that hides the address (`_...`).
    Unknown,
    Unreadable,
}

impl ProxyEntry {
    /// Parses `203.0.113.9`, `203.0.113.9:51234`, `2001:db8::5`, `[2001:db8::5]` and
    /// `[2001:db8::5]:443`, each also in quotes and with a zone (`%eth0`).
    fn parse(text: &[u8]) -> Self {
        let Ok(text) = str::from_utf8(text) else {
            return Self::Unreadable;
        };
        let text = text.trim();
        let unquoted = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        let text = unquoted.unwrap_or(text).trim();
        let is_unknown = text
            .split(':')
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("unknown"));
        if text.is_empty() || text.starts_with('_') || is_unknown {
            return Self::Unknown;
        }
        let address = without_port(text).and_then(|address| address.split('%').next());
        let ip = address.and_then(|address| address.parse().ok());
        ip.map_or(Self::Unreadable, Self::Address)
    }
}

/// The address without its brackets and port. `None` if there is something else behind it.
fn without_port(text: &str) -> Option<&str> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, after) = bracketed.split_once(']')?;
        let is_valid = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
        return is_valid.then_some(address);
    }
    match text.split_once(':') {
        // Only an IPv4 address has one colon. In an IPv6 address without brackets all colons
        // belong to the address.
        Some((address, port)) if !port.contains(':') => is_port(port).then_some(address),
        _ => Some(text),
    }
}

/// Whether the text is a port number, or a name that hides one.
fn is_port(text: &str) -> bool {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number || text.starts_with('_')
}

/// Parses the `for` of an element of `Forwarded` such as `for=192.0.2.43;proto=https`. An
/// element without a `for` does not name the client.
fn parse_forwarded_element(element: &[u8]) -> ProxyEntry {
    let mut pairs = split_outside_quotes(element, b';').into_iter();
    let client = pairs.find_map(|pair| {
        let (name, value) = pair.trim_ascii().split_at_checked("for".len())?;
        let value = value.trim_ascii_start().strip_prefix(b"=")?;
        name.eq_ignore_ascii_case(b"for").then_some(value)
    });
    client.map_or(ProxyEntry::Unknown, ProxyEntry::parse)
}

/// The parts of a text between the separators that are not inside of quotes.
fn split_outside_quotes(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(|&byte| {
        if is_escaped {
            is_escaped = false;
        } else if is_quoted && byte == b'\\' {
            is_escaped = true;
        } else if byte == b'"' {
            is_quoted = !is_quoted;
        }
        byte == separator && !is_quoted
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    /// The address for these values of the headers `X-Forwarded-For` and `Forwarded`.
    fn client(
        peer: &str,
        proxy_header: ProxyHeader,
        x_forwarded_for: &[&str],
        forwarded: &[&str],
    ) -> ClientIp {
        let trusted = [
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8:ffff::/48".parse().unwrap(),
        ];
        client_ip(
            peer.parse().unwrap(),
            proxy_header,
            x_forwarded_for.iter().map(|value| value.as_bytes()),
            forwarded.iter().map(|value| value.as_bytes()),
            &trusted,
        )
    }

    #[rstest]
    #[case("203.0.113.9", "", "203.0.113.9")]
    #[case("203.0.113.9", "1.2.3.4", "203.0.113.9")] // the peer is no trusted proxy: the header is forged
    #[case("10.0.0.1", "", "10.0.0.1")]
    #[case("10.0.0.1", "203.0.113.9", "203.0.113.9")]
    #[case("10.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9")] // 1.2.3.4 is forged
    #[case("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9")]
    #[case("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3")]
    #[case("::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9")]
    #[case("10.0.0.1", "2001:db8::1", "2001:db8::1")]
    #[case("2001:db8:ffff::1", "203.0.113.9", "203.0.113.9")]
    // Addresses with ports, brackets, quotes and zones.
    #[case("10.0.0.1", "203.0.113.9:51234", "203.0.113.9")]
    #[case("10.0.0.1", "203.0.113.9:51234, 10.0.0.2:443", "203.0.113.9")]
    #[case("10.0.0.1", "[2001:db8::5]:443", "2001:db8::5")]
    #[case("10.0.0.1", "[2001:db8::5]", "2001:db8::5")]
    #[case("10.0.0.1", "\"203.0.113.9\"", "203.0.113.9")]
    #[case("10.0.0.1", " \"[2001:db8::5]:443\" ", "2001:db8::5")]
    #[case("10.0.0.1", "fe80::5%eth0", "fe80::5")]
    #[case("10.0.0.1", "[fe80::5%25eth0]:443", "fe80::5")]
    #[case("10.0.0.1", "[::ffff:203.0.113.9]:80", "203.0.113.9")]
    // Entries without an address.
    #[case("10.0.0.1", "unknown", "10.0.0.1")]
    #[case("10.0.0.1", "unknown, 203.0.113.9", "203.0.113.9")]
    #[case("10.0.0.1", "203.0.113.9, unknown", "203.0.113.9")]
    #[case("10.0.0.1", "203.0.113.9, Unknown:443, 10.0.0.2", "203.0.113.9")]
    #[case("10.0.0.1", "203.0.113.9, _hidden", "203.0.113.9")]
    #[case("10.0.0.1", "203.0.113.9,", "203.0.113.9")]
    #[case("10.0.0.1", ", ,203.0.113.9, , 10.0.0.2", "203.0.113.9")]
    #[case("10.0.0.1", "\"\"", "10.0.0.1")]
    fn the_address_of_the_visitor_is_read_in_any_form(
        #[case] peer: &str,
        #[case] value: &str,
        #[case] expected: &str,
    ) {
        let client = client(peer, ProxyHeader::Either, &[value], &[]);
        let ip = expected.parse().unwrap();
        assert_eq!(
            client,
            ClientIp {
                ip,
                has_unreadable_entry: false
            }
        );
    }

    #[rstest]
    #[case("garbage", PROXY)]
    #[case("203.0.113.9, garbage, 10.0.0.2", "203.0.113.9")]
    #[case("203.0.113.9:port", PROXY)]
    #[case("203.0.113.9:", PROXY)]
    #[case("203.0.113.999", PROXY)]
    #[case("[2001:db8::5", PROXY)]
    #[case("[2001:db8::5]443", PROXY)]
    #[case("\u{fffd}\u{e9}", PROXY)]
    fn an_unreadable_entry_is_reported(#[case] value: &str, #[case] expected: &str) {
        let client = client(PROXY, ProxyHeader::Either, &[value], &[]);
        let ip = expected.parse().unwrap();
        assert_eq!(
            client,
            ClientIp {
                ip,
                has_unreadable_entry: true
            }
        );
    }

    #[test]
    fn entries_that_the_visitor_wrote_are_not_read() {
        let client = client(PROXY, ProxyHeader::Either, &["garbage, 203.0.113.9"], &[]);
        assert_eq!(client.ip.to_string(), "203.0.113.9");
        assert!(!client.has_unreadable_entry);
    }

    #[test]
    fn several_headers_are_read_as_one_list() {
        let values = ["1.2.3.4", "203.0.113.9", "10.0.0.2"];
        let client = client(PROXY, ProxyHeader::Either, &values, &[]);
        assert_eq!(client.ip.to_string(), "203.0.113.9");
    }

    #[rstest]
    #[case("for=203.0.113.9", "203.0.113.9")]
    #[case("For=203.0.113.9;proto=http;by=10.0.0.7", "203.0.113.9")]
    #[case("proto=http;by=10.0.0.7; for = 203.0.113.9", "203.0.113.9")]
    #[case("for=\"203.0.113.9:4711\"", "203.0.113.9")]
    #[case("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17")]
    #[case("for=1.2.3.4, for=203.0.113.9, for=10.0.0.3", "203.0.113.9")]
    #[case("for=203.0.113.9, for=unknown", "203.0.113.9")]
    #[case("for=203.0.113.9, for=_secret", "203.0.113.9")]
    #[case("for=203.0.113.9, proto=https", "203.0.113.9")]
    #[case("for=203.0.113.9;ext=\"a, for=6.6.6.6\"", "203.0.113.9")]
    #[case("for=203.0.113.9;ext=\"\\\", for=6.6.6.6\"", "203.0.113.9")]
    #[case("forged=6.6.6.6", PROXY)]
    fn the_header_forwarded_is_read(#[case] value: &str, #[case] expected: &str) {
        for proxy_header in [ProxyHeader::Either, ProxyHeader::Forwarded] {
            let client = client(PROXY, proxy_header, &[], &[value]);
            let ip = expected.parse().unwrap();
            assert_eq!(
                client,
                ClientIp {
                    ip,
                    has_unreadable_entry: false
                },
                "{proxy_header:?}"
            );
        }
        let ignored = client(PROXY, ProxyHeader::XForwardedFor, &[], &[value]);
        assert_eq!(ignored.ip.to_string(), PROXY);
    }

    /// A visitor may send the header that the proxy does not write.
    #[test]
    fn only_one_header_is_trusted() {
        for (proxy_header, expected) in [
            (ProxyHeader::Either, "203.0.113.9"),
            (ProxyHeader::XForwardedFor, "203.0.113.9"),
            (ProxyHeader::Forwarded, "198.51.100.7"),
        ] {
            let client = client(PROXY, proxy_header, &["203.0.113.9"], &["for=198.51.100.7"]);
            assert_eq!(client.ip.to_string(), expected, "{proxy_header:?}");
        }
        let client = client(PROXY, ProxyHeader::Forwarded, &["6.6.6.6"], &[]);
        assert_eq!(client.ip.to_string(), PROXY);
    }

    proptest! {
        #[test]
        fn the_entry_of_the_proxy_counts_whatever_the_visitor_sends(sent in ".{0,60}") {
            let value = format!("{sent}, 203.0.113.9");
            let client = client(PROXY, ProxyHeader::Either, &[&sent, &value], &[]);
            prop_assert_eq!(client.ip.to_string(), "203.0.113.9");
        }
    }
}
