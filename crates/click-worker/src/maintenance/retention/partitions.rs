//! Dropping the partitions of days that no account wants to keep.

use std::collections::BTreeMap;

use jiff::{ToSpan as _, civil::Date};
use postgres::pool::{GenericClient as _, Object};

use super::rows::account_list;
use crate::ingest::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartitionState {
    Attached,
    /// Its detachment was interrupted. Nobody can write to it any more.
    DetachPending,
    Detached,
}

/// The table of a day of clicks.
#[derive(Debug)]
pub(super) struct Partition {
    pub name: String,
    pub day: Date,
    state: PartitionState,
}

/// Lists the attached partitions of days before `end`.
pub(super) async fn partition_list_before(
    client: &Object,
    end: Date,
) -> Result<Vec<Partition>, StoreError> {
    let mut partitions = partition_list(client).await?;
    partitions.retain(|p| p.day < end && p.state == PartitionState::Attached);
    Ok(partitions)
}

/// Lists the partitions of clicks, including those that are detached.
async fn partition_list(client: &Object) -> Result<Vec<Partition>, StoreError> {
    let statement = client
        .prepare_cached(
            "SELECT c.relname::text AS name, i.inhdetachpending AS is_pending
             FROM pg_class c
             LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = 'clicks'::regclass
             WHERE c.relname ~ '^clicks_[0-9]{8}$'
               AND c.relkind = 'r'
               AND c.relnamespace = current_schema()::regnamespace
             ORDER BY c.relname",
        )
        .await?;
    let rows = client.query(&statement, &[]).await?;
    let partition = |row: &tokio_postgres::Row| {
        let name: String = row.get("name");
        let day = Date::strptime("%Y%m%d", name.strip_prefix("clicks_")?).ok()?;
        let state = match row.get("is_pending") {
            Some(false) => PartitionState::Attached,
            Some(true) => PartitionState::DetachPending,
            None => PartitionState::Detached,
        };
        Some(Partition { name, day, state })
    };
    Ok(rows.iter().filter_map(partition).collect())
}

/// Finishes the detachments of an earlier run, and drops what it has detached.
pub(super) async fn finish_detached(
    client: &Object,
    horizons: &BTreeMap<i64, Date>,
) -> Result<(), StoreError> {
    for partition in partition_list(client).await? {
        match partition.state {
            PartitionState::Attached => continue,
            PartitionState::DetachPending => {
                let name = &partition.name;
                let sql = format!("ALTER TABLE clicks DETACH PARTITION {name} FINALIZE");
                execute_with_short_lock(client, &sql).await?;
            }
            PartitionState::Detached => {}
        }
        drop_or_attach(client, &partition, horizons).await?;
    }
    Ok(())
}

/// Detaches a partition and drops it. Detaching waits for the transactions that use the table
/// now, without blocking others.
pub(super) async fn partition_drop(
    client: &Object,
    partition: &Partition,
    horizons: &BTreeMap<i64, Date>,
) -> Result<(), StoreError> {
    let name = &partition.name;
    let sql = format!("ALTER TABLE clicks DETACH PARTITION {name} CONCURRENTLY");
    execute_with_short_lock(client, &sql).await?;
    drop_or_attach(client, partition, horizons).await
}

/// How long a change of the table's definition waits for each lock. Everything that comes later
/// queues behind it for that time.
const LOCK_TIMEOUT: &str = "100ms";

async fn execute_with_short_lock(client: &Object, sql: &str) -> Result<(), StoreError> {
    let set = format!("SET lock_timeout = '{LOCK_TIMEOUT}'");
    client.batch_execute(&set).await?;
    let result = client.batch_execute(sql).await;
    client.batch_execute("RESET lock_timeout").await?;
    Ok(result?)
}

/// Drops a detached partition if no account wants to keep any of its clicks. A late click of
/// another account may have been stored just before the detachment; then the partition is
/// attached again.
async fn drop_or_attach(
    client: &Object,
    partition: &Partition,
    horizons: &BTreeMap<i64, Date>,
) -> Result<(), StoreError> {
    let Partition { name, day, .. } = partition;
    let accounts = account_list(client, name).await?;
    if accounts.iter().all(is_expired_on(*day, horizons)) {
        client.batch_execute(&format!("DROP TABLE {name}")).await?;
        tracing::info!(
            partition = name,
            "dropped a partition that no account wants to keep"
        );
        return Ok(());
    }
    let next = day.saturating_add(1.day());
    let sql = format!(
        "ALTER TABLE clicks ATTACH PARTITION {name}
         FOR VALUES FROM ('{day} 00:00:00+00') TO ('{next} 00:00:00+00')"
    );
    execute_with_short_lock(client, &sql).await?;
    tracing::info!(
        partition = name,
        "a late click was stored in a detached partition, attached it again"
    );
    Ok(())
}

/// A predicate: whether an account does not want to keep a day.
pub(super) fn is_expired_on(day: Date, horizons: &BTreeMap<i64, Date>) -> impl Fn(&i64) -> bool {
    move |account_id| {
        horizons
            .get(account_id)
            .is_some_and(|horizon| day < *horizon)
    }
}
