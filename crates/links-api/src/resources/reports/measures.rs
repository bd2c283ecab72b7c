//! What rows have beside their counts: costs, converted revenue, and their events.

use domain::cost::round_to_sum;

use super::{
    breakdown::Breakdown,
    costs, events,
    request::ReportRequest,
    revenue,
    row::{KeyedCounts, RowCounts},
};
use crate::{error::ApiError, http::RequestContext};

/// Adds to rows what the report asks for beside their counts. What has costs and nothing else
/// gets a row at the end, except on pages of links and messages.
pub async fn add_measures(
    context: RequestContext<'_>,
    request: &ReportRequest,
    breakdown: Breakdown<'_>,
    rows: &mut Vec<KeyedCounts>,
) -> Result<(), ApiError> {
    if let Some(exchange) = &request.exchange {
        let mut revenue = revenue::select(context, request, exchange, breakdown).await?;
        for (key, counts) in rows.iter_mut() {
            counts.revenue = revenue.remove(key).unwrap_or_default();
        }
    }
    if request.with_events {
        let mut events = events::select(context, request, breakdown).await?;
        for (key, counts) in rows.iter_mut() {
            counts.events = Some(events.remove(key).unwrap_or_default());
        }
    }
    add_costs(context, request, breakdown, rows).await
}

/// Adds the costs of rows.
pub async fn add_costs(
    context: RequestContext<'_>,
    request: &ReportRequest,
    breakdown: Breakdown<'_>,
    rows: &mut Vec<KeyedCounts>,
) -> Result<(), ApiError> {
    let mut costs = costs::select(context, request, breakdown).await?;
    for (key, counts) in rows.iter_mut() {
        counts.cost = costs.remove(key).unwrap_or_default();
    }
    if let Breakdown::Values(_) = breakdown {
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
    match breakdown {
        // There are other pages, which have other parts of the sum.
        Breakdown::Keys(..) => rows
            .iter_mut()
            .for_each(|(_, counts)| round_to_sum([&mut counts.cost])),
        Breakdown::Whole | Breakdown::Slices(..) | Breakdown::Values(_) => {
            round_to_sum(rows.iter_mut().map(|(_, counts)| &mut counts.cost));
        }
    }
    Ok(())
}
