//! The operations of SMS offers.

use domain::id::OfferId;

use super::{
    handlers::{self, OffersQuery},
    request::OfferRequest,
};
use crate::{
    db::offers::OfferKind,
    error::ApiError,
    http::{PageQuery, RequestContext, Response},
};

const KIND: OfferKind = OfferKind::Sms;

pub async fn list_offers(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    query: OffersQuery,
) -> Result<Response, ApiError> {
    handlers::list(context, KIND, page.page(), query).await
}

pub async fn create_offer(
    context: RequestContext<'_>,
    body: OfferRequest,
) -> Result<Response, ApiError> {
    handlers::create(context, KIND, body).await
}

pub async fn get_offer(context: RequestContext<'_>, id: OfferId) -> Result<Response, ApiError> {
    handlers::get(context, KIND, id).await
}

pub async fn update_offer(
    context: RequestContext<'_>,
    body: OfferRequest,
    id: OfferId,
) -> Result<Response, ApiError> {
    handlers::update(context, KIND, id, body).await
}

pub async fn archive_offer(context: RequestContext<'_>, id: OfferId) -> Result<Response, ApiError> {
    handlers::archive(context, KIND, id).await
}
