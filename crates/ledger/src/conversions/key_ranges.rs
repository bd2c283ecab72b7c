//! Ranges of dedupe keys, as the parameters of a query.

use std::collections::BTreeSet;

use tokio_postgres::types::ToSql;

use crate::unnest::column;

/// An account, and the lowest and the highest of some dedupe keys.
pub(super) type KeyRange = (i64, String, String);

/// The ranges of [`KeyRangeColumns`] as rows `k` of SQL.
pub(super) const KEY_RANGES: &str = "
    unnest($1::bigint[], $2::text[], $3::text[]) AS k (account_id, lowest, highest)
";

/// Many ranges as arrays of columns, the parameters `$1` to `$3`.
pub(super) struct KeyRangeColumns<'r> {
    account_ids: Vec<i64>,
    lowest: Vec<&'r str>,
    highest: Vec<&'r str>,
}

impl<'r> KeyRangeColumns<'r> {
    pub(super) fn from_ranges(ranges: &'r BTreeSet<KeyRange>) -> Self {
        let ranges: Vec<_> = ranges.iter().collect();
        Self {
            account_ids: column(&ranges, |(account_id, _, _)| *account_id),
            lowest: column(&ranges, |(_, lowest, _)| lowest.as_str()),
            highest: column(&ranges, |(_, _, highest)| highest.as_str()),
        }
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.account_ids, &self.lowest, &self.highest]
    }
}
