//! Matching conversions with the clicks that they name, which came later.
//!
//! Whoever stores a click looks for conversions that wait for it, too. Both may look just
//! before the other commits; then this finds them, a second later.

use std::collections::BTreeMap;

use domain::id::ClickId;
use ledger::{
    account_lock,
    conversions::{
        UnknownClickLimits, pending_conversion_delete_surplus, pending_conversion_find_due,
        pending_conversion_postpone_all, pending_conversion_resolve_all,
    },
    totals::TotalsDelta,
};
use postgres::pool::Pool;

use super::MAX_PIECE;
use crate::store::StoreError;

/// How many conversions were removed that waited.
#[derive(Debug, Clone, Copy, Default)]
pub struct Removed {
    /// Their click was found, and its account wants a secret.
    pub n_without_secret: u64,
    /// There are too many of unknown clicks of their address.
    pub n_of_unknown_clicks: u64,
}

/// Looks for the clicks of those that are due, until none is.
pub async fn match_due(
    pool: &Pool,
    unknown_clicks: UnknownClickLimits,
) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    let limit = i64::try_from(MAX_PIECE).unwrap_or(i64::MAX);
    loop {
        let mut client = pool.get().await?;
        let due = pending_conversion_find_due(&client, limit).await?;
        let mut by_account: BTreeMap<i64, Vec<ClickId>> = BTreeMap::new();
        let mut unmatched = Vec::new();
        for waiting in &due {
            match waiting.account_id {
                Some(account_id) => {
                    by_account
                        .entry(account_id)
                        .or_default()
                        .push(waiting.click_id);
                }
                None => unmatched.push(waiting.conversion_id),
            }
        }
        for (account_id, clicks) in by_account {
            let transaction = client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            let mut delta = TotalsDelta::default();
            let n = pending_conversion_resolve_all(&transaction, &clicks, &mut delta).await?;
            delta.apply(&transaction).await?;
            transaction.commit().await?;
            removed.n_without_secret += n;
        }
        let n_surplus =
            pending_conversion_delete_surplus(&client, &unmatched, unknown_clicks).await?;
        removed.n_of_unknown_clicks += n_surplus;
        pending_conversion_postpone_all(&client, &unmatched).await?;
        if due.len() < MAX_PIECE {
            return Ok(removed);
        }
    }
}
