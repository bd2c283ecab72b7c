//! The body of an import of costs.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::row::{COLUMNS, CostImportRow};
use crate::{
    error::ApiError,
    http::{ImportedRows, RawRequestBody, RowFormat},
};

pub const MAX_ROWS: usize = 10_000;

const FORMAT: RowFormat = RowFormat {
    columns: &COLUMNS,
    required_columns: &["from", "until", "model", "amount"],
    max_rows: MAX_ROWS,
};

const CSV_EXAMPLE: &str = "\
offer_id,from,until,model,amount,currency
6789abcd1234ef5678901234,2026-03-01,2026-03-31,cpc,0.05,USD
6789abcd1234ef5678901234,2026-03-01,2026-03-31,per_day,20,USD
";
const NDJSON_EXAMPLE: &str = "\
{\"link_id\": \"Ab3kX9q\", \"from\": \"2026-03-01\", \"until\": \"2026-03-01\", \"model\": \"cpa\", \
\"amount\": \"1.50\"}
";

/// The rows, each of which is read on its own.
pub struct CostImportBody(pub ImportedRows<CostImportRow>);

/// The body as JSON, for the document.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "CostImport")]
#[expect(dead_code, reason = "its schema is all that is used")]
pub struct CostImportRows(#[schemars(length(max = 10_000))] Vec<CostImportRow>);

impl CostImportBody {
    pub fn example() -> Value {
        json!([
            {
                "offer_id": "6789abcd1234ef5678901234",
                "from": "2026-03-01",
                "until": "2026-03-31",
                "model": "cpc",
                "amount": "0.05",
                "currency": "USD",
            },
        ])
    }
}

impl RawRequestBody for CostImportBody {
    type Json = CostImportRows;

    const OTHER_CONTENT: &'static [(&'static str, &'static str)] = &[
        ("text/csv", CSV_EXAMPLE),
        ("application/x-ndjson", NDJSON_EXAMPLE),
    ];

    fn parse(content_type: &str, body: &[u8]) -> Result<Self, ApiError> {
        FORMAT.parse(content_type, body).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_may_be_10_000_rows() {
        let parse = |n_rows: usize| {
            let csv = format!(
                "offer_id,from,until,model,amount\n{}",
                "a,b,c,d,e\n".repeat(n_rows)
            );
            CostImportBody::parse("text/csv", csv.as_bytes()).map(|body| body.0.len())
        };
        assert_eq!(parse(MAX_ROWS).unwrap(), 10_000);
        let error = parse(MAX_ROWS + 1).map_err(|error| error.code());
        assert_eq!(error, Err("too_many_rows"));
    }
}
