//! Reading the rows of a request, each on its own.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    error::{ApiError, RowFailure},
    http::RequestContext,
};

/// The entries of `messages`: at least one, at most `max`.
pub fn require_rows(entries: Option<Vec<Value>>, max: usize) -> Result<Vec<Value>, ApiError> {
    let entries = entries.unwrap_or_default();
    match entries.len() {
        0 => Err(ApiError::MissingMessages),
        n if n > max => Err(ApiError::TooManyMessages(max)),
        _ => Ok(entries),
    }
}

/// Reads and validates each entry. Failures of the service end the whole request.
pub fn read_rows<T: DeserializeOwned, R>(
    context: RequestContext<'_>,
    entries: &[Value],
    validate: impl Fn(usize, T) -> Result<R, ApiError>,
) -> Result<Vec<Result<R, RowFailure>>, ApiError> {
    let rows = entries.iter().enumerate().map(|(index, entry)| {
        let row = context.read_entry(index, entry);
        match row.and_then(|row| validate(index, row)) {
            Ok(row) => Ok(Ok(row)),
            Err(error @ (ApiError::Unavailable(_) | ApiError::Internal(_))) => Err(error),
            Err(error) => Ok(Err(RowFailure::from(&error))),
        }
    });
    rows.collect()
}
