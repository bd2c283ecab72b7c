//! The handlers of campaigns.

use domain::{id::CampaignId, record::RecordKey};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    object::{CampaignObject, Campaigns},
    request::CampaignRequest,
};
use crate::{
    db::{
        RowLock,
        campaigns::{self, CampaignFields, CampaignRow, CampaignStatus},
    },
    error::ApiError,
    http::{AffiliatePageMeta, AffiliatePageQuery, QueryParameters, RequestContext, Response},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct CampaignsQuery {
    /// Only campaigns of this status.
    status: Option<CampaignStatus>,
}

impl QueryParameters for CampaignsQuery {}

pub async fn list_campaigns(
    context: RequestContext<'_>,
    page: AffiliatePageQuery<20>,
    query: CampaignsQuery,
) -> Result<Response, ApiError> {
    let page = page.page();
    let account_id = context.caller.account_id;
    let (rows, total) = campaigns::select_page(context.db, account_id, query.status, page).await?;
    Response::ok(&Campaigns {
        data: rows.into_iter().map(CampaignObject::from).collect(),
        meta: AffiliatePageMeta::new(page, total),
    })
}

pub async fn create_campaign(
    context: RequestContext<'_>,
    body: CampaignRequest,
) -> Result<Response, ApiError> {
    let id = CampaignId::generate(&mut rand::rng());
    let mut fields = CampaignFields::default();
    body.apply(&mut fields)?;
    let account_id = context.caller.account_id;
    let campaign = campaigns::insert(context.db, account_id, &id, &fields).await?;
    Response::created(&CampaignObject::from(campaign))
}

pub async fn get_campaign(
    context: RequestContext<'_>,
    id: CampaignId,
) -> Result<Response, ApiError> {
    let campaign = find(context, &id, RowLock::None).await?;
    Response::ok(&CampaignObject::from(campaign))
}

pub async fn update_campaign(
    context: RequestContext<'_>,
    body: CampaignRequest,
    id: CampaignId,
) -> Result<Response, ApiError> {
    let mut campaign = find(context, &id, RowLock::Update).await?;
    body.apply(&mut campaign.fields)?;
    campaigns::update(context.db, &id, &campaign.fields).await?;
    let changed = [RecordKey::Campaign(id)];
    context.outbox.record_changed(changed).await?;
    Response::ok(&CampaignObject::from(campaign))
}

pub async fn delete_campaign(
    context: RequestContext<'_>,
    id: CampaignId,
) -> Result<Response, ApiError> {
    find(context, &id, RowLock::None).await?;
    campaigns::delete(context.db, &id).await?;
    let changed = [RecordKey::Campaign(id)];
    context.outbox.record_changed(changed).await?;
    Ok(Response::no_content())
}

async fn find(
    context: RequestContext<'_>,
    id: &CampaignId,
    lock: RowLock,
) -> Result<CampaignRow, ApiError> {
    let campaign = campaigns::find(context.db, context.caller.account_id, id, lock).await?;
    campaign.ok_or(ApiError::NotFound("campaign"))
}
