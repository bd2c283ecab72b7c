//! Exchange rates as they are loaded: the rows of a body, or of a file.

use domain::{conversion::parse_currency, exchange::BASE_CURRENCY};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    db::exchange_rates::RateRow,
    error::{ApiError, RowFailure, all_valid},
    fields::{DecimalField, Text, moment::parse_day, non_empty},
    http::{ImportedRows, RawRequestBody, RowFormat},
};

pub const MAX_ROWS: usize = 50_000;
pub const NOT_A_RATE: &str =
    "it is not a decimal number of more than 0, below 1,000,000,000,000, with at most 12 decimals";
const MAX_DECIMALS: u32 = 12;

const COLUMNS: [&str; 3] = ["day", "currency", "per_euro"];
const FORMAT: RowFormat = RowFormat {
    columns: &COLUMNS,
    required_columns: &COLUMNS,
    max_rows: MAX_ROWS,
};

const CSV_EXAMPLE: &str = "\
day,currency,per_euro
2026-03-02,USD,1.0842
2026-03-02,GBP,0.8391
";
const NDJSON_EXAMPLE: &str = "\
{\"day\": \"2026-03-02\", \"currency\": \"USD\", \"per_euro\": \"1.0842\"}
";

/// A rate of a day. All fields are required.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(rename = "ExchangeRateInput")]
#[serde(deny_unknown_fields)]
pub struct RateImportRow {
    /// The UTC day that the rate is of, as in 2026-03-02.
    day: Option<Text>,
    /// Any currency but EUR, of which one euro always buys 1.
    currency: Option<Text>,
    /// The units of the currency that one euro buys.
    per_euro: Option<DecimalField>,
}

/// Valid rates.
pub struct RateImportBody(pub Vec<RateRow>);

/// The body as JSON, for the document.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ExchangeRateImport")]
#[expect(dead_code, reason = "its schema is all that is used")]
pub struct RateImportRows(#[schemars(length(max = 50_000))] Vec<RateImportRow>);

impl RateImportBody {
    pub fn example() -> Value {
        json!([{ "day": "2026-03-02", "currency": "USD", "per_euro": "1.0842" }])
    }
}

impl RawRequestBody for RateImportBody {
    type Json = RateImportRows;

    const OTHER_CONTENT: &'static [(&'static str, &'static str)] = &[
        ("text/csv", CSV_EXAMPLE),
        ("application/x-ndjson", NDJSON_EXAMPLE),
    ];

    fn parse(content_type: &str, body: &[u8]) -> Result<Self, ApiError> {
        validate(FORMAT.parse(content_type, body)?).map(Self)
    }
}

/// Reads a file of rates: CSV with the columns `day`, `currency` and `per_euro`.
pub fn parse_csv(file: &[u8]) -> Result<Vec<RateRow>, ApiError> {
    validate(FORMAT.parse_csv(file)?)
}

fn validate(rows: ImportedRows<RateImportRow>) -> Result<Vec<RateRow>, ApiError> {
    let rows = rows.into_iter().map(|row| {
        let valid = row?.validate();
        valid.map_err(|error| RowFailure::from(&error))
    });
    all_valid(rows.collect())
}

impl RateImportRow {
    fn validate(&self) -> Result<RateRow, ApiError> {
        let day = non_empty(&self.day).and_then(parse_day);
        let day =
            day.ok_or_else(|| ApiError::invalid_field("day", "it is not a day as in 2026-03-02"))?;
        let currency = non_empty(&self.currency).and_then(parse_currency);
        let currency = currency.filter(|code| code != BASE_CURRENCY);
        let currency = currency.ok_or_else(|| {
            ApiError::invalid_field("currency", "it is not a code as in USD, or it is EUR")
        })?;
        let per_euro = self.per_euro.as_ref().and_then(DecimalField::parse);
        let per_euro = per_euro.filter(is_rate);
        let per_euro = per_euro.ok_or_else(|| ApiError::invalid_field("per_euro", NOT_A_RATE))?;
        Ok(RateRow {
            currency,
            day,
            per_euro,
        })
    }
}

fn is_rate(rate: &Decimal) -> bool {
    *rate > Decimal::ZERO
        && *rate < Decimal::from(1_000_000_000_000_i64)
        && rate.normalize().scale() <= MAX_DECIMALS
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-03-02,usd,1.0842", "USD 2026-03-02 1.0842")]
    #[case("2026-03-02,USDT,1.08420", "USDT 2026-03-02 1.08420")]
    #[case("2026-03-02,BTC,0.000012345678", "BTC 2026-03-02 0.000012345678")]
    #[case("2026-02-30,USD,1", "day")]
    #[case(",USD,1", "day")]
    #[case("2026-03-02T00:00:00Z,USD,1", "day")]
    #[case("2026-03-02,EUR,1", "currency")]
    #[case("2026-03-02,US,1", "currency")]
    #[case("2026-03-02,USD,0", "per_euro")]
    #[case("2026-03-02,USD,-1", "per_euro")]
    #[case("2026-03-02,USD,1e3", "per_euro")]
    #[case("2026-03-02,USD,1000000000000", "per_euro")]
    #[case("2026-03-02,USD,0.0000000000001", "per_euro")]
    #[case("2026-03-02,USD,\"1,08\"", "per_euro")]
    #[case("2026-03-02,USD,", "per_euro")]
    fn a_rate_is_of_a_day_and_a_currency(#[case] row: &str, #[case] expected: &str) {
        let file = format!("day,currency,per_euro\n{row}\n");
        let found = match parse_csv(file.as_bytes()) {
            Ok(rates) => {
                let RateRow {
                    currency,
                    day,
                    per_euro,
                } = &rates[0];
                format!("{currency} {day} {per_euro}")
            }
            Err(ApiError::InvalidRows(rows)) => rows[0].failure.field.clone().unwrap(),
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn there_may_be_50_000_rows() {
        let parse = |n_rows: usize| {
            let csv = format!(
                "day,currency,per_euro\n{}",
                "2026-03-02,USD,1.1\n".repeat(n_rows)
            );
            RateImportBody::parse("text/csv", csv.as_bytes()).map(|body| body.0.len())
        };
        assert_eq!(parse(MAX_ROWS).unwrap(), 50_000);
        let error = parse(MAX_ROWS + 1).map_err(|error| error.code());
        assert_eq!(error, Err("too_many_rows"));
    }
}
