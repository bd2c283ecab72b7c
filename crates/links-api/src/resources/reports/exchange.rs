//! Converting the amounts of a report to one currency.

use domain::exchange::ExchangeRates;
use jiff::{Timestamp, tz::TimeZone};
use rust_decimal::Decimal;

use super::period::Period;
use crate::{db::exchange_rates, error::ApiError, http::RequestContext};

/// The currency to which a report converts, and the rates of its days.
#[derive(Debug, Clone)]
pub struct Exchange {
    target: String,
    rates: ExchangeRates,
}

impl Exchange {
    pub async fn load(
        context: RequestContext<'_>,
        period: &Period,
        target: &str,
    ) -> Result<Self, ApiError> {
        let days = (utc_day(period.from), utc_day(period.to));
        let account_id = context.caller.account_id;
        Ok(Self {
            target: target.to_owned(),
            rates: exchange_rates::load(context.db, account_id, days, target).await?,
        })
    }

    /// Converts an amount of a day (UTC), in which `time` lies.
    pub fn convert(
        &self,
        amount: Decimal,
        currency: &str,
        time: Timestamp,
    ) -> Result<Decimal, ApiError> {
        let converted = self
            .rates
            .convert(amount, currency, &self.target, utc_day(time));
        converted.map_err(ApiError::MissingExchangeRate)
    }
}

fn utc_day(time: Timestamp) -> jiff::civil::Date {
    time.to_zoned(TimeZone::UTC).date()
}
