//! Authenticates the sender of a postback, as far as its account or offer requires that.

mod clickbank;
mod decrypt;
mod digistore24;
mod request;
mod rule;
mod scheme;
mod shopify;
mod stripe;

use domain::{
    id::AccountId,
    postback::{Field, Postback, PostbackError},
};
use rust_decimal::Decimal;

use super::{refusal::Refusal, target::PostbackTarget};
pub use decrypt::decrypt_body;
pub use request::SignedRequest;
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
    request: &SignedRequest<'_>,
    target: &PostbackTarget,
    postback: &Postback<'_>,
    revenue: Option<Decimal>,
) -> Result<Authentication, Refusal> {
    let named_account = match target {
        // The target of an offer is only found with the offer's secret.
        PostbackTarget::Offer { .. } => {
            return Ok(Authentication {
                is_authenticated: true,
                account_id: None,
            });
        }
        PostbackTarget::Link { named_account, .. } => named_account.as_deref(),
        PostbackTarget::Coupon(_) => None,
    };
    let preset = postback.mapping().preset();
    let rule = AuthenticationRule::new(target.account(), target.offer());
    let is_authenticated = rule
        .verify(&Credentials {
            token: postback.get(Field::Token),
            signature: postback.get(Field::Signature),
            signature_name: postback.sent_name(Field::Signature),
            scheme: preset.and_then(|preset| preset.signature_scheme),
            request,
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
        .filter(|_| is_authenticated)
        .map(|account| account.account_id);
    Ok(Authentication {
        is_authenticated,
        account_id,
    })
}
