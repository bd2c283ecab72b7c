//! The time for which a price holds.

use domain::cost::CostModel;
use jiff::{Timestamp, tz::TimeZone};
use ledger::totals::bucket_start;

use crate::{
    error::ApiError,
    fields::moment::{RangeEnd, parse_day, parse_moment},
};

/// The most days for which one cost holds.
const MAX_DAYS: i64 = 366;

/// The time for which a price holds, in whole quarters of an hour.
#[derive(Debug, Clone, Copy)]
pub struct ValidTime {
    /// The first time that belongs to it.
    pub starts_at: Timestamp,
    /// The first time that no longer belongs to it.
    pub ends_at: Timestamp,
    /// Its days, of which the last may be a part.
    pub days: u32,
}

impl ValidTime {
    /// Parses the fields `from` and `until`: days, both inclusive, or times, of which `until` is
    /// exclusive. A price of a day needs days.
    pub fn parse(
        from: &str,
        until: &str,
        model: CostModel,
        zone: &TimeZone,
    ) -> Result<Self, ApiError> {
        let starts_at = parse_moment("from", from, zone, RangeEnd::Start)?;
        let ends_at = parse_moment("until", until, zone, RangeEnd::End)?;
        for (field, time) in [("from", starts_at), ("until", ends_at)] {
            if bucket_start(time) != time {
                let problem = "it is not a full quarter of an hour";
                return Err(ApiError::invalid_field(field, problem));
            }
        }
        if starts_at >= ends_at {
            return Err(ApiError::invalid_field("until", "it is before from"));
        }
        let n_days = match (parse_day(from), parse_day(until)) {
            (Some(first), Some(last)) => {
                let span = first.until(last).map_err(ApiError::internal)?;
                i64::from(span.get_days()) + 1
            }
            (first, _) if model == CostModel::PerDay => {
                let field = if first.is_none() { "from" } else { "until" };
                let problem = "it is not a day as in 2026-03-01, which per_day requires";
                return Err(ApiError::invalid_field(field, problem));
            }
            _ => (ends_at.as_second() - starts_at.as_second() + 86_399) / 86_400,
        };
        if n_days > MAX_DAYS {
            let problem = "it is more than 366 days after from";
            return Err(ApiError::invalid_field("until", problem));
        }
        Ok(Self {
            starts_at,
            ends_at,
            days: u32::try_from(n_days).map_err(ApiError::internal)?,
        })
    }
}
