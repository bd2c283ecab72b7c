//! The handlers of campaign links that exist already.

use domain::id::{CampaignId, LinkCode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    object::{AffiliateLink, AffiliateLinks},
    request::UpdateAffiliateLinkRequest,
};
use crate::{
    db::{
        filters::{self, FilterTarget},
        link_totals,
        links::{
            CampaignLinkFilter, CampaignLinkRow, LinkState, find_campaign_link,
            record_links_changed, select_campaign_links, update_campaign_link,
        },
    },
    error::ApiError,
    http::{AffiliatePageMeta, AffiliatePageQuery, QueryParameters, RequestContext, Response},
    objects::qr::{QrQuery, png_response, svg_response},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct AffiliateLinksQuery {
    /// Only links of this campaign.
    campaign_id: Option<String>,
    /// Only links of this status, active by default.
    status: Option<LinkState>,
}

impl QueryParameters for AffiliateLinksQuery {}

pub async fn list_affiliate_links(
    context: RequestContext<'_>,
    page: AffiliatePageQuery<20>,
    query: AffiliateLinksQuery,
) -> Result<Response, ApiError> {
    let page = page.page();
    let campaign_id = query.campaign_id;
    let campaign_id = campaign_id.map(|id| CampaignId::parse(&id).map_or(id, |id| id.to_string()));
    let filter = CampaignLinkFilter {
        status: query.status.unwrap_or(LinkState::Active),
        campaign_id,
    };
    let account_id = context.caller.account_id;
    let campaign = &filter.campaign_id;
    filters::require(
        context.db,
        account_id,
        FilterTarget::Campaign,
        "campaign_id",
        campaign,
    )
    .await?;
    let (rows, total) = select_campaign_links(context.db, account_id, &filter, page).await?;
    Response::ok(&AffiliateLinks {
        data: with_counts(context, rows).await?,
        meta: AffiliatePageMeta::new(page, total),
    })
}

pub async fn get_affiliate_link(
    context: RequestContext<'_>,
    code: LinkCode,
) -> Result<Response, ApiError> {
    let row = find(context, &code).await?;
    link_response(context, row).await
}

pub async fn get_affiliate_link_qr_svg(
    context: RequestContext<'_>,
    code: LinkCode,
    image: QrQuery,
) -> Result<Response, ApiError> {
    let link = find(context, &code).await?.record;
    svg_response(&link.short_url(), &image)
}

pub async fn get_affiliate_link_qr_png(
    context: RequestContext<'_>,
    code: LinkCode,
    image: QrQuery,
) -> Result<Response, ApiError> {
    let link = find(context, &code).await?.record;
    png_response(&link.short_url(), &image)
}

pub async fn update_affiliate_link(
    context: RequestContext<'_>,
    body: UpdateAffiliateLinkRequest,
    code: Result<LinkCode, ApiError>,
) -> Result<Response, ApiError> {
    let update = body.validate()?;
    let code = code?;
    let key = find(context, &code).await?.record.link_key.0;
    let page = update.landing_page_url.as_ref().map(Option::as_deref);
    update_campaign_link(context.db, key, update.status, page).await?;
    record_links_changed(context.db, context.outbox, &[key]).await?;
    let row = find(context, &code).await?;
    link_response(context, row).await
}

async fn find(context: RequestContext<'_>, code: &LinkCode) -> Result<CampaignLinkRow, ApiError> {
    let link = find_campaign_link(context.db, context.caller.account_id, code).await?;
    link.ok_or(ApiError::NotFound("link"))
}

async fn link_response(
    context: RequestContext<'_>,
    row: CampaignLinkRow,
) -> Result<Response, ApiError> {
    let mut links = with_counts(context, vec![row]).await?;
    Response::ok(&links.pop().expect("there is a link for each row"))
}

async fn with_counts(
    context: RequestContext<'_>,
    rows: Vec<CampaignLinkRow>,
) -> Result<Vec<AffiliateLink>, ApiError> {
    let keys: Vec<_> = rows.iter().map(|row| row.record.link_key.0).collect();
    let counts = link_totals::sum_by_link(context.db, context.caller.account_id, &keys).await?;
    let link = |row: CampaignLinkRow| {
        let counts = counts.get(&row.record.link_key.0).copied();
        AffiliateLink::new(row, counts.unwrap_or_default())
    };
    Ok(rows.into_iter().map(link).collect())
}
