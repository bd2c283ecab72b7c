//! The visitor's address behind proxies.

use std::net::IpAddr;

use ipnet::IpNet;

/// The socket's peer, or what trusted proxies say of theirs: the addresses of
/// `X-Forwarded-For` (all its values, in order) are read from the right for as
/// long as the one before is a trusted proxy's. So a visitor cannot choose an
/// address by sending the header.
pub fn client_ip<'a>(
    peer: IpAddr,
    forwarded_for: impl Iterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let mut client = peer.to_canonical();
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    if !is_trusted(client) {
        return client;
    }
    let hops: Vec<_> = forwarded_for.flat_map(|value| value.split(',')).collect();
    for hop in hops.into_iter().rev() {
        let Ok(ip) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        client = ip.to_canonical();
        if !is_trusted(client) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("203.0.113.9", "", "203.0.113.9")]
    #[case("203.0.113.9", "1.2.3.4", "203.0.113.9")] // not a proxy of ours: forged
    #[case("10.0.0.1", "", "10.0.0.1")]
    #[case("10.0.0.1", "203.0.113.9", "203.0.113.9")]
    #[case("10.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9")] // 1.2.3.4 is forged
    #[case("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9")]
    #[case("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3")]
    #[case("10.0.0.1", "garbage, 10.0.0.2", "10.0.0.2")]
    #[case("::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9")]
    #[case("10.0.0.1", "2001:db8::1", "2001:db8::1")]
    fn only_trusted_proxies_are_believed(
        #[case] peer: &str,
        #[case] forwarded_for: &str,
        #[case] expected: &str,
    ) {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let ip = client_ip(peer.parse().unwrap(), [forwarded_for].into_iter(), &trusted);
        assert_eq!(ip.to_string(), expected);
    }

    #[test]
    fn several_headers_are_one_list() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let values = ["1.2.3.4", "203.0.113.9", "10.0.0.2"].into_iter();
        let ip = client_ip("10.0.0.1".parse().unwrap(), values, &trusted);
        assert_eq!(ip.to_string(), "203.0.113.9");
    }
}
