//! `GET /api/links`, `/api/links/{id}` and its QR codes.

use actix_web::http::Method;
use domain::id::{CampaignId, LinkCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio_postgres::{Row, types::ToSql};

use super::object::{AffiliateLink, FROM, columns, example};
use crate::{
    db::{ListQuery, links::record_from_row},
    error::ApiError,
    http::{AffiliatePageMeta, Operation, PageRequest, Parameter, RequestContext, Response},
    links::qr,
};

pub const STATUS: [&str; 2] = ["active", "deactivated"];
pub const ONE: &str = "/links/{affiliate_link_id}";

pub fn operations() -> [Operation; 4] {
    let list = Operation::affiliate(Method::GET, "/links", "list_affiliate_links", list_links)
        .summary("List campaign links")
        .description("The newest first, the active ones where nothing is said.")
        .with_paging(20)
        .parameter(Parameter::text(
            "campaign_id",
            "Only links of this campaign.",
        ))
        .parameter(Parameter::choice("status", "Active by default.", &STATUS))
        .response::<Links>(
            200,
            json!({ "data": [example()], "meta": { "page": 1, "per_page": 20, "total": 156 } }),
        );
    let get = Operation::affiliate(Method::GET, ONE, "get_affiliate_link", get_link)
        .summary("Get a campaign link")
        .response::<AffiliateLink>(200, example());
    let svg = Operation::affiliate(
        Method::GET,
        "/links/{affiliate_link_id}/qr.svg",
        "get_affiliate_link_qr_svg",
        get_svg,
    );
    let png = Operation::affiliate(
        Method::GET,
        "/links/{affiliate_link_id}/qr.png",
        "get_affiliate_link_qr_png",
        get_png,
    );
    let not_found = || [ApiError::NotFound("link")];
    [
        list,
        get.errors(not_found()),
        qr::documented(svg, "image/svg+xml").errors(not_found()),
        qr::documented(png, "image/png").errors(not_found()),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AffiliateLinks")]
struct Links {
    data: Vec<AffiliateLink>,
    meta: AffiliatePageMeta,
}

async fn list_links(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let page = PageRequest::from_request(&context, 20)?;
    let status = context.choice("status", &STATUS)?.unwrap_or("active");
    let campaign_id = context.text("campaign_id")?;
    let campaign_id = campaign_id.map(|id| CampaignId::parse(&id).map_or(id, |id| id.to_string()));
    let from = format!(
        "{FROM}
         WHERE l.account_id = $1
           AND l.campaign_id IS NOT NULL
           AND ($2::text IS NULL OR l.campaign_id = $2)
           AND l.status = $3"
    );
    let columns = columns();
    let listing = ListQuery {
        columns: &columns,
        from: &from,
        order_by: "l.id DESC",
    };
    let account_id = context.caller.account_id.0;
    let parameters: [&(dyn ToSql + Sync); 3] = [&account_id, &campaign_id, &status];
    let (rows, total) = page.fetch(context, listing, &parameters).await?;
    Response::ok(&Links {
        data: AffiliateLink::read_all(context, &rows).await?,
        meta: AffiliatePageMeta::new(page, total),
    })
}

async fn get_link(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let row = link_find(context).await?;
    let mut links = AffiliateLink::read_all(context, std::slice::from_ref(&row)).await?;
    Response::ok(&links.pop().expect("a link for the row"))
}

async fn get_svg(context: RequestContext<'_>) -> Result<Response, ApiError> {
    qr::answer_svg(context, &record_from_row(&link_find(context).await?)?)
}

async fn get_png(context: RequestContext<'_>) -> Result<Response, ApiError> {
    qr::answer_png(context, &record_from_row(&link_find(context).await?)?)
}

/// The row that a path's id names, for [`AffiliateLink::read_all`].
pub async fn link_find(context: RequestContext<'_>) -> Result<Row, ApiError> {
    let id: String = context.path("affiliate_link_id", "link")?;
    let code = LinkCode::parse_link_id(&id).map_err(|_| ApiError::NotFound("link"))?;
    let columns = columns();
    let sql = format!("SELECT {columns} {FROM} WHERE l.account_id = $1 AND l.code = $2");
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    context
        .db
        .query_opt(&statement, &[&account_id, &code.as_str()])
        .await?
        .ok_or(ApiError::NotFound("link"))
}
