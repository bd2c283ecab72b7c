//! Brings changed records to Redis and tells redirectors of them.
//!
//! A record change is a row of the table `changes`, written in the transaction that changed
//! the record. A relay reads rows without a delivery id, delivers their records, and then
//! marks the rows with ids of the delivery. A delivery is one step of Redis: it replaces each
//! record unless Redis has a newer version, names the record on the channel, and stores the
//! id of the delivery. By that id a Redis is recognised that was emptied or has come back
//! with an old copy of its data: it gets every later delivery again, in batches, after what
//! is new.
//!
//! Every links-api runs a relay, and none waits for another: no lock is held over a network
//! call, each step of Postgres has a time limit, and a delivery does nothing if the id in
//! Redis is not the one that the relay has read. A relay that is frozen between two steps
//! leaves rows without a delivery id, which the next relay delivers (again).
//!
//! Once a second a heartbeat with the last delivery id says on the channel that everything is
//! delivered. A heartbeat is a delivery without records, so that a Redis that refuses writes
//! sends none, and redirectors then ask the origin.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use domain::record::{CHANGES_CHANNEL, ChannelMessage, RecordKey};
use platform::redis_cache::{CacheError, Delivery, RedisCache, VersionedRecord};
use postgres::pool::{Object, Pool};

use super::loader::load_records;
use crate::{
    db::changes::{
        LaterChanges, UnrelayedChanges, list_after_delivery, list_unrelayed, mark_relayed,
        reserve_delivery_ids,
    },
    error::ApiError,
    metrics::RelayMetrics,
};

/// Changes in a delivery.
const BATCH: u16 = 500;
/// Where Redis keeps the id of the last delivery.
const LAST_DELIVERY_KEY: &str = "delivered";
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// While a change has waited for longer than this, no heartbeat is sent.
const HEARTBEAT_MAX_AGE: Duration = Duration::from_secs(1);
/// Longest time that Postgres may take for a step. A slow step delays this relay only.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// The database to read changes from and the Redis to deliver them to.
pub struct RelayTarget {
    pool: Pool,
    redis: RedisCache,
    record_ttl: Duration,
    metrics: RelayMetrics,
    last_heartbeat: Option<Instant>,
}

/// What came of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// All of the batch was delivered; more changes may wait if it was not empty.
    Delivered { n_changes: usize },
    /// The relay of another links-api delivered in the meantime.
    Overtaken,
}

#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error("{0}")]
    Redis(#[from] CacheError),
    #[error("{0}")]
    Postgres(#[from] ApiError),
    #[error("Postgres does not answer within {} s", STEP_TIMEOUT.as_secs())]
    Timeout,
}

/// The id of the last delivery, in the form in which Redis has it.
struct LastDelivery(Option<Vec<u8>>);

impl LastDelivery {
    /// 0 if Redis has none, so that all deliveries are later.
    fn id(&self) -> i64 {
        let text = self.0.as_deref().map(String::from_utf8_lossy);
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

impl RelayTarget {
    /// `redis` is used without its circuit breaker, since a relay has its own retry interval.
    pub fn new(pool: Pool, redis: RedisCache, record_ttl: Duration, metrics: RelayMetrics) -> Self {
        Self {
            pool,
            redis: redis.without_circuit_breaker(),
            record_ttl,
            metrics,
            last_heartbeat: None,
        }
    }

    /// Delivers a batch of new changes, then a batch of what Redis has lost.
    pub async fn deliver_batch(&mut self) -> Result<DeliveryOutcome, RelayError> {
        let unrelayed = self
            .step(async |client| Ok(list_unrelayed(client, BATCH).await?))
            .await?;
        let oldest_s = unrelayed.oldest_age.map_or(0.0, |age| age.as_secs_f64());
        self.metrics.oldest_unrelayed_age.set(oldest_s);
        let last = LastDelivery(self.redis.get(LAST_DELIVERY_KEY).await?);
        let lost = self
            .step(async |client| Ok(list_after_delivery(client, last.id(), BATCH).await?))
            .await?;
        let sends_heartbeat = lost.record_keys.is_empty() && self.is_heartbeat_due(&unrelayed);
        let is_delivered = self
            .deliver_unrelayed(&unrelayed, &last, &lost, sends_heartbeat)
            .await?
            && self.deliver_lost(&lost, &last).await?;
        Ok(if is_delivered {
            DeliveryOutcome::Delivered {
                n_changes: unrelayed.ids.len() + lost.n_changes,
            }
        } else {
            DeliveryOutcome::Overtaken
        })
    }

    /// A heartbeat says that no change older than a second waits, so it is due only if this
    /// batch has all changes, or all that are that old.
    fn is_heartbeat_due(&self, unrelayed: &UnrelayedChanges) -> bool {
        let is_complete = unrelayed.ids.len() < usize::from(BATCH)
            || unrelayed.oldest_age < Some(HEARTBEAT_MAX_AGE);
        let last = self.last_heartbeat;
        is_complete && last.is_none_or(|at| at.elapsed() >= HEARTBEAT_INTERVAL)
    }

    /// Returns false if another relay has delivered since `last` was read.
    async fn deliver_unrelayed(
        &mut self,
        unrelayed: &UnrelayedChanges,
        last: &LastDelivery,
        lost: &LaterChanges,
        sends_heartbeat: bool,
    ) -> Result<bool, RelayError> {
        if unrelayed.ids.is_empty() {
            return Ok(!sends_heartbeat || self.send(&[], last, last.id(), true).await?);
        }
        let (delivery_ids, records) = self
            .step(async |client| {
                let ids = reserve_delivery_ids(client, unrelayed.ids.len()).await?;
                Ok((ids, load_versions(client, &unrelayed.record_keys).await?))
            })
            .await?;
        // While Redis lacks earlier deliveries, the id in it has to stay: a higher one would
        // say that Redis has them.
        let delivery_id = if lost.record_keys.is_empty() {
            delivery_ids.last().copied().unwrap_or(last.id())
        } else {
            last.id()
        };
        if !self
            .send(&records, last, delivery_id, sends_heartbeat)
            .await?
        {
            return Ok(false);
        }
        self.step(async |client| Ok(mark_relayed(client, &unrelayed.ids, &delivery_ids).await?))
            .await?;
        Ok(true)
    }

    /// Returns false if another relay has delivered since `last` was read.
    async fn deliver_lost(
        &mut self,
        lost: &LaterChanges,
        last: &LastDelivery,
    ) -> Result<bool, RelayError> {
        if lost.record_keys.is_empty() {
            return Ok(true);
        }
        let records = self
            .step(async |client| load_versions(client, &lost.record_keys).await)
            .await?;
        self.send(&records, last, lost.last_delivery, false).await
    }

    /// Returns false if another relay has delivered since `last` was read.
    async fn send(
        &mut self,
        records: &[VersionedRecord],
        last: &LastDelivery,
        delivery_id: i64,
        sends_heartbeat: bool,
    ) -> Result<bool, RelayError> {
        let mut messages = Vec::new();
        if !records.is_empty() {
            let message = ChannelMessage::Delivered {
                after: last.id(),
                last: delivery_id,
            };
            messages.push(message.to_string());
        }
        if sends_heartbeat {
            messages.push(ChannelMessage::Heartbeat { last: delivery_id }.to_string());
        }
        let delivery = Delivery {
            records,
            ttl: self.record_ttl,
            channel: CHANGES_CHANNEL,
            messages: &messages,
            last_delivery_key: LAST_DELIVERY_KEY,
            expected_last_delivery: last.0.as_deref(),
            delivery_id,
        };
        let is_delivered = self.redis.deliver(&delivery).await?;
        if is_delivered && sends_heartbeat {
            self.last_heartbeat = Some(Instant::now());
        }
        Ok(is_delivered)
    }

    /// Runs statements within [`STEP_TIMEOUT`]. A connection on which they take longer is
    /// discarded.
    async fn step<T>(
        &self,
        step: impl AsyncFnOnce(&Object) -> Result<T, RelayError>,
    ) -> Result<T, RelayError> {
        let client = self.pool.get().await.map_err(ApiError::from)?;
        match tokio::time::timeout(STEP_TIMEOUT, step(&client)).await {
            Ok(result) => result,
            Err(_) => {
                postgres::pool::discard(client);
                Err(RelayError::Timeout)
            }
        }
    }
}

/// The records with these keys in their current versions, also for keys without a record:
/// Redis must delete those.
async fn load_versions(
    client: &Object,
    keys: &BTreeSet<String>,
) -> Result<Vec<VersionedRecord>, RelayError> {
    let parsed = keys.iter().filter_map(|key| RecordKey::parse(key));
    let records = load_records(client, parsed.collect()).await?;
    let versioned = |key: &String| {
        let record = RecordKey::parse(key).and_then(|key| records.get(&key));
        VersionedRecord {
            key: key.clone(),
            record: record.map(|record| (record.json.clone(), record.version)),
        }
    };
    Ok(keys.iter().map(versioned).collect())
}
