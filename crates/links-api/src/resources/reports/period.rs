//! The period of a report, and the time zone of its days.

#![warn(clippy::indexing_slicing)]

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::Date,
    tz::{TimeZone, db},
};
use ledger::totals::{BUCKET_SECONDS, bucket_start};

use crate::{error::ApiError, fields::timestamp};

/// Days of a report whose query names no period, the last of which is today.
const DEFAULT_DAYS: i64 = 30;

/// A period in a zone. It consists of whole quarters of an hour.
#[derive(Debug, Clone)]
pub struct Period {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    pub zone: TimeZone,
    pub zone_name: String,
}

impl Period {
    /// Parses the parameters `from`, `to` and `tz`.
    pub fn parse(
        from: Option<&str>,
        to: Option<&str>,
        zone_name: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let zone = match zone_name {
            None => TimeZone::UTC,
            Some(name) => db().get(name).map_err(|_| {
                ApiError::invalid_field("tz", "it is not a time zone as in America/New_York")
            })?,
        };
        let today = now.to_zoned(zone.clone()).date();
        let to = match to {
            None => start_of_day(today.saturating_add(1.day()), &zone),
            Some(text) => parse_moment("to", text, &zone, RangeEnd::End)?,
        };
        let from = match from {
            None => {
                let last = (to - SignedDuration::from_millis(1))
                    .to_zoned(zone.clone())
                    .date();
                start_of_day(last.saturating_sub((DEFAULT_DAYS - 1).days()), &zone)
            }
            Some(text) => parse_moment("from", text, &zone, RangeEnd::Start)?,
        };
        if from >= to {
            return Err(ApiError::invalid_field("from", "it is not before to"));
        }
        let almost_a_bucket =
            SignedDuration::from_secs(BUCKET_SECONDS) - SignedDuration::from_millis(1);
        Ok(Self {
            from: bucket_start(from),
            to: bucket_start(to.saturating_add(almost_a_bucket).unwrap_or(to)),
            zone,
            zone_name: zone_name.unwrap_or("UTC").to_owned(),
        })
    }
}

#[derive(Debug, Clone, Copy)]
pub enum RangeEnd {
    Start,
    End,
}

/// Parses a day, which stands for its start or its end, or a time.
pub fn parse_moment(
    field: &'static str,
    text: &str,
    zone: &TimeZone,
    end: RangeEnd,
) -> Result<Timestamp, ApiError> {
    if let Some(time) = timestamp::parse(text) {
        return Ok(time);
    }
    let problem = "it is neither a day as in 2026-03-01 nor a time as in 2026-03-01T00:00:00Z, \
                   of the years 1 to 9999";
    let day = Date::strptime("%Y-%m-%d", text).ok();
    let day = day.filter(|day| (1..=9999).contains(&day.year()));
    let day = day.ok_or_else(|| ApiError::invalid_field(field, problem))?;
    Ok(match end {
        RangeEnd::Start => start_of_day(day, zone),
        RangeEnd::End => start_of_day(day.saturating_add(1.day()), zone),
    })
}

/// The start of a day in a zone, which is not always at midnight. The first and the last days of
/// the calendar start at the first and the last time that is accepted.
pub fn start_of_day(day: Date, zone: &TimeZone) -> Timestamp {
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
            for end in [RangeEnd::Start, RangeEnd::End] {
                assert!(parse_moment("from", text, &zone, end).is_err(), "{text}");
            }
        }
    }
}
