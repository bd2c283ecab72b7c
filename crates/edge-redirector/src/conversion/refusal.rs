//! Why a request to record a conversion is refused.

use domain::postback::{Field, Postback, PostbackError};

use super::target::PostbackTarget;

/// The error of the response, and what was guessed wrong.
pub struct Refusal {
    pub error: PostbackError,
    /// The unknown id or wrong secret, which the enumeration guard counts once; `None` if the
    /// request is refused for another reason.
    pub attempt: Option<Attempt>,
    /// What was found before the postback was refused: its mapping tells which of the
    /// parameters are secrets.
    pub found: Option<PostbackTarget>,
}

/// The values that were wrong, such as an offer and its secret.
pub type Attempt = [Option<String>; 2];

impl Refusal {
    /// A refusal for the values of two fields, if the error says that one of them is wrong.
    pub fn for_fields(error: PostbackError, postback: &Postback<'_>, fields: [Field; 2]) -> Self {
        let is_attempt = matches!(
            error,
            PostbackError::LinkNotFound
                | PostbackError::OfferNotFound
                | PostbackError::InvalidPostbackSecret
                | PostbackError::CouponNotFound
                | PostbackError::AccountNotFound
                | PostbackError::InvalidToken
                | PostbackError::InvalidSignature
                | PostbackError::UndecryptableBody
        );
        let attempt = fields.map(|field| postback.get(field).map(str::to_owned));
        Self {
            error,
            attempt: is_attempt.then_some(attempt),
            found: None,
        }
    }

    pub fn with_found(mut self, found: Option<PostbackTarget>) -> Self {
        self.found = found;
        self
    }
}

impl From<PostbackError> for Refusal {
    fn from(error: PostbackError) -> Self {
        Self {
            error,
            attempt: None,
            found: None,
        }
    }
}
