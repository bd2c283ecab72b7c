//! Rate limit against the enumeration of ids and secrets: a network with too many failed
//! attempts is refused for the rest of the minute, whatever it requests.
//!
//! A failed attempt is a request for an id that never existed or with a wrong secret; the
//! same id or secret counts once. A link that is deactivated, expired or paused is no
//! failure, and one wrong link that was sent to many people is one. Many people share an
//! address behind a mobile network's gateway, and some of them mistype: so a network may
//! fail as often as the limit, and once more for each *different* link that it requested
//! with success. A client that only guesses has no success, and requesting a known link
//! between two guesses adds one link, however often it is repeated.

mod distinct_links;

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use domain::id::LinkKey;

use crate::network::Network;
use distinct_links::DistinctLinkCounter;

const MINUTE: Duration = Duration::from_secs(60);
/// Networks whose failures are counted in one minute; further ones are not limited.
const MAX_NETWORKS: usize = 100_000;
/// An IPv6 customer has a /64 at least, and often a /48 of which each request may use
/// another /64. A /48 may fail this many times as often as a /64.
const FACTOR_OF_A_48: u32 = 16;

#[derive(Debug)]
pub struct EnumerationGuard {
    /// Failures in a minute; 0: no limit.
    max_failures: u32,
    started_at: Instant,
    hasher: RandomState,
    /// Whether a network has failed in this minute.
    is_active: AtomicBool,
    minute: Mutex<Minute>,
    found_links: DistinctLinkCounter,
}

/// The failures of one minute.
#[derive(Debug, Default)]
struct Minute {
    /// The number of the minute since the start of the process.
    number: u64,
    /// The hashes of the failed ids and secrets of each network.
    failures: HashMap<Network, HashSet<u64>>,
}

impl EnumerationGuard {
    pub fn new(max_failures: u32) -> Self {
        Self {
            max_failures,
            started_at: Instant::now(),
            hasher: RandomState::new(),
            is_active: AtomicBool::new(false),
            minute: Mutex::default(),
            found_links: match max_failures {
                0 => DistinctLinkCounter::without_slots(),
                _ => DistinctLinkCounter::new(),
            },
        }
    }

    /// For how many seconds the address is refused; `None` if it is not. Takes no lock
    /// in a minute without a failure.
    pub fn retry_after(&self, address: IpAddr) -> Option<u64> {
        if !self.is_active.load(Ordering::Relaxed) {
            return None;
        }
        self.retry_after_at(address, self.started_at.elapsed())
    }

    /// Raises the allowance of the address's networks: it requested a link that exists,
    /// whether or not the link is available. Takes no lock.
    pub fn record_success(&self, address: IpAddr, link: LinkKey) {
        if self.max_failures > 0 {
            self.record_success_at(address, link, self.started_at.elapsed());
        }
    }

    /// Counts a failed attempt with `id_or_secret`.
    pub fn record_failure(&self, address: IpAddr, id_or_secret: &impl Hash) {
        if self.max_failures > 0 {
            self.record_failure_at(address, id_or_secret, self.started_at.elapsed());
        }
    }

    fn retry_after_at(&self, address: IpAddr, now: Duration) -> Option<u64> {
        let minute = self.minute(now);
        let is_over_limit = |network: &Network| {
            let n_failures = minute.failures.get(network).map_or(0, HashSet::len);
            n_failures > 0 && n_failures >= self.allowed_failures(network, minute.number)
        };
        let is_refused = Network::all_of(address).any(|network| is_over_limit(&network));
        let minute_end_s = MINUTE.as_secs() * (minute.number + 1);
        is_refused.then(|| minute_end_s.saturating_sub(now.as_secs()).max(1))
    }

    fn record_success_at(&self, address: IpAddr, link: LinkKey, now: Duration) {
        let link_hash = self.hasher.hash_one(link.0);
        for network in Network::all_of(address) {
            let network_hash = self.hasher.hash_one(network);
            self.found_links
                .add(network_hash, link_hash, minute_number(now));
        }
    }

    fn record_failure_at(&self, address: IpAddr, id_or_secret: &impl Hash, now: Duration) {
        let attempt_hash = self.hasher.hash_one(id_or_secret);
        let mut minute = self.minute(now);
        self.is_active.store(true, Ordering::Relaxed);
        for network in Network::all_of(address) {
            let n_networks = minute.failures.len();
            if n_networks < MAX_NETWORKS || minute.failures.contains_key(&network) {
                let failures = minute.failures.entry(network).or_default();
                failures.insert(attempt_hash);
            }
        }
    }

    /// How often a network may fail in this minute.
    fn allowed_failures(&self, network: &Network, minute_number: u64) -> usize {
        let max_failures = match network.prefix_len {
            48 => self.max_failures.saturating_mul(FACTOR_OF_A_48),
            _ => self.max_failures,
        };
        let max_failures = usize::try_from(max_failures).unwrap_or(usize::MAX);
        let network_hash = self.hasher.hash_one(network);
        max_failures.saturating_add(self.found_links.estimate(network_hash, minute_number))
    }

    /// Locks the failures of this minute; forgets those of an earlier one.
    fn minute(&self, now: Duration) -> MutexGuard<'_, Minute> {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let number = minute_number(now);
        if minute.number != number {
            self.is_active.store(false, Ordering::Relaxed);
            *minute = Minute {
                number,
                failures: HashMap::new(),
            };
        }
        minute
    }
}

fn minute_number(now: Duration) -> u64 {
    now.as_secs() / MINUTE.as_secs()
}
