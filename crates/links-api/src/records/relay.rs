//! Brings changed records to Redis and tells redirectors of them.
//!
//! A change is a row of `changes`, written in the transaction that changed the record.
//! The relay takes rows without a number, delivers their records, and then marks the rows
//! with the number of their delivery. A delivery is one step of Redis: it replaces each
//! record unless a newer version is there, names it on the channel, and stores the
//! delivery's number. So a Redis that was emptied or has come back with an old copy of its
//! data is known by its number, and gets every later delivery again: in batches, behind
//! what is new.
//!
//! Any number of links-api run a relay, and none waits for another: no lock is held over
//! a call, every step ends by a time-out, and a delivery does nothing when Redis has
//! another number than the relay has read. Whoever is frozen between two steps leaves
//! rows without a number, which the next one delivers (again).
//!
//! Once a second a heartbeat with the last number says on the channel that all is
//! delivered. It is a delivery without records: a Redis that refuses writes gives no
//! heartbeat either, and redirectors then ask the origin.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use domain::record::{CHANGES_CHANNEL, ChannelMessage, RecordKey};
use platform::{
    health::DependencyHealth,
    redis_cache::{CacheError, Delivery, RedisCache, VersionedRecord},
};
use postgres::pool::{Object, Pool};
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use rand::RngExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::find_all;
use crate::error::ApiError;

/// How long a change waits at most until somebody looks: whoever made it may
/// have died before it told its own relay.
const POLL: Duration = Duration::from_millis(200);
/// Changes in one step.
const BATCH: u16 = 500;
/// Where Redis keeps the number of the last delivery.
const NUMBER_KEY: &str = "delivered";
/// How often a heartbeat is sent.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// No heartbeat is sent while a change waits for longer than this.
const HEARTBEAT_MAX_AGE: Duration = Duration::from_secs(1);
/// How long Postgres may take for a step. No other links-api waits for it.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a relay waits at most before it looks again after another has delivered.
const CONTENTION_WAIT_MS: u64 = 30;

/// What an operator sees of the relay.
#[derive(Debug, Clone, Default)]
pub struct RelayMetrics {
    pub delivered: Counter,
    pub failures: Counter,
    /// Seconds since the oldest change was made that is not delivered; 0 if all are.
    pub oldest_undelivered: Gauge<f64, AtomicU64>,
}

pub struct Relay {
    wake: Notify,
    metrics: RelayMetrics,
    health: DependencyHealth,
}

#[derive(Debug, thiserror::Error)]
enum NotDelivered {
    #[error("{0}")]
    Redis(#[from] CacheError),
    #[error("{0}")]
    Postgres(#[from] ApiError),
    #[error("Postgres does not answer within {} s", STEP_TIMEOUT.as_secs())]
    TimedOut,
}

impl From<tokio_postgres::Error> for NotDelivered {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error.into())
    }
}

/// What a look at the changes came to.
enum Looked {
    Delivered(usize),
    /// Another links-api delivers just now.
    Overtaken,
}

impl Relay {
    pub fn new(metrics: RelayMetrics, health: DependencyHealth) -> Self {
        Self {
            wake: Notify::new(),
            metrics,
            health,
        }
    }

    /// There is a change, committed just now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Until the service stops, and once more then.
    pub async fn run(
        self: Arc<Self>,
        pool: Pool,
        cache: RedisCache,
        ttl: Duration,
        stopping: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut route = Route {
            pool,
            cache: cache.without_circuit_breaker(),
            ttl,
            metrics: self.metrics.clone(),
            heartbeat_at: None,
        };
        let mut is_failing = false;
        loop {
            let ends = stopping.is_cancelled();
            let mut wait = POLL;
            match route.deliver().await {
                Ok(Looked::Delivered(n_delivered)) => {
                    let n = u64::try_from(n_delivered).unwrap_or(u64::MAX);
                    self.metrics.delivered.inc_by(n);
                    self.health.mark_up();
                    if std::mem::replace(&mut is_failing, false) {
                        tracing::info!("changes are delivered again");
                    }
                    if n_delivered > 0 {
                        continue;
                    }
                }
                Ok(Looked::Overtaken) => {
                    let ms = rand::rng().random_range(1..=CONTENTION_WAIT_MS);
                    wait = Duration::from_millis(ms);
                }
                Err(error) => {
                    self.metrics.failures.inc();
                    self.health
                        .mark_down(format!("changes are not delivered: {error}"));
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = %error, "changes are not delivered: trying on");
                    }
                }
            }
            if ends {
                return Ok(());
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
                () = stopping.cancelled() => {}
            }
        }
    }
}

/// From where to where changes are delivered.
struct Route {
    pool: Pool,
    cache: RedisCache,
    ttl: Duration,
    metrics: RelayMetrics,
    /// When this relay sent its last heartbeat.
    heartbeat_at: Option<Instant>,
}

/// The number in Redis, as it stands there.
struct RedisNumber(Option<Vec<u8>>);

impl RedisNumber {
    /// 0 in a Redis that has none: all deliveries are later.
    fn get(&self) -> i64 {
        let text = self.0.as_deref().map(String::from_utf8_lossy);
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

impl Route {
    /// Delivers what is new, and then a batch of what Redis has lost.
    async fn deliver(&mut self) -> Result<Looked, NotDelivered> {
        let new = self.step(take_new).await?;
        let oldest_s = new.oldest.map_or(0.0, |age| age.as_secs_f64());
        self.metrics.oldest_undelivered.set(oldest_s);
        let number = RedisNumber(self.cache.get(NUMBER_KEY).await?);
        let after = number.get();
        let lost = self
            .step(async |client| take_after(client, after).await)
            .await?;
        let is_in_order = lost.keys.is_empty();
        // Only a relay that leaves no old change behind may say so.
        let is_all = new.ids.len() < usize::from(BATCH) || new.oldest < Some(HEARTBEAT_MAX_AGE);
        let is_due = self.heartbeat_at.is_none_or(|at| at.elapsed() >= HEARTBEAT);
        let heartbeats = is_in_order && is_all && is_due;
        if !new.ids.is_empty() {
            let (numbers, records) = self
                .step(async |client| {
                    let numbers = reserve_numbers(client, new.ids.len()).await?;
                    Ok((numbers, load(client, &new.keys).await?))
                })
                .await?;
            // While Redis lacks earlier deliveries, its number has to stay.
            let last = match is_in_order {
                true => numbers.last().copied().unwrap_or(after),
                false => after,
            };
            if !self.send(&records, &number, last, heartbeats).await? {
                return Ok(Looked::Overtaken);
            }
            self.step(async |client| mark_delivered(client, &new.ids, &numbers).await)
                .await?;
        } else if heartbeats && !self.send(&[], &number, after, true).await? {
            return Ok(Looked::Overtaken);
        }
        if !is_in_order {
            let records = self
                .step(async |client| load(client, &lost.keys).await)
                .await?;
            if !self.send(&records, &number, lost.last, false).await? {
                return Ok(Looked::Overtaken);
            }
        }
        Ok(Looked::Delivered(new.ids.len() + lost.n_changes))
    }

    /// False if another relay has delivered since the number was read.
    async fn send(
        &mut self,
        records: &[VersionedRecord],
        number: &RedisNumber,
        last: i64,
        heartbeats: bool,
    ) -> Result<bool, NotDelivered> {
        let after = number.get();
        let mut messages = Vec::new();
        if !records.is_empty() {
            messages.push(ChannelMessage::Delivered { after, last }.to_string());
        }
        if heartbeats {
            messages.push(ChannelMessage::Heartbeat { last }.to_string());
        }
        let delivery = Delivery {
            records,
            ttl: self.ttl,
            channel: CHANGES_CHANNEL,
            messages: &messages,
            last_delivery_key: NUMBER_KEY,
            expected_last_delivery: number.0.as_deref(),
            delivery_id: last,
        };
        let is_sent = self.cache.deliver(&delivery).await?;
        if is_sent && heartbeats {
            self.heartbeat_at = Some(Instant::now());
        }
        Ok(is_sent)
    }

    /// Statements that end in time, or their connection does.
    async fn step<T>(
        &self,
        step: impl AsyncFnOnce(&Object) -> Result<T, NotDelivered>,
    ) -> Result<T, NotDelivered> {
        let client = self.pool.get().await.map_err(ApiError::from)?;
        match tokio::time::timeout(STEP_TIMEOUT, step(&client)).await {
            Ok(result) => result,
            Err(_) => {
                postgres::pool::discard(client);
                Err(NotDelivered::TimedOut)
            }
        }
    }
}

/// Changes without a number, oldest first.
struct NewChanges {
    ids: Vec<i64>,
    keys: BTreeSet<String>,
    /// How long the oldest has waited.
    oldest: Option<Duration>,
}

async fn take_new(client: &Object) -> Result<NewChanges, NotDelivered> {
    let statement = client
        .prepare_cached(
            "SELECT id, record_key,
                    extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
             FROM changes
             WHERE delivery IS NULL
             ORDER BY id
             LIMIT $1",
        )
        .await?;
    let rows = client.query(&statement, &[&i64::from(BATCH)]).await?;
    let ages = rows.iter().map(|row| row.get::<_, f64>("age").max(0.0));
    let oldest = ages.reduce(f64::max);
    Ok(NewChanges {
        ids: rows.iter().map(|row| row.get("id")).collect(),
        keys: rows.iter().map(|row| row.get("record_key")).collect(),
        oldest: oldest.and_then(|age| Duration::try_from_secs_f64(age).ok()),
    })
}

/// Deliveries that Redis should have and, by its own number, does not have any more.
struct LostChanges {
    keys: BTreeSet<String>,
    /// The number of the last of them.
    last: i64,
    n_changes: usize,
}

async fn take_after(client: &Object, number: i64) -> Result<LostChanges, NotDelivered> {
    let statement = client
        .prepare_cached(
            "SELECT record_key, delivery
             FROM changes
             WHERE delivery > $1
             ORDER BY delivery
             LIMIT $2",
        )
        .await?;
    let rows = client
        .query(&statement, &[&number, &i64::from(BATCH)])
        .await?;
    Ok(LostChanges {
        keys: rows.iter().map(|row| row.get("record_key")).collect(),
        last: rows.last().map_or(number, |row| row.get("delivery")),
        n_changes: rows.len(),
    })
}

/// Numbers that are higher than those of all deliveries before.
async fn reserve_numbers(client: &Object, n: usize) -> Result<Vec<i64>, NotDelivered> {
    let statement = client
        .prepare_cached(
            "SELECT nextval('change_deliveries') AS number
             FROM generate_series(1, $1)
             ORDER BY 1",
        )
        .await?;
    let n = i32::try_from(n).unwrap_or(i32::MAX);
    let rows = client.query(&statement, &[&n]).await?;
    Ok(rows.iter().map(|row| row.get("number")).collect())
}

/// After Redis has them. A change that another relay has marked meanwhile keeps its number.
async fn mark_delivered(client: &Object, ids: &[i64], numbers: &[i64]) -> Result<(), NotDelivered> {
    let statement = client
        .prepare_cached(
            "UPDATE changes
             SET delivery = delivered.number
             FROM unnest($1::bigint[], $2::bigint[]) AS delivered (id, number)
             WHERE changes.id = delivered.id AND changes.delivery IS NULL",
        )
        .await?;
    client.execute(&statement, &[&ids, &numbers]).await?;
    Ok(())
}

/// The records of these keys as they stand, in a query for each kind of record.
async fn load(
    client: &Object,
    keys: &BTreeSet<String>,
) -> Result<Vec<VersionedRecord>, NotDelivered> {
    let parsed = keys.iter().filter_map(|key| RecordKey::parse(key));
    let found = find_all(client, parsed.collect()).await?;
    let versioned = |key: &String| {
        let found = RecordKey::parse(key).and_then(|key| found.get(&key));
        VersionedRecord {
            key: key.clone(),
            record: found.map(|found| (found.json.clone(), found.version)),
        }
    };
    Ok(keys.iter().map(versioned).collect())
}

/// Removes deliveries from before any record that Redis can still have.
pub async fn forget_old(pool: &Pool, ttl: Duration) -> Result<u64, ApiError> {
    const AT_ONCE: i64 = 10_000;
    let client = pool.get().await?;
    let ttl_s = ttl.as_secs_f64();
    let removed = client
        .execute(
            "DELETE FROM changes
             WHERE id IN (
                 SELECT id
                 FROM changes
                 WHERE delivery IS NOT NULL
                   AND created_at < now() - make_interval(secs => $1)
                 ORDER BY delivery
                 LIMIT $2
             )",
            &[&ttl_s, &AT_ONCE],
        )
        .await?;
    Ok(removed)
}
