//! Requests per API key and minute, counted in Redis for all replicas
//! together. While Redis is away nobody is limited.

use std::time::Duration;

use platform::redis_cache::RedisCache;
use prometheus_client::metrics::counter::Counter;

use crate::auth::Caller;

/// What a key has left of the running minute.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    pub limit: u64,
    pub remaining: u64,
    /// When the next minute begins, in Unix seconds.
    pub reset_unix_s: u64,
    pub retry_after_s: u64,
    pub is_exceeded: bool,
}

pub struct RateLimits {
    cache: RedisCache,
    /// Of keys without a limit of their own; `None` is no limit.
    default_per_minute: Option<u32>,
    uncounted: Counter,
}

const WINDOW_S: u64 = 60;

impl RateLimits {
    pub fn new(cache: RedisCache, default_per_minute: u32, uncounted: Counter) -> Self {
        Self {
            cache,
            default_per_minute: (default_per_minute > 0).then_some(default_per_minute),
            uncounted,
        }
    }

    /// Counts a request. `None`: this key is not limited.
    pub async fn count(&self, caller: &Caller, now_unix_s: u64) -> Option<Allowance> {
        let limit = u64::from(caller.rate_limit_per_minute.or(self.default_per_minute)?);
        let window = now_unix_s / WINDOW_S;
        let key = format!("rate/{}/{window}", caller.key_id);
        let n_requests = match self
            .cache
            .increment(&key, Duration::from_secs(2 * WINDOW_S))
            .await
        {
            Ok(n_requests) => n_requests,
            Err(_) => {
                self.uncounted.inc();
                return None;
            }
        };
        let reset_unix_s = (window + 1) * WINDOW_S;
        Some(Allowance {
            limit,
            remaining: limit.saturating_sub(n_requests),
            reset_unix_s,
            retry_after_s: reset_unix_s - now_unix_s,
            is_exceeded: n_requests > limit,
        })
    }
}
