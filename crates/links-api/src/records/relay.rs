//! Brings changed records to Redis and tells redirectors of them.
//!
//! A change is a row of `changes`, written in the transaction that changed
//! the record. The relay reads the record as it stands, replaces it in Redis
//! unless a newer version is there, names it on the channel, and numbers the
//! row: its place in the order of deliveries. The last number is in Redis too,
//! in the same step as the records it stands for. So a Redis that was emptied
//! or has come back with an old copy of its data is known by its number, and
//! gets every later delivery again.
//!
//! Any number of links-api may run a relay: one of them delivers at a time.

use std::{collections::HashSet, sync::Arc, time::Duration};

use domain::record::{CHANGES_CHANNEL, RecordKey};
use platform::cache::{Cache, CacheUnavailable, Replacement, Versioned};
use prometheus_client::metrics::counter::Counter;
use store::{
    advisory_locks::CHANGE_RELAY,
    pool::{GenericClient, Pool, Transaction},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::find;
use crate::error::ApiError;

/// How long a change waits at most until somebody looks: whoever made it may
/// have died before it told its own relay.
const POLL: Duration = Duration::from_millis(200);
/// Changes in one step.
const BATCH: i64 = 500;
/// Where Redis keeps the number of the last delivery.
const MARK_KEY: &str = "delivered";

pub struct Relay {
    wake: Notify,
    delivered: Counter,
    failures: Counter,
}

#[derive(Debug, thiserror::Error)]
enum NotDelivered {
    #[error("{0}")]
    Redis(#[from] CacheUnavailable),
    #[error("{0}")]
    Postgres(#[from] ApiError),
}

impl From<tokio_postgres::Error> for NotDelivered {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error.into())
    }
}

impl Relay {
    pub fn new(delivered: Counter, failures: Counter) -> Self {
        Self {
            wake: Notify::new(),
            delivered,
            failures,
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
        cache: Cache,
        ttl: Duration,
        stopping: CancellationToken,
    ) -> anyhow::Result<()> {
        let place = Place {
            pool,
            cache: cache.insistent(),
            ttl,
        };
        let mut is_failing = false;
        loop {
            let ends = stopping.is_cancelled();
            match place.deliver().await {
                Ok(n_delivered) => {
                    self.delivered.inc_by(n_delivered);
                    is_failing = false;
                    if n_delivered > 0 {
                        continue;
                    }
                }
                Err(error) => {
                    self.failures.inc();
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
                () = tokio::time::sleep(POLL) => {}
                () = stopping.cancelled() => {}
            }
        }
    }
}

/// From where to where.
struct Place {
    pool: Pool,
    cache: Cache,
    ttl: Duration,
}

impl Place {
    /// Delivers a batch; gives the number of its changes.
    async fn deliver(&self) -> Result<u64, NotDelivered> {
        let mut client = self.pool.get().await.map_err(ApiError::from)?;
        // Holds the lock, and numbers changes only if Redis has them.
        let txn = client.transaction().await?;
        if !lock(&txn).await? {
            return Ok(0);
        }
        let mark = self.cache.get(MARK_KEY).await?;
        let mark = mark.and_then(|mark| String::from_utf8(mark).ok()?.parse().ok());
        let mut batch = deliveries_after(&txn, mark.unwrap_or(0)).await?;
        if batch.keys.is_empty() {
            batch = number_new(&txn).await?;
        }
        if batch.keys.is_empty() {
            return Ok(0);
        }
        let mut records = Vec::new();
        for key in &batch.keys {
            records.push(load(&txn, key).await?);
        }
        let replacement = Replacement {
            records: &records,
            ttl: self.ttl,
            channel: CHANGES_CHANNEL,
            mark_key: MARK_KEY,
            mark: batch.last,
        };
        self.cache.replace(&replacement).await?;
        txn.commit().await?;
        Ok(batch.n_changes)
    }
}

/// The distinct keys of some changes, and the number of the last of them.
struct Batch {
    keys: HashSet<String>,
    last: i64,
    n_changes: u64,
}

impl Batch {
    fn read(rows: &[tokio_postgres::Row]) -> Self {
        let numbers = rows.iter().map(|row| row.get("delivery"));
        Self {
            keys: rows.iter().map(|row| row.get("record_key")).collect(),
            last: numbers.max().unwrap_or(0),
            n_changes: u64::try_from(rows.len()).unwrap_or(0),
        }
    }
}

async fn lock(txn: &Transaction<'_>) -> Result<bool, NotDelivered> {
    let statement = txn
        .prepare_cached("SELECT pg_try_advisory_xact_lock($1) AS locked")
        .await?;
    Ok(txn
        .query_one(&statement, &[&CHANGE_RELAY])
        .await?
        .get("locked"))
}

/// What Redis should have and, by its own number, does not have any more.
async fn deliveries_after(txn: &Transaction<'_>, mark: i64) -> Result<Batch, NotDelivered> {
    let statement = txn
        .prepare_cached(
            "SELECT record_key, delivery
             FROM changes
             WHERE delivery > $1
             ORDER BY delivery
             LIMIT $2",
        )
        .await?;
    let rows = txn.query(&statement, &[&mark, &BATCH]).await?;
    Ok(Batch::read(&rows))
}

async fn number_new(txn: &Transaction<'_>) -> Result<Batch, NotDelivered> {
    let statement = txn
        .prepare_cached(
            "UPDATE changes
             SET delivery = nextval('change_deliveries')
             WHERE id IN (
                 SELECT id
                 FROM changes
                 WHERE delivery IS NULL
                 ORDER BY id
                 LIMIT $1
             )
             RETURNING record_key, delivery",
        )
        .await?;
    let rows = txn.query(&statement, &[&BATCH]).await?;
    Ok(Batch::read(&rows))
}

async fn load(txn: &Transaction<'_>, key: &str) -> Result<Versioned, NotDelivered> {
    let found = match RecordKey::parse(key) {
        Some(key) => find(txn, &key).await?,
        None => None,
    };
    Ok(Versioned {
        key: key.to_owned(),
        record: found.map(|found| (found.json, found.version)),
    })
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
