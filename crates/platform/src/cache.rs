//! Redis as a cache of records. It may be away at any time: every call is
//! bounded, and after a failure it is left alone for a moment, so that an
//! outage costs a caller nothing but the miss.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};

/// Why the cache gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CacheUnavailable {
    #[error("Redis answers with an error: {0}")]
    Failed(#[from] redis::RedisError),
    #[error("Redis does not answer in time")]
    TimedOut,
    #[error("Redis failed a moment ago and is left alone")]
    LeftAlone,
}

/// A connection to Redis and the prefix of our keys.
#[derive(Clone)]
pub struct Cache {
    connection: ConnectionManager,
    prefix: Arc<str>,
    timeout: Duration,
    started: Instant,
    /// Milliseconds after `started` until which Redis is left alone.
    left_alone_until_ms: Arc<AtomicU64>,
}

impl Cache {
    /// How long Redis is left alone after it failed.
    const PAUSE: Duration = Duration::from_millis(500);

    /// Connects on first use. Fails on a URL that is none. Must be called in
    /// an async runtime.
    pub fn new(url: &str, prefix: &str, timeout: Duration) -> Result<Self, redis::RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout.max(Duration::from_millis(500))))
            .set_response_timeout(Some(timeout))
            // The pause and the next call are the retry.
            .set_number_of_retries(0);
        let client = redis::Client::open(url)?;
        Ok(Self {
            connection: ConnectionManager::new_lazy_with_config(client, config)?,
            prefix: prefix.into(),
            timeout,
            started: Instant::now(),
            left_alone_until_ms: Arc::default(),
        })
    }

    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheUnavailable> {
        let mut command = redis::cmd("GET");
        command.arg(self.key(key));
        self.bounded(async |connection| command.query_async(connection).await)
            .await
    }

    /// Stores all of them in one round trip, for `ttl`.
    pub async fn put_all(
        &self,
        records: &[(String, Vec<u8>)],
        ttl: Duration,
    ) -> Result<(), CacheUnavailable> {
        let mut pipeline = redis::pipe();
        for (key, value) in records {
            let ttl_s = ttl.as_secs().max(1);
            pipeline.set_ex(self.key(key), value, ttl_s).ignore();
        }
        self.bounded(async |connection| pipeline.query_async(connection).await)
            .await
    }

    pub async fn ping(&self) -> Result<(), CacheUnavailable> {
        self.bounded(async |connection| redis::cmd("PING").query_async(connection).await)
            .await
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn bounded<T>(
        &self,
        call: impl AsyncFnOnce(&mut ConnectionManager) -> redis::RedisResult<T>,
    ) -> Result<T, CacheUnavailable> {
        let now_ms = || u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now_ms() < self.left_alone_until_ms.load(Ordering::Relaxed) {
            return Err(CacheUnavailable::LeftAlone);
        }
        let mut connection = self.connection.clone();
        let result = match tokio::time::timeout(self.timeout, call(&mut connection)).await {
            Ok(result) => result.map_err(CacheUnavailable::from),
            Err(_) => Err(CacheUnavailable::TimedOut),
        };
        if result.is_err() {
            let pause_ms = u64::try_from(Self::PAUSE.as_millis()).unwrap_or(u64::MAX);
            self.left_alone_until_ms
                .store(now_ms().saturating_add(pause_ms), Ordering::Relaxed);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_redis_that_is_away_costs_one_timeout_and_then_nothing() {
        // A listener that never answers, as a frozen Redis would.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", silent.local_addr().unwrap());
        let cache = Cache::new(&url, "test:", Duration::from_millis(20)).unwrap();
        let first = cache.get("link/x").await;
        assert!(
            matches!(
                first,
                Err(CacheUnavailable::TimedOut | CacheUnavailable::Failed(_))
            ),
            "{first:?}"
        );
        let second = cache.get("link/x").await;
        assert!(
            matches!(second, Err(CacheUnavailable::LeftAlone)),
            "{second:?}"
        );
    }
}
