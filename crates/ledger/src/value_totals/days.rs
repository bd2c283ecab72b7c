//! Which days' sums are no longer right.

use std::collections::BTreeSet;

use jiff::Timestamp;
use postgres::pool::{GenericClient as _, Transaction};

use super::PERSONAL_DIMENSIONS;
use crate::unnest::column;

/// Marks days of accounts as outdated, given by account and midnight (UTC). Needs the locks of the
/// accounts, which the transaction holds to its end: a computation that began before does not
/// count then.
pub async fn value_day_outdate_all(
    transaction: &Transaction<'_>,
    days: &BTreeSet<(i64, Timestamp)>,
) -> Result<(), tokio_postgres::Error> {
    if days.is_empty() {
        return Ok(());
    }
    let sql = "
        WITH changed AS (
            SELECT * FROM unnest($1::bigint[], $2::timestamptz[]) AS day (account_id, day)
        ),
        outdated AS (
            UPDATE value_total_days d
            SET state = 'outdated'
            FROM changed c
            WHERE d.account_id = c.account_id AND d.day = c.day AND d.state <> 'outdated'
        )
        INSERT INTO value_total_days (account_id, day, state)
        SELECT account_id, day, 'outdated' FROM changed
        ON CONFLICT DO NOTHING";
    let statement = transaction.prepare_cached(sql).await?;
    let days: Vec<_> = days.iter().copied().collect();
    let account_ids = column(&days, |(account_id, _)| *account_id);
    let starts = column(&days, |(_, start)| *start);
    transaction
        .execute(&statement, &[&account_ids, &starts])
        .await?;
    Ok(())
}

/// Marks days of an account as outdated whose clicks or conversions lose what describes a person,
/// and deletes the sums that may contain it.
pub async fn value_day_outdate_erased(
    transaction: &Transaction<'_>,
    account_id: i64,
    days: &BTreeSet<Timestamp>,
) -> Result<(), tokio_postgres::Error> {
    let keys = days.iter().map(|day| (account_id, *day)).collect();
    value_day_outdate_all(transaction, &keys).await?;
    let sql = "
        DELETE FROM value_totals
        WHERE account_id = $1 AND dimension = ANY ($2) AND day = ANY ($3)";
    let statement = transaction.prepare_cached(sql).await?;
    let days: Vec<_> = days.iter().copied().collect();
    transaction
        .execute(&statement, &[&account_id, &&PERSONAL_DIMENSIONS[..], &days])
        .await?;
    Ok(())
}
