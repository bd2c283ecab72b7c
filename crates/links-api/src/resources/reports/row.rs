//! A row of a report: its key, and its metrics.

use domain::money;
use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::group::Group;
use crate::{error::ApiError, http::Csv};

/// The sums that the metrics of a row are computed from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    pub sends: i64,
    pub clicks: i64,
    pub unique_clicks: i64,
    pub bot_clicks: i64,
    pub confirmed_clicks: i64,
    pub conversions: i64,
    pub revenue: Decimal,
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
#[schemars(rename = "Row")]
pub struct ReportRow {
    /// What the row is about: `date`, `hour`, or an id with its name.
    #[serde(flatten)]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub key: Map<String, Value>,
    #[serde(flatten)]
    pub metrics: ReportMetrics,
}

/// The rows of a report, or a page of them.
pub struct ReportPage {
    pub rows: Vec<ReportRow>,
    pub next_cursor: Option<String>,
}

impl From<&tokio_postgres::Row> for RowCounts {
    /// The columns are those of `fetch::measures`.
    fn from(row: &tokio_postgres::Row) -> Self {
        Self {
            sends: row.get("sends"),
            clicks: row.get("clicks"),
            unique_clicks: row.get("unique_clicks"),
            bot_clicks: row.get("bot_clicks"),
            confirmed_clicks: row.get("confirmed_clicks"),
            conversions: row.get("conversions"),
            revenue: row.get("revenue"),
        }
    }
}

impl From<RowCounts> for ReportMetrics {
    fn from(counts: RowCounts) -> Self {
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

/// The quotient with 4 decimals; 0 if it is a division by zero.
fn per(amount: Decimal, n: i64) -> Decimal {
    amount
        .checked_div(Decimal::from(n))
        .unwrap_or_default()
        .round_dp(4)
}

fn number(rate: Decimal) -> f64 {
    rate.to_f64().unwrap_or_default()
}

/// A row of CSV, which has no other place for the currency of the report.
#[derive(Serialize)]
struct CsvRow<'r> {
    #[serde(flatten)]
    row: &'r ReportRow,
    currency: &'r str,
}

pub fn write_csv(
    csv: Csv,
    group: Group,
    currency: &str,
    rows: &[ReportRow],
) -> Result<Vec<u8>, ApiError> {
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
        "currency",
    ];
    let columns: Vec<_> = group
        .key_columns()
        .iter()
        .chain(&metrics)
        .copied()
        .collect();
    let rows: Vec<_> = rows.iter().map(|row| CsvRow { row, currency }).collect();
    csv.write(&columns, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_unique_clicks_and_nothing_divided_is_zero() {
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
        let nothing = metrics(RowCounts::default());
        assert_eq!(nothing["click_rate"], 0.0);
        assert_eq!(nothing["epc"], "0.00");
    }
}
