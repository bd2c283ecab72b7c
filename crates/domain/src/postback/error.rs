//! Why a postback is not recorded: the sentence, the HTTP status and the code that its sender
//! gets.

/// Why a postback is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PostbackError {
    #[error("A link_id or a click_id is required.")]
    MissingLinkId,
    #[error("There is no link of this link_id at this host.")]
    LinkNotFound,
    #[error("The click_id is not the id of a click of ours.")]
    InvalidClickId,
    #[error("The txn_id is required.")]
    MissingTxnId,
    #[error("The offer_id is required.")]
    MissingOfferId,
    #[error("There is no offer of this offer_id.")]
    OfferNotFound,
    #[error(
        "Several offers of the account have this external_id. Name one by its own id, or archive \
         the others."
    )]
    AmbiguousOfferId,
    #[error("The postback_secret is not the offer's.")]
    InvalidPostbackSecret,
    #[error("The token is missing, or is not a postback secret of the account or offer.")]
    InvalidToken,
    #[error(
        "The signature is missing, or is not the HMAC-SHA256, in hexadecimal digits, of the query \
         without the signature. Such a postback must have no parameters in its body. A postback \
         that its preset's own signature covers must have only account_id, offer_id, link_id, \
         preset and token in its query."
    )]
    InvalidSignature,
    #[error(
        "The notification cannot be decrypted by a postback secret of its account or offer. Name \
         the account by account_id, and set its postbacks to signed."
    )]
    UndecryptableBody,
    #[error("There is no account of this account_id.")]
    AccountNotFound,
    #[error("An account_id is required, since this host is no account's.")]
    MissingAccountId,
    #[error("The code of a coupon is required.")]
    MissingCoupon,
    #[error("The account has no coupon of this code.")]
    CouponNotFound,
    #[error("The coupon is paused, or is not valid at this time.")]
    CouponNotActive,
    #[error("The revenue is larger than the account accepts without a secret.")]
    RevenueTooLarge,
    #[error("The message_id is longer than 255 characters, or has control characters.")]
    InvalidMessageId,
    #[error("The body is neither a form nor one JSON object.")]
    InvalidBody,
    #[error("The body is larger than 64 KiB, or did not arrive in time.")]
    UnreadableBody,
    #[error(
        "Too many requests with a wrong link, offer, coupon or secret came from this network. Retry in a minute."
    )]
    TooManyAttempts,
    #[error("The conversion cannot be recorded at the moment. Retry the request.")]
    Unavailable,
}

impl PostbackError {
    /// All variants. The `match` names the next of each one, so that the compiler refuses a
    /// variant that is left out.
    pub fn all() -> impl Iterator<Item = Self> {
        let next = |error: &Self| {
            Some(match error {
                Self::MissingLinkId => Self::LinkNotFound,
                Self::LinkNotFound => Self::InvalidClickId,
                Self::InvalidClickId => Self::MissingTxnId,
                Self::MissingTxnId => Self::MissingOfferId,
                Self::MissingOfferId => Self::OfferNotFound,
                Self::OfferNotFound => Self::AmbiguousOfferId,
                Self::AmbiguousOfferId => Self::InvalidPostbackSecret,
                Self::InvalidPostbackSecret => Self::InvalidToken,
                Self::InvalidToken => Self::InvalidSignature,
                Self::InvalidSignature => Self::UndecryptableBody,
                Self::UndecryptableBody => Self::AccountNotFound,
                Self::AccountNotFound => Self::MissingAccountId,
                Self::MissingAccountId => Self::MissingCoupon,
                Self::MissingCoupon => Self::CouponNotFound,
                Self::CouponNotFound => Self::CouponNotActive,
                Self::CouponNotActive => Self::RevenueTooLarge,
                Self::RevenueTooLarge => Self::InvalidMessageId,
                Self::InvalidMessageId => Self::InvalidBody,
                Self::InvalidBody => Self::UnreadableBody,
                Self::UnreadableBody => Self::TooManyAttempts,
                Self::TooManyAttempts => Self::Unavailable,
                Self::Unavailable => return None,
            })
        };
        std::iter::successors(Some(Self::MissingLinkId), next)
    }

    /// The HTTP status, and the `code` in the response body.
    pub const fn status_and_code(self) -> (u16, &'static str) {
        match self {
            Self::MissingLinkId => (400, "missing_link_id"),
            Self::LinkNotFound => (404, "link_not_found"),
            Self::InvalidClickId => (400, "invalid_click_id"),
            Self::MissingTxnId => (400, "missing_txn_id"),
            Self::MissingOfferId => (400, "missing_offer_id"),
            Self::OfferNotFound => (404, "offer_not_found"),
            Self::AmbiguousOfferId => (409, "ambiguous_offer_id"),
            Self::InvalidPostbackSecret => (403, "invalid_postback_secret"),
            Self::InvalidToken => (403, "invalid_token"),
            Self::InvalidSignature => (403, "invalid_signature"),
            Self::UndecryptableBody => (403, "undecryptable_body"),
            Self::AccountNotFound => (404, "account_not_found"),
            Self::MissingAccountId => (400, "missing_account_id"),
            Self::MissingCoupon => (400, "missing_coupon"),
            Self::CouponNotFound => (404, "coupon_not_found"),
            Self::CouponNotActive => (409, "coupon_not_active"),
            Self::RevenueTooLarge => (400, "revenue_too_large"),
            Self::InvalidMessageId => (400, "invalid_message_id"),
            Self::InvalidBody => (400, "invalid_body"),
            Self::UnreadableBody => (413, "payload_too_large"),
            Self::TooManyAttempts => (429, "too_many_attempts"),
            Self::Unavailable => (503, "unavailable"),
        }
    }
}
