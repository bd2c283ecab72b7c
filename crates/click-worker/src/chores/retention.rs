//! Removing what is older than an account wants it kept: whole days, by UTC.
//!
//! A day of clicks goes with its partition where nobody wants it any more, and else the
//! accounts' rows are deleted. Totals stay: they name no person.
//!
//! Nobody waits for any of it. Rows are deleted in pieces. A partition is detached
//! concurrently, so that neither readers nor writers of other days notice; it is dropped
//! once nobody can reach it. A reader of its own day (a backup, say) makes that fail, and
//! it is done at a later time. What is left half done (a detachment that was interrupted,
//! a partition that is detached and not dropped) is finished first.

use std::{collections::BTreeMap, time::Instant};

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use ledger::account_lock;
use postgres::pool::{GenericClient, Object, Pool};

use super::PieceSize;
use crate::store::StoreError;

/// How long a conversion is kept of which nothing is known but the id of a click that never
/// came: anybody can invent such ids.
const MAX_WAITING: SignedDuration = SignedDuration::from_hours(24);

/// What has been done already: the first day that is left of each account.
pub type Done = BTreeMap<i64, Date>;

pub async fn remove_old(pool: &Pool, done: &mut Done) -> Result<(), StoreError> {
    let mut client = pool.get().await?;
    let now = Timestamp::now();
    let today = now.to_zoned(TimeZone::UTC).date();
    let horizons = account_raise_raw_since(&client, today).await?;
    finish_detached(&client, &horizons).await?;
    let is_done = horizons
        .iter()
        .all(|(id, horizon)| done.get(id) == Some(horizon));
    if !is_done {
        remove_clicks(&mut client, &horizons).await?;
    }
    for (account_id, horizon) in horizons {
        if done.get(&account_id) == Some(&horizon) {
            continue;
        }
        for old in [CONVERSIONS, MESSAGE_CLICKS, MESSAGES] {
            remove_rows(&mut client, old, account_id, midnight(horizon)).await?;
        }
        done.insert(account_id, horizon);
    }
    remove_rows(&mut client, WAITING, 0, now - MAX_WAITING).await?;
    Ok(())
}

fn midnight(day: Date) -> Timestamp {
    let time = day.to_zoned(TimeZone::UTC);
    time.map_or(Timestamp::MIN, |time| time.timestamp())
}

/// The first day that each account keeps. Written down before anything goes:
/// what is older does not add up to the totals from here on, and is not stored any more.
async fn account_raise_raw_since(
    client: &Object,
    today: Date,
) -> Result<BTreeMap<i64, Date>, StoreError> {
    let statement = client
        .prepare_cached(
            "UPDATE accounts
             SET raw_since = greatest(raw_since, $1::timestamptz - make_interval(days => retention_days))
             WHERE retention_days IS NOT NULL
             RETURNING id, retention_days",
        )
        .await?;
    let rows = client.query(&statement, &[&midnight(today)]).await?;
    let horizon = |row: &tokio_postgres::Row| {
        let days: i32 = row.get("retention_days");
        (row.get("id"), today.saturating_sub(days.days()))
    };
    Ok(rows.iter().map(horizon).collect())
}

async fn remove_clicks(
    client: &mut Object,
    horizons: &BTreeMap<i64, Date>,
) -> Result<(), StoreError> {
    let latest = horizons.values().max().copied().unwrap_or(Date::MIN);
    for partition in partition_list(client).await? {
        if partition.day >= latest || partition.state != PartitionState::Attached {
            continue;
        }
        let accounts = account_list(client, &partition.name).await?;
        let is_old = is_old_on(partition.day, horizons);
        if accounts.iter().all(&is_old) {
            detach(client, &partition.name).await?;
            drop_or_attach(client, &partition, horizons).await?;
            continue;
        }
        for account_id in accounts.into_iter().filter(is_old) {
            let old = Old {
                table: &partition.name,
                is_old: "m.account_id = $1 AND $2::timestamptz IS NOT NULL",
            };
            remove_rows(client, old, account_id, midnight(partition.day)).await?;
        }
    }
    Ok(())
}

fn is_old_on(day: Date, horizons: &BTreeMap<i64, Date>) -> impl Fn(&i64) -> bool {
    move |account_id| {
        horizons
            .get(account_id)
            .is_some_and(|horizon| day < *horizon)
    }
}

/// The accounts that have clicks in a partition: by its index from one to the next,
/// since days that are kept for ever are looked at again and again.
async fn account_list(
    client: &impl GenericClient,
    partition: &str,
) -> Result<Vec<i64>, StoreError> {
    let sql = format!(
        "WITH RECURSIVE found AS (
             SELECT min(account_id) AS account_id FROM {partition}
             UNION ALL
             SELECT (SELECT min(c.account_id) FROM {partition} c WHERE c.account_id > found.account_id)
             FROM found
             WHERE found.account_id IS NOT NULL
         )
         SELECT account_id FROM found WHERE account_id IS NOT NULL"
    );
    let rows = client.query(&sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get("account_id")).collect())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartitionState {
    Attached,
    /// Its detachment was interrupted: nobody writes to it any more.
    DetachPending,
    Detached,
}

#[derive(Debug)]
struct Partition {
    name: String,
    day: Date,
    state: PartitionState,
}

/// The partitions of clicks with their days, and those that were detached.
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

/// Finishes what an earlier run has begun.
async fn finish_detached(
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

/// Takes a partition out of the table. It waits, without holding anybody up, for those
/// who use the table now.
async fn detach(client: &Object, partition: &str) -> Result<(), StoreError> {
    let sql = format!("ALTER TABLE clicks DETACH PARTITION {partition} CONCURRENTLY");
    execute_with_short_lock(client, &sql).await
}

/// How long a change of the table's definition waits for each lock, and those behind it.
const LOCK_TIMEOUT: &str = "100ms";

async fn execute_with_short_lock(client: &Object, sql: &str) -> Result<(), StoreError> {
    let set = format!("SET lock_timeout = '{LOCK_TIMEOUT}'");
    client.batch_execute(&set).await?;
    let result = client.batch_execute(sql).await;
    client.batch_execute("RESET lock_timeout").await?;
    Ok(result?)
}

/// Drops a detached partition if all that is in it is old. A late click of another
/// account may have come just before it was detached: then it is attached again.
async fn drop_or_attach(
    client: &Object,
    partition: &Partition,
    horizons: &BTreeMap<i64, Date>,
) -> Result<(), StoreError> {
    let Partition { name, day, .. } = partition;
    let accounts = account_list(client, name).await?;
    if accounts.iter().all(is_old_on(*day, horizons)) {
        client.batch_execute(&format!("DROP TABLE {name}")).await?;
        tracing::info!(
            partition = name,
            "dropped a partition that nobody wants to keep"
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
        "kept a partition: a late click came into it"
    );
    Ok(())
}

/// What is old in a table `m`: of account `$1`, before `$2`.
#[derive(Clone, Copy)]
struct Old<'o> {
    table: &'o str,
    is_old: &'static str,
}

/// A conversion stays while a later refund or chargeback does that came without a secret:
/// what is counted of that depends on it.
const CONVERSIONS: Old<'_> = Old {
    table: "conversions",
    is_old: "
        m.account_id = $1
        AND m.converted_at < $2
        AND NOT EXISTS (
            SELECT
            FROM conversions r
            WHERE r.account_id = m.account_id
              AND r.txn_id = m.txn_id
              AND r.txn_id IS NOT NULL
              AND NOT r.authenticated
              AND r.event IN ('refund', 'chargeback')
              AND r.converted_at >= $2
        )",
};

const MESSAGES: Old<'_> = Old {
    table: "messages",
    is_old: "m.account_id = $1 AND m.sent_at < $2",
};

/// A message click stays while later clicks of its contact do, which would
/// otherwise take its place, and while later conversions are credited to it.
const MESSAGE_CLICKS: Old<'_> = Old {
    table: "message_clicks",
    is_old: "
        m.account_id = $1
        AND m.clicked_at < $2
        AND (m.contact_phone IS NULL OR NOT EXISTS (
            SELECT
            FROM links l
            JOIN clicks c ON c.link_key = l.id AND c.contact_phone = m.contact_phone
            WHERE l.id = m.link_key
               OR (l.account_id = m.account_id AND l.message_id = m.message_id)
        ))
        AND NOT EXISTS (
            SELECT
            FROM conversions c
            WHERE c.account_id = m.account_id
              AND c.message_key = m.message_key
              AND c.credited_click_id = m.click_id
        )",
};

const WAITING: Old<'_> = Old {
    table: "conversions",
    is_old: "m.account_id IS NULL AND $1::bigint = 0 AND m.stored_at < $2",
};

/// Rows that are found at once.
const MAX_FOUND: i64 = 5_000;

/// Deletes what is old, piece by piece. It is looked for without a lock, as long as that
/// takes, and looked at again under the account's, when it is deleted: what is removed
/// must not be counted anew meanwhile.
async fn remove_rows(
    client: &mut Object,
    Old { table, is_old }: Old<'_>,
    account_id: i64,
    horizon: Timestamp,
) -> Result<(), StoreError> {
    let find = format!("SELECT m.ctid::text AS place FROM {table} m WHERE {is_old} LIMIT $3");
    let delete =
        format!("DELETE FROM {table} m WHERE m.ctid = ANY ($3::text[]::tid[]) AND {is_old}");
    let mut piece_size = PieceSize::default();
    loop {
        let transaction = client.transaction().await?;
        transaction
            .batch_execute("SET LOCAL statement_timeout = 0")
            .await?;
        let found = transaction
            .query(&find, &[&account_id, &horizon, &MAX_FOUND])
            .await?;
        transaction.commit().await?;
        if found.is_empty() {
            return Ok(());
        }
        let places: Vec<String> = found.iter().map(|row| row.get("place")).collect();
        let mut places = places.as_slice();
        while !places.is_empty() {
            let (piece, rest) = places.split_at(piece_size.rows().min(places.len()));
            let started = Instant::now();
            let transaction = client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            transaction
                .execute(&delete, &[&account_id, &horizon, &piece])
                .await?;
            transaction.commit().await?;
            piece_size.took(started.elapsed());
            places = rest;
        }
    }
}
