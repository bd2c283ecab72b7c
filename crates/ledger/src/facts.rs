//! Clicks and conversions one by one, as a query: what reports by dimensions that no totals have
//! are read from, and what [`value_totals`](crate::value_totals) are computed from.

use crate::keys::is_message_click;

/// A query for the clicks and conversions of the account `$1` from `$2` on and before `$3`. Its
/// columns are those of totals, the dimensions that only clicks have, and `bucket`, the time.
pub fn facts() -> String {
    from_template("", "$2", "$3")
}

/// As [`facts`], of all periods that the relation `period` of the query has, with its columns
/// `starts_at` and `ends_at`.
pub fn facts_of_periods() -> String {
    from_template("period CROSS JOIN", "period.starts_at", "period.ends_at")
}

fn from_template(periods: &str, start: &str, end: &str) -> String {
    include_str!("facts.sql")
        .replace("{is_message_click}", &is_message_click())
        .replace("{periods}", periods)
        .replace("{start}", start)
        .replace("{end}", end)
}
