//! What of a list can be sent, and its checks.

use domain::{host, interstitial::InterstitialPage};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_postgres::{Row, types::Json};

use super::{STATUS, STATUS_NAMES};
use crate::{
    body::{Text, change, change_url, given},
    error::{ApiError, CodedField},
    interstitial,
    offers::required,
    phone::PhoneNumber,
};

/// A create takes all of it, a change what is sent.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListRequest {
    /// The number it sends from, in E.164. Required.
    #[schemars(extend("pattern" = r"^(\+[1-9][0-9]{6,14})?$"))]
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
    /// The short link records the click and goes straight to the destination.
    collapse_hops: Option<bool>,
    /// The page of offers whose interstitial is `list_default`.
    interstitial: Option<InterstitialPage>,
    /// Where clicks go whose link leads nowhere.
    fallback_url: Option<Text>,
    /// Put before each message, at most 320 characters.
    prepend_text: Option<Text>,
    /// Put behind each message, at most 320 characters.
    append_text: Option<Text>,
}

/// The columns that can be changed.
#[derive(Debug, Clone)]
pub struct ListFields {
    pub phone_number: String,
    pub list_name: String,
    pub brand_name: Option<String>,
    pub status: String,
    pub short_domain: Option<String>,
    pub click_domain: Option<String>,
    pub collapse_hops: bool,
    pub interstitial: Option<InterstitialPage>,
    pub fallback_url: Option<String>,
    pub prepend_text: Option<String>,
    pub append_text: Option<String>,
}

impl ListFields {
    pub fn new() -> Self {
        Self {
            phone_number: String::new(),
            list_name: String::new(),
            brand_name: None,
            status: "active".to_owned(),
            short_domain: None,
            click_domain: None,
            collapse_hops: false,
            interstitial: None,
            fallback_url: None,
            prepend_text: None,
            append_text: None,
        }
    }

    pub fn read(row: &Row) -> Self {
        let interstitial: Option<Json<InterstitialPage>> = row.get("interstitial");
        Self {
            phone_number: row.get("phone_number"),
            list_name: row.get("list_name"),
            brand_name: row.get("brand_name"),
            status: row.get("status"),
            short_domain: row.get("short_domain"),
            click_domain: row.get("click_domain"),
            collapse_hops: row.get("collapse_hops"),
            interstitial: interstitial.map(|Json(page)| page),
            fallback_url: row.get("fallback_url"),
            prepend_text: row.get("prepend_text"),
            append_text: row.get("append_text"),
        }
    }

    pub fn apply(&mut self, sent: ListRequest) -> Result<(), ApiError> {
        let phone = required(&sent.phone_number, &self.phone_number)
            .ok_or(ApiError::MissingField(CodedField::PhoneNumber))?;
        let phone = PhoneNumber::parse(phone).ok_or(ApiError::InvalidPhone("phone_number"))?;
        self.phone_number = phone.as_str().to_owned();
        let list_name = required(&sent.list_name, &self.list_name)
            .ok_or(ApiError::MissingField(CodedField::ListName))?;
        if list_name.chars().count() > 255 {
            return Err(ApiError::invalid_field(
                "list_name",
                "it exceeds 255 characters",
            ));
        }
        self.list_name = list_name.to_owned();
        if let Some(status) = given(&sent.status) {
            if !STATUS.contains(&status) {
                return Err(ApiError::InvalidStatus(STATUS_NAMES));
            }
            self.status = status.to_owned();
        }
        change(&mut self.brand_name, &sent.brand_name, "brand_name", 255)?;
        change_url(
            &mut self.fallback_url,
            &sent.fallback_url,
            CodedField::FallbackUrl,
        )?;
        change(
            &mut self.prepend_text,
            &sent.prepend_text,
            "prepend_text",
            320,
        )?;
        change(&mut self.append_text, &sent.append_text, "append_text", 320)?;
        if let Some(page) = sent.interstitial {
            interstitial::check_page(&page, "interstitial")?;
            self.interstitial = Some(page);
        }
        self.collapse_hops = sent.collapse_hops.unwrap_or(self.collapse_hops);
        change_host(&mut self.short_domain, &sent.short_domain);
        change_host(&mut self.click_domain, &sent.click_domain);
        Ok(())
    }
}

/// A host in its stored spelling; one that cannot be a host is nobody's.
fn change_host(target: &mut Option<String>, sent: &Option<Text>) {
    if let Some(text) = sent {
        let text = text.as_str();
        *target = match text {
            "" => None,
            text => Some(host::normalise(text).unwrap_or_else(|| text.to_owned())),
        };
    }
}
