//! Reports by date and by hour.

#![warn(clippy::indexing_slicing)]

use std::collections::HashMap;

use serde_json::{Map, json};

use super::{
    breakdown::Breakdown,
    fetch::{FromClause, fetch, from_clause, measures},
    measures::add_measures,
    request::ReportRequest,
    row::{KeyedCounts, ReportPage, ReportRow, RowCounts},
    time_slices::TimeSlice,
};
use crate::{error::ApiError, http::RequestContext};

/// A row for each day or hour, also for those in which nothing happened.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    slices: &[TimeSlice],
    totals: &RowCounts,
) -> Result<ReportPage, ApiError> {
    let breakdown = Breakdown::Slices(request.group, slices);
    let source = breakdown.source(&request.filters);
    let FromClause { sql, n_parameters } = from_clause(source);
    let clauses = breakdown.clauses(source, n_parameters + 1);
    let sql = format!(
        "SELECT {} AS row_key, {}
         {sql}
         GROUP BY row_key",
        clauses.row_key,
        measures(request, source, Some(request.group))
    );
    let granularity = breakdown.granularity();
    let parameters = clauses.parameters();
    let rows = fetch(context, request, source, granularity, &sql, &parameters).await?;
    let mut counts_by_key: HashMap<Option<String>, RowCounts> = rows
        .iter()
        .map(|row| (row.get("row_key"), RowCounts::from(row)))
        .collect();
    // Slices are numbered from 1.
    let keys = (1..=slices.len()).map(|number| Some(number.to_string()));
    let mut counts: Vec<KeyedCounts> = keys
        .map(|key| {
            let counts = counts_by_key.remove(&key).unwrap_or_default();
            (key, counts)
        })
        .collect();
    add_measures(context, request, breakdown, &mut counts, Some(totals)).await?;
    let key = request.group.key_column();
    let rows = slices
        .iter()
        .zip(counts)
        .map(|(slice, (_, counts))| ReportRow {
            key: Map::from_iter([(key.to_owned(), json!(slice.name))]),
            metrics: counts.into(),
        });
    Ok(ReportPage {
        rows: rows.collect(),
        next_cursor: None,
    })
}
