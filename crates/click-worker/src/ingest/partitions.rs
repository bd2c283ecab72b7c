//! Creating the partitions of `clicks`: one for every day (UTC) that has clicks.
//!
//! The partitions of the next days are created before they are needed, so that no batch waits
//! for one at midnight. The partition for a late click is created when the click comes.

use std::collections::BTreeSet;

use domain::click::ClickEvent;
use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use postgres::{
    advisory_lock::AdvisoryLock,
    pool::{GenericClient, Object, Pool},
};

use super::StoreError;

/// For how many days after today partitions are created ahead.
const DAYS_AHEAD: i64 = 3;

/// How long changing the definition of `clicks` may wait for its lock, and so block the inserts
/// that queue behind it. After that, the batch is retried.
const LOCK_TIMEOUT: &str = "100ms";

/// The days whose partitions are known to exist.
#[derive(Debug, Default)]
pub struct Partitions(BTreeSet<Date>);

impl Partitions {
    /// Creates the partitions that the events need and that do not exist.
    pub async fn create_missing<'e>(
        &mut self,
        client: &mut Object,
        events: impl Iterator<Item = &'e ClickEvent<'static>>,
    ) -> Result<(), StoreError> {
        let days: BTreeSet<_> = events.map(day).collect();
        for day in days.difference(&self.0.clone()) {
            partition_create(client, *day).await?;
            self.0.insert(*day);
        }
        Ok(())
    }

    /// Forgets which partitions exist, because one may have been dropped.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// Creates the partitions of today and the next days.
pub async fn create_ahead(pool: &Pool) -> Result<(), StoreError> {
    let mut client = pool.get().await?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    for ahead in 0..=DAYS_AHEAD {
        partition_create(&mut client, today.saturating_add(ahead.days())).await?;
    }
    Ok(())
}

/// The name of a day's partition.
pub fn partition_name(day: Date) -> String {
    format!("clicks_{}", day.strftime("%Y%m%d"))
}

fn day(event: &ClickEvent<'static>) -> Date {
    event.click_id.time().to_zoned(TimeZone::UTC).date()
}

/// Creates the partition of a day, unless it exists. Attaching a complete table takes a weaker
/// lock than creating it as a partition, so other workers can insert meanwhile.
async fn partition_create(client: &mut Object, day: Date) -> Result<(), StoreError> {
    let name = partition_name(day);
    if let Some(exists) = partition_find(client, &name).await? {
        return exists.check_attached();
    }
    let transaction = client.transaction().await?;
    let creation_lock = AdvisoryLock::PartitionCreation;
    creation_lock.acquire_in_txn(&transaction).await?;
    // Another worker may have created it before this one got the lock.
    let existing = partition_find(&transaction, &name).await?;
    if existing.is_none() {
        let next = day.saturating_add(1.day());
        let sql = format!(
            "SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';
             CREATE TABLE {name} (LIKE clicks INCLUDING CONSTRAINTS);
             ALTER TABLE clicks ATTACH PARTITION {name}
             FOR VALUES FROM ('{day} 00:00:00+00') TO ('{next} 00:00:00+00')"
        );
        let created = transaction.batch_execute(&sql).await;
        created.map_err(StoreError::NoPartition)?;
        tracing::info!(partition = name, "created a partition");
    }
    transaction.commit().await?;
    existing.map_or(Ok(()), ExistingTable::check_attached)
}

/// The state of a day's table, which may not be a partition any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExistingTable {
    Attached,
    /// Retention is about to drop it, or to attach it again.
    Detached,
}

impl ExistingTable {
    fn check_attached(self) -> Result<(), StoreError> {
        match self {
            Self::Attached => Ok(()),
            Self::Detached => Err(StoreError::PartitionDetached),
        }
    }
}

/// Finds the table of a day. It reads the catalogue as a table, because `to_regclass` uses a
/// cache that may not contain yet what another worker has just created.
async fn partition_find(
    client: &impl GenericClient,
    name: &str,
) -> Result<Option<ExistingTable>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "SELECT i.inhdetachpending IS NOT DISTINCT FROM false AS is_attached
             FROM pg_class c
             LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = 'clicks'::regclass
             WHERE c.relname = $1 AND c.relnamespace = current_schema()::regnamespace",
        )
        .await?;
    let row = client.query_opt(&statement, &[&name]).await?;
    Ok(row.map(|row| match row.get("is_attached") {
        true => ExistingTable::Attached,
        false => ExistingTable::Detached,
    }))
}
