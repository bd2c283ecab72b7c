//! `GET /api/v2/links/{link_id}`.

use actix_web::http::Method;
use domain::id::ShortId;
use tokio_postgres::Row;

use super::object::{FROM, LinkObject, columns};
use crate::{
    auth::Scope,
    error::ApiError,
    http::{Operation, Parameter, RequestContext, Response},
};

pub fn operation() -> Operation {
    Operation::platform(Method::GET, "/links/{link_id}", "get_link", get_link)
        .scope(Scope::LinksRead)
        .tag("links")
        .summary("Get a link")
        .description(
            "A short id is unique per domain only: name the domain where it is on several.",
        )
        .parameter(domain_parameter())
        .response::<LinkObject>(200, LinkObject::example())
        .errors([ApiError::NotFound("link"), ApiError::AmbiguousLinkId])
}

pub fn domain_parameter() -> Parameter {
    Parameter::text("domain", "The host of the link's short domain.")
}

async fn get_link(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let row = link_find(context).await?;
    Response::ok(&LinkObject::read(context, &row)?)
}

/// The row that a path's `link_id` names, for [`LinkObject::read`].
pub async fn link_find(context: RequestContext<'_>) -> Result<Row, ApiError> {
    let link_id: ShortId = context.path("link_id", "link")?;
    let domain = context.text("domain")?;
    let domain = domain.map(|host| domain::host::normalise(&host).unwrap_or(host));
    let columns = columns();
    let sql = format!(
        "SELECT {columns}
         {FROM}
         WHERE l.account_id = $1
           AND l.campaign_id IS NULL
           AND l.short_id = $2
           AND ($3::text IS NULL OR d.host = $3)
         LIMIT 2"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    let mut rows = context
        .db
        .query(&statement, &[&account_id, &link_id.as_str(), &domain])
        .await?;
    match (rows.pop(), rows.is_empty()) {
        (None, _) => Err(ApiError::NotFound("link")),
        (Some(row), true) => Ok(row),
        (Some(_), false) => Err(ApiError::AmbiguousLinkId),
    }
}
