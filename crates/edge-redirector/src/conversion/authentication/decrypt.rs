//! Decrypts the body of a postback, which must be done before it can be read.

use actix_http::Request;
use domain::postback::{
    Field, MappingLayers, Postback, PostbackError, PostbackParameters, SignatureScheme, SigningKey,
};

use super::clickbank;
use crate::{
    conversion::{
        endpoint::Endpoint,
        find_target::{find_account, find_offer_by_name},
        refusal::Refusal,
    },
    request,
    resolve::Resolver,
};

/// The decrypted body, if it is one that its preset encrypts. The query tells by whose secrets:
/// by those of the offer, of the account that it names, or of the account that holds the host.
/// Whether these are the secrets of the link or click that the body names is checked later.
pub async fn decrypt_body(
    request: &Request,
    endpoint: &Endpoint,
    body: &[u8],
    resolver: &Resolver,
) -> Result<Option<Vec<u8>>, Refusal> {
    if body.is_empty() {
        return Ok(None);
    }
    let path_parameters = endpoint.path_parameters().unwrap_or_default();
    let mut parameters = PostbackParameters::default();
    parameters.add_form(path_parameters.as_bytes());
    parameters.add_form(request::query(request).as_bytes());
    let postback = Postback::new(&parameters, MappingLayers::new(None, None));
    let scheme = postback.mapping().preset().and_then(|p| p.signature_scheme);
    if scheme != Some(SignatureScheme::Clickbank) || !clickbank::is_encrypted(body) {
        return Ok(None);
    }
    let keys = find_keys(request, &postback, resolver).await?;
    let mut decrypted = keys
        .iter()
        .filter_map(|key| clickbank::decrypt(body, key.as_bytes()));
    decrypted.next().map(Some).ok_or_else(|| {
        let fields = [Field::AccountId, Field::OfferId];
        Refusal::for_fields(PostbackError::UndecryptableBody, &postback, fields)
    })
}

async fn find_keys(
    request: &Request,
    postback: &Postback<'_>,
    resolver: &Resolver,
) -> Result<Vec<SigningKey>, Refusal> {
    if postback.get(Field::OfferId).is_some() {
        let offer = find_offer_by_name(request, postback, resolver).await?;
        if !offer.record.postback_keys.is_empty() {
            return Ok(offer.record.postback_keys.clone());
        }
    }
    let account = find_account(request, postback, resolver).await?;
    Ok(account.map_or_else(Vec::new, |account| account.postback_keys.clone()))
}
