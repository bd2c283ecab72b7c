//! Which addresses a client may make this process connect to.

#![warn(clippy::indexing_slicing)]

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks that are not on the public Internet, or lead to such networks, by IANA's registries
/// of special-purpose addresses.
const NOT_PUBLIC: [&str; 21] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
];
/// The only public part of IPv6.
const PUBLIC_IPV6: &str = "2000::/3";

pub fn is_public(address: IpAddr) -> bool {
    let is_in = |network: &str| {
        let network: IpNet = network.parse().expect("the tests parse each network");
        network.contains(&address)
    };
    (address.is_ipv4() || is_in(PUBLIC_IPV6)) && !NOT_PUBLIC.into_iter().any(is_in)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("8.8.8.8", true)]
    #[case("1.1.1.1", true)]
    #[case("172.15.255.255", true)]
    #[case("172.32.0.1", true)]
    #[case("100.63.255.255", true)]
    #[case("2606:4700::1111", true)]
    #[case("2a00:1450:4001::1", true)]
    #[case("0.0.0.0", false)]
    #[case("10.0.0.1", false)]
    #[case("100.64.0.1", false)]
    #[case("127.0.0.1", false)]
    #[case("127.255.255.255", false)]
    // Clouds serve the credentials of a machine at this address.
    #[case("169.254.169.254", false)]
    #[case("172.16.0.1", false)]
    #[case("172.31.255.255", false)]
    #[case("192.168.1.1", false)]
    #[case("198.18.0.1", false)]
    #[case("224.0.0.1", false)]
    #[case("255.255.255.255", false)]
    #[case("::", false)]
    #[case("::1", false)]
    #[case("::ffff:127.0.0.1", false)]
    #[case("::ffff:8.8.8.8", false)]
    #[case("::127.0.0.1", false)]
    #[case("64:ff9b::7f00:1", false)]
    #[case("fd00::1", false)]
    #[case("fe80::1", false)]
    #[case("fec0::1", false)]
    #[case("ff02::1", false)]
    #[case("2001:db8::1", false)]
    #[case("2001::1", false)]
    // This address of 6to4 leads to 10.0.0.1.
    #[case("2002:a00:1::1", false)]
    #[case("3fff::1", false)]
    fn only_public_addresses_may_be_asked(#[case] address: &str, #[case] expected: bool) {
        assert_eq!(is_public(address.parse().unwrap()), expected);
    }
}
