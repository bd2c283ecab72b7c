//! The handlers of both kinds of offers.

use domain::{id::OfferId, record::RecordKey};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    object::{OfferObject, Offers, SavedOffer},
    request::OfferRequest,
    slug,
};
use crate::{
    db::{
        RowLock,
        offers::{self, OfferFields, OfferKind, OfferRow, OfferStatus},
    },
    error::ApiError,
    http::{ListPage, PageRequest, QueryParameters, RequestContext, Response, success_body},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct OffersQuery {
    /// Only offers of this status.
    status: Option<OfferStatus>,
}

impl QueryParameters for OffersQuery {}

success_body! {
    #[schemars(rename = "Archived")]
    pub struct ArchivedOffer { archived }
}

pub async fn list(
    context: RequestContext<'_>,
    kind: OfferKind,
    page: PageRequest,
    query: OffersQuery,
) -> Result<Response, ApiError> {
    let account_id = context.caller.account_id;
    let (rows, total) =
        offers::select_page(context.db, account_id, kind, query.status, page).await?;
    Response::ok(&Offers {
        offers: rows.into_iter().map(OfferObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn create(
    context: RequestContext<'_>,
    kind: OfferKind,
    body: OfferRequest,
) -> Result<Response, ApiError> {
    let mut fields = OfferFields::new(&mut rand::rng());
    body.apply(&mut fields, kind)?;
    let id = OfferId::generate(&mut rand::rng());
    slug::insert_with_slug(context, kind, id, &mut fields).await?;
    // Redirectors may know its external_id as one of no offer, or of another.
    let changed = fields.external_id.is_some().then_some(RecordKey::Offer(id));
    context.outbox.record_changed(changed).await?;
    let offer = find(context, kind, id, RowLock::None).await?;
    Response::created(&SavedOffer::from(offer))
}

pub async fn get(
    context: RequestContext<'_>,
    kind: OfferKind,
    id: OfferId,
) -> Result<Response, ApiError> {
    let offer = find(context, kind, id, RowLock::None).await?;
    Response::ok(&OfferObject::from(offer))
}

pub async fn update(
    context: RequestContext<'_>,
    kind: OfferKind,
    id: OfferId,
    body: OfferRequest,
) -> Result<Response, ApiError> {
    let mut fields = find(context, kind, id, RowLock::Update).await?.fields;
    body.apply(&mut fields, kind)?;
    offers::update(context.db, id, &fields).await?;
    context
        .outbox
        .record_changed([RecordKey::Offer(id)])
        .await?;
    let offer = find(context, kind, id, RowLock::None).await?;
    Response::ok(&SavedOffer::from(offer))
}

pub async fn archive(
    context: RequestContext<'_>,
    kind: OfferKind,
    id: OfferId,
) -> Result<Response, ApiError> {
    if !offers::archive(context.db, context.caller.account_id, kind, id).await? {
        return Err(ApiError::NotFound(kind.resource()));
    }
    context
        .outbox
        .record_changed([RecordKey::Offer(id)])
        .await?;
    Response::ok(&ArchivedOffer::new())
}

async fn find(
    context: RequestContext<'_>,
    kind: OfferKind,
    id: OfferId,
    lock: RowLock,
) -> Result<OfferRow, ApiError> {
    let offer = offers::find(context.db, context.caller.account_id, kind, id, lock).await?;
    offer.ok_or(ApiError::NotFound(kind.resource()))
}
