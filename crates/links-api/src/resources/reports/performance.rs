//! `GET /api/v2/reports/performance`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    by_key,
    group::Group,
    layout::Layout,
    names::with_names,
    previous::{self, PreviousPeriod},
    request::{Comparison, PerformanceQuery, ReportRequest},
    row::{KeyedCounts, ReportMetrics, ReportRow, RowCounts, write_csv},
    rows,
    sums::{self, Sums},
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
    /// The second dimension, if the query has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    then_by: Option<Group>,
    /// The first moment.
    from: Timestamp,
    /// The moment after the last.
    to: Timestamp,
    tz: String,
    currency: String,
    /// The currencies of all revenue.
    currencies: Vec<String>,
    rows: Vec<ReportRow>,
    /// How many rows there are without `limit`; null for pages of links and messages.
    n_rows: Option<usize>,
    /// The sums of all rows, on all pages.
    totals: ReportMetrics,
    /// The period before, if the query has `compare=previous`.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<PreviousPeriod>,
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
    let Sums { counts, currencies } = sums::select(context, &request).await?;
    let layout = Layout::new(&request)?;
    let page = select_page(context, &request, &layout, &counts).await?;
    let (previous, previous_counts) = match request.comparison {
        Some(Comparison::Previous) => {
            let (period, counts) = previous::select(context, &request, &page.rows, now).await?;
            (Some(period), Some(counts))
        }
        None => (None, None),
    };
    let rows = with_names(context, &request, &layout, page.rows, previous_counts).await?;
    if let Some(csv) = format.csv() {
        let body = write_csv(csv, &request.groups(), &request.currency, &rows)?;
        return Ok(Response::csv(body, page.next_cursor));
    }
    Response::ok(&Report {
        group_by: request.group,
        then_by: request.then_by,
        from: Timestamp(request.period.from),
        to: Timestamp(request.period.to),
        tz: request.period.zone_name,
        currency: request.currency,
        currencies,
        rows,
        n_rows: page.n_rows,
        totals: counts.into(),
        previous,
        next: NextPage::new(page.next_cursor),
    })
}

/// The rows that are shown.
struct Page {
    rows: Vec<KeyedCounts>,
    /// How many there are, if they do not come in pages.
    n_rows: Option<usize>,
    next_cursor: Option<String>,
}

async fn select_page(
    context: RequestContext<'_>,
    request: &ReportRequest,
    layout: &Layout,
    totals: &RowCounts,
) -> Result<Page, ApiError> {
    if request.group.is_paged() {
        let (rows, next_cursor) = by_key::select(context, request).await?;
        return Ok(Page {
            rows,
            n_rows: None,
            next_cursor,
        });
    }
    let mut rows = rows::select_all(context, request, layout, totals).await?;
    if let Some(min_clicks) = request.min_clicks {
        rows.retain(|(_, counts)| counts.clicks >= min_clicks);
    }
    if let Some(order) = request.order {
        order.sort(&mut rows);
    }
    let n_rows = rows.len();
    if let Some(limit) = request.limit.and_then(|limit| usize::try_from(limit).ok()) {
        rows.truncate(limit);
    }
    Ok(Page {
        rows,
        n_rows: Some(n_rows),
        next_cursor: None,
    })
}

impl Report {
    pub fn example() -> Value {
        let metrics = json!({
            "sends": 1000, "clicks": 260, "unique_clicks": 180, "bot_clicks": 55,
            "confirmed_clicks": 12, "click_rate": 0.1875, "conversions": 9, "conversion_rate": 0.05,
            "revenue": "112.50", "revenue_per_send": "0.1125", "epc": "0.625",
            "epc_total": "0.4327", "cost": "45.00", "profit": "67.50", "roi": 1.5,
            "sent": 1000, "delivered": 960, "failed": 25,
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
            "n_rows": 1,
            "totals": metrics,
            "next_cursor": null,
            "has_more": false,
        })
    }
}
