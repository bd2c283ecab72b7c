//! The click event: what edge-redirector spools and publishes, and click-worker
//! stores. One event is one line of JSON; a message carries many lines.

use std::{borrow::Cow, net::IpAddr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    bot::BotReason,
    event::{InvalidEvent, check_event_time, check_no_nul, is_false, write_json_line},
    id::{AccountId, CampaignId, ClickId, CreativeId, LinkKey, ListId, OfferId, ShortId},
    link_path::PathCorrection,
};

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

impl ClickEvent<'_> {
    pub fn is_bot(&self) -> bool {
        !self.bot_reasons.is_empty()
    }

    /// Appends the event as one line, with its newline.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        write_json_line(self, out);
    }
}

impl ClickEvent<'static> {
    /// Reads a line. What passes can be stored: parsing is the only check.
    pub fn parse_line(line: &[u8], now: Timestamp) -> Result<Self, InvalidEvent> {
        let event: Self = serde_json::from_slice(line)?;
        check_no_nul(event.texts())?;
        check_event_time(event.click_id.time(), now)?;
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

#[cfg(test)]
pub(crate) mod tests {
    use jiff::SignedDuration;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::event::MAX_EVENT_AGE;

    fn now() -> Timestamp {
        "2026-03-10T08:15:00Z".parse().unwrap()
    }

    /// A click with most of its fields.
    pub fn click_event() -> ClickEvent<'static> {
        event_at(now())
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
        assert!(
            matches!(refused, Err(InvalidEvent::NulCharacter)),
            "{refused:?}"
        );
    }

    #[test]
    fn a_click_far_from_now_is_refused() {
        let event = event_at(now() - MAX_EVENT_AGE - SignedDuration::from_secs(1));
        let result = ClickEvent::parse_line(&line(&event), now());
        assert!(
            matches!(result, Err(InvalidEvent::TimeOutOfRange(_))),
            "{result:?}"
        );
    }

    #[test]
    fn what_is_not_an_event_is_refused_with_its_place() {
        let error = ClickEvent::parse_line(b"{\"click_id\": 1}", now()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the line is not an event: invalid type"),
            "{error}"
        );
    }
}
