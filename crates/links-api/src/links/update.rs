//! `PATCH` and `DELETE /api/v2/links/{link_id}`.

use actix_web::http::Method;
use domain::macros::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::types::Json;

use super::{
    get::{domain_parameter, link_find},
    list::STATUS,
    object::LinkObject,
};
use crate::{
    auth::Scope,
    db,
    error::ApiError,
    fields::{JsonObject, Text, Timestamp, non_empty},
    http::{Operation, RequestContext, Response},
};

pub fn operations() -> [Operation; 2] {
    let update = Operation::platform(
        Method::PATCH,
        "/links/{link_id}",
        "update_link",
        update_link,
    )
    .scope(Scope::LinksWrite)
    .tag("links")
    .summary("Change a link")
    .description(
        "Changes what is sent; redirectors have it within a second. `url` is for links \
             without an offer. An empty `expiresAt` takes the end away.",
    )
    .parameter(domain_parameter())
    .request_body::<LinkChange>([
        json!({ "status": "deactivated" }),
        json!({ "url": "https://example.com/other", "expiresAt": "2030-01-31T00:00:00Z" }),
    ])
    .response::<LinkObject>(200, LinkObject::example())
    .errors([
        ApiError::InvalidStatus("active, deactivated"),
        ApiError::InvalidUrl(domain::macros::InvalidTemplate::NotHttp),
        ApiError::NotFound("link"),
        ApiError::AmbiguousLinkId,
    ]);
    let deactivate = Operation::platform(
        Method::DELETE,
        "/links/{link_id}",
        "deactivate_link",
        deactivate_link,
    )
    .scope(Scope::LinksWrite)
    .tag("links")
    .summary("Deactivate a link")
    .description(
        "It answers the 404 page, or the list's fallback, within a second. PATCH can \
                 revive it.",
    )
    .parameter(domain_parameter())
    .response::<Deactivated>(200, json!({ "success": true, "deactivated": true }))
    .errors([ApiError::NotFound("link"), ApiError::AmbiguousLinkId]);
    [update, deactivate]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LinkChange {
    /// active or deactivated.
    #[schemars(extend("enum" = ["active", "deactivated", "", null]))]
    status: Option<Text>,
    #[schemars(extend("format" = "uri"))]
    url: Option<Text>,
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<Text>,
    forward_query: Option<bool>,
    /// Takes the place of what was there.
    metadata: Option<JsonObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Deactivated {
    success: bool,
    deactivated: bool,
}

async fn update_link(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: LinkChange = context.json()?;
    let status = non_empty(&body.status);
    if status.is_some_and(|status| !STATUS.contains(&status)) {
        return Err(ApiError::InvalidStatus("active, deactivated"));
    }
    let url = non_empty(&body.url).map(str::trim);
    if let Some(url) = url {
        Template::parse(url).map_err(ApiError::InvalidUrl)?;
    }
    let now = jiff::Timestamp::now();
    let expires_at = body.expires_at.as_ref();
    let expires_at = expires_at.map(|text| Timestamp::parse_future("expiresAt", text, now));
    let expires_at = expires_at.transpose()?;

    let row = link_find(context).await?;
    if url.is_some() && row.get::<_, Option<&str>>("offer_id").is_some() {
        return Err(ApiError::invalid_field(
            "url",
            "the link goes to its offer's destination",
        ));
    }
    let statement = context
        .db
        .prepare_cached(
            "UPDATE links
             SET status = coalesce($2, status),
                 destination = coalesce($3, destination),
                 expires_at = CASE WHEN $4 THEN $5 ELSE expires_at END,
                 forward_query = coalesce($6, forward_query),
                 metadata = coalesce($7, metadata),
                 version = version + 1,
                 updated_at = now()
             WHERE id = $1",
        )
        .await?;
    let key: i64 = row.get("id");
    let metadata = body
        .metadata
        .map(|JsonObject(map)| Json(Value::Object(map)));
    context
        .db
        .execute(
            &statement,
            &[
                &key,
                &status,
                &url,
                &expires_at.is_some(),
                &expires_at.flatten(),
                &body.forward_query,
                &metadata,
            ],
        )
        .await?;
    link_changed(context, &[key]).await?;
    Response::ok(&LinkObject::read(context, &link_find(context).await?)?)
}

async fn deactivate_link(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let key: i64 = link_find(context).await?.get("id");
    let statement = context
        .db
        .prepare_cached(
            "UPDATE links
             SET status = 'deactivated', version = version + 1, updated_at = now()
             WHERE id = $1",
        )
        .await?;
    context.db.execute(&statement, &[&key]).await?;
    link_changed(context, &[key]).await?;
    Response::ok(&Deactivated {
        success: true,
        deactivated: true,
    })
}

/// Puts links into the outbox, under all of their names.
pub async fn link_changed(context: RequestContext<'_>, keys: &[i64]) -> Result<(), ApiError> {
    let links = db::links::find_records(context.db, keys).await?;
    context
        .outbox
        .record_changed(links.iter().flat_map(|link| link.record_keys()))
        .await
}
