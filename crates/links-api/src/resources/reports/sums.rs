//! The sums of a whole report.

use anyhow::Context as _;

use super::{
    fetch::{FromClause, Granularity, fetch, from_clause, measures},
    request::ReportRequest,
    row::{ReportMetrics, RowCounts},
    source::Source,
};
use crate::{error::ApiError, http::RequestContext};

/// The sums of the whole report, and the currencies of its revenue.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
) -> Result<(ReportMetrics, Vec<String>), ApiError> {
    let source = Source::select(&request.filters, None);
    let FromClause { sql: from, .. } = from_clause(source);
    let sql = format!(
        "SELECT {},
                array_agg(DISTINCT t.currency::text) FILTER (WHERE t.revenue <> 0) AS currencies
         {from}",
        measures(request, source, None)
    );
    let rows = fetch(context, request, source, Granularity::DailyRows, &sql, &[]).await?;
    let row = rows.first().context("sums without groups are one row");
    let row = row.map_err(ApiError::internal)?;
    let currencies: Option<Vec<String>> = row.get("currencies");
    Ok((RowCounts::from(row).into(), currencies.unwrap_or_default()))
}
