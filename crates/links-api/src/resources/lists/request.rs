//! The body of a sending list, and the rules of its fields.

use domain::{host, interstitial::InterstitialPage, sender::Sender};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_postgres::types::Json;

use crate::{
    db::lists::ListFields,
    error::{ApiError, CodedField},
    fields::{Text, interstitial, required, update_status, update_text, update_url},
    http::RequestBody,
};

/// Creating a list takes all fields into account, updating it those that are given.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListRequest {
    /// What the list sends from: a phone number in E.164, a short code of 3 to 8 digits, or a
    /// sender id of 1 to 11 letters, digits and spaces with a letter. Required.
    #[schemars(length(max = 16))]
    phone_number: Option<Text>,
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    list_name: Option<Text>,
    brand_name: Option<Text>,
    /// active, paused, suspended or deleted.
    #[schemars(extend("enum" = ["active", "paused", "suspended", "deleted", "", null]))]
    status: Option<Text>,
    /// The host of a short domain of the account.
    short_domain: Option<Text>,
    /// The host of a click domain of the account.
    click_domain: Option<Text>,
    /// Whether the short link itself records the click and redirects to the destination,
    /// without a second redirect through the click tracker.
    collapse_hops: Option<bool>,
    /// The page of offers whose interstitial is `list_default`.
    interstitial: Option<InterstitialPage>,
    /// Where visitors are redirected if a link is not available.
    fallback_url: Option<Text>,
    /// Put before each message, at most 320 characters.
    prepend_text: Option<Text>,
    /// Put behind each message, at most 320 characters.
    append_text: Option<Text>,
}

impl RequestBody for ListRequest {}

impl ListRequest {
    /// Updates the fields that are given, and validates all that are required.
    pub fn apply(self, fields: &mut ListFields) -> Result<(), ApiError> {
        let phone = required(&self.phone_number, &fields.phone_number)
            .ok_or(ApiError::MissingField(CodedField::PhoneNumber))?;
        let sender = Sender::parse(phone).ok_or(ApiError::InvalidSender)?;
        fields.phone_number = sender.as_str().to_owned();
        let list_name = required(&self.list_name, &fields.list_name)
            .ok_or(ApiError::MissingField(CodedField::ListName))?;
        if list_name.chars().count() > 255 {
            return Err(ApiError::invalid_field(
                "list_name",
                "it exceeds 255 characters",
            ));
        }
        fields.list_name = list_name.to_owned();
        update_status(&mut fields.status, &self.status)?;
        update_text(&mut fields.brand_name, &self.brand_name, "brand_name", 255)?;
        update_url(
            &mut fields.fallback_url,
            &self.fallback_url,
            CodedField::FallbackUrl,
        )?;
        let max = 320;
        update_text(
            &mut fields.prepend_text,
            &self.prepend_text,
            "prepend_text",
            max,
        )?;
        update_text(
            &mut fields.append_text,
            &self.append_text,
            "append_text",
            max,
        )?;
        if let Some(page) = self.interstitial {
            interstitial::validate_page(&page, "interstitial")?;
            fields.interstitial = Some(Json(page));
        }
        fields.collapse_hops = self.collapse_hops.unwrap_or(fields.collapse_hops);
        update_host(&mut fields.short_domain, &self.short_domain);
        update_host(&mut fields.click_domain, &self.click_domain);
        Ok(())
    }
}

/// Updates a host, in the spelling that is stored. A text that cannot be a host is kept as it
/// is: no account has a domain of that name.
fn update_host(current: &mut Option<String>, new: &Option<Text>) {
    if let Some(text) = new {
        *current = match text.as_str() {
            "" => None,
            text => Some(host::normalise(text).unwrap_or_else(|| text.to_owned())),
        };
    }
}
