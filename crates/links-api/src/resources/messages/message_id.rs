//! The id of a message in a body.

use crate::{
    error::ApiError,
    fields::{Text, non_empty},
};

/// 1 to 255 characters.
pub fn parse_message_id(text: &Option<Text>, field: String) -> Result<String, ApiError> {
    match non_empty(text) {
        None => Err(ApiError::invalid_field(field, "it is required")),
        Some(id) if id.chars().count() > 255 => {
            Err(ApiError::invalid_field(field, "it exceeds 255 characters"))
        }
        Some(id) => Ok(id.to_owned()),
    }
}
