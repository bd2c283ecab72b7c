//! A set of networks that is searched in logarithmic time.

use std::net::IpAddr;

use ipnet::IpNet;

/// Ranges of addresses, first and last, sorted and without overlap. IPv4 addresses are stored
/// as IPv4-mapped IPv6 addresses.
#[derive(Debug, Default)]
pub(super) struct Networks(Vec<(u128, u128)>);

impl Networks {
    pub fn new(networks: &[IpNet]) -> Self {
        let mut ranges: Vec<_> = networks
            .iter()
            .map(|network| (to_number(network.network()), to_number(network.broadcast())))
            .collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (start, end) in ranges {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = to_number(ip);
        let n_starting_before = self.0.partition_point(|range| range.0 <= ip);
        n_starting_before > 0 && ip <= self.0[n_starting_before - 1].1
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn to_number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_set_contains_an_address_if_one_of_its_networks_does(
            networks in prop::collection::vec((any::<[u8; 2]>(), 8_u8..=32), 0..20),
            middle in any::<[u8; 2]>(),
            last in any::<u8>(),
        ) {
            let networks: Vec<IpNet> = networks
                .into_iter()
                .map(|([a, b], length)| format!("10.{a}.{b}.0/{length}").parse().unwrap())
                .collect();
            let ip = IpAddr::from([10, middle[0], middle[1], last]);
            let expected = networks.iter().any(|network| network.contains(&ip));
            prop_assert_eq!(Networks::new(&networks).contains(ip), expected);
        }
    }

    #[test]
    fn ipv4_and_ipv6_networks_are_told_apart() {
        let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap());
        let networks = Networks::new(&networks);
        for (ip, expected) in [
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
            ("::", false),
        ] {
            assert_eq!(networks.contains(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
