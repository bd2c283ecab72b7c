//! What a postback says, what it must prove, and what is wrong with it.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::form_urlencoded;

use crate::{
    conversion::{DEFAULT_CURRENCY, EventType, MAX_TXN_ID_BYTES, parse_currency},
    event::check_event_time,
    id::{ClickId, InvalidId, LinkCode, OfferId, ShortId},
    money::{self, REVENUE_DECIMALS},
};

/// Characters that a message id may have.
const MAX_MESSAGE_ID: usize = 255;

/// Why a postback is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PostbackError {
    #[error("Neither link_id nor click_id was sent.")]
    MissingLinkId,
    #[error("There is no such link at this host.")]
    LinkNotFound,
    #[error("The click_id is not one of ours.")]
    InvalidClickId,
    #[error("The revenue is not a decimal number of 0 or more, with at most 8 decimals.")]
    InvalidRevenue,
    #[error("The event is not one of sale, lead, rebill, refund, chargeback, install, signup.")]
    InvalidEvent,
    #[error("The currency is not a code by ISO 4217, as in USD.")]
    InvalidCurrency,
    #[error("The txn_id is longer than 255 bytes, or has control characters.")]
    InvalidTxnId,
    #[error("The txn_id is required.")]
    MissingTxnId,
    #[error("The offer_id is required.")]
    MissingOfferId,
    #[error("There is no such offer.")]
    OfferNotFound,
    #[error("The postback_secret is not the offer's.")]
    InvalidPostbackSecret,
    #[error("The token is missing, or is none of the secrets that postbacks may be sent with.")]
    InvalidToken,
    #[error(
        "The signature is missing, or is not the HMAC-SHA256 in hexadecimal digits of the query \
         without it; parameters in a body are not taken."
    )]
    InvalidSignature,
    #[error("There is no such account.")]
    AccountNotFound,
    #[error("The revenue is larger than the account takes without a secret.")]
    RevenueTooLarge,
    #[error("The message_id is longer than 255 characters, or has control characters.")]
    InvalidMessageId,
    #[error("The body is neither a form nor a JSON object of texts and numbers.")]
    InvalidBody,
    #[error("The body is larger than 64 KiB, or did not arrive in time.")]
    UnreadableBody,
    #[error("Too many wrong links, offers or secrets came from this address. Retry in a minute.")]
    TooManyAttempts,
    #[error("The conversion cannot be recorded just now. Retry the request.")]
    Unavailable,
}

impl PostbackError {
    /// All of them: each names the next one, so that none can be left out.
    pub fn all() -> impl Iterator<Item = Self> {
        let next = |refused: &Self| {
            Some(match refused {
                Self::MissingLinkId => Self::LinkNotFound,
                Self::LinkNotFound => Self::InvalidClickId,
                Self::InvalidClickId => Self::InvalidRevenue,
                Self::InvalidRevenue => Self::InvalidEvent,
                Self::InvalidEvent => Self::InvalidCurrency,
                Self::InvalidCurrency => Self::InvalidTxnId,
                Self::InvalidTxnId => Self::MissingTxnId,
                Self::MissingTxnId => Self::MissingOfferId,
                Self::MissingOfferId => Self::OfferNotFound,
                Self::OfferNotFound => Self::InvalidPostbackSecret,
                Self::InvalidPostbackSecret => Self::InvalidToken,
                Self::InvalidToken => Self::InvalidSignature,
                Self::InvalidSignature => Self::AccountNotFound,
                Self::AccountNotFound => Self::RevenueTooLarge,
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

    /// Status and code.
    pub const fn status_and_code(self) -> (u16, &'static str) {
        match self {
            Self::MissingLinkId => (400, "missing_link_id"),
            Self::LinkNotFound => (404, "link_not_found"),
            Self::InvalidClickId => (400, "invalid_click_id"),
            Self::InvalidRevenue => (400, "invalid_revenue"),
            Self::InvalidEvent => (400, "invalid_event"),
            Self::InvalidCurrency => (400, "invalid_currency"),
            Self::InvalidTxnId => (400, "invalid_txn_id"),
            Self::MissingTxnId => (400, "missing_txn_id"),
            Self::MissingOfferId => (400, "missing_offer_id"),
            Self::OfferNotFound => (404, "offer_not_found"),
            Self::InvalidPostbackSecret => (403, "invalid_postback_secret"),
            Self::InvalidToken => (403, "invalid_token"),
            Self::InvalidSignature => (403, "invalid_signature"),
            Self::AccountNotFound => (404, "account_not_found"),
            Self::RevenueTooLarge => (400, "revenue_too_large"),
            Self::InvalidMessageId => (400, "invalid_message_id"),
            Self::InvalidBody => (400, "invalid_body"),
            Self::UnreadableBody => (413, "payload_too_large"),
            Self::TooManyAttempts => (429, "too_many_attempts"),
            Self::Unavailable => (503, "unavailable"),
        }
    }
}

/// What a postback that names a link or a click must prove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostbackMode {
    /// Nothing. What strangers may say is limited by [`crate::reversal`].
    #[default]
    Open,
    /// It has a secret in its parameter `token`.
    Token,
    /// Its parameter `signature` is the HMAC-SHA256 of its query by a secret.
    Signed,
}

impl PostbackMode {
    pub const NAMES: [&str; 3] = ["open", "token", "signed"];

    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "open" => Some(Self::Open),
            "token" => Some(Self::Token),
            "signed" => Some(Self::Signed),
            _ => None,
        }
    }
}

/// A secret that postbacks are signed with. It is never shown, nor logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SigningKey(String);

impl SigningKey {
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// The text that the signature of a query is of: the query as it was sent, but for the
/// signature. A pixel's link stands in its path, and before its query here.
pub fn signed_text(pixel_link_id: Option<&str>, query: &str) -> String {
    let link = pixel_link_id.map(|id| Cow::Owned(format!("link_id={id}")));
    let pairs = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("signature="))
        .map(Cow::Borrowed);
    let parts: Vec<_> = link.into_iter().chain(pairs).collect();
    parts.join("&")
}

/// Names and values, from the query first. The first of a name counts; an empty
/// value is none.
#[derive(Debug, Default)]
pub struct PostbackParameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> PostbackParameters<'a> {
    /// Adds what a query or a form says.
    pub fn add_form(&mut self, raw: &'a [u8]) {
        self.0.extend(form_urlencoded::parse(raw));
    }

    /// Adds the members of a JSON object. A number is taken as it is written.
    pub fn add_json(&mut self, body: &'a [u8]) -> Result<(), PostbackError> {
        let members: std::collections::BTreeMap<String, &'a RawValue> =
            serde_json::from_slice(body).map_err(|_| PostbackError::InvalidBody)?;
        for (name, value) in members {
            let value = value.get();
            let value = match value.as_bytes().first() {
                Some(b'"') => {
                    serde_json::from_str(value).map_err(|_| PostbackError::InvalidBody)?
                }
                Some(b'n') => continue,
                Some(b'{' | b'[') => return Err(PostbackError::InvalidBody),
                _ => value.to_owned(),
            };
            self.0.push((name.into(), value.into()));
        }
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }
}

/// A link by the name that it has in postbacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkRef {
    Short(ShortId),
    /// `lnk_...`
    Code(LinkCode),
}

impl LinkRef {
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        match LinkCode::parse_link_id(text) {
            Ok(code) => Ok(Self::Code(code)),
            Err(_) => ShortId::parse(text).map(Self::Short),
        }
    }
}

/// What is said of a conversion, whatever it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionDetails {
    pub event: EventType,
    pub revenue: Option<Decimal>,
    pub currency: String,
    pub txn_id: Option<String>,
}

impl ConversionDetails {
    pub fn from_parameters(parameters: &PostbackParameters<'_>) -> Result<Self, PostbackError> {
        let event = parameters
            .get("event")
            .map_or(Ok(EventType::Sale), |name| {
                EventType::parse(name, &EventType::POSTBACK_EVENTS)
                    .ok_or(PostbackError::InvalidEvent)
            })?;
        let revenue = parameters
            .get("revenue")
            .map(|text| money::parse(text, REVENUE_DECIMALS).ok_or(PostbackError::InvalidRevenue));
        let currency = parameters
            .get("currency")
            .map_or(Some(DEFAULT_CURRENCY.to_owned()), parse_currency);
        let txn_id = parameters.get("txn_id");
        Ok(Self {
            event,
            revenue: revenue.transpose()?,
            currency: currency.ok_or(PostbackError::InvalidCurrency)?,
            txn_id: bounded(txn_id, MAX_TXN_ID_BYTES).ok_or(PostbackError::InvalidTxnId)?,
        })
    }
}

/// What `/conv` is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkPostback {
    pub link: Option<LinkRef>,
    pub click_id: Option<ClickId>,
    pub details: ConversionDetails,
}

impl LinkPostback {
    pub fn from_parameters(
        parameters: &PostbackParameters<'_>,
        now: Timestamp,
    ) -> Result<Self, PostbackError> {
        let (link, click) = (parameters.get("link_id"), parameters.get("click_id"));
        if link.is_none() && click.is_none() {
            return Err(PostbackError::MissingLinkId);
        }
        let details = ConversionDetails::from_parameters(parameters)?;
        let click_id = click.map(|text| {
            let id = ClickId::parse(&text.to_ascii_lowercase());
            id.ok()
                .filter(|id| check_event_time(id.time(), now).is_ok())
                .ok_or(PostbackError::InvalidClickId)
        });
        let link = link.map(|text| LinkRef::parse(text).map_err(|_| PostbackError::LinkNotFound));
        Ok(Self {
            link: link.transpose()?,
            click_id: click_id.transpose()?,
            details,
        })
    }
}

/// What `/conv/offer` is of, once its secret has been compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferPostback {
    pub message_id: Option<String>,
    pub details: ConversionDetails,
}

impl OfferPostback {
    /// The offer that is named.
    pub fn offer_id(parameters: &PostbackParameters<'_>) -> Result<OfferId, PostbackError> {
        let text = parameters
            .get("offer_id")
            .ok_or(PostbackError::MissingOfferId)?;
        OfferId::parse(text).map_err(|_| PostbackError::OfferNotFound)
    }

    pub fn from_parameters(parameters: &PostbackParameters<'_>) -> Result<Self, PostbackError> {
        let message_id = parameters.get("message_id");
        let is_short = message_id.is_none_or(|id| id.chars().count() <= MAX_MESSAGE_ID);
        let message_id = bounded(message_id, usize::MAX).filter(|_| is_short);
        let details = ConversionDetails::from_parameters(parameters)?;
        if details.txn_id.is_none() {
            return Err(PostbackError::MissingTxnId);
        }
        Ok(Self {
            message_id: message_id.ok_or(PostbackError::InvalidMessageId)?,
            details,
        })
    }
}

/// `None` if there is a text that is too long or has control characters.
fn bounded(text: Option<&str>, max_bytes: usize) -> Option<Option<String>> {
    let is_good = |text: &&str| text.len() <= max_bytes && !text.chars().any(char::is_control);
    match text {
        None => Some(None),
        Some(text) => Some(text).filter(is_good).map(|text| Some(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const CLICK: &str = "01a11d5c-1e7b-7123-8123-456789abcdef";

    fn now() -> Timestamp {
        ClickId::parse(CLICK).unwrap().time()
    }

    fn of_link(query: &str) -> Result<LinkPostback, PostbackError> {
        let mut parameters = PostbackParameters::default();
        parameters.add_form(query.as_bytes());
        LinkPostback::from_parameters(&parameters, now())
    }

    #[rstest]
    #[case("", PostbackError::MissingLinkId)]
    #[case("link_id=&revenue=1", PostbackError::MissingLinkId)]
    #[case("link_id=Ab3kX9q&event=purchase", PostbackError::InvalidEvent)]
    #[case("link_id=Ab3kX9q&event=trial", PostbackError::InvalidEvent)]
    #[case("link_id=Ab3kX9q&revenue=NaN", PostbackError::InvalidRevenue)]
    #[case("link_id=Ab3kX9q&revenue=1e400", PostbackError::InvalidRevenue)]
    #[case("link_id=Ab3kX9q&revenue=-1", PostbackError::InvalidRevenue)]
    #[case("link_id=Ab3kX9q&revenue=1,50", PostbackError::InvalidRevenue)]
    #[case("link_id=Ab3kX9q&revenue=%7Bpayout%7D", PostbackError::InvalidRevenue)]
    #[case("link_id=Ab3kX9q&currency=dollars", PostbackError::InvalidCurrency)]
    #[case("link_id=Ab3kX9q&txn_id=a%00b", PostbackError::InvalidTxnId)]
    #[case("link_id=../etc", PostbackError::LinkNotFound)]
    #[case("click_id=%7Bclick_id%7D", PostbackError::InvalidClickId)]
    #[case(
        "click_id=a1b2c3d4-e5f6-4890-abcd-ef1234567890",
        PostbackError::InvalidClickId
    )]
    // Of the year 10889.
    #[case(
        "click_id=ffffffff-ffff-7fff-8fff-ffffffffffff",
        PostbackError::InvalidClickId
    )]
    fn what_is_wrong_with_a_postback_has_a_code(
        #[case] query: &str,
        #[case] expected: PostbackError,
    ) {
        assert_eq!(of_link(query), Err(expected));
    }

    #[test]
    fn a_postback_says_what_there_was() {
        let query = format!(
            "link_id=Ab3kX9q&click_id={CLICK}&event=Lead&revenue=12.50&currency=eur\
             &txn_id=order%201&txn_id=other"
        );
        let found = of_link(&query).unwrap();
        assert_eq!(found.link, LinkRef::parse("Ab3kX9q").ok());
        assert_eq!(found.click_id, ClickId::parse(CLICK).ok());
        let expected = ConversionDetails {
            event: EventType::Lead,
            revenue: Some("12.5".parse().unwrap()),
            currency: "EUR".into(),
            txn_id: Some("order 1".into()),
        };
        assert_eq!(found.details, expected);
        let found = of_link("link_id=lnk_x7kQ2mNp").unwrap();
        assert!(matches!(found.link, Some(LinkRef::Code(_))), "{found:?}");
        assert_eq!(found.details.event, EventType::Sale);
        assert_eq!(found.details.currency, "USD");
    }

    #[rstest]
    #[case(None, "link_id=a&revenue=1&signature=ff", "link_id=a&revenue=1")]
    #[case(None, "signature=ff&link_id=a&revenue=%31", "link_id=a&revenue=%31")]
    #[case(None, "signature=ff&b=2&signature=00", "b=2")]
    #[case(None, "", "")]
    #[case(Some("Ab3kX9q"), "revenue=1&signature=ff", "link_id=Ab3kX9q&revenue=1")]
    #[case(Some("Ab3kX9q"), "", "link_id=Ab3kX9q")]
    fn a_signature_is_of_the_query_without_it(
        #[case] pixel_link_id: Option<&str>,
        #[case] query: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(signed_text(pixel_link_id, query), expected);
    }

    #[test]
    fn a_signing_key_is_not_shown() {
        let key = SigningKey::new("a secret of sixteen".to_owned());
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }

    #[test]
    fn a_transaction_ends_at_255_bytes() {
        let with = |n: usize| of_link(&format!("link_id=Ab3kX9q&txn_id={}", "x".repeat(n)));
        assert!(with(255).is_ok());
        assert_eq!(with(256), Err(PostbackError::InvalidTxnId));
        assert_eq!(with(10_240), Err(PostbackError::InvalidTxnId));
    }

    #[rstest]
    #[case(r#"{"link_id": "Ab3kX9q", "revenue": 12.50, "txn_id": null}"#, None)]
    #[case(
        r#"{"link_id": "Ab3kX9q", "revenue": 1e400}"#,
        Some(PostbackError::InvalidRevenue)
    )]
    #[case(r#"{"link_id": {"a": 1}}"#, Some(PostbackError::InvalidBody))]
    #[case("[]", Some(PostbackError::InvalidBody))]
    #[case("{", Some(PostbackError::InvalidBody))]
    fn a_json_body_is_as_good_as_a_form(
        #[case] body: &str,
        #[case] expected: Option<PostbackError>,
    ) {
        let mut parameters = PostbackParameters::default();
        let read = parameters.add_json(body.as_bytes());
        let found = read.and_then(|()| LinkPostback::from_parameters(&parameters, now()));
        assert_eq!(found.as_ref().err().copied(), expected);
        if let Ok(found) = found {
            assert_eq!(
                found.details.revenue.map(|r| r.to_string()).as_deref(),
                Some("12.5")
            );
        }
    }

    #[test]
    fn an_offers_postback_needs_a_transaction() {
        let read = |query: &str| {
            let mut parameters = PostbackParameters::default();
            parameters.add_form(query.as_bytes());
            OfferPostback::offer_id(&parameters)
                .and_then(|_| OfferPostback::from_parameters(&parameters))
        };
        let offer = "offer_id=6789abcd1234ef5678901234";
        assert_eq!(read("txn_id=1"), Err(PostbackError::MissingOfferId));
        assert_eq!(
            read("offer_id=1&txn_id=1"),
            Err(PostbackError::OfferNotFound)
        );
        assert_eq!(read(offer), Err(PostbackError::MissingTxnId));
        let long = format!("{offer}&txn_id=1&message_id={}", "x".repeat(256));
        assert_eq!(read(&long), Err(PostbackError::InvalidMessageId));
        let found = read(&format!("{offer}&txn_id=1&message_id=m-1")).unwrap();
        assert_eq!(found.message_id.as_deref(), Some("m-1"));
    }
}
