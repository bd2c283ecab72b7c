//! The log of postbacks: what redirectors tell links-api of each postback that arrived, also of
//! those that were refused. An entry is one line of JSON.
//!
//! An entry has no secret, only the names of those that the postback had.

use std::{borrow::Cow, net::IpAddr};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{field::Field, verdict::PostbackVerdict};
use crate::{
    conversion::{ConversionFlag, ConversionStatus, EventType},
    event::{is_false, truncate_at_char},
    id::{AccountId, ClickId, ConversionId, LinkKey, PostbackId},
};

/// How long an entry is kept.
pub const LOG_RETENTION: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far ahead of now an entry may be: more than clocks differ.
const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(1);
/// The most lines that one request to links-api has, and their bytes.
pub const MAX_LINES_PER_REQUEST: usize = 1_000;
pub const MAX_BYTES_PER_REQUEST: usize = 1024 * 1024;
/// The most bytes of one line.
pub const MAX_LINE_BYTES: usize = 8 * 1024;
/// The most bytes of a text of an entry. An id of the sender has no more.
const MAX_TEXT_BYTES: usize = 255;
/// The most names of ignored parameters in an entry, and the most bytes of one.
pub const MAX_IGNORED_NAMES: usize = 20;
pub const MAX_IGNORED_NAME_BYTES: usize = 64;

/// An entry of the log. What is not known is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedPostback {
    pub postback_id: PostbackId,
    pub verdict: PostbackVerdict,
    /// The account of the link, the offer or the stored click.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// What the sender gave as `account_id`. There may be no such account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_account_id: Option<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The id of the conversion that the postback is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion_id: Option<ConversionId>,
    /// The conversion that it repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_conversion_id: Option<ConversionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ConversionStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    /// A click id of ours in its own form; otherwise what the sender gave as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_key: Option<LinkKey>,
    /// The id of the link, or what the sender gave as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_id: Option<String>,
    /// The id of the offer, or what the sender gave as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<String>,
    /// Which secrets the postback had, right or wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<Field>,
    /// Whether one of them was right.
    #[serde(default, skip_serializing_if = "is_false")]
    pub authenticated: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<ConversionFlag>,
    /// The names of parameters that have no meaning or no value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// The sender's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// How many postbacks have no entry of their own, in an entry that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_suppressed: Option<u32>,
}

/// Why a line is not an entry that can be stored.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEntry {
    #[error("the line is not an entry: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("the line or one of its texts is too long, or has control characters")]
    InvalidText,
    #[error("the entry's time, {0}, is too far from now")]
    TimeOutOfRange(Timestamp),
}

impl LoggedPostback {
    /// An entry that says nothing else yet.
    pub fn new(postback_id: PostbackId, verdict: PostbackVerdict) -> Self {
        Self {
            postback_id,
            verdict,
            account_id: None,
            named_account_id: None,
            path: None,
            host: None,
            conversion_id: None,
            first_conversion_id: None,
            event: None,
            status: None,
            amount: None,
            currency: None,
            txn_id: None,
            refund_id: None,
            click_id: None,
            link_key: None,
            link_id: None,
            offer_id: None,
            credentials: Vec::new(),
            authenticated: false,
            flags: Vec::new(),
            ignored: Vec::new(),
            address: None,
            n_suppressed: None,
        }
    }

    /// Appends the entry as one line of JSON, with its newline.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        crate::event::write_json_line(self, out);
    }

    /// Reads a line. An entry that this returns can be stored without further checks.
    pub fn parse_line(line: &[u8], now: Timestamp) -> Result<Self, InvalidEntry> {
        if line.len() > MAX_LINE_BYTES {
            return Err(InvalidEntry::InvalidText);
        }
        let entry: Self = serde_json::from_slice(line)?;
        let is_storable =
            |text: &str| text.len() <= MAX_TEXT_BYTES && !text.contains(char::is_control);
        if entry.ignored.len() > MAX_IGNORED_NAMES || !entry.texts().all(is_storable) {
            return Err(InvalidEntry::InvalidText);
        }
        let time = entry.postback_id.time();
        let age = now.duration_since(time);
        if age > LOG_RETENTION || -age > MAX_AHEAD {
            return Err(InvalidEntry::TimeOutOfRange(time));
        }
        Ok(entry)
    }

    /// The click of ours that the postback names.
    pub fn named_click_id(&self) -> Option<ClickId> {
        ClickId::parse(self.click_id.as_deref()?).ok()
    }

    /// The texts that the sender chose freely.
    pub fn sender_texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        [
            &mut self.path,
            &mut self.txn_id,
            &mut self.refund_id,
            &mut self.click_id,
            &mut self.link_id,
            &mut self.offer_id,
        ]
        .into_iter()
        .filter_map(Option::as_mut)
        .chain(&mut self.ignored)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        [
            &self.path,
            &self.host,
            &self.currency,
            &self.txn_id,
            &self.refund_id,
            &self.click_id,
            &self.link_id,
            &self.offer_id,
        ]
        .into_iter()
        .filter_map(|text| text.as_deref())
        .chain(self.ignored.iter().map(String::as_str))
    }
}

/// A text of a sender as an entry has it: at most `max_bytes`, and U+FFFD for control
/// characters.
pub fn entry_text(text: &str, max_bytes: usize) -> String {
    let text = truncate_at_char(text, max_bytes.min(MAX_TEXT_BYTES));
    let text = match text.contains(char::is_control) {
        true => Cow::Owned(text.replace(char::is_control, "\u{fffd}")),
        false => Cow::Borrowed(text),
    };
    // A replaced character has more bytes than before.
    truncate_at_char(&text, max_bytes.min(MAX_TEXT_BYTES)).to_owned()
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::postback::PostbackError;

    fn now() -> Timestamp {
        "2026-03-10T08:15:00Z".parse().unwrap()
    }

    fn entry_at(time: Timestamp) -> LoggedPostback {
        let unix_ms = u64::try_from(time.as_millisecond()).unwrap();
        let id = PostbackId::generate(unix_ms, &mut StdRng::seed_from_u64(1));
        let verdict = PostbackVerdict::Refused(PostbackError::LinkNotFound);
        LoggedPostback {
            path: Some("/conv".into()),
            event: EventType::from_name("First Deposit"),
            amount: Some("12.5".parse().unwrap()),
            txn_id: Some("order \"1\" é".into()),
            link_id: Some("unknown".into()),
            credentials: vec![Field::Token],
            flags: vec![ConversionFlag::AmountRounded],
            ignored: vec!["utm".into()],
            address: Some("203.0.113.9".parse().unwrap()),
            ..LoggedPostback::new(id, verdict)
        }
    }

    fn line(entry: &LoggedPostback) -> Vec<u8> {
        let mut out = Vec::new();
        entry.write_line(&mut out);
        out
    }

    #[test]
    fn an_entry_is_written_as_one_line_and_read_back() {
        let entry = entry_at(now());
        let line = line(&entry);
        assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        assert_eq!(LoggedPostback::parse_line(&line, now()).unwrap(), entry);
        let id = entry.postback_id;
        let empty = LoggedPostback::new(id, PostbackVerdict::Ignored);
        let mut out = Vec::new();
        empty.write_line(&mut out);
        let expected = format!("{{\"postback_id\":\"{id}\",\"verdict\":\"ignored\"}}\n");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn an_entry_that_cannot_be_stored_is_refused() {
        let with = |change: fn(&mut LoggedPostback)| {
            let mut entry = entry_at(now());
            change(&mut entry);
            LoggedPostback::parse_line(&line(&entry), now()).is_ok()
        };
        assert!(with(|_| {}));
        assert!(!with(|entry| entry.txn_id = Some("a\0b".into())));
        assert!(!with(|entry| entry.host = Some("x".repeat(256))));
        assert!(!with(|entry| entry.ignored = vec!["x".into(); 21]));
        let hour = SignedDuration::from_hours(1);
        let second = SignedDuration::from_secs(1);
        for (time, is_stored) in [
            (now() - LOG_RETENTION, true),
            (now() - LOG_RETENTION - second, false),
            (now() + hour, true),
            (now() + hour + second, false),
        ] {
            let result = LoggedPostback::parse_line(&line(&entry_at(time)), now());
            assert_eq!(result.is_ok(), is_stored, "{time}");
        }
        assert!(LoggedPostback::parse_line(b"{}", now()).is_err());
    }

    #[test]
    fn any_text_of_a_sender_becomes_one_that_can_be_stored() {
        for (text, max_bytes, expected) in [
            ("order-1", 64, "order-1"),
            ("éé", 3, "é"),
            ("a\0b\n", 64, "a\u{fffd}b\u{fffd}"),
            ("\0\0", 3, "\u{fffd}"),
        ] {
            assert_eq!(entry_text(text, max_bytes), expected, "{text:?}");
        }
        assert_eq!(entry_text(&"x".repeat(1000), 1000).len(), 255);
    }

    #[test]
    fn the_largest_entry_fits_into_a_line() {
        let widest = || Some("\"".repeat(MAX_TEXT_BYTES));
        let entry = LoggedPostback {
            host: widest(),
            txn_id: widest(),
            refund_id: widest(),
            click_id: widest(),
            link_id: widest(),
            offer_id: widest(),
            credentials: vec![Field::PostbackSecret; 3],
            ignored: vec!["\"".repeat(MAX_IGNORED_NAME_BYTES); MAX_IGNORED_NAMES],
            ..entry_at(now())
        };
        let line = line(&entry);
        assert!(
            LoggedPostback::parse_line(&line, now()).is_ok(),
            "{}",
            line.len()
        );
    }
}
