//! Postbacks: the requests by which advertisers and networks report conversions. This module
//! parses their parameters; it neither looks up what they name nor checks secrets.

mod error;
mod parameters;
mod proof;

use jiff::Timestamp;
use rust_decimal::Decimal;

pub use self::{
    error::PostbackError,
    parameters::PostbackParameters,
    proof::{PostbackMode, SigningKey, signed_text},
};
use crate::{
    conversion::{DEFAULT_CURRENCY, EventType, MAX_TXN_ID_BYTES, parse_currency},
    event::check_event_time,
    id::{ClickId, InvalidId, LinkCode, OfferId, ShortId},
    money::{self, REVENUE_DECIMALS},
};

/// The most characters that a `message_id` may have.
const MAX_MESSAGE_ID_CHARS: usize = 255;

/// A postback to `/conv` or a pixel: it names a link, a click or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkPostback {
    pub link: Option<LinkRef>,
    pub click_id: Option<ClickId>,
    pub details: ConversionDetails,
}

impl LinkPostback {
    /// Parses the parameters. A click id whose time is too far from `now` is refused: we
    /// cannot have issued it.
    pub fn from_parameters(
        parameters: &PostbackParameters<'_>,
        now: Timestamp,
    ) -> Result<Self, PostbackError> {
        let (link_id, click_id) = (parameters.get("link_id"), parameters.get("click_id"));
        if link_id.is_none() && click_id.is_none() {
            return Err(PostbackError::MissingLinkId);
        }
        let details = ConversionDetails::from_parameters(parameters)?;
        let link = link_id
            .map(|text| LinkRef::parse(text).map_err(|_| PostbackError::LinkNotFound))
            .transpose()?;
        let click_id = click_id
            .map(|text| parse_click_id(text, now).ok_or(PostbackError::InvalidClickId))
            .transpose()?;
        Ok(Self {
            link,
            click_id,
            details,
        })
    }
}

fn parse_click_id(text: &str, now: Timestamp) -> Option<ClickId> {
    let click_id = ClickId::parse(&text.to_ascii_lowercase()).ok()?;
    check_event_time(click_id.time(), now).ok()?;
    Some(click_id)
}

/// A postback to `/conv/offer`: it names an offer and needs no click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferPostback {
    pub message_id: Option<String>,
    pub details: ConversionDetails,
}

impl OfferPostback {
    /// The offer that the postback names. It is parsed apart from the rest: the caller checks
    /// the offer's secret first, and then what else the postback has.
    pub fn offer_id(parameters: &PostbackParameters<'_>) -> Result<OfferId, PostbackError> {
        let text = parameters
            .get("offer_id")
            .ok_or(PostbackError::MissingOfferId)?;
        OfferId::parse(text).map_err(|_| PostbackError::OfferNotFound)
    }

    /// Parses all parameters but the offer and its secret.
    pub fn from_parameters(parameters: &PostbackParameters<'_>) -> Result<Self, PostbackError> {
        let details = ConversionDetails::from_parameters(parameters)?;
        if details.txn_id.is_none() {
            return Err(PostbackError::MissingTxnId);
        }
        let is_valid_message_id = |text: &str| {
            text.chars().count() <= MAX_MESSAGE_ID_CHARS && has_no_control_character(text)
        };
        Ok(Self {
            message_id: parameters
                .get_valid("message_id", is_valid_message_id)
                .map_err(|()| PostbackError::InvalidMessageId)?,
            details,
        })
    }
}

/// The parameters that describe the conversion itself, in every kind of postback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionDetails {
    /// A sale if the postback names no event.
    pub event: EventType,
    pub revenue: Option<Decimal>,
    pub currency: String,
    pub txn_id: Option<String>,
}

impl ConversionDetails {
    pub fn from_parameters(parameters: &PostbackParameters<'_>) -> Result<Self, PostbackError> {
        let event = match parameters.get("event") {
            Some(name) => EventType::from_name(name).ok_or(PostbackError::InvalidEvent)?,
            None => EventType::Sale,
        };
        let revenue = parameters
            .get("revenue")
            .map(|text| money::parse(text, REVENUE_DECIMALS).ok_or(PostbackError::InvalidRevenue))
            .transpose()?;
        let currency = match parameters.get("currency") {
            Some(text) => parse_currency(text).ok_or(PostbackError::InvalidCurrency)?,
            None => DEFAULT_CURRENCY.to_owned(),
        };
        let is_valid_txn_id =
            |text: &str| text.len() <= MAX_TXN_ID_BYTES && has_no_control_character(text);
        Ok(Self {
            event,
            revenue,
            currency,
            txn_id: parameters
                .get_valid("txn_id", is_valid_txn_id)
                .map_err(|()| PostbackError::InvalidTxnId)?,
        })
    }
}

/// The `link_id` of a postback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkRef {
    /// The path of a short link.
    Short(ShortId),
    /// The id of a campaign link: `lnk_` and this code.
    Code(LinkCode),
}

impl LinkRef {
    /// A text that starts with `lnk_` is tried as the id of a campaign link first.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        match LinkCode::parse_link_id(text) {
            Ok(code) => Ok(Self::Code(code)),
            Err(_) => ShortId::parse(text).map(Self::Short),
        }
    }
}

fn has_no_control_character(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const CLICK: &str = "01a11d5c-1e7b-7123-8123-456789abcdef";

    fn now() -> Timestamp {
        ClickId::parse(CLICK).unwrap().time()
    }

    fn parse(query: &str) -> Result<LinkPostback, PostbackError> {
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
    // The id's time is in the year 10889.
    #[case(
        "click_id=ffffffff-ffff-7fff-8fff-ffffffffffff",
        PostbackError::InvalidClickId
    )]
    fn each_fault_of_a_postback_has_its_error(
        #[case] query: &str,
        #[case] expected: PostbackError,
    ) {
        assert_eq!(parse(query), Err(expected));
    }

    #[test]
    fn all_parameters_of_a_postback_are_parsed() {
        let query = format!(
            "link_id=Ab3kX9q&click_id={CLICK}&event=Lead&revenue=12.50&currency=eur\
             &txn_id=order%201&txn_id=other"
        );
        let postback = parse(&query).unwrap();
        assert_eq!(postback.link, LinkRef::parse("Ab3kX9q").ok());
        assert_eq!(postback.click_id, ClickId::parse(CLICK).ok());
        let expected = ConversionDetails {
            event: EventType::Lead,
            revenue: Some("12.5".parse().unwrap()),
            currency: "EUR".into(),
            txn_id: Some("order 1".into()),
        };
        assert_eq!(postback.details, expected);
    }

    #[test]
    fn a_postback_without_event_and_currency_is_a_sale_in_dollars() {
        let postback = parse("link_id=lnk_x7kQ2mNp").unwrap();
        assert!(
            matches!(postback.link, Some(LinkRef::Code(_))),
            "{postback:?}"
        );
        assert_eq!(postback.details.event, EventType::Sale);
        assert_eq!(postback.details.currency, "USD");
    }

    #[test]
    fn a_transaction_has_at_most_255_bytes() {
        let with_txn_id_bytes =
            |n: usize| parse(&format!("link_id=Ab3kX9q&txn_id={}", "x".repeat(n)));
        assert!(with_txn_id_bytes(255).is_ok());
        assert_eq!(with_txn_id_bytes(256), Err(PostbackError::InvalidTxnId));
        assert_eq!(with_txn_id_bytes(10_240), Err(PostbackError::InvalidTxnId));
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
    fn a_json_body_gives_the_same_parameters_as_a_form(
        #[case] body: &str,
        #[case] expected: Option<PostbackError>,
    ) {
        let mut parameters = PostbackParameters::default();
        let added = parameters.add_json(body.as_bytes());
        let postback = added.and_then(|()| LinkPostback::from_parameters(&parameters, now()));
        assert_eq!(postback.as_ref().err().copied(), expected);
        if let Ok(postback) = postback {
            assert_eq!(postback.details.revenue, "12.5".parse().ok());
        }
    }

    #[test]
    fn a_postback_for_an_offer_needs_a_transaction() {
        let parse = |query: &str| {
            let mut parameters = PostbackParameters::default();
            parameters.add_form(query.as_bytes());
            OfferPostback::offer_id(&parameters)
                .and_then(|_| OfferPostback::from_parameters(&parameters))
        };
        let offer = "offer_id=6789abcd1234ef5678901234";
        assert_eq!(parse("txn_id=1"), Err(PostbackError::MissingOfferId));
        assert_eq!(
            parse("offer_id=1&txn_id=1"),
            Err(PostbackError::OfferNotFound)
        );
        assert_eq!(parse(offer), Err(PostbackError::MissingTxnId));
        let long = format!("{offer}&txn_id=1&message_id={}", "x".repeat(256));
        assert_eq!(parse(&long), Err(PostbackError::InvalidMessageId));
        let postback = parse(&format!("{offer}&txn_id=1&message_id=m-1")).unwrap();
        assert_eq!(postback.message_id.as_deref(), Some("m-1"));
    }
}
