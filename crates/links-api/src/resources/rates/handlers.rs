//! The handlers of exchange rates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::RateImportBody;
use crate::{
    db::exchange_rates::{self, RateRow},
    error::ApiError,
    http::{ListPage, PageQuery, QueryParameters, RequestContext, Response},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct RatesQuery {
    /// Only rates of this currency, as in USD.
    currency: Option<String>,
}

impl QueryParameters for RatesQuery {}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExchangeRates")]
pub struct Rates {
    rates: Vec<RateObject>,
    #[serde(flatten)]
    page: ListPage,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExchangeRate")]
struct RateObject {
    day: String,
    currency: String,
    /// The units of the currency that one euro buys.
    per_euro: String,
}

impl From<RateRow> for RateObject {
    fn from(row: RateRow) -> Self {
        Self {
            day: row.day.to_string(),
            currency: row.currency,
            per_euro: row.per_euro.normalize().to_string(),
        }
    }
}

/// What became of rates that were loaded.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LoadedExchangeRates")]
pub struct LoadedRates {
    rows: usize,
    /// Rates that were new, or different from the stored ones.
    changed: u64,
}

impl Rates {
    pub fn example() -> Value {
        json!({
            "rates": [{ "day": "2026-03-02", "currency": "USD", "per_euro": "1.0842" }],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}

impl LoadedRates {
    pub fn example() -> Value {
        json!({ "rows": 1, "changed": 1 })
    }
}

pub async fn list_rates(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    query: RatesQuery,
) -> Result<Response, ApiError> {
    let page = page.page();
    let currency = query.currency.map(|code| code.to_ascii_uppercase());
    let (rows, total) = exchange_rates::select_page(context.db, currency.as_deref(), page).await?;
    Response::ok(&Rates {
        rates: rows.into_iter().map(RateObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn load_rates(
    context: RequestContext<'_>,
    body: RateImportBody,
) -> Result<Response, ApiError> {
    let changed = exchange_rates::upsert_all(context.db, &body.0).await?;
    Response::ok(&LoadedRates {
        rows: body.0.len(),
        changed,
    })
}
