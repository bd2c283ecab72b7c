//! Reports by a dimension with few values, such as offers or countries.

use super::{
    breakdown::Breakdown,
    fetch::{FromClause, fetch, from_clause, measures},
    measures::add_measures,
    names::with_names,
    request::ReportRequest,
    row::{KeyedCounts, ReportPage, RowCounts},
};
use crate::{error::ApiError, http::RequestContext};

pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    totals: &RowCounts,
) -> Result<ReportPage, ApiError> {
    let breakdown = Breakdown::Values(request.group);
    let source = breakdown.source(&request.filters);
    let FromClause { sql, .. } = from_clause(source);
    let row_key = breakdown.clauses(source, 0).row_key;
    let sql = format!(
        "SELECT {row_key} AS row_key, {}
         {sql}
         GROUP BY row_key
         ORDER BY clicks DESC, row_key",
        measures(request, source, Some(request.group))
    );
    let granularity = breakdown.granularity();
    let rows = fetch(context, request, source, granularity, &sql, &[]).await?;
    let counts = rows
        .iter()
        .map(|row| (row.get("row_key"), RowCounts::from(row)));
    let mut counts: Vec<KeyedCounts> = counts.collect();
    add_measures(context, request, breakdown, &mut counts, Some(totals)).await?;
    // Totals from which everything was subtracted again are rows of zeros.
    counts.retain(|(_, counts)| !counts.are_zero());
    Ok(ReportPage {
        rows: with_names(context, request.group, counts).await?,
        next_cursor: None,
    })
}
