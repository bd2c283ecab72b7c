//! Removing what is older than an account wants it kept: whole days, by UTC.
//!
//! A day of clicks is dropped with its partition where nobody wants it any more,
//! and else the accounts' rows are deleted. Totals stay: they name no person.

use std::collections::BTreeMap;

use ::store::{
    ledger::{self, Lock},
    pool::{GenericClient, Object, Pool},
};
use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};

use super::alone;
use crate::store::StoreError;

const LOCK: i64 = 0x7761_7970_6f73_7405;

/// Rows that are deleted in one transaction.
const MAX_ROWS: i64 = 5_000;

/// A conversion of which nothing is known but the id of a click that never came.
const WAITING_DAYS: i32 = 30;

/// What has been done already: the first day that is left of each account.
pub type Done = BTreeMap<i64, Date>;

pub async fn remove_old(pool: &Pool, done: &mut Done) -> Result<(), StoreError> {
    let mut client = pool.get().await?;
    let Some(alone) = alone(&mut client, LOCK).await? else {
        return Ok(());
    };
    let mut client = pool.get().await?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let horizons = account_raise_raw_since(&client, today).await?;
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
    let waiting_since = midnight(today.saturating_sub(WAITING_DAYS.days()));
    remove_rows(&mut client, WAITING, 0, waiting_since).await?;
    alone.commit().await?;
    Ok(())
}

fn midnight(day: Date) -> Timestamp {
    let time = day.to_zoned(TimeZone::UTC);
    time.map_or(Timestamp::MIN, |time| time.timestamp())
}

/// The first day that each account keeps. Written down before anything goes:
/// what is older does not add up to the totals from here on.
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
    for (partition, day) in partition_list(client).await? {
        if day >= latest {
            continue;
        }
        let accounts = account_list(client, &partition).await?;
        let is_old = |account: &i64| horizons.get(account).is_some_and(|horizon| day < *horizon);
        if accounts.iter().all(is_old) && drop_partition(client, &partition, is_old).await? {
            continue;
        }
        let old: Vec<i64> = accounts.into_iter().filter(is_old).collect();
        let sql = format!(
            "DELETE FROM {partition}
             WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM {partition} WHERE account_id = ANY ($1) LIMIT {MAX_ROWS}
             ))"
        );
        while !old.is_empty() && client.execute(&sql, &[&old]).await? > 0 {}
    }
    Ok(())
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

/// Drops a partition if all that is in it is old: asked again once nobody can add
/// to it, since a late click of another account may have come meanwhile. Somebody
/// who reads clicks must not be waited for while others wait for us.
async fn drop_partition(
    client: &mut Object,
    partition: &str,
    is_old: impl Fn(&i64) -> bool,
) -> Result<bool, StoreError> {
    let transaction = client.transaction().await?;
    // What dropping it would lock, and in that order.
    let sql = "SET LOCAL lock_timeout = '2s'; LOCK TABLE ONLY clicks IN ACCESS EXCLUSIVE MODE";
    transaction.batch_execute(sql).await?;
    let accounts = account_list(&transaction, partition).await?;
    if !accounts.iter().all(is_old) {
        return Ok(false);
    }
    let sql = format!("DROP TABLE {partition}");
    transaction.batch_execute(&sql).await?;
    transaction.commit().await?;
    tracing::info!(partition, "dropped a partition that nobody wants to keep");
    Ok(true)
}

/// The partitions of clicks with their days.
async fn partition_list(client: &Object) -> Result<Vec<(String, Date)>, StoreError> {
    let statement = client
        .prepare_cached(
            "SELECT c.relname::text AS name
             FROM pg_inherits i
             JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'clicks'::regclass
             ORDER BY c.relname",
        )
        .await?;
    let rows = client.query(&statement, &[]).await?;
    let named = |row: &tokio_postgres::Row| {
        let name: String = row.get("name");
        let day = Date::strptime("%Y%m%d", name.strip_prefix("clicks_")?).ok()?;
        Some((name, day))
    };
    Ok(rows.iter().filter_map(named).collect())
}

/// What is old in a table `m`: of account `$1`, before `$2`.
#[derive(Clone, Copy)]
struct Old {
    table: &'static str,
    is_old: &'static str,
}

const CONVERSIONS: Old = Old {
    table: "conversions",
    is_old: "m.account_id = $1 AND m.converted_at < $2",
};

const MESSAGES: Old = Old {
    table: "messages",
    is_old: "m.account_id = $1 AND m.sent_at < $2",
};

/// A message click stays while later clicks of its contact do, which would
/// otherwise take its place, and while later conversions are credited to it.
const MESSAGE_CLICKS: Old = Old {
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

const WAITING: Old = Old {
    table: "conversions",
    is_old: "m.account_id IS NULL AND $1::bigint = 0 AND m.converted_at < $2",
};

/// Deletes what is old, some rows at a time. They are looked for beside others, and
/// deleted alone with the books: what is removed must not be counted anew
/// meanwhile.
async fn remove_rows(
    client: &mut Object,
    Old { table, is_old }: Old,
    account_id: i64,
    horizon: Timestamp,
) -> Result<(), StoreError> {
    let find = format!("SELECT m.ctid::text AS place FROM {table} m WHERE {is_old} LIMIT $3");
    let delete =
        format!("DELETE FROM {table} m WHERE m.ctid = ANY ($3::text[]::tid[]) AND {is_old}");
    loop {
        let transaction = client.transaction().await?;
        // As long as it takes: nobody waits for it.
        transaction
            .batch_execute("SET LOCAL statement_timeout = 0")
            .await?;
        let statement = transaction.prepare_cached(&find).await?;
        let found = transaction
            .query(&statement, &[&account_id, &horizon, &MAX_ROWS])
            .await?;
        transaction.commit().await?;
        if found.is_empty() {
            return Ok(());
        }
        let places: Vec<String> = found.iter().map(|row| row.get("place")).collect();
        let transaction = client.transaction().await?;
        ledger::lock(&transaction, Lock::Exclusive).await?;
        let statement = transaction.prepare_cached(&delete).await?;
        transaction
            .execute(&statement, &[&account_id, &horizon, &places])
            .await?;
        transaction.commit().await?;
    }
}
