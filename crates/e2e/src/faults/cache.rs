//! Faults of Redis.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;

use super::{ExpectedEffects, Testbed, changes};

pub async fn emptied(testbed: &mut Testbed) -> ExpectedEffects {
    let mut redis = testbed.test_env.redis().await;
    let end = tokio::time::Instant::now() + testbed.profile.fault;
    while tokio::time::Instant::now() < end {
        let emptied: Result<(), _> = redis::cmd("FLUSHALL").query_async(&mut redis).await;
        emptied.expect("Redis");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    ExpectedEffects::default()
}

/// Redis evicts any keys in the first half of the time, and refuses writes in the second.
pub async fn full(testbed: &mut Testbed) -> ExpectedEffects {
    let mut redis = testbed.test_env.redis().await;
    let before = info(&mut redis, "used_memory:").await;
    let limit = (before / 10 * 8).to_string();
    set(&mut redis, "maxmemory-policy", "allkeys-lru").await;
    set(&mut redis, "maxmemory", &limit).await;
    tokio::time::sleep(testbed.profile.fault / 2).await;
    let mut expected = ExpectedEffects::default();
    if info(&mut redis, "evicted_keys:").await == 0 {
        expected.violations.push("nothing was evicted".to_owned());
    }
    set(&mut redis, "maxmemory-policy", "noeviction").await;
    set(&mut redis, "maxmemory", "1").await;
    let end = Instant::now() + testbed.profile.fault / 2;
    let what = "while Redis refuses writes";
    let wrong = changes::check_until(testbed, end, what).await;
    expected.violations.extend(wrong);
    set(&mut redis, "maxmemory", "0").await;
    expected
}

async fn set(redis: &mut MultiplexedConnection, name: &str, value: &str) {
    let mut command = redis::cmd("CONFIG");
    command.arg("SET").arg(name).arg(value);
    let set: Result<(), _> = command.query_async(redis).await;
    set.expect("Redis");
}

/// A number in the output of `INFO`.
async fn info(redis: &mut MultiplexedConnection, name: &str) -> u64 {
    let info: Result<String, _> = redis::cmd("INFO").query_async(redis).await;
    let info = info.expect("Redis");
    let line = info.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|value| value.trim().parse().ok())
        .expect("INFO has it")
}
