//! Token buckets by key: how often something may happen for each of many keys.
//!
//! A bucket is full at first. Each time takes one token, and tokens come back at a fixed rate.

use std::{collections::HashMap, hash::Hash, time::Duration};

/// Keys with a bucket of their own. Further ones share a bucket.
const MAX_KEYS: usize = 10_000;
/// Least time between two searches for full buckets, which need no memory.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How many tokens a bucket holds, and how many come back in a second.
#[derive(Debug, Clone, Copy)]
pub struct BucketRate {
    pub burst: f64,
    pub per_second: f64,
}

/// Times are those since the start of the process.
#[derive(Debug)]
pub struct TokenBuckets<K> {
    rate: BucketRate,
    buckets: HashMap<K, Bucket>,
    /// The bucket of the keys for which there is no room.
    shared: Bucket,
    last_sweep: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    n_tokens: f64,
    updated_at: Duration,
}

impl Bucket {
    fn refill(&mut self, rate: BucketRate, now: Duration) {
        let seconds = now.saturating_sub(self.updated_at).as_secs_f64();
        self.n_tokens = (self.n_tokens + seconds * rate.per_second).min(rate.burst);
        self.updated_at = now;
    }

    fn try_take(&mut self, rate: BucketRate, now: Duration) -> bool {
        self.refill(rate, now);
        let has_token = self.n_tokens >= 1.0;
        if has_token {
            self.n_tokens -= 1.0;
        }
        has_token
    }
}

impl<K: Eq + Hash> TokenBuckets<K> {
    pub fn new(rate: BucketRate) -> Self {
        Self {
            rate,
            buckets: HashMap::new(),
            shared: full_bucket(rate, Duration::ZERO),
            last_sweep: Duration::ZERO,
        }
    }

    /// Takes a token of the key's bucket; `false` if it is empty.
    pub fn try_take(&mut self, key: K, now: Duration) -> bool {
        let rate = self.rate;
        if let Some(bucket) = self.buckets.get_mut(&key) {
            return bucket.try_take(rate, now);
        }
        if self.buckets.len() >= MAX_KEYS {
            self.sweep(now);
        }
        if self.buckets.len() >= MAX_KEYS {
            return self.shared.try_take(rate, now);
        }
        let bucket = self.buckets.entry(key);
        let bucket = bucket.or_insert_with(|| full_bucket(rate, now));
        bucket.try_take(rate, now)
    }

    /// Forgets the buckets that are full again.
    fn sweep(&mut self, now: Duration) {
        if now < self.last_sweep + SWEEP_INTERVAL {
            return;
        }
        self.last_sweep = now;
        let rate = self.rate;
        self.buckets.retain(|_, bucket| {
            bucket.refill(rate, now);
            bucket.n_tokens < rate.burst
        });
    }
}

fn full_bucket(rate: BucketRate, now: Duration) -> Bucket {
    Bucket {
        n_tokens: rate.burst,
        updated_at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: BucketRate = BucketRate {
        burst: 3.0,
        per_second: 2.0,
    };

    fn n_taken(buckets: &mut TokenBuckets<u32>, key: u32, n_times: usize, now: Duration) -> usize {
        (0..n_times).filter(|_| buckets.try_take(key, now)).count()
    }

    #[test]
    fn each_key_has_a_burst_and_then_the_rate() {
        let mut buckets = TokenBuckets::new(RATE);
        let at = Duration::from_secs;
        assert_eq!(n_taken(&mut buckets, 1, 10, at(5)), 3);
        assert_eq!(n_taken(&mut buckets, 2, 10, at(5)), 3);
        assert_eq!(n_taken(&mut buckets, 1, 10, at(6)), 2);
        assert_eq!(
            n_taken(&mut buckets, 1, 10, at(600)),
            3,
            "no more than a burst"
        );
        assert_eq!(n_taken(&mut buckets, 1, 10, at(599)), 0, "time goes on");
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let mut buckets = TokenBuckets::new(RATE);
        let now = Duration::from_secs(5);
        let n_keys = u32::try_from(MAX_KEYS).unwrap();
        for key in 0..n_keys {
            assert!(buckets.try_take(key, now));
        }
        let n_of_others = (n_keys..2 * n_keys)
            .filter(|&key| buckets.try_take(key, now))
            .count();
        assert_eq!(n_of_others, 3, "they share one bucket");
        assert_eq!(buckets.buckets.len(), MAX_KEYS);
        // Full buckets make room.
        assert!(buckets.try_take(n_keys, now + Duration::from_secs(10)));
        assert_eq!(buckets.buckets.len(), 1);
    }
}
