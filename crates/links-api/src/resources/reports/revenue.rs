//! Revenue of all currencies, converted to that of the report by the rates of its days.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::{
    breakdown::Breakdown,
    exchange::Exchange,
    fetch::{FromClause, fetch, from_clause},
    request::ReportRequest,
    statuses::CountedColumns,
};
use crate::{error::ApiError, http::RequestContext};

/// The converted revenue of each row that has any, not rounded.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    exchange: &Exchange,
    breakdown: Breakdown<'_>,
) -> Result<HashMap<Option<String>, Decimal>, ApiError> {
    let source = breakdown.source(&request.filters);
    let FromClause { sql, n_parameters } = from_clause(source, &request.filters);
    let clauses = breakdown.clauses(source, n_parameters + 1);
    let CountedColumns { revenue, .. } = request.statuses.columns();
    let sql = format!(
        "SELECT {} AS row_key, t.currency::text AS currency,
                date_trunc('day', t.bucket, 'UTC') AS day, sum({revenue}) AS revenue
         {sql}
           {}
           AND {revenue} <> 0
           AND $4::text IS NOT NULL
         GROUP BY 1, 2, 3",
        clauses.row_key, clauses.condition
    );
    let parameters = clauses.parameters();
    let granularity = breakdown.granularity();
    let rows = fetch(context, request, source, granularity, &sql, &parameters).await?;
    let mut revenue_by_key: HashMap<Option<String>, Decimal> = HashMap::new();
    for row in &rows {
        let amount = exchange.convert(row.get("revenue"), row.get("currency"), row.get("day"))?;
        *revenue_by_key.entry(row.get("row_key")).or_default() += amount;
    }
    Ok(revenue_by_key)
}
