//! The parts of costs that lie in one day.

use domain::cost::{CostModel, CostPart};
use jiff::Timestamp;
use rust_decimal::Decimal;

use super::super::request::ReportRequest;
use crate::{db::costs::CostFields, error::ApiError};

/// How many parts a report has at most.
pub const MAX_PARTS: usize = 200_000;
/// The decimals of the share of a click in the amount of a day.
const SHARE_DECIMALS: u32 = 18;

/// The part of a cost that lies in one day (UTC) of the report.
#[derive(Debug, Clone)]
pub struct DayPart<'c> {
    pub cost: &'c CostFields,
    pub time: CostPart,
    pub prices: Prices,
}

/// Prices in the currency of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prices {
    /// Of each click without a cost of its own.
    pub per_click: Decimal,
    /// The share of each click in the amount of a day.
    pub share: Decimal,
    pub per_conversion: Decimal,
}

impl Prices {
    /// The share of each of some clicks that an amount is divided by.
    pub fn share(amount: Decimal, n_clicks: i64) -> Self {
        let share = amount.checked_div(Decimal::from(n_clicks));
        Self {
            share: share.unwrap_or_default().round_dp(SHARE_DECIMALS),
            ..Self::default()
        }
    }
}

/// Cuts costs into the parts of the report's period.
pub fn cut<'c>(
    costs: &[&'c CostFields],
    request: &ReportRequest,
) -> Result<Vec<DayPart<'c>>, ApiError> {
    let mut parts = Vec::new();
    for &cost in costs {
        for time in cost.range.parts(request.period.from, request.period.to) {
            if parts.len() == MAX_PARTS {
                return Err(ApiError::TooManyCostsInPeriod);
            }
            let price = || in_report_currency(cost, cost.range.amount, &time, request);
            let prices = match cost.range.model {
                CostModel::PerClick => Prices {
                    per_click: price()?,
                    ..Prices::default()
                },
                CostModel::PerConversion => Prices {
                    per_conversion: price()?,
                    ..Prices::default()
                },
                CostModel::PerDay => Prices::default(),
            };
            parts.push(DayPart { cost, time, prices });
        }
    }
    Ok(parts)
}

impl DayPart<'_> {
    /// What of the amount of days falls to this part, in the report's currency.
    pub fn amount(&self, request: &ReportRequest) -> Result<Decimal, ApiError> {
        self.amount_between(request, self.time.starts_at, self.time.ends_at)
    }

    /// What of it falls to a time within this part.
    pub fn amount_between(
        &self,
        request: &ReportRequest,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Decimal, ApiError> {
        let (from, to) = (from.max(self.time.starts_at), to.min(self.time.ends_at));
        let amount = self.cost.range.amount_between(from, to);
        in_report_currency(self.cost, amount, &self.time, request)
    }
}

fn in_report_currency(
    cost: &CostFields,
    amount: Decimal,
    time: &CostPart,
    request: &ReportRequest,
) -> Result<Decimal, ApiError> {
    match &request.exchange {
        None => Ok(amount),
        Some(exchange) => exchange.convert(amount, &cost.currency, time.day),
    }
}
