//! What is wrong with the rows of an import.

use schemars::JsonSchema;
use serde::Serialize;

use super::ApiError;

/// How many rows an error lists.
pub const MAX_LISTED_ROWS: usize = 100;

/// Why a row failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RowFailure {
    pub code: &'static str,
    pub field: Option<String>,
    /// What is wrong, as a sentence for people.
    pub error: String,
}

/// A row that failed, of an import that stores all rows or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvalidRow {
    /// The number of the row, from 1. The line of names of CSV does not count.
    pub row: usize,
    #[serde(flatten)]
    pub failure: RowFailure,
}

impl From<&ApiError> for RowFailure {
    fn from(error: &ApiError) -> Self {
        let field = match error {
            ApiError::InvalidField(error) => Some(error.field.clone()),
            ApiError::UnknownField { field, .. } => Some(field.clone()),
            ApiError::InvalidPhoneAt(field) => Some(field.clone()),
            ApiError::UnknownVariable { name, index } => {
                Some(format!("messages[{index}].variables.{name}"))
            }
            _ => None,
        };
        Self {
            code: error.code(),
            field,
            error: error.to_string(),
        }
    }
}

/// The valid rows, or the error for those that are not.
pub fn all_valid<T>(rows: Vec<Result<T, RowFailure>>) -> Result<Vec<T>, ApiError> {
    let mut valid = Vec::with_capacity(rows.len());
    let mut invalid = Vec::new();
    for (number, row) in (1..).zip(rows) {
        match row {
            Ok(row) => valid.push(row),
            Err(failure) => invalid.push(InvalidRow {
                row: number,
                failure,
            }),
        }
    }
    match invalid.is_empty() {
        true => Ok(valid),
        false => Err(ApiError::InvalidRows(invalid)),
    }
}

/// The sentence of [`ApiError::InvalidRows`].
pub(super) fn sentence(rows: &[InvalidRow]) -> String {
    let first = rows.first().map(|first| {
        let RowFailure { error, .. } = &first.failure;
        format!(" The first is row {}: {error}", first.row)
    });
    format!(
        "Nothing was stored, since {} of the rows cannot be.{}",
        rows.len(),
        first.unwrap_or_default()
    )
}
