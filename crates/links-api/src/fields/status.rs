//! Statuses in bodies. They have an error code of their own, so that they are texts in the
//! body's type.

use super::text::{Text, non_empty};
use crate::{enumeration::Enumeration, error::ApiError};

/// Parses a status; `None` if the text is absent or empty.
pub fn parse_status<S: Enumeration>(text: &Option<Text>) -> Result<Option<S>, ApiError> {
    let Some(text) = non_empty(text) else {
        return Ok(None);
    };
    let status = S::parse(text).ok_or(ApiError::InvalidStatus(S::NAME_LIST))?;
    Ok(Some(status))
}

/// Updates a status. An absent or empty text leaves it as it is.
pub fn update_status<S: Enumeration>(current: &mut S, new: &Option<Text>) -> Result<(), ApiError> {
    if let Some(status) = parse_status(new)? {
        *current = status;
    }
    Ok(())
}
