//! The clicks that a request selects: by the parameters of a query or by an object of a body.

use std::net::IpAddr;

use domain::bot::BotReason;
use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    db::{
        clicks::ClickFilter,
        filters::{self, FilterTarget},
    },
    enumeration::enumeration,
    error::ApiError,
    fields::{
        QueryEnd, QueryStart, Text,
        moment::{RangeEnd, parse_moment},
        non_empty, parse_filter_country, parse_filter_phone,
    },
    http::{BoundedInteger, QueryParameters, RequestContext},
};

enumeration! {
    /// Who made a click.
    pub enum Verdict {
        Bot = "bot",
        Human = "human",
    }
}

type Number = BoundedInteger<0, { i64::MAX }>;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct ClicksQuery {
    /// The first day (UTC), as in 2026-03-01, or the first time, as in 2026-03-01T00:00:00Z.
    from: Option<QueryStart>,
    /// The last day, or the time after the last.
    to: Option<QueryEnd>,
    /// A short id, or lnk_...
    link_id: Option<String>,
    /// Only clicks of this list.
    list_id: Option<Number>,
    /// Only clicks of this offer.
    offer_id: Option<String>,
    /// Only clicks of this creative.
    creative_id: Option<Number>,
    /// Only clicks of this campaign.
    campaign_id: Option<String>,
    /// Only clicks of this message.
    message_id: Option<String>,
    /// Only clicks of this contact (E.164).
    contact_phone: Option<String>,
    /// An address, or a network as in 203.0.113.0/24.
    ip: Option<String>,
    /// A part of the user agent, in either case.
    user_agent: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
    /// The number of an autonomous system.
    asn: Option<Number>,
    /// Only clicks with this verdict.
    verdict: Option<Verdict>,
    /// One of the reasons why a click is classified as a bot's.
    reason: Option<String>,
}

impl QueryParameters for ClicksQuery {}

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

impl ClicksQuery {
    pub async fn resolve(self, context: RequestContext<'_>) -> Result<ClickFilter, ApiError> {
        let number = |number: Option<Number>| number.map(BoundedInteger::get);
        let network = self.ip.as_deref().map(|text| parse_network(text, "ip"));
        let reason = self.reason.as_deref();
        let reason = reason.map(|name| parse_reason(name, "reason"));
        let link_id = self.link_id.as_deref();
        let filter = ClickFilter {
            from: self.from.map(|time| time.0),
            to: self.to.map(|time| time.0),
            link_keys: find_links(context, "link_id", link_id).await?,
            list_id: number(self.list_id),
            offer_id: self.offer_id,
            creative_id: number(self.creative_id),
            campaign_id: self.campaign_id,
            message_id: self.message_id,
            contact_phone: parse_filter_phone("contact_phone", self.contact_phone)?,
            network: network.transpose()?,
            user_agent: self.user_agent,
            country: parse_filter_country("country", self.country)?,
            asn: number(self.asn),
            is_bot: self.verdict.map(|verdict| verdict == Verdict::Bot),
            reason: reason.transpose()?,
        };
        require_targets(context, "", &filter).await?;
        Ok(filter)
    }
}

impl ClickFilterRequest {
    /// The fields of errors are those of the object `filter`.
    pub async fn resolve(self, context: RequestContext<'_>) -> Result<ClickFilter, ApiError> {
        let owned = |text: &Option<Text>| non_empty(text).map(str::to_owned);
        let network = non_empty(&self.ip).map(|text| parse_network(text, "filter.ip"));
        let is_bot = non_empty(&self.verdict).map(|verdict| match verdict {
            "bot" => Ok(true),
            "human" => Ok(false),
            _ => Err(ApiError::invalid_field(
                "filter.verdict",
                "it is neither bot nor human",
            )),
        });
        let reason = non_empty(&self.reason).map(|name| parse_reason(name, "filter.reason"));
        let link_id = non_empty(&self.link_id);
        let filter = ClickFilter {
            from: parse_end(&self.from, "filter.from", RangeEnd::Start)?,
            to: parse_end(&self.to, "filter.to", RangeEnd::End)?,
            link_keys: find_links(context, "filter.link_id", link_id).await?,
            list_id: self.list_id,
            offer_id: owned(&self.offer_id),
            creative_id: self.creative_id,
            campaign_id: owned(&self.campaign_id),
            message_id: owned(&self.message_id),
            contact_phone: parse_filter_phone("filter.contact_phone", owned(&self.contact_phone))?,
            network: network.transpose()?,
            user_agent: owned(&self.user_agent),
            country: parse_filter_country("filter.country", owned(&self.country))?,
            asn: self.asn,
            is_bot: is_bot.transpose()?,
            reason: reason.transpose()?,
        };
        require_targets(context, "filter.", &filter).await?;
        Ok(filter)
    }
}

async fn find_links(
    context: RequestContext<'_>,
    field: &str,
    link_id: Option<&str>,
) -> Result<Option<Vec<i64>>, ApiError> {
    filters::require_links(context.db, context.caller.account_id, field, link_id).await
}

/// Fails if a filter names what the account does not have. `path` stands before the fields.
async fn require_targets(
    context: RequestContext<'_>,
    path: &str,
    filter: &ClickFilter,
) -> Result<(), ApiError> {
    let (db, account_id) = (context.db, context.caller.account_id);
    let field = |name: &str| format!("{path}{name}");
    let (offer, list) = (&filter.offer_id, &filter.list_id);
    let (creative, campaign) = (&filter.creative_id, &filter.campaign_id);
    let offer_field = field("offer_id");
    filters::require(db, account_id, FilterTarget::Offer, &offer_field, offer).await?;
    let list_field = field("list_id");
    filters::require(db, account_id, FilterTarget::List, &list_field, list).await?;
    let creative_field = field("creative_id");
    filters::require(
        db,
        account_id,
        FilterTarget::Creative,
        &creative_field,
        creative,
    )
    .await?;
    let campaign_field = field("campaign_id");
    filters::require(
        db,
        account_id,
        FilterTarget::Campaign,
        &campaign_field,
        campaign,
    )
    .await
}

/// A network, or an address as the network of this address alone.
fn parse_network(text: &str, field: &str) -> Result<IpNet, ApiError> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse::<IpNet>().or(address);
    let problem = "it is neither an address as in 203.0.113.7 nor a network as in 203.0.113.0/24";
    network
        .map(|network| network.trunc())
        .map_err(|_| ApiError::invalid_field(field, problem))
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
