//! The conversion: what edge-redirector spools and publishes beside clicks, and
//! click-worker stores and credits. One conversion is one line of JSON.

use std::{borrow::Cow, fmt, net::IpAddr};

use jiff::Timestamp;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{InvalidEvent, check_event_time, check_no_nul, is_false, write_json_line},
    id::{AccountId, CampaignId, ClickId, ConversionId, LinkKey, OfferId, ShortId},
};

/// Bytes that a `txn_id` may have.
pub const MAX_TXN_ID_BYTES: usize = 255;
/// What a conversion is in where nothing is said.
pub const DEFAULT_CURRENCY: &str = "USD";
/// How long after a click its conversions are credited, where neither offer nor
/// campaign says so.
pub const DEFAULT_CLICK_WINDOW_DAYS: i32 = 90;

/// What happened.
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
    /// What postbacks may name.
    pub const POSTBACK_EVENTS: [Self; 7] = [
        Self::Sale,
        Self::Lead,
        Self::Rebill,
        Self::Refund,
        Self::Chargeback,
        Self::Install,
        Self::Signup,
    ];

    /// All of them.
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

    /// What the affiliate API may name.
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

    /// One of `allowed` by its name, in either case.
    pub fn parse(name: &str, allowed: &[Self]) -> Option<Self> {
        let is_named = |event: &&Self| event.as_str().eq_ignore_ascii_case(name);
        allowed.iter().find(is_named).copied()
    }

    /// Whether it takes revenue back: then it is no conversion, and its amount
    /// is subtracted.
    pub const fn is_reversal(self) -> bool {
        matches!(self, Self::Refund | Self::Chargeback)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The way it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConversionSource {
    /// `/conv`
    Conv,
    /// `/conv/offer`: needs no click.
    Offer,
    /// `/pixel/<link_id>.gif`
    Pixel,
    /// `/api/conversions`
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

/// One conversion. Absent is `null`: fields without a value are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conversion<'a> {
    /// UUIDv7. Its time is when it was received; it is the idempotency key.
    pub conversion_id: ConversionId,
    pub source: ConversionSource,
    pub event: EventType,
    /// Absent where only a click id was sent: the click's account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_id: Option<ClickId>,
    /// The row of the link that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_key: Option<LinkKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_id: Option<Cow<'a, ShortId>>,
    /// The link's, or the one that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<Cow<'a, CampaignId>>,
    /// The link's, or the one that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Cow<'a, str>>,
    /// The link's, in E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_phone: Option<Cow<'a, str>>,
    /// As it was sent: 0 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub revenue: Option<Decimal>,
    /// ISO 4217.
    pub currency: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txn_id: Option<Cow<'a, str>>,
    /// Whether the request proved by a secret that the account's or offer's owner sent it.
    /// Else a stranger may have: its reversals are limited ([`crate::reversal`]).
    #[serde(default, skip_serializing_if = "is_false")]
    pub authenticated: bool,
    /// Whose request it was: the visitor's for a pixel.
    pub ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Cow<'a, str>>,
}

impl Conversion<'_> {
    /// Whether a secret came with it. Redirectors of before this was said did not take an
    /// offer's without one.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated || self.source == ConversionSource::Offer
    }

    /// Appends the conversion as one line, with its newline.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        write_json_line(self, out);
    }
}

impl Conversion<'static> {
    /// Reads a line. What passes can be stored: parsing is the only check.
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

/// What tells a conversion from another: of those with the same key in one
/// account, the earliest is stored and the others are not.
#[derive(Debug, Clone, Copy)]
pub struct DedupeFields<'a> {
    pub event: EventType,
    pub txn_id: Option<&'a str>,
    pub click_id: Option<ClickId>,
    pub link_key: Option<LinkKey>,
    /// The visitor, who is another one every day (UTC).
    pub visitor: &'a str,
}

impl DedupeFields<'_> {
    /// By `txn_id`; without one by click, or else by link and visitor, who is
    /// another one after a day.
    pub fn dedupe_key(&self) -> String {
        let event = self.event;
        match (self.txn_id, self.click_id, self.link_key) {
            (Some(txn_id), _, _) => format!("t:{event}:{txn_id}"),
            (None, Some(click_id), _) => format!("c:{event}:{click_id}"),
            (None, None, link_key) => {
                let link_key = link_key.map_or(0, |key| key.0);
                format!("l:{event}:{link_key}:{}", self.visitor)
            }
        }
    }
}

/// The keys of all conversions that a transaction can have.
pub fn transaction_dedupe_keys(txn_id: &str) -> impl Iterator<Item = String> {
    EventType::ALL.into_iter().map(move |event| {
        let identity = DedupeFields {
            event,
            txn_id: Some(txn_id),
            click_id: None,
            link_key: None,
            visitor: "",
        };
        identity.dedupe_key()
    })
}

/// A currency by ISO 4217: three letters, in upper case.
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
    fn a_conversion_is_one_line_and_comes_back_whole() {
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
    fn what_postgres_cannot_hold_is_refused() {
        let mut conversion = conversion();
        conversion.txn_id = Some("a\0b".into());
        let mut line = Vec::new();
        conversion.write_line(&mut line);
        let refused = Conversion::parse_line(&line, conversion.conversion_id.time());
        assert!(
            matches!(refused, Err(InvalidEvent::NulCharacter)),
            "{refused:?}"
        );
    }

    #[rstest]
    #[case(Some("order-1"), true, "t:lead:order-1")]
    #[case(Some("order-1"), false, "t:lead:order-1")]
    #[case(None, true, "c:lead:01a11d5c-1e7b-7123-8123-456789abcdef")]
    #[case(None, false, "l:lead:7:abc")]
    fn a_conversion_is_known_by_its_transaction_its_click_or_its_visitor(
        #[case] txn_id: Option<&str>,
        #[case] has_click: bool,
        #[case] expected: &str,
    ) {
        let click_id = ClickId::parse("01a11d5c-1e7b-7123-8123-456789abcdef").ok();
        let identity = DedupeFields {
            event: EventType::Lead,
            txn_id,
            click_id: click_id.filter(|_| has_click),
            link_key: Some(LinkKey(7)),
            visitor: "abc",
        };
        assert_eq!(identity.dedupe_key(), expected);
    }

    #[rstest]
    #[case("sale", Some(EventType::Sale))]
    #[case("Chargeback", Some(EventType::Chargeback))]
    #[case("trial", None)]
    #[case("purchase", None)]
    #[case("", None)]
    fn postbacks_name_events(#[case] name: &str, #[case] expected: Option<EventType>) {
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
