//! Exchange rates of the whole installation, which operators load. Nothing fetches them.

mod body;
mod handlers;

pub use body::{MAX_ROWS, parse_csv};

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::{ApiError, InvalidRow, RowFailure},
    http::Operation,
};
use body::{NOT_A_RATE, RateImportBody};
use handlers::{LoadedRates, Rates, list_rates, load_rates};

pub fn operations() -> Vec<Operation> {
    let invalid_row = || InvalidRow {
        row: 2,
        failure: RowFailure::from(&ApiError::invalid_field("per_euro", NOT_A_RATE)),
    };
    vec![
        Operation::get("/rates", list_rates)
            .summary("List exchange rates")
            .description("The latest first.")
            .response::<Rates>(200, Rates::example()),
        Operation::post("/rates", load_rates)
            .audits_many(ObjectKind::ExchangeRate, "id")
            .summary("Load exchange rates")
            .description(
                "Up to 50,000 rows: a JSON array, newline-delimited JSON \
                 (`application/x-ndjson`), or CSV (`text/csv`) with the columns `day`, \
                 `currency` and `per_euro`, the units of the currency that one euro buys. A rate \
                 replaces that of the same day and currency. If any row is not valid, nothing is \
                 stored, and the error lists the first 100 of those rows. Reports with \
                 `convert_to` convert the amounts of a day (UTC) by its rate, or by the last one \
                 of the 7 days before it.",
            )
            .request_examples([RateImportBody::example()])
            .response::<LoadedRates>(200, LoadedRates::example())
            .errors([
                ApiError::UnsupportedMediaType,
                ApiError::InvalidCsv("invalid utf-8 sequence of 1 bytes from index 7".into()),
                ApiError::TooManyRows(MAX_ROWS),
                ApiError::InvalidRows(vec![invalid_row()]),
            ]),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Admin).tag("rates"))
    .collect()
}
