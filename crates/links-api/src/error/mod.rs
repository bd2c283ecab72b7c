//! What can go wrong in a request, and nothing about how it looks to a client:
//! [`table`] decides status and code, [`render`] the JSON of either API, and
//! [`postgres`] which database errors are the client's.

mod postgres;
mod render;
mod rows;
mod table;

use std::fmt;

use domain::{exchange::MissingRate, macros::InvalidTemplate, sender::NOT_A_SENDER};

pub use render::{ApiFamily, ErrorResponse};
pub use rows::{InvalidRow, RowFailure, all_valid};

/// A field of a request and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: String,
    /// Completes "The field ... is not valid: ".
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

/// Every failure that the API reports. `Display` is the sentence for the client; the
/// source of a variant goes to the log only.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The sentence is the documented one; the reason is a field of its own.
    #[error("API key is missing or invalid.")]
    Unauthorized(UnauthorizedReason),
    #[error("This account is suspended.")]
    AccountSuspended,
    #[error("This API key lacks the scope {0}.")]
    InsufficientScope(&'static str),
    #[error("Your role in this account lacks the scope {0}. An owner can give you another role.")]
    RoleLacksScope(&'static str),
    #[error(
        "The header X-CSRF-Token is missing or wrong. GET /api/v2/me answers it as csrf_token."
    )]
    CsrfTokenMissing,
    #[error("A page of another site has sent this request.")]
    CrossSiteRequest,
    #[error("This is about a user: it needs the session of one, and an API key cannot do it.")]
    SessionRequired,
    #[error(
        "You are a user of several accounts. Name one by its id in the header X-Waypost-Account."
    )]
    AccountNotNamed,
    #[error("The e-mail address, the password or the code is wrong. {}", how_many_tries(.tries_left))]
    SignInFailed { tries_left: u64 },
    #[error("This user has a second factor. Send its code, or a recovery code, as code.")]
    SecondFactorRequired,
    #[error("There were too many attempts. Try again in {retry_after_s} s.")]
    TooManyAttempts { retry_after_s: u64 },
    #[error("The current password is wrong.")]
    WrongPassword,
    #[error("The code is wrong, has expired, or was used.")]
    WrongCode,
    #[error("You have a second factor already. Remove it first.")]
    SecondFactorExists,
    #[error("This link was used or has expired. Ask for another one.")]
    LinkNotValid,
    #[error("This user is the only owner of the account. Make another user an owner first.")]
    LastOwner,
    #[error("This e-mail address is that of a user of the account.")]
    AlreadyMember,
    #[error("Single sign-on is not set up. Sign in by e-mail and password.")]
    SingleSignOnAbsent,
    #[error("Your account does not have the {0} product enabled.")]
    ProductNotEnabled(&'static str),
    #[error("This API key has exceeded its rate limit. Retry in {retry_after_s} s.")]
    RateLimited { retry_after_s: u64 },

    #[error("The body is not valid JSON: {0}.")]
    InvalidJson(String),
    #[error("The field {} is not valid: {}.", .0.field, .0.message)]
    InvalidField(FieldError),
    #[error("The field {field} is not known here.{}", did_you_mean(.nearest))]
    UnknownField {
        field: String,
        nearest: Option<String>,
    },
    #[error("The field {0} cannot be changed. Send its current value, or leave it out.")]
    ReadOnlyField(String),
    #[error(
        "The query parameter {name} is not known here.{} {}",
        did_you_mean(.nearest), known_parameters(.known)
    )]
    UnknownParameter {
        name: String,
        nearest: Option<String>,
        /// The names of the operation's parameters, or nothing.
        known: String,
    },
    #[error("The object has changed since it was read: its ETag is not that of If-Match.")]
    PreconditionFailed,
    /// Only the affiliate API reports every invalid field of a body at once; the v2 API
    /// stops at the first.
    #[error("{}", validation_sentence(.0))]
    Validation(Vec<FieldError>),
    #[error("The body is larger than {0} MB.")]
    PayloadTooLarge(usize),
    #[error("The body could not be read.")]
    UnreadableBody,
    #[error("The Idempotency-Key header is not 1 to 255 visible ASCII characters.")]
    InvalidIdempotencyKey,
    #[error("This Idempotency-Key was used for another request.")]
    IdempotencyMismatch,

    #[error(
        "Neither offerId nor externalOfferId was provided. Send the id of a partnership offer, such \
         as \"offerId\": \"6789abcd1234ef5678901234\"."
    )]
    MissingOfferId,
    #[error(
        "Neither url nor offerId was provided. Send one of them, such as \"url\": \
         \"https://example.com/page\"."
    )]
    MissingUrlOrOffer,
    #[error(
        "Neither listId nor phoneNumber was provided. Send one of them, such as \"listId\": 42."
    )]
    MissingListIdentifier,
    #[error("The url field cannot be used: {0}.")]
    InvalidUrl(InvalidTemplate),
    #[error("The {0} field is not a valid E.164 phone number. One is written as +18005551234.")]
    InvalidPhone(&'static str),
    #[error("The field {0} is not a valid E.164 phone number. One is written as +18005551234.")]
    InvalidPhoneAt(String),
    #[error("The phone_number field cannot be used: {}.", NOT_A_SENDER)]
    InvalidSender,
    #[error(
        "The slug is not 3 to 64 characters of A-Z, a-z, 0-9, _ and -, as in spring-sale, or it is \
         reserved."
    )]
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
    #[error("Several offers of the account have this external_id.")]
    AmbiguousOfferId,
    #[error("Several domains have a link with this ID. Name one by the domain parameter.")]
    AmbiguousLinkId,
    #[error(
        "The links array is required and must not be empty. Send an object for each link, such as \
         {{\"url\": \"https://example.com/page\", \"listId\": 42}}."
    )]
    MissingLinks,
    #[error("The links array has more than {0} entries.")]
    TooManyLinks(usize),

    #[error("The {0} field is required. Send a text, such as \"{0}\": \"{example}\".", example = .0.example())]
    MissingField(CodedField),
    #[error("The name exceeds 255 characters.")]
    NameTooLong,
    #[error("The {0} cannot be used: {1}.")]
    InvalidTemplate(CodedField, InvalidTemplate),
    #[error("The external_platform is not tune or everflow.")]
    InvalidExternalPlatform,
    #[error("The message exceeds 1600 characters.")]
    MessageTooLong,
    #[error(
        "The offer_links array is required and must not be empty. Send an object for each \
         placeholder, such as {{\"key\": \"link1\", \"offer_id\": \"6789abcd1234ef5678901234\"}}."
    )]
    MissingOfferLinks,
    #[error("The creative_type is not one of automated, one_time, welcome.")]
    InvalidCreativeType,
    #[error(
        "The message must contain at least one {{{{linkN}}}} placeholder, such as {{{{link1}}}}."
    )]
    MissingLinkPlaceholder,
    #[error("The placeholder {{{{{0}}}}} in the message has no entry in offer_links.")]
    MissingOfferLinksForPlaceholders(String),
    #[error("The entry offer_links[{0}] is missing the required key field.")]
    MissingOfferLinkKey(usize),
    #[error("The entry offer_links[{0}] is missing the required offer_id field.")]
    MissingOfferLinkOfferId(usize),
    #[error("The key {0} occurs more than once in offer_links.")]
    DuplicateOfferLinkKey(String),
    #[error("The offer of {0} in offer_links does not exist or does not belong to your account.")]
    OfferLinkOfferNotFound(String),
    #[error("The creative is not active.")]
    CreativeNotActive,
    #[error(
        "The messages array is required and must not be empty. Send an object for each message, \
         such as {{\"messageId\": \"m-1\", \"contactPhone\": \"+18005550100\"}}."
    )]
    MissingMessages,
    #[error("The messages array has more than {0} entries.")]
    TooManyMessages(usize),
    #[error("The messageId {0} occurs more than once in the request.")]
    DuplicateMessageId(String),
    #[error(
        "The message {0} was sent before with another creative, list or contact, or was not \
         rendered."
    )]
    MessageMismatch(String),
    #[error(
        "The message {0} is known with other content: it was recorded, rendered or given links before."
    )]
    MessageDiffers(String),
    #[error("The message {0} was sent to another contact.")]
    MessageOfAnotherContact(String),
    #[error("Several domains have a link with this ID. Name it by its short URL.")]
    AmbiguousLinkUrl,
    #[error("The link {0} belongs to another message or contact.")]
    LinkOfAnotherMessage(String),
    #[error("The link {0} belongs to another list than the message.")]
    LinkOfAnotherList(String),
    #[error("The variable {{{{{name}}}}} has no value in messages[{index}].")]
    UnknownVariable { name: String, index: usize },
    #[error(
        "The payout is not a decimal number of 0 or more with at most 4 decimals, as in 12.50."
    )]
    InvalidPayout,
    #[error("The payout_type is not cpa or cpc.")]
    InvalidPayoutType,
    #[error("The status is not one of {0}.")]
    InvalidStatus(&'static str),
    #[error("The kind is not short or click.")]
    InvalidKind,
    #[error("The host is not the name of a public host, as in go.example.com.")]
    InvalidHost,
    #[error("The {0} domain was not found or does not belong to your account.")]
    DomainNotFound(&'static str),
    #[error("This host is registered already. A host belongs to one account.")]
    HostTaken,
    #[error("Lists or links use this domain.")]
    DomainInUse,
    #[error("This domain is pending: its host does not serve the token of `proof` yet.")]
    DomainPending,
    #[error(
        "The account has {0} pending domains, which is the maximum. Prove or delete some first."
    )]
    TooManyPendingDomains(i64),
    #[error("The account has a list with this phone number already.")]
    PhoneTaken,
    #[error("The campaign is not active.")]
    CampaignNotActive,
    #[error("Links use this campaign.")]
    CampaignInUse,
    #[error("The account has a coupon of this code.")]
    CouponTaken,
    #[error("The coupon has none of offer_id, link_id and contact_phone.")]
    MissingCouponTarget,
    #[error(
        "The body is neither JSON nor CSV nor newline-delimited JSON. Say which it is in the header \
         Content-Type: application/json, text/csv or application/x-ndjson."
    )]
    UnsupportedMediaType,
    #[error("The body is not CSV: {0}.")]
    InvalidCsv(String),
    #[error("The body has more than {0} rows.")]
    TooManyRows(usize),
    /// Of an import that stores all rows or none.
    #[error("{}", rows::sentence(.0))]
    InvalidRows(Vec<InvalidRow>),
    #[error("The account would have more than {0} costs, which is the maximum.")]
    TooManyCosts(i64),
    #[error("There are too many costs in this period. Ask for a shorter one.")]
    TooManyCostsInPeriod,
    #[error("The amounts cannot be converted: {0}.")]
    MissingExchangeRate(MissingRate),
    #[error("Another conversion of this order has this event, or had it before a correction.")]
    ConversionExists,
    #[error("This conversion was deleted.")]
    ConversionDeleted,
    #[error("The conversion has been corrected {0} times, which is the maximum.")]
    TooManyCorrections(usize),
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    #[error("There is no such {resource}: {found:?} has not the form of an id, as in {example}.")]
    MalformedId {
        resource: &'static str,
        found: String,
        example: String,
    },

    #[error("There is nothing at this path. The paths are at /docs/ and in /openapi.json.")]
    NoRoute,
    #[error("This path does not support this method. It supports {0}.")]
    MethodNotAllowed(String),
    #[error("The service is busy or its database is unavailable. Retry the request.")]
    Unavailable(#[source] anyhow::Error),
    /// An error with the value that the client sent.
    #[error("{error} It is {found}.")]
    WithFound { error: Box<ApiError>, found: String },
    #[error("Something failed on our side. Retry the request.")]
    Internal(#[source] anyhow::Error),
}

/// Why a request has no valid key. Whoever learns that a key was revoked or has expired had the
/// whole key, so this helps nobody to guess one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnauthorizedReason {
    #[error("No key was sent. Send it in the header X-Api-Key, or as Authorization: Bearer KEY.")]
    Absent,
    #[error("What was sent is not a key: a key is trk_ and 32 letters and digits.")]
    Malformed,
    #[error("There is no such key.")]
    Unknown,
    #[error("The key was revoked. Create another one.")]
    Revoked,
    #[error("The key has expired. Create another one, or change its expires_at.")]
    Expired,
    #[error("The session has ended. Sign in again.")]
    SessionEnded,
    #[error("The origin wants the token of the setting ORIGIN_TOKEN.")]
    OriginToken,
}

/// Fields whose absence or invalid value has an error code of its own, such as
/// `missing_name`, instead of the general `invalid_field`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodedField {
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

impl CodedField {
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

impl CodedField {
    /// A value for the sentence that wants one.
    fn example(self) -> &'static str {
        match self {
            Self::Name => "Summer sale",
            Self::Message => "Hi {{contact.first_name}}: {{link1}}",
            Self::TrackingUrl | Self::FallbackUrl => "https://example.com/page",
            Self::DestinationUrlTemplate | Self::Template => "https://example.com/?c={click_id}",
            Self::Host => "go.example.com",
            Self::PhoneNumber => "+18005551234",
            Self::ListName => "Subscribers",
        }
    }
}

impl fmt::Display for CodedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn how_many_tries(n: &u64) -> String {
    match n {
        1 => "1 try is left.".to_owned(),
        n => format!("{n} tries are left."),
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    let nearest = nearest.as_ref();
    nearest.map_or_else(String::new, |name| format!(" Did you mean {name}?"))
}

fn known_parameters(known: &str) -> String {
    match known {
        "" => "This operation has no parameters.".to_owned(),
        known => format!("Known are {known}."),
    }
}

fn validation_sentence(fields: &[FieldError]) -> String {
    let problems: Vec<_> = fields
        .iter()
        .map(|error| format!("{}: {}", error.field, error.message))
        .collect();
    format!("The request is not valid: {}.", problems.join("; "))
}

impl ApiError {
    /// A field with a value that it must not have. `problem` completes
    /// "The field ... is not valid: ".
    pub fn invalid_field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::InvalidField(FieldError::new(field, problem))
    }

    /// The field whose value is wrong, of an error whose sentence does not show the value. Those
    /// with a [`FieldError`] are not among them.
    pub fn field(&self) -> Option<String> {
        let name = match self {
            Self::InvalidPhone(field) => field,
            Self::InvalidPhoneAt(field) => return Some(field.clone()),
            Self::InvalidUrl(_) => "url",
            Self::InvalidTemplate(field, _) => field.name(),
            Self::InvalidSlug => "slug",
            Self::InvalidExternalPlatform => "external_platform",
            Self::InvalidCreativeType => "creative_type",
            Self::InvalidPayout => "payout",
            Self::InvalidPayoutType => "payout_type",
            Self::InvalidStatus(_) => "status",
            Self::InvalidKind => "kind",
            Self::InvalidHost => "host",
            _ => return None,
        };
        Some(name.to_owned())
    }

    pub fn unavailable(error: impl Into<anyhow::Error>) -> Self {
        Self::Unavailable(error.into())
    }

    pub fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self::Internal(error.into())
    }
}
