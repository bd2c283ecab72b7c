//! Matching unmatched conversions with their clicks, which came later.
//!
//! A transaction that stores clicks looks for their unmatched conversions, too. If the click and
//! the conversion are stored at the same moment, both look before the other commits. Then this
//! job finds them, a second later.

use std::collections::BTreeMap;

use domain::id::ClickId;
use ledger::{
    account_lock,
    conversions::{
        UnknownClickLimits, unmatched_conversion_delete_surplus, unmatched_conversion_find_due,
        unmatched_conversion_postpone_all, unmatched_conversion_resolve_all,
    },
    totals::TotalsDelta,
};
use postgres::pool::Pool;

use super::chunk_size::MAX_CHUNK;
use crate::ingest::StoreError;

/// How many unmatched conversions were deleted.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeletedCounts {
    /// Those whose click was found, and whose account wants a secret.
    pub n_without_secret: u64,
    /// Those of unknown clicks that exceed the limit for their address.
    pub n_of_unknown_clicks: u64,
}

/// Looks for the clicks of unmatched conversions that are due, until none is due.
pub async fn match_due(
    pool: &Pool,
    limits: UnknownClickLimits,
) -> Result<DeletedCounts, StoreError> {
    let mut deleted = DeletedCounts::default();
    let limit = i64::try_from(MAX_CHUNK).unwrap_or(i64::MAX);
    loop {
        let mut client = pool.get().await?;
        let due = unmatched_conversion_find_due(&client, limit).await?;
        let mut by_account: BTreeMap<i64, Vec<ClickId>> = BTreeMap::new();
        let mut still_unmatched = Vec::new();
        for conversion in &due {
            match conversion.account_id {
                Some(account_id) => {
                    by_account
                        .entry(account_id)
                        .or_default()
                        .push(conversion.click_id);
                }
                None => still_unmatched.push(conversion.conversion_id),
            }
        }
        for (account_id, clicks) in by_account {
            let transaction = client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            let mut delta = TotalsDelta::default();
            let n_rejected =
                unmatched_conversion_resolve_all(&transaction, &clicks, &mut delta).await?;
            delta.apply(&transaction).await?;
            transaction.commit().await?;
            deleted.n_without_secret += n_rejected;
        }
        let n_surplus =
            unmatched_conversion_delete_surplus(&client, &still_unmatched, limits).await?;
        deleted.n_of_unknown_clicks += n_surplus;
        unmatched_conversion_postpone_all(&client, &still_unmatched).await?;
        if due.len() < MAX_CHUNK {
            return Ok(deleted);
        }
    }
}
