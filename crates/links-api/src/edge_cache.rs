//! Writes records to Redis, where redirectors look first. The origin gives a redirector what
//! Redis lacks, so a failed write costs time and loses nothing.

use std::time::Duration;

use domain::record::LinkRecord;
use platform::{
    log_rate_limit::LogRateLimiter,
    redis_cache::{CacheError, RedisCache},
};
use prometheus_client::metrics::counter::Counter;

/// Records per round trip to Redis, so that a thousand new links do not block it for long.
const BATCH: usize = 500;

pub struct EdgeCacheWriter {
    redis: RedisCache,
    record_ttl: Duration,
    write_failures: Counter,
}

impl EdgeCacheWriter {
    pub fn new(redis: RedisCache, record_ttl: Duration, write_failures: Counter) -> Self {
        Self {
            redis,
            record_ttl,
            write_failures,
        }
    }

    /// Stores new links under each of their names. A failure is counted and logged; the
    /// caller need not act on it.
    pub async fn put_new_links(&self, links: &[LinkRecord]) {
        let mut records = Vec::with_capacity(links.len() * 2);
        for link in links {
            let json = serde_json::to_vec(link).expect("a record is plain data");
            let keys = link.record_keys().into_iter();
            records.extend(keys.map(|key| (key.to_string(), json.clone())));
        }
        for batch in records.chunks(BATCH) {
            let result = self.redis.put_all_if_absent(batch, self.record_ttl).await;
            let has_failed = result.is_err();
            self.report(result);
            if has_failed {
                return;
            }
        }
    }

    /// Stores a record, unless Redis has a newer version. A failure is counted and logged.
    pub async fn put_record(&self, key: &str, json: &[u8], version: i64) {
        let put = self
            .redis
            .put_unless_older(key, json, version, self.record_ttl);
        self.report(put.await);
    }

    fn report(&self, result: Result<(), CacheError>) {
        let Err(error) = result else { return };
        self.write_failures.inc();
        static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
        if let Some(suppressed) = LOG_LIMIT.permit() {
            tracing::warn!(
                error.message = %error,
                suppressed,
                "writing records to Redis failed, the origin serves them"
            );
        }
    }
}
