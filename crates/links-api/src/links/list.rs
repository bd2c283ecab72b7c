//! `GET /api/v2/links`.

use actix_web::http::Method;
use domain::id::OfferId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio_postgres::types::ToSql;

use super::object::{FROM, LinkObject, columns};
use crate::{
    auth::Scope,
    db::ListQuery,
    error::ApiError,
    http::{Operation, PageRequest, Pagination, Parameter, RequestContext, Response},
};

const PER_PAGE: u32 = 50;

pub fn operation() -> Operation {
    Operation::platform(Method::GET, "/links", "list_links", list_links)
        .scope(Scope::LinksRead)
        .tag("links")
        .summary("List links")
        .description("The links of the v2 API, the newest first. Filters are joined by and.")
        .with_paging(PER_PAGE)
        .parameter(Parameter::choice("status", "Only these.", &STATUS))
        .parameter(Parameter::text("offerId", "Only links of this offer."))
        .parameter(Parameter::integer("listId", "Only links of this list."))
        .parameter(Parameter::text("messageId", "Only links of this message."))
        .parameter(Parameter::text(
            "contactPhone",
            "Only links of this contact.",
        ))
        .parameter(Parameter::text("domain", "Only links on this host."))
        .response::<Links>(
            200,
            json!({
                "links": [LinkObject::example()],
                "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            }),
        )
}

pub const STATUS: [&str; 2] = ["active", "deactivated"];

#[derive(Debug, Serialize, JsonSchema)]
struct Links {
    links: Vec<LinkObject>,
    pagination: Pagination,
}

const WHERE: &str = "
    WHERE l.account_id = $1
      AND l.campaign_id IS NULL
      AND ($2::text IS NULL OR l.status = $2)
      AND ($3::text IS NULL OR l.offer_id = $3)
      AND ($4::bigint IS NULL OR l.list_id = $4)
      AND ($5::text IS NULL OR l.message_id = $5)
      AND ($6::text IS NULL OR l.contact_phone = $6)
      AND ($7::text IS NULL OR d.host = $7)
";

async fn list_links(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let page = PageRequest::from_request(&context, PER_PAGE)?;
    let status = context.choice("status", &STATUS)?;
    let offer_id = context.text("offerId")?.map(|text| {
        let id = OfferId::parse(&text);
        id.map_or(text, |id| id.to_string())
    });
    let list_id = context.integer("listId", i64::MIN..=i64::MAX)?;
    let message_id = context.text("messageId")?;
    let contact_phone = context.text("contactPhone")?;
    let domain = context.text("domain")?;
    let account_id = context.caller.account_id.0;
    let filters: [&(dyn ToSql + Sync); 7] = [
        &account_id,
        &status,
        &offer_id,
        &list_id,
        &message_id,
        &contact_phone,
        &domain,
    ];
    let (columns, from) = (columns(), format!("{FROM} {WHERE}"));
    let listing = ListQuery {
        columns: &columns,
        from: &from,
        order_by: "l.id DESC",
    };
    let (rows, total) = page.fetch(context, listing, &filters).await?;
    let links = rows.iter().map(|row| LinkObject::read(context, row));
    Response::ok(&Links {
        links: links.collect::<Result<_, _>>()?,
        pagination: page.pagination(total),
    })
}
