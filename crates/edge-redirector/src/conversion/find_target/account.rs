//! The account that a postback is for: the one that it names, or the one that holds the host.

use std::sync::Arc;

use actix_http::Request;
use domain::{
    id::AccountId,
    postback::{Field, Postback, PostbackError},
    record::AccountRecord,
};

use crate::{conversion::refusal::Refusal, request, resolve::Resolver};

/// The account of the parameter `account_id`, if there is one.
pub async fn find_named_account(
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

/// The account of the parameter `account_id`, or else the one that holds the host.
pub async fn find_account(
    request: &Request,
    postback: &Postback<'_>,
    resolver: &Resolver,
) -> Result<Option<Arc<AccountRecord>>, Refusal> {
    if let Some(account) = find_named_account(postback, resolver).await? {
        return Ok(Some(account));
    }
    let Some(host) = request::host(request) else {
        return Ok(None);
    };
    let account = resolver.account_of_host(host).await;
    Ok(account.map_err(|_| PostbackError::Unavailable)?)
}
