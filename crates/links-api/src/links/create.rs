//! `POST /api/v2/links`: a short link for a partnership offer, routed through
//! the click tracker (seed create-link).

use actix_web::http::Method;
use domain::id::{OfferId, ShortId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{
    mint::mint_one,
    object::{destination_url, short_url},
    request::{Kind, LinkRequest, Lookup, Wanted},
};
use crate::{
    auth::{Product, Scope},
    error::ApiError,
    http::{Operation, RequestContext, Response},
};

pub fn operation() -> Operation {
    Operation::platform(Method::POST, "/links", "create_link", create_link)
        .scope(Scope::LinksWrite)
        .tag("links")
        .summary("Create a link for a partnership offer")
        .description(
            "The short link goes to the list's click tracker, which records the click and goes \
             to the offer's destination. Needs the Offer Management product. Each context makes a \
             new link.",
        )
        .request_body::<LinkRequest>([
            json!({ "offerId": "6789abcd1234ef5678901234", "listId": 42 }),
            json!({ "externalOfferId": "12345", "phoneNumber": "+18005551234" }),
        ])
        .response::<CreatedLink>(
            201,
            json!({
                "shortUrl": "https://yourdomain.com/Ab3kX9",
                "linkId": "Ab3kX9",
                "clickTrackerUrl":
                    "https://ct.yourdomain.click/c/a1b2c3d4-e5f6-4890-abcd-ef1234567890",
                "destinationUrl": "https://example.com/offer?aff_sub={{sendId}}",
                "domain": "https://yourdomain.com",
                "offerId": "6789abcd1234ef5678901234",
            }),
        )
        .errors([
            ApiError::MissingOfferId,
            ApiError::MissingListIdentifier,
            ApiError::InvalidPhone("phoneNumber"),
            ApiError::InvalidSlug,
            ApiError::ProductNotEnabled(Product::OfferManagement.title()),
            ApiError::OfferNotFound("partnership offer"),
            ApiError::ListNotFound,
            ApiError::NoDomainConfigured,
            ApiError::SlugTaken,
            ApiError::IdCollision,
        ])
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedLink {
    short_url: String,
    link_id: ShortId,
    click_tracker_url: String,
    destination_url: String,
    /// With its scheme.
    domain: String,
    offer_id: OfferId,
}

async fn create_link(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let wanted = Wanted::check(context.json::<LinkRequest>()?, Kind::Partnership)?;
    let mut lookup = Lookup::default();
    let (link, offer) = lookup.resolve(context, wanted, Kind::Partnership).await?;
    let offer = offer.ok_or(ApiError::OfferNotFound("partnership offer"))?;
    let link = mint_one(context, link).await?.record;
    let tracker = link.tracker.as_ref().map(ToString::to_string);
    let answer = CreatedLink {
        short_url: short_url(&link),
        link_id: link.link_id.clone(),
        click_tracker_url: tracker.unwrap_or_default(),
        destination_url: destination_url(&link, Some(&offer.facts)),
        domain: format!("https://{}", link.short_host),
        offer_id: offer.id,
    };
    Ok(Response::created(&answer)?.with_new_links(vec![link]))
}
