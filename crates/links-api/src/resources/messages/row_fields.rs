//! The fields that say which message a row of a body is about, and when.

use domain::phone::PhoneNumber;
use jiff::Timestamp;

use crate::{
    error::ApiError,
    fields::{Text, non_empty, timestamp},
};

/// A message id has 1 to 255 characters, and is required.
pub fn parse_message_id(text: &Option<Text>, field: String) -> Result<String, ApiError> {
    match non_empty(text) {
        None => Err(ApiError::invalid_field(field, "it is required")),
        Some(id) if id.chars().count() > 255 => {
            Err(ApiError::invalid_field(field, "it exceeds 255 characters"))
        }
        Some(id) => Ok(id.to_owned()),
    }
}

/// The number of the contact, which is required.
pub fn parse_contact_phone(text: &Option<Text>, field: String) -> Result<String, ApiError> {
    let Some(text) = non_empty(text) else {
        return Err(ApiError::invalid_field(field, "it is required"));
    };
    let phone = PhoneNumber::parse(text).ok_or(ApiError::InvalidPhoneAt(field))?;
    Ok(phone.as_str().to_owned())
}

/// A time as it is stored: Postgres has microseconds, and a repetition is compared with what is
/// stored.
pub fn parse_time(text: &str, field: &str) -> Result<Timestamp, ApiError> {
    let time = timestamp::parse(text)
        .ok_or_else(|| ApiError::invalid_field(field, timestamp::NOT_A_TIME))?;
    Timestamp::from_microsecond(time.as_microsecond()).map_err(ApiError::internal)
}
