//! Phone numbers in filters.

use domain::phone::PhoneNumber;

use crate::error::ApiError;

/// The number that a filter names. Fails for what is no phone number.
pub fn parse_filter_phone(
    field: &'static str,
    text: Option<String>,
) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if PhoneNumber::parse(&text).is_none() => Err(ApiError::InvalidPhone(field)),
        text => Ok(text),
    }
}
