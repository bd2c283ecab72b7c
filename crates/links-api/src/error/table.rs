//! The table of errors: the status and the code that each variant has in either API.

use actix_web::http::StatusCode;

use super::{ApiError, CodedField, FieldError};

impl ApiError {
    /// The code in the v2 API.
    /// Whether the request is wrong, and not the service.
    pub fn is_of_client(&self) -> bool {
        self.status_and_code().0.is_client_error()
    }

    pub fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    /// Status and code of the v2 API.
    pub(super) fn status_and_code(&self) -> (StatusCode, &'static str) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const CONFLICT: StatusCode = StatusCode::CONFLICT;
        match self {
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::AccountSuspended => (StatusCode::FORBIDDEN, "account_suspended"),
            Self::InsufficientScope(_) | Self::RoleLacksScope(_) => {
                (StatusCode::FORBIDDEN, "insufficient_scope")
            }
            Self::CsrfTokenMissing => (StatusCode::FORBIDDEN, "csrf_token_missing"),
            Self::CrossSiteRequest => (StatusCode::FORBIDDEN, "cross_site_request"),
            Self::SessionRequired => (StatusCode::FORBIDDEN, "session_required"),
            Self::AccountNotNamed => (BAD, "account_required"),
            Self::SignInFailed { .. } => (StatusCode::UNAUTHORIZED, "sign_in_failed"),
            Self::SecondFactorRequired => (StatusCode::UNAUTHORIZED, "second_factor_required"),
            Self::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            Self::WrongPassword => (StatusCode::FORBIDDEN, "wrong_password"),
            Self::WrongCode => (StatusCode::FORBIDDEN, "wrong_code"),
            Self::SecondFactorExists => (CONFLICT, "second_factor_exists"),
            Self::LinkNotValid => (StatusCode::NOT_FOUND, "link_not_valid"),
            Self::LastOwner => (CONFLICT, "last_owner"),
            Self::AlreadyMember => (CONFLICT, "already_member"),
            Self::SingleSignOnAbsent => (StatusCode::NOT_FOUND, "single_sign_on_absent"),
            Self::ProductNotEnabled(_) => (StatusCode::FORBIDDEN, "product_not_enabled"),
            Self::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded"),
            Self::InvalidJson(_) => (BAD, "invalid_json"),
            Self::InvalidField(_) | Self::Validation(_) => (BAD, "invalid_field"),
            Self::UnknownField { .. } => (BAD, "unknown_field"),
            Self::ReadOnlyField(_) => (BAD, "read_only_field"),
            Self::UnknownParameter { .. } => (BAD, "unknown_parameter"),
            Self::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
            Self::PayloadTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::UnreadableBody => (BAD, "unreadable_body"),
            Self::InvalidIdempotencyKey => (BAD, "invalid_idempotency_key"),
            Self::IdempotencyMismatch => (CONFLICT, "idempotency_mismatch"),
            Self::MissingOfferId => (BAD, "missing_offer_id"),
            Self::MissingUrlOrOffer => (BAD, "missing_url_or_offer"),
            Self::MissingListIdentifier => (BAD, "missing_list_identifier"),
            Self::InvalidUrl(_) => (BAD, "invalid_url"),
            Self::InvalidPhone(_) | Self::InvalidPhoneAt(_) | Self::InvalidSender => {
                (BAD, "invalid_phone")
            }
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
            // 400, unlike `OfferNotFound`: an entry of the body names the offer, and the
            // resource that the path names does exist.
            Self::OfferLinkOfferNotFound(_) => (BAD, "offer_not_found"),
            Self::CreativeNotActive => (CONFLICT, "creative_not_active"),
            Self::MissingMessages => (BAD, "missing_messages"),
            Self::TooManyMessages(_) => (BAD, "too_many_messages"),
            Self::DuplicateMessageId(_) => (BAD, "duplicate_message_id"),
            Self::MessageMismatch(_)
            | Self::MessageDiffers(_)
            | Self::MessageOfAnotherContact(_) => (CONFLICT, "message_mismatch"),
            Self::LinkOfAnotherMessage(_) => (CONFLICT, "link_of_another_message"),
            Self::LinkOfAnotherList(_) => (CONFLICT, "link_of_another_list"),
            Self::UnknownVariable { .. } => (BAD, "unknown_variable"),
            Self::InvalidSlug => (BAD, "invalid_slug"),
            Self::OfferNotFound(_) => (StatusCode::NOT_FOUND, "offer_not_found"),
            Self::ListNotFound => (StatusCode::NOT_FOUND, "list_not_found"),
            Self::NoDomainConfigured | Self::NoShortDomain => (CONFLICT, "no_domain_configured"),
            Self::SlugTaken => (CONFLICT, "slug_taken"),
            Self::IdCollision => (StatusCode::INTERNAL_SERVER_ERROR, "id_collision"),
            Self::AmbiguousOfferId => (CONFLICT, "ambiguous_offer_id"),
            Self::AmbiguousLinkId | Self::AmbiguousLinkUrl => (CONFLICT, "ambiguous_link_id"),
            Self::MissingLinks => (BAD, "missing_links"),
            Self::TooManyLinks(_) => (BAD, "too_many_links"),
            Self::MissingField(field) => (BAD, missing_code(*field)),
            Self::NameTooLong => (BAD, "name_too_long"),
            Self::InvalidTemplate(field, _) => (BAD, invalid_code(*field)),
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
            Self::CouponTaken => (CONFLICT, "coupon_taken"),
            Self::MissingCouponTarget => (BAD, "missing_coupon_target"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::InvalidCsv(_) => (BAD, "invalid_csv"),
            Self::TooManyRows(_) => (BAD, "too_many_rows"),
            Self::InvalidRows(_) => (BAD, "invalid_rows"),
            Self::TooManyCosts(_) => (CONFLICT, "too_many_costs"),
            Self::TooManyCostsInPeriod => (BAD, "too_many_costs_in_period"),
            Self::MissingExchangeRate(_) => (CONFLICT, "missing_exchange_rate"),
            Self::ConversionExists => (CONFLICT, "conversion_exists"),
            Self::ConversionDeleted => (StatusCode::GONE, "conversion_deleted"),
            Self::TooManyCorrections(_) => (CONFLICT, "too_many_corrections"),
            Self::NotFound(_) | Self::MalformedId { .. } | Self::NoRoute => {
                (StatusCode::NOT_FOUND, "not_found")
            }
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::WithFound { error, .. } => error.status_and_code(),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    /// Status and code of the affiliate API: the four codes that proto-docs/api.md
    /// documents for it, and the code of the v2 API in capitals for the rest.
    pub(super) fn affiliate_status_and_code(&self) -> (StatusCode, String) {
        if let Self::WithFound { error, .. } = self {
            return error.affiliate_status_and_code();
        }
        let (status, code) = self.status_and_code();
        let affiliate_code = match self {
            Self::Unauthorized(_) => "TOKEN_INVALID",
            Self::NotFound(_) | Self::MalformedId { .. } | Self::NoRoute => "RESOURCE_NOT_FOUND",
            Self::SlugTaken => "DUPLICATE_RESOURCE",
            _ if !self.invalid_fields().is_empty() => {
                return (StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR".into());
            }
            _ => return (status, code.to_ascii_uppercase()),
        };
        (status, affiliate_code.to_owned())
    }

    /// The invalid fields of the request, which only the affiliate API lists apart from
    /// the sentence.
    pub(super) fn invalid_fields(&self) -> Vec<FieldError> {
        let field = |name: &str| vec![FieldError::new(name, self.to_string())];
        match self {
            Self::InvalidField(error) => vec![error.clone()],
            Self::Validation(errors) => errors.clone(),
            Self::UnknownField { field: name, .. } | Self::ReadOnlyField(name) => field(name),
            Self::InvalidSlug => field("slug"),
            Self::WithFound { error, .. } => {
                let fields = error.invalid_fields().into_iter();
                let fields = fields.map(|error| FieldError::new(error.field, self.to_string()));
                fields.collect()
            }
            Self::MissingLinks | Self::TooManyLinks(_) => field("links"),
            _ => Vec::new(),
        }
    }
}

fn missing_code(field: CodedField) -> &'static str {
    match field {
        CodedField::Name => "missing_name",
        CodedField::Message => "missing_message",
        CodedField::TrackingUrl => "missing_tracking_url",
        CodedField::DestinationUrlTemplate => "missing_destination_url_template",
        CodedField::Host => "missing_host",
        CodedField::PhoneNumber => "missing_phone_number",
        CodedField::ListName => "missing_list_name",
        CodedField::Template => "missing_template",
        CodedField::FallbackUrl => "missing_fallback_url",
    }
}

fn invalid_code(field: CodedField) -> &'static str {
    match field {
        CodedField::TrackingUrl => "invalid_tracking_url",
        CodedField::DestinationUrlTemplate => "invalid_destination_url_template",
        CodedField::FallbackUrl => "invalid_fallback_url",
        CodedField::Name
        | CodedField::Message
        | CodedField::Host
        | CodedField::PhoneNumber
        | CodedField::ListName
        | CodedField::Template => "invalid_field",
    }
}
