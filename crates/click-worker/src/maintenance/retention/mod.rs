//! Deleting what is older than an account wants to keep: whole days, by UTC. Which rows of a
//! day may be deleted is `ledger::retention`'s. Totals stay: they name no person, except
//! for those of values such as sub ids.
//!
//! The audit trail is kept for as long as the worker's setting says, for all accounts.
//!
//! A day of clicks is dropped with its partition if no account wants to keep it. Otherwise the
//! clicks of the accounts that do not want it are deleted.
//!
//! Nobody waits for any of this. Rows are deleted in chunks. A partition is detached
//! concurrently, so that neither readers nor writers of other days notice, and is dropped when
//! nobody can reach it any more. A reader of that day, such as a backup, makes the detachment
//! fail; a later run does it then. Each run first finishes what an earlier one has left: a
//! detachment that was interrupted, or a detached partition that was not dropped.

mod audit_log;
mod partitions;
mod postback_log;
mod rows;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use ledger::retention::ExpiredRows;
use postgres::pool::{GenericClient as _, Object, Pool};

use crate::ingest::StoreError;
use partitions::{finish_detached, is_expired_on, partition_drop, partition_list_before};
use rows::{account_list, delete_rows};

/// How long a conversion may be unmatched. Anybody can invent the id of a click that never
/// comes.
const MAX_UNMATCHED_AGE: SignedDuration = SignedDuration::from_hours(24);

/// The first day that each account keeps, as of the last completed run.
pub type RetentionProgress = BTreeMap<i64, Date>;

/// Deletes what the accounts do not want to keep, unless an earlier run has done it.
pub async fn delete_expired(
    pool: &Pool,
    progress: &mut RetentionProgress,
    audit_retention: SignedDuration,
) -> Result<(), StoreError> {
    let mut client = pool.get().await?;
    let now = Timestamp::now();
    let today = now.to_zoned(TimeZone::UTC).date();
    let horizons = account_raise_raw_since(&client, today).await?;
    finish_detached(&client, &horizons).await?;
    let is_complete = horizons
        .iter()
        .all(|(id, horizon)| progress.get(id) == Some(horizon));
    if !is_complete {
        delete_clicks(&mut client, &horizons).await?;
    }
    for (account_id, horizon) in horizons {
        if progress.get(&account_id) == Some(&horizon) {
            continue;
        }
        for expired in [
            ExpiredRows::conversions(),
            ExpiredRows::former_identities(),
            ExpiredRows::deleted_conversions(),
            ExpiredRows::message_clicks(),
            ExpiredRows::messages(),
            ExpiredRows::value_totals(),
            ExpiredRows::value_total_days(),
            postback_log::expired_entries(),
        ] {
            delete_rows(&mut client, &expired, account_id, midnight(horizon)).await?;
        }
        progress.insert(account_id, horizon);
    }
    let unmatched = ExpiredRows::unmatched_conversions();
    delete_rows(&mut client, &unmatched, 0, now - MAX_UNMATCHED_AGE).await?;
    postback_log::delete_old(&client, now).await?;
    audit_log::delete_old(&client, now - audit_retention).await
}

/// The start of a day.
fn midnight(day: Date) -> Timestamp {
    let time = day.to_zoned(TimeZone::UTC);
    time.map_or(Timestamp::MIN, |time| time.timestamp())
}

/// Computes the first day that each account keeps, and stores it as `raw_since` before anything
/// is deleted: from then on, a recount ignores older totals, and older events are not stored.
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

async fn delete_clicks(
    client: &mut Object,
    horizons: &BTreeMap<i64, Date>,
) -> Result<(), StoreError> {
    let latest = horizons.values().max().copied().unwrap_or(Date::MIN);
    for partition in partition_list_before(client, latest).await? {
        let accounts = account_list(client, &partition.name).await?;
        let is_expired = is_expired_on(partition.day, horizons);
        if accounts.iter().all(&is_expired) {
            partition_drop(client, &partition, horizons).await?;
            continue;
        }
        let expired = ExpiredRows::clicks_of_partition(&partition.name);
        for account_id in accounts.into_iter().filter(is_expired) {
            delete_rows(client, &expired, account_id, midnight(partition.day)).await?;
        }
    }
    Ok(())
}
