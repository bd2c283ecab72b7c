//! The networks that an address belongs to.

use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address, or a /64 or /48 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    pub prefix_len: u8,
}

impl Network {
    /// The smallest network of an address, which one client has: an IPv4 address or a /64.
    pub fn smallest(address: IpAddr) -> Option<Self> {
        Self::all_of(address).next()
    }

    /// The networks for which the failures of an address count.
    pub fn all_of(address: IpAddr) -> impl Iterator<Item = Self> {
        let prefix_lens: &[u8] = match address.to_canonical() {
            IpAddr::V4(_) => &[32],
            IpAddr::V6(_) => &[64, 48],
        };
        prefix_lens.iter().map(move |&prefix_len| Self {
            address: match address.to_canonical() {
                IpAddr::V4(address) => address.into(),
                IpAddr::V6(address) => {
                    let n_host_bits = 128 - prefix_len;
                    let bits = address.to_bits() >> n_host_bits << n_host_bits;
                    Ipv6Addr::from_bits(bits).into()
                }
            },
            prefix_len,
        })
    }
}
