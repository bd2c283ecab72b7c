//! The operations of partnership offers.

use super::{
    handlers::{self, OffersQuery},
    request::OfferRequest,
};
use crate::{
    db::offers::OfferKind,
    error::ApiError,
    fields::ids::PartnershipOfferId,
    http::{PageQuery, RequestContext, Response},
};

const KIND: OfferKind = OfferKind::Partnership;

pub async fn list_partnership_offers(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    query: OffersQuery,
) -> Result<Response, ApiError> {
    handlers::list(context, KIND, page.page(), query).await
}

pub async fn create_partnership_offer(
    context: RequestContext<'_>,
    body: OfferRequest,
) -> Result<Response, ApiError> {
    handlers::create(context, KIND, body).await
}

pub async fn get_partnership_offer(
    context: RequestContext<'_>,
    id: PartnershipOfferId,
) -> Result<Response, ApiError> {
    handlers::get(context, KIND, id.0).await
}

pub async fn update_partnership_offer(
    context: RequestContext<'_>,
    body: OfferRequest,
    id: PartnershipOfferId,
) -> Result<Response, ApiError> {
    handlers::update(context, KIND, id.0, body).await
}

pub async fn archive_partnership_offer(
    context: RequestContext<'_>,
    id: PartnershipOfferId,
) -> Result<Response, ApiError> {
    handlers::archive(context, KIND, id.0).await
}
