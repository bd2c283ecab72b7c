//! Matching conversions with the clicks that they name, which came later.
//!
//! Whoever stores a click looks for conversions that wait for it, too. Both may look just
//! before the other commits; then this finds them, a second later.

use std::collections::BTreeMap;

use ::store::{
    ledger::{
        account_lock,
        conversions::{conversion_find_due, conversion_postpone_all, conversion_resolve_all},
        totals::Deltas,
    },
    pool::Pool,
};
use domain::id::ClickId;

use super::MAX_PIECE;
use crate::store::StoreError;

/// Looks for the clicks of those that are due, until none is. Answers how many came without
/// the secret that the click's account wants, and are gone.
pub async fn match_due(pool: &Pool) -> Result<u64, StoreError> {
    let mut n_refused = 0;
    let limit = i64::try_from(MAX_PIECE).unwrap_or(i64::MAX);
    loop {
        let mut client = pool.get().await?;
        let due = conversion_find_due(&client, limit).await?;
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
            let mut deltas = Deltas::default();
            let n = conversion_resolve_all(&transaction, &clicks, &mut deltas).await?;
            deltas.write(&transaction).await?;
            transaction.commit().await?;
            n_refused += n;
        }
        conversion_postpone_all(&client, &unmatched).await?;
        if due.len() < MAX_PIECE {
            return Ok(n_refused);
        }
    }
}
