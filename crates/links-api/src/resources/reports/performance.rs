//! `GET /api/v2/reports/performance`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    by_dimension, by_event, by_key, by_time,
    group::Group,
    request::{PerformanceQuery, ReportRequest},
    row::{ReportMetrics, ReportPage, ReportRow, write_csv},
    sums,
};
use crate::{
    error::ApiError,
    fields::Timestamp,
    http::{FormatQuery, NextPage, RequestContext, Response},
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    #[schemars(with = "String")]
    group_by: Group,
    /// The first moment.
    from: Timestamp,
    /// The moment after the last.
    to: Timestamp,
    tz: String,
    currency: String,
    /// The currencies of all revenue.
    currencies: Vec<String>,
    rows: Vec<ReportRow>,
    /// The sums of all rows, on all pages.
    totals: ReportMetrics,
    #[serde(flatten)]
    next: NextPage,
}

pub async fn get_performance_report(
    context: RequestContext<'_>,
    query: PerformanceQuery,
    format: FormatQuery,
) -> Result<Response, ApiError> {
    let now = jiff::Timestamp::now();
    let request = ReportRequest::from_query(context, query, now).await?;
    context.plan_by_values().await?;
    let page = select_rows(context, &request).await?;
    if let Some(csv) = format.csv() {
        let body = write_csv(csv, request.group, &request.currency, &page.rows)?;
        return Ok(Response::csv(body, page.next_cursor));
    }
    let (totals, currencies) = sums::select(context, &request).await?;
    Response::ok(&Report {
        group_by: request.group,
        from: Timestamp(request.period.from),
        to: Timestamp(request.period.to),
        tz: request.period.zone_name,
        currency: request.currency,
        currencies,
        rows: page.rows,
        totals,
        next: NextPage::new(page.next_cursor),
    })
}

async fn select_rows(
    context: RequestContext<'_>,
    request: &ReportRequest,
) -> Result<ReportPage, ApiError> {
    match request.group {
        Group::Date => by_time::select(context, request, &request.period.days()?).await,
        Group::Hour => by_time::select(context, request, &request.period.hours()?).await,
        Group::Event => by_event::select(context, request).await,
        Group::Link | Group::Message => by_key::select(context, request).await,
        Group::Creative
        | Group::Offer
        | Group::List
        | Group::Campaign
        | Group::Country
        | Group::Device => by_dimension::select(context, request).await,
    }
}

impl Report {
    pub fn example() -> Value {
        let metrics = json!({
            "sends": 1000, "clicks": 260, "unique_clicks": 180, "bot_clicks": 55,
            "confirmed_clicks": 12, "click_rate": 0.18, "conversions": 9, "conversion_rate": 0.05,
            "revenue": "112.50", "revenue_per_send": "0.1125", "epc": "0.625",
            "epc_total": "0.4327", "cost": "45.00", "profit": "67.50", "roi": 1.5,
        });
        let mut row = metrics.clone();
        row["offer_id"] = json!("6789abcd1234ef5678901234");
        row["offer_name"] = json!("Summer Sale");
        json!({
            "group_by": "offer",
            "from": "2026-03-01T05:00:00.000Z",
            "to": "2026-04-01T04:00:00.000Z",
            "tz": "America/New_York",
            "currency": "USD",
            "currencies": ["USD"],
            "rows": [row],
            "totals": metrics,
            "next_cursor": null,
            "has_more": false,
        })
    }
}
