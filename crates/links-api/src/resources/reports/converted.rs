//! Amounts of all currencies, converted to that of the report by the rates of their days.

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

/// What a row has in all currencies, not rounded.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConvertedAmounts {
    pub revenue: Decimal,
    /// The costs that clicks have of their own.
    pub click_cost: Decimal,
}

/// The converted amounts of each row that has any.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    exchange: &Exchange,
    breakdown: Breakdown<'_>,
) -> Result<HashMap<Option<String>, ConvertedAmounts>, ApiError> {
    let source = breakdown.source(&request.filters);
    let FromClause { sql, n_parameters } = from_clause(source, &request.filters);
    let clauses = breakdown.clauses(source, n_parameters + 1);
    let CountedColumns { revenue, .. } = request.statuses.columns();
    let sql = format!(
        "SELECT {} AS row_key, t.currency::text AS currency,
                date_trunc('day', t.bucket, 'UTC') AS day, sum({revenue}) AS revenue,
                sum(t.click_cost) AS click_cost
         {sql}
           {}
           AND ({revenue} <> 0 OR t.click_cost <> 0)
           AND $4::text IS NOT NULL
         GROUP BY 1, 2, 3",
        clauses.row_key, clauses.condition
    );
    let parameters = clauses.parameters();
    let granularity = breakdown.granularity();
    let rows = fetch(context, request, source, granularity, &sql, &parameters).await?;
    let mut amounts_by_key: HashMap<Option<String>, ConvertedAmounts> = HashMap::new();
    for row in &rows {
        let convert =
            |column: &str| exchange.convert(row.get(column), row.get("currency"), row.get("day"));
        let amounts = amounts_by_key.entry(row.get("row_key")).or_default();
        amounts.revenue += convert("revenue")?;
        amounts.click_cost += convert("click_cost")?;
    }
    Ok(amounts_by_key)
}
