//! `PATCH /api/links/{id}`.

use actix_web::http::Method;
use domain::macros::Template;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{
    object::{AffiliateLink, example},
    read::{ONE, STATUS, link_find},
};
use crate::{
    error::{ApiError, FieldError},
    fields::{Text, non_empty},
    http::{Operation, RequestContext, Response},
    links::update::link_changed,
};

pub fn operation() -> Operation {
    let invalid = FieldError::new("status", "it is not active or deactivated");
    Operation::affiliate(Method::PATCH, ONE, "update_affiliate_link", update_link)
        .summary("Change a campaign link")
        .description(
            "A deactivated link answers the 404 page within a second on every redirector. An \
             empty `landing_page_url` stands for the campaign's.",
        )
        .request_body::<LinkChange>([json!({ "status": "deactivated" })])
        .response::<AffiliateLink>(200, example())
        .errors([
            ApiError::Validation(vec![invalid]),
            ApiError::NotFound("link"),
        ])
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AffiliateLinkChange")]
struct LinkChange {
    /// active or deactivated.
    #[schemars(extend("enum" = ["active", "deactivated", "", null]))]
    status: Option<Text>,
    #[schemars(extend("format" = "uri"))]
    landing_page_url: Option<Text>,
}

async fn update_link(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: LinkChange = context.json()?;
    let mut wrong = Vec::new();
    let status = non_empty(&body.status);
    if status.is_some_and(|status| !STATUS.contains(&status)) {
        wrong.push(FieldError::new("status", "it is not active or deactivated"));
    }
    let page = non_empty(&body.landing_page_url).map(str::trim);
    if let Some(Err(reason)) = page.map(Template::parse) {
        wrong.push(FieldError::new("landing_page_url", reason.to_string()));
    }
    if !wrong.is_empty() {
        return Err(ApiError::Validation(wrong));
    }
    let key: i64 = link_find(context).await?.get("id");
    let statement = context
        .db
        .prepare_cached(
            "UPDATE links
             SET status = coalesce($2, status),
                 destination = CASE WHEN $3 THEN $4 ELSE destination END,
                 version = version + 1,
                 updated_at = now()
             WHERE id = $1",
        )
        .await?;
    let is_sent = body.landing_page_url.is_some();
    context
        .db
        .execute(&statement, &[&key, &status, &is_sent, &page])
        .await?;
    link_changed(context, &[key]).await?;
    let row = link_find(context).await?;
    let mut links = AffiliateLink::read_all(context, std::slice::from_ref(&row)).await?;
    Response::ok(&links.pop().expect("a link for the row"))
}
