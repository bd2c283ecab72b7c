//! `GET /api/v2/links` and `GET /api/v2/links/{link_id}`.

use domain::id::{OfferId, ShortId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::object::LinkObject;
use crate::{
    db::{
        filters::{self, FilterTarget},
        links::{LinkFilter, LinkRow, LinkState, find_v2_link, select_v2_links},
    },
    error::ApiError,
    fields::parse_filter_phone,
    http::{BoundedInteger, ListPage, PageQuery, QueryParameters, RequestContext, Response},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinksQuery {
    /// Only links of this status.
    status: Option<LinkState>,
    /// Only links of this offer.
    offer_id: Option<String>,
    /// Only links of this list.
    list_id: Option<BoundedInteger<{ i64::MIN }, { i64::MAX }>>,
    /// Only links of this message.
    message_id: Option<String>,
    /// Only links of this contact.
    contact_phone: Option<String>,
    /// Only links on this host.
    domain: Option<String>,
}

impl QueryParameters for LinksQuery {}

/// The domain of a link whose short id is on several.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct LinkDomainQuery {
    /// The host of the link's short domain.
    domain: Option<String>,
}

impl QueryParameters for LinkDomainQuery {}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Links {
    links: Vec<LinkObject>,
    #[serde(flatten)]
    page: ListPage,
}

impl Links {
    pub fn example() -> Value {
        json!({
            "links": [LinkObject::example()],
            "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            "next_cursor": null,
            "has_more": false,
        })
    }
}

pub async fn list_links(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    query: LinksQuery,
) -> Result<Response, ApiError> {
    let page = page.page();
    let offer_id = query.offer_id.map(|text| {
        let id = OfferId::parse(&text);
        id.map_or(text, |id| id.to_string())
    });
    let filter = LinkFilter {
        status: query.status,
        offer_id,
        list_id: query.list_id.map(BoundedInteger::get),
        message_id: query.message_id,
        contact_phone: parse_filter_phone("contactPhone", query.contact_phone)?,
        host: query.domain,
    };
    let account_id = context.caller.account_id;
    let (offer, list) = (&filter.offer_id, &filter.list_id);
    filters::require(
        context.db,
        account_id,
        FilterTarget::Offer,
        "offerId",
        offer,
    )
    .await?;
    filters::require(context.db, account_id, FilterTarget::List, "listId", list).await?;
    let (rows, total) = select_v2_links(context.db, account_id, &filter, page).await?;
    let filters_bots = context.caller.filters_bots;
    let links = rows.into_iter();
    Response::ok(&Links {
        links: links
            .map(|row| LinkObject::new(row, filters_bots))
            .collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn get_link(
    context: RequestContext<'_>,
    id: ShortId,
    query: LinkDomainQuery,
) -> Result<Response, ApiError> {
    let row = find(context, &id, &query).await?;
    Response::ok(&LinkObject::new(row, context.caller.filters_bots))
}

/// The account's link of a path, on the host of the query if one is given.
pub async fn find(
    context: RequestContext<'_>,
    id: &ShortId,
    query: &LinkDomainQuery,
) -> Result<LinkRow, ApiError> {
    let host = query.domain.as_ref();
    let host = host.map(|host| domain::host::normalise(host).unwrap_or_else(|| host.clone()));
    let account_id = context.caller.account_id;
    let link = find_v2_link(context.db, account_id, id, host.as_deref()).await?;
    link.ok_or(ApiError::NotFound("link"))
}
