//! The event of a conversion. The doc comments of the fields are also the descriptions in the
//! published JSON schema.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use jiff::Timestamp;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConversionSource, ConversionStatus, EventType};
use crate::{
    coupon::CouponCode,
    event::{InvalidEvent, check_event_time, check_no_nul, is_false, write_json_line},
    id::{AccountId, CampaignId, ClickId, ConversionId, LinkKey, OfferId, ShortId},
};

/// What could not be read of a request, or is noteworthy about a conversion. Reports and
/// exports show it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ConversionFlag {
    /// The sender named an amount that has no one meaning: the offer's payout counts.
    AmountUnreadable,
    /// The amount was rounded to the decimals of its currency.
    AmountRounded,
    /// The sender named a currency that is in no list: the default currency counts.
    CurrencyUnknown,
    /// The sender named a transaction that is longer than 255 bytes; a digest of it counts.
    TxnIdShortened,
    /// It repeats a conversion that is stored already.
    Repeated,
}

impl ConversionFlag {
    const ALL: [Self; 5] = [
        Self::AmountUnreadable,
        Self::AmountRounded,
        Self::CurrencyUnknown,
        Self::TxnIdShortened,
        Self::Repeated,
    ];

    /// The flag of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.as_str() == name)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AmountUnreadable => "amount_unreadable",
            Self::AmountRounded => "amount_rounded",
            Self::CurrencyUnknown => "currency_unknown",
            Self::TxnIdShortened => "txn_id_shortened",
            Self::Repeated => "repeated",
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
    /// Whether the network has decided about it; `approved` is left out.
    #[serde(default, skip_serializing_if = "ConversionStatus::is_approved")]
    pub status: ConversionStatus,
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
    /// The offer of the link or coupon, or the offer that the sender named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<Cow<'a, CampaignId>>,
    /// The link's message, or the message that the sender named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Cow<'a, str>>,
    /// The phone number of the contact of the link or coupon in E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_phone: Option<Cow<'a, str>>,
    /// The coupon that the customer used, with which the sender named the conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<Cow<'a, CouponCode>>,
    /// The amount that the sender named, 0 or more. Without one the offer's payout counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub revenue: Option<Decimal>,
    /// The currency of the amount, ISO 4217.
    pub currency: Cow<'a, str>,
    /// Whether it earns nothing if the sender names no amount: the offer's payout is for other
    /// events.
    #[serde(default, skip_serializing_if = "is_false")]
    pub without_payout: bool,
    /// The sender's name of the transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txn_id: Option<Cow<'a, str>>,
    /// The sender's name of a refund or chargeback, of which a transaction can have several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<Cow<'a, str>>,
    /// A digest of the parameters of a request that a server sent for a link, without a click
    /// or a transaction: the same request again within a minute is a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_digest: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<ConversionFlag>,
    /// The parameters of a postback that names nothing but a click: they are read again by the
    /// mapping of the click's account and offer, once it is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
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
            &self.refund_id,
            &self.request_digest,
            &self.user_agent,
        ]
        .into_iter()
        .filter_map(|text| text.as_deref())
        .chain([&*self.currency])
        .chain(
            self.parameters
                .iter()
                .flat_map(|(name, value)| [&**name, &**value]),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversion() -> Conversion<'static> {
        Conversion {
            conversion_id: ConversionId::parse("01a11d5c-1e7b-7123-8123-456789abcdef").unwrap(),
            source: ConversionSource::Conv,
            event: EventType::Sale,
            status: ConversionStatus::Approved,
            account_id: Some(AccountId(1)),
            click_id: None,
            link_key: Some(LinkKey(7)),
            link_id: Some(Cow::Owned(ShortId::parse("Ab3kX9q").unwrap())),
            offer_id: None,
            campaign_id: None,
            message_id: None,
            contact_phone: None,
            coupon: None,
            revenue: Some("12.50".parse().unwrap()),
            currency: "USD".into(),
            without_payout: false,
            txn_id: Some("order-1".into()),
            refund_id: None,
            request_digest: None,
            flags: Vec::new(),
            parameters: BTreeMap::new(),
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
}
