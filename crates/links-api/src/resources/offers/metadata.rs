//! The metadata of an offer: texts of the client's own, by name.

use std::collections::BTreeMap;

use crate::error::ApiError;

const MAX_METADATA: usize = 100;

/// Adds new entries to the current ones, or replaces those of the same name. An empty value
/// removes an entry.
pub fn merge_metadata(
    current: &mut BTreeMap<String, String>,
    new: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let error = |problem: &str| Err(ApiError::invalid_field("metadata", problem));
    for (name, value) in new {
        if name.contains('\0') || value.contains('\0') {
            return error("U+0000 is not allowed");
        }
        if name.chars().count() > 255 || value.chars().count() > 1_000 {
            return error("a name exceeds 255 characters or a value 1,000");
        }
        if value.is_empty() {
            current.remove(&name);
        } else {
            current.insert(name, value);
        }
    }
    if current.len() > MAX_METADATA {
        return error("it has more than 100 entries");
    }
    Ok(())
}
