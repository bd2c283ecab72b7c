//! Summing up days that are over by the values of the dimensions that only clicks have.

use jiff::Timestamp;
use ledger::value_totals::{value_day_compute, value_day_find_due};
use postgres::pool::Pool;

use crate::ingest::StoreError;

/// Computes the sums of days until none is due.
pub async fn compute_due(pool: &Pool) -> Result<(), StoreError> {
    let mut client = pool.get().await?;
    while let Some(day) = value_day_find_due(&client, Timestamp::now()).await? {
        let is_current = value_day_compute(&mut client, day).await?;
        if !is_current {
            tracing::debug!(
                account.id = day.account_id,
                day = %day.day,
                "clicks of a day changed while it was summed up, trying again later"
            );
        }
    }
    Ok(())
}
