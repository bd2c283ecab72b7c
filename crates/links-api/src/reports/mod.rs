//! `GET /api/v2/reports/performance`: sends, clicks, conversions and revenue by
//! any dimension, from the totals.

mod asked;
mod names;
mod period;
mod query;
mod row;

use actix_web::http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    auth::Scope,
    csv::{self, Csv},
    error::ApiError,
    fields::Timestamp,
    http::{Content, Operation, Parameter, RequestContext, Response},
    state::PoolKind,
};
use asked::{Asked, GROUPS};
use period::time_parameters;
use row::{Metrics, Row};

pub fn operations() -> Vec<Operation> {
    let integer = |name, description| Parameter::integer(name, description);
    let mut operation = Operation::platform(
        Method::GET,
        "/reports/performance",
        "get_performance_report",
        get_report,
    )
    .scope(Scope::ReportsRead).tag("reports")
    .pool(PoolKind::Reports)
    .summary("Performance").description("By what `group_by` says. `clicks` is every click, `unique_clicks` the first click of each \
         contact and message that is not a bot's, `confirmed_clicks` those behind the Continue \
         button. Rates are of unique clicks: `click_rate` per send, `conversion_rate` and `epc` per \
         unique click, `epc_total` per click; a division by zero is 0. Conversions are those \
         that are attributed, at the time when they were received; refunds and chargebacks \
         subtract from the revenue. A message is a send of each of its offers and links, and one \
         send in `totals`. What has no offer (list, creative, campaign, country, device) stands in \
         a row whose key is null. Links and messages come in pages, by key; of messages and links \
         only those of the range. Times that are not full quarters of an hour are widened to them.")
    .parameter(Parameter::choice("group_by", "date by default.", &GROUPS));
    for parameter in time_parameters() {
        operation = operation.parameter(parameter);
    }
    let operation = operation
        .parameter(Parameter::text("offer_id", "Only this offer."))
        .parameter(integer("list_id", "Only this list."))
        .parameter(integer("creative_id", "Only this creative."))
        .parameter(Parameter::text("campaign_id", "Only this campaign."))
        .parameter(Parameter::text(
            "country",
            "Only this country (ISO 3166-1 alpha-2).",
        ))
        .parameter(Parameter::text("device", "Only this class of device."))
        .parameter(Parameter::text(
            "link_id",
            "Only this link, by its short id or as lnk_...",
        ))
        .parameter(Parameter::text("message_id", "Only this message."))
        .parameter(Parameter::text(
            "currency",
            "The currency of the revenue (ISO 4217), USD by default. Amounts are not converted; \
             `currencies` says which there are.",
        ))
        .parameter(integer(
            "limit",
            "Rows of a page of links or messages, 100 by default, at most 1,000.",
        ))
        .parameter(Parameter::text(
            "cursor",
            "`next_cursor` of the page before.",
        ))
        .parameters(csv::parameters())
        .response::<Report>(200, example())
        .response_with_content(200, "Success", Content::Bytes("text/csv"));
    vec![operation]
}

#[derive(Debug, Serialize, JsonSchema)]
struct Report {
    group_by: &'static str,
    /// The first moment.
    from: Timestamp,
    /// The moment after the last.
    to: Timestamp,
    tz: String,
    currency: String,
    /// All currencies that there is revenue in.
    currencies: Vec<String>,
    rows: Vec<Row>,
    /// Of all rows, on whichever page.
    totals: Metrics,
    next_cursor: Option<String>,
}

async fn get_report(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let asked = Asked::read(context, jiff::Timestamp::now()).await?;
    let csv = Csv::read(context)?;
    context.plan_by_values().await?;
    let found = query::rows(context, &asked).await?;
    if let Some(csv) = csv {
        return Ok(Response::csv(
            row::write_csv(csv, asked.group, &found.rows)?,
            found.next_cursor,
        ));
    }
    let (totals, currencies) = query::totals(context, &asked).await?;
    Response::ok(&Report {
        group_by: asked.group.name(),
        from: Timestamp(asked.period.from),
        to: Timestamp(asked.period.to),
        tz: asked.period.zone_name.clone(),
        currency: asked.currency.clone(),
        currencies,
        rows: found.rows,
        totals,
        next_cursor: found.next_cursor,
    })
}

fn example() -> Value {
    let metrics = json!({
        "sends": 1000, "clicks": 260, "unique_clicks": 180, "bot_clicks": 55,
        "confirmed_clicks": 12, "click_rate": 0.18, "conversions": 9, "conversion_rate": 0.05,
        "revenue": "112.50", "revenue_per_send": "0.1125", "epc": "0.625", "epc_total": "0.4327",
    });
    let mut row = metrics.clone();
    row["offer_id"] = json!("6789abcd1234ef5678901234");
    row["offer_name"] = json!("Summer Sale");
    json!({
        "group_by": "offer",
        "from": "2026-03-01T05:00:00Z",
        "to": "2026-04-01T04:00:00Z",
        "tz": "America/New_York",
        "currency": "USD",
        "currencies": ["USD"],
        "rows": [row],
        "totals": metrics,
        "next_cursor": null,
    })
}
