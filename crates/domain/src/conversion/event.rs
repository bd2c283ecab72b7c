//! The conversion: edge-redirector spools and publishes it beside clicks, click-worker
//! stores it and credits it to a click.
//!
//! [`crate::event`] has what it shares with clicks, [`crate::dedupe`] what makes two
//! conversions the same. The doc comments of the fields are also the descriptions in the
//! published JSON schema.

use std::{borrow::Cow, fmt, net::IpAddr};

use jiff::Timestamp;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{InvalidEvent, check_event_time, check_no_nul, is_false, write_json_line},
    id::{AccountId, CampaignId, ClickId, ConversionId, LinkKey, OfferId, ShortId},
};

/// The most bytes that a `txn_id` may have.
pub const MAX_TXN_ID_BYTES: usize = 255;
/// The currency of a conversion that names none.
pub const DEFAULT_CURRENCY: &str = "USD";
/// For how many days after a click its conversions are credited to it, if neither the offer
/// nor the campaign sets a window.
pub const DEFAULT_CLICK_WINDOW_DAYS: i32 = 90;

/// What the visitor did, as the sender of the conversion names it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    Sale,
    Lead,
    Rebill,
    Refund,
    Chargeback,
    Install,
    Signup,
    Trial,
}

impl EventType {
    /// The events that a postback may name.
    pub const POSTBACK_EVENTS: [Self; 7] = [
        Self::Sale,
        Self::Lead,
        Self::Rebill,
        Self::Refund,
        Self::Chargeback,
        Self::Install,
        Self::Signup,
    ];

    pub const ALL: [Self; 8] = [
        Self::Sale,
        Self::Lead,
        Self::Rebill,
        Self::Refund,
        Self::Chargeback,
        Self::Install,
        Self::Signup,
        Self::Trial,
    ];

    /// The events that the affiliate API takes.
    pub const AFFILIATE_EVENTS: [Self; 4] = [Self::Sale, Self::Lead, Self::Signup, Self::Trial];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Lead => "lead",
            Self::Rebill => "rebill",
            Self::Refund => "refund",
            Self::Chargeback => "chargeback",
            Self::Install => "install",
            Self::Signup => "signup",
            Self::Trial => "trial",
        }
    }

    /// The event of this name if it is one of `allowed`. Upper and lower case are the same.
    pub fn parse(name: &str, allowed: &[Self]) -> Option<Self> {
        let is_named = |event: &&Self| event.as_str().eq_ignore_ascii_case(name);
        allowed.iter().find(is_named).copied()
    }

    /// Whether the event takes revenue back. A reversal is not counted as a conversion, and
    /// its amount is subtracted.
    pub const fn is_reversal(self) -> bool {
        matches!(self, Self::Refund | Self::Chargeback)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The endpoint that received the conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConversionSource {
    /// `/conv`: a postback for a link or a click.
    Conv,
    /// `/conv/offer`: a postback for an offer, which needs no click.
    Offer,
    /// `/pixel/<link_id>.gif`: an image on a page that the visitor sees.
    Pixel,
    /// `/api/conversions`: the affiliate API.
    Api,
}

impl ConversionSource {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conv => "conv",
            Self::Offer => "offer",
            Self::Pixel => "pixel",
            Self::Api => "api",
        }
    }
}

/// One conversion. A field without a value is left out; `null` means the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conversion<'a> {
    /// UUIDv7: the time at which the conversion was received is part of it. It is the
    /// conversion's idempotency key.
    pub conversion_id: ConversionId,
    pub source: ConversionSource,
    pub event: EventType,
    /// Absent if the sender named only a click: then it is the click's account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_id: Option<ClickId>,
    /// The number of the database row of the link that the sender named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_key: Option<LinkKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_id: Option<Cow<'a, ShortId>>,
    /// The link's offer, or the offer that the sender named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<Cow<'a, CampaignId>>,
    /// The link's message, or the message that the sender named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Cow<'a, str>>,
    /// The phone number of the link's contact in E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_phone: Option<Cow<'a, str>>,
    /// The amount that the sender named, 0 or more. Without one the offer's payout counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub revenue: Option<Decimal>,
    /// The currency of the amount, ISO 4217.
    pub currency: Cow<'a, str>,
    /// The sender's name of the transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txn_id: Option<Cow<'a, str>>,
    /// Whether the request proved by a secret that the owner of the account or offer sent it.
    /// Without a proof anybody may have sent it, so reversals are limited.
    #[serde(default, skip_serializing_if = "is_false")]
    pub authenticated: bool,
    /// The address that the request came from: the visitor's for a pixel.
    pub ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Cow<'a, str>>,
}

impl Conversion<'_> {
    /// Whether the conversion came with a secret. Redirectors from before the field
    /// `authenticated` took postbacks for an offer only with the offer's secret.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated || self.source == ConversionSource::Offer
    }

    /// Appends the conversion as one line of JSON, with its newline.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        write_json_line(self, out);
    }
}

impl Conversion<'static> {
    /// Reads a line. A conversion that this returns can be stored without further checks.
    pub fn parse_line(line: &[u8], now: Timestamp) -> Result<Self, InvalidEvent> {
        let conversion: Self = serde_json::from_slice(line)?;
        check_no_nul(conversion.texts())?;
        check_event_time(conversion.conversion_id.time(), now)?;
        Ok(conversion)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        [
            &self.message_id,
            &self.contact_phone,
            &self.txn_id,
            &self.user_agent,
        ]
        .into_iter()
        .filter_map(|text| text.as_deref())
        .chain([&*self.currency])
    }
}

/// A currency code as ISO 4217 has them: three letters, returned in upper case. The code is not
/// looked up in a list.
pub fn parse_currency(text: &str) -> Option<String> {
    let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_code.then(|| text.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn conversion() -> Conversion<'static> {
        Conversion {
            conversion_id: ConversionId::parse("01a11d5c-1e7b-7123-8123-456789abcdef").unwrap(),
            source: ConversionSource::Conv,
            event: EventType::Sale,
            account_id: Some(AccountId(1)),
            click_id: None,
            link_key: Some(LinkKey(7)),
            link_id: Some(Cow::Owned(ShortId::parse("Ab3kX9q").unwrap())),
            offer_id: None,
            campaign_id: None,
            message_id: None,
            contact_phone: None,
            revenue: Some("12.50".parse().unwrap()),
            currency: "USD".into(),
            txn_id: Some("order-1".into()),
            authenticated: false,
            ip: [203, 0, 113, 9].into(),
            user_agent: None,
        }
    }

    #[test]
    fn a_conversion_is_written_as_one_line_and_read_back() {
        let conversion = conversion();
        let now = conversion.conversion_id.time();
        let mut line = Vec::new();
        conversion.write_line(&mut line);
        assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1);
        let text = String::from_utf8_lossy(&line);
        assert!(text.contains(r#""revenue":"12.50""#), "{text}");
        assert_eq!(Conversion::parse_line(&line, now).unwrap(), conversion);
    }

    #[test]
    fn a_text_that_postgres_cannot_store_is_refused() {
        let mut conversion = conversion();
        conversion.txn_id = Some("a\0b".into());
        let mut line = Vec::new();
        conversion.write_line(&mut line);
        let result = Conversion::parse_line(&line, conversion.conversion_id.time());
        assert!(
            matches!(result, Err(InvalidEvent::NulCharacter)),
            "{result:?}"
        );
    }

    #[rstest]
    #[case("sale", Some(EventType::Sale))]
    #[case("Chargeback", Some(EventType::Chargeback))]
    #[case("trial", None)]
    #[case("purchase", None)]
    #[case("", None)]
    fn a_postback_names_one_of_its_events_in_any_case(
        #[case] name: &str,
        #[case] expected: Option<EventType>,
    ) {
        assert_eq!(
            EventType::parse(name, &EventType::POSTBACK_EVENTS),
            expected
        );
    }

    #[rstest]
    #[case("USD", Some("USD"))]
    #[case("eur", Some("EUR"))]
    #[case("US", None)]
    #[case("US$", None)]
    #[case("", None)]
    fn a_currency_has_three_letters(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(parse_currency(text).as_deref(), expected);
    }
}
