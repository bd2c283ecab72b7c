//! Rows of CSV (RFC 4180) with a line of names before them.

use std::collections::BTreeSet;

use csv::StringRecord;
use serde_json::{Map, Value};

use super::row::{COLUMNS, ImportRow, RowFailure};
use crate::error::ApiError;

/// Reads rows whose cells are separated by commas, semicolons or tabs. An empty cell is the same
/// as an absent one. A column that has no meaning is refused: without its misspelt amount, a
/// conversion would count for the payout of its offer.
pub fn parse(body: &[u8], max_rows: usize) -> Result<Vec<Result<ImportRow, RowFailure>>, ApiError> {
    let body = str::from_utf8(body).map_err(|error| ApiError::InvalidCsv(error.to_string()))?;
    let body = body.trim_start_matches('\u{feff}');
    let first_line = body.lines().next().unwrap_or_default();
    let delimiters = [b',', b';', b'\t'];
    let delimiter = delimiters
        .into_iter()
        .find(|byte| first_line.as_bytes().contains(byte));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .flexible(true)
        .from_reader(body.as_bytes());
    let invalid_csv = |error: csv::Error| ApiError::InvalidCsv(error.to_string());
    let headers = reader.headers().map_err(invalid_csv)?.clone();
    let names: Vec<_> = headers.iter().map(str::trim).collect();
    check_names(&names)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(invalid_csv)?;
        if rows.len() == max_rows {
            return Err(ApiError::TooManyRows(max_rows));
        }
        rows.push(read_record(&names, &record));
    }
    Ok(rows)
}

fn check_names(names: &[&str]) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !COLUMNS.contains(name) {
            let problem = format!("it is none of the columns {}", COLUMNS.join(", "));
            return Err(ApiError::invalid_field(*name, problem));
        }
        if !seen.insert(name) {
            return Err(ApiError::invalid_field(*name, "there are two such columns"));
        }
    }
    if !names.contains(&"converted_at") {
        let problem = "the first line has no such column";
        return Err(ApiError::invalid_field("converted_at", problem));
    }
    Ok(())
}

fn read_record(names: &[&str], record: &StringRecord) -> Result<ImportRow, RowFailure> {
    if record.len() != names.len() {
        let n_columns = names.len();
        return Err(RowFailure {
            code: "invalid_row",
            field: None,
            error: format!("The row has {} cells instead of {n_columns}.", record.len()),
        });
    }
    let cells = names
        .iter()
        .zip(record)
        .filter(|(_, cell)| !cell.is_empty());
    let fields = cells.map(|(name, cell)| ((*name).to_owned(), Value::from(cell)));
    let row = Value::Object(fields.collect::<Map<_, _>>());
    serde_path_to_error::deserialize(row).map_err(|error| {
        let field = error.path().to_string();
        let problem = error.into_inner().to_string();
        RowFailure::from(&ApiError::invalid_field(field, problem))
    })
}
