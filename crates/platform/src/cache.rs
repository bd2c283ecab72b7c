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

use crate::settings::Secret;

/// The settings of the cache, the same for every service that uses it.
#[derive(Debug, Clone, clap::Args)]
pub struct CacheSettings {
    /// redis://host:port, the cache of records.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Secret,
    /// Put before every key. The same for links-api and the redirectors.
    #[arg(long, env = "REDIS_PREFIX", default_value = "waypost:")]
    pub redis_prefix: String,
    /// How long a call may take, in milliseconds. Too low: a busy Redis is
    /// taken for dead. Too high: a dead one slows every miss down.
    #[arg(long, env = "REDIS_TIMEOUT_MS", default_value = "100",
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub redis_timeout_ms: u64,
}

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
    pub fn new(settings: &CacheSettings) -> Result<Self, redis::RedisError> {
        let timeout = Duration::from_millis(settings.redis_timeout_ms);
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout.max(Duration::from_millis(500))))
            .set_response_timeout(Some(timeout))
            // The pause and the next call are the retry.
            .set_number_of_retries(0);
        let client = redis::Client::open(settings.redis_url.reveal())?;
        Ok(Self {
            connection: ConnectionManager::new_lazy_with_config(client, config)?,
            prefix: settings.redis_prefix.as_str().into(),
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

    /// Whether it answers.
    pub async fn ping(self) -> Result<(), CacheUnavailable> {
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
        let settings = CacheSettings {
            redis_url: url.parse().unwrap(),
            redis_prefix: "test:".to_owned(),
            redis_timeout_ms: 20,
        };
        let cache = Cache::new(&settings).unwrap();
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
