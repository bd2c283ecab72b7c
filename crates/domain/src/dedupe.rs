//! Which conversions are the same one, sent twice.
//!
//! The keys are texts that are compared byte by byte. A key begins with the order that the
//! conversion belongs to, so that all of an order's are next to each other in the index of
//! `conversions (account_id, dedupe_key)`.

use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::{
    conversion::EventType,
    id::{ClickId, ConversionId, LinkKey},
};

/// For how long the repetition of a request without an identity of its own is taken for a
/// retry of the sender.
pub const RETRY_WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// Stands between the parts of a key. No `txn_id` has control characters.
const SEPARATOR: char = '\u{1f}';

/// The fields that conversions of one account are deduplicated by.
#[derive(Debug, Clone, Copy)]
pub struct DedupeFields<'a> {
    pub conversion_id: ConversionId,
    pub event: EventType,
    pub offer_id: Option<&'a str>,
    pub txn_id: Option<&'a str>,
    pub click_id: Option<ClickId>,
    pub link_key: Option<LinkKey>,
    /// The digest of a server's request that names neither transaction nor click.
    pub request_digest: Option<&'a str>,
    /// The visitor hash, which changes every day (UTC).
    pub visitor: &'a str,
    /// The sender's name of a reversal.
    pub refund_id: Option<&'a str>,
    /// The amount that the sender named.
    pub revenue: Option<Decimal>,
    /// Whether a repetition is stored as a conversion of its own
    /// ([`crate::conversion::DuplicateMode`]).
    pub stores_repetitions: bool,
}

/// What makes a conversion the same as another one of its account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// All conversions with this key are the same one.
    Key(String),
    /// Conversions with this key are the same one if they are at most [`RETRY_WINDOW`] apart.
    KeyInWindow(String),
}

impl DedupeFields<'_> {
    /// The order: the offer and the transaction (`t:`); without a transaction the click (`c:`);
    /// without a click the link with the digest of the request (`w:`) or with the visitor
    /// (`l:`).
    fn order(&self) -> String {
        let link_key = self.link_key.map_or(0, |key| key.0);
        match (self.txn_id, self.click_id, self.request_digest) {
            (Some(txn_id), _, _) => transaction_order(self.offer_id, txn_id),
            (None, Some(click_id), _) => format!("c:{click_id}"),
            (None, None, Some(digest)) => format!("w:{link_key}:{digest}"),
            (None, None, None) => format!("l:{link_key}:{}", self.visitor),
        }
    }

    /// The order and the event. A transaction may have several reversals: they are told apart
    /// by the sender's name of them, or else by their amount and time.
    pub fn identity(&self) -> Identity {
        let order = self.order();
        let event = self.event;
        let key = format!("{order}{SEPARATOR}{event}");
        let is_windowed = order.starts_with("w:") || self.stores_repetitions;
        match (event.is_reversal(), self.refund_id) {
            (true, Some(refund_id)) => Identity::Key(format!("{key}{SEPARATOR}{refund_id}")),
            (true, None) => {
                let amount = self.revenue.map(|amount| amount.normalize().to_string());
                let amount = amount.unwrap_or_default();
                Identity::KeyInWindow(format!("{key}{SEPARATOR}{amount}"))
            }
            (false, _) if is_windowed => Identity::KeyInWindow(key),
            (false, _) => Identity::Key(key),
        }
    }

    /// The key under which the conversion is stored: there is one conversion of each.
    pub fn dedupe_key(&self) -> String {
        match self.identity() {
            Identity::Key(key) => key,
            Identity::KeyInWindow(key) => format!("{key}{SEPARATOR}@{}", self.conversion_id),
        }
    }
}

impl Identity {
    /// The stored keys of the conversions that a conversion received at `time` is the same as.
    pub fn stored_keys(&self, time: Timestamp) -> RangeInclusive<String> {
        match self {
            Self::Key(key) => key.clone()..=key.clone(),
            Self::KeyInWindow(key) => {
                let bound = |time: Timestamp, last: char| {
                    // The ids of a millisecond begin with it, in 12 hexadecimal digits.
                    let ms = u64::try_from(time.as_millisecond()).unwrap_or(0);
                    let (high, low) = (ms >> 16, ms & 0xffff);
                    format!("{key}{SEPARATOR}@{high:08x}-{low:04x}{last}")
                };
                bound(time - RETRY_WINDOW, '-')..=bound(time + RETRY_WINDOW, '.')
            }
        }
    }

    /// The stored keys of the conversions of this identity, whenever they were received.
    pub fn all_stored_keys(&self) -> RangeInclusive<String> {
        match self {
            Self::Key(key) => key.clone()..=key.clone(),
            // `~` follows all digits of an id.
            Self::KeyInWindow(key) => format!("{key}{SEPARATOR}@")..=format!("{key}{SEPARATOR}@~"),
        }
    }
}

/// The order of a stored key.
pub fn order_of_key(dedupe_key: &str) -> &str {
    let (order, _) = dedupe_key.split_once(SEPARATOR).unwrap_or((dedupe_key, ""));
    order
}

/// Whether the senders have named the order: it is a transaction or a click.
pub fn is_named_order(order: &str) -> bool {
    order.starts_with("t:") || order.starts_with("c:")
}

fn transaction_order(offer_id: Option<&str>, txn_id: &str) -> String {
    format!("t:{}:{txn_id}", offer_id.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const CLICK: &str = "01a11d5c-1e7b-7123-8123-456789abcdef";

    fn fields<'a>(event: EventType, txn_id: Option<&'a str>) -> DedupeFields<'a> {
        DedupeFields {
            conversion_id: ConversionId::parse(CLICK).unwrap(),
            event,
            offer_id: Some("o1"),
            txn_id,
            click_id: None,
            link_key: Some(LinkKey(7)),
            request_digest: None,
            visitor: "abc",
            refund_id: None,
            revenue: "10.50".parse().ok(),
            stores_repetitions: false,
        }
    }

    #[rstest]
    #[case(fields(EventType::Lead, Some("order-1")), "t:o1:order-1|lead")]
    #[case(DedupeFields { offer_id: None, ..fields(EventType::Lead, Some("a")) }, "t::a|lead")]
    #[case(
        DedupeFields { click_id: ClickId::parse(CLICK).ok(), ..fields(EventType::Lead, None) },
        "c:01a11d5c-1e7b-7123-8123-456789abcdef|lead"
    )]
    #[case(fields(EventType::Lead, None), "l:7:abc|lead")]
    #[case(
        DedupeFields { request_digest: Some("d"), ..fields(EventType::Lead, None) },
        "w:7:d|lead|@01a11d5c-1e7b-7123-8123-456789abcdef"
    )]
    #[case(
        fields(EventType::Refund, Some("a")),
        "t:o1:a|refund|10.5|@01a11d5c-1e7b-7123-8123-456789abcdef"
    )]
    #[case(
        DedupeFields { refund_id: Some("r"), ..fields(EventType::Refund, Some("a")) },
        "t:o1:a|refund|r"
    )]
    #[case(
        DedupeFields { stores_repetitions: true, ..fields(EventType::Sale, Some("a")) },
        "t:o1:a|sale|@01a11d5c-1e7b-7123-8123-456789abcdef"
    )]
    fn a_conversion_has_the_key_of_its_order_and_event(
        #[case] fields: DedupeFields<'_>,
        #[case] expected: &str,
    ) {
        let key = fields.dedupe_key();
        assert_eq!(key.replace(SEPARATOR, "|"), expected);
        let time = fields.conversion_id.time();
        assert!(
            fields.identity().stored_keys(time).contains(&key),
            "{key:?}"
        );
        assert!(
            fields.identity().all_stored_keys().contains(&key),
            "{key:?}"
        );
        let order = fields.order();
        assert_eq!(order_of_key(&key), order);
        let names_one = fields.txn_id.is_some() || fields.click_id.is_some();
        assert_eq!(is_named_order(&order), names_one);
    }

    #[test]
    fn a_repetition_within_a_minute_is_the_same_conversion() {
        let first = fields(EventType::Refund, Some("a"));
        let at = |seconds: i64| first.conversion_id.time() + SignedDuration::from_secs(seconds);
        let is_same = |seconds| {
            let keys = first.identity().stored_keys(at(seconds));
            keys.contains(&first.dedupe_key())
        };
        assert!(is_same(0) && is_same(59) && is_same(-59) && is_same(60));
        assert!(!is_same(61) && !is_same(-61));
    }
}
