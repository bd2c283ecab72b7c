//! A partition of `clicks` for every UTC day that has some.
//!
//! Those of the next days are made before they are needed, so that nothing waits for one
//! at midnight; one for a late click, when it comes.

use std::collections::BTreeSet;

use domain::click::ClickEvent;
use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use postgres::{
    advisory_lock::AdvisoryLock,
    pool::{GenericClient, Object, Pool},
};

use super::StoreError;

/// How many days ahead of today there are partitions.
const DAYS_AHEAD: i64 = 3;

/// How long the definition of `clicks` may be waited for, and those who insert be held up
/// behind that; after it the batch is tried again.
const LOCK_TIMEOUT: &str = "100ms";

/// The days whose partitions are known to exist.
#[derive(Debug, Default)]
pub struct Partitions(BTreeSet<Date>);

impl Partitions {
    /// Makes the partitions that these events need and that are missing.
    pub async fn ensure<'e>(
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

    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// Makes the partitions of today and the next days.
pub async fn make_ahead(pool: &Pool) -> Result<(), StoreError> {
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

/// Attaching a finished table takes a weaker lock than making it in place:
/// other workers go on inserting meanwhile.
async fn partition_create(client: &mut Object, day: Date) -> Result<(), StoreError> {
    let name = partition_name(day);
    if let Some(exists) = partition_find(client, &name).await? {
        return exists.attached();
    }
    let transaction = client.transaction().await?;
    let creation_lock = AdvisoryLock::PartitionCreation;
    creation_lock.acquire_in_txn(&transaction).await?;
    let found = partition_find(&transaction, &name).await?;
    if found.is_none() {
        let next = day.saturating_add(1.day());
        let sql = format!(
            "SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';
             CREATE TABLE {name} (LIKE clicks INCLUDING CONSTRAINTS);
             ALTER TABLE clicks ATTACH PARTITION {name}
             FOR VALUES FROM ('{day} 00:00:00+00') TO ('{next} 00:00:00+00')"
        );
        let made = transaction.batch_execute(&sql).await;
        made.map_err(StoreError::NoPartition)?;
        tracing::info!(partition = name, "made a partition");
    }
    transaction.commit().await?;
    found.map_or(Ok(()), Exists::attached)
}

/// A day's table, which may not be a partition any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exists {
    Attached,
    /// Retention is about to drop it, or to attach it again.
    Detached,
}

impl Exists {
    fn attached(self) -> Result<(), StoreError> {
        match self {
            Self::Attached => Ok(()),
            Self::Detached => Err(StoreError::PartitionDetached),
        }
    }
}

/// Reads the catalogue as a table: `to_regclass` answers from a cache that may not know
/// yet what another worker has made just now.
async fn partition_find(
    client: &impl GenericClient,
    name: &str,
) -> Result<Option<Exists>, tokio_postgres::Error> {
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
        true => Exists::Attached,
        false => Exists::Detached,
    }))
}
