//! What rows have beside their counts: costs, converted amounts, and their events.

use domain::{
    cost::{COST_DECIMALS, round, round_to_total},
    money,
};
use rust_decimal::Decimal;

use super::{
    breakdown::{Axis, Breakdown},
    converted, costs, events,
    request::ReportRequest,
    row::{KeyedCounts, RowCounts},
};
use crate::{error::ApiError, http::RequestContext};

// Costs and converted revenue are rounded alike, and a revenue may have as many decimals.
const _: () = assert!(money::REVENUE_DECIMALS as u32 == COST_DECIMALS);

/// Adds to rows what the report asks for beside their counts. What has costs and nothing else
/// gets a row at the end, except on pages of links and messages. Amounts of rows that are the
/// whole report add up to `totals`, its sums; on a page, each is rounded by itself.
pub async fn add_measures(
    context: RequestContext<'_>,
    request: &ReportRequest,
    breakdown: Breakdown<'_>,
    rows: &mut Vec<KeyedCounts>,
    totals: Option<&RowCounts>,
) -> Result<(), ApiError> {
    if let Some(exchange) = &request.exchange {
        let mut amounts = converted::select(context, request, exchange, breakdown).await?;
        for (key, counts) in rows.iter_mut() {
            let amounts = amounts.remove(key).unwrap_or_default();
            counts.revenue = amounts.revenue;
            counts.click_cost = amounts.click_cost;
        }
        let total = totals.map(|totals| totals.revenue);
        round_all(rows, |counts| &mut counts.revenue, total);
    }
    if request.with_events {
        let mut events = events::select(context, request, breakdown).await?;
        for (key, counts) in rows.iter_mut() {
            counts.events = Some(events.remove(key).unwrap_or_default());
        }
    }
    add_costs(context, request, breakdown, rows, totals).await
}

/// Adds the costs of rows, rounded as by [`add_measures`].
pub async fn add_costs(
    context: RequestContext<'_>,
    request: &ReportRequest,
    breakdown: Breakdown<'_>,
    rows: &mut Vec<KeyedCounts>,
    totals: Option<&RowCounts>,
) -> Result<(), ApiError> {
    let mut costs = costs::select(context, request, breakdown).await?;
    for (key, counts) in rows.iter_mut() {
        counts.cost = counts.click_cost + costs.remove(key).unwrap_or_default();
    }
    let may_have_more_rows = match breakdown {
        Breakdown::Whole | Breakdown::One(Axis::Slices(..)) | Breakdown::Keys(..) => false,
        Breakdown::One(Axis::Values(_) | Axis::RecurringTime(..)) | Breakdown::Two(..) => true,
    };
    if may_have_more_rows {
        let mut others: Vec<_> = costs.into_iter().collect();
        others.retain(|(_, cost)| !cost.is_zero());
        others.sort_by(|(a, _), (b, _)| (a.is_none(), a).cmp(&(b.is_none(), b)));
        let with_events = request.with_events;
        rows.extend(others.into_iter().map(|(key, cost)| {
            let counts = RowCounts {
                cost,
                events: with_events.then(Default::default),
                ..RowCounts::default()
            };
            (key, counts)
        }));
    }
    let total = totals.map(|totals| totals.cost);
    round_all(rows, |counts| &mut counts.cost, total);
    Ok(())
}

/// Rounds an amount of all rows, so that they add up to `total` if there is one.
fn round_all(
    rows: &mut [KeyedCounts],
    amount: impl Fn(&mut RowCounts) -> &mut Decimal,
    total: Option<Decimal>,
) {
    let mut amounts: Vec<_> = rows.iter_mut().map(|(_, counts)| amount(counts)).collect();
    match total {
        Some(total) => round_to_total(&mut amounts, total),
        None => amounts
            .into_iter()
            .for_each(|amount| *amount = round(*amount)),
    }
}
