//! Reports by event of conversions.

use rust_decimal::Decimal;

use super::{
    breakdown::{Axis, Breakdown},
    events,
    group::Group,
    measures::add_costs,
    request::ReportRequest,
    row::{KeyedCounts, RowCounts},
};
use crate::{error::ApiError, http::RequestContext};

/// A row for each event, and one without an event for what is of none: sends, clicks, the costs
/// of clicks and days, and conversions that were counted before events were.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    totals: &RowCounts,
) -> Result<Vec<KeyedCounts>, ApiError> {
    let mut without_event = RowCounts {
        cost: Decimal::ZERO,
        events: None,
        ..totals.clone()
    };
    let mut events = events::select(context, request, Breakdown::Whole).await?;
    let mut rows: Vec<KeyedCounts> = Vec::new();
    for (event, counts) in events.remove(&None).unwrap_or_default() {
        without_event.conversions -= counts.conversions;
        without_event.revenue -= counts.revenue;
        let counts = RowCounts {
            conversions: counts.conversions,
            revenue: counts.revenue,
            ..RowCounts::default()
        };
        rows.push((Some(event), counts));
    }
    rows.sort_by(|(a_key, a), (b_key, b)| (b.conversions, a_key).cmp(&(a.conversions, b_key)));
    if !without_event.are_zero() {
        rows.push((None, without_event));
    }
    let breakdown = Breakdown::One(Axis::Values(Group::Event));
    add_costs(context, request, breakdown, &mut rows, Some(totals)).await?;
    Ok(rows)
}
