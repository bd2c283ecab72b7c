//! Finds what a conversion is for, by the parameters of its postback.

use std::sync::Arc;

use actix_http::Request;
use domain::{
    id::AccountId,
    postback::{
        Field, LinkRef, MappingLayers, NamedClick, Postback, PostbackError, PostbackParameters,
    },
    record::AccountRecord,
};

use super::{
    endpoint::Endpoint,
    refusal::Refusal,
    secret::secret_matches,
    target::{PostbackTarget, mapping},
};
use crate::{
    request,
    resolve::{ResolvedLink, Resolver},
};

/// Looks up the link or offer that the parameters name. Fails also if the secret of an offer is
/// wrong.
pub async fn find_target(
    request: &Request,
    endpoint: &Endpoint,
    parameters: &PostbackParameters<'_>,
    resolver: &Resolver,
) -> Result<PostbackTarget, Refusal> {
    let postback = Postback::new(parameters, MappingLayers::new(None, None));
    let is_pixel = match endpoint {
        Endpoint::OfferConversion => return find_offer(parameters, &postback, resolver).await,
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

/// The account of the parameter `account_id`, if there is one.
async fn find_named_account(
    postback: &Postback<'_>,
    resolver: &Resolver,
) -> Result<Option<Arc<AccountRecord>>, Refusal> {
    let Some(text) = postback.get(Field::AccountId) else {
        return Ok(None);
    };
    let not_found = || {
        let fields = [Field::AccountId, Field::Preset];
        Refusal::for_fields(PostbackError::AccountNotFound, postback, fields)
    };
    let id = text.parse().map_err(|_| not_found())?;
    let account = resolver.account(AccountId(id)).await;
    let account = account.map_err(|_| PostbackError::Unavailable)?;
    account.map(Some).ok_or_else(not_found)
}

async fn find_offer(
    parameters: &PostbackParameters<'_>,
    postback: &Postback<'_>,
    resolver: &Resolver,
) -> Result<PostbackTarget, Refusal> {
    const FIELDS: [Field; 2] = [Field::OfferId, Field::PostbackSecret];
    let refusal = |error| Refusal::for_fields(error, postback, FIELDS);
    let id = postback.offer_id().map_err(refusal)?;
    let offer = resolver.offer(id).await;
    let offer = offer.map_err(|_| PostbackError::Unavailable)?;
    let offer = offer.ok_or_else(|| refusal(PostbackError::OfferNotFound))?;
    let account = resolver.account(offer.record.account_id).await;
    let account = account.map_err(|_| PostbackError::Unavailable)?;
    let postback = Postback::new(parameters, mapping(Some(&offer.record), account.as_deref()));
    let secret = postback.get(Field::PostbackSecret).unwrap_or_default();
    let digests = offer
        .record
        .postback_digests
        .iter()
        .chain(&offer.record.postback_digest);
    if !secret_matches(secret, digests.map(String::as_str)) {
        let error = PostbackError::InvalidPostbackSecret;
        let refusal = Refusal::for_fields(error, &postback, FIELDS);
        let found = PostbackTarget::Offer {
            offer: offer.clone(),
            account: account.clone(),
        };
        return Err(refusal.with_found(Some(found)));
    }
    Ok(PostbackTarget::Offer { offer, account })
}
