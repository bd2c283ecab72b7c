//! Slugs: short ids that the client chooses.

use domain::id::ShortId;

use super::text::{Text, non_empty};
use crate::error::ApiError;

/// Paths that the redirector or the API has itself.
const RESERVED_SLUGS: [&str; 4] = ["bulk", "conv", "pixel", "shorten"];

/// Parses a slug; `None` if the text is absent or empty.
pub fn parse_slug(text: &Option<Text>) -> Result<Option<ShortId>, ApiError> {
    let Some(text) = non_empty(text) else {
        return Ok(None);
    };
    match ShortId::parse(text) {
        Ok(slug) if !RESERVED_SLUGS.contains(&text) => Ok(Some(slug)),
        _ => Err(ApiError::InvalidSlug),
    }
}
