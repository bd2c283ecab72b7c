//! Finds what a conversion is for, by the parameters of its postback.

mod account;
mod coupon;
mod offer;

use std::sync::Arc;

use actix_http::Request;
use domain::postback::{
    Field, LinkRef, MappingLayers, NamedClick, Postback, PostbackError, PostbackParameters,
};

pub use self::{account::find_account, offer::find_offer_by_name};
use self::{account::find_named_account, coupon::find_coupon, offer::find_offer};
use super::{
    endpoint::Endpoint,
    refusal::Refusal,
    target::{PostbackTarget, mapping},
};
use crate::{
    request,
    resolve::{ResolvedLink, Resolver},
};

/// Looks up the link, offer or coupon that the parameters name. Fails also if the secret of an
/// offer is wrong.
pub async fn find_target(
    request: &Request,
    endpoint: &Endpoint,
    parameters: &PostbackParameters<'_>,
    resolver: &Resolver,
) -> Result<PostbackTarget, Refusal> {
    let postback = Postback::new(parameters, MappingLayers::new(None, None));
    let is_pixel = match endpoint {
        Endpoint::OfferConversion => {
            return find_offer(request, parameters, &postback, resolver).await;
        }
        Endpoint::Conversion { preset: Some(_) } if postback.is_for_offer() => {
            return find_offer(request, parameters, &postback, resolver).await;
        }
        Endpoint::CouponConversion => return find_coupon(request, parameters, resolver).await,
        Endpoint::Pixel { .. } => true,
        Endpoint::Conversion { .. } => false,
    };
    // The mapping of a link's account is not known before the link.
    let named_account = match postback.get(Field::LinkId) {
        Some(_) => None,
        None => find_named_account(&postback, resolver).await?,
    };
    let postback = match named_account.as_deref() {
        Some(account) => Postback::new(parameters, mapping(None, Some(account))),
        None => postback,
    };
    let refusal = |error| {
        let id = match postback.get(Field::LinkId) {
            Some(_) => Field::LinkId,
            None => Field::ClickId,
        };
        let found = named_account.clone().map(|account| PostbackTarget::Link {
            resolved: None,
            named_account: Some(account),
            is_pixel,
        });
        Refusal::for_fields(error, &postback, [id, Field::Preset]).with_found(found)
    };
    let now = jiff::Timestamp::now();
    let NamedClick { link, .. } = postback.named_click(now).map_err(refusal)?;
    // The path of a pixel names the link: a click does not do.
    if is_pixel && link.is_none() {
        return Err(refusal(PostbackError::MissingLinkId));
    }
    let resolved = match &link {
        Some(link) => Some(find_link(request, link, resolver).await.map_err(refusal)?),
        None => None,
    };
    Ok(PostbackTarget::Link {
        named_account: named_account.filter(|_| resolved.is_none()),
        resolved,
        is_pixel,
    })
}

/// Finds a link whether or not it is still available: its conversions count in any case.
async fn find_link(
    request: &Request,
    link: &LinkRef,
    resolver: &Resolver,
) -> Result<Arc<ResolvedLink>, PostbackError> {
    let host = request::host(request).ok_or(PostbackError::LinkNotFound)?;
    let resolved = match link {
        LinkRef::Short(id) => resolver.link_for_postback(host, id.clone()).await,
        LinkRef::Code(code) => resolver.code(code.clone()).await,
    };
    let resolved = resolved.map_err(|_| PostbackError::Unavailable)?;
    resolved.ok_or(PostbackError::LinkNotFound)
}
