//! How much of an IP address an account wants to have stored.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How much of an IP address is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpStorage {
    Full,
    /// The network only: 24 bits of IPv4, 48 bits of IPv6.
    Truncated,
    None,
}

impl IpStorage {
    /// The setting of this name. Any other text, which the database refuses, is `full`.
    pub fn from_name(name: &str) -> Self {
        match name {
            "none" => Self::None,
            "truncated" => Self::Truncated,
            _ => Self::Full,
        }
    }

    /// The part of an address that is stored.
    pub fn apply(self, ip: IpAddr) -> Option<IpAddr> {
        match (self, ip) {
            (Self::Full, ip) => Some(ip),
            (Self::Truncated, IpAddr::V4(ip)) => {
                Some(Ipv4Addr::from_bits(ip.to_bits() & (u32::MAX << 8)).into())
            }
            (Self::Truncated, IpAddr::V6(ip)) => {
                Some(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 80)).into())
            }
            (Self::None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_decides_which_part_of_an_address_is_stored() {
        for (name, ip, stored) in [
            ("full", "203.0.113.9", Some("203.0.113.9")),
            ("truncated", "203.0.113.9", Some("203.0.113.0")),
            ("truncated", "2001:db8:1:2::5", Some("2001:db8:1::")),
            ("none", "203.0.113.9", None),
        ] {
            let stored: Option<IpAddr> = stored.map(|ip| ip.parse().unwrap());
            let storage = IpStorage::from_name(name);
            assert_eq!(storage.apply(ip.parse().unwrap()), stored);
        }
    }
}
