//! The limit of failed attempts to sign in, by e-mail address and by network, counted in Redis for
//! all replicas together. Each process also counts its own, so that an outage of Redis does not
//! open the door to guessing.
//!
//! An attempt is counted before the password is compared, and taken back if it succeeds: many
//! attempts at once get no more tries than one after the other.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use platform::redis_cache::RedisCache;
use prometheus_client::metrics::counter::Counter;
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;

const WINDOW_S: u64 = 15 * 60;
/// How many times as often an address may fail from all networks together, and a network at all
/// addresses.
const FACTOR_OF_ALL: u64 = 10;
/// Counters of one window that a process keeps; further ones are only in Redis.
const MAX_OWN_COUNTERS: usize = 100_000;
/// How often in a window a link for a new password may be asked for, which is mailed.
const MAX_PASSWORD_LINKS: u64 = 5;

/// What is attempted. Each kind is counted on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptKind {
    SignIn,
    PasswordLink,
}

pub struct Throttle {
    redis: RedisCache,
    max_failures: u64,
    skipped: Counter,
    own: Mutex<OwnCounters>,
}

/// What this process has counted in a window.
#[derive(Debug, Default)]
struct OwnCounters {
    window: u64,
    counts: HashMap<String, u64>,
}

/// An attempt that is counted as failed until it succeeds.
#[derive(Debug)]
pub struct Attempt {
    window: u64,
    keys: [String; 3],
    /// How many attempts may follow it.
    pub tries_left: u64,
}

impl Throttle {
    pub fn new(redis: RedisCache, max_failures: u64, skipped: Counter) -> Self {
        Self {
            redis,
            max_failures,
            skipped,
            own: Mutex::default(),
        }
    }

    /// Counts an attempt. Fails if there were too many.
    pub async fn begin(
        &self,
        kind: AttemptKind,
        email: &str,
        ip: IpAddr,
        now_unix_s: u64,
    ) -> Result<Attempt, ApiError> {
        let window = now_unix_s / WINDOW_S;
        let (name, limit) = match kind {
            AttemptKind::SignIn => ("sign-in", self.max_failures),
            AttemptKind::PasswordLink => ("password-link", MAX_PASSWORD_LINKS),
        };
        let email = email_digest(email);
        let network = network(ip);
        let of_all = limit.saturating_mul(FACTOR_OF_ALL);
        let limits = [limit, of_all, of_all];
        let keys = [
            format!("{name}/{window}/{email}/{network}"),
            format!("{name}/{window}/{email}"),
            format!("{name}/{window}/{network}"),
        ];
        let mut tries_left = u64::MAX;
        let mut is_exceeded = false;
        for (key, limit) in keys.iter().zip(limits) {
            let count = self.increment(key, window).await;
            is_exceeded |= count > limit;
            tries_left = tries_left.min(limit.saturating_sub(count));
        }
        if is_exceeded {
            let retry_after_s = (window + 1) * WINDOW_S - now_unix_s;
            return Err(ApiError::TooManyAttempts { retry_after_s });
        }
        Ok(Attempt {
            window,
            keys,
            tries_left,
        })
    }

    /// Takes an attempt back that has succeeded.
    pub async fn succeed(&self, attempt: Attempt) {
        for key in &attempt.keys {
            if self.redis.decrement(key).await.is_err() {
                self.skipped.inc();
            }
            let mut own = self.own(attempt.window);
            if let Some(count) = own.counts.get_mut(key) {
                *count = count.saturating_sub(1);
            }
        }
    }

    async fn increment(&self, key: &str, window: u64) -> u64 {
        let own_count = {
            let mut own = self.own(window);
            match own.counts.len() < MAX_OWN_COUNTERS || own.counts.contains_key(key) {
                true => {
                    let count = own.counts.entry(key.to_owned()).or_default();
                    *count += 1;
                    *count
                }
                false => 0,
            }
        };
        let ttl = Duration::from_secs(2 * WINDOW_S);
        match self.redis.increment(key, ttl).await {
            Ok(count) => count.max(own_count),
            Err(_) => {
                self.skipped.inc();
                own_count
            }
        }
    }

    /// The counters of this process, which forgets those of an earlier window.
    fn own(&self, window: u64) -> MutexGuard<'_, OwnCounters> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.window < window {
            *own = OwnCounters {
                window,
                counts: HashMap::new(),
            };
        }
        own
    }
}

/// Redis has no addresses.
fn email_digest(email: &str) -> String {
    let digest = Sha256::digest(email);
    digest.iter().take(16).map(|b| format!("{b:02x}")).collect()
}

/// What one client has: an IPv4 address, or a /64 of IPv6.
fn network(ip: IpAddr) -> IpNet {
    let ip = ip.to_canonical();
    let prefix_len = if ip.is_ipv4() { 32 } else { 64 };
    let network = IpNet::new_assert(ip, prefix_len);
    network.trunc()
}

#[cfg(test)]
mod tests {
    use platform::{redis_cache::RedisSettings, settings::Secret};

    use super::*;

    /// Nothing listens there: the process counts alone.
    fn throttle(max_failures: u64) -> Throttle {
        let settings = RedisSettings {
            redis_url: Secret::new("redis://127.0.0.1:1"),
            redis_prefix: String::new(),
            redis_timeout_ms: 50,
        };
        let redis = RedisCache::new(&settings).unwrap();
        Throttle::new(redis, max_failures, Counter::default())
    }

    const NOW: u64 = 900_000;

    async fn begin(throttle: &Throttle, email: &str, ip: &str, now: u64) -> Option<u64> {
        let attempt = throttle.begin(AttemptKind::SignIn, email, ip.parse().unwrap(), now);
        attempt.await.ok().map(|attempt| attempt.tries_left)
    }

    #[tokio::test]
    async fn an_address_is_limited_for_a_network_until_the_window_ends() {
        let throttle = throttle(2);
        assert_eq!(begin(&throttle, "a@e.com", "192.0.2.1", NOW).await, Some(1));
        assert_eq!(begin(&throttle, "a@e.com", "192.0.2.1", NOW).await, Some(0));
        assert_eq!(begin(&throttle, "a@e.com", "192.0.2.1", NOW).await, None);
        assert_eq!(begin(&throttle, "b@e.com", "192.0.2.1", NOW).await, Some(1));
        assert_eq!(begin(&throttle, "a@e.com", "192.0.2.2", NOW).await, Some(1));
        let later = NOW + WINDOW_S;
        assert_eq!(
            begin(&throttle, "a@e.com", "192.0.2.1", later).await,
            Some(1)
        );
    }

    #[tokio::test]
    async fn a_network_is_limited_for_all_addresses_and_an_address_for_all_networks() {
        let throttle = throttle(1);
        for i in 0..10 {
            let email = format!("{i}@e.com");
            let ip = format!("2001:db8::{i}");
            assert!(begin(&throttle, &email, &ip, NOW).await.is_some(), "{i}");
        }
        assert_eq!(begin(&throttle, "x@e.com", "2001:db8::ff", NOW).await, None);
        for i in 0..10 {
            let ip = format!("192.0.2.{i}");
            assert!(begin(&throttle, "y@e.com", &ip, NOW).await.is_some(), "{i}");
        }
        assert_eq!(begin(&throttle, "y@e.com", "192.0.2.99", NOW).await, None);
    }

    #[tokio::test]
    async fn an_attempt_that_succeeds_is_taken_back() {
        let throttle = throttle(1);
        let ip = "192.0.2.1".parse().unwrap();
        for _ in 0..20 {
            let attempt = throttle
                .begin(AttemptKind::SignIn, "a@e.com", ip, NOW)
                .await;
            throttle.succeed(attempt.unwrap()).await;
        }
    }
}
