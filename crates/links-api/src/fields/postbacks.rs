//! The fields of accounts and offers about postbacks: what postbacks must prove, by which
//! secrets, and how they are read.

use std::ops::RangeInclusive;

use domain::postback::{PostbackMapping, PostbackMode};
use tokio_postgres::types::Json;

use super::text::{Text, non_empty};
use crate::error::ApiError;

/// Characters of a secret.
const SECRET_LENGTH: RangeInclusive<usize> = 16..=255;
/// Secrets that are valid at once.
pub const MAX_SECRETS: usize = 5;

/// Parses the name of a mode. An empty text, which clears the value, is `None`.
pub fn parse_mode(text: &Text) -> Result<Option<String>, ApiError> {
    let name = text.as_str();
    match name.is_empty() || PostbackMode::parse(name).is_some() {
        true => Ok(Some(name.to_owned()).filter(|name| !name.is_empty())),
        false => {
            let problem = format!("it is none of {}", PostbackMode::NAMES.join(", "));
            Err(ApiError::invalid_field("postbacks", problem))
        }
    }
}

/// Parses a secret; `None` if the text is absent or empty.
pub fn parse_secret(field: &'static str, text: &Option<Text>) -> Result<Option<String>, ApiError> {
    let Some(secret) = non_empty(text) else {
        return Ok(None);
    };
    validate_secret(field, secret)?;
    Ok(Some(secret.to_owned()))
}

/// Parses at most `max` secrets. Repetitions are left out.
pub fn parse_secrets(
    field: &'static str,
    texts: &[Text],
    max: usize,
) -> Result<Vec<String>, ApiError> {
    let mut secrets: Vec<String> = Vec::with_capacity(texts.len());
    for secret in texts.iter().map(Text::as_str) {
        validate_secret(field, secret)?;
        if !secrets.iter().any(|other| other == secret) {
            secrets.push(secret.to_owned());
        }
    }
    if secrets.len() > max {
        return Err(ApiError::invalid_field(
            field,
            format!("it has more than {max} secrets"),
        ));
    }
    Ok(secrets)
}

fn validate_secret(field: &'static str, secret: &str) -> Result<(), ApiError> {
    match SECRET_LENGTH.contains(&secret.chars().count()) {
        true => Ok(()),
        false => Err(ApiError::invalid_field(
            field,
            "a secret does not have 16 to 255 characters",
        )),
    }
}

/// The mapping if it says anything. Fails if it exceeds a limit or names an unknown preset.
pub fn check_mapping(mapping: &PostbackMapping) -> Result<Option<Json<PostbackMapping>>, ApiError> {
    mapping
        .check()
        .map_err(|error| ApiError::invalid_field("postback_mapping", error.to_string()))?;
    Ok((!mapping.is_empty()).then(|| Json(mapping.clone())))
}
