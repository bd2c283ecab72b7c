//! The click event: what edge-redirector spools and publishes, and click-worker
//! stores. One event is one line of JSON; a message carries many lines.

use std::{borrow::Cow, net::IpAddr};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    bot::BotReason,
    id::{AccountId, CampaignId, ClickId, CreativeId, LinkKey, ListId, OfferId, ShortId},
    link_path::PathCorrection,
};

/// The version of [`ClickEvent`]'s shape, in the header of every message. It
/// changes when an old reader would misread a new event; a new optional field
/// does not change it.
pub const SCHEMA_VERSION: i32 = 1;
/// The content type of a message: newline-delimited JSON.
pub const CONTENT_TYPE: &str = "application/x-ndjson";
/// Events a message carries at most.
pub const MAX_EVENTS_PER_MESSAGE: usize = 512;

/// Bytes of the `User-Agent` header that are kept.
pub const MAX_USER_AGENT_BYTES: usize = 1024;
/// Bytes of the `Referer` header that are kept.
pub const MAX_REFERRER_BYTES: usize = 2048;

/// A click that says it is older than this is not stored but dead-lettered:
/// there is a partition per day, and a broken clock must not make thousands.
pub const MAX_AGE: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Likewise for a click from the future: more than a clock can be wrong by.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// One click. Absent is `null`: fields without a value are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClickEvent<'a> {
    /// UUIDv7. Its time is the click's time, and it is the idempotency key.
    pub click_id: ClickId,
    pub account_id: AccountId,
    /// The link's row.
    pub link_key: LinkKey,
    /// The link's short id.
    pub link_id: Cow<'a, ShortId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_id: Option<ListId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creative_id: Option<CreativeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<Cow<'a, CampaignId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Cow<'a, str>>,
    /// E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_phone: Option<Cow<'a, str>>,
    pub ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<Cow<'a, str>>,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Cow<'a, str>>,
    /// The autonomous system that the address belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub1: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub2: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub3: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub4: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub5: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creative: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cow<'a, str>>,
    /// Empty for a person's click.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bot_reasons: Vec<BotReason>,
    /// The rules that hit, for each reason at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bot_rules: Vec<Cow<'a, str>>,
    /// Somebody pressed Continue on the preview page: a person's click.
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirmed: bool,
    /// How the path that was asked for differs from the link's own; empty where it does
    /// not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path_corrections: Vec<PathCorrection>,
    /// W3C trace context of the request, where it was traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Cow<'a, str>>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Why a line is not an event that can be stored.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    #[error("not an event: {0}")]
    NotAnEvent(#[from] serde_json::Error),
    #[error("U+0000 in a text field")]
    Nul,
    #[error("the event's time, {0}, is too far from now")]
    TimeOutOfRange(Timestamp),
}

impl ClickEvent<'_> {
    pub fn is_bot(&self) -> bool {
        !self.bot_reasons.is_empty()
    }

    /// Appends the event as one line, with its newline.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self)
            .expect("an event has no map keys that fail, and a Vec takes all");
        out.push(b'\n');
    }
}

impl ClickEvent<'static> {
    /// Reads a line. What passes can be stored: parsing is the only check.
    pub fn parse_line(line: &[u8], now: Timestamp) -> Result<Self, InvalidEvent> {
        let event: Self = serde_json::from_slice(line)?;
        if event.texts().any(|text| text.contains('\0')) {
            return Err(InvalidEvent::Nul);
        }
        near(event.click_id.time(), now)?;
        Ok(event)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        [
            &self.message_id,
            &self.contact_phone,
            &self.user_agent,
            &self.referrer,
            &self.country,
            &self.sub1,
            &self.sub2,
            &self.sub3,
            &self.sub4,
            &self.sub5,
            &self.source,
            &self.creative,
            &self.cost,
        ]
        .into_iter()
        .filter_map(|text| text.as_deref())
        .chain(self.bot_rules.iter().map(|rule| &**rule))
    }
}

/// Which of `n_partitions` queues the event of a line goes to: all events of an account
/// go to the same one. A conversion of which only a click id is known goes by that.
///
/// `line` is one that [`ClickEvent::write_line`] or
/// [`crate::conversion::Conversion::write_line`] wrote: their names of fields are not
/// escaped, and quotes inside of values are.
pub fn partition_of_line(line: &[u8], n_partitions: u16) -> u16 {
    let key = match number_after(line, b"\"account_id\":") {
        Some(account_id) => account_id,
        None => {
            let click_id = position_after(line, b"\"click_id\":\"");
            let id = click_id.map_or(&[][..], |at| &line[at..]);
            // The end of the id: its beginning is the time.
            id.iter().take(36).fold(0, |sum: u64, byte| {
                sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
            })
        }
    };
    partition(key, n_partitions)
}

/// Which of `n_partitions` queues an account's events go to.
pub fn partition_of_account(account_id: AccountId, n_partitions: u16) -> u16 {
    partition(account_id.0.unsigned_abs(), n_partitions)
}

/// Spreads keys evenly that may follow each other: the finisher of SplitMix64
/// (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn partition(key: u64, n_partitions: u16) -> u16 {
    let mut mixed = key;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let partition = mixed % u64::from(n_partitions.max(1));
    u16::try_from(partition).expect("it is less than a u16")
}

fn position_after(line: &[u8], name: &[u8]) -> Option<usize> {
    let at = line.windows(name.len()).position(|window| window == name)?;
    Some(at + name.len())
}

fn number_after(line: &[u8], name: &[u8]) -> Option<u64> {
    let digits = &line[position_after(line, name)?..];
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number: Option<u64>, digit| {
        let number = number.unwrap_or(0).wrapping_mul(10);
        Some(number.wrapping_add(u64::from(digit - b'0')))
    })
}

/// Whether an event's time can be believed.
pub(crate) fn near(time: Timestamp, now: Timestamp) -> Result<(), InvalidEvent> {
    let age = now.duration_since(time);
    if age > MAX_AGE || -age > MAX_AHEAD {
        return Err(InvalidEvent::TimeOutOfRange(time));
    }
    Ok(())
}

/// The start of `text` that has at most `max_bytes`, cut at a character.
pub fn truncated(text: &str, max_bytes: usize) -> &str {
    text.split_at(text.floor_char_boundary(max_bytes)).0
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn now() -> Timestamp {
        "2026-03-10T08:15:00Z".parse().unwrap()
    }

    #[test]
    fn the_partition_of_a_line_is_that_of_its_account() {
        let mut event = event_at(now());
        event.sub1 = Some(r#"","account_id":7,""#.into());
        for account_id in [1, 2, 3, 1000, i64::MAX] {
            event.account_id = AccountId(account_id);
            let mut line = Vec::new();
            event.write_line(&mut line);
            for n_partitions in [1, 2, 8, 64] {
                let expected = partition_of_account(AccountId(account_id), n_partitions);
                assert_eq!(partition_of_line(&line, n_partitions), expected);
                assert!(expected < n_partitions);
            }
        }
    }

    #[test]
    fn conversions_of_unknown_accounts_are_spread_by_click_id() {
        let partitions: std::collections::BTreeSet<u16> = (0..200)
            .map(|seed| {
                let mut rng = StdRng::seed_from_u64(seed);
                let click_id = ClickId::generate(1_700_000_000_000, &mut rng);
                let line = format!(r#"{{"conversion_id":"x","click_id":"{click_id}"}}"#);
                partition_of_line(line.as_bytes(), 8)
            })
            .collect();
        assert_eq!(partitions.len(), 8);
    }

    #[test]
    fn accounts_that_follow_each_other_are_spread_evenly() {
        let mut counts = [0; 8];
        for account_id in 1..=8000 {
            counts[usize::from(partition_of_account(AccountId(account_id), 8))] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }

    fn event_at(time: Timestamp) -> ClickEvent<'static> {
        let mut rng = StdRng::seed_from_u64(1);
        let unix_ms = u64::try_from(time.as_millisecond()).unwrap();
        ClickEvent {
            click_id: ClickId::generate(unix_ms, &mut rng),
            account_id: AccountId(1),
            link_key: LinkKey(2),
            link_id: Cow::Owned(ShortId::parse("Ab3kX9q").unwrap()),
            list_id: Some(ListId(42)),
            offer_id: Some(OfferId::parse("6789abcd1234ef5678901234").unwrap()),
            creative_id: None,
            campaign_id: None,
            message_id: None,
            contact_phone: Some("+18005551234".into()),
            ip: "203.0.113.9".parse().unwrap(),
            user_agent: Some("a \"quoted\"\nagent é".into()),
            referrer: None,
            country: None,
            asn: Some(64_496),
            sub1: Some("campaign_a".into()),
            sub2: None,
            sub3: None,
            sub4: None,
            sub5: None,
            source: None,
            creative: None,
            cost: None,
            bot_reasons: vec![BotReason::HeadMethod],
            bot_rules: vec!["head".into()],
            confirmed: true,
            path_corrections: vec![PathCorrection::SuffixIgnored],
            traceparent: None,
        }
    }

    fn line(event: &ClickEvent<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        event.write_line(&mut out);
        out
    }

    #[test]
    fn an_event_is_one_line_and_comes_back_whole() {
        let event = event_at(now());
        let line = line(&event);
        assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1);
        assert_eq!(ClickEvent::parse_line(&line, now()).unwrap(), event);
    }

    #[test]
    fn an_unknown_field_does_not_stop_an_old_reader() {
        let event = event_at(now());
        let mut json = serde_json::to_value(&event).unwrap();
        json["added_later"] = true.into();
        let read = ClickEvent::parse_line(json.to_string().as_bytes(), now()).unwrap();
        assert_eq!(read, event);
    }

    #[test]
    fn a_line_of_an_old_writer_is_read() {
        let mut json = serde_json::to_value(event_at(now())).unwrap();
        json.as_object_mut().unwrap().remove("path_corrections");
        let read = ClickEvent::parse_line(json.to_string().as_bytes(), now()).unwrap();
        assert_eq!(read.path_corrections, []);
    }

    #[test]
    fn what_postgres_cannot_hold_is_refused() {
        let mut event = event_at(now());
        event.sub1 = Some("a\0b".into());
        let refused = ClickEvent::parse_line(&line(&event), now());
        assert!(matches!(refused, Err(InvalidEvent::Nul)), "{refused:?}");
    }

    #[test]
    fn a_click_far_from_now_is_refused() {
        let refused = |time: Timestamp| {
            let result = ClickEvent::parse_line(&line(&event_at(time)), now());
            matches!(result, Err(InvalidEvent::TimeOutOfRange(_)))
        };
        assert!(!refused(now() - MAX_AGE));
        assert!(refused(now() - MAX_AGE - SignedDuration::from_secs(1)));
        assert!(!refused(now() + MAX_AHEAD));
        assert!(refused(now() + MAX_AHEAD + SignedDuration::from_secs(1)));
    }

    #[test]
    fn what_is_not_an_event_is_refused_with_its_place() {
        let error = ClickEvent::parse_line(b"{\"click_id\": 1}", now()).unwrap_err();
        assert!(
            error.to_string().starts_with("not an event: invalid type"),
            "{error}"
        );
    }

    #[test]
    fn text_is_cut_at_a_character() {
        assert_eq!(truncated("aé", 2), "a");
        assert_eq!(truncated("aé", 3), "aé");
        assert_eq!(truncated("aé", 9), "aé");
    }
}
