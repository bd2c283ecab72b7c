//! Reversals: refunds and chargebacks. They count for no more than is left of the conversions
//! of their order, by the rule of [`domain::reversal`].

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conversion::{ConversionStatus, EventType},
    dedupe::{is_named_order, order_of_key},
    id::ConversionId,
    reversal::{CountedReversal, OrderEntry, counted_reversals},
};
use postgres::pool::Transaction;
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::conversion_id;
use crate::unnest::column;

/// The SQL condition of a reversal, for queries whose innermost table is `conversions`. The
/// index `conversions_reversals_idx` has the same condition.
pub(crate) const REVERSAL: &str = "event IN ('refund', 'chargeback')";

/// The SQL condition that a conversion `r` is of the account and order of another one. Stored
/// keys begin with their order and a separator ([`domain::dedupe`]), behind which a space comes
/// next in the order of bytes.
pub(crate) fn is_of_same_order(r: &str, other: &str) -> String {
    let order = format!("split_part({other}.dedupe_key, E'\\x1f', 1)");
    format!(
        "{r}.account_id = {other}.account_id
         AND {r}.account_id IS NOT NULL
         AND {r}.dedupe_key >= {order} || E'\\x1f'
         AND {r}.dedupe_key < {order} || ' '"
    )
}

/// Whether a row of `conversions` is a refund or a chargeback. SQL says the same by
/// [`REVERSAL`].
pub(super) fn is_reversal(row: &Row) -> bool {
    EventType::parse_one_of(row.get("event"), &EventType::KNOWN).is_some_and(EventType::is_reversal)
}

/// The amount that was sent, or else the payout of the offer.
pub(super) fn amount(row: &Row) -> Decimal {
    let revenue: Option<Decimal> = row.get("revenue");
    revenue.or(row.get("payout")).unwrap_or_default()
}

/// An account and one of its orders.
pub(super) type OrderKey = (i64, String);

/// Finds the reversals of the orders of some conversions, including those conversions that are
/// reversals themselves.
pub(super) async fn reversal_find_all(
    transaction: &Transaction<'_>,
    ids: &BTreeSet<ConversionId>,
) -> Result<BTreeMap<ConversionId, OrderKey>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(&format!(
            "SELECT r.conversion_id, r.account_id, r.dedupe_key
             FROM conversions c
             CROSS JOIN LATERAL (
                 SELECT r.conversion_id, r.account_id, r.dedupe_key
                 FROM conversions r
                 WHERE {} AND {REVERSAL}
                 OFFSET 0
             ) AS r
             WHERE c.conversion_id = ANY($1)",
            is_of_same_order("r", "c")
        ))
        .await?;
    let uuids: Vec<_> = ids.iter().map(ConversionId::as_uuid).collect();
    let rows = transaction.query(&statement, &[&uuids]).await?;
    Ok(rows
        .iter()
        .map(|row| (conversion_id(row), order_key(row)))
        .collect())
}

fn order_key(row: &Row) -> OrderKey {
    let order = order_of_key(row.get("dedupe_key"));
    (row.get("account_id"), order.to_owned())
}

/// What the reversals of some orders count for. `is_credited` has the conversions whose credit
/// this transaction is about to change; for the others the table says it.
pub(super) async fn reversal_count_all(
    transaction: &Transaction<'_>,
    orders: &BTreeSet<&OrderKey>,
    is_credited: &BTreeMap<ConversionId, bool>,
) -> Result<BTreeMap<ConversionId, CountedReversal>, tokio_postgres::Error> {
    if orders.is_empty() {
        return Ok(BTreeMap::new());
    }
    let orders: Vec<_> = orders.iter().collect();
    let statement = transaction
        .prepare_cached(&format!(
            "SELECT c.account_id, c.dedupe_key, c.conversion_id, c.event, c.authenticated, c.status,
                    c.attribution <> 'none' AS is_credited, c.currency, c.revenue, c.payout
             FROM unnest($1::bigint[], $2::text[]) AS k (account_id, dedupe_key)
             JOIN conversions c ON {}",
            is_of_same_order("c", "k")
        ))
        .await?;
    let rows = transaction
        .query(
            &statement,
            &[
                &column(&orders, |(account_id, _)| *account_id),
                &column(&orders, |(_, order)| order.as_str()),
            ],
        )
        .await?;
    let mut entries_by_order: BTreeMap<OrderKey, Vec<OrderEntry<'_>>> = BTreeMap::new();
    for row in &rows {
        let id = conversion_id(row);
        let is_reversal = is_reversal(row);
        let known_credit = is_credited.get(&id).copied();
        let is_credited = known_credit.unwrap_or_else(|| row.get("is_credited"));
        let is_approved = row.get::<_, &str>("status") == ConversionStatus::Approved.as_str();
        let order = order_key(row);
        let entry = OrderEntry {
            conversion_id: id,
            is_reversal,
            authenticated: row.get("authenticated"),
            counts: is_credited && is_approved,
            currency: row.get("currency"),
            amount: match is_reversal && is_named_order(&order.1) {
                true => row.get("revenue"),
                false => Some(amount(row)),
            },
        };
        entries_by_order.entry(order).or_default().push(entry);
    }
    Ok(entries_by_order
        .iter()
        .flat_map(|((_, order), entries)| counted_reversals(entries, is_named_order(order)))
        .collect())
}

#[cfg(test)]
mod tests {
    use postgres::indexes::definition;

    use super::*;

    #[test]
    fn the_index_has_the_condition_of_the_queries() {
        let definition = definition("conversions_reversals_idx").unwrap();
        assert!(definition.contains(REVERSAL), "{definition}");
    }
}
