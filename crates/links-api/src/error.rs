//! The table of errors: variant, status, code and sentence, in the form of
//! either surface. Nothing else decides how an error looks to a client.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use domain::macros::InvalidTemplate;
use postgres::pool::PoolError;
use serde_json::{Value, json};
use tokio_postgres::error::{DbError, SqlState};

/// A field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

impl FieldError {
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

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
    #[error("This API key has used up its requests. Retry in {retry_after_s} s.")]
    RateLimited { retry_after_s: u64 },

    #[error("The body is not valid JSON: {0}.")]
    InvalidJson(String),
    #[error("The field {} is not valid: {}.", .0.field, .0.message)]
    InvalidField(FieldError),
    /// Surface B's: all that is wrong with a body.
    #[error("{}", sentence_of_all(.0))]
    Validation(Vec<FieldError>),
    #[error("The body is larger than 5 MB.")]
    PayloadTooLarge,
    #[error("The body could not be read.")]
    UnreadableBody,
    #[error("The Idempotency-Key header is not 1 to 255 visible ASCII characters.")]
    InvalidIdempotencyKey,
    #[error("This Idempotency-Key was used for another request.")]
    IdempotencyMismatch,

    #[error("Neither offerId nor externalOfferId was provided.")]
    MissingOfferId,
    #[error("Neither url nor offerId was provided.")]
    MissingUrlOrOffer,
    #[error("Neither listId nor phoneNumber was provided.")]
    MissingListIdentifier,
    #[error("The url field cannot be used: {0}.")]
    InvalidUrl(InvalidTemplate),
    #[error("The {0} field is not a valid E.164 phone number.")]
    InvalidPhone(&'static str),
    #[error("The field {0} is not a valid E.164 phone number.")]
    InvalidPhoneAt(String),
    #[error("The slug is not 3 to 64 characters of A-Z, a-z, 0-9, _ and -, or it is reserved.")]
    InvalidSlug,
    #[error("No active {0} found matching the provided ID.")]
    OfferNotFound(&'static str),
    #[error("The sending list was not found or does not belong to your account.")]
    ListNotFound,
    #[error(
        "The sending list does not have a link shortener domain configured. \
         Assign a domain in your list settings first."
    )]
    NoDomainConfigured,
    #[error("Your account has no active domain for short links. Register one first.")]
    NoShortDomain,
    #[error("A link with this slug exists on this domain.")]
    SlugTaken,
    #[error("Failed to generate a unique link ID after multiple attempts. Retry the request.")]
    IdCollision,
    #[error("Several domains have a link with this ID. Name one by the domain parameter.")]
    AmbiguousLinkId,
    #[error("The links array is required and must not be empty.")]
    MissingLinks,
    #[error("The links array has more than {0} entries.")]
    TooManyLinks(usize),

    #[error("The {0} field is required.")]
    Missing(Field),
    #[error("The name exceeds 255 characters.")]
    NameTooLong,
    #[error("The {0} cannot be used: {1}.")]
    InvalidTemplate(Field, InvalidTemplate),
    #[error("The external_platform is not tune or everflow.")]
    InvalidExternalPlatform,
    #[error("The message exceeds 1600 characters.")]
    MessageTooLong,
    #[error("The offer_links array is required and must not be empty.")]
    MissingOfferLinks,
    #[error("The creative_type is not one of automated, one_time, welcome.")]
    InvalidCreativeType,
    #[error("The message must contain at least one {{{{linkN}}}} placeholder.")]
    MissingLinkPlaceholder,
    #[error("The placeholder {{{{{0}}}}} in the message has no entry in offer_links.")]
    MissingOfferLinksForPlaceholders(String),
    #[error("The entry offer_links[{0}] is missing the required key field.")]
    MissingOfferLinkKey(usize),
    #[error("The entry offer_links[{0}] is missing the required offer_id field.")]
    MissingOfferLinkOfferId(usize),
    #[error("The key {0} stands more than once in offer_links.")]
    DuplicateOfferLinkKey(String),
    #[error("The offer of {0} in offer_links does not exist or does not belong to your account.")]
    OfferLinkOfferNotFound(String),
    #[error("The creative is not active.")]
    CreativeNotActive,
    #[error("The messages array is required and must not be empty.")]
    MissingMessages,
    #[error("The messages array has more than {0} entries.")]
    TooManyMessages(usize),
    #[error("The messageId {0} stands more than once in the request.")]
    DuplicateMessageId(String),
    #[error("The message {0} was rendered with another creative, list or contact.")]
    MessageMismatch(String),
    #[error("The variable {{{{{name}}}}} has no value in messages[{index}].")]
    UnknownVariable { name: String, index: usize },
    #[error("The payout is not a decimal number of 0 or more with at most 4 decimals.")]
    InvalidPayout,
    #[error("The payout_type is not cpa or cpc.")]
    InvalidPayoutType,
    #[error("The status is not one of {0}.")]
    InvalidStatus(&'static str),
    #[error("The kind is not short or click.")]
    InvalidKind,
    #[error("The host is not the name of a public host.")]
    InvalidHost,
    #[error("The {0} domain was not found or does not belong to your account.")]
    DomainNotFound(&'static str),
    #[error("This host is registered already. A host belongs to one account.")]
    HostTaken,
    #[error("Lists or links use this domain.")]
    DomainInUse,
    #[error("This domain is pending: its host has not shown the token of `proof` yet.")]
    DomainPending,
    #[error("The account has {0} domains that wait for their proof. Prove or delete some first.")]
    TooManyPendingDomains(i64),
    #[error("The account has a list with this phone number already.")]
    PhoneTaken,
    #[error("The campaign is not active.")]
    CampaignNotActive,
    #[error("Links use this campaign.")]
    CampaignInUse,
    #[error("There is no such {0}.")]
    NotFound(&'static str),

    #[error("There is nothing at this path.")]
    NoRoute,
    #[error("This path does not take this method.")]
    MethodNotAllowed(String),
    #[error("The service is busy or its database is away. Retry the request.")]
    Unavailable(#[source] anyhow::Error),
    #[error("Something failed on our side. Retry the request.")]
    Internal(#[source] anyhow::Error),
}

/// The fields that have codes of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Name,
    Message,
    TrackingUrl,
    DestinationUrlTemplate,
    Host,
    PhoneNumber,
    ListName,
    Template,
    FallbackUrl,
}

impl Field {
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Message => "message",
            Self::TrackingUrl => "tracking_url",
            Self::DestinationUrlTemplate => "destination_url_template",
            Self::Host => "host",
            Self::PhoneNumber => "phone_number",
            Self::ListName => "list_name",
            Self::Template => "template",
            Self::FallbackUrl => "fallback_url",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn sentence_of_all(fields: &[FieldError]) -> String {
    let all: Vec<_> = fields
        .iter()
        .map(|error| format!("{}: {}", error.field, error.message))
        .collect();
    format!("The request is not valid: {}.", all.join("; "))
}

impl ApiError {
    /// A field that is not what it must be, with a problem that completes
    /// "... is not valid: ".
    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::InvalidField(FieldError::new(field, problem))
    }

    pub fn unavailable(error: impl Into<anyhow::Error>) -> Self {
        Self::Unavailable(error.into())
    }

    pub fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self::Internal(error.into())
    }

    /// Surface A's code.
    pub fn code(&self) -> &'static str {
        self.row().1
    }

    fn row(&self) -> (StatusCode, &'static str) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const CONFLICT: StatusCode = StatusCode::CONFLICT;
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::AccountSuspended => (StatusCode::FORBIDDEN, "account_suspended"),
            Self::InsufficientScope(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::ProductNotEnabled(_) => (StatusCode::FORBIDDEN, "product_not_enabled"),
            Self::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded"),
            Self::InvalidJson(_) => (BAD, "invalid_json"),
            Self::InvalidField(_) | Self::Validation(_) => (BAD, "invalid_field"),
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::UnreadableBody => (BAD, "unreadable_body"),
            Self::InvalidIdempotencyKey => (BAD, "invalid_idempotency_key"),
            Self::IdempotencyMismatch => (CONFLICT, "idempotency_mismatch"),
            Self::MissingOfferId => (BAD, "missing_offer_id"),
            Self::MissingUrlOrOffer => (BAD, "missing_url_or_offer"),
            Self::MissingListIdentifier => (BAD, "missing_list_identifier"),
            Self::InvalidUrl(_) => (BAD, "invalid_url"),
            Self::InvalidPhone(_) | Self::InvalidPhoneAt(_) => (BAD, "invalid_phone"),
            Self::MessageTooLong => (BAD, "message_too_long"),
            Self::MissingOfferLinks => (BAD, "missing_offer_links"),
            Self::InvalidCreativeType => (BAD, "invalid_creative_type"),
            Self::MissingLinkPlaceholder => (BAD, "missing_link_placeholder"),
            Self::MissingOfferLinksForPlaceholders(_) => {
                (BAD, "missing_offer_links_for_placeholders")
            }
            Self::MissingOfferLinkKey(_) => (BAD, "missing_offer_link_key"),
            Self::MissingOfferLinkOfferId(_) => (BAD, "missing_offer_link_offer_id"),
            Self::DuplicateOfferLinkKey(_) => (BAD, "duplicate_offer_link_key"),
            // The seed has 400 for this one.
            Self::OfferLinkOfferNotFound(_) => (BAD, "offer_not_found"),
            Self::CreativeNotActive => (CONFLICT, "creative_not_active"),
            Self::MissingMessages => (BAD, "missing_messages"),
            Self::TooManyMessages(_) => (BAD, "too_many_messages"),
            Self::DuplicateMessageId(_) => (BAD, "duplicate_message_id"),
            Self::MessageMismatch(_) => (CONFLICT, "message_mismatch"),
            Self::UnknownVariable { .. } => (BAD, "unknown_variable"),
            Self::InvalidSlug => (BAD, "invalid_slug"),
            Self::OfferNotFound(_) => (StatusCode::NOT_FOUND, "offer_not_found"),
            Self::ListNotFound => (StatusCode::NOT_FOUND, "list_not_found"),
            Self::NoDomainConfigured | Self::NoShortDomain => (CONFLICT, "no_domain_configured"),
            Self::SlugTaken => (CONFLICT, "slug_taken"),
            Self::IdCollision => (StatusCode::INTERNAL_SERVER_ERROR, "id_collision"),
            Self::AmbiguousLinkId => (CONFLICT, "ambiguous_link_id"),
            Self::MissingLinks => (BAD, "missing_links"),
            Self::TooManyLinks(_) => (BAD, "too_many_links"),
            Self::Missing(field) => (BAD, missing(*field)),
            Self::NameTooLong => (BAD, "name_too_long"),
            Self::InvalidTemplate(field, _) => (BAD, invalid(*field)),
            Self::InvalidExternalPlatform => (BAD, "invalid_external_platform"),
            Self::InvalidPayout => (BAD, "invalid_payout"),
            Self::InvalidPayoutType => (BAD, "invalid_payout_type"),
            Self::InvalidStatus(_) => (BAD, "invalid_status"),
            Self::InvalidKind => (BAD, "invalid_kind"),
            Self::InvalidHost => (BAD, "invalid_host"),
            Self::DomainNotFound(_) => (StatusCode::NOT_FOUND, "domain_not_found"),
            Self::HostTaken => (CONFLICT, "host_taken"),
            Self::DomainInUse => (CONFLICT, "domain_in_use"),
            Self::DomainPending => (CONFLICT, "domain_pending"),
            Self::TooManyPendingDomains(_) => (CONFLICT, "too_many_pending_domains"),
            Self::PhoneTaken => (CONFLICT, "phone_number_taken"),
            Self::CampaignNotActive => (CONFLICT, "campaign_not_active"),
            Self::CampaignInUse => (CONFLICT, "campaign_in_use"),
            Self::NotFound(_) | Self::NoRoute => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    /// Surface B's status and code: what the seed names, and surface A's in
    /// capitals for the rest.
    fn affiliate_row(&self) -> (StatusCode, String) {
        let (status, code) = self.row();
        let named = match self {
            Self::Unauthorized => "TOKEN_INVALID",
            Self::NotFound(_) | Self::NoRoute => "RESOURCE_NOT_FOUND",
            Self::SlugTaken => "DUPLICATE_RESOURCE",
            _ if !self.fields().is_empty() => {
                return (StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR".into());
            }
            _ => return (status, code.to_ascii_uppercase()),
        };
        (status, named.to_owned())
    }

    /// The fields that are to blame, as surface B names them.
    fn fields(&self) -> Vec<FieldError> {
        let one = |field: &str| vec![FieldError::new(field, self.to_string())];
        match self {
            Self::InvalidField(error) => vec![error.clone()],
            Self::Validation(errors) => errors.clone(),
            Self::InvalidSlug => one("slug"),
            Self::MissingLinks | Self::TooManyLinks(_) => one("links"),
            _ => Vec::new(),
        }
    }
}

fn missing(field: Field) -> &'static str {
    match field {
        Field::Name => "missing_name",
        Field::Message => "missing_message",
        Field::TrackingUrl => "missing_tracking_url",
        Field::DestinationUrlTemplate => "missing_destination_url_template",
        Field::Host => "missing_host",
        Field::PhoneNumber => "missing_phone_number",
        Field::ListName => "missing_list_name",
        Field::Template => "missing_template",
        Field::FallbackUrl => "missing_fallback_url",
    }
}

fn invalid(field: Field) -> &'static str {
    match field {
        Field::TrackingUrl => "invalid_tracking_url",
        Field::DestinationUrlTemplate => "invalid_destination_url_template",
        Field::FallbackUrl => "invalid_fallback_url",
        Field::Name
        | Field::Message
        | Field::Host
        | Field::PhoneNumber
        | Field::ListName
        | Field::Template => "invalid_field",
    }
}

/// The two forms that errors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// `/api/v2/...`: `{"error", "code"}`.
    Platform,
    /// `/api/links` and `/api/campaigns`: `{"detail", "error_code", "status"}`.
    Affiliate,
}

impl Surface {
    /// The surface that a path without a handler would belong to.
    pub fn of_path(path: &str) -> Self {
        let is_affiliate = ["/api/links", "/api/campaigns", "/api/conversions"]
            .iter()
            .any(|base| path.starts_with(base));
        if is_affiliate {
            Self::Affiliate
        } else {
            Self::Platform
        }
    }

    pub fn status(self, error: &ApiError) -> StatusCode {
        match self {
            Self::Platform => error.row().0,
            Self::Affiliate => error.affiliate_row().0,
        }
    }

    pub fn code(self, error: &ApiError) -> String {
        match self {
            Self::Platform => error.code().to_owned(),
            Self::Affiliate => error.affiliate_row().1,
        }
    }

    /// The body of an error's answer.
    pub fn body(self, error: &ApiError) -> Value {
        match self {
            Self::Platform => json!({ "error": error.to_string(), "code": error.code() }),
            Self::Affiliate => {
                let (status, code) = error.affiliate_row();
                let mut body = json!({
                    "detail": error.to_string(),
                    "error_code": code,
                    "status": status.as_u16(),
                });
                let fields = error.fields();
                if !fields.is_empty() {
                    body["fields"] = fields
                        .iter()
                        .map(|error| json!({ "field": error.field, "message": error.message }))
                        .collect();
                }
                body
            }
        }
    }
}

/// When a client may ask again after an outage, or when something was in use.
const RETRY_AFTER_S: u32 = 1;

fn is_about_waiting(state: &SqlState) -> bool {
    [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ]
    .contains(state)
}

/// An error on its way to a client, in its surface's form.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Refused {
    pub surface: Surface,
    pub error: ApiError,
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.surface.status(&self.error)
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        if [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ]
        .contains(&status)
        {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER_S.to_string()));
        }
        match &self.error {
            ApiError::RateLimited { retry_after_s } => {
                response.insert_header((header::RETRY_AFTER, retry_after_s.to_string()));
            }
            ApiError::MethodNotAllowed(allowed) => {
                response.insert_header((header::ALLOW, allowed.as_str()));
            }
            ApiError::Unauthorized => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            _ => {}
        }
        response.json(self.surface.body(&self.error))
    }
}

impl From<PoolError> for ApiError {
    fn from(error: PoolError) -> Self {
        Self::unavailable(error)
    }
}

impl From<tokio_postgres::Error> for ApiError {
    /// A constraint's name tells what the client did; a connection that ended
    /// while it was used is an outage; all else that a query can fail with is
    /// our mistake.
    fn from(error: tokio_postgres::Error) -> Self {
        let constraint = error.as_db_error().and_then(DbError::constraint);
        match constraint {
            Some("domains_host_key" | "domains_account_id_host_key") => Self::HostTaken,
            Some("lists_phone_number_key") => Self::PhoneTaken,
            Some("offers_slug_key") => Self::SlugTaken,
            Some("lists_short_domain_id_fkey" | "lists_click_domain_id_fkey")
            | Some("links_domain_id_fkey") => Self::DomainInUse,
            Some("links_campaign_id_fkey") => Self::CampaignInUse,
            _ if error.is_closed() || error.as_db_error().is_none() => Self::unavailable(error),
            // Somebody else works on the same rows or the same account.
            _ if error.code().is_some_and(is_about_waiting) => Self::unavailable(error),
            _ => Self::Internal(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_429_or_503_says_when_to_ask_again() {
        for (error, expected) in [
            (ApiError::RateLimited { retry_after_s: 17 }, Some("17")),
            (ApiError::unavailable(PoolError::Closed), Some("1")),
            (ApiError::internal(anyhow::anyhow!("a mistake")), None),
            (ApiError::NoRoute, None),
        ] {
            let mut refused = Refused {
                surface: Surface::Platform,
                error,
            };
            for surface in [Surface::Platform, Surface::Affiliate] {
                refused.surface = surface;
                let response = refused.error_response();
                let after = response.headers().get(header::RETRY_AFTER);
                assert_eq!(
                    after.map(|value| value.to_str().unwrap()),
                    expected,
                    "{refused}"
                );
            }
        }
    }
}
