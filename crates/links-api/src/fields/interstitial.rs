//! The limits of interstitial pages.

use domain::interstitial::{Interstitial, InterstitialMode, InterstitialPage};

use crate::error::ApiError;

const MAX_TITLE: usize = 255;
const MAX_DESCRIPTION: usize = 2_000;
const MAX_CTA: usize = 80;
const MAX_META_TAGS: usize = 20;
const MAX_META_NAME: usize = 255;
const MAX_META_CONTENT: usize = 1_000;

/// Validates what an offer says of its page.
pub fn validate(interstitial: &Interstitial) -> Result<(), ApiError> {
    match (interstitial.mode, &interstitial.page) {
        (InterstitialMode::Custom, None) => Err(ApiError::invalid_field(
            "interstitial.page",
            "the mode custom needs a page",
        )),
        (_, Some(page)) => validate_page(page, "interstitial.page"),
        (_, None) => Ok(()),
    }
}

/// Validates a page. `field` is its path in the body.
pub fn validate_page(page: &InterstitialPage, field: &str) -> Result<(), ApiError> {
    if page.title.trim().is_empty() {
        return Err(ApiError::invalid_field(
            format!("{field}.title"),
            "it is empty",
        ));
    }
    let texts = [
        ("title", Some(&page.title), MAX_TITLE),
        ("description", page.description.as_ref(), MAX_DESCRIPTION),
        ("cta", page.cta.as_ref(), MAX_CTA),
    ];
    for (name, text, max) in texts {
        if let Some(text) = text {
            validate_text(&format!("{field}.{name}"), text, max)?;
        }
    }
    let field = format!("{field}.meta_tags");
    let tags = page.meta_tags.iter().flatten();
    if tags.clone().count() > MAX_META_TAGS {
        return Err(ApiError::invalid_field(
            field,
            format!("there are more than {MAX_META_TAGS}"),
        ));
    }
    for (name, content) in tags {
        validate_text(&field, name, MAX_META_NAME)?;
        validate_text(&field, content, MAX_META_CONTENT)?;
    }
    Ok(())
}

fn validate_text(field: &str, text: &str, max: usize) -> Result<(), ApiError> {
    if text.contains('\0') {
        return Err(ApiError::invalid_field(field, "U+0000 is not allowed"));
    }
    if text.chars().count() > max {
        return Err(ApiError::invalid_field(
            field,
            format!("it exceeds {max} characters"),
        ));
    }
    Ok(())
}
