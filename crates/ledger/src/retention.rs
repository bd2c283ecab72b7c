//! Which rows of the ledger may be deleted when an account does not want to keep them any
//! longer. A row stays beyond its time as long as the ledger needs it for later rows.
//! Deleting them is `click-worker`'s. Totals stay, because they name no person; value totals do
//! not, because a sub id may.

use crate::conversions::{REVERSAL, is_of_same_order};

/// Rows of a table that may be deleted.
#[derive(Debug, Clone)]
pub struct ExpiredRows {
    pub table: String,
    /// A condition on a row `m` of the table. `$1` is the account, `$2` is the start of the
    /// first day that the account keeps.
    pub condition: String,
}

impl ExpiredRows {
    /// An expired conversion stays as long as the account has a later refund or chargeback
    /// of its order: the counted amount of that depends on the conversion.
    pub fn conversions() -> Self {
        Self::new(
            "conversions",
            format!(
                "m.account_id = $1
                 AND m.converted_at < $2
                 AND NOT EXISTS (
                     SELECT
                     FROM conversions r
                     WHERE {}
                       AND {REVERSAL}
                       AND r.converted_at >= $2
                 )",
                is_of_same_order("r", "m")
            ),
        )
    }

    /// An expired message click stays as long as there are later clicks of its contact,
    /// since the earliest of them would take its place, and as long as a later conversion
    /// is credited to it.
    pub fn message_clicks() -> Self {
        Self::new(
            "message_clicks",
            "m.account_id = $1
             AND m.clicked_at < $2
             AND (m.contact_phone IS NULL OR NOT EXISTS (
                 SELECT
                 FROM links l
                 JOIN clicks c ON c.link_key = l.id AND c.contact_phone = m.contact_phone
                 WHERE l.id = m.link_key
                    OR (l.account_id = m.account_id AND l.message_id = m.message_id)
             ))
             AND NOT EXISTS (
                 SELECT
                 FROM conversions c
                 WHERE c.account_id = m.account_id
                   AND c.message_key = m.message_key
                   AND c.credited_click_id = m.click_id
             )",
        )
    }

    /// The ledger knows nothing of conversions of so long ago, and their events are not stored
    /// any more.
    pub fn former_identities() -> Self {
        Self::new(
            "former_identities",
            "m.account_id = $1 AND m.created_at < $2",
        )
    }

    pub fn deleted_conversions() -> Self {
        Self::new(
            "deleted_conversions",
            "m.account_id = $1 AND m.deleted_at < $2",
        )
    }

    pub fn messages() -> Self {
        Self::new("messages", "m.account_id = $1 AND m.sent_at < $2")
    }

    /// The sums of days whose clicks are deleted.
    pub fn value_totals() -> Self {
        Self::new("value_totals", "m.account_id = $1 AND m.day < $2")
    }

    pub fn value_total_days() -> Self {
        Self::new("value_total_days", "m.account_id = $1 AND m.day < $2")
    }

    /// All clicks of the account in the partition of a day that it does not keep. `$2` is
    /// not used.
    pub fn clicks_of_partition(partition: &str) -> Self {
        let condition = "m.account_id = $1 AND $2::timestamptz IS NOT NULL";
        Self::new(partition, condition)
    }

    /// Unmatched conversions that were stored before `$2`. They have no account, so `$1` must
    /// be 0.
    pub fn unmatched_conversions() -> Self {
        let condition = "m.account_id IS NULL AND $1::bigint = 0 AND m.stored_at < $2";
        Self::new("conversions", condition)
    }

    fn new(table: &str, condition: impl Into<String>) -> Self {
        Self {
            table: table.to_owned(),
            condition: condition.into(),
        }
    }
}
