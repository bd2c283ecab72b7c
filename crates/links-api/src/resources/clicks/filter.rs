//! The clicks that an object of a body selects.

use domain::bot::BotReason;
use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;

use super::query::Verdict;
use crate::{
    db::{
        facts::FactFilter,
        filters::{self, FilterTarget},
    },
    enumeration::Enumeration as _,
    error::ApiError,
    fields::{
        Text,
        filter_values::ValueKind,
        moment::{RangeEnd, parse_moment},
        non_empty, parse_filter_phone,
    },
    http::RequestContext,
};

/// A click must meet all conditions that are given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "ClickFilter")]
pub struct ClickFilterRequest {
    /// The first day (UTC), as in 2026-03-01, or the first time, as in 2026-03-01T00:00:00Z.
    from: Option<Text>,
    /// The last day, or the time after the last.
    to: Option<Text>,
    /// A short id, or lnk_...
    link_id: Option<Text>,
    list_id: Option<i64>,
    offer_id: Option<Text>,
    creative_id: Option<i64>,
    campaign_id: Option<Text>,
    message_id: Option<Text>,
    /// In E.164.
    contact_phone: Option<Text>,
    /// An address, or a network as in 203.0.113.0/24.
    ip: Option<Text>,
    /// A part of the user agent, in either case.
    user_agent: Option<Text>,
    /// ISO 3166-1 alpha-2.
    country: Option<Text>,
    /// The number of an autonomous system.
    asn: Option<i64>,
    /// bot or human: the current verdict.
    verdict: Option<Text>,
    /// One of the reasons why a click is classified as a bot's.
    reason: Option<Text>,
}

impl ClickFilterRequest {
    /// The fields of errors are those of the object `filter`.
    pub async fn resolve(self, context: RequestContext<'_>) -> Result<FactFilter, ApiError> {
        let (db, account_id) = (context.db, context.caller.account_id);
        let owned = |text: &Option<Text>| non_empty(text).map(str::to_owned);
        let from = parse_end(&self.from, "filter.from", RangeEnd::Start)?;
        let to = parse_end(&self.to, "filter.to", RangeEnd::End)?;
        let mut filter = FactFilter::from_period(from, to);
        let link_id = non_empty(&self.link_id);
        let keys = filters::require_links(db, account_id, "filter.link_id", link_id).await?;
        if let Some(keys) = keys {
            filter.push_array("c.link_key", keys);
        }
        let (offer_id, list_id) = (owned(&self.offer_id), self.list_id);
        let field = "filter.offer_id";
        filters::require(db, account_id, FilterTarget::Offer, field, &offer_id).await?;
        let field = "filter.list_id";
        filters::require(db, account_id, FilterTarget::List, field, &list_id).await?;
        let (creative_id, campaign_id) = (self.creative_id, owned(&self.campaign_id));
        let field = "filter.creative_id";
        filters::require(db, account_id, FilterTarget::Creative, field, &creative_id).await?;
        let field = "filter.campaign_id";
        filters::require(db, account_id, FilterTarget::Campaign, field, &campaign_id).await?;
        let phone = parse_filter_phone("filter.contact_phone", owned(&self.contact_phone))?;
        for (column, number) in [
            ("c.list_id =", list_id),
            ("c.creative_id =", creative_id),
            ("c.asn =", self.asn),
        ] {
            if let Some(number) = number {
                filter.push_comparison(column, number);
            }
        }
        for (column, text) in [
            ("c.offer_id =", offer_id),
            ("c.campaign_id =", campaign_id),
            ("c.message_id =", owned(&self.message_id)),
            ("c.contact_phone =", phone),
        ] {
            if let Some(text) = text {
                filter.push_comparison(column, text);
            }
        }
        for (column, kind, field, text) in [
            ("c.ip", ValueKind::Address, "filter.ip", owned(&self.ip)),
            (
                "c.country",
                ValueKind::Country,
                "filter.country",
                owned(&self.country),
            ),
        ] {
            if let Some(mut value) = text {
                let checked = kind.check(&mut value);
                checked.map_err(|problem| {
                    ApiError::invalid_field(field, format!("it is {problem}"))
                })?;
                filter.push(column, kind, vec![value], false);
            }
        }
        if let Some(part) = non_empty(&self.user_agent) {
            filter.push_part("c.user_agent", part, false);
        }
        if let Some(verdict) = non_empty(&self.verdict) {
            let problem = "it is neither bot nor human";
            let invalid = || ApiError::invalid_field("filter.verdict", problem);
            let verdict = Verdict::parse(verdict).ok_or_else(invalid)?;
            filter.push_comparison("c.is_bot =", verdict == Verdict::Bot);
        }
        if let Some(name) = non_empty(&self.reason) {
            let reason = parse_reason(name, "filter.reason")?;
            filter.push_names("c.bot_reasons", vec![reason.to_string()], false);
        }
        Ok(filter)
    }
}

pub fn parse_reason(name: &str, field: &str) -> Result<BotReason, ApiError> {
    let mut reasons = BotReason::ALL.into_iter();
    let reason = reasons.find(|reason| reason.as_str() == name);
    reason.ok_or_else(|| {
        let names = BotReason::ALL.map(BotReason::as_str).join(", ");
        ApiError::invalid_field(field, format!("it is not one of {names}"))
    })
}

fn parse_end(
    text: &Option<Text>,
    field: &str,
    end: RangeEnd,
) -> Result<Option<Timestamp>, ApiError> {
    let text = non_empty(text);
    text.map(|text| parse_moment(field, text, &TimeZone::UTC, end))
        .transpose()
}
