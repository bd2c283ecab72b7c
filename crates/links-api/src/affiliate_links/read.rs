//! `GET /api/links`, `/api/links/{id}` and its QR codes.

use actix_web::http::Method;
use domain::id::{CampaignId, LinkCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio_postgres::{Row, types::ToSql};

use super::{
    Meta,
    object::{AffiliateLink, FROM, columns, example},
};
use crate::{
    api::{Answer, Call, Listing, Operation, Page, Parameter},
    campaigns::PER_PAGE,
    error::ApiError,
    links::qr,
    records,
};

pub const STATUS: [&str; 2] = ["active", "deactivated"];
pub const ONE: &str = "/links/{affiliate_link_id}";

pub fn operations() -> [Operation; 4] {
    let list = Operation::affiliate(Method::GET, "/links", "list_affiliate_links", list_links)
        .says(
            "List campaign links",
            "The newest first, the active ones where nothing is said.",
        )
        .paged(PER_PAGE)
        .takes(Parameter::text(
            "campaign_id",
            "Only links of this campaign.",
        ))
        .takes(Parameter::choice("status", "Active by default.", &STATUS))
        .answers::<Links>(
            200,
            json!({ "data": [example()], "meta": { "page": 1, "per_page": 20, "total": 156 } }),
        );
    let get = Operation::affiliate(Method::GET, ONE, "get_affiliate_link", get_link)
        .says("Get a campaign link", "")
        .answers::<AffiliateLink>(200, example());
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
        get.fails(not_found()),
        qr::documented(svg, "image/svg+xml").fails(not_found()),
        qr::documented(png, "image/png").fails(not_found()),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AffiliateLinks")]
struct Links {
    data: Vec<AffiliateLink>,
    meta: Meta,
}

async fn list_links(call: Call<'_>) -> Result<Answer, ApiError> {
    let page = Page::read(&call, PER_PAGE)?;
    let status = call.choice("status", &STATUS)?.unwrap_or("active");
    let campaign_id = call.text("campaign_id")?;
    let campaign_id = campaign_id.map(|id| CampaignId::parse(&id).map_or(id, |id| id.to_string()));
    let from = format!(
        "{FROM}
         WHERE l.account_id = $1
           AND l.campaign_id IS NOT NULL
           AND ($2::text IS NULL OR l.campaign_id = $2)
           AND l.status = $3"
    );
    let columns = columns();
    let listing = Listing {
        columns: &columns,
        from: &from,
        order_by: "l.id DESC",
    };
    let account_id = call.caller.account_id.0;
    let parameters: [&(dyn ToSql + Sync); 3] = [&account_id, &campaign_id, &status];
    let (rows, total) = page.fetch(call, listing, &parameters).await?;
    Answer::ok(&Links {
        data: AffiliateLink::read_all(call, &rows).await?,
        meta: Meta::new(page, total),
    })
}

async fn get_link(call: Call<'_>) -> Result<Answer, ApiError> {
    let row = link_find(call).await?;
    let mut links = AffiliateLink::read_all(call, std::slice::from_ref(&row)).await?;
    Answer::ok(&links.pop().expect("a link for the row"))
}

async fn get_svg(call: Call<'_>) -> Result<Answer, ApiError> {
    qr::answer_svg(call, &records::link(&link_find(call).await?)?)
}

async fn get_png(call: Call<'_>) -> Result<Answer, ApiError> {
    qr::answer_png(call, &records::link(&link_find(call).await?)?)
}

/// The row that a path's id names, for [`AffiliateLink::read_all`].
pub async fn link_find(call: Call<'_>) -> Result<Row, ApiError> {
    let id: String = call.path("affiliate_link_id", "link")?;
    let code = LinkCode::parse_link_id(&id).map_err(|_| ApiError::NotFound("link"))?;
    let columns = columns();
    let sql = format!("SELECT {columns} {FROM} WHERE l.account_id = $1 AND l.code = $2");
    let statement = call.db.prepare_cached(&sql).await?;
    let account_id = call.caller.account_id.0;
    call.db
        .query_opt(&statement, &[&account_id, &code.as_str()])
        .await?
        .ok_or(ApiError::NotFound("link"))
}
