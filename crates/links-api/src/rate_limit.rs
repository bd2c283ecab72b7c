//! The limit of requests per API key or user and minute, counted in Redis for all replicas together.
//! While Redis is unavailable no request is limited: an outage of Redis must not become one
//! of the API.

use std::time::Duration;

use platform::redis_cache::RedisCache;
use prometheus_client::metrics::counter::Counter;

use crate::auth::{Caller, Identity};

/// What a key has left of the current minute, as the `X-RateLimit` headers say.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    pub limit: u64,
    pub remaining: u64,
    /// Start of the next minute, in Unix seconds.
    pub reset_unix_s: u64,
    pub retry_after_s: u64,
    pub is_exceeded: bool,
}

pub struct RateLimits {
    redis: RedisCache,
    /// For keys without a limit of their own; `None` if those are not limited.
    default_per_minute: Option<u32>,
    skipped: Counter,
}

const WINDOW_S: u64 = 60;

impl RateLimits {
    /// `default_per_minute` is for keys without a limit of their own; 0 is no limit.
    pub fn new(redis: RedisCache, default_per_minute: u32, skipped: Counter) -> Self {
        Self {
            redis,
            default_per_minute: (default_per_minute > 0).then_some(default_per_minute),
            skipped,
        }
    }

    /// Counts a request. Returns `None` if it is not limited.
    pub async fn count(&self, caller: &Caller, now_unix_s: u64) -> Option<Allowance> {
        let name = match &caller.identity {
            Identity::ApiKey { id, .. } => id.to_string(),
            Identity::User(user) => format!("user-{}", user.user_id),
            Identity::Nobody => return None,
        };
        let limit = u64::from(caller.rate_limit_per_minute.or(self.default_per_minute)?);
        let window = now_unix_s / WINDOW_S;
        let key = format!("rate/{name}/{window}");
        let n_requests = match self
            .redis
            .increment(&key, Duration::from_secs(2 * WINDOW_S))
            .await
        {
            Ok(n_requests) => n_requests,
            Err(_) => {
                self.skipped.inc();
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
