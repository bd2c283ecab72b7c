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
    api::{Answer, Call, Operation, Timestamp},
    auth::Scope,
    body::{Object, Text, given},
    error::ApiError,
    records,
};

pub fn operations() -> [Operation; 2] {
    let update = Operation::platform(
        Method::PATCH,
        "/links/{link_id}",
        "update_link",
        update_link,
    )
    .needs(Scope::LinksWrite, "links")
    .says(
        "Change a link",
        "Changes what is sent; redirectors have it within a second. `url` is for links \
             without an offer. An empty `expiresAt` takes the end away.",
    )
    .takes(domain_parameter())
    .reads::<LinkChange>([
        json!({ "status": "deactivated" }),
        json!({ "url": "https://example.com/other", "expiresAt": "2030-01-31T00:00:00Z" }),
    ])
    .answers::<LinkObject>(200, LinkObject::example())
    .fails([
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
    .needs(Scope::LinksWrite, "links")
    .says(
        "Deactivate a link",
        "It answers the 404 page, or the list's fallback, within a second. PATCH can \
                 revive it.",
    )
    .takes(domain_parameter())
    .answers::<Deactivated>(200, json!({ "success": true, "deactivated": true }))
    .fails([ApiError::NotFound("link"), ApiError::AmbiguousLinkId]);
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
    metadata: Option<Object>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Deactivated {
    success: bool,
    deactivated: bool,
}

async fn update_link(call: Call<'_>) -> Result<Answer, ApiError> {
    let body: LinkChange = call.json()?;
    let status = given(&body.status);
    if status.is_some_and(|status| !STATUS.contains(&status)) {
        return Err(ApiError::InvalidStatus("active, deactivated"));
    }
    let url = given(&body.url).map(str::trim);
    if let Some(url) = url {
        Template::parse(url).map_err(ApiError::InvalidUrl)?;
    }
    let now = jiff::Timestamp::now();
    let expires_at = body.expires_at.as_ref();
    let expires_at = expires_at.map(|text| Timestamp::ahead("expiresAt", text, now));
    let expires_at = expires_at.transpose()?;

    let row = link_find(call).await?;
    if url.is_some() && row.get::<_, Option<&str>>("offer_id").is_some() {
        return Err(ApiError::field(
            "url",
            "the link goes to its offer's destination",
        ));
    }
    let statement = call
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
    let metadata = body.metadata.map(|Object(map)| Json(Value::Object(map)));
    call.db
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
    link_changed(call, &[key]).await?;
    Answer::ok(&LinkObject::read(call, &link_find(call).await?)?)
}

async fn deactivate_link(call: Call<'_>) -> Result<Answer, ApiError> {
    let key: i64 = link_find(call).await?.get("id");
    let statement = call
        .db
        .prepare_cached(
            "UPDATE links
             SET status = 'deactivated', version = version + 1, updated_at = now()
             WHERE id = $1",
        )
        .await?;
    call.db.execute(&statement, &[&key]).await?;
    link_changed(call, &[key]).await?;
    Answer::ok(&Deactivated {
        success: true,
        deactivated: true,
    })
}

/// Puts links into the outbox, under all of their names.
pub async fn link_changed(call: Call<'_>, keys: &[i64]) -> Result<(), ApiError> {
    let links = records::link_find_all(call.db, keys).await?;
    call.changed(links.iter().flat_map(|link| link.record_keys()))
        .await
}
