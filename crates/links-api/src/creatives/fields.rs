//! What of a creative can be sent, and its checks.

use std::collections::BTreeMap;

use domain::{macros::Template, message, record::DefaultParameters};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Row, types::Json};

use super::TYPES;
use crate::{
    error::{ApiError, CodedField},
    fields::{Text, non_empty, required},
};

const MAX_MESSAGE: usize = 1_600;
const MAX_OFFER_LINKS: usize = 100;
const MAX_VALUE: usize = 255;

/// A create takes all of it, a change what is sent.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreativeRequest {
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// At most 1,600 characters, with at least one `{{linkN}}`. Required.
    #[schemars(length(max = 1600))]
    message: Option<Text>,
    /// An entry for each placeholder; further ones are kept. Required.
    offer_links: Option<Vec<OfferLinkRequest>>,
    /// active or paused; a change can also say archived.
    #[schemars(extend("enum" = ["active", "paused", "archived", "", null]))]
    status: Option<Text>,
    /// automated, one_time or welcome.
    #[schemars(extend("enum" = ["automated", "one_time", "welcome", "", null]))]
    creative_type: Option<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OfferLinkRequest")]
struct OfferLinkRequest {
    /// The placeholder's name, as in link1. Required.
    key: Option<Text>,
    /// An offer of either kind. Required.
    offer_id: Option<Text>,
    /// Instead of the offer's URL.
    url: Option<Text>,
    /// Defaults of sub1 to sub5, source, creative and cost.
    url_params: Option<BTreeMap<String, String>>,
}

/// An entry of `offer_links`, as it is stored and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfferLink {
    pub key: String,
    pub offer_id: String,
    pub url: Option<String>,
    pub url_params: BTreeMap<String, String>,
}

impl OfferLink {
    /// The defaults that the link gets. Names are those that were checked.
    pub fn default_parameters(&self) -> DefaultParameters {
        let value = |name: &str| self.url_params.get(name).filter(|v| !v.is_empty()).cloned();
        DefaultParameters {
            subs: ["sub1", "sub2", "sub3", "sub4", "sub5"].map(value),
            source: value("source"),
            creative: value("creative"),
            cost: value("cost"),
        }
    }
}

/// The parameters that a link can have defaults for.
const PARAMETERS: [&str; 8] = [
    "sub1", "sub2", "sub3", "sub4", "sub5", "source", "creative", "cost",
];

/// The columns that can be changed.
#[derive(Debug, Clone)]
pub struct CreativeFields {
    pub name: String,
    pub message: String,
    pub offer_links: Vec<OfferLink>,
    pub status: String,
    pub creative_type: String,
}

impl CreativeFields {
    pub fn new() -> Self {
        Self {
            name: String::new(),
            message: String::new(),
            offer_links: Vec::new(),
            status: "active".to_owned(),
            creative_type: "automated".to_owned(),
        }
    }

    pub fn read(row: &Row) -> Self {
        let Json(offer_links) = row.get("offer_links");
        Self {
            name: row.get("name"),
            message: row.get("message"),
            offer_links,
            status: row.get("status"),
            creative_type: row.get("creative_type"),
        }
    }

    /// Takes what is sent; the checks run in the order of the seed's table.
    pub fn apply(&mut self, sent: CreativeRequest, statuses: &[&str]) -> Result<(), ApiError> {
        let name =
            required(&sent.name, &self.name).ok_or(ApiError::MissingField(CodedField::Name))?;
        let message = required(&sent.message, &self.message)
            .ok_or(ApiError::MissingField(CodedField::Message))?;
        let is_empty = match &sent.offer_links {
            Some(links) => links.is_empty(),
            None => self.offer_links.is_empty(),
        };
        if is_empty {
            return Err(ApiError::MissingOfferLinks);
        }
        if name.chars().count() > 255 {
            return Err(ApiError::NameTooLong);
        }
        if message.chars().count() > MAX_MESSAGE {
            return Err(ApiError::MessageTooLong);
        }
        if let Some(status) = non_empty(&sent.status) {
            if !statuses.contains(&status) {
                return Err(ApiError::InvalidStatus("active, paused"));
            }
            self.status = status.to_owned();
        }
        if let Some(creative_type) = non_empty(&sent.creative_type) {
            if !TYPES.contains(&creative_type) {
                return Err(ApiError::InvalidCreativeType);
            }
            self.creative_type = creative_type.to_owned();
        }
        self.name = name.to_owned();
        self.message = message.to_owned();
        let placeholders = message::link_placeholders(&self.message);
        if placeholders.is_empty() {
            return Err(ApiError::MissingLinkPlaceholder);
        }
        let missing = |has: &dyn Fn(&str) -> bool| {
            let name = placeholders.iter().find(|name| !has(name));
            name.map(|name| ApiError::MissingOfferLinksForPlaceholders((*name).to_owned()))
        };
        let Some(links) = sent.offer_links else {
            let has = |name: &str| self.offer_links.iter().any(|link| link.key == name);
            return missing(&has).map_or(Ok(()), Err);
        };
        let has = |name: &str| links.iter().any(|link| non_empty(&link.key) == Some(name));
        missing(&has).map_or(Ok(()), Err)?;
        self.offer_links = offer_links(links)?;
        Ok(())
    }
}

fn offer_links(sent: Vec<OfferLinkRequest>) -> Result<Vec<OfferLink>, ApiError> {
    if sent.len() > MAX_OFFER_LINKS {
        return Err(ApiError::invalid_field(
            "offer_links",
            "it has more than 100 entries",
        ));
    }
    if let Some(index) = sent.iter().position(|link| non_empty(&link.key).is_none()) {
        return Err(ApiError::MissingOfferLinkKey(index));
    }
    if let Some(index) = sent
        .iter()
        .position(|link| non_empty(&link.offer_id).is_none())
    {
        return Err(ApiError::MissingOfferLinkOfferId(index));
    }
    let mut links: Vec<OfferLink> = Vec::with_capacity(sent.len());
    for (index, link) in sent.into_iter().enumerate() {
        let key = non_empty(&link.key).unwrap_or_default();
        if links.iter().any(|other| other.key == key) {
            return Err(ApiError::DuplicateOfferLinkKey(key.to_owned()));
        }
        if key.chars().count() > MAX_VALUE {
            return Err(ApiError::invalid_field(
                format!("offer_links[{index}].key"),
                "it exceeds 255 characters",
            ));
        }
        let url = non_empty(&link.url).map(str::trim);
        if let Some(url) = url {
            Template::parse(url).map_err(ApiError::InvalidUrl)?;
        }
        let url_params = link.url_params.unwrap_or_default();
        check_parameters(index, &url_params)?;
        links.push(OfferLink {
            key: key.to_owned(),
            offer_id: non_empty(&link.offer_id).unwrap_or_default().to_owned(),
            url: url.map(str::to_owned),
            url_params,
        });
    }
    Ok(links)
}

fn check_parameters(index: usize, parameters: &BTreeMap<String, String>) -> Result<(), ApiError> {
    for (name, value) in parameters {
        let field = || format!("offer_links[{index}].url_params.{name}");
        if !PARAMETERS.contains(&name.as_str()) {
            let known = PARAMETERS.join(", ");
            return Err(ApiError::invalid_field(
                field(),
                format!("it is not one of {known}"),
            ));
        }
        if value.contains('\0') || value.chars().count() > MAX_VALUE {
            return Err(ApiError::invalid_field(
                field(),
                "it exceeds 255 characters or has U+0000",
            ));
        }
    }
    Ok(())
}
