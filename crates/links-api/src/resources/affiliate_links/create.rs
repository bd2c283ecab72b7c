//! `POST /api/links` and `POST /api/links/bulk`.

use std::collections::HashMap;

use domain::{
    id::CampaignId,
    record::{DefaultParameters, LinkRecord},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    object::AffiliateLink,
    request::{AffiliateLinkRequest, AffiliateLinkSpec, AffiliateLinksRequest, validate_all},
};
use crate::{
    db::{
        RowLock,
        campaigns::{self, CampaignRow, CampaignStatus},
        domains::{self, ShortDomain},
        link_totals::LinkCounts,
        links::CampaignLinkRow,
    },
    error::ApiError,
    http::{RequestContext, Response},
    minting::{LinkAttributes, MintedLink, NewCampaignLink, NewLink, mint_links},
};

const MAX_LINKS: usize = 500;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AffiliateBulkAnswer")]
pub struct CreateLinksResponse {
    created: usize,
    links: Vec<AffiliateLink>,
}

impl CreateLinksResponse {
    pub fn example() -> Value {
        json!({ "created": 1, "links": [AffiliateLink::example()] })
    }
}

pub async fn create_affiliate_link(
    context: RequestContext<'_>,
    body: AffiliateLinkRequest,
) -> Result<Response, ApiError> {
    let specs = validate_all(vec![body], |_| String::new())?;
    let (mut links, records) = create_all(context, specs).await?;
    let link = links.pop().expect("there is a link for each request");
    Ok(Response::created(&link)?.with_new_links(records))
}

pub async fn create_affiliate_links(
    context: RequestContext<'_>,
    body: AffiliateLinksRequest,
) -> Result<Response, ApiError> {
    let links = body.links.unwrap_or_default();
    match links.len() {
        0 => return Err(ApiError::MissingLinks),
        1..=MAX_LINKS => {}
        _ => return Err(ApiError::TooManyLinks(MAX_LINKS)),
    }
    let specs = validate_all(links, |index| format!("links[{index}]."))?;
    let (links, records) = create_all(context, specs).await?;
    let body = CreateLinksResponse {
        created: links.len(),
        links,
    };
    Ok(Response::created(&body)?.with_new_links(records))
}

/// Creates all links. If one fails, the transaction is rolled back and none is created.
async fn create_all(
    context: RequestContext<'_>,
    specs: Vec<AffiliateLinkSpec>,
) -> Result<(Vec<AffiliateLink>, Vec<LinkRecord>), ApiError> {
    let mut campaigns = HashMap::new();
    for AffiliateLinkSpec { campaign_id, .. } in &specs {
        if !campaigns.contains_key(campaign_id) {
            let campaign = find_active_campaign(context, campaign_id).await?;
            campaigns.insert(campaign_id.clone(), campaign);
        }
    }
    let hosts = find_hosts(context).await?;
    let new_links = specs
        .iter()
        .map(|spec| new_link(spec, &campaigns[&spec.campaign_id], &hosts))
        .collect();
    let minted = mint_links(context, new_links).await?;
    let mut links = Vec::with_capacity(minted.len());
    let mut records = Vec::with_capacity(minted.len());
    for (minted, spec) in minted.into_iter().zip(&specs) {
        let MintedLink { record, created_at } = minted?;
        let campaign = &campaigns[&spec.campaign_id];
        let row = CampaignLinkRow {
            record: record.clone(),
            campaign_page: campaign.fields.landing_page_url.clone(),
            created_at,
        };
        links.push(AffiliateLink::new(row, LinkCounts::default()));
        records.push(record);
    }
    Ok((links, records))
}

fn new_link(spec: &AffiliateLinkSpec, campaign: &CampaignRow, hosts: &LinkHosts) -> NewLink {
    let [sub1, sub2, sub3] = spec.subs.clone();
    NewLink {
        domain: hosts.short_domain.clone(),
        slug: spec.slug.clone(),
        tracker_host: None,
        placeholder: None,
        campaign: Some(NewCampaignLink {
            campaign_id: campaign.id.clone(),
            code_host: hosts.click_host.clone(),
        }),
        list_id: None,
        offer_id: None,
        destination: spec.landing_page_url.clone(),
        default_parameters: DefaultParameters {
            subs: [sub1, sub2, sub3, None, None],
            ..DefaultParameters::default()
        },
        attributes: LinkAttributes::default(),
    }
}

/// The campaign, locked so that it is not deleted before its links are inserted.
async fn find_active_campaign(
    context: RequestContext<'_>,
    id: &str,
) -> Result<CampaignRow, ApiError> {
    let not_found = || ApiError::NotFound("campaign");
    let id = CampaignId::parse(id).map_err(|_| not_found())?;
    let account_id = context.caller.account_id;
    let campaign = campaigns::find(context.db, account_id, &id, RowLock::Share).await?;
    let campaign = campaign.ok_or_else(not_found)?;
    match campaign.fields.status {
        CampaignStatus::Active => Ok(campaign),
        CampaignStatus::Draft | CampaignStatus::Paused => Err(ApiError::CampaignNotActive),
    }
}

/// The hosts of an account's campaign links.
struct LinkHosts {
    short_domain: ShortDomain,
    click_host: String,
}

/// The account's oldest active domains. Only the click tracker can be on the platform's host
/// instead.
async fn find_hosts(context: RequestContext<'_>) -> Result<LinkHosts, ApiError> {
    let domains = domains::find_default(context.db, context.caller.account_id).await?;
    let platform_host = &context.state.platform_click_host;
    Ok(LinkHosts {
        short_domain: domains.short.ok_or(ApiError::NoShortDomain)?,
        click_host: domains.click.unwrap_or_else(|| platform_host.clone()),
    })
}
