//! What an account decides about storing its events.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use jiff::Timestamp;
use postgres::pool::{GenericClient as _, Transaction};

/// How much of an IP address is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IpStorage {
    Full,
    /// The network only: 24 bits of IPv4, 48 bits of IPv6.
    Truncated,
    None,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct AccountPolicy {
    pub ip_storage: IpStorage,
    /// The start of the first day that the account keeps. Retention has deleted older events, or
    /// will do so. They are not stored, since nobody can know any more whether they were stored
    /// and counted before.
    pub raw_since: Option<Timestamp>,
}

/// The policy of accounts that do not exist: everything is kept.
const DEFAULT: AccountPolicy = AccountPolicy {
    ip_storage: IpStorage::Full,
    raw_since: None,
};

/// Loads the policy of each account.
pub(super) async fn account_load_policies(
    transaction: &Transaction<'_>,
    account_ids: &BTreeSet<i64>,
) -> Result<BTreeMap<i64, AccountPolicy>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached("SELECT id, ip_storage, raw_since FROM accounts WHERE id = ANY ($1)")
        .await?;
    let ids: Vec<_> = account_ids.iter().copied().collect();
    let rows = transaction.query(&statement, &[&ids]).await?;
    let mut policies: BTreeMap<_, _> = ids.into_iter().map(|id| (id, DEFAULT)).collect();
    for row in &rows {
        let policy = AccountPolicy {
            ip_storage: match row.get("ip_storage") {
                "none" => IpStorage::None,
                "truncated" => IpStorage::Truncated,
                _ => IpStorage::Full,
            },
            raw_since: row.get("raw_since"),
        };
        policies.insert(row.get("id"), policy);
    }
    Ok(policies)
}

impl IpStorage {
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
        for (storage, ip, stored) in [
            (IpStorage::Full, "203.0.113.9", Some("203.0.113.9")),
            (IpStorage::Truncated, "203.0.113.9", Some("203.0.113.0")),
            (
                IpStorage::Truncated,
                "2001:db8:1:2::5",
                Some("2001:db8:1::"),
            ),
            (IpStorage::None, "203.0.113.9", None),
        ] {
            let stored: Option<IpAddr> = stored.map(|ip| ip.parse().unwrap());
            assert_eq!(storage.apply(ip.parse().unwrap()), stored);
        }
    }
}
