//! Authenticates the sender of a postback, as far as its account or offer requires that.

mod rule;

use std::sync::Arc;

use actix_http::Request;
use domain::{
    id::AccountId,
    postback::{PostbackError, PostbackParameters, signed_text},
    record::AccountRecord,
};

use super::{endpoint::Endpoint, target::PostbackTarget};
use crate::{request, resolve::Resolver};
use rule::{AuthenticationRule, Credentials};

/// The result of authenticating a sender that is not refused.
pub struct Authentication {
    /// Whether the request proves that the sender has a secret.
    pub is_authenticated: bool,
    /// The account whose secret it is, if no link names the account.
    pub account_id: Option<AccountId>,
}

/// Fails if the account or offer of the target requires credentials that the request does
/// not have. A postback that names nothing but a click may name the account too, to
/// authenticate itself. If it does not, the worker that stores it checks what the
/// click's account requires.
pub async fn authenticate(
    request: &Request,
    endpoint: &Endpoint,
    target: &PostbackTarget,
    parameters: &PostbackParameters<'_>,
    has_body: bool,
    resolver: &Resolver,
) -> Result<Authentication, PostbackError> {
    let PostbackTarget::Link {
        postback, resolved, ..
    } = target
    else {
        // The target of an offer is only found with the offer's secret.
        return Ok(Authentication {
            is_authenticated: true,
            account_id: None,
        });
    };
    let named_account = match resolved {
        Some(_) => None,
        None => find_named_account(parameters, resolver).await?,
    };
    let (account, offer) = match resolved {
        Some(resolved) => (resolved.account(), resolved.offer()),
        None => (named_account.as_deref(), None),
    };
    let is_authenticated = AuthenticationRule::new(account, offer).verify(&Credentials {
        token: parameters.get("token"),
        signature: parameters.get("signature"),
        signed_text: signed_text(endpoint.pixel_link_id(), request::query(request)),
        has_body,
    })?;
    let max_amount = account.and_then(|account| account.postback_max_amount);
    if let (Some(revenue), Some(max_amount)) = (postback.details.revenue, max_amount)
        && revenue > max_amount
        && !is_authenticated
    {
        return Err(PostbackError::RevenueTooLarge);
    }
    let account_id = named_account
        .filter(|_| is_authenticated)
        .map(|account| account.account_id);
    Ok(Authentication {
        is_authenticated,
        account_id,
    })
}

/// The account of the parameter `account_id`, if there is one.
async fn find_named_account(
    parameters: &PostbackParameters<'_>,
    resolver: &Resolver,
) -> Result<Option<Arc<AccountRecord>>, PostbackError> {
    let Some(text) = parameters.get("account_id") else {
        return Ok(None);
    };
    let id = text.parse().map_err(|_| PostbackError::AccountNotFound)?;
    let account = resolver.account(AccountId(id)).await;
    let account = account.map_err(|_| PostbackError::Unavailable)?;
    account.map(Some).ok_or(PostbackError::AccountNotFound)
}
