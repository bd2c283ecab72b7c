//! Converting amounts from one currency to another by the rates of days.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

/// The currency that all rates are against.
pub const BASE_CURRENCY: &str = "EUR";
/// For how many days after its own a rate holds, if there is no later one: banks publish none
/// at weekends and on holidays.
pub const MAX_RATE_AGE_DAYS: i32 = 7;
/// The decimals of a converted amount, before it is added to others.
const DECIMALS: u32 = 12;

/// Rates by currency and day: the units of the currency that one euro buys.
#[derive(Debug, Clone, Default)]
pub struct ExchangeRates {
    by_currency: BTreeMap<String, BTreeMap<Date, Decimal>>,
}

/// There is no rate for a currency on a day, and none of the days before it that would hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no exchange rate of {currency} for {day}, and none of the 7 days before it")]
pub struct MissingRate {
    pub currency: String,
    pub day: Date,
}

impl ExchangeRates {
    /// Adds a rate, which must be more than 0.
    pub fn insert(&mut self, currency: String, day: Date, per_euro: Decimal) {
        let rates = self.by_currency.entry(currency).or_default();
        rates.insert(day, per_euro);
    }

    /// Converts an amount by the rates of a day, or by the last ones before it.
    pub fn convert(
        &self,
        amount: Decimal,
        from: &str,
        to: &str,
        day: Date,
    ) -> Result<Decimal, MissingRate> {
        if from == to || amount.is_zero() {
            return Ok(amount);
        }
        let (from_rate, to_rate) = (self.per_euro(from, day)?, self.per_euro(to, day)?);
        let converted = (amount * to_rate).checked_div(from_rate);
        Ok(converted
            .unwrap_or_default()
            .round_dp_with_strategy(DECIMALS, RoundingStrategy::MidpointAwayFromZero))
    }

    fn per_euro(&self, currency: &str, day: Date) -> Result<Decimal, MissingRate> {
        if currency == BASE_CURRENCY {
            return Ok(Decimal::ONE);
        }
        let oldest = day.saturating_sub(jiff::Span::new().days(MAX_RATE_AGE_DAYS));
        let rates = self.by_currency.get(currency);
        let last = rates.and_then(|rates| rates.range(oldest..=day).next_back());
        let missing = || MissingRate {
            currency: currency.to_owned(),
            day,
        };
        last.map(|(_, rate)| *rate).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn rates() -> ExchangeRates {
        let mut rates = ExchangeRates::default();
        for (currency, day, per_euro) in [
            ("USD", "2026-03-06", "1.25"),
            ("USD", "2026-03-09", "1.2"),
            ("JPY", "2026-03-06", "160"),
        ] {
            rates.insert(
                currency.to_owned(),
                day.parse().unwrap(),
                per_euro.parse().unwrap(),
            );
        }
        rates
    }

    #[rstest]
    #[case::same("7", "USD", "USD", "1999-01-01", "7")]
    #[case::nothing("0", "GBP", "USD", "1999-01-01", "0")]
    #[case::to_euro("10", "USD", "EUR", "2026-03-06", "8")]
    #[case::from_euro("8", "EUR", "USD", "2026-03-06", "10")]
    #[case::weekend("10", "USD", "EUR", "2026-03-08", "8")]
    #[case::next_rate("12", "USD", "EUR", "2026-03-09", "10")]
    #[case::oldest_that_holds("12", "USD", "EUR", "2026-03-16", "10")]
    #[case::neither_is_euro("1.25", "USD", "JPY", "2026-03-06", "160")]
    #[case::rounded("1", "JPY", "EUR", "2026-03-06", "0.00625")]
    #[case::negative("-10", "USD", "EUR", "2026-03-06", "-8")]
    fn an_amount_is_converted_by_the_last_rate(
        #[case] amount: Decimal,
        #[case] from: &str,
        #[case] to: &str,
        #[case] day: Date,
        #[case] expected: Decimal,
    ) {
        assert_eq!(rates().convert(amount, from, to, day), Ok(expected));
    }

    #[rstest]
    #[case::before_the_first("USD", "EUR", "2026-03-05", "USD")]
    #[case::too_old("USD", "EUR", "2026-03-17", "USD")]
    #[case::too_old_of_the_target("EUR", "JPY", "2026-03-14", "JPY")]
    #[case::unknown("GBP", "EUR", "2026-03-06", "GBP")]
    fn a_missing_rate_names_currency_and_day(
        #[case] from: &str,
        #[case] to: &str,
        #[case] day: Date,
        #[case] missing: &str,
    ) {
        let expected = MissingRate {
            currency: missing.to_owned(),
            day,
        };
        assert_eq!(rates().convert(Decimal::ONE, from, to, day), Err(expected));
    }
}
