//! What a recount has found.

use serde::Serialize;
use tokio_postgres::Row;

/// How many differences of each kind are shown.
const MAX_EXAMPLES: usize = 20;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub clicks: i64,
    pub conversions: i64,
    /// How many links and messages are waiting for their conversions to be credited again. The
    /// credits of their accounts are not compared.
    pub credit_backlog: i64,
    pub message_clicks: Differences,
    pub credits: Differences,
    pub totals: Differences,
    pub link_totals: Differences,
    pub event_totals: Differences,
    pub value_totals: Differences,
    pub repaired: bool,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Differences {
    different: usize,
    /// The first of them, in words.
    examples: Vec<String>,
}

impl Report {
    /// Whether there are no differences.
    pub fn is_consistent(&self) -> bool {
        [
            &self.message_clicks,
            &self.credits,
            &self.totals,
            &self.link_totals,
            &self.event_totals,
            &self.value_totals,
        ]
        .iter()
        .all(|differences| differences.different == 0)
    }
}

impl Differences {
    /// From rows with a column `difference`.
    pub fn from_rows(rows: &[Row]) -> Self {
        let examples = rows.iter().take(MAX_EXAMPLES);
        Self {
            different: rows.len(),
            examples: examples.map(|row| row.get("difference")).collect(),
        }
    }
}
