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
    api::{Answer, Call, Operation},
    body::{Text, given},
    error::{ApiError, FieldError},
    links::update::link_changed,
};

pub fn operation() -> Operation {
    let invalid = FieldError::new("status", "it is not active or deactivated");
    Operation::affiliate(Method::PATCH, ONE, "update_affiliate_link", update_link)
        .says(
            "Change a campaign link",
            "A deactivated link answers the 404 page within a second on every redirector. An \
             empty `landing_page_url` stands for the campaign's.",
        )
        .reads::<LinkChange>([json!({ "status": "deactivated" })])
        .answers::<AffiliateLink>(200, example())
        .fails([
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

async fn update_link(call: Call<'_>) -> Result<Answer, ApiError> {
    let body: LinkChange = call.json()?;
    let mut wrong = Vec::new();
    let status = given(&body.status);
    if status.is_some_and(|status| !STATUS.contains(&status)) {
        wrong.push(FieldError::new("status", "it is not active or deactivated"));
    }
    let page = given(&body.landing_page_url).map(str::trim);
    if let Some(Err(reason)) = page.map(Template::parse) {
        wrong.push(FieldError::new("landing_page_url", reason.to_string()));
    }
    if !wrong.is_empty() {
        return Err(ApiError::Validation(wrong));
    }
    let key: i64 = link_find(call).await?.get("id");
    let statement = call
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
    call.db
        .execute(&statement, &[&key, &status, &is_sent, &page])
        .await?;
    link_changed(call, &[key]).await?;
    let row = link_find(call).await?;
    let mut links = AffiliateLink::read_all(call, std::slice::from_ref(&row)).await?;
    Answer::ok(&links.pop().expect("a link for the row"))
}
