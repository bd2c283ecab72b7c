//! `POST /api/v2/links/shorten`: a link for any URL or for an SMS offer.

use serde_json::Value;

use super::{
    object::LinkObject,
    request::{AcceptedTargets, LinkRequest, LinkSpec},
    target::TargetResolver,
};
use crate::{
    db::links::LinkRow,
    error::ApiError,
    fields::JsonObject,
    http::{RequestContext, Response},
    minting::mint_link,
};

pub async fn shorten_link(
    context: RequestContext<'_>,
    body: LinkRequest,
) -> Result<Response, ApiError> {
    let accepted = AcceptedTargets::SmsOfferOrUrl;
    let spec = LinkSpec::from_request(body, accepted)?;
    let (link, offer) = TargetResolver::new(context, accepted).resolve(spec).await?;
    let metadata = link.attributes.metadata.clone();
    let minted = mint_link(context, link).await?;
    let row = LinkRow {
        record: minted.record.clone(),
        offer: offer.map(|offer| offer.summary),
        metadata: metadata.map(|JsonObject(map)| Value::Object(map)),
        created_at: minted.created_at,
        updated_at: minted.created_at,
    };
    let body = LinkObject::new(row, context.caller.filters_bots);
    Ok(Response::created(&body)?.with_new_links(vec![minted.record]))
}
