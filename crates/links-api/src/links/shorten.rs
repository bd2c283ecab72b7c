//! `POST /api/v2/links/shorten`: a short link for any URL or for an SMS offer
//! (seed shorten-link).

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{
    mint::mint_one,
    object::{LinkObject, Times},
    request::{Kind, LinkRequest, Lookup, Wanted},
};
use crate::{
    auth::{Product, Scope},
    error::ApiError,
    http::{Operation, RequestContext, Response},
};

pub fn operation() -> Operation {
    Operation::platform(Method::POST, "/links/shorten", "shorten_link", shorten_link)
        .scope(Scope::LinksWrite)
        .tag("links")
        .summary("Shorten a URL or an SMS offer")
        .description(
            "With `url` the link points directly at it. With `offerId` it goes to the offer's \
             tracking URL, with the TUNE or Everflow parameters by which the platform's postback \
             returns the link id. The offer's `filter_bots` is inherited. Needs the SMS product.",
        )
        .request_body::<LinkRequest>([
            json!({
                "url": "https://example.com/page",
                "listId": 42,
                "contactPhone": "+18005550100",
                "metadata": { "source": "ai_agent", "conversation_id": "abc123" },
            }),
            json!({ "offerId": "6789abcd1234ef5678901234", "phoneNumber": "+18005551234" }),
        ])
        .response::<LinkObject>(201, LinkObject::example())
        .errors([
            ApiError::MissingUrlOrOffer,
            ApiError::MissingListIdentifier,
            ApiError::InvalidUrl(domain::macros::InvalidTemplate::NotHttp),
            ApiError::InvalidPhone("phoneNumber"),
            ApiError::InvalidSlug,
            ApiError::ProductNotEnabled(Product::Sms.title()),
            ApiError::OfferNotFound("offer"),
            ApiError::ListNotFound,
            ApiError::NoDomainConfigured,
            ApiError::SlugTaken,
            ApiError::IdCollision,
        ])
}

async fn shorten_link(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let wanted = Wanted::check(context.json::<LinkRequest>()?, Kind::Short)?;
    let mut lookup = Lookup::default();
    let (link, offer) = lookup.resolve(context, wanted, Kind::Short).await?;
    let metadata = link.extras.metadata.clone();
    let minted = mint_one(context, link).await?;
    let times = Times {
        created_at: minted.created_at,
        updated_at: minted.created_at,
    };
    let metadata = metadata.map(|metadata| Value::Object(metadata.0));
    let facts = offer.as_ref().map(|offer| &offer.facts);
    let answer = LinkObject::new(context, &minted.record, facts, metadata, times);
    Ok(Response::created(&answer)?.with_new_links(vec![minted.record]))
}
