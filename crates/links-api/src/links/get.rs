//! `GET /api/v2/links/{link_id}`.

use actix_web::http::Method;
use domain::id::ShortId;
use tokio_postgres::Row;

use super::object::{FROM, LinkObject, columns};
use crate::{
    api::{Answer, Call, Operation, Parameter},
    auth::Scope,
    error::ApiError,
};

pub fn operation() -> Operation {
    Operation::platform(Method::GET, "/links/{link_id}", "get_link", get_link)
        .needs(Scope::LinksRead, "links")
        .says(
            "Get a link",
            "A short id is unique per domain only: name the domain where it is on several.",
        )
        .takes(domain_parameter())
        .answers::<LinkObject>(200, LinkObject::example())
        .fails([ApiError::NotFound("link"), ApiError::AmbiguousLinkId])
}

pub fn domain_parameter() -> Parameter {
    Parameter::text("domain", "The host of the link's short domain.")
}

async fn get_link(call: Call<'_>) -> Result<Answer, ApiError> {
    let row = link_find(call).await?;
    Answer::ok(&LinkObject::read(call, &row)?)
}

/// The row that a path's `link_id` names, for [`LinkObject::read`].
pub async fn link_find(call: Call<'_>) -> Result<Row, ApiError> {
    let link_id: ShortId = call.path("link_id", "link")?;
    let domain = call.text("domain")?;
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
    let statement = call.db.prepare_cached(&sql).await?;
    let account_id = call.caller.account_id.0;
    let mut rows = call
        .db
        .query(&statement, &[&account_id, &link_id.as_str(), &domain])
        .await?;
    match (rows.pop(), rows.is_empty()) {
        (None, _) => Err(ApiError::NotFound("link")),
        (Some(row), true) => Ok(row),
        (Some(_), false) => Err(ApiError::AmbiguousLinkId),
    }
}
