//! The body of a campaign, and the rules of its fields.

use domain::macros::Template;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    db::campaigns::{CampaignFields, CampaignStatus},
    enumeration::Enumeration as _,
    error::{ApiError, FieldError},
    fields::{Text, non_empty},
    http::RequestBody,
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct CampaignRequest {
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// At most 2,000 characters.
    description: Option<Text>,
    /// An http(s) URL, with macros or without. Required.
    #[schemars(extend("format" = "uri"))]
    landing_page_url: Option<Text>,
    /// draft, active or paused; active by default.
    #[schemars(extend("enum" = ["draft", "active", "paused", "", null]))]
    status: Option<Text>,
    /// The query parameter that brings the click id to the landing page, `afk_cid` by default.
    click_id_param: Option<Text>,
    /// 1 to 3650, 30 by default.
    cookie_window_days: Option<i64>,
}

impl RequestBody for CampaignRequest {}

impl CampaignRequest {
    /// Updates the fields that are given. The error has all invalid fields.
    pub fn apply(self, fields: &mut CampaignFields) -> Result<(), ApiError> {
        let mut errors = Vec::new();
        let mut add_error =
            |field: &str, message: &str| errors.push(FieldError::new(field, message));
        if let Some(name) = &self.name {
            fields.name = name.as_str().to_owned();
        }
        if fields.name.trim().is_empty() {
            add_error("name", "it is required, such as \"Spring\"");
        } else if fields.name.chars().count() > 255 {
            add_error("name", "it exceeds 255 characters");
        }
        if let Some(description) = &self.description {
            let description = description.as_str().to_owned();
            if description.chars().count() > 2_000 {
                add_error("description", "it exceeds 2,000 characters");
            }
            fields.description = Some(description).filter(|text| !text.is_empty());
        }
        if let Some(url) = &self.landing_page_url {
            fields.landing_page_url = url.as_str().trim().to_owned();
        }
        if fields.landing_page_url.is_empty() {
            add_error(
                "landing_page_url",
                "it is required, such as \"https://example.com/spring\"",
            );
        } else if let Err(reason) = Template::parse(&fields.landing_page_url) {
            add_error("landing_page_url", &reason.to_string());
        }
        if let Some(status) = non_empty(&self.status) {
            match CampaignStatus::parse(status) {
                Some(status) => fields.status = status,
                None => add_error("status", "it is not draft, active or paused"),
            }
        }
        if let Some(name) = non_empty(&self.click_id_param) {
            if !is_parameter_name(name) {
                add_error(
                    "click_id_param",
                    "it is not 1 to 64 of A-Z, a-z, 0-9, _, - and .",
                );
            }
            fields.click_id_param = name.to_owned();
        }
        if let Some(days) = self.cookie_window_days {
            let days = i32::try_from(days).ok();
            match days.filter(|days| (1..=3650).contains(days)) {
                Some(days) => fields.cookie_window_days = days,
                None => add_error("cookie_window_days", "it is not from 1 to 3650"),
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Validation(errors))
        }
    }
}

fn is_parameter_name(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    text.len() <= 64 && text.bytes().all(is_allowed)
}
