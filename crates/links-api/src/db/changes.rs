//! The table `changes`: the outbox of record changes. A row without a `delivery` is not
//! relayed yet; a row with one was part of the delivery to Redis that has this id. The
//! transactions that change records insert the rows, see [`crate::outbox`].

use std::{collections::BTreeSet, time::Duration};

use domain::record::RecordChange;
use postgres::pool::{GenericClient, Pool};

use crate::error::ApiError;

/// Changes that are not relayed yet, in the order of their insertion.
pub struct UnrelayedChanges {
    pub ids: Vec<i64>,
    pub record_keys: BTreeSet<String>,
    /// `None` if there are none.
    pub oldest_age: Option<Duration>,
}

pub async fn list_unrelayed(
    client: &impl GenericClient,
    limit: u16,
) -> Result<UnrelayedChanges, ApiError> {
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
    let rows = client.query(&statement, &[&i64::from(limit)]).await?;
    let ages = rows.iter().map(|row| row.get::<_, f64>("age").max(0.0));
    let oldest_age = ages.reduce(f64::max);
    Ok(UnrelayedChanges {
        ids: rows.iter().map(|row| row.get("id")).collect(),
        record_keys: rows.iter().map(|row| row.get("record_key")).collect(),
        oldest_age: oldest_age.and_then(|age| Duration::try_from_secs_f64(age).ok()),
    })
}

/// Changes of the deliveries after a given one.
pub struct LaterChanges {
    pub record_keys: BTreeSet<String>,
    /// The highest delivery among them; the given one if there are none.
    pub last_delivery: i64,
    pub n_changes: usize,
}

pub async fn list_after_delivery(
    client: &impl GenericClient,
    delivery: i64,
    limit: u16,
) -> Result<LaterChanges, ApiError> {
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
        .query(&statement, &[&delivery, &i64::from(limit)])
        .await?;
    Ok(LaterChanges {
        record_keys: rows.iter().map(|row| row.get("record_key")).collect(),
        last_delivery: rows.last().map_or(delivery, |row| row.get("delivery")),
        n_changes: rows.len(),
    })
}

/// Reserves ids for a delivery, one for each change. They are higher than the ids of all
/// earlier deliveries, and ascending.
pub async fn reserve_delivery_ids(
    client: &impl GenericClient,
    n_ids: usize,
) -> Result<Vec<i64>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT nextval('change_deliveries') AS delivery_id
             FROM generate_series(1, $1)
             ORDER BY 1",
        )
        .await?;
    let n_ids = i32::try_from(n_ids).unwrap_or(i32::MAX);
    let rows = client.query(&statement, &[&n_ids]).await?;
    Ok(rows.iter().map(|row| row.get("delivery_id")).collect())
}

/// Marks changes as relayed, once Redis has them. A change that another relay has marked in
/// the meantime keeps the id of that delivery.
pub async fn mark_relayed(
    client: &impl GenericClient,
    ids: &[i64],
    delivery_ids: &[i64],
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE changes
             SET delivery = relayed.delivery_id
             FROM unnest($1::bigint[], $2::bigint[]) AS relayed (id, delivery_id)
             WHERE changes.id = relayed.id AND changes.delivery IS NULL",
        )
        .await?;
    client.execute(&statement, &[&ids, &delivery_ids]).await?;
    Ok(())
}

/// The changes of the last minute, and all that are not relayed, however old they are.
/// A transaction inserts its changes near its end, so that none becomes visible more than
/// a minute after its time.
pub async fn list_recent(client: &impl GenericClient) -> Result<Vec<RecordChange>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT id, record_key
             FROM changes
             WHERE created_at > now() - interval '1 minute' OR delivery IS NULL",
        )
        .await?;
    let rows = client.query(&statement, &[]).await?;
    let change = |row: &tokio_postgres::Row| RecordChange {
        id: row.get("id"),
        record_key: row.get("record_key"),
    };
    Ok(rows.iter().map(change).collect())
}

/// Deletes a batch of relayed changes that are older than any record in Redis can be, so
/// that no Redis will need them. Returns the number of deleted rows.
pub async fn delete_expired(pool: &Pool, record_ttl: Duration) -> Result<u64, ApiError> {
    const BATCH: i64 = 10_000;
    let client = pool.get().await?;
    let n_deleted = client
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
            &[&record_ttl.as_secs_f64(), &BATCH],
        )
        .await?;
    Ok(n_deleted)
}
