//! The order of a report's rows, and how many of them are shown.

use rust_decimal::Decimal;

use super::{
    row::{KeyedCounts, RowCounts},
    statuses::{CountedColumns, CountedStatuses},
};
use crate::{enumeration::enumeration, error::ApiError, http::OrderDirection};

enumeration! {
    /// What rows are ordered by.
    pub enum OrderMetric {
        Sends = "sends",
        Clicks = "clicks",
        UniqueClicks = "unique_clicks",
        BotClicks = "bot_clicks",
        ConfirmedClicks = "confirmed_clicks",
        ClickRate = "click_rate",
        Conversions = "conversions",
        ConversionRate = "conversion_rate",
        Revenue = "revenue",
        Epc = "epc",
        Cost = "cost",
        Profit = "profit",
        Roi = "roi",
    }
}

/// The order of rows. Rows without a value come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowOrder {
    pub metric: OrderMetric,
    pub direction: OrderDirection,
}

impl OrderMetric {
    fn value(self, counts: &RowCounts) -> Option<Decimal> {
        Some(match self {
            Self::Sends => counts.sends.into(),
            Self::Clicks => counts.clicks.into(),
            Self::UniqueClicks => counts.unique_clicks.into(),
            Self::BotClicks => counts.bot_clicks.into(),
            Self::ConfirmedClicks => counts.confirmed_clicks.into(),
            Self::Conversions => counts.conversions.into(),
            Self::Revenue => counts.revenue,
            Self::Cost => counts.cost,
            Self::Profit => counts.revenue - counts.cost,
            Self::ClickRate => return counts.click_rate(),
            Self::ConversionRate => return counts.conversion_rate(),
            Self::Epc => return counts.epc(),
            Self::Roi => return counts.roi(),
        })
    }
}

impl RowOrder {
    /// Sorts rows; equal ones keep their order.
    pub fn sort(self, rows: &mut [KeyedCounts]) {
        rows.sort_by_cached_key(|(_, counts)| {
            let value = self.metric.value(counts);
            let value = value.map(|value| match self.direction {
                OrderDirection::Descending => -value,
                OrderDirection::Ascending => value,
            });
            (value.is_none(), value)
        });
    }

    /// The order as SQL, for rows that the database sorts: only what it counts, and no amounts that
    /// the report converts.
    pub fn sql(self, statuses: CountedStatuses, is_converted: bool) -> Result<String, ApiError> {
        let CountedColumns {
            conversions,
            revenue,
        } = statuses.columns();
        let value = match self.metric {
            OrderMetric::Sends => "sum(t.sends)".to_owned(),
            OrderMetric::Clicks => "sum(t.clicks)".to_owned(),
            OrderMetric::UniqueClicks => "sum(t.unique_clicks)".to_owned(),
            OrderMetric::BotClicks => "sum(t.bot_clicks)".to_owned(),
            OrderMetric::ConfirmedClicks => "sum(t.confirmed_clicks)".to_owned(),
            OrderMetric::Conversions => format!("sum({conversions})"),
            OrderMetric::Revenue if !is_converted => {
                format!("sum({revenue}) FILTER (WHERE t.currency = $4)")
            }
            _ => {
                let problem = "links and messages can be ordered by sends, clicks, unique_clicks, \
                               bot_clicks, confirmed_clicks, conversions, and by revenue without \
                               `convert_to`";
                return Err(ApiError::invalid_field("order_by", problem));
            }
        };
        let direction = match self.direction {
            OrderDirection::Descending => "DESC",
            OrderDirection::Ascending => "ASC",
        };
        Ok(format!("coalesce({value}, 0) {direction}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_value_come_last_in_both_directions() {
        let row = |key: &str, clicks, revenue: i64| {
            let counts = RowCounts {
                unique_clicks: clicks,
                revenue: revenue.into(),
                ..RowCounts::default()
            };
            (Some(key.to_owned()), counts)
        };
        let rows = [
            row("a", 10, 10),
            row("none", 0, 0),
            row("b", 10, 30),
            row("c", 5, 10),
        ];
        for (direction, expected) in [
            (OrderDirection::Descending, ["b", "c", "a", "none"]),
            (OrderDirection::Ascending, ["a", "c", "b", "none"]),
        ] {
            let mut rows = rows.to_vec();
            let order = RowOrder {
                metric: OrderMetric::Epc,
                direction,
            };
            order.sort(&mut rows);
            let keys: Vec<_> = rows
                .iter()
                .map(|(key, _)| key.as_deref().unwrap())
                .collect();
            assert_eq!(keys, expected);
        }
    }
}
