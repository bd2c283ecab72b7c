//! The coupon of a postback.

use actix_http::Request;
use domain::{
    coupon::CouponCode,
    postback::{Field, MappingLayers, Postback, PostbackError, PostbackParameters},
};

use super::account::find_account;
use crate::{
    conversion::{
        refusal::Refusal,
        target::{CouponTarget, PostbackTarget, mapping},
    },
    resolve::Resolver,
};

/// Looks up the coupon that the parameters name among those of the account that they name, or
/// that holds the host.
pub async fn find_coupon(
    request: &Request,
    parameters: &PostbackParameters<'_>,
    resolver: &Resolver,
) -> Result<PostbackTarget, Refusal> {
    let unmapped = Postback::new(parameters, MappingLayers::new(None, None));
    let account = find_account(request, &unmapped, resolver).await?;
    let account = account.ok_or(PostbackError::MissingAccountId)?;
    let postback = Postback::new(parameters, mapping(None, Some(&account)));
    let refusal = |error| {
        let fields = [Field::Coupon, Field::AccountId];
        // The mapping of the account tells which parameters are secrets.
        let found = PostbackTarget::Link {
            resolved: None,
            named_account: Some(account.clone()),
            is_pixel: false,
        };
        Refusal::for_fields(error, &postback, fields).with_found(Some(found))
    };
    let not_found = || refusal(PostbackError::CouponNotFound);
    let text = postback.get(Field::Coupon);
    let text = text.ok_or_else(|| refusal(PostbackError::MissingCoupon))?;
    let code = CouponCode::parse(text).ok_or_else(not_found)?;
    let coupon = resolver.coupon(account.account_id, code).await;
    let coupon = coupon.map_err(|_| PostbackError::Unavailable)?;
    let coupon = coupon.ok_or_else(not_found)?;
    let link = match &coupon.link {
        None => None,
        Some(link) => {
            let resolved = resolver.link(link.short_host.clone(), link.link_id.clone());
            let resolved = resolved.await.map_err(|_| PostbackError::Unavailable)?;
            Some(resolved.ok_or(PostbackError::LinkNotFound)?)
        }
    };
    let offer = match coupon.offer_id {
        None => None,
        Some(id) => {
            let offer = resolver.offer(id).await;
            offer.map_err(|_| PostbackError::Unavailable)?
        }
    };
    Ok(PostbackTarget::Coupon(CouponTarget {
        coupon,
        account,
        link,
        offer,
    }))
}
