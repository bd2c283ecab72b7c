//! A row of a report: what it is of, and its numbers.

use domain::money;
use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::asked::Group;
use crate::{csv::Csv, error::ApiError};

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub sends: i64,
    pub clicks: i64,
    pub unique_clicks: i64,
    pub bot_clicks: i64,
    pub confirmed_clicks: i64,
    pub conversions: i64,
    pub revenue: Decimal,
}

/// What is counted, and what follows from it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Metrics {
    sends: i64,
    clicks: i64,
    unique_clicks: i64,
    bot_clicks: i64,
    confirmed_clicks: i64,
    /// Unique clicks per send.
    click_rate: f64,
    conversions: i64,
    /// Conversions per unique click.
    conversion_rate: f64,
    revenue: String,
    revenue_per_send: String,
    /// Revenue per unique click.
    epc: String,
    /// Revenue per click.
    epc_total: String,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Row {
    /// What the row is of: `date`, `hour`, or an id with its name.
    #[serde(flatten)]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub key: Map<String, Value>,
    #[serde(flatten)]
    pub metrics: Metrics,
}

impl From<Counts> for Metrics {
    fn from(counts: Counts) -> Self {
        let n = |count: i64| Decimal::from(count);
        let revenue = counts.revenue;
        Self {
            sends: counts.sends,
            clicks: counts.clicks,
            unique_clicks: counts.unique_clicks,
            bot_clicks: counts.bot_clicks,
            confirmed_clicks: counts.confirmed_clicks,
            click_rate: number(per(n(counts.unique_clicks), counts.sends)),
            conversions: counts.conversions,
            conversion_rate: number(per(n(counts.conversions), counts.unique_clicks)),
            revenue: money::format(revenue),
            revenue_per_send: money::format(per(revenue, counts.sends)),
            epc: money::format(per(revenue, counts.unique_clicks)),
            epc_total: money::format(per(revenue, counts.clicks)),
        }
    }
}

/// With 4 decimals; a division by zero is 0.
fn per(amount: Decimal, n: i64) -> Decimal {
    amount
        .checked_div(Decimal::from(n))
        .unwrap_or_default()
        .round_dp(4)
}

fn number(rate: Decimal) -> f64 {
    rate.to_f64().unwrap_or_default()
}

/// The names of the columns that say what a row is of.
pub fn key_columns(group: Group) -> &'static [&'static str] {
    match group {
        Group::Date => &["date"],
        Group::Hour => &["hour"],
        Group::Message => &["message_id"],
        Group::Creative => &["creative_id", "creative_name"],
        Group::Offer => &["offer_id", "offer_name"],
        Group::List => &["list_id", "list_name"],
        Group::Link => &["link_id", "short_url"],
        Group::Campaign => &["campaign_id", "campaign_name"],
        Group::Country => &["country"],
        Group::Device => &["device"],
    }
}

/// The first of them: its key.
pub fn key_column(group: Group) -> &'static str {
    key_columns(group).first().copied().unwrap_or_default()
}

pub fn write_csv(csv: Csv, group: Group, rows: &[Row]) -> Result<Vec<u8>, ApiError> {
    let metrics = [
        "sends",
        "clicks",
        "unique_clicks",
        "bot_clicks",
        "confirmed_clicks",
        "click_rate",
        "conversions",
        "conversion_rate",
        "revenue",
        "revenue_per_send",
        "epc",
        "epc_total",
    ];
    let columns: Vec<_> = key_columns(group).iter().chain(&metrics).copied().collect();
    csv.write(&columns, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_unique_clicks_and_nothing_divided_is_zero() {
        let metrics = |counts| serde_json::to_value(Metrics::from(counts)).unwrap();
        let counts = Counts {
            sends: 1000,
            clicks: 260,
            unique_clicks: 180,
            conversions: 9,
            revenue: "112.5".parse().unwrap(),
            ..Counts::default()
        };
        let found = metrics(counts);
        assert_eq!(found["click_rate"], 0.18);
        assert_eq!(found["conversion_rate"], 0.05);
        assert_eq!(found["revenue"], "112.50");
        assert_eq!(found["revenue_per_send"], "0.1125");
        assert_eq!(found["epc"], "0.625");
        assert_eq!(found["epc_total"], "0.4327");
        let nothing = metrics(Counts::default());
        assert_eq!(nothing["click_rate"], 0.0);
        assert_eq!(nothing["epc"], "0.00");
    }
}
