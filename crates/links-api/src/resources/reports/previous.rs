//! The period before, which a report is compared with.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use ledger::totals::{BUCKET_SECONDS, bucket_start};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    by_key,
    exchange::Exchange,
    layout::Layout,
    request::ReportRequest,
    row::{KeyedCounts, ReportMetrics, RowCounts},
    rows,
    sums::{self, Sums},
};
use crate::{error::ApiError, fields, http::RequestContext};

/// The period before, and its sums.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PreviousPeriod {
    /// The first moment.
    from: fields::Timestamp,
    /// The moment after the last.
    to: fields::Timestamp,
    totals: ReportMetrics,
}

/// The counts of the rows of the period before, by the keys of the report's rows.
pub type PreviousCounts = HashMap<Option<String>, RowCounts>;

impl ReportRequest {
    /// The same report of the period before. Of a period that is not over, the time that has
    /// passed is compared with as much of the one before.
    fn of_previous_period(&self, now: Timestamp) -> Self {
        let length = self.period.to.duration_since(self.period.from);
        let mut previous = self.clone();
        previous.period.from = self.period.from - length;
        previous.period.to = match (self.period.from..self.period.to).contains(&now) {
            true => bucket_start(now) + SignedDuration::from_secs(BUCKET_SECONDS) - length,
            false => self.period.from,
        };
        previous.comparison = None;
        previous
    }
}

/// Reads the period before, with the counts of those keys that the report's rows have.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    rows_of_report: &[KeyedCounts],
    now: Timestamp,
) -> Result<(PreviousPeriod, PreviousCounts), ApiError> {
    let mut request = request.of_previous_period(now);
    if request.exchange.is_some() {
        // The rates of the report are those of its own days.
        let exchange = Exchange::load(context, &request.period, &request.currency).await?;
        request.exchange = Some(exchange);
    }
    let Sums { counts: totals, .. } = sums::select(context, &request).await?;
    let rows = if request.group.is_paged() {
        let keys = rows_of_report.iter().filter_map(|(key, _)| key.clone());
        by_key::select_of(context, &request, &keys.collect::<Vec<_>>()).await?
    } else {
        let layout = Layout::new(&request)?;
        rows::select_all(context, &request, &layout, &totals).await?
    };
    let period = PreviousPeriod {
        from: fields::Timestamp(request.period.from),
        to: fields::Timestamp(request.period.to),
        totals: totals.into(),
    };
    Ok((period, rows.into_iter().collect()))
}
