//! The days and hours of a period, by its time zone.

#![warn(clippy::indexing_slicing)]

use jiff::{SignedDuration, Timestamp, ToSpan as _, Unit};
use ledger::totals::BUCKET_SECONDS;

use super::period::Period;
use crate::{error::ApiError, fields::moment::start_of_day};

/// Days that a report by date can have.
const MAX_DAYS: usize = 3_660;
/// Hours that a report by hour can have: 92 days.
const MAX_HOURS: usize = 92 * 24 + 1;

/// A day or an hour of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeSlice {
    pub start: Timestamp,
    /// The key of its row.
    pub name: String,
}

impl Period {
    /// The days of the period. The first begins with the period.
    pub fn days(&self) -> Result<Vec<TimeSlice>, ApiError> {
        let mut days = Vec::new();
        let mut day = self.from.to_zoned(self.zone.clone()).date();
        let mut at = self.from;
        while at < self.to {
            days.push(TimeSlice {
                start: at,
                name: day.to_string(),
            });
            if days.len() > MAX_DAYS {
                return Err(ApiError::invalid_field(
                    "from",
                    "there are more than 3,660 days",
                ));
            }
            day = day.saturating_add(1.day());
            at = start_of_day(day, &self.zone);
        }
        Ok(days)
    }

    /// The hours of the period. The first begins with the period. When clocks are put back, an
    /// hour comes twice, with two offsets in the names.
    pub fn hours(&self) -> Result<Vec<TimeSlice>, ApiError> {
        let mut hours: Vec<TimeSlice> = Vec::new();
        let mut at = self.from;
        while at < self.to {
            let local = at.to_zoned(self.zone.clone());
            let hour = local.round(
                jiff::ZonedRound::new()
                    .smallest(Unit::Hour)
                    .mode(jiff::RoundMode::Trunc),
            );
            let hour = hour.map_err(ApiError::internal)?;
            let name = hour.strftime("%Y-%m-%dT%H:00:00%:z").to_string();
            if hours.last().is_none_or(|last| last.name != name) {
                hours.push(TimeSlice { start: at, name });
            }
            if hours.len() > MAX_HOURS {
                return Err(ApiError::invalid_field(
                    "from",
                    "there are more than 92 days of hours",
                ));
            }
            at += SignedDuration::from_secs(BUCKET_SECONDS);
        }
        Ok(hours)
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::db;
    use ledger::totals::bucket_start;

    use super::*;
    use crate::fields::moment::{RangeEnd, parse_moment};

    fn period(from: &str, to: &str, zone: &str) -> Period {
        let tz = db().get(zone).unwrap();
        Period {
            from: parse_moment("from", from, &tz, RangeEnd::Start).unwrap(),
            to: parse_moment("to", to, &tz, RangeEnd::End).unwrap(),
            zone: tz,
            zone_name: zone.to_owned(),
        }
    }

    fn starts(slices: &[TimeSlice]) -> Vec<String> {
        slices
            .iter()
            .map(|slice| format!("{} {}", slice.name, slice.start))
            .collect()
    }

    #[test]
    fn a_day_is_a_day_in_its_zone() {
        let days = period("2026-03-01", "2026-03-02", "Asia/Kolkata")
            .days()
            .unwrap();
        assert_eq!(
            starts(&days),
            [
                "2026-03-01 2026-02-28T18:30:00Z",
                "2026-03-02 2026-03-01T18:30:00Z"
            ]
        );
        // Clocks are put forward on the 8th: 23 hours.
        let days = period("2026-03-08", "2026-03-09", "America/New_York")
            .days()
            .unwrap();
        assert_eq!(
            starts(&days),
            [
                "2026-03-08 2026-03-08T05:00:00Z",
                "2026-03-09 2026-03-09T04:00:00Z"
            ]
        );
        // Midnight does not exist there on this day.
        let days = period("2018-11-04", "2018-11-04", "America/Sao_Paulo")
            .days()
            .unwrap();
        assert_eq!(starts(&days), ["2018-11-04 2018-11-04T03:00:00Z"]);
    }

    #[test]
    fn an_hour_that_comes_twice_is_two() {
        let hours = period("2026-11-01", "2026-11-01", "America/New_York")
            .hours()
            .unwrap();
        assert_eq!(hours.len(), 25);
        let twice = starts(&hours[1..3]);
        assert_eq!(
            twice,
            [
                "2026-11-01T01:00:00-04:00 2026-11-01T05:00:00Z",
                "2026-11-01T01:00:00-05:00 2026-11-01T06:00:00Z"
            ]
        );
        let hours = period("2026-03-08", "2026-03-08", "America/New_York")
            .hours()
            .unwrap();
        assert_eq!(hours.len(), 23);
        let hours = period("2026-03-01", "2026-03-01", "Asia/Kathmandu")
            .hours()
            .unwrap();
        assert_eq!(hours.len(), 24);
        assert_eq!(hours[0].start.to_string(), "2026-02-28T18:15:00Z");
    }

    /// The ends of the calendar: nothing panics in any zone.
    #[test]
    fn the_first_and_the_last_days_have_periods() {
        for zone in [
            "UTC",
            "Pacific/Kiritimati",
            "Pacific/Pago_Pago",
            "Asia/Kathmandu",
        ] {
            for day in ["0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"] {
                let period = period(day, day, zone);
                assert!(period.from <= period.to, "{day} {zone}");
                assert!(period.days().is_ok(), "{day} {zone}");
                assert!(period.hours().is_ok(), "{day} {zone}");
                assert!(bucket_start(period.from) <= period.from, "{day} {zone}");
            }
        }
    }

    #[test]
    fn too_many_days_and_hours_are_refused() {
        assert!(period("2016-01-01", "2025-12-31", "UTC").days().is_ok());
        assert!(period("2010-01-01", "2025-12-31", "UTC").days().is_err());
        assert!(period("2026-01-01", "2026-04-02", "UTC").hours().is_ok());
        assert!(period("2026-01-01", "2026-05-02", "UTC").hours().is_err());
    }
}
