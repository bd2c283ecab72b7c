//! URLs that clicks are sent to.

use domain::macros::Template;

use super::text::{Text, non_empty};
use crate::error::{ApiError, CodedField};

/// Updates an optional http(s) URL, which may have macros. An absent text leaves it as it is,
/// an empty one clears it.
pub fn update_url(
    current: &mut Option<String>,
    new: &Option<Text>,
    field: CodedField,
) -> Result<(), ApiError> {
    if let Some(url) = non_empty(new) {
        Template::parse(url).map_err(|reason| ApiError::InvalidTemplate(field, reason))?;
    }
    if let Some(url) = new {
        *current = Some(url.as_str().trim().to_owned()).filter(|url| !url.is_empty());
    }
    Ok(())
}
