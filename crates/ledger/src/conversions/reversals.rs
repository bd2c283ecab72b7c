//! Limited reversals: refunds and chargebacks that came without a secret. They count for no
//! more than is left of the conversions of their transaction, by the rule of
//! [`domain::reversal`].

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conversion::EventType,
    dedupe::transaction_dedupe_keys,
    id::ConversionId,
    reversal::{TransactionEntry, counted_reversal_amounts},
};
use postgres::pool::Transaction;
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::conversion_id;
use crate::unnest::column;

/// The SQL condition of a limited reversal, for queries whose innermost table is
/// `conversions`. The index `conversions_limited_reversals_idx` has the same condition.
pub(crate) const LIMITED_REVERSAL: &str = "NOT authenticated AND event IN ('refund', 'chargeback')";

/// Whether a row of `conversions` is a refund or a chargeback.
pub(super) fn is_reversal(row: &Row) -> bool {
    EventType::parse(row.get("event"), &EventType::ALL).is_some_and(EventType::is_reversal)
}

/// Whether a row of `conversions` is a limited reversal. SQL says the same by
/// [`LIMITED_REVERSAL`].
pub(super) fn is_limited(row: &Row) -> bool {
    is_reversal(row) && !row.get::<_, bool>("authenticated")
}

/// The amount that was sent, or else the payout of the offer.
pub(super) fn amount(row: &Row) -> Decimal {
    let revenue: Option<Decimal> = row.get("revenue");
    revenue.or(row.get("payout")).unwrap_or_default()
}

/// An account and the id of a transaction.
pub(super) type TransactionKey = (i64, String);

/// Finds the limited reversals of the transactions of some conversions, including those
/// conversions that are limited reversals themselves.
pub(super) async fn reversal_find_limited(
    transaction: &Transaction<'_>,
    ids: &BTreeSet<ConversionId>,
) -> Result<BTreeMap<ConversionId, TransactionKey>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(&format!(
            "SELECT r.conversion_id, r.account_id, r.txn_id
             FROM conversions c
             CROSS JOIN LATERAL (
                 SELECT r.conversion_id, r.account_id, r.txn_id
                 FROM conversions r
                 WHERE r.account_id = c.account_id
                   AND r.txn_id = c.txn_id
                   AND r.txn_id IS NOT NULL
                   AND {LIMITED_REVERSAL}
                 OFFSET 0
             ) AS r
             WHERE c.conversion_id = ANY($1)"
        ))
        .await?;
    let uuids: Vec<_> = ids.iter().map(ConversionId::as_uuid).collect();
    let rows = transaction.query(&statement, &[&uuids]).await?;
    let key = |row: &Row| (row.get("account_id"), row.get("txn_id"));
    Ok(rows
        .iter()
        .map(|row| (conversion_id(row), key(row)))
        .collect())
}

/// The counted amounts of the limited reversals of some transactions. `is_credited` has the
/// conversions whose credit this transaction is about to change; for the others the table
/// says it.
pub(super) async fn reversal_count_all(
    transaction: &Transaction<'_>,
    keys: &BTreeSet<&TransactionKey>,
    is_credited: &BTreeMap<ConversionId, bool>,
) -> Result<BTreeMap<ConversionId, Decimal>, tokio_postgres::Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let dedupe_keys: Vec<(i64, String)> = keys
        .iter()
        .flat_map(|(account_id, txn_id)| {
            transaction_dedupe_keys(txn_id).map(|key| (*account_id, key))
        })
        .collect();
    let statement = transaction
        .prepare_cached(
            "SELECT c.account_id, c.txn_id, c.conversion_id, c.event, c.authenticated,
                    c.attribution <> 'none' AS is_credited, c.currency, c.revenue, c.payout
             FROM unnest($1::bigint[], $2::text[]) AS k (account_id, dedupe_key)
             JOIN conversions c
               ON c.account_id = k.account_id
              AND c.dedupe_key = k.dedupe_key
              AND c.account_id IS NOT NULL",
        )
        .await?;
    let rows = transaction
        .query(
            &statement,
            &[
                &column(&dedupe_keys, |(account_id, _)| *account_id),
                &column(&dedupe_keys, |(_, key)| key.as_str()),
            ],
        )
        .await?;
    let mut entries_by_transaction: BTreeMap<TransactionKey, Vec<TransactionEntry<'_>>> =
        BTreeMap::new();
    for row in &rows {
        let id = conversion_id(row);
        let entry = TransactionEntry {
            conversion_id: id,
            is_reversal: is_reversal(row),
            authenticated: row.get("authenticated"),
            is_credited: is_credited
                .get(&id)
                .copied()
                .unwrap_or_else(|| row.get("is_credited")),
            currency: row.get("currency"),
            amount: amount(row),
        };
        let key = (row.get("account_id"), row.get("txn_id"));
        entries_by_transaction.entry(key).or_default().push(entry);
    }
    Ok(entries_by_transaction
        .values()
        .flat_map(|entries| counted_reversal_amounts(entries))
        .collect())
}

#[cfg(test)]
mod tests {
    use postgres::indexes::definition;

    use super::*;

    #[test]
    fn the_index_has_the_condition_of_the_queries() {
        let definition = definition("conversions_limited_reversals_idx").unwrap();
        assert!(definition.contains(LIMITED_REVERSAL), "{definition}");
    }
}
