//! The entries of `offer_links` in a body.

use std::collections::BTreeMap;

use domain::macros::Template;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    db::creatives::OfferLink,
    error::ApiError,
    fields::{Text, non_empty},
};

const MAX_OFFER_LINKS: usize = 100;
const MAX_VALUE: usize = 255;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct OfferLinkRequest {
    /// The placeholder's name, as in link1. Required.
    key: Option<Text>,
    /// An offer of either kind. Required.
    offer_id: Option<Text>,
    /// A URL that is used instead of the offer's.
    url: Option<Text>,
    /// Defaults of sub1 to sub5, source, creative and cost.
    url_params: Option<BTreeMap<String, String>>,
}

impl OfferLinkRequest {
    pub fn key(&self) -> Option<&str> {
        non_empty(&self.key)
    }

    fn offer_id(&self) -> Option<&str> {
        non_empty(&self.offer_id)
    }
}

pub fn parse_offer_links(requests: Vec<OfferLinkRequest>) -> Result<Vec<OfferLink>, ApiError> {
    if requests.len() > MAX_OFFER_LINKS {
        return Err(ApiError::invalid_field(
            "offer_links",
            "it has more than 100 entries",
        ));
    }
    if let Some(index) = requests.iter().position(|link| link.key().is_none()) {
        return Err(ApiError::MissingOfferLinkKey(index));
    }
    if let Some(index) = requests.iter().position(|link| link.offer_id().is_none()) {
        return Err(ApiError::MissingOfferLinkOfferId(index));
    }
    let mut links: Vec<OfferLink> = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        let key = request.key().unwrap_or_default();
        if links.iter().any(|other| other.key == key) {
            return Err(ApiError::DuplicateOfferLinkKey(key.to_owned()));
        }
        if key.chars().count() > MAX_VALUE {
            return Err(ApiError::invalid_field(
                format!("offer_links[{index}].key"),
                "it exceeds 255 characters",
            ));
        }
        let url = non_empty(&request.url).map(str::trim);
        if let Some(url) = url {
            Template::parse(url).map_err(ApiError::InvalidUrl)?;
        }
        let url_params = request.url_params.clone().unwrap_or_default();
        validate_parameters(index, &url_params)?;
        links.push(OfferLink {
            key: key.to_owned(),
            offer_id: request.offer_id().unwrap_or_default().to_owned(),
            url: url.map(str::to_owned),
            url_params,
        });
    }
    Ok(links)
}

fn validate_parameters(
    index: usize,
    parameters: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    for (name, value) in parameters {
        let field = || format!("offer_links[{index}].url_params.{name}");
        if !OfferLink::PARAMETERS.contains(&name.as_str()) {
            let known = OfferLink::PARAMETERS.join(", ");
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
