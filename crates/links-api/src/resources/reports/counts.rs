//! Counting what the rows of a report have.

use super::{
    breakdown::Breakdown,
    fetch::{FromClause, fetch, from_clause, measures},
    request::ReportRequest,
    row::{KeyedCounts, RowCounts},
};
use crate::{error::ApiError, http::RequestContext};

/// The counts of each row that has any, in no order.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    breakdown: Breakdown<'_>,
) -> Result<Vec<KeyedCounts>, ApiError> {
    let source = breakdown.source_of_counts(&request.filters);
    let FromClause { sql, n_parameters } = from_clause(source, &request.filters);
    let clauses = breakdown.clauses(source, n_parameters + 1);
    let sql = format!(
        "SELECT {} AS row_key, {}
         {sql}
           {}
         GROUP BY row_key",
        clauses.row_key,
        measures(request, source, &breakdown.groups()),
        clauses.condition
    );
    let granularity = breakdown.granularity();
    let parameters = clauses.parameters();
    let rows = fetch(context, request, source, granularity, &sql, &parameters).await?;
    let counts = rows
        .iter()
        .map(|row| (row.get("row_key"), RowCounts::from(row)));
    Ok(counts.collect())
}
