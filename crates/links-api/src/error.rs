//! The table of errors: variant, status, code and sentence. Nothing else
//! decides how an error looks to a client.

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use store::pool::PoolError;

/// Everything the API answers that is not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("API key is missing or invalid.")]
    Unauthorized,
    #[error("This account is suspended.")]
    AccountSuspended,
    #[error("This API key lacks the scope {0}.")]
    InsufficientScope(&'static str),
    #[error("Your account does not have the {0} product enabled.")]
    ProductNotEnabled(&'static str),

    #[error("The body is not valid JSON: {0}.")]
    InvalidJson(String),
    #[error("The field {field} is not valid: {problem}.")]
    InvalidField { field: String, problem: String },
    #[error("The body is larger than 5 MB.")]
    PayloadTooLarge,
    #[error("The body could not be read.")]
    UnreadableBody,

    #[error("Neither offerId nor externalOfferId was provided.")]
    MissingOfferId,
    #[error("Neither listId nor phoneNumber was provided.")]
    MissingListIdentifier,
    #[error("The phoneNumber field is not a valid E.164 phone number.")]
    InvalidPhone,
    #[error("No active partnership offer found matching the provided ID.")]
    OfferNotFound,
    #[error("The sending list was not found or does not belong to your account.")]
    ListNotFound,
    #[error(
        "The sending list does not have a link shortener domain configured. \
         Assign a domain in your list settings first."
    )]
    NoDomainConfigured,
    #[error("Failed to generate a unique link ID after multiple attempts. Retry the request.")]
    IdCollision,

    #[error("There is nothing at this path.")]
    NoRoute,
    #[error("This path does not take this method.")]
    MethodNotAllowed,
    #[error("The service is busy or its database is away. Retry the request.")]
    Unavailable(#[source] PoolError),
    #[error("Something failed on our side. Retry the request.")]
    Internal(#[source] anyhow::Error),
}

impl ApiError {
    pub fn code(&self) -> &'static str {
        self.row().1
    }

    fn row(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::AccountSuspended => (StatusCode::FORBIDDEN, "account_suspended"),
            Self::InsufficientScope(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::ProductNotEnabled(_) => (StatusCode::FORBIDDEN, "product_not_enabled"),
            Self::InvalidJson(_) => (StatusCode::BAD_REQUEST, "invalid_json"),
            Self::InvalidField { .. } => (StatusCode::BAD_REQUEST, "invalid_field"),
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::UnreadableBody => (StatusCode::BAD_REQUEST, "unreadable_body"),
            Self::MissingOfferId => (StatusCode::BAD_REQUEST, "missing_offer_id"),
            Self::MissingListIdentifier => (StatusCode::BAD_REQUEST, "missing_list_identifier"),
            Self::InvalidPhone => (StatusCode::BAD_REQUEST, "invalid_phone"),
            Self::OfferNotFound => (StatusCode::NOT_FOUND, "offer_not_found"),
            Self::ListNotFound => (StatusCode::NOT_FOUND, "list_not_found"),
            Self::NoDomainConfigured => (StatusCode::CONFLICT, "no_domain_configured"),
            Self::IdCollision => (StatusCode::INTERNAL_SERVER_ERROR, "id_collision"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.row().0
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(serde_json::json!({
            "error": self.to_string(),
            "code": self.code(),
        }))
    }
}

impl From<PoolError> for ApiError {
    fn from(error: PoolError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<tokio_postgres::Error> for ApiError {
    /// A connection that ended while it was used is an outage; all else that
    /// a query can fail with is our mistake.
    fn from(error: tokio_postgres::Error) -> Self {
        if error.is_closed() || error.as_db_error().is_none() {
            Self::Unavailable(PoolError::Backend(error))
        } else {
            Self::Internal(error.into())
        }
    }
}
