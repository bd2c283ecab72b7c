//! Reports by a dimension with few values, such as offers or countries.

use super::{
    fetch::{FromClause, Granularity, fetch, from_clause, measures},
    group::Group,
    names::with_names,
    request::ReportRequest,
    row::{ReportPage, RowCounts},
    source::Source,
};
use crate::{error::ApiError, http::RequestContext};

pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
) -> Result<ReportPage, ApiError> {
    let source = Source::select(&request.filters, Some(request.group));
    let FromClause { sql, .. } = from_clause(source);
    let table = match (source, request.group) {
        (Source::Links, Group::Country | Group::Device) | (Source::Rollup(_), _) => "t",
        (Source::Links, _) => "l",
    };
    let column = request.group.key_column();
    let sql = format!(
        "SELECT nullif({table}.{column}::text, '') AS row_key, {}
         {sql}
         GROUP BY row_key
         ORDER BY clicks DESC, row_key",
        measures(request, source, Some(request.group))
    );
    let rows = fetch(context, request, source, Granularity::DailyRows, &sql, &[]).await?;
    let counts = rows
        .iter()
        .map(|row| (row.get("row_key"), RowCounts::from(row)));
    // Totals from which everything was subtracted again are rows of zeros.
    let counts = counts.filter(|(_, counts)| *counts != RowCounts::default());
    Ok(ReportPage {
        rows: with_names(context, request.group, counts.collect()).await?,
        next_cursor: None,
    })
}
