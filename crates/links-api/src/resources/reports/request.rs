//! The query of a report.

use domain::conversion::{DEFAULT_CURRENCY, parse_currency};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{exchange::Exchange, group::Group, period::Period};
use crate::{
    db::{
        accounts,
        filters::{self, FilterTarget},
    },
    enumeration::enumeration,
    error::ApiError,
    fields::parse_filter_country,
    http::{BoundedInteger, IdNumber, QueryParameters, RequestContext},
};

const MAX_ROWS: i64 = 1_000;
const DEFAULT_ROWS: i64 = 100;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct PerformanceQuery {
    /// The dimension of the rows, date by default.
    group_by: Option<Group>,
    /// The first day, as in 2026-03-01, or a time, as in 2026-03-01T00:00:00Z. By default the
    /// report has 30 days with the last.
    from: Option<String>,
    /// The last day, or the time after the last. By default today.
    to: Option<String>,
    /// The time zone of days and hours, as in America/New_York. UTC by default.
    tz: Option<String>,
    /// Only this offer.
    offer_id: Option<String>,
    /// Only this list.
    list_id: Option<IdNumber>,
    /// Only this creative.
    creative_id: Option<IdNumber>,
    /// Only this campaign.
    campaign_id: Option<String>,
    /// Only this country (ISO 3166-1 alpha-2).
    country: Option<String>,
    /// Only this class of devices.
    device: Option<String>,
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
    /// Rows of a page of links or messages, 100 by default, at most 1,000.
    limit: Option<BoundedInteger<1, MAX_ROWS>>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl QueryParameters for PerformanceQuery {}

enumeration! {
    /// The statuses of the conversions that a report counts.
    pub enum CountedStatuses {
        Approved = "approved",
        ApprovedAndPending = "approved,pending",
    }
}

/// A valid query.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    pub group: Group,
    pub period: Period,
    pub filters: Filters,
    pub currency: String,
    /// Converts amounts to the currency. Without it, only amounts in the currency count.
    pub exchange: Option<Exchange>,
    pub with_events: bool,
    pub statuses: CountedStatuses,
    /// Rows of a page.
    pub limit: i64,
    pub cursor: Option<String>,
}

/// Conditions that everything that is counted must meet. `None` is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    pub offer_id: Option<String>,
    pub list_id: Option<i64>,
    pub creative_id: Option<i64>,
    pub campaign_id: Option<String>,
    pub country: Option<String>,
    pub device: Option<String>,
    /// The links with the id of the query.
    pub link_keys: Option<Vec<i64>>,
    pub message_id: Option<String>,
}

async fn find_default_currency(context: RequestContext<'_>) -> Result<String, ApiError> {
    let currency = accounts::find_default_currency(context.db, context.caller.account_id).await?;
    Ok(currency.unwrap_or_else(|| DEFAULT_CURRENCY.to_owned()))
}

impl Filters {
    /// Fails if the query names what the account does not have.
    async fn from_query(
        context: RequestContext<'_>,
        query: &PerformanceQuery,
    ) -> Result<Self, ApiError> {
        let (db, account_id) = (context.db, context.caller.account_id);
        let link_id = query.link_id.as_deref();
        let link_keys = filters::require_links(db, account_id, "link_id", link_id).await?;
        let filters = Self {
            offer_id: query.offer_id.clone(),
            list_id: query.list_id.map(BoundedInteger::get),
            creative_id: query.creative_id.map(BoundedInteger::get),
            campaign_id: query.campaign_id.clone(),
            country: parse_filter_country("country", query.country.clone())?,
            device: query.device.clone(),
            link_keys,
            message_id: query.message_id.clone(),
        };
        let (offer, list) = (&filters.offer_id, &filters.list_id);
        filters::require(db, account_id, FilterTarget::Offer, "offer_id", offer).await?;
        filters::require(db, account_id, FilterTarget::List, "list_id", list).await?;
        let (creative, campaign) = (&filters.creative_id, &filters.campaign_id);
        filters::require(
            db,
            account_id,
            FilterTarget::Creative,
            "creative_id",
            creative,
        )
        .await?;
        filters::require(
            db,
            account_id,
            FilterTarget::Campaign,
            "campaign_id",
            campaign,
        )
        .await?;
        Ok(filters)
    }
}

impl ReportRequest {
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
        let filters = Filters::from_query(context, &query).await?;
        let (from, to) = (query.from.as_deref(), query.to.as_deref());
        let period = Period::parse(from, to, query.tz.as_deref(), now)?;
        let exchange = match query.convert_to {
            None => None,
            Some(_) => Some(Exchange::load(context, &period, &currency).await?),
        };
        Ok(Self {
            group: query.group_by.unwrap_or(Group::Date),
            period,
            filters,
            currency,
            exchange,
            with_events: query.events.unwrap_or_default(),
            statuses: query.status.unwrap_or(CountedStatuses::Approved),
            limit: query.limit.map_or(DEFAULT_ROWS, BoundedInteger::get),
            cursor: query.cursor,
        })
    }
}
