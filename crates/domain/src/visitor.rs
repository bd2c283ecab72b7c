//! The visitor hash: who clicked or converted, where no contact is known.

use std::{fmt, net::IpAddr};

use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, tz::TimeZone};
use sha2::Sha256;

use crate::hex;

/// The secret key of all visitor hashes. Without a secret key, anybody could find the
/// address behind a hash by hashing all addresses.
#[derive(Clone)]
pub struct VisitorHashKey(Vec<u8>);

impl VisitorHashKey {
    pub const MIN_BYTES: usize = 16;

    /// `None` if the key is shorter than [`Self::MIN_BYTES`].
    pub fn new(key: &[u8]) -> Option<Self> {
        (key.len() >= Self::MIN_BYTES).then(|| Self(key.to_vec()))
    }
}

impl fmt::Debug for VisitorHashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VisitorHashKey(secret)")
    }
}

/// A keyed hash of address, user agent and day (UTC): the same person has another hash the
/// next day, so that nobody can be followed for longer. It displays as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VisitorHash([u8; 16]);

impl VisitorHash {
    /// The first 16 bytes of HMAC-SHA256(`key`, day LF address LF user agent). `time` is that
    /// of the click or conversion.
    pub fn new(
        key: &VisitorHashKey,
        time: Timestamp,
        ip: IpAddr,
        user_agent: Option<&str>,
    ) -> Self {
        let day = time.to_zoned(TimeZone::UTC).date();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
        mac.update(format!("{day}\n{}\n", ip.to_canonical()).as_bytes());
        mac.update(user_agent.unwrap_or_default().as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Self(hash)
    }
}

impl fmt::Display for VisitorHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::SignedDuration;

    use super::*;

    pub fn visitor_hash_key() -> VisitorHashKey {
        VisitorHashKey::new(b"0123456789abcdef").unwrap()
    }

    pub fn visitor_hash() -> VisitorHash {
        VisitorHash::new(&visitor_hash_key(), noon(), [10, 0, 0, 1].into(), None)
    }

    fn noon() -> Timestamp {
        "2026-11-18T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_visitor_is_known_by_day_address_user_agent_and_key() {
        let key = visitor_hash_key();
        let ip: IpAddr = [203, 0, 113, 9].into();
        let hash = VisitorHash::new(&key, noon(), ip, Some("Safari"));
        let an_hour_later = noon() + SignedDuration::from_hours(1);
        let same_day = VisitorHash::new(&key, an_hour_later, ip, Some("Safari"));
        assert_eq!(hash, same_day);

        let next_day = noon() + SignedDuration::from_hours(24);
        let other_ip = [203, 0, 113, 8].into();
        let other_key = VisitorHashKey::new(b"fedcba9876543210").unwrap();
        for other in [
            VisitorHash::new(&key, next_day, ip, Some("Safari")),
            VisitorHash::new(&key, noon(), other_ip, Some("Safari")),
            VisitorHash::new(&key, noon(), ip, Some("Firefox")),
            VisitorHash::new(&other_key, noon(), ip, Some("Safari")),
        ] {
            assert_ne!(hash, other);
        }
    }

    #[test]
    fn a_mapped_ipv4_address_is_the_same_visitor() {
        let v4: IpAddr = "203.0.113.9".parse().unwrap();
        let mapped: IpAddr = "::ffff:203.0.113.9".parse().unwrap();
        let hash = |ip| VisitorHash::new(&visitor_hash_key(), noon(), ip, None);
        assert_eq!(hash(v4), hash(mapped));
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_shown() {
        assert!(VisitorHashKey::new(b"0123456789abcde").is_none());
        let shown = format!("{:?}", visitor_hash_key());
        assert_eq!(shown, "VisitorHashKey(secret)");
    }
}
