//! The bodies of campaign links, and their validation. An error has all invalid fields.

use domain::{id::ShortId, macros::Template};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    db::links::LinkState,
    enumeration::Enumeration as _,
    error::{ApiError, FieldError},
    fields::{Text, non_empty, parse_slug},
    http::RequestBody,
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct AffiliateLinkRequest {
    /// Required.
    campaign_id: Option<Text>,
    /// The value of `{sub1}`, at most 255 characters; and so on.
    sub_id_1: Option<Text>,
    sub_id_2: Option<Text>,
    sub_id_3: Option<Text>,
    /// An http(s) URL, with macros or without.
    #[schemars(extend("format" = "uri"))]
    landing_page_url: Option<Text>,
    /// The short link's own path: 3 to 64 of A-Z, a-z, 0-9, _ and -.
    slug: Option<Text>,
}

impl RequestBody for AffiliateLinkRequest {}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AffiliateBulkRequest")]
pub struct AffiliateLinksRequest {
    #[schemars(length(min = 1, max = 500))]
    pub links: Option<Vec<AffiliateLinkRequest>>,
}

impl RequestBody for AffiliateLinksRequest {}

/// A valid request, whose campaign is not looked up yet.
pub struct AffiliateLinkSpec {
    pub campaign_id: String,
    pub subs: [Option<String>; 3],
    pub landing_page_url: Option<String>,
    pub slug: Option<ShortId>,
}

/// Validates all requests. `field_prefix` gives what stands before the names of an entry's
/// fields in errors.
pub fn validate_all(
    requests: Vec<AffiliateLinkRequest>,
    field_prefix: impl Fn(usize) -> String,
) -> Result<Vec<AffiliateLinkSpec>, ApiError> {
    let mut errors = Vec::new();
    let mut specs = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        let mut add_error = |field: &str, message: String| {
            let field = format!("{}{field}", field_prefix(index));
            errors.push(FieldError::new(field, message));
        };
        let owned = |text: &Option<Text>| non_empty(text).map(str::to_owned);
        let campaign_id = owned(&request.campaign_id);
        if campaign_id.is_none() {
            add_error(
                "campaign_id",
                "it is required, such as \"camp_abc123\"".into(),
            );
        }
        let subs = [&request.sub_id_1, &request.sub_id_2, &request.sub_id_3].map(owned);
        for (sub, name) in subs.iter().zip(["sub_id_1", "sub_id_2", "sub_id_3"]) {
            if sub.as_ref().is_some_and(|sub| sub.chars().count() > 255) {
                add_error(name, "it exceeds 255 characters".into());
            }
        }
        let landing_page_url = owned(&request.landing_page_url).map(|url| url.trim().to_owned());
        if let Some(Err(reason)) = landing_page_url.as_deref().map(Template::parse) {
            add_error("landing_page_url", reason.to_string());
        }
        let slug = parse_slug(&request.slug).unwrap_or_else(|_| {
            add_error(
                "slug",
                "it is not 3 to 64 of A-Z, a-z, 0-9, _ and -, or reserved".into(),
            );
            None
        });
        specs.push(AffiliateLinkSpec {
            campaign_id: campaign_id.unwrap_or_default(),
            subs,
            landing_page_url,
            slug,
        });
    }
    if errors.is_empty() {
        Ok(specs)
    } else {
        Err(ApiError::Validation(errors))
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AffiliateLinkChange")]
pub struct UpdateAffiliateLinkRequest {
    /// active or deactivated.
    #[schemars(extend("enum" = ["active", "deactivated", "", null]))]
    status: Option<Text>,
    /// An http(s) URL, with macros or without. An empty text stands for the campaign's.
    #[schemars(extend("format" = "uri"))]
    landing_page_url: Option<Text>,
}

impl RequestBody for UpdateAffiliateLinkRequest {}

pub const INVALID_STATUS: &str = "it is not active or deactivated";

/// New values of a link. `None` leaves a value as it is.
pub struct AffiliateLinkUpdate {
    pub status: Option<LinkState>,
    /// `Some(None)` stands for the campaign's page.
    pub landing_page_url: Option<Option<String>>,
}

impl UpdateAffiliateLinkRequest {
    pub fn validate(self) -> Result<AffiliateLinkUpdate, ApiError> {
        let mut errors = Vec::new();
        let status = non_empty(&self.status).map(LinkState::parse);
        if status == Some(None) {
            errors.push(FieldError::new("status", INVALID_STATUS));
        }
        let page = non_empty(&self.landing_page_url).map(str::trim);
        if let Some(Err(reason)) = page.map(Template::parse) {
            errors.push(FieldError::new("landing_page_url", reason.to_string()));
        }
        if !errors.is_empty() {
            return Err(ApiError::Validation(errors));
        }
        let is_page_given = self.landing_page_url.is_some();
        Ok(AffiliateLinkUpdate {
            status: status.flatten(),
            landing_page_url: is_page_given.then(|| page.map(str::to_owned)),
        })
    }
}
