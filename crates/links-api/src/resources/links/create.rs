//! `POST /api/v2/links`: a link for a partnership offer, which redirects through the click
//! tracker.

use domain::{
    host,
    id::{OfferId, ShortId},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    request::{AcceptedTargets, LinkRequest, LinkSpec},
    target::TargetResolver,
};
use crate::{
    error::ApiError,
    http::{RequestContext, Response},
    minting::mint_link,
    objects::destination::destination_url,
};

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreatedLink")]
pub struct CreateLinkResponse {
    short_url: String,
    link_id: ShortId,
    click_tracker_url: String,
    destination_url: String,
    /// The short domain, with its scheme.
    domain: String,
    offer_id: OfferId,
}

impl CreateLinkResponse {
    pub fn example() -> Value {
        json!({
            "shortUrl": "https://yourdomain.com/Ab3kX9",
            "linkId": "Ab3kX9",
            "clickTrackerUrl":
                "https://ct.yourdomain.click/c/a1b2c3d4-e5f6-4890-abcd-ef1234567890",
            "destinationUrl": "https://example.com/offer?aff_sub={{sendId}}",
            "domain": "https://yourdomain.com",
            "offerId": "6789abcd1234ef5678901234",
        })
    }
}

pub async fn create_link(
    context: RequestContext<'_>,
    body: LinkRequest,
) -> Result<Response, ApiError> {
    let accepted = AcceptedTargets::PartnershipOffer;
    let spec = LinkSpec::from_request(body, accepted)?;
    let (link, offer) = TargetResolver::new(context, accepted).resolve(spec).await?;
    let offer = offer.ok_or(ApiError::OfferNotFound("partnership offer"))?;
    let record = mint_link(context, link).await?.record;
    let tracker = record.tracker.as_ref().map(ToString::to_string);
    let body = CreateLinkResponse {
        short_url: record.short_url(),
        link_id: record.link_id.clone(),
        click_tracker_url: tracker.unwrap_or_default(),
        destination_url: destination_url(&record, Some(&offer.summary)),
        domain: host::origin(&record.short_host),
        offer_id: offer.id,
    };
    Ok(Response::created(&body)?.with_new_links(vec![record]))
}
