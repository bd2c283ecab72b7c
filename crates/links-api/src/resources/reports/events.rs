//! The conversions and the revenue of each event.

use std::collections::{BTreeMap, HashMap};

use domain::cost::round;

use super::{
    breakdown::Breakdown,
    fetch::{FromClause, fetch, from_clause},
    request::ReportRequest,
    row::EventCounts,
    source::Source,
    statuses::CountedColumns,
};
use crate::{error::ApiError, http::RequestContext};

/// What is counted of each event.
pub type CountsByEvent = BTreeMap<String, EventCounts>;

/// What each row has of each event.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    breakdown: Breakdown<'_>,
) -> Result<HashMap<Option<String>, CountsByEvent>, ApiError> {
    let source = Source::select_events(&request.filters, &breakdown.groups());
    let FromClause { sql, n_parameters } = from_clause(source, &request.filters);
    let clauses = breakdown.clauses(source, n_parameters + 1);
    let CountedColumns {
        conversions,
        revenue,
    } = request.statuses.columns();
    // Days matter only where each has a rate of its own.
    let day = match request.exchange {
        Some(_) => "date_trunc('day', t.bucket, 'UTC')",
        None => "$2::timestamptz",
    };
    let sql = format!(
        "SELECT {} AS row_key, t.event, t.currency::text AS currency, {day} AS day,
                sum({conversions})::bigint AS conversions, sum({revenue}) AS revenue
         {sql}
           {}
           AND t.event IS NOT NULL
           AND $4::text IS NOT NULL
         GROUP BY 1, 2, 3, 4",
        clauses.row_key, clauses.condition
    );
    let parameters = clauses.parameters();
    let granularity = breakdown.granularity();
    let rows = fetch(context, request, source, granularity, &sql, &parameters).await?;
    let mut events_by_key: HashMap<Option<String>, CountsByEvent> = HashMap::new();
    for row in &rows {
        let events = events_by_key.entry(row.get("row_key")).or_default();
        let counts = events.entry(row.get("event")).or_default();
        counts.conversions += row.get::<_, i64>("conversions");
        let currency: &str = row.get("currency");
        counts.revenue += match &request.exchange {
            Some(exchange) => exchange.convert(row.get("revenue"), currency, row.get("day"))?,
            None if currency == request.currency => row.get("revenue"),
            None => continue,
        };
    }
    for events in events_by_key.values_mut() {
        for counts in events.values_mut() {
            counts.revenue = round(counts.revenue);
        }
        // What was subtracted again leaves rows of zeros.
        events.retain(|_, counts| *counts != EventCounts::default());
    }
    Ok(events_by_key)
}
