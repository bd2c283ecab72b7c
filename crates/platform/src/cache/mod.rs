//! Redis as a cache of records. It may be away at any time: every call is
//! bounded, and after a failure it is left alone for a moment, so that an
//! outage costs a caller nothing but the miss.

mod subscription;

use std::{sync::Arc, time::Duration};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use crate::{
    circuit_breaker::CircuitBreaker,
    settings::{Explained, Secret, server_url},
};
pub use subscription::Subscription;

/// The settings of the cache, the same for every service that uses it.
#[derive(Debug, Clone, clap::Args)]
pub struct CacheSettings {
    /// redis://user:password@host:port/database, the cache of records. TLS (rediss://) is
    /// not spoken.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_parser = redis_url)]
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

/// A parser for the setting.
fn redis_url(text: &str) -> Result<Secret, Explained> {
    let url = server_url(text, "redis", &["rediss", "valkeys"])?;
    if url.query_pairs().any(|(option, _)| option != "protocol") {
        let wrong = "it has an option that is not known; there is protocol";
        return Err(Explained(wrong.to_owned()));
    }
    if redis::Client::open(text).is_err() {
        let wrong = "its database is no number, or protocol is neither resp2 nor resp3";
        return Err(Explained(wrong.to_owned()));
    }
    Ok(Secret::new(text))
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
    #[error("messages came faster than they were read")]
    Overflowed,
}

/// A record for Redis, in the version it has.
#[derive(Debug, Clone)]
pub struct Versioned {
    pub key: String,
    /// `None`: there is no such record (any more).
    pub record: Option<(Vec<u8>, i64)>,
}

/// What [`Cache::deliver`] does in one step.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    pub records: &'a [Versioned],
    pub ttl: Duration,
    pub channel: &'a str,
    /// Published after the names of the records.
    pub messages: &'a [String],
    /// The key of the number of the last delivery.
    pub number_key: &'a str,
    /// What stands there, as [`Cache::get`] answered it: if it is something else by now,
    /// somebody else has delivered, and nothing is done.
    pub expected: Option<&'a [u8]>,
    /// What is to stand there.
    pub number: i64,
}

/// The rule of both scripts: whoever read an older version and comes late changes nothing.
macro_rules! put_unless_older {
    () => {
        "
    local function put_unless_older(key, json, version, ttl)
        local there = redis.call('GET', key)
        if there then
            local read, record = pcall(cjson.decode, there)
            if read and type(record) == 'table' and type(record.version) == 'number'
                and record.version > tonumber(version) then
                return 0
            end
        end
        redis.call('SET', key, json, 'EX', ttl)
        return 1
    end"
    };
}

/// KEYS: the record's. ARGV: record, version, seconds to live.
const PUT: &str = concat!(
    put_unless_older!(),
    "
    return put_unless_older(KEYS[1], ARGV[1], ARGV[2], ARGV[3])"
);

/// KEYS: the number's, the records'. ARGV: the expected number or '', the new number, the
/// channel, seconds to live, how many records, each record's (name, version or '', JSON),
/// messages. The number is written first of all: a Redis that refuses writes refuses
/// this one, before anything is changed or said.
const DELIVER: &str = concat!(
    put_unless_older!(),
    "
    if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
        return 0
    end
    redis.call('SET', KEYS[1], ARGV[2])
    local n_records = tonumber(ARGV[5])
    for i = 1, n_records do
        local version, json = ARGV[3 * i + 4], ARGV[3 * i + 5]
        if version == '' then
            redis.call('DEL', KEYS[i + 1])
        else
            put_unless_older(KEYS[i + 1], json, version, ARGV[4])
        end
    end
    for i = 1, n_records do
        redis.call('PUBLISH', ARGV[3], ARGV[3 * i + 3])
    end
    for i = 3 * n_records + 6, #ARGV do
        redis.call('PUBLISH', ARGV[3], ARGV[i])
    end
    return 1"
);

/// A connection to Redis and the prefix of our keys.
#[derive(Clone)]
pub struct Cache {
    client: redis::Client,
    connection: ConnectionManager,
    prefix: Arc<str>,
    timeout: Duration,
    is_insistent: bool,
    breaker: CircuitBreaker,
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
            connection: ConnectionManager::new_lazy_with_config(client.clone(), config)?,
            client,
            prefix: settings.redis_prefix.as_str().into(),
            timeout,
            is_insistent: false,
            breaker: CircuitBreaker::new(Self::PAUSE),
        })
    }

    /// For a caller that has a pace of its own: it does not leave Redis alone.
    pub fn insistent(mut self) -> Self {
        self.is_insistent = true;
        self
    }

    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheUnavailable> {
        let mut command = redis::cmd("GET");
        command.arg(self.key(key));
        self.bounded(async |connection| command.query_async(connection).await)
            .await
    }

    /// Stores those that are not there yet, in one round trip, for `ttl`. What
    /// is there may be newer, and stays.
    pub async fn put_new(
        &self,
        records: &[(String, Vec<u8>)],
        ttl: Duration,
    ) -> Result<(), CacheUnavailable> {
        let mut pipeline = redis::pipe();
        for (key, value) in records {
            let mut set = redis::cmd("SET");
            set.arg(self.key(key)).arg(value);
            set.arg("NX").arg("EX").arg(ttl.as_secs().max(1));
            pipeline.add_command(set).ignore();
        }
        self.bounded(async |connection| pipeline.query_async(connection).await)
            .await
    }

    /// Stores a record, for `ttl`, unless a newer version of it is there.
    pub async fn put(
        &self,
        key: &str,
        json: &[u8],
        version: i64,
        ttl: Duration,
    ) -> Result<(), CacheUnavailable> {
        let mut command = redis::cmd("EVAL");
        command.arg(PUT).arg(1).arg(self.key(key));
        command.arg(json).arg(version).arg(ttl.as_secs().max(1));
        self.bounded(async |connection| command.query_async(connection).await)
            .await
    }

    /// Replaces records by newer ones, names each of them on the channel, and stores the
    /// number of this delivery: all of it, or, if Redis ends between or refuses writes,
    /// none. False if somebody else has delivered meanwhile: nothing was done then.
    pub async fn deliver(&self, delivery: &Delivery<'_>) -> Result<bool, CacheUnavailable> {
        let records = delivery.records;
        let mut command = redis::cmd("EVAL");
        command.arg(DELIVER).arg(records.len() + 1);
        command.arg(self.key(delivery.number_key));
        for record in records {
            command.arg(self.key(&record.key));
        }
        command.arg(delivery.expected.unwrap_or_default());
        command.arg(delivery.number);
        command.arg(self.key(delivery.channel));
        command.arg(delivery.ttl.as_secs().max(1));
        command.arg(records.len());
        for Versioned { key, record } in records {
            command.arg(key);
            match record {
                Some((json, version)) => command.arg(version).arg(json),
                None => command.arg("").arg(""),
            };
        }
        for message in delivery.messages {
            command.arg(message);
        }
        self.bounded(async |connection| command.query_async(connection).await)
            .await
    }

    /// Adds one to a counter that ends `ttl` after its first; gives the sum.
    pub async fn count(&self, key: &str, ttl: Duration) -> Result<u64, CacheUnavailable> {
        let key = self.key(key);
        let mut expire = redis::cmd("EXPIRE");
        expire.arg(&key).arg(ttl.as_secs().max(1)).arg("NX");
        let mut pipeline = redis::pipe();
        pipeline.incr(&key, 1).add_command(expire).ignore();
        let counted: (u64,) = self
            .bounded(async |connection| pipeline.query_async(connection).await)
            .await?;
        Ok(counted.0)
    }

    /// Listens to a channel, on a connection of its own.
    pub async fn subscribe(&self, channel: &str) -> Result<Subscription, CacheUnavailable> {
        Subscription::open(&self.client, &self.key(channel), self.timeout).await
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
        if !self.is_insistent && !self.breaker.may_ask() {
            return Err(CacheUnavailable::LeftAlone);
        }
        let mut connection = self.connection.clone();
        let result = match tokio::time::timeout(self.timeout, call(&mut connection)).await {
            Ok(result) => result.map_err(CacheUnavailable::from),
            Err(_) => Err(CacheUnavailable::TimedOut),
        };
        match result {
            Ok(_) => self.breaker.succeeded(),
            Err(_) if self.is_insistent => {}
            Err(_) => self.breaker.failed(),
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_be_kept_is_refused() {
        for good in [
            "redis://h",
            "redis://:secret@h:1/2",
            "redis://u:secret@[::1]:1",
            "redis://h/0?protocol=resp3",
        ] {
            assert!(redis_url(good).is_ok(), "{good}");
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
            let refused = redis_url(text).expect_err(text).to_string();
            assert!(refused.contains(expected), "{text}: {refused}");
            assert!(!refused.contains("cret"), "{text}: {refused}");
        }
    }

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
