//! `GET /api/v2/links/{link_id}/qr.svg` and `qr.png`.

use domain::id::ShortId;

use super::list::{LinkDomainQuery, find};
use crate::{
    error::ApiError,
    http::{RequestContext, Response},
    objects::qr::{QrQuery, png_response, svg_response},
};

pub async fn get_link_qr_svg(
    context: RequestContext<'_>,
    id: ShortId,
    query: LinkDomainQuery,
    image: QrQuery,
) -> Result<Response, ApiError> {
    let link = find(context, &id, &query).await?.record;
    svg_response(&link.short_url(), &image)
}

pub async fn get_link_qr_png(
    context: RequestContext<'_>,
    id: ShortId,
    query: LinkDomainQuery,
    image: QrQuery,
) -> Result<Response, ApiError> {
    let link = find(context, &id, &query).await?.record;
    png_response(&link.short_url(), &image)
}
