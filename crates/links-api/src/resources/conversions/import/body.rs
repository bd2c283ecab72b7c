//! The body of an import: CSV, a JSON array, or newline-delimited JSON.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::row::{COLUMNS, ImportRow};
use crate::{
    error::ApiError,
    http::{ImportedRows, RawRequestBody, RowFormat},
};

pub const MAX_ROWS: usize = 100_000;
/// 100,000 rows of some 300 bytes.
pub const MAX_BODY_MB: usize = 32;

const CSV_EXAMPLE: &str = "\
converted_at,event,status,txn_id,link_id,amount,currency
2026-03-10T09:00:00Z,sale,approved,order-1,Ab3kX9q,49.99,USD
2026-03-11T12:30:00Z,refund,,order-1,Ab3kX9q,10,USD
";
const NDJSON_EXAMPLE: &str = "\
{\"converted_at\": \"2026-03-10T09:00:00Z\", \"txn_id\": \"order-1\", \"link_id\": \"Ab3kX9q\"}
{\"converted_at\": \"2026-03-10T09:05:00Z\", \"txn_id\": \"order-2\", \"link_id\": \"Ab3kX9q\"}
";

/// The rows, each of which is read on its own.
pub struct ImportBody(pub ImportedRows<ImportRow>);

/// A column without a meaning is refused: without its misspelt amount, a conversion would count
/// for the payout of its offer.
const FORMAT: RowFormat = RowFormat {
    columns: &COLUMNS,
    required_columns: &["converted_at"],
    max_rows: MAX_ROWS,
};

impl ImportBody {
    pub fn example() -> Value {
        json!([
            {
                "converted_at": "2026-03-10T09:00:00Z",
                "event": "sale",
                "status": "approved",
                "txn_id": "order-1",
                "offer_id": "6789abcd1234ef5678901234",
                "amount": "49.99",
                "currency": "USD",
            },
        ])
    }
}

/// The body as JSON, for the document.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ConversionImport")]
#[expect(dead_code, reason = "its schema is all that is used")]
pub struct ImportRows(#[schemars(length(max = 100_000))] Vec<ImportRow>);

impl RawRequestBody for ImportBody {
    type Json = ImportRows;

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
    use rstest::rstest;

    use super::*;
    use crate::error::RowFailure;

    /// What is wrong with the body, or with each row.
    fn problems(content_type: &str, body: &str) -> String {
        match ImportBody::parse(content_type, body.as_bytes()) {
            Err(error) => error.code().to_owned(),
            Ok(ImportBody(rows)) => {
                let problem = |row: &Result<ImportRow, RowFailure>| match row {
                    Ok(_) => "ok".to_owned(),
                    Err(failure) => failure.field.clone().unwrap_or(failure.code.to_owned()),
                };
                let problems: Vec<_> = rows.iter().map(problem).collect();
                problems.join(" ")
            }
        }
    }

    #[rstest]
    #[case("application/json", "[]", "")]
    #[case(
        "",
        r#"[{"txn_id": "1"}, {"txn_id": 5}, 7, {"amuont": 3}]"#,
        "ok txn_id body amuont"
    )]
    #[case("application/json", "{}", "invalid_field")]
    #[case("application/json", "[", "invalid_json")]
    #[case(
        "application/x-ndjson",
        "{}\n\n{\"amount\": 1e2}\r\n{\n",
        "ok ok invalid_json"
    )]
    #[case("text/csv", "converted_at,txn_id\na,b\n\"c\nd\",\n", "ok ok")]
    #[case("text/csv", "\u{feff}converted_at;txn_id\r\na;b\r\n", "ok")]
    #[case(
        "text/csv",
        "converted_at,txn_id\na\na,b,c\na,b\n",
        "invalid_row invalid_row ok"
    )]
    #[case("text/csv", "converted_at,amuont\na,b\n", "invalid_field")]
    #[case("text/csv", "converted_at,amount,amount\na,b,c\n", "invalid_field")]
    #[case("text/csv", "txn_id\na\n", "invalid_field")]
    #[case("text/csv", "", "invalid_field")]
    #[case("text/csv", "converted_at,txn_id\na,b\u{0}\n", "txn_id")]
    #[case("text/plain", "converted_at\na\n", "unsupported_media_type")]
    fn each_row_is_read_on_its_own(
        #[case] content_type: &str,
        #[case] body: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(problems(content_type, body), expected);
    }

    #[rstest]
    #[case("text/csv", "converted_at\n", "a\n", "")]
    #[case("application/x-ndjson", "", "{}\n", "")]
    #[case("application/json", "[{}", ",{}", "]")]
    fn there_may_be_100_000_rows(
        #[case] content_type: &str,
        #[case] head: &str,
        #[case] row: &str,
        #[case] tail: &str,
    ) {
        let n_in_head = usize::from(head == "[{}");
        let body = |n: usize| format!("{head}{}{tail}", row.repeat(n - n_in_head));
        let parse = |n: usize| ImportBody::parse(content_type, body(n).as_bytes());
        assert_eq!(parse(MAX_ROWS).unwrap().0.len(), MAX_ROWS);
        let error = parse(MAX_ROWS + 1).err().map(|error| error.code());
        assert_eq!(error, Some("too_many_rows"));
    }
}
