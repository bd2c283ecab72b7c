//! From when to when, and what a day is: the zone's.

#![warn(clippy::indexing_slicing)]

use jiff::{
    SignedDuration, Timestamp, ToSpan as _, Unit,
    civil::Date,
    tz::{TimeZone, db},
};
use ledger::totals::{BUCKET_SECONDS, bucket_start};

use crate::{
    error::ApiError,
    fields::timestamp,
    http::{Parameter, RequestContext},
};

/// Days that a report shows where nothing is said, today among them.
const DEFAULT_DAYS: i64 = 30;
/// Days that a report by date can have.
const MAX_DAYS: usize = 3_660;
/// Hours that a report by hour can have: 92 days.
const MAX_HOURS: usize = 92 * 24 + 1;

/// A stretch of time in a zone.
#[derive(Debug, Clone)]
pub struct Period {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    pub zone: TimeZone,
    pub zone_name: String,
}

/// The parameters that [`Period::read`] reads.
pub fn time_parameters() -> [Parameter; 3] {
    [
        Parameter::text(
            "from",
            "The first day, as in 2026-03-01, or a time, as in 2026-03-01T00:00:00Z. By default 30 \
             days with the last.",
        ),
        Parameter::text(
            "to",
            "The last day, or the time after the last. By default today.",
        ),
        Parameter::text(
            "tz",
            "The time zone of days and hours, as in America/New_York. UTC by default.",
        ),
    ]
}

/// The zone that a request asks for, and its name.
fn zone(context: RequestContext<'_>) -> Result<(TimeZone, String), ApiError> {
    let Some(name) = context.text("tz")? else {
        return Ok((TimeZone::UTC, "UTC".to_owned()));
    };
    let zone = db().get(&name).map_err(|_| {
        ApiError::invalid_field("tz", "it is not a time zone as in America/New_York")
    })?;
    Ok((zone, name))
}

impl Period {
    pub fn read(context: RequestContext<'_>, now: Timestamp) -> Result<Self, ApiError> {
        let (zone, zone_name) = zone(context)?;
        let today = now.to_zoned(zone.clone()).date();
        let to = match context.text("to")? {
            None => start(today.saturating_add(1.day()), &zone),
            Some(text) => moment("to", &text, &zone, Bound::End)?,
        };
        let from = match context.text("from")? {
            None => {
                let last = (to - SignedDuration::from_millis(1))
                    .to_zoned(zone.clone())
                    .date();
                start(last.saturating_sub((DEFAULT_DAYS - 1).days()), &zone)
            }
            Some(text) => moment("from", &text, &zone, Bound::Start)?,
        };
        if from >= to {
            return Err(ApiError::invalid_field("from", "it is not before to"));
        }
        let rest = SignedDuration::from_secs(BUCKET_SECONDS) - SignedDuration::from_millis(1);
        Ok(Self {
            from: bucket_start(from),
            to: bucket_start(to.saturating_add(rest).unwrap_or(to)),
            zone,
            zone_name,
        })
    }

    /// The days of the period, with the moments at which they start; the first
    /// is the period's own start.
    pub fn days(&self) -> Result<Vec<(Timestamp, String)>, ApiError> {
        let mut days = Vec::new();
        let mut day = self.from.to_zoned(self.zone.clone()).date();
        let mut at = self.from;
        while at < self.to {
            days.push((at, day.to_string()));
            if days.len() > MAX_DAYS {
                return Err(ApiError::invalid_field(
                    "from",
                    "there are more than 3,660 days",
                ));
            }
            day = day.saturating_add(1.day());
            at = start(day, &self.zone);
        }
        Ok(days)
    }

    /// The same of hours. An hour that comes twice, when clocks are put back, is
    /// told apart by its offset.
    pub fn hours(&self) -> Result<Vec<(Timestamp, String)>, ApiError> {
        let mut hours: Vec<(Timestamp, String)> = Vec::new();
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
            if hours.last().is_none_or(|(_, last)| *last != name) {
                hours.push((at, name));
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

#[derive(Debug, Clone, Copy)]
enum Bound {
    Start,
    End,
}

/// A day's start, or its end; or a time as it is.
fn moment(
    field: &'static str,
    text: &str,
    zone: &TimeZone,
    bound: Bound,
) -> Result<Timestamp, ApiError> {
    if let Some(time) = timestamp::parse(text) {
        return Ok(time);
    }
    let problem = "it is neither a day as in 2026-03-01 nor a time as in 2026-03-01T00:00:00Z, \
                   of the years 1 to 9999";
    let day = Date::strptime("%Y-%m-%d", text).ok();
    let day = day.filter(|day| (1..=9999).contains(&day.year()));
    let day = day.ok_or_else(|| ApiError::invalid_field(field, problem))?;
    Ok(match bound {
        Bound::Start => start(day, zone),
        Bound::End => start(day.saturating_add(1.day()), zone),
    })
}

/// When a day starts in a zone: not always at midnight. The first and the last days of the
/// calendar start at the first and the last time there is.
fn start(day: Date, zone: &TimeZone) -> Timestamp {
    let beyond = if day.year() > 1 {
        timestamp::LATEST
    } else {
        timestamp::EARLIEST
    };
    day.to_zoned(zone.clone())
        .and_then(|time| time.start_of_day())
        .map_or(beyond, |start| start.timestamp())
        .clamp(timestamp::EARLIEST, timestamp::LATEST)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn period(from: &str, to: &str, zone: &str) -> Period {
        let tz = db().get(zone).unwrap();
        Period {
            from: moment("from", from, &tz, Bound::Start).unwrap(),
            to: moment("to", to, &tz, Bound::End).unwrap(),
            zone: tz,
            zone_name: zone.to_owned(),
        }
    }

    fn starts(found: &[(Timestamp, String)]) -> Vec<String> {
        found
            .iter()
            .map(|(at, name)| format!("{name} {at}"))
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
        assert_eq!(hours[0].0.to_string(), "2026-02-28T18:15:00Z");
    }

    #[test]
    fn all_zones_keep_to_quarters_of_an_hour() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let mut n_zones = 0;
        for name in db().available() {
            let zone = db().get(name.as_str()).unwrap();
            let offset = zone.to_offset(now).seconds();
            assert_eq!(i64::from(offset) % BUCKET_SECONDS, 0, "{name}");
            n_zones += 1;
        }
        assert!(n_zones > 400, "{n_zones}");
    }

    #[rstest]
    #[case("-009999-01-02T01:59:59Z")]
    #[case("-009999-01-02")]
    #[case("-9999-01-02")]
    #[case("0000-12-31")]
    #[case("9999-12-31T00:00:00Z")]
    #[case("10000-01-01")]
    #[case("+010000-01-01")]
    #[case("2026-13-01")]
    #[case("2026-02-29")]
    #[case("é026-02-01")]
    #[case("٢٠٢٦-٠١-٠١")]
    #[case("")]
    fn what_is_no_day_is_refused(#[case] text: &str) {
        for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
            let zone = db().get(zone).unwrap();
            for bound in [Bound::Start, Bound::End] {
                assert!(moment("from", text, &zone, bound).is_err(), "{text}");
            }
        }
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
