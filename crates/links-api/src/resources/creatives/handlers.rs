//! The handlers of creatives, apart from those of their messages.

use domain::id::{CreativeId, OfferId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    object::{CreatedCreative, CreativeObject, Creatives, UpdatedCreative},
    request::CreativeRequest,
};
use crate::{
    db::{
        RowLock,
        creatives::{self, CreativeFields, CreativeRow, CreativeStatus, CreativeType, OfferLink},
        offers,
    },
    error::ApiError,
    http::{ListPage, PageQuery, QueryParameters, RequestContext, Response, success_body},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct CreativesQuery {
    /// Only creatives of this status, active by default.
    status: Option<CreativeStatus>,
    /// Only creatives of this type.
    creative_type: Option<CreativeType>,
}

impl QueryParameters for CreativesQuery {}

success_body! {
    pub struct ArchivedCreative { archived }
}

pub async fn create_creative(
    context: RequestContext<'_>,
    body: CreativeRequest,
) -> Result<Response, ApiError> {
    let mut fields = CreativeFields::default();
    let statuses = [CreativeStatus::Active, CreativeStatus::Paused];
    body.apply(&mut fields, &statuses)?;
    require_offers(context, &fields).await?;
    let creative = creatives::insert(context.db, context.caller.account_id, &fields).await?;
    Response::created(&CreatedCreative::from(creative))
}

pub async fn list_creatives(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    query: CreativesQuery,
) -> Result<Response, ApiError> {
    let page = page.page();
    let account_id = context.caller.account_id;
    let status = query.status.unwrap_or(CreativeStatus::Active);
    let (rows, total) =
        creatives::select_page(context.db, account_id, status, query.creative_type, page).await?;
    Response::ok(&Creatives {
        creatives: rows.into_iter().map(CreativeObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn get_creative(
    context: RequestContext<'_>,
    id: CreativeId,
) -> Result<Response, ApiError> {
    let creative = find(context, id, RowLock::None).await?;
    Response::ok(&CreativeObject::from(creative))
}

pub async fn update_creative(
    context: RequestContext<'_>,
    body: CreativeRequest,
    id: CreativeId,
) -> Result<Response, ApiError> {
    let mut fields = find(context, id, RowLock::Update).await?.fields;
    let statuses = [
        CreativeStatus::Active,
        CreativeStatus::Paused,
        CreativeStatus::Archived,
    ];
    body.apply(&mut fields, &statuses)?;
    require_offers(context, &fields).await?;
    let creative = creatives::update(context.db, id, &fields).await?;
    Response::ok(&UpdatedCreative::from(creative))
}

pub async fn archive_creative(
    context: RequestContext<'_>,
    id: CreativeId,
) -> Result<Response, ApiError> {
    let mut fields = find(context, id, RowLock::Update).await?.fields;
    fields.status = CreativeStatus::Archived;
    creatives::update(context.db, id, &fields).await?;
    Response::ok(&ArchivedCreative::new())
}

/// The account's creative of a path.
pub async fn find(
    context: RequestContext<'_>,
    id: CreativeId,
    lock: RowLock,
) -> Result<CreativeRow, ApiError> {
    let creative = creatives::find(context.db, context.caller.account_id, id, lock).await?;
    creative.ok_or(ApiError::NotFound("creative"))
}

/// Checks that the account has all offers that the creative links to.
async fn require_offers(
    context: RequestContext<'_>,
    fields: &CreativeFields,
) -> Result<(), ApiError> {
    let not_found = |link: &OfferLink| ApiError::OfferLinkOfferNotFound(link.key.clone());
    let links = &fields.offer_links.0;
    let mut ids = Vec::with_capacity(links.len());
    for link in links {
        let id = OfferId::parse(&link.offer_id).map_err(|_| not_found(link))?;
        ids.push(id.to_string());
    }
    let existing = offers::find_existing(context.db, context.caller.account_id, &ids).await?;
    match links
        .iter()
        .zip(&ids)
        .find(|(_, id)| !existing.contains(id))
    {
        Some((link, _)) => Err(not_found(link)),
        None => Ok(()),
    }
}
