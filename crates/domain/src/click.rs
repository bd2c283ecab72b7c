//! The click event: edge-redirector spools and publishes it, click-worker stores it.
//!
//! [`crate::event`] has what it shares with conversions. The doc comments of the fields are
//! also the descriptions in the published JSON schema.

use std::{borrow::Cow, net::IpAddr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    bot::BotReason,
    cost::{ClickCost, ClickCostError},
    event::{InvalidEvent, check_event_time, check_no_nul, is_false, write_json_line},
    id::{AccountId, CampaignId, ClickId, CreativeId, LinkKey, ListId, OfferId, ShortId},
    link_path::PathCorrection,
};

/// One click. A field without a value is left out; `null` means the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClickEvent<'a> {
    /// UUIDv7: the click's time is part of it. It is the click's idempotency key.
    pub click_id: ClickId,
    pub account_id: AccountId,
    /// The number of the link's database row.
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
    /// The contact's phone number in E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_phone: Option<Cow<'a, str>>,
    pub ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<Cow<'a, str>>,
    /// The visitor's country, ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Cow<'a, str>>,
    /// The region of the visitor: the code of the subdivision (ISO 3166-2), as in US-CA, or a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Cow<'a, str>>,
    /// The English name of the visitor's city.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<Cow<'a, str>>,
    /// The language that the browser asks for first (ISO 639), as in en.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Cow<'a, str>>,
    /// The number of the autonomous system that announces the visitor's address.
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
    /// The text of the parameter `cost`. What the click costs is `click_cost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cow<'a, str>>,
    /// What the click costs by its URL, if the account or link has costs read there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_cost: Option<ClickCost<'a>>,
    /// Why the click has no cost although its URL has the parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_cost_error: Option<ClickCostError>,
    /// Why the click is taken for a bot's. Empty for a person's click.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bot_reasons: Vec<BotReason>,
    /// The names of the rules that matched: at least one for each reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bot_rules: Vec<Cow<'a, str>>,
    /// Whether the visitor pressed *Continue* on the preview page: then it is a person's click.
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirmed: bool,
    /// How the requested path differs from the link's own path. Empty where they are the
    /// same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path_corrections: Vec<PathCorrection>,
    /// The W3C trace context of the request, if the request was traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Cow<'a, str>>,
}

impl ClickEvent<'_> {
    pub fn is_bot(&self) -> bool {
        !self.bot_reasons.is_empty()
    }

    /// Appends the event as one line of JSON, with its newline.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        write_json_line(self, out);
    }
}

impl ClickEvent<'static> {
    /// Reads a line. An event that this returns can be stored without further checks.
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
            &self.region,
            &self.city,
            &self.language,
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
        .chain(self.click_cost.iter().map(|cost| &*cost.currency))
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

    /// A click that has most of the optional fields.
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
            region: Some("US-CA".into()),
            city: None,
            language: Some("en".into()),
            asn: Some(64_496),
            sub1: Some("campaign_a".into()),
            sub2: None,
            sub3: None,
            sub4: None,
            sub5: None,
            source: None,
            creative: None,
            cost: None,
            click_cost: Some(ClickCost {
                amount: "0.0123".parse().unwrap(),
                currency: "EUR".into(),
            }),
            click_cost_error: None,
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
    fn a_click_is_written_as_one_line_and_read_back() {
        let event = event_at(now());
        let line = line(&event);
        assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1);
        assert_eq!(ClickEvent::parse_line(&line, now()).unwrap(), event);
    }

    #[test]
    fn an_old_reader_ignores_an_unknown_field() {
        let event = event_at(now());
        let mut json = serde_json::to_value(&event).unwrap();
        json["added_later"] = true.into();
        let parsed = ClickEvent::parse_line(json.to_string().as_bytes(), now()).unwrap();
        assert_eq!(parsed, event);
    }

    #[test]
    fn a_line_of_an_old_writer_without_path_corrections_is_read() {
        let mut json = serde_json::to_value(event_at(now())).unwrap();
        json.as_object_mut().unwrap().remove("path_corrections");
        let parsed = ClickEvent::parse_line(json.to_string().as_bytes(), now()).unwrap();
        assert_eq!(parsed.path_corrections, []);
    }

    #[test]
    fn a_text_that_postgres_cannot_store_is_refused() {
        let mut event = event_at(now());
        event.sub1 = Some("a\0b".into());
        let result = ClickEvent::parse_line(&line(&event), now());
        assert!(
            matches!(result, Err(InvalidEvent::NulCharacter)),
            "{result:?}"
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
    fn a_line_that_is_no_event_is_refused_with_the_reason() {
        let error = ClickEvent::parse_line(b"{\"click_id\": 1}", now()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the line is not an event: invalid type"),
            "{error}"
        );
    }
}
