//! Marking the minutes in which clicks were stored, for the burst scan of `maintenance`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use postgres::pool::{GenericClient as _, Transaction};

use super::click_row::ClickRow;

/// Marks the minutes of the clicks, for each account.
pub(super) async fn mark_minutes_for_burst_scan(
    transaction: &Transaction<'_>,
    rows: &[&ClickRow<'_>],
) -> Result<(), tokio_postgres::Error> {
    let minutes: BTreeSet<(i64, i64)> = rows
        .iter()
        .map(|row| {
            let second = row.event.click_id.time().as_second();
            (row.event.account_id.0, second.div_euclid(60) * 60)
        })
        .collect();
    let (accounts, minutes): (Vec<i64>, Vec<Timestamp>) = minutes
        .into_iter()
        .filter_map(|(account_id, second)| Some((account_id, Timestamp::from_second(second).ok()?)))
        .unzip();
    let statement = transaction
        .prepare_cached(
            "INSERT INTO burst_minutes (account_id, minute)
             SELECT * FROM unnest($1::bigint[], $2::timestamptz[])",
        )
        .await?;
    transaction
        .execute(&statement, &[&accounts, &minutes])
        .await?;
    Ok(())
}
