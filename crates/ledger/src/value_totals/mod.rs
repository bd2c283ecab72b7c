//! Value totals: the sums of a day (UTC) by each value of a dimension that only clicks have, such
//! as sub1. Reports over many days are read from them.
//!
//! Such values come from strangers, so storing a click counts nothing by them. A job computes the
//! sums of a day from its clicks and conversions once it is over. A transaction that changes
//! later what is counted of the day marks it as outdated, and reports read the clicks and
//! conversions of an outdated day one by one: they are right at every time.

mod compare;
mod compute;
mod days;

pub use compare::{value_day_difference_all, value_day_list_current};
pub use compute::{ValueDay, value_day_compute, value_day_find_due};
pub use days::{value_day_outdate_all, value_day_outdate_erased};

/// The dimensions, which are also the names of their columns in [`facts`](crate::facts::facts);
/// those of bot reasons and rules have several values.
pub const VALUE_DIMENSIONS: [&str; 12] = [
    "sub1", "sub2", "sub3", "sub4", "sub5", "source", "os", "browser", "language", "region",
    "city", "network",
];

/// The dimensions of which a click has several values, with their columns.
pub const LIST_DIMENSIONS: [(&str, &str); 2] =
    [("bot_reason", "bot_reasons"), ("bot_rule", "bot_rules")];

/// The dimensions whose values may describe a person.
const PERSONAL_DIMENSIONS: [&str; 6] = ["sub1", "sub2", "sub3", "sub4", "sub5", "source"];

/// How many values of a dimension the totals of a day tell apart: those with most clicks.
pub const MAX_VALUES_PER_DAY: i64 = 1_000;

/// The value of the row for all values beyond [`MAX_VALUES_PER_DAY`].
pub const OTHER_VALUES: &str = "(other)";
