//! Which conversion of an identity came first, as far as Redis remembers: the answer to a
//! repeated postback names the conversion that is stored.
//!
//! The worker decides what is stored, by the same identities. If Redis does not answer, nothing
//! is known about a repetition, and the postback is accepted as any other.

use std::time::Duration;

use domain::{
    dedupe::{Identity, RETRY_WINDOW},
    hex,
    id::{AccountId, ConversionId},
};
use platform::{
    log_rate_limit::LogRateLimiter,
    redis_cache::{CacheError, RedisCache},
};
use sha2::{Digest as _, Sha256};

/// How long the first conversion of an identity is remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub struct FirstConversions {
    redis: RedisCache,
}

impl FirstConversions {
    pub fn new(redis: RedisCache) -> Self {
        Self { redis }
    }

    /// The first conversion of the identity if it was another one, and remembers this one if
    /// there is none.
    pub async fn find_or_remember(
        &self,
        account_id: AccountId,
        identity: &Identity,
        conversion_id: ConversionId,
    ) -> Option<ConversionId> {
        let (identity, ttl) = match identity {
            Identity::Key(key) => (key, REMEMBERED_FOR),
            Identity::KeyInWindow(key) => (key, RETRY_WINDOW.unsigned_abs()),
        };
        let digest = Sha256::digest(identity);
        let key = format!("first/{account_id}/{}", hex::encode(&digest));
        let value = conversion_id.to_string();
        let first = self.redis.get_or_put(&key, value.as_bytes(), ttl).await;
        let first = first.unwrap_or_else(|error| {
            static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
            if !matches!(error, CacheError::CircuitOpen)
                && let Some(suppressed) = LOG_LIMIT.permit()
            {
                tracing::warn!(
                    error.message = %error,
                    suppressed,
                    "a repeated conversion cannot be recognised"
                );
            }
            None
        });
        ConversionId::parse(str::from_utf8(&first?).ok()?).ok()
    }
}
