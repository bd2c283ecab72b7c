//! Deleting conversions for their accounts.

use std::collections::BTreeSet;

use domain::{conversion::Author, id::ConversionId};
use postgres::pool::Transaction;

use super::{
    attribution::{conversion_credit_all, conversion_delete_all},
    former_identities::{deleted_conversion_insert_all, former_identity_move},
    reversals::reversal_find_all,
    rows::conversion_load,
    updates::update_load_all,
};
use crate::totals::TotalsDelta;

/// Deletes a conversion of the account with its history. The reversals of its order and totals
/// follow. Neither a redelivery nor a later postback brings it back. Returns whether there was
/// one. Needs the lock of the account.
pub async fn conversion_delete(
    transaction: &Transaction<'_>,
    account_id: i64,
    id: ConversionId,
    author: Author,
    delta: &mut TotalsDelta,
) -> Result<bool, tokio_postgres::Error> {
    let Some(row) = conversion_load(transaction, account_id, id).await? else {
        return Ok(false);
    };
    let updates = update_load_all(transaction, &[id]).await?;
    let updates = updates.into_values().flatten();
    let deleted_ids: BTreeSet<_> = updates.map(|update| update.id).chain([id]).collect();
    let reversals = reversal_find_all(transaction, &BTreeSet::from([id])).await?;
    let reversals: BTreeSet<_> = reversals.into_keys().filter(|r| *r != id).collect();
    conversion_delete_all(transaction, &[id], delta).await?;
    deleted_conversion_insert_all(transaction, account_id, &deleted_ids, author).await?;
    former_identity_move(transaction, account_id, row.get("dedupe_key"), None).await?;
    conversion_credit_all(transaction, &reversals, delta).await?;
    Ok(true)
}
