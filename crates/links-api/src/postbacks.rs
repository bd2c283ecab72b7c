//! What accounts and offers say about postbacks: what those must prove, and by which secrets.

use std::ops::RangeInclusive;

use domain::postback::PostbackMode;

use crate::{
    error::ApiError,
    fields::{Text, non_empty},
};

/// Characters of a secret.
pub const SECRET_LENGTH: RangeInclusive<usize> = 16..=255;
/// Secrets that are valid at once.
pub const MAX_SECRETS: usize = 5;

/// One of the modes, or an empty text, which is none.
pub fn mode(sent: &Text) -> Result<Option<String>, ApiError> {
    let name = sent.as_str();
    match name.is_empty() || PostbackMode::parse(name).is_some() {
        true => Ok(Some(name.to_owned()).filter(|name| !name.is_empty())),
        false => {
            let problem = format!("it is none of {}", PostbackMode::NAMES.join(", "));
            Err(ApiError::invalid_field("postbacks", problem))
        }
    }
}

/// A secret that is sent, if one is.
pub fn secret(field: &'static str, sent: &Option<Text>) -> Result<Option<String>, ApiError> {
    let Some(secret) = non_empty(sent) else {
        return Ok(None);
    };
    is_secret(field, secret)?;
    Ok(Some(secret.to_owned()))
}

/// All secrets of a field, in their order.
pub fn secrets(field: &'static str, sent: &[Text], max: usize) -> Result<Vec<String>, ApiError> {
    let mut secrets: Vec<String> = Vec::with_capacity(sent.len());
    for secret in sent.iter().map(Text::as_str) {
        is_secret(field, secret)?;
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

fn is_secret(field: &'static str, secret: &str) -> Result<(), ApiError> {
    match SECRET_LENGTH.contains(&secret.chars().count()) {
        true => Ok(()),
        false => Err(ApiError::invalid_field(
            field,
            "a secret does not have 16 to 255 characters",
        )),
    }
}
