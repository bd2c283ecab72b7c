//! The body of a creative, and its validation in the order of the documented errors.

use domain::message;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_postgres::types::Json;

use super::offer_links::{OfferLinkRequest, parse_offer_links};
use crate::{
    db::creatives::{CreativeFields, CreativeStatus, CreativeType},
    enumeration::Enumeration as _,
    error::{ApiError, CodedField},
    fields::{Text, non_empty, required},
    http::RequestBody,
};

pub const MAX_MESSAGE: usize = 1_600;

/// The statuses that a new creative can have, as a sentence has them.
pub const CREATE_STATUSES: &str = "active, paused";

/// Creating a creative takes all fields into account, updating it those that are given.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreativeRequest {
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// At most 1,600 characters, with at least one `{{linkN}}`. Required.
    #[schemars(length(max = 1600))]
    message: Option<Text>,
    /// An entry for each placeholder; further entries are kept. Required.
    offer_links: Option<Vec<OfferLinkRequest>>,
    /// active or paused; an update can also say archived.
    #[schemars(extend("enum" = ["active", "paused", "archived", "", null]))]
    status: Option<Text>,
    /// automated, one_time or welcome.
    #[schemars(extend("enum" = ["automated", "one_time", "welcome", "", null]))]
    creative_type: Option<Text>,
}

impl RequestBody for CreativeRequest {}

impl CreativeRequest {
    /// Updates the fields that are given, and validates all.
    pub fn apply(
        self,
        fields: &mut CreativeFields,
        statuses: &[CreativeStatus],
    ) -> Result<(), ApiError> {
        let name =
            required(&self.name, &fields.name).ok_or(ApiError::MissingField(CodedField::Name))?;
        let message = required(&self.message, &fields.message)
            .ok_or(ApiError::MissingField(CodedField::Message))?;
        let has_no_offer_links = match &self.offer_links {
            Some(links) => links.is_empty(),
            None => fields.offer_links.0.is_empty(),
        };
        if has_no_offer_links {
            return Err(ApiError::MissingOfferLinks);
        }
        if name.chars().count() > 255 {
            return Err(ApiError::NameTooLong);
        }
        if message.chars().count() > MAX_MESSAGE {
            return Err(ApiError::MessageTooLong);
        }
        let (name, message) = (name.to_owned(), message.to_owned());
        if let Some(status) = non_empty(&self.status) {
            let status = CreativeStatus::parse(status).filter(|status| statuses.contains(status));
            fields.status = status.ok_or(ApiError::InvalidStatus(CREATE_STATUSES))?;
        }
        if let Some(name) = non_empty(&self.creative_type) {
            fields.creative_type =
                CreativeType::parse(name).ok_or(ApiError::InvalidCreativeType)?;
        }
        fields.name = name;
        fields.message = message;
        let placeholders = message::link_placeholders(&fields.message);
        if placeholders.is_empty() {
            return Err(ApiError::MissingLinkPlaceholder);
        }
        let require_entries = |has_entry: &dyn Fn(&str) -> bool| match placeholders
            .iter()
            .find(|name| !has_entry(name))
        {
            None => Ok(()),
            Some(name) => {
                let name = (*name).to_owned();
                Err(ApiError::MissingOfferLinksForPlaceholders(name))
            }
        };
        match self.offer_links {
            None => require_entries(&|name| {
                let mut links = fields.offer_links.0.iter();
                links.any(|link| link.key == name)
            }),
            Some(links) => {
                require_entries(&|name| links.iter().any(|link| link.key() == Some(name)))?;
                fields.offer_links = Json(parse_offer_links(links)?);
                Ok(())
            }
        }
    }

    pub fn example() -> Value {
        json!({
            "name": "Summer Sale Promo",
            "message": "Hot deals just for you! Shop now: {{link1}} Reply STOP to opt out.",
            "offer_links": [{
                "key": "link1",
                "offer_id": "6789abcd1234ef5678901234",
                "url_params": { "sub1": "sms" },
            }],
            "status": "active",
            "creative_type": "automated",
        })
    }
}
