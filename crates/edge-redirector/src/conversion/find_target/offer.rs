//! The offer of a postback that names one with its secret.

use std::sync::Arc;

use actix_http::Request;
use domain::{
    hex,
    id::OfferId,
    postback::{Field, Postback, PostbackError, PostbackParameters},
};
use sha2::{Digest as _, Sha256};

use super::account::find_account;
use crate::{
    conversion::{
        refusal::Refusal,
        secret::secret_matches,
        target::{PostbackTarget, mapping},
    },
    resolve::{OfferOwner, ParsedOffer, Resolver},
};

/// Looks up the offer that the parameters name. Fails also if the secret is not the offer's.
pub async fn find_offer(
    request: &Request,
    parameters: &PostbackParameters<'_>,
    postback: &Postback<'_>,
    resolver: &Resolver,
) -> Result<PostbackTarget, Refusal> {
    const FIELDS: [Field; 2] = [Field::OfferId, Field::PostbackSecret];
    let offer = find_offer_by_name(request, postback, resolver).await?;
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

/// Looks up an offer by its id, or else by its `external_id`: among the offers of the account
/// that the postback names. If it names none, among those of the account that holds the host,
/// and then among all that have the secret of the postback.
pub async fn find_offer_by_name(
    request: &Request,
    postback: &Postback<'_>,
    resolver: &Resolver,
) -> Result<Arc<ParsedOffer>, Refusal> {
    const FIELDS: [Field; 2] = [Field::OfferId, Field::PostbackSecret];
    let refusal = |error| Refusal::for_fields(error, postback, FIELDS);
    let name = postback.offer_name().map_err(refusal)?;
    if let Ok(id) = OfferId::parse(name) {
        let offer = resolver.offer(id).await;
        if let Some(offer) = offer.map_err(|_| PostbackError::Unavailable)? {
            return Ok(offer);
        }
    }
    let account = find_account(request, postback, resolver).await?;
    let account = account.map(|account| OfferOwner::Account(account.account_id));
    let secret = postback.get(Field::PostbackSecret);
    let secret = secret.filter(|_| postback.get(Field::AccountId).is_none());
    let digest = secret.map(|secret| hex::encode(&Sha256::digest(secret)));
    let owners = account
        .into_iter()
        .chain(digest.map(OfferOwner::SecretDigest));
    for owner in owners {
        if let Some(offer) = find_by_external_id(owner, name, resolver).await? {
            return Ok(offer);
        }
    }
    Err(refusal(PostbackError::OfferNotFound))
}

async fn find_by_external_id(
    owner: OfferOwner,
    external_id: &str,
    resolver: &Resolver,
) -> Result<Option<Arc<ParsedOffer>>, PostbackError> {
    let ids = resolver.offers_by_external_id(owner, external_id.to_owned());
    let ids = ids.await.map_err(|_| PostbackError::Unavailable)?;
    let id = match ids.as_deref().map(Vec::as_slice) {
        None | Some([]) => return Ok(None),
        Some([id]) => *id,
        Some(_) => return Err(PostbackError::AmbiguousOfferId),
    };
    let offer = resolver.offer(id).await;
    let offer = offer.map_err(|_| PostbackError::Unavailable)?;
    // The ids may be older than the record, while the origin does not answer.
    let has_external_id =
        |offer: &Arc<ParsedOffer>| offer.record.external_id.as_deref() == Some(external_id);
    Ok(offer.filter(has_external_id))
}
