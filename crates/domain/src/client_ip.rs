//! The visitor's address behind proxies.

use std::net::IpAddr;

use ipnet::IpNet;

/// Which header of trusted proxies is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, or without one `Forwarded`.
    Either,
    XForwardedFor,
    /// By RFC 7239.
    Forwarded,
}

/// A visitor's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp {
    pub ip: IpAddr,
    /// A proxy wrote something that is no address, nor that it knows none.
    pub has_unreadable_entry: bool,
}

/// The socket's peer, or what trusted proxies say of theirs: the addresses in the header
/// are read from the right for as long as the one before is a trusted proxy's. So a visitor
/// cannot choose an address by sending the header.
///
/// An entry that names nobody is passed over: the proxy before it is trusted and says that
/// it does not know, and whoever stands behind it is more likely the visitor than the proxy
/// in front of us, which is the same for all of them.
pub fn client_ip<'h>(
    peer: IpAddr,
    believed: ProxyHeader,
    x_forwarded_for: impl DoubleEndedIterator<Item = &'h [u8]> + Clone,
    forwarded: impl DoubleEndedIterator<Item = &'h [u8]>,
    trusted: &[IpNet],
) -> ClientIp {
    let mut client = ClientIp {
        ip: peer.to_canonical(),
        has_unreadable_entry: false,
    };
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    if !is_trusted(client.ip) {
        return client;
    }
    // False once the visitor is known.
    let mut follow = |entry: Entry| {
        match entry {
            Entry::Address(ip) => client.ip = ip.to_canonical(),
            Entry::Nobody => {}
            Entry::Unreadable => client.has_unreadable_entry = true,
        }
        is_trusted(client.ip)
    };
    let has_x_forwarded_for = x_forwarded_for.clone().next().is_some();
    let reads_forwarded = match believed {
        ProxyHeader::Either => !has_x_forwarded_for,
        ProxyHeader::XForwardedFor => false,
        ProxyHeader::Forwarded => true,
    };
    if reads_forwarded {
        let values = forwarded.rev();
        for element in values.flat_map(|value| split_outside_quotes(value, b',').into_iter().rev())
        {
            if !follow(forwarded_for(element)) {
                break;
            }
        }
    } else {
        let values = x_forwarded_for.rev();
        for entry in values.flat_map(|value| value.rsplit(|&byte| byte == b',')) {
            if !follow(Entry::read(entry)) {
                break;
            }
        }
    }
    client
}

/// What one proxy says of who came to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Address(IpAddr),
    /// Nothing, `unknown`, or a name that hides the address (`_...`).
    Nobody,
    Unreadable,
}

impl Entry {
    /// `203.0.113.9`, `203.0.113.9:51234`, `2001:db8::5`, `[2001:db8::5]`,
    /// `[2001:db8::5]:443`, each also in quotes, and with a zone (`%eth0`).
    fn read(text: &[u8]) -> Self {
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
            return Self::Nobody;
        }
        let address = match text.strip_prefix('[') {
            Some(text) => text
                .split_once(']')
                .filter(|(_, port)| port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
                .map(|(address, _)| address),
            None => match text.split_once(':') {
                // Of IPv4 only: in IPv6 without brackets all of them are the address's.
                Some((address, port)) if !port.contains(':') => {
                    Some(address).filter(|_| is_port(port))
                }
                _ => Some(text),
            },
        };
        let address = address.and_then(|address| address.split('%').next());
        let ip = address.and_then(|address| address.parse().ok());
        ip.map_or(Self::Unreadable, Self::Address)
    }
}

/// A number, or a name that hides one.
fn is_port(text: &str) -> bool {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number || text.starts_with('_')
}

/// The `for` of an element of `Forwarded`: `for=192.0.2.43;proto=https`.
fn forwarded_for(element: &[u8]) -> Entry {
    let mut pairs = split_outside_quotes(element, b';').into_iter();
    let node = pairs.find_map(|pair| {
        let pair = pair.trim_ascii();
        let (name, value) = pair.split_at_checked(3)?;
        let value = value.trim_ascii_start().strip_prefix(b"=")?;
        name.eq_ignore_ascii_case(b"for").then_some(value)
    });
    match node {
        Some(node) => Entry::read(node),
        // An element may say other things only.
        None => Entry::Nobody,
    }
}

/// The parts between separators; those inside of quotes are none.
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

    const BALANCER: &str = "10.0.0.1";

    fn read(peer: &str, believed: ProxyHeader, x: &[&str], forwarded: &[&str]) -> ClientIp {
        let trusted = [
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8:ffff::/48".parse().unwrap(),
        ];
        client_ip(
            peer.parse().unwrap(),
            believed,
            x.iter().map(|value| value.as_bytes()),
            forwarded.iter().map(|value| value.as_bytes()),
            &trusted,
        )
    }

    #[rstest]
    #[case("203.0.113.9", "", "203.0.113.9")]
    #[case("203.0.113.9", "1.2.3.4", "203.0.113.9")] // not a proxy of ours: forged
    #[case("10.0.0.1", "", "10.0.0.1")]
    #[case("10.0.0.1", "203.0.113.9", "203.0.113.9")]
    #[case("10.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9")] // 1.2.3.4 is forged
    #[case("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9")]
    #[case("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3")]
    #[case("::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9")]
    #[case("10.0.0.1", "2001:db8::1", "2001:db8::1")]
    #[case("2001:db8:ffff::1", "203.0.113.9", "203.0.113.9")]
    // With ports, brackets, quotes and zones.
    #[case("10.0.0.1", "203.0.113.9:51234", "203.0.113.9")]
    #[case("10.0.0.1", "203.0.113.9:51234, 10.0.0.2:443", "203.0.113.9")]
    #[case("10.0.0.1", "[2001:db8::5]:443", "2001:db8::5")]
    #[case("10.0.0.1", "[2001:db8::5]", "2001:db8::5")]
    #[case("10.0.0.1", "\"203.0.113.9\"", "203.0.113.9")]
    #[case("10.0.0.1", " \"[2001:db8::5]:443\" ", "2001:db8::5")]
    #[case("10.0.0.1", "fe80::5%eth0", "fe80::5")]
    #[case("10.0.0.1", "[fe80::5%25eth0]:443", "fe80::5")]
    #[case("10.0.0.1", "[::ffff:203.0.113.9]:80", "203.0.113.9")]
    // Entries that name nobody.
    #[case("10.0.0.1", "unknown", "10.0.0.1")]
    #[case("10.0.0.1", "unknown, 203.0.113.9", "203.0.113.9")]
    #[case("10.0.0.1", "203.0.113.9, unknown", "203.0.113.9")]
    #[case("10.0.0.1", "203.0.113.9, Unknown:443, 10.0.0.2", "203.0.113.9")]
    #[case("10.0.0.1", "203.0.113.9, _hidden", "203.0.113.9")]
    #[case("10.0.0.1", "203.0.113.9,", "203.0.113.9")]
    #[case("10.0.0.1", ", ,203.0.113.9, , 10.0.0.2", "203.0.113.9")]
    #[case("10.0.0.1", "\"\"", "10.0.0.1")]
    fn the_visitor_is_read_in_any_form(
        #[case] peer: &str,
        #[case] value: &str,
        #[case] expected: &str,
    ) {
        let found = read(peer, ProxyHeader::Either, &[value], &[]);
        let ip = expected.parse().unwrap();
        assert_eq!(
            found,
            ClientIp {
                ip,
                has_unreadable_entry: false
            }
        );
    }

    #[rstest]
    #[case("garbage", BALANCER)]
    #[case("203.0.113.9, garbage, 10.0.0.2", "203.0.113.9")]
    #[case("203.0.113.9:port", BALANCER)]
    #[case("203.0.113.9:", BALANCER)]
    #[case("203.0.113.999", BALANCER)]
    #[case("[2001:db8::5", BALANCER)]
    #[case("[2001:db8::5]443", BALANCER)]
    #[case("\u{fffd}\u{e9}", BALANCER)]
    fn what_cannot_be_read_is_said(#[case] value: &str, #[case] expected: &str) {
        let found = read(BALANCER, ProxyHeader::Either, &[value], &[]);
        let ip = expected.parse().unwrap();
        assert_eq!(
            found,
            ClientIp {
                ip,
                has_unreadable_entry: true
            }
        );
    }

    #[test]
    fn nobody_is_asked_what_a_stranger_wrote_further_left() {
        let found = read(
            BALANCER,
            ProxyHeader::Either,
            &["garbage, 203.0.113.9"],
            &[],
        );
        assert_eq!(found.ip.to_string(), "203.0.113.9");
        assert!(!found.has_unreadable_entry);
    }

    #[test]
    fn several_headers_are_one_list() {
        let values = ["1.2.3.4", "203.0.113.9", "10.0.0.2"];
        let found = read(BALANCER, ProxyHeader::Either, &values, &[]);
        assert_eq!(found.ip.to_string(), "203.0.113.9");
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
    #[case("forged=6.6.6.6", BALANCER)]
    fn forwarded_is_read_too(#[case] value: &str, #[case] expected: &str) {
        for believed in [ProxyHeader::Either, ProxyHeader::Forwarded] {
            let found = read(BALANCER, believed, &[], &[value]);
            let ip = expected.parse().unwrap();
            assert_eq!(
                found,
                ClientIp {
                    ip,
                    has_unreadable_entry: false
                },
                "{believed:?}"
            );
        }
        let ignored = read(BALANCER, ProxyHeader::XForwardedFor, &[], &[value]);
        assert_eq!(ignored.ip.to_string(), BALANCER);
    }

    /// A visitor may send the header that the proxy leaves as it is.
    #[test]
    fn one_header_is_believed() {
        for (believed, expected) in [
            (ProxyHeader::Either, "203.0.113.9"),
            (ProxyHeader::XForwardedFor, "203.0.113.9"),
            (ProxyHeader::Forwarded, "198.51.100.7"),
        ] {
            let found = read(BALANCER, believed, &["203.0.113.9"], &["for=198.51.100.7"]);
            assert_eq!(found.ip.to_string(), expected, "{believed:?}");
        }
        let found = read(BALANCER, ProxyHeader::Forwarded, &["6.6.6.6"], &[]);
        assert_eq!(found.ip.to_string(), BALANCER);
    }

    proptest! {
        /// Whatever a visitor sends, what the proxy adds behind it counts.
        #[test]
        fn no_visitor_chooses_an_address(sent in ".{0,60}") {
            let value = format!("{sent}, 203.0.113.9");
            let found = read(BALANCER, ProxyHeader::Either, &[&sent, &value], &[]);
            prop_assert_eq!(found.ip.to_string(), "203.0.113.9");
        }
    }
}
