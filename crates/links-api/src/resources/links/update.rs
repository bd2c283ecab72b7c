//! `PATCH` and `DELETE /api/v2/links/{link_id}`.

use domain::{id::ShortId, macros::Template};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    list::{LinkDomainQuery, find},
    object::LinkObject,
};
use crate::{
    db::links::{self, LinkUpdate, record_links_changed},
    error::ApiError,
    fields::{ClickCostField, JsonObject, Text, Timestamp, non_empty, parse_status},
    http::{RequestBody, RequestContext, Response, success_body},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LinkChange")]
pub struct UpdateLinkRequest {
    /// active or deactivated.
    #[schemars(extend("enum" = ["active", "deactivated", "", null]))]
    status: Option<Text>,
    /// An http(s) URL, with macros or without.
    #[schemars(extend("format" = "uri"))]
    url: Option<Text>,
    /// When the link stops working; it must lie in the future.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<Text>,
    /// Whether the query of a click is appended to the destination.
    forward_query: Option<bool>,
    /// Which parameter of clicks' URLs is what the click costs, in place of the account's setting;
    /// an empty object clears it.
    click_cost: Option<ClickCostField>,
    /// Replaces the current object.
    metadata: Option<JsonObject>,
}

impl RequestBody for UpdateLinkRequest {
    const ALIASES: &'static [(&'static str, &'static str)] = &[("destinationUrl", "url")];
}

success_body! {
    #[schemars(rename = "Deactivated")]
    pub struct DeactivatedLink { deactivated }
}

pub async fn update_link(
    context: RequestContext<'_>,
    body: UpdateLinkRequest,
    id: ShortId,
    query: LinkDomainQuery,
) -> Result<Response, ApiError> {
    let status = parse_status(&body.status)?;
    let url = non_empty(&body.url).map(str::trim);
    if let Some(url) = url {
        Template::parse(url).map_err(ApiError::InvalidUrl)?;
    }
    let now = jiff::Timestamp::now();
    let expires_at = body.expires_at.as_ref();
    let expires_at = expires_at.map(|text| Timestamp::parse_future("expiresAt", text, now));
    let click_cost = body.click_cost.as_ref();
    let click_cost = click_cost.map(|click_cost| click_cost.rule("clickCost"));
    let update = LinkUpdate {
        status,
        destination: url,
        expires_at: expires_at.transpose()?,
        forward_query: body.forward_query,
        click_cost: click_cost.transpose()?,
        metadata: body.metadata.as_ref().map(|JsonObject(map)| map),
    };
    let link = find(context, &id, &query).await?.record;
    if url.is_some() && link.offer_id.is_some() {
        return Err(ApiError::invalid_field(
            "url",
            "the link redirects to its offer's destination",
        ));
    }
    let key = link.link_key.0;
    links::update_v2_link(context.db, key, &update).await?;
    record_links_changed(context.db, context.outbox, &[key]).await?;
    let row = find(context, &id, &query).await?;
    Response::ok(&LinkObject::new(row, context.caller.filters_bots))
}

pub async fn deactivate_link(
    context: RequestContext<'_>,
    id: ShortId,
    query: LinkDomainQuery,
) -> Result<Response, ApiError> {
    let key = find(context, &id, &query).await?.record.link_key.0;
    links::deactivate_link(context.db, key).await?;
    record_links_changed(context.db, context.outbox, &[key]).await?;
    Response::ok(&DeactivatedLink::new())
}
