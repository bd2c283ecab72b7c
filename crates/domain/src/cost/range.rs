//! The time range of a cost, and what falls to the parts of it.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::{CostModel, rounding::round};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// A price and the time for which it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostRange {
    pub model: CostModel,
    /// The first time that belongs to it.
    pub starts_at: Timestamp,
    /// The first time that no longer belongs to it.
    pub ends_at: Timestamp,
    /// The days of the range, by the time zone of whoever has set the price: the amount of
    /// [`CostModel::PerDay`] is paid so many times, although a day may have 23 or 25 hours.
    pub days: u32,
    /// For a click, a conversion or a day.
    pub amount: Decimal,
}

/// The part of a range that lies in one day by UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostPart {
    /// The start of the day.
    pub day: Timestamp,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

impl CostRange {
    /// The parts of the range that lie in a period, one for each day by UTC.
    pub fn parts(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = CostPart> + use<> {
        let (starts_at, ends_at) = (self.starts_at.max(from), self.ends_at.min(to));
        let mut next = starts_at;
        std::iter::from_fn(move || {
            if next >= ends_at {
                return None;
            }
            let day = start_of_day(next);
            let end_of_day = day.as_second().saturating_add(SECONDS_PER_DAY);
            let end_of_day = Timestamp::from_second(end_of_day).unwrap_or(Timestamp::MAX);
            let part = CostPart {
                day,
                starts_at: next,
                ends_at: end_of_day.min(ends_at),
            };
            next = part.ends_at;
            Some(part)
        })
    }

    /// What of the amount of all days falls to the time from `from` to `to`. It is spread evenly
    /// over the range. The amounts of parts that make up the range add up to `days` times the
    /// amount, to the last decimal.
    pub fn amount_between(&self, from: Timestamp, to: Timestamp) -> Decimal {
        match from < to {
            true => self.amount_until(to) - self.amount_until(from),
            false => Decimal::ZERO,
        }
    }

    fn amount_until(&self, time: Timestamp) -> Decimal {
        let time = time.clamp(self.starts_at, self.ends_at);
        let seconds = |from: Timestamp, to: Timestamp| {
            Decimal::from(to.as_second().saturating_sub(from.as_second()))
        };
        let total = self.amount * Decimal::from(self.days);
        let elapsed = seconds(self.starts_at, time);
        let whole = seconds(self.starts_at, self.ends_at);
        let amount = (total * elapsed).checked_div(whole);
        round(amount.unwrap_or_default())
    }
}

fn start_of_day(time: Timestamp) -> Timestamp {
    let second = time.as_second();
    let start = second - second.rem_euclid(SECONDS_PER_DAY);
    // The first day of all timestamps has no start that is a timestamp.
    Timestamp::from_second(start).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn range(starts_at: &str, ends_at: &str, days: u32, amount: &str) -> CostRange {
        CostRange {
            model: CostModel::PerDay,
            starts_at: starts_at.parse().unwrap(),
            ends_at: ends_at.parse().unwrap(),
            days,
            amount: amount.parse().unwrap(),
        }
    }

    #[rstest]
    // The range is cut at midnights (UTC), and at the edges of the period.
    #[case("2026-03-01T05:00Z", "2026-03-03T05:00Z", &[
        "2026-03-01 05:00-00:00", "2026-03-02 00:00-00:00", "2026-03-03 00:00-05:00",
    ])]
    #[case("2026-03-02T00:00Z", "2026-03-03T00:00Z", &["2026-03-02 00:00-00:00"])]
    #[case("2026-02-01T00:00Z", "2026-03-01T05:15Z", &["2026-03-01 05:00-05:15"])]
    #[case("2026-03-03T04:45Z", "2026-04-01T00:00Z", &["2026-03-03 04:45-05:00"])]
    #[case("2026-02-01T00:00Z", "2026-03-01T05:00Z", &[])]
    #[case("2026-03-03T05:00Z", "2026-04-01T00:00Z", &[])]
    fn a_range_has_a_part_for_each_day_of_the_period(
        #[case] from: Timestamp,
        #[case] to: Timestamp,
        #[case] expected: &[&str],
    ) {
        let range = range("2026-03-01T05:00Z", "2026-03-03T05:00Z", 2, "10");
        let parts: Vec<_> = range
            .parts(from, to)
            .map(|part| {
                let day = part.day.strftime("%Y-%m-%d");
                let (starts, ends) = (
                    part.starts_at.strftime("%H:%M"),
                    part.ends_at.strftime("%H:%M"),
                );
                format!("{day} {starts}-{ends}")
            })
            .collect();
        assert_eq!(parts, expected);
    }

    #[rstest]
    #[case::one_day("2026-03-01T00:00Z", "2026-03-02T00:00Z", "10")]
    #[case::a_quarter_of_an_hour("2026-03-01T00:00Z", "2026-03-01T00:15Z", "0.10416667")]
    #[case::all("2026-03-01T00:00Z", "2026-03-04T00:00Z", "30")]
    #[case::more_than_all("2026-01-01T00:00Z", "2027-01-01T00:00Z", "30")]
    #[case::before("2026-02-01T00:00Z", "2026-03-01T00:00Z", "0")]
    #[case::after("2026-03-04T00:00Z", "2026-03-05T00:00Z", "0")]
    #[case::nothing("2026-03-02T00:00Z", "2026-03-02T00:00Z", "0")]
    #[case::the_wrong_way_round("2026-03-03T00:00Z", "2026-03-02T00:00Z", "0")]
    fn the_amount_of_days_is_spread_evenly(
        #[case] from: Timestamp,
        #[case] to: Timestamp,
        #[case] expected: Decimal,
    ) {
        let range = range("2026-03-01T00:00Z", "2026-03-04T00:00Z", 3, "10");
        assert_eq!(range.amount_between(from, to), expected);
    }

    /// Clocks are put forward on 8 March in New York.
    #[test]
    fn a_day_of_23_hours_costs_as_much_as_another() {
        let range = range("2026-03-08T05:00Z", "2026-03-09T04:00Z", 1, "10");
        assert_eq!(
            range.amount_between(range.starts_at, range.ends_at),
            Decimal::from(10)
        );
    }

    proptest! {
        /// Whatever the parts are, nothing is lost and nothing is invented.
        #[test]
        fn parts_add_up_to_the_amount_of_all_days(
            days in 1_u32..40,
            units in 0_i64..1_000_000_000,
            cuts in prop::collection::vec(0_i64..40 * 96, 0..20),
        ) {
            let start: Timestamp = "2026-03-01T05:15:00Z".parse().unwrap();
            let at = |quarter: i64| {
                Timestamp::from_second(start.as_second() + quarter * 900).unwrap()
            };
            let n_quarters = i64::from(days) * 96;
            let range = CostRange {
                model: CostModel::PerDay,
                starts_at: start,
                ends_at: at(n_quarters),
                days,
                amount: Decimal::new(units, 4),
            };
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(n_quarters)).collect();
            cuts.extend([0, n_quarters]);
            cuts.sort_unstable();
            let of_cuts: Decimal = cuts
                .windows(2)
                .map(|pair| range.amount_between(at(pair[0]), at(pair[1])))
                .sum();
            let of_days: Decimal = range
                .parts(Timestamp::MIN, Timestamp::MAX)
                .map(|part| range.amount_between(part.starts_at, part.ends_at))
                .sum();
            let whole = range.amount * Decimal::from(days);
            prop_assert_eq!(of_cuts, whole);
            prop_assert_eq!(of_days, whole);
        }
    }
}
