//! Exchange rates, which the operator of the installation loads.

use std::collections::BTreeMap;

use domain::{
    exchange::{BASE_CURRENCY, ExchangeRates, MAX_RATE_AGE_DAYS},
    id::AccountId,
};
use jiff::{Span, civil::Date};
use postgres::pool::GenericClient;
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::ListQuery;
use crate::{error::ApiError, http::PageRequest};

/// The units of a currency that one euro buys on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateRow {
    pub currency: String,
    pub day: Date,
    pub per_euro: Decimal,
}

impl From<&Row> for RateRow {
    fn from(row: &Row) -> Self {
        Self {
            currency: row.get("currency"),
            day: row.get("day"),
            per_euro: row.get("per_euro"),
        }
    }
}

/// Inserts rates, or replaces those of the same currency and day. Of several such ones among
/// them the last counts. Returns how many were new or different.
pub async fn upsert_all(client: &impl GenericClient, rates: &[RateRow]) -> Result<u64, ApiError> {
    let rates: BTreeMap<_, _> = rates
        .iter()
        .map(|rate| ((rate.currency.as_str(), rate.day), rate.per_euro))
        .collect();
    let currencies: Vec<_> = rates.keys().map(|(currency, _)| *currency).collect();
    let days: Vec<_> = rates.keys().map(|(_, day)| *day).collect();
    let per_euro: Vec<_> = rates.values().copied().collect();
    let statement = client
        .prepare_cached(
            "INSERT INTO exchange_rates AS r (currency, day, per_euro)
             SELECT * FROM unnest($1::text[], $2::date[], $3::numeric[])
             ON CONFLICT ON CONSTRAINT exchange_rates_pkey DO UPDATE
             SET per_euro = excluded.per_euro
             WHERE r.per_euro <> excluded.per_euro",
        )
        .await?;
    Ok(client
        .execute(&statement, &[&currencies, &days, &per_euro])
        .await?)
}

/// A page of the rates, the latest first, and the number of all.
pub async fn select_page(
    client: &impl GenericClient,
    currency: Option<&str>,
    page: PageRequest,
) -> Result<(Vec<RateRow>, i64), ApiError> {
    let list = ListQuery {
        columns: "*",
        from: "FROM exchange_rates WHERE $1::text IS NULL OR currency = $1",
        order_by: "day DESC, currency",
    };
    let (rows, total) = super::select_page(client, list, &[&currency], page).await?;
    Ok((rows.iter().map(RateRow::from).collect(), total))
}

/// The rates that hold on some days of the currencies that the account has amounts in, and of
/// `target`.
pub async fn load(
    client: &impl GenericClient,
    account_id: AccountId,
    (first, last): (Date, Date),
    target: &str,
) -> Result<ExchangeRates, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT r.*
             FROM exchange_rates r
             WHERE r.day BETWEEN $2 AND $3
               AND r.currency <> $5
               AND (r.currency = $4 OR r.currency IN (
                   SELECT currency
                   FROM totals
                   WHERE account_id = $1 AND span = 'day' AND dimension = 'all'
                   UNION
                   SELECT currency FROM costs WHERE account_id = $1
               ))",
        )
        .await?;
    let oldest = first.saturating_sub(Span::new().days(MAX_RATE_AGE_DAYS));
    let rows = client
        .query(
            &statement,
            &[&account_id.0, &oldest, &last, &target, &BASE_CURRENCY],
        )
        .await?;
    let mut rates = ExchangeRates::default();
    for row in rows.iter().map(RateRow::from) {
        rates.insert(row.currency, row.day, row.per_euro);
    }
    Ok(rates)
}
