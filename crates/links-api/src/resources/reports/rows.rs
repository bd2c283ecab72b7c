//! The rows of a report that come all at once: by time, by a dimension with few values, or by two
//! of them.

use std::{cmp::Reverse, collections::HashMap};

use super::{
    breakdown::{Axis, Breakdown},
    by_event, counts,
    group::Group,
    layout::Layout,
    measures::add_measures,
    request::ReportRequest,
    row::{KeyedCounts, RowCounts},
};
use crate::{error::ApiError, http::RequestContext};

/// All rows of a report that is not by link or message.
pub async fn select_all(
    context: RequestContext<'_>,
    request: &ReportRequest,
    layout: &Layout,
    totals: &RowCounts,
) -> Result<Vec<KeyedCounts>, ApiError> {
    match request.group {
        Group::Event => by_event::select(context, request, totals).await,
        _ => select(context, request, layout.breakdown(), totals).await,
    }
}

/// Days and hours, and hours of the day and days of the week, come in their order, also those in
/// which nothing happened. Other rows come by clicks, those with most first.
async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    breakdown: Breakdown<'_>,
    totals: &RowCounts,
) -> Result<Vec<KeyedCounts>, ApiError> {
    let counts = counts::select(context, request, breakdown).await?;
    let mut counts = with_all_times(breakdown, counts);
    add_measures(context, request, breakdown, &mut counts, Some(totals)).await?;
    if times(breakdown).is_none() {
        // Totals from which everything was subtracted again are rows of zeros.
        counts.retain(|(_, counts)| !counts.are_zero());
        counts.sort_by_cached_key(|(key, counts)| {
            let slice = slice_number(breakdown, key.as_deref());
            (slice, Reverse(counts.clicks), key.is_none(), key.clone())
        });
    }
    Ok(counts)
}

/// The numbers of the times that a breakdown by one time has rows for.
fn times(breakdown: Breakdown<'_>) -> Option<std::ops::Range<usize>> {
    match breakdown {
        // Slices are numbered from 1.
        Breakdown::One(Axis::Slices(_, slices)) => Some(1..slices.len() + 1),
        Breakdown::One(Axis::RecurringTime(Group::Weekday, _)) => Some(1..8),
        Breakdown::One(Axis::RecurringTime(..)) => Some(0..24),
        _ => None,
    }
}

/// Puts rows of times into their order, and adds those in which nothing happened.
fn with_all_times(breakdown: Breakdown<'_>, rows: Vec<KeyedCounts>) -> Vec<KeyedCounts> {
    let Some(times) = times(breakdown) else {
        return rows;
    };
    let mut counts_by_key: HashMap<_, _> = rows.into_iter().collect();
    let row = |number: usize| {
        let key = Some(number.to_string());
        let counts = counts_by_key.remove(&key).unwrap_or_default();
        (key, counts)
    };
    times.map(row).collect()
}

/// The number of the day or hour of a row, by which rows of days and something else are sorted
/// first.
fn slice_number(breakdown: Breakdown<'_>, key: Option<&str>) -> u64 {
    match breakdown {
        Breakdown::Two(Axis::Slices(..) | Axis::RecurringTime(..), _) => {
            let [number, _] = parse_pair(key);
            number.and_then(|number| number.parse().ok()).unwrap_or(0)
        }
        _ => 0,
    }
}

/// The two values of a key of [`Breakdown::Two`].
pub fn parse_pair(key: Option<&str>) -> [Option<String>; 2] {
    key.and_then(|key| serde_json::from_str(key).ok())
        .unwrap_or_default()
}
