//! Amounts of days that belong to the row of their target, or to the time of the row.

use super::{CostByKey, part::DayPart};
use crate::{
    error::ApiError,
    resources::reports::{
        breakdown::{Axis, Breakdown},
        request::ReportRequest,
    },
};

/// Adds the amount of a part to the rows that it belongs to whole.
pub fn add_direct(
    request: &ReportRequest,
    breakdown: Breakdown<'_>,
    part: &DayPart<'_>,
    sums: &mut CostByKey,
) -> Result<(), ApiError> {
    match breakdown {
        Breakdown::Whole => *sums.entry(None).or_default() += part.amount(request)?,
        Breakdown::One(Axis::Values(_) | Axis::RecurringTime(..))
        | Breakdown::Two(..)
        | Breakdown::Keys(..) => {
            let key = Some(part.cost.target.id.clone());
            *sums.entry(key).or_default() += part.amount(request)?;
        }
        Breakdown::One(Axis::Slices(_, slices)) => {
            let n_begun = slices.partition_point(|slice| slice.start <= part.time.starts_at);
            let first = n_begun.saturating_sub(1);
            // Slices are numbered from 1.
            for (number, slice) in (first + 1..).zip(slices.iter().skip(first)) {
                if slice.start >= part.time.ends_at {
                    break;
                }
                let next = slices.get(number);
                let end = next.map_or(request.period.to, |next| next.start);
                let amount = part.amount_between(request, slice.start, end)?;
                *sums.entry(Some(number.to_string())).or_default() += amount;
            }
        }
    }
    Ok(())
}
