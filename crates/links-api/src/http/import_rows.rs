//! The rows of an import: CSV (RFC 4180) with a line of names before them, a JSON array, or
//! newline-delimited JSON. Each row is read on its own.

use std::collections::BTreeSet;

use csv::StringRecord;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::input::{JsonReader, parse_json};
use crate::error::{ApiError, RowFailure};

/// The rows that an import takes.
#[derive(Debug, Clone, Copy)]
pub struct RowFormat {
    /// The fields of a row, which are the columns of CSV.
    pub columns: &'static [&'static str],
    /// The columns that CSV must have.
    pub required_columns: &'static [&'static str],
    pub max_rows: usize,
}

/// The rows of an import, of which any may be unreadable.
pub type ImportedRows<T> = Vec<Result<T, RowFailure>>;

impl RowFormat {
    /// Reads a body of any of the formats.
    pub fn parse<T: DeserializeOwned + JsonSchema>(
        &self,
        content_type: &str,
        body: &[u8],
    ) -> Result<ImportedRows<T>, ApiError> {
        match content_type {
            "" | "application/json" => self.parse_array(body),
            // What curl says of any body.
            "application/x-www-form-urlencoded" if body.trim_ascii_start().starts_with(b"[") => {
                self.parse_array(body)
            }
            "text/csv" => self.parse_csv(body),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                self.parse_lines(body)
            }
            _ => Err(ApiError::UnsupportedMediaType),
        }
    }

    fn parse_array<T: DeserializeOwned + JsonSchema>(
        &self,
        body: &[u8],
    ) -> Result<ImportedRows<T>, ApiError> {
        let Value::Array(rows) = parse_json("application/json", body)? else {
            let problem = "it is no array, and an array of rows is wanted";
            return Err(ApiError::invalid_field("body", problem));
        };
        if rows.len() > self.max_rows {
            return Err(ApiError::TooManyRows(self.max_rows));
        }
        let reader = JsonReader::new();
        let rows = rows.into_iter();
        let rows = rows.map(|row| reader.read(row).map_err(|error| RowFailure::from(&error)));
        Ok(rows.collect())
    }

    /// Blank lines are no rows.
    fn parse_lines<T: DeserializeOwned + JsonSchema>(
        &self,
        body: &[u8],
    ) -> Result<ImportedRows<T>, ApiError> {
        let body = text_of(body).map_err(ApiError::InvalidJson)?;
        let lines = || body.lines().filter(|line| !line.trim().is_empty());
        if lines().count() > self.max_rows {
            return Err(ApiError::TooManyRows(self.max_rows));
        }
        let reader = JsonReader::new();
        let read = |line| {
            reader
                .read_text(line)
                .map_err(|error| RowFailure::from(&error))
        };
        Ok(lines().map(read).collect())
    }

    /// Reads rows whose cells are separated by commas, semicolons or tabs. An empty cell is the
    /// same as an absent one. A column that has no meaning is refused: with a misspelt one, a row
    /// would mean something else.
    pub fn parse_csv<T: DeserializeOwned + JsonSchema>(
        &self,
        body: &[u8],
    ) -> Result<ImportedRows<T>, ApiError> {
        let body = text_of(body).map_err(ApiError::InvalidCsv)?;
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
        self.check_names(&names)?;
        let reader_of_rows = JsonReader::new();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(invalid_csv)?;
            if rows.len() == self.max_rows {
                return Err(ApiError::TooManyRows(self.max_rows));
            }
            rows.push(read_record(&reader_of_rows, &names, &record));
        }
        Ok(rows)
    }

    fn check_names(&self, names: &[&str]) -> Result<(), ApiError> {
        let mut seen = BTreeSet::new();
        for name in names {
            if !self.columns.contains(name) {
                let problem = format!("it is none of the columns {}", self.columns.join(", "));
                return Err(ApiError::invalid_field(*name, problem));
            }
            if !seen.insert(name) {
                return Err(ApiError::invalid_field(*name, "there are two such columns"));
            }
        }
        let missing = self
            .required_columns
            .iter()
            .find(|name| !names.contains(name));
        match missing {
            None => Ok(()),
            Some(name) => {
                let problem = "the first line has no such column";
                Err(ApiError::invalid_field(*name, problem))
            }
        }
    }
}

fn text_of(body: &[u8]) -> Result<&str, String> {
    str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        format!("it is not UTF-8 text after {at} bytes")
    })
}

fn read_record<T: DeserializeOwned + JsonSchema>(
    reader: &JsonReader<T>,
    names: &[&str],
    record: &StringRecord,
) -> Result<T, RowFailure> {
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
    reader.read(row).map_err(|error| RowFailure::from(&error))
}
