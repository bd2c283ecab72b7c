//! A row of a report: its key, and its metrics.

use std::collections::{BTreeMap, BTreeSet};

use domain::money;
use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{group::Group, row_key::RowKey};
use crate::{error::ApiError, http::Csv};

/// The sums of a row with its key, which is `None` for what has no value.
pub type KeyedCounts = (Option<String>, RowCounts);

/// What is counted of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventCounts {
    pub conversions: i64,
    pub revenue: Decimal,
}

/// The sums that the metrics of a row are computed from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowCounts {
    pub sends: i64,
    pub delivered: i64,
    /// Failed or undelivered messages.
    pub failed: i64,
    pub clicks: i64,
    pub unique_clicks: i64,
    pub bot_clicks: i64,
    pub confirmed_clicks: i64,
    pub conversions: i64,
    pub revenue: Decimal,
    /// The costs that clicks have of their own, not rounded: a part of `cost`.
    pub click_cost: Decimal,
    pub cost: Decimal,
    /// What is counted of each event, if the report asks for it.
    pub events: Option<BTreeMap<String, EventCounts>>,
}

impl RowCounts {
    /// Unique clicks per delivered message, or per send if no delivery is known.
    pub fn click_rate(&self) -> Option<Decimal> {
        let n_messages = match self.delivered {
            0 => self.sends,
            delivered => delivered,
        };
        per(self.unique_clicks.into(), self.if_all_known(n_messages)?)
    }

    pub fn revenue_per_send(&self) -> Option<Decimal> {
        per(self.revenue, self.if_all_known(self.sends)?)
    }

    /// With more unique clicks than messages, not all messages are known.
    fn if_all_known(&self, n_messages: i64) -> Option<i64> {
        Some(n_messages).filter(|known| self.unique_clicks <= *known)
    }

    /// Conversions per unique click.
    pub fn conversion_rate(&self) -> Option<Decimal> {
        per(self.conversions.into(), self.unique_clicks)
    }

    /// Revenue per unique click.
    pub fn epc(&self) -> Option<Decimal> {
        per(self.revenue, self.unique_clicks)
    }

    /// Profit per cost.
    pub fn roi(&self) -> Option<Decimal> {
        (self.revenue - self.cost).checked_div(self.cost)
    }

    pub fn are_zero(&self) -> bool {
        let events = self.events.iter().flatten();
        let counts = Self {
            events: None,
            ..self.clone()
        };
        counts == Self::default() && events.count() == 0
    }
}

/// The counts of a row, and the rates that follow from them.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Metrics")]
pub struct ReportMetrics {
    sends: i64,
    clicks: i64,
    unique_clicks: i64,
    bot_clicks: i64,
    confirmed_clicks: i64,
    /// Unique clicks per delivered message, or per send if no delivery is known. Null if that is
    /// unknown: there are none, or fewer than unique clicks.
    click_rate: Option<f64>,
    conversions: i64,
    /// Conversions per unique click; null without one.
    conversion_rate: Option<f64>,
    revenue: String,
    /// Null if there are no sends, or fewer than unique clicks.
    revenue_per_send: Option<String>,
    /// Revenue per unique click; null without one.
    epc: Option<String>,
    /// Revenue per click; null without one.
    epc_total: Option<String>,
    cost: String,
    /// The revenue less the cost, which is negative for a loss.
    profit: String,
    /// Profit per cost; null without a cost.
    roi: Option<f64>,
    /// The same as `sends`.
    sent: i64,
    /// Messages that networks have delivered.
    delivered: i64,
    /// Messages that failed or were undelivered.
    failed: i64,
    /// By event, if the query has `events=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<BTreeMap<String, EventMetrics>>,
}

/// What is counted of an event.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EventMetrics {
    conversions: i64,
    revenue: String,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Row")]
pub struct ReportRow {
    /// What the row is about: `date`, `hour`, or an id with its name.
    #[serde(flatten)]
    #[schemars(with = "RowKey")]
    pub key: Map<String, Value>,
    #[serde(flatten)]
    pub metrics: ReportMetrics,
    /// Whether the day or hour is over. Rows by something else do not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_complete: Option<bool>,
    /// The same row in the period before, if the query has `compare=previous`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<ReportMetrics>,
}

impl From<&tokio_postgres::Row> for RowCounts {
    /// The columns are those of `fetch::measures`.
    fn from(row: &tokio_postgres::Row) -> Self {
        Self {
            sends: row.get("sends"),
            delivered: row.get("delivered"),
            failed: row.get("failed"),
            clicks: row.get("clicks"),
            unique_clicks: row.get("unique_clicks"),
            bot_clicks: row.get("bot_clicks"),
            confirmed_clicks: row.get("confirmed_clicks"),
            conversions: row.get("conversions"),
            revenue: row.get("revenue"),
            click_cost: row.get("click_cost"),
            ..Self::default()
        }
    }
}

impl From<RowCounts> for ReportMetrics {
    fn from(counts: RowCounts) -> Self {
        let revenue = counts.revenue;
        let rate = |rate: Option<Decimal>| rate.map(|rate| number(rate.round_dp(4)));
        let amount =
            |amount: Option<Decimal>| amount.map(|amount| money::format(amount.round_dp(4)));
        Self {
            sends: counts.sends,
            clicks: counts.clicks,
            unique_clicks: counts.unique_clicks,
            bot_clicks: counts.bot_clicks,
            confirmed_clicks: counts.confirmed_clicks,
            click_rate: rate(counts.click_rate()),
            conversions: counts.conversions,
            conversion_rate: rate(counts.conversion_rate()),
            revenue: money::format(revenue),
            revenue_per_send: amount(counts.revenue_per_send()),
            epc: amount(counts.epc()),
            epc_total: amount(per(revenue, counts.clicks)),
            cost: money::format(counts.cost),
            profit: money::format(revenue - counts.cost),
            roi: rate(counts.roi()),
            sent: counts.sends,
            delivered: counts.delivered,
            failed: counts.failed,
            events: counts.events.map(|events| {
                let events = events.into_iter();
                events.map(|(name, counts)| (name, counts.into())).collect()
            }),
        }
    }
}

impl From<EventCounts> for EventMetrics {
    fn from(counts: EventCounts) -> Self {
        Self {
            conversions: counts.conversions,
            revenue: money::format(counts.revenue),
        }
    }
}

/// The quotient; `None` if it is a division by zero.
fn per(amount: Decimal, n: i64) -> Option<Decimal> {
    amount.checked_div(Decimal::from(n))
}

fn number(rate: Decimal) -> f64 {
    rate.to_f64().unwrap_or_default()
}

pub fn write_csv(
    csv: Csv,
    groups: &[Group],
    currency: &str,
    rows: &[ReportRow],
) -> Result<Vec<u8>, ApiError> {
    const METRICS: [&str; 19] = [
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
        "currency",
        "cost",
        "profit",
        "roi",
        "sent",
        "delivered",
        "failed",
    ];
    let events: BTreeSet<_> = rows.iter().flat_map(ReportRow::event_names).collect();
    let columns_of_events = events.iter().flat_map(|event| event_columns(event));
    let columns_of_events: Vec<_> = columns_of_events.collect();
    let columns: Vec<_> = groups
        .iter()
        .flat_map(|group| group.key_columns())
        .chain(&METRICS)
        .copied()
        .chain(columns_of_events.iter().map(String::as_str))
        .collect();
    let rows: Result<Vec<_>, _> = rows.iter().map(|row| csv_row(row, currency)).collect();
    csv.write(&columns, &rows?)
}

/// A row of CSV, which has no other place for the currency of the report, and no room for
/// objects.
fn csv_row(row: &ReportRow, currency: &str) -> Result<Value, ApiError> {
    let mut cells = serde_json::to_value(row).map_err(ApiError::internal)?;
    cells["currency"] = currency.into();
    for (event, metrics) in row.metrics.events.iter().flatten() {
        let [conversions, revenue] = event_columns(event);
        cells[conversions] = metrics.conversions.into();
        cells[revenue] = metrics.revenue.as_str().into();
    }
    Ok(cells)
}

/// The columns of an event.
fn event_columns(event: &str) -> [String; 2] {
    ["conversions", "revenue"].map(|measure| format!("{event}_{measure}"))
}

impl ReportRow {
    fn event_names(&self) -> impl Iterator<Item = &str> {
        let events = self.metrics.events.iter();
        events.flat_map(|events| events.keys().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn rates_are_of_unique_clicks_and_nothing_divided_is_null() {
        let metrics = |counts| serde_json::to_value(ReportMetrics::from(counts)).unwrap();
        let counts = RowCounts {
            sends: 1000,
            clicks: 260,
            unique_clicks: 180,
            conversions: 9,
            revenue: "112.5".parse().unwrap(),
            ..RowCounts::default()
        };
        let metrics_of_counts = metrics(counts);
        assert_eq!(metrics_of_counts["click_rate"], 0.18);
        assert_eq!(metrics_of_counts["conversion_rate"], 0.05);
        assert_eq!(metrics_of_counts["revenue"], "112.50");
        assert_eq!(metrics_of_counts["revenue_per_send"], "0.1125");
        assert_eq!(metrics_of_counts["epc"], "0.625");
        assert_eq!(metrics_of_counts["epc_total"], "0.4327");
        assert_eq!(metrics_of_counts["cost"], "0.00");
        assert_eq!(metrics_of_counts["profit"], "112.50");
        assert_eq!(metrics_of_counts["roi"], Value::Null);
        let nothing = metrics(RowCounts::default());
        for rate in [
            "click_rate",
            "conversion_rate",
            "revenue_per_send",
            "epc",
            "epc_total",
            "roi",
        ] {
            assert_eq!(nothing[rate], Value::Null, "{rate}");
        }
    }

    #[rstest]
    #[case::by_sends(100, 0, 0, 25, Some(0.25), Some("0.10"))]
    #[case::failures_alone(100, 0, 10, 25, Some(0.25), Some("0.10"))]
    #[case::by_delivered(100, 50, 10, 25, Some(0.5), Some("0.10"))]
    #[case::no_click(100, 50, 10, 0, Some(0.0), Some("0.10"))]
    #[case::all_click(100, 100, 0, 100, Some(1.0), Some("0.10"))]
    #[case::more_clicks_than_deliveries(100, 10, 0, 25, None, Some("0.10"))]
    #[case::more_clicks_than_sends(20, 0, 0, 25, None, None)]
    #[case::nothing_sent(0, 0, 0, 25, None, None)]
    fn rates_of_messages_are_null_where_not_all_messages_are_known(
        #[case] sends: i64,
        #[case] delivered: i64,
        #[case] failed: i64,
        #[case] unique_clicks: i64,
        #[case] click_rate: Option<f64>,
        #[case] revenue_per_send: Option<&str>,
    ) {
        let metrics = ReportMetrics::from(RowCounts {
            sends,
            delivered,
            failed,
            unique_clicks,
            revenue: Decimal::from(10),
            ..RowCounts::default()
        });
        assert_eq!(metrics.click_rate, click_rate);
        assert_eq!(metrics.revenue_per_send.as_deref(), revenue_per_send);
        assert_eq!(
            (metrics.sent, metrics.delivered, metrics.failed),
            (sends, delivered, failed)
        );
    }

    #[rstest]
    #[case::profit("112.5", "45", "67.50", Some(1.5))]
    #[case::loss("10", "30", "-20.00", Some(-0.6667))]
    #[case::no_revenue("0", "5", "-5.00", Some(-1.0))]
    #[case::no_cost("10", "0", "10.00", None)]
    #[case::refunds("-3", "1.50000001", "-4.50000001", Some(-3.0))]
    fn profit_is_revenue_less_cost_and_its_ratio_needs_a_cost(
        #[case] revenue: Decimal,
        #[case] cost: Decimal,
        #[case] profit: &str,
        #[case] roi: Option<f64>,
    ) {
        let metrics = ReportMetrics::from(RowCounts {
            revenue,
            cost,
            ..RowCounts::default()
        });
        assert_eq!((metrics.profit.as_str(), metrics.roi), (profit, roi));
    }

    /// A custom event may have any name of letters, digits and underscores.
    #[test]
    fn csv_has_two_columns_for_each_event_that_occurs() {
        let row = |key: &str, events: &[(&str, i64)]| {
            let events = events.iter().map(|(name, conversions)| {
                let counts = EventCounts {
                    conversions: *conversions,
                    revenue: Decimal::new(*conversions, 1),
                };
                ((*name).to_owned(), counts)
            });
            let counts = RowCounts {
                events: Some(events.collect()),
                ..RowCounts::default()
            };
            ReportRow {
                key: Map::from_iter([("country".to_owned(), Value::from(key))]),
                metrics: counts.into(),
                is_complete: None,
                previous: None,
            }
        };
        let rows = [
            row("DE", &[("sale", 2)]),
            row("US", &[("deposit", 1), ("sale", 5)]),
        ];
        let csv = write_csv(Csv::new(false), &[Group::Country], "USD", &rows).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        let ends: Vec<_> = csv
            .lines()
            .map(|line| line.split(',').skip(13).collect::<Vec<_>>().join(","))
            .collect();
        assert_eq!(
            ends,
            [
                "currency,cost,profit,roi,sent,delivered,failed,deposit_conversions,deposit_revenue,sale_conversions,sale_revenue",
                "USD,0.00,0.00,,0,0,0,,,2,0.20",
                "USD,0.00,0.00,,0,0,0,1,0.10,5,0.50",
            ]
        );
    }
}
