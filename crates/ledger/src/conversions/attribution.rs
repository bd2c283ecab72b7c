//! Computing the credits of conversions from the message clicks.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::ConversionId;
use postgres::pool::{GenericClient as _, Transaction};

use super::{
    conversion_id,
    credit::{CountedCredit, Credit, Sign},
    credit_rows::{CreditChange, conversion_update_credits},
    reversals::{is_reversal, reversal_count_all, reversal_find_all},
};
use crate::{keys::CONVERSION_CONTACT_KEY, totals::TotalsDelta};

/// How much later than its conversion a click may be, because clocks differ, if the
/// conversion does not name it.
pub(super) const CLOCK_SKEW: &str = "interval '1 minute'";

/// A subquery for `JOIN`: the message click that a conversion `c` is credited to, with the
/// column `preference`, which is 1 if it is the click of its own contact or visitor.
pub fn credited_message_click() -> String {
    let is_within_window = format!(
        "m.account_id = c.account_id
             AND m.clicked_at >= c.converted_at - make_interval(days => c.click_window_days)
             AND (c.click_id IS NOT NULL OR m.clicked_at <= c.converted_at + {CLOCK_SKEW})"
    );
    // The message click of the named contact or of the visitor comes first, then the earliest.
    format!(
        "LATERAL (
             (SELECT 1 AS preference, m.*
              FROM message_clicks m
              WHERE {is_within_window}
                AND m.message_key = c.message_key
                AND m.contact_key = {CONVERSION_CONTACT_KEY})
             UNION ALL
             (SELECT 2, m.*
              FROM message_clicks m
              WHERE {is_within_window} AND m.message_key || '' = c.message_key AND c.contact_key IS NULL
              ORDER BY m.clicked_at, m.click_id
              LIMIT 1)
             ORDER BY 1
             LIMIT 1
         )"
    )
}

/// Computes the credits of conversions again, and the counted amounts of the reversals of their
/// orders, which depend on them. Needs the lock of each account.
pub async fn conversion_credit_all(
    transaction: &Transaction<'_>,
    ids: &BTreeSet<ConversionId>,
    delta: &mut TotalsDelta,
) -> Result<(), tokio_postgres::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let reversals = reversal_find_all(transaction, ids).await?;
    let ids: BTreeSet<_> = ids.iter().chain(reversals.keys()).copied().collect();
    let sql = format!(
        "SELECT c.*, m.click_id AS m_click_id, m.link_key AS m_link_key, m.link_id AS m_link_id,
                m.list_id AS m_list_id, m.offer_id AS m_offer_id,
                m.creative_id AS m_creative_id, m.campaign_id AS m_campaign_id,
                m.message_id AS m_message_id, m.contact_phone AS m_contact_phone,
                m.country AS m_country, m.device AS m_device,
                coalesce(m.preference = 1, false) AS is_own
         FROM conversions c
         LEFT JOIN {} AS m ON true
         WHERE c.conversion_id = ANY($1)
         ORDER BY c.conversion_id",
        credited_message_click()
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let uuids: Vec<_> = ids.iter().map(ConversionId::as_uuid).collect();
    let rows = transaction.query(&statement, &[&uuids]).await?;
    let credits: Vec<_> = rows.iter().map(Credit::expected).collect();
    let is_credited: BTreeMap<_, _> = rows
        .iter()
        .zip(&credits)
        .map(|(row, credit)| (conversion_id(row), *credit != Credit::None))
        .collect();
    let orders: BTreeSet<_> = reversals.values().collect();
    let counted_reversals = reversal_count_all(transaction, &orders, &is_credited).await?;
    let mut changes = Vec::new();
    for (row, credit) in rows.iter().zip(credits) {
        let old = CountedCredit::from_row(row);
        let conversion_id = conversion_id(row);
        let counted = counted_reversals.get(&conversion_id);
        let counted_amount = || counted.map(|counted| counted.amount).unwrap_or_default();
        let new = CountedCredit {
            credit,
            amount: is_reversal(row).then(counted_amount),
            currency: counted.map_or_else(|| row.get("currency"), |c| c.currency.clone()),
        };
        if old != new {
            old.count(row, delta, Sign::Minus);
            new.count(row, delta, Sign::Plus);
            changes.push(CreditChange {
                conversion_id,
                new,
                is_own_contact: row.get("is_own"),
            });
        }
    }
    conversion_update_credits(transaction, &changes).await
}

/// Deletes conversions, and what they counted for in the totals. Needs the lock of each
/// account.
pub(super) async fn conversion_delete_all(
    transaction: &Transaction<'_>,
    ids: &[ConversionId],
    delta: &mut TotalsDelta,
) -> Result<(), tokio_postgres::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached("DELETE FROM conversions WHERE conversion_id = ANY($1) RETURNING *")
        .await?;
    let uuids: Vec<_> = ids.iter().map(ConversionId::as_uuid).collect();
    for row in transaction.query(&statement, &[&uuids]).await? {
        CountedCredit::from_row(&row).count(&row, delta, Sign::Minus);
    }
    Ok(())
}
