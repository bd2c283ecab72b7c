//! Authenticates the sender of a postback, as far as its account or offer requires that.

mod rule;

use actix_http::Request;
use domain::{
    id::AccountId,
    postback::{Field, Postback, PostbackError, signed_text},
};
use rust_decimal::Decimal;

use super::{endpoint::Endpoint, refusal::Refusal, target::PostbackTarget};
use crate::request;
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
pub fn authenticate(
    request: &Request,
    endpoint: &Endpoint,
    target: &PostbackTarget,
    postback: &Postback<'_>,
    revenue: Option<Decimal>,
    has_body: bool,
) -> Result<Authentication, Refusal> {
    let PostbackTarget::Link { named_account, .. } = target else {
        // The target of an offer is only found with the offer's secret.
        return Ok(Authentication {
            is_authenticated: true,
            account_id: None,
        });
    };
    let signature_name = postback.sent_name(Field::Signature).unwrap_or("signature");
    let (path_parameters, query) = (endpoint.path_parameters(), request::query(request));
    let rule = AuthenticationRule::new(target.account(), target.offer());
    let is_authenticated = rule
        .verify(&Credentials {
            token: postback.get(Field::Token),
            signature: postback.get(Field::Signature),
            signed_text: signed_text(path_parameters.as_deref(), query, signature_name),
            has_body,
        })
        .map_err(|error| Refusal::for_fields(error, postback, [Field::Token, Field::Signature]))?;
    let max_amount = target
        .account()
        .and_then(|account| account.postback_max_amount);
    if let (Some(revenue), Some(max_amount)) = (revenue, max_amount)
        && revenue > max_amount
        && !is_authenticated
    {
        return Err(PostbackError::RevenueTooLarge.into());
    }
    let account_id = named_account
        .as_deref()
        .filter(|_| is_authenticated)
        .map(|account| account.account_id);
    Ok(Authentication {
        is_authenticated,
        account_id,
    })
}
