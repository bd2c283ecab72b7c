//! The query of a report.

use domain::conversion::{DEFAULT_CURRENCY, parse_currency};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    exchange::Exchange,
    filters::Filters,
    group::Group,
    order::{OrderMetric, RowOrder},
    period::Period,
    statuses::CountedStatuses,
};
use crate::{
    db::{accounts, filters::require_links},
    enumeration::enumeration,
    error::ApiError,
    http::{BoundedInteger, OrderDirection, QueryParameters, RequestContext},
};

const MAX_ROWS: i64 = 1_000;
/// Rows of a page of links or messages without `limit`.
pub const DEFAULT_ROWS: i64 = 100;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct PerformanceQuery {
    /// The dimension of the rows, date by default.
    group_by: Option<Group>,
    /// A second dimension: a row for each two values. Not together with links, messages and
    /// events.
    then_by: Option<Group>,
    /// The first day, as in 2026-03-01, or a time, as in 2026-03-01T00:00:00Z. By default the
    /// report has 30 days with the last.
    from: Option<String>,
    /// The last day, or the time after the last. By default today.
    to: Option<String>,
    /// The time zone of days and hours, as in America/New_York. UTC by default.
    tz: Option<String>,
    /// Only these offers: one or several, separated by commas; `(none)` is what has no value.
    offer_id: Option<String>,
    /// All but these offers.
    #[serde(rename = "offer_id.not")]
    offer_id_not: Option<String>,
    /// Only these lists.
    list_id: Option<String>,
    /// All but these lists.
    #[serde(rename = "list_id.not")]
    list_id_not: Option<String>,
    /// Only these creatives.
    creative_id: Option<String>,
    /// All but these creatives.
    #[serde(rename = "creative_id.not")]
    creative_id_not: Option<String>,
    /// Only these campaigns.
    campaign_id: Option<String>,
    /// All but these campaigns.
    #[serde(rename = "campaign_id.not")]
    campaign_id_not: Option<String>,
    /// Only these countries (ISO 3166-1 alpha-2).
    country: Option<String>,
    /// All but these countries (ISO 3166-1 alpha-2).
    #[serde(rename = "country.not")]
    country_not: Option<String>,
    /// Only these classes of devices.
    device: Option<String>,
    /// All but these classes of devices.
    #[serde(rename = "device.not")]
    device_not: Option<String>,
    /// Only these values of sub1.
    sub1: Option<String>,
    /// All but these values of sub1.
    #[serde(rename = "sub1.not")]
    sub1_not: Option<String>,
    /// Only these values of sub2.
    sub2: Option<String>,
    /// All but these values of sub2.
    #[serde(rename = "sub2.not")]
    sub2_not: Option<String>,
    /// Only these values of sub3.
    sub3: Option<String>,
    /// All but these values of sub3.
    #[serde(rename = "sub3.not")]
    sub3_not: Option<String>,
    /// Only these values of sub4.
    sub4: Option<String>,
    /// All but these values of sub4.
    #[serde(rename = "sub4.not")]
    sub4_not: Option<String>,
    /// Only these values of sub5.
    sub5: Option<String>,
    /// All but these values of sub5.
    #[serde(rename = "sub5.not")]
    sub5_not: Option<String>,
    /// Only these sources.
    source: Option<String>,
    /// All but these sources.
    #[serde(rename = "source.not")]
    source_not: Option<String>,
    /// Only these operating systems.
    os: Option<String>,
    /// All but these operating systems.
    #[serde(rename = "os.not")]
    os_not: Option<String>,
    /// Only these browsers.
    browser: Option<String>,
    /// All but these browsers.
    #[serde(rename = "browser.not")]
    browser_not: Option<String>,
    /// Only these languages of browsers (ISO 639).
    language: Option<String>,
    /// All but these languages of browsers (ISO 639).
    #[serde(rename = "language.not")]
    language_not: Option<String>,
    /// Only these regions (ISO 3166-2).
    region: Option<String>,
    /// All but these regions (ISO 3166-2).
    #[serde(rename = "region.not")]
    region_not: Option<String>,
    /// Only these cities.
    city: Option<String>,
    /// All but these cities.
    #[serde(rename = "city.not")]
    city_not: Option<String>,
    /// Only these networks (numbers of autonomous systems).
    network: Option<String>,
    /// All but these networks (numbers of autonomous systems).
    #[serde(rename = "network.not")]
    network_not: Option<String>,
    /// Only these reasons of bot verdicts.
    bot_reason: Option<String>,
    /// All but these reasons of bot verdicts.
    #[serde(rename = "bot_reason.not")]
    bot_reason_not: Option<String>,
    /// Only these rules of bot verdicts.
    bot_rule: Option<String>,
    /// All but these rules of bot verdicts.
    #[serde(rename = "bot_rule.not")]
    bot_rule_not: Option<String>,
    /// Only this link, by its short id or as lnk_...
    link_id: Option<String>,
    /// Only this message.
    message_id: Option<String>,
    /// The currency of the revenue and of the costs (ISO 4217), by default that of the account,
    /// or USD. Amounts in others are left out; `currencies` lists the currencies of all revenue.
    currency: Option<String>,
    /// Converts all amounts to this currency instead, by the exchange rates of their days (UTC).
    convert_to: Option<String>,
    /// Whether rows have conversions and revenue of each event as well.
    #[schemars(extend("default" = false))]
    events: Option<bool>,
    /// Which conversions count: the approved ones by default, or the pending ones too.
    status: Option<CountedStatuses>,
    /// Orders rows by this metric. By default times come in their order, links and messages by
    /// key, and other rows by clicks.
    order_by: Option<OrderMetric>,
    /// The direction of `order_by`, from the highest value down by default.
    order: Option<OrderDirection>,
    /// Only rows with so many clicks. The totals are of all rows.
    min_clicks: Option<BoundedInteger<1, { i64::MAX }>>,
    /// Compares each row, and the totals, with the period of the same length before. Of a period
    /// that is not over, the time that has passed is compared.
    compare: Option<Comparison>,
    /// How many rows there are at most: the first ones in their order. 100 for a page of links or
    /// messages, or else all of them by default; at most 1,000.
    limit: Option<BoundedInteger<1, MAX_ROWS>>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl QueryParameters for PerformanceQuery {}

/// A valid query.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    pub group: Group,
    pub then_by: Option<Group>,
    pub period: Period,
    pub filters: Filters,
    pub currency: String,
    /// Converts amounts to the currency. Without it, only amounts in the currency count.
    pub exchange: Option<Exchange>,
    pub with_events: bool,
    pub statuses: CountedStatuses,
    pub order: Option<RowOrder>,
    pub min_clicks: Option<i64>,
    pub comparison: Option<Comparison>,
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

enumeration! {
    /// What a report is compared with.
    pub enum Comparison {
        Previous = "previous",
    }
}

async fn find_default_currency(context: RequestContext<'_>) -> Result<String, ApiError> {
    let currency = accounts::find_default_currency(context.db, context.caller.account_id).await?;
    Ok(currency.unwrap_or_else(|| DEFAULT_CURRENCY.to_owned()))
}

/// Checks that rows can be divided by a second dimension.
fn check_second_group(first: Group, second: Option<Group>) -> Result<(), ApiError> {
    let Some(second) = second else {
        return Ok(());
    };
    let is_possible = |group: Group| !group.is_paged() && group != Group::Event;
    let problem = if !is_possible(first) || !is_possible(second) {
        "links, messages and events cannot be combined with another dimension"
    } else if first == second {
        "it is the same dimension as `group_by`"
    } else if first.is_time() && second.is_time() {
        "days and hours cannot be combined: group by `hour` alone"
    } else {
        return Ok(());
    };
    Err(ApiError::invalid_field("then_by", problem))
}

impl PerformanceQuery {
    /// The filters. Fails if one names what the account does not have.
    async fn filters(&self, context: RequestContext<'_>) -> Result<Filters, ApiError> {
        let (db, account_id) = (context.db, context.caller.account_id);
        let link_id = self.link_id.as_deref();
        let mut filters = Filters {
            link_keys: require_links(db, account_id, "link_id", link_id).await?,
            message_id: self.message_id.clone(),
            ..Filters::default()
        };
        for (group, included, excluded) in [
            (Group::Offer, &self.offer_id, &self.offer_id_not),
            (Group::List, &self.list_id, &self.list_id_not),
            (Group::Creative, &self.creative_id, &self.creative_id_not),
            (Group::Campaign, &self.campaign_id, &self.campaign_id_not),
            (Group::Country, &self.country, &self.country_not),
            (Group::Device, &self.device, &self.device_not),
            (Group::Sub1, &self.sub1, &self.sub1_not),
            (Group::Sub2, &self.sub2, &self.sub2_not),
            (Group::Sub3, &self.sub3, &self.sub3_not),
            (Group::Sub4, &self.sub4, &self.sub4_not),
            (Group::Sub5, &self.sub5, &self.sub5_not),
            (Group::Source, &self.source, &self.source_not),
            (Group::Os, &self.os, &self.os_not),
            (Group::Browser, &self.browser, &self.browser_not),
            (Group::Language, &self.language, &self.language_not),
            (Group::Region, &self.region, &self.region_not),
            (Group::City, &self.city, &self.city_not),
            (Group::Network, &self.network, &self.network_not),
            (Group::BotReason, &self.bot_reason, &self.bot_reason_not),
            (Group::BotRule, &self.bot_rule, &self.bot_rule_not),
        ] {
            filters.add(group, included.as_deref(), excluded.as_deref())?;
        }
        filters.require_known(context).await?;
        Ok(filters)
    }
}

impl ReportRequest {
    /// The dimensions of the rows.
    pub fn groups(&self) -> Vec<Group> {
        [Some(self.group), self.then_by]
            .into_iter()
            .flatten()
            .collect()
    }

    pub async fn from_query(
        context: RequestContext<'_>,
        query: PerformanceQuery,
        now: jiff::Timestamp,
    ) -> Result<Self, ApiError> {
        let parse = |field: &'static str, text: &String| {
            let problem = "it is not a code as in USD";
            parse_currency(text).ok_or_else(|| ApiError::invalid_field(field, problem))
        };
        let currency = match (&query.currency, &query.convert_to) {
            (None, None) => find_default_currency(context).await?,
            (Some(text), None) => parse("currency", text)?,
            (None, Some(text)) => parse("convert_to", text)?,
            (Some(_), Some(_)) => {
                let problem = "it must not be given together with `currency`";
                return Err(ApiError::invalid_field("convert_to", problem));
            }
        };
        let filters = query.filters(context).await?;
        let (from, to) = (query.from.as_deref(), query.to.as_deref());
        let period = Period::parse(from, to, query.tz.as_deref(), now)?;
        let exchange = match query.convert_to {
            None => None,
            Some(_) => Some(Exchange::load(context, &period, &currency).await?),
        };
        let group = query.group_by.unwrap_or(Group::Date);
        check_second_group(group, query.then_by)?;
        if query.order.is_some() && query.order_by.is_none() {
            let problem = "it is the direction of `order_by`, which is not given";
            return Err(ApiError::invalid_field("order", problem));
        }
        Ok(Self {
            group,
            then_by: query.then_by,
            period,
            filters,
            currency,
            exchange,
            with_events: query.events.unwrap_or_default(),
            statuses: query.status.unwrap_or(CountedStatuses::Approved),
            order: query.order_by.map(|metric| RowOrder {
                metric,
                direction: query.order.unwrap_or(OrderDirection::Descending),
            }),
            min_clicks: query.min_clicks.map(BoundedInteger::get),
            comparison: query.compare,
            limit: query.limit.map(BoundedInteger::get),
            cursor: query.cursor,
        })
    }
}
