//! The sums of a whole report.

use anyhow::Context as _;

use super::{
    breakdown::Breakdown,
    fetch::{FromClause, fetch, from_clause, measures},
    measures::add_measures,
    request::ReportRequest,
    row::RowCounts,
};
use crate::{error::ApiError, http::RequestContext};

/// What a whole report counts.
pub struct Sums {
    pub counts: RowCounts,
    /// The currencies of all revenue.
    pub currencies: Vec<String>,
}

pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
) -> Result<Sums, ApiError> {
    let Sums { counts, currencies } = select_counts(context, request).await?;
    let mut rows = vec![(None, counts)];
    add_measures(context, request, Breakdown::Whole, &mut rows, None).await?;
    let (_, counts) = rows.pop().unwrap_or_default();
    Ok(Sums { counts, currencies })
}

/// The sums without costs and events, in the currency of the report alone.
async fn select_counts(
    context: RequestContext<'_>,
    request: &ReportRequest,
) -> Result<Sums, ApiError> {
    let breakdown = Breakdown::Whole;
    let source = breakdown.source(&request.filters);
    let FromClause { sql: from, .. } = from_clause(source, &request.filters);
    let sql = format!(
        "SELECT {},
                array_agg(DISTINCT t.currency::text) FILTER (WHERE t.revenue <> 0) AS currencies
         {from}",
        measures(request, source, &[])
    );
    let granularity = breakdown.granularity();
    let rows = fetch(context, request, source, granularity, &sql, &[]).await?;
    let row = rows.first().context("sums without groups are one row");
    let row = row.map_err(ApiError::internal)?;
    let currencies: Option<Vec<String>> = row.get("currencies");
    Ok(Sums {
        counts: RowCounts::from(row),
        currencies: currencies.unwrap_or_default(),
    })
}
