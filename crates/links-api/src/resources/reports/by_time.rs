//! Reports by date and by hour.

#![warn(clippy::indexing_slicing)]

use ledger::totals::day_start;
use serde_json::{Map, json};

use super::{
    fetch::{FromClause, Granularity, fetch, from_clause, measures},
    group::Group,
    request::ReportRequest,
    row::{ReportPage, ReportRow, RowCounts},
    source::Source,
    time_slices::TimeSlice,
};
use crate::{error::ApiError, http::RequestContext};

/// A row for each day or hour, also for those in which nothing happened.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    slices: &[TimeSlice],
) -> Result<ReportPage, ApiError> {
    let source = Source::select(&request.filters, None);
    let FromClause { sql, n_parameters } = from_clause(source);
    let sql = format!(
        "SELECT width_bucket(t.bucket, ${}::timestamptz[]) AS slice, {}
         {sql}
         GROUP BY slice",
        n_parameters + 1,
        measures(request, source, Some(request.group))
    );
    let starts: Vec<_> = slices.iter().map(|slice| slice.start).collect();
    let granularity = granularity(request.group, slices);
    let rows = fetch(context, request, source, granularity, &sql, &[&starts]).await?;
    let mut all_counts = vec![RowCounts::default(); slices.len()];
    for row in &rows {
        // Slices are numbered from 1.
        let number: i32 = row.get("slice");
        let index = usize::try_from(number - 1).ok();
        if let Some(counts) = index.and_then(|index| all_counts.get_mut(index)) {
            *counts = RowCounts::from(row);
        }
    }
    let key = request.group.key_column();
    let rows = slices
        .iter()
        .zip(all_counts)
        .map(|(slice, counts)| ReportRow {
            key: Map::from_iter([(key.to_owned(), json!(slice.name))]),
            metrics: counts.into(),
        });
    Ok(ReportPage {
        rows: rows.collect(),
        next_cursor: None,
    })
}

/// Days can be read as such if all begin at a midnight by UTC. The first one need not, since it
/// begins with the period.
fn granularity(group: Group, slices: &[TimeSlice]) -> Granularity {
    let is_midnight = |slice: &TimeSlice| slice.start == day_start(slice.start);
    match group {
        Group::Date if slices.iter().skip(1).all(is_midnight) => Granularity::DailyRows,
        _ => Granularity::QuarterHourRows,
    }
}
