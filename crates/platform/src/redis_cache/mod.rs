//! Redis as a cache of records, which may be unavailable at any time: every call has a
//! time limit, and a circuit breaker makes calls fail at once after a failure, so that an
//! outage costs a caller no more than a cache miss. What a miss means is the caller's.

mod delivery;
mod subscription;

use std::{sync::Arc, time::Duration};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use crate::{
    circuit_breaker::CircuitBreaker,
    settings::{Secret, SettingError, parse_server_url},
};
pub use delivery::{Delivery, VersionedRecord};
pub use subscription::Subscription;

/// The settings of Redis, the same for every service that uses it.
#[derive(Debug, Clone, clap::Args)]
pub struct RedisSettings {
    /// redis://user:password@host:port/database, the cache of records. TLS (rediss://) is
    /// not supported.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_parser = parse_redis_url)]
    pub redis_url: Secret,
    /// A prefix for every key. It must be the same for links-api and the redirectors.
    #[arg(long, env = "REDIS_PREFIX", default_value = "waypost:")]
    pub redis_prefix: String,
    /// How long a call may take, in milliseconds. Too low: a busy Redis is
    /// mistaken for an unavailable one. Too high: an unavailable one slows down every
    /// cache miss.
    #[arg(long, env = "REDIS_TIMEOUT_MS", default_value = "100",
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub redis_timeout_ms: u64,
}

fn parse_redis_url(text: &str) -> Result<Secret, SettingError> {
    let url = parse_server_url(text, "redis", &["rediss", "valkeys"])?;
    if url.query_pairs().any(|(option, _)| option != "protocol") {
        let wrong = "it has an option that is not known; there is protocol";
        return Err(SettingError(wrong.to_owned()));
    }
    if redis::Client::open(text).is_err() {
        let wrong = "its database is no number, or protocol is neither resp2 nor resp3";
        return Err(SettingError(wrong.to_owned()));
    }
    Ok(Secret::new(text))
}

/// Why a call to Redis failed.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("Redis returned an error: {0}")]
    Failed(#[from] redis::RedisError),
    #[error("Redis did not answer in time")]
    TimedOut,
    #[error("Redis failed a moment ago and is not asked again yet")]
    CircuitOpen,
    #[error("messages arrived faster than they were read")]
    Overflowed,
}

/// A connection to Redis, and the prefix of all keys. Clones share the connection and the
/// circuit breaker.
#[derive(Clone)]
pub struct RedisCache {
    client: redis::Client,
    connection: ConnectionManager,
    prefix: Arc<str>,
    timeout: Duration,
    uses_circuit_breaker: bool,
    breaker: CircuitBreaker,
}

impl RedisCache {
    /// How long calls are refused after a failure.
    const OPEN_FOR: Duration = Duration::from_millis(500);

    /// Does not connect before the first call. Fails if the URL is not valid. Must be
    /// called in an async runtime.
    pub fn new(settings: &RedisSettings) -> Result<Self, redis::RedisError> {
        let timeout = Duration::from_millis(settings.redis_timeout_ms);
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout.max(Duration::from_millis(500))))
            .set_response_timeout(Some(timeout))
            // The circuit breaker decides when the next call tries again.
            .set_number_of_retries(0);
        let client = redis::Client::open(settings.redis_url.reveal())?;
        Ok(Self {
            connection: ConnectionManager::new_lazy_with_config(client.clone(), config)?,
            client,
            prefix: settings.redis_prefix.as_str().into(),
            timeout,
            uses_circuit_breaker: true,
            breaker: CircuitBreaker::new(Self::OPEN_FOR),
        })
    }

    /// For callers with a retry interval of their own, such as the relay: the circuit
    /// breaker does not refuse their calls.
    pub fn without_circuit_breaker(mut self) -> Self {
        self.uses_circuit_breaker = false;
        self
    }

    /// Reads a value; `None` if there is none.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let mut command = redis::cmd("GET");
        command.arg(self.key(key));
        self.call(async |connection| command.query_async(connection).await)
            .await
    }

    /// Stores the records whose keys are not there yet for `ttl`, in one round trip. An
    /// existing record may be newer, so it stays.
    pub async fn put_all_if_absent(
        &self,
        records: &[(String, Vec<u8>)],
        ttl: Duration,
    ) -> Result<(), CacheError> {
        let mut pipeline = redis::pipe();
        for (key, value) in records {
            let mut set = redis::cmd("SET");
            set.arg(self.key(key)).arg(value);
            set.arg("NX").arg("EX").arg(ttl.as_secs().max(1));
            pipeline.add_command(set).ignore();
        }
        self.call(async |connection| pipeline.query_async(connection).await)
            .await
    }

    /// Reads a value, and stores this one for `ttl` if there is none, in one step.
    pub async fn get_or_put(
        &self,
        key: &str,
        value: &[u8],
        ttl: Duration,
    ) -> Result<Option<Vec<u8>>, CacheError> {
        let mut command = redis::cmd("SET");
        command.arg(self.key(key)).arg(value);
        command.arg("NX").arg("GET").arg("EX");
        command.arg(ttl.as_secs().max(1));
        self.call(async |connection| command.query_async(connection).await)
            .await
    }

    /// Stores a record for `ttl`, unless a newer version of it is there.
    pub async fn put_unless_older(
        &self,
        key: &str,
        json: &[u8],
        version: i64,
        ttl: Duration,
    ) -> Result<(), CacheError> {
        let mut command = redis::cmd("EVAL");
        command.arg(delivery::PUT_SCRIPT).arg(1).arg(self.key(key));
        command.arg(json).arg(version).arg(ttl.as_secs().max(1));
        self.call(async |connection| command.query_async(connection).await)
            .await
    }

    /// Replaces records by newer versions, publishes the key of each on the channel, and
    /// stores the id of this delivery. Redis does all of this or, if it stops in between
    /// or refuses writes, none of it. Returns false if another process has delivered in
    /// the meantime; then nothing was done.
    pub async fn deliver(&self, delivery: &Delivery<'_>) -> Result<bool, CacheError> {
        let command = delivery.command(|key| self.key(key));
        self.call(async |connection| command.query_async(connection).await)
            .await
    }

    /// Adds one to a counter, which is deleted `ttl` after it was first raised. Returns
    /// the new value.
    pub async fn increment(&self, key: &str, ttl: Duration) -> Result<u64, CacheError> {
        let key = self.key(key);
        let mut expire = redis::cmd("EXPIRE");
        expire.arg(&key).arg(ttl.as_secs().max(1)).arg("NX");
        let mut pipeline = redis::pipe();
        pipeline.incr(&key, 1).add_command(expire).ignore();
        let (value,): (u64,) = self
            .call(async |connection| pipeline.query_async(connection).await)
            .await?;
        Ok(value)
    }

    /// Takes one from a counter, if it is there.
    pub async fn decrement(&self, key: &str) -> Result<(), CacheError> {
        const SCRIPT: &str = "if redis.call('EXISTS', KEYS[1]) == 1 then \
            redis.call('DECR', KEYS[1]) end";
        let mut command = redis::cmd("EVAL");
        command.arg(SCRIPT).arg(1).arg(self.key(key));
        self.call(async |connection| command.query_async(connection).await)
            .await
    }

    /// Subscribes to a channel, on a connection of its own.
    pub async fn subscribe(&self, channel: &str) -> Result<Subscription, CacheError> {
        Subscription::open(&self.client, &self.key(channel), self.timeout).await
    }

    /// Succeeds if Redis answers.
    pub async fn ping(self) -> Result<(), CacheError> {
        self.call(async |connection| redis::cmd("PING").query_async(connection).await)
            .await
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn call<T>(
        &self,
        call: impl AsyncFnOnce(&mut ConnectionManager) -> redis::RedisResult<T>,
    ) -> Result<T, CacheError> {
        if self.uses_circuit_breaker && !self.breaker.allow_call() {
            return Err(CacheError::CircuitOpen);
        }
        let mut connection = self.connection.clone();
        let result = match tokio::time::timeout(self.timeout, call(&mut connection)).await {
            Ok(result) => result.map_err(CacheError::from),
            Err(_) => Err(CacheError::TimedOut),
        };
        match result {
            Ok(_) => self.breaker.record_success(),
            Err(_) if !self.uses_circuit_breaker => {}
            Err(_) => self.breaker.record_failure(),
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_url_is_refused_without_its_password() {
        for good in [
            "redis://h",
            "redis://:secret@h:1/2",
            "redis://u:secret@[::1]:1",
            "redis://h/0?protocol=resp3",
        ] {
            assert!(parse_redis_url(good).is_ok(), "{good}");
        }
        let table = [
            ("", "redis://"),
            ("h:6379", "redis://"),
            ("redis+unix:///x", "redis://"),
            ("rediss://:secret@h", "TLS"),
            ("rediss://h/#insecure", "TLS"),
            ("redis://h/#insecure", "#"),
            ("redis://a,b", "one host"),
            ("redis://a:1,redis://b:1", "one host"),
            ("redis://", "host"),
            ("redis://h:0", "port"),
            ("redis://h/x", "database"),
            ("redis://h?protocol=9", "protocol"),
            ("redis://h?ssl=true", "not known"),
            ("redis://:se/cret@h", "percent-encoded"),
        ];
        for (text, expected) in table {
            let error = parse_redis_url(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("cret"), "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn an_unavailable_redis_costs_one_timeout_and_then_calls_fail_at_once() {
        // This listener accepts connections and never answers, as a frozen Redis would.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", silent.local_addr().unwrap());
        let settings = RedisSettings {
            redis_url: url.parse().unwrap(),
            redis_prefix: "test:".to_owned(),
            redis_timeout_ms: 20,
        };
        let cache = RedisCache::new(&settings).unwrap();
        let first = cache.get("link/x").await;
        assert!(
            matches!(first, Err(CacheError::TimedOut | CacheError::Failed(_))),
            "{first:?}"
        );
        let second = cache.get("link/x").await;
        assert!(matches!(second, Err(CacheError::CircuitOpen)), "{second:?}");
    }
}
