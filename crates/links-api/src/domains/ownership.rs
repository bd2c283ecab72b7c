//! `PUT /api/v2/domains/{domain_id}/ownership`: an operator's word on whose a host is.

use actix_web::http::Method;
use postgres::pool::GenericClient as _;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{COLUMNS, DomainObject, example};
use crate::{
    auth::Scope,
    error::ApiError,
    fields::{Text, non_empty},
    http::{Operation, RequestContext, Response},
    outbox::links_on_host_changed,
};

const OWNERSHIP: [&str; 3] = ["checked", "approved", "refused"];

pub fn operation() -> Operation {
    Operation::platform(
        Method::PUT,
        "/domains/{domain_id}/ownership",
        "set_domain_ownership",
        set_ownership,
    )
    .scope(Scope::Admin)
    .tag("accounts")
    .summary("Decide whose a host is")
    .description(
        "Of any account's domain. `approved`: the host is the account's, whatever it shows. \
         `refused`: it is not; the domain is pending and its links lead nowhere. `checked`: the \
         host must show its token, as without a decision; a domain that is active stays so as \
         long as checks do not fail for 7 days.",
    )
    .request_body::<OwnershipChange>([json!({ "ownership": "approved" })])
    .required_fields(["ownership"])
    .response::<DomainObject>(200, example())
    .errors([
        ApiError::invalid_field("ownership", "it is not one of checked, approved, refused"),
        ApiError::NotFound("domain"),
        ApiError::HostTaken,
    ])
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DomainOwnershipChange")]
struct OwnershipChange {
    /// checked, approved or refused. Required.
    #[schemars(extend("enum" = ["checked", "approved", "refused", "", null]))]
    ownership: Option<Text>,
}

async fn set_ownership(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: OwnershipChange = context.json()?;
    let ownership = non_empty(&body.ownership).filter(|ownership| OWNERSHIP.contains(ownership));
    let problem = || format!("it is not one of {}", OWNERSHIP.join(", "));
    let ownership = ownership.ok_or_else(|| ApiError::invalid_field("ownership", problem()))?;
    let id: i64 = context.path("domain_id", "domain")?;
    let sql = format!(
        "UPDATE domains
         SET ownership = $2::text,
             status = CASE
                 WHEN $2::text = 'approved' AND status = 'pending' THEN 'active'
                 WHEN $2::text = 'refused' THEN 'pending'
                 ELSE status
             END,
             n_failed_checks = 0,
             check_error = NULL,
             check_at = CASE $2::text WHEN 'checked' THEN now() END
         WHERE id = $1
         RETURNING {COLUMNS}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let row = context.db.query_opt(&statement, &[&id, &ownership]).await?;
    let row = row.ok_or(ApiError::NotFound("domain"))?;
    links_on_host_changed(context.db, row.get("host")).await?;
    Response::ok(&DomainObject::read(&row))
}
