//! Interstitial pages: an offer's own, and a list's template.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

const MAX_TITLE: usize = 255;
const MAX_DESCRIPTION: usize = 2_000;
const MAX_CTA: usize = 80;
const MAX_META_TAGS: usize = 20;
const MAX_META_NAME: usize = 255;
const MAX_META_CONTENT: usize = 1_000;

/// What an offer shows before its destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interstitial {
    pub mode: Mode,
    /// The page of `custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "InterstitialMode")]
pub enum Mode {
    /// The offer's own page.
    Custom,
    /// The page of the list, if it has one.
    ListDefault,
    None,
}

/// The texts of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "InterstitialPage")]
pub struct Page {
    #[schemars(length(min = 1, max = 255))]
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub description: Option<String>,
    /// The button's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80))]
    pub cta: Option<String>,
    /// Names and contents of meta tags, at most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta_tags: Option<BTreeMap<String, String>>,
}

impl Interstitial {
    pub fn check(&self) -> Result<(), ApiError> {
        match (self.mode, &self.page) {
            (Mode::Custom, None) => Err(ApiError::field(
                "interstitial.page",
                "the mode custom needs a page",
            )),
            (_, Some(page)) => page.check("interstitial.page"),
            (_, None) => Ok(()),
        }
    }
}

impl Page {
    /// `field` is where the page stands in the body.
    pub fn check(&self, field: &str) -> Result<(), ApiError> {
        if self.title.trim().is_empty() {
            return Err(ApiError::field(format!("{field}.title"), "it is empty"));
        }
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let texts = [
            ("title", self.title.clone(), MAX_TITLE),
            ("description", optional(&self.description), MAX_DESCRIPTION),
            ("cta", optional(&self.cta), MAX_CTA),
        ];
        for (name, text, max) in texts {
            check_text(&format!("{field}.{name}"), &text, max)?;
        }
        let field = format!("{field}.meta_tags");
        let tags = self.meta_tags.iter().flatten();
        if tags.clone().count() > MAX_META_TAGS {
            return Err(ApiError::field(
                field,
                format!("there are more than {MAX_META_TAGS}"),
            ));
        }
        for (name, content) in tags {
            check_text(&field, name, MAX_META_NAME)?;
            check_text(&field, content, MAX_META_CONTENT)?;
        }
        Ok(())
    }
}

fn check_text(field: &str, text: &str, max: usize) -> Result<(), ApiError> {
    if text.contains('\0') {
        return Err(ApiError::field(field, "U+0000 is not allowed"));
    }
    if text.chars().count() > max {
        return Err(ApiError::field(
            field,
            format!("it exceeds {max} characters"),
        ));
    }
    Ok(())
}
